#include "dlb/io/program.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/random_file.h"
#include "dlb/base/version.h"
#include "dlb/io/onnx.h"
#include "dlb/io/onnx_parts.h"
#include "dlb/io/safetensors.h"

namespace dlb::io {

using graph::Model;

namespace {

constexpr const char* kFormat = "dlbench.program";
constexpr const char* kGraph = "dlbench.graph";
using Metadata = std::map<std::string, std::string>;

bool says_program(const Metadata& metadata) {
  const auto format = metadata.find("format");
  return format != metadata.end() && format->second == kFormat;
}

void check_version(const Metadata& metadata, const std::string& name) {
  const auto entry = metadata.find("version");
  if (entry == metadata.end()) fail(ErrorKind::kData, "{}: this program does not say its version", name);
  const std::string& text = entry->second;
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 1)
    fail(ErrorKind::kData, "{}: '{}' is no version of a program; expected a whole number from 1", name, text);
  if (version <= kProgramVersion) return;
  throw Error(ErrorKind::kUnsupported,
              fmt::format("{}: this program is of version {}, dlbench {} reads versions up to {}", name,
                          version, dlb::version(), kProgramVersion),
              "", "run it with a later dlbench, or export the model again with this one");
}

Tensor tensor_of(std::string_view bytes) {
  const Tensor tensor = Tensor::empty({static_cast<int64_t>(bytes.size())}, DType::kUInt8);
  if (!bytes.empty()) std::memcpy(tensor.raw(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace

std::string to_program(const Model& model) {
  StoredTensors stored;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, value] : model.graph.initializers) {
    if (!value.is_tensor() || !graph::is_native(value.element)) continue;
    if (name == kGraph)
      fail(ErrorKind::kUnsupported, "initializer '{}' has the name under which a program keeps its graph",
           name);
    stored.emplace(name, value);
    tensors.push_back({name, value.tensor});
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return dtype_size(a.value.dtype()) > dtype_size(b.value.dtype());
  });
  tensors.push_back({kGraph, tensor_of(to_onnx_beside(model, stored))});
  return to_safetensors(tensors, {{"format", kFormat},
                                  {"version", std::to_string(kProgramVersion)},
                                  {"producer", fmt::format("dlbench {}", dlb::version())},
                                  {"name", model.graph.name}});
}

Model parse_program(std::string_view bytes, const std::string& name) {
  // Before the tensors, which a later version may describe in other ways.
  const Metadata metadata = safetensors_metadata(bytes, name);
  if (!says_program(metadata)) {
    throw Error(ErrorKind::kData, fmt::format("{}: this safetensors file holds weights and no graph", name),
                "", "`dlbench export --to program` writes a model that runs");
  }
  check_version(metadata, name);
  StoredTensors stored;
  Tensor graph;
  for (const NamedTensor& t : parse_safetensors(bytes, name).tensors) {
    if (t.name == kGraph) {
      graph = t.value;
    } else {
      stored.emplace(t.name, graph::Value(t.value));
    }
  }
  if (!graph.defined())
    fail(ErrorKind::kData, "{}: this program has no graph: there is no tensor '{}'", name, kGraph);
  if (graph.dtype() != DType::kUInt8 || graph.rank() != 1)
    fail(ErrorKind::kData, "{}: tensor '{}' is {}, expected the graph as uint8 [N]", name, kGraph,
         spec_text(graph.spec()));
  return parse_onnx_beside({static_cast<const char*>(graph.raw()), graph.spec().bytes()}, name,
                           std::move(stored));
}

Model read_program(const std::string& path) { return parse_program(files::read_all(path), path); }

bool is_program(std::string_view bytes, const std::string& name) {
  return is_safetensors(bytes) && says_program(safetensors_metadata(bytes, name));
}

bool is_model(std::string_view bytes) {
  if (is_safetensors(bytes)) return true;
  // The first byte of each field that a ModelProto has, and what no text holds but every such message does:
  // small numbers as tags and lengths.
  constexpr std::string_view kTags = "\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca";
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  };
  return !bytes.empty() && kTags.find(bytes.front()) != std::string_view::npos &&
         std::any_of(bytes.begin(), bytes.end(), is_control);
}

bool is_model_file(const std::string& path) {
  constexpr uint64_t kHead = uint64_t{1} << 20;
  try {
    const files::RandomFile file(path);
    std::string head(static_cast<size_t>(std::min(file.size(), kHead)), '\0');
    file.read(head.data(), head.size(), 0);
    return is_model(head);
  } catch (const Error&) {
    return false;
  }
}

Model read_model(const std::string& path) {
  const std::string bytes = files::read_all(path);
  return is_safetensors(bytes) ? parse_program(bytes, path) : parse_onnx_file(bytes, path);
}

Model parse_model(std::string_view bytes, const std::string& name) {
  return is_safetensors(bytes) ? parse_program(bytes, name) : parse_onnx(bytes, name);
}

}  // namespace dlb::io
