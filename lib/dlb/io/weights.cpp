#include "dlb/io/weights.h"

#include "dlb/base/files.h"
#include "dlb/io/onnx.h"
#include "dlb/io/program.h"

namespace dlb::io {

namespace {

void add(Safetensors& weights, const std::string& name, const graph::Value& value) {
  // What else a graph holds are shapes, axes and numbers of its operators, and quantised weights, whose
  // layers no config has.
  const bool weight = value.is_tensor() && graph::is_native(value.element) &&
                      graph::is_float(value.element) && value.tensor.rank() > 0;
  if (weight) weights.tensors.push_back({name, value.tensor});
}

Safetensors weights_of(const graph::Graph& graph) {
  Safetensors weights;
  for (const auto& [name, value] : graph.initializers) add(weights, name, value);
  for (const graph::Node& node : graph.nodes) {
    const graph::Attribute* value = node.op == "Constant" ? node.find("value") : nullptr;
    if (value == nullptr) continue;
    if (const auto* v = std::get_if<graph::Value>(&value->value)) add(weights, node.outputs[0], *v);
  }
  return weights;
}

}  // namespace

Safetensors read_weights(const std::string& path) {
  if (path.ends_with(".onnx")) return weights_of(read_onnx(path).graph);
  const std::string bytes = files::read_all(path);
  return is_program(bytes, path) ? weights_of(parse_program(bytes, path).graph)
                                 : parse_safetensors(bytes, path);
}

}  // namespace dlb::io
