#include "vectors.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/io/safetensors.h"

namespace dlb::testing {

namespace {

using Json = nlohmann::ordered_json;  // keyword arguments count in their order

Json read_index(const std::string& folder) {
  const std::string path = folder + "/index.json";
  std::ifstream file(path);
  if (!file) fail(ErrorKind::kIo, "{}: cannot be read", path);
  Json json = Json::parse(file, nullptr, false);
  if (json.is_discarded() || !json.contains("ops")) fail(ErrorKind::kData, "{}: no index of operators", path);
  return json;
}

const Tensor& tensor(const io::Safetensors& file, const std::string& key) {
  const Tensor* t = file.find(key);
  if (t == nullptr) fail(ErrorKind::kData, "there is no tensor '{}'", key);
  return *t;
}

Value read_value(const Json& json, const io::Safetensors& file) {
  if (json.is_null()) return functional::None{};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    List list;
    for (const Json& item : json) list.push_back(read_value(item, file));
    return list;
  }
  if (json.contains("tensor")) {
    Tensor t = tensor(file, json["tensor"].get<std::string>()).detach();
    if (json["requires_grad"].get<bool>()) t.set_requires_grad(true);
    return t;
  }
  if (json.contains("dtype")) {
    const std::string name = json["dtype"].get<std::string>();
    return dtype_from_name(name == "long" ? "int64" : name);
  }
  if (json.contains("float")) {
    const std::string text = json["float"].get<std::string>();
    const double inf = std::numeric_limits<double>::infinity();
    return text == "inf" ? inf : text == "-inf" ? -inf : std::numeric_limits<double>::quiet_NaN();
  }
  fail(ErrorKind::kData, "what is {}?", json.dump());
}

Case read_case(const Json& json, const io::Safetensors& file) {
  Case c;
  c.id = json["id"].get<std::string>();
  c.args.push_back(read_value(json["input"], file));
  for (const Json& arg : json["args"]) c.args.push_back(read_value(arg, file));
  for (const auto& [name, arg] : json["kwargs"].items()) c.named.emplace_back(name, read_value(arg, file));
  for (const Json& out : json["outputs"]) c.outputs.push_back(tensor(file, out["tensor"].get<std::string>()));
  if (json.contains("value")) c.value = read_value(json["value"], file);
  if (json["grads"].is_array()) {
    c.has_grads = true;
    for (const Json& g : json["grads"]) {
      c.grads.push_back(g.is_null() ? Tensor() : tensor(file, g["tensor"].get<std::string>()));
    }
  }
  return c;
}

}  // namespace

std::string function_of(const std::string& variant) {
  // PyTorch has two functions of that name; the other one is a method of tensors.
  if (variant == "nn.functional.unfold") return "im2col";
  std::string name = variant;
  for (const char* prefix : {"nn.functional.", "_"}) {
    if (name.starts_with(prefix)) name = name.substr(std::string(prefix).size());
  }
  while (functional::find_functions(name).empty()) {
    const size_t dot = name.rfind('.');
    if (dot == std::string::npos) return "";
    name.resize(dot);
  }
  return name;
}

std::vector<std::string> variant_names(const std::string& folder) {
  const Json index = read_index(folder);
  std::vector<std::string> names;
  for (const auto& [name, variant] : index["ops"].items()) names.push_back(name);
  return names;
}

std::vector<Variant> read_vectors(const std::string& folder, const std::string& filter) {
  const Json index = read_index(folder);
  std::vector<Variant> variants;
  for (const auto& [name, json] : index["ops"].items()) {
    if (name.find(filter) == std::string::npos) continue;
    const std::string path = folder + '/' + json["file"].get<std::string>();
    Variant variant{name, function_of(name), {}};
    try {
      const io::Safetensors file = io::read_safetensors(path);
      for (const Json& c : json["cases"]) variant.cases.push_back(read_case(c, file));
    } catch (const Json::exception& e) {
      fail(ErrorKind::kData, "{}/index.json: {}: {}", folder, name, e.what());
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

}  // namespace dlb::testing
