#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/config/likely_name.h"
#include "dlb/functional/function.h"
#include "output.h"

namespace dlb::app {

namespace {

using functional::Function;

std::vector<std::string> dtypes_of(const Function& f) {
  std::vector<std::string> names;
  for (int i = 0; i < kDTypeCount; ++i) {
    if (contains(f.traits.dtypes, static_cast<DType>(i)))
      names.emplace_back(dtype_name(static_cast<DType>(i)));
  }
  return names;
}

/// Whether this build has kernels for such devices.
bool has_backend(int kind) {
  const auto ops = all_ops();
  return std::any_of(ops.begin(), ops.end(),
                     [kind](const OpDef* op) { return op->kernels[kind].fn != nullptr; });
}

/// Where it runs. A composition, or an operator that falls back on one, runs wherever its parts do.
std::vector<std::string> backends_of(const Function& f) {
  const OpDef* op = find_op(f.name);
  std::vector<std::string> names;
  for (const DeviceKind kind : {DeviceKind::kCpu, DeviceKind::kCuda}) {
    const int i = static_cast<int>(kind);
    const bool runs = op == nullptr || op->reference != nullptr || op->kernels[i].fn != nullptr;
    if (runs && has_backend(i)) names.emplace_back(kind == DeviceKind::kCpu ? "cpu" : "cuda");
  }
  return names;
}

/// Functions of one name, sorted by name.
std::vector<std::vector<const Function*>> by_name() {
  std::vector<std::string_view> names;
  for (const Function& f : functional::all_functions()) names.push_back(f.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<std::vector<const Function*>> all;
  for (const std::string_view name : names) all.push_back(functional::find_functions(name));
  return all;
}

nlohmann::ordered_json describe(const std::vector<const Function*>& overloads) {
  const Function& first = *overloads.front();
  nlohmann::ordered_json signatures = nlohmann::ordered_json::array();
  for (const Function* f : overloads) signatures.push_back(f->signature());
  nlohmann::ordered_json onnx;
  if (const OnnxMapping mapping = first.onnx(); !mapping.type.empty()) {
    onnx = {{"type", mapping.type}, {"since_opset", mapping.since_opset}};
  }
  return {{"name", first.name},
          {"doc", first.doc},
          {"signatures", signatures},
          {"dtypes", dtypes_of(first)},
          {"differentiable", first.traits.differentiable},
          {"onnx", onnx},
          {"backends", backends_of(first)}};
}

std::string_view dtypes_in_words(functional::DTypes set) {
  using functional::DTypes;
  switch (set) {
    case DTypes::kFloating:
      return "floating";
    case DTypes::kFloat32_64:
      return "float32, float64";
    case DTypes::kNumeric:
      return "numeric";
    case DTypes::kAll:
      return "all";
    case DTypes::kAllBut16Bit:
      return "all but bfloat16, float16";
    case DTypes::kIntegral:
      return "integers";
    case DTypes::kIntegralAndBool:
      return "integers, bool";
    case DTypes::kBool:
      return "bool";
    case DTypes::kNone:
      return "";
  }
  return "";
}

/// `text` for a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

/// All operators as a table.
std::string markdown(const std::vector<std::vector<const Function*>>& all) {
  std::string out =
      "# Operators\n\nMade by `dlbench ops --markdown`. Names and parameters are PyTorch's (without "
      "`torch.` and `nn.functional.`); random\nfunctions take a `seed`. `dlbench ops NAME` shows one of "
      "them.\n\n"
      "| operator | does | dtypes | gradient | ONNX |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& overloads : all) {
    const Function& f = *overloads.front();
    std::string signatures;
    for (const Function* each : overloads) {
      signatures += fmt::format("{}`{}`", signatures.empty() ? "" : "<br>", each->signature());
    }
    const OnnxMapping onnx = f.onnx();
    out += fmt::format("| {} | {} | {} | {} | {} |\n", cell(signatures), cell(f.doc),
                       dtypes_in_words(f.traits.dtypes), f.traits.differentiable ? "yes" : "no",
                       onnx.type.empty() ? "" : fmt::format("{} {}", onnx.type, onnx.since_opset));
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

void print_one(const std::vector<const Function*>& overloads) {
  const Function& first = *overloads.front();
  for (const Function* f : overloads) print("{}\n", f->signature());
  print("\n{}\n\n", first.doc);
  const std::vector<std::string> dtypes = dtypes_of(first);
  const OnnxMapping onnx = first.onnx();
  print("dtypes          {}\n", dtypes.empty() ? "no input tensor" : joined(dtypes));
  print("differentiable  {}\n", first.traits.differentiable ? "yes" : "no");
  print("onnx            {}\n",
        onnx.type.empty() ? "none" : fmt::format("{} since opset {}", onnx.type, onnx.since_opset));
  print("backends        {}\n", joined(backends_of(first)));
}

[[noreturn]] void unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const Function& f : functional::all_functions()) names.emplace_back(f.name);
  Error e(ErrorKind::kConfig, fmt::format("unknown operator '{}'", name));
  if (const std::string near = config::likely_name(name, names); !near.empty()) {
    e.message += fmt::format("; did you mean '{}'?", near);
  } else {
    e.hint = "`dlbench ops` lists all";
  }
  throw e;
}

}  // namespace

void add_ops(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("ops", "List the operators, or show one: signature, dtypes, gradient, ONNX");
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "an operator, such as softmax or linalg.qr");
  auto table = std::make_shared<bool>(false);
  command->add_flag("--markdown", *table, "all as a Markdown table");
  add_output_flags(*command, globals);
  command->callback([&globals, name, table] {
    if (!name->empty()) {
      const std::vector<const Function*> found = functional::find_functions(*name);
      if (found.empty()) unknown(*name);
      return globals.json ? out_json(describe(found)) : print_one(found);
    }
    const auto all = by_name();
    if (*table) return out(markdown(all));
    if (globals.json) {
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const auto& overloads : all) list.push_back(describe(overloads));
      return out_json({{"ops", list}});
    }
    size_t width = 0;
    for (const auto& overloads : all) width = std::max(width, overloads.front()->name.size());
    for (const auto& overloads : all)
      print("{:<{}}  {}\n", overloads.front()->name, width, overloads.front()->doc);
    print("\n{} operators; `dlbench ops NAME` shows one of them.\n", all.size());
  });
}

}  // namespace dlb::app
