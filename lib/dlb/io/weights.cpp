#include "dlb/io/weights.h"

#include "dlb/io/onnx.h"

namespace dlb::io {

namespace {

void add(Safetensors& weights, const std::string& name, const graph::Value& value) {
  // What else a graph holds are shapes, axes and numbers of its operators, and quantised weights, whose
  // layers no config has.
  const bool weight = value.is_tensor() && graph::is_native(value.element) &&
                      graph::is_float(value.element) && value.tensor.rank() > 0;
  if (weight) weights.tensors.push_back({name, value.tensor});
}

}  // namespace

Safetensors read_weights(const std::string& path) {
  if (!path.ends_with(".onnx")) return read_safetensors(path);
  const graph::Graph graph = read_onnx(path).graph;
  Safetensors weights;
  for (const auto& [name, value] : graph.initializers) add(weights, name, value);
  for (const graph::Node& node : graph.nodes) {
    const graph::Attribute* value = node.op == "Constant" ? node.find("value") : nullptr;
    if (value == nullptr) continue;
    if (const auto* v = std::get_if<graph::Value>(&value->value)) add(weights, node.outputs[0], *v);
  }
  return weights;
}

}  // namespace dlb::io
