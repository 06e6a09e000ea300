#include "dlb/graph/graph.h"

namespace dlb::graph {

const Attribute* Node::find(std::string_view attribute) const {
  for (const Attribute& a : attributes) {
    if (a.name == attribute) return &a;
  }
  return nullptr;
}

std::string describe(const Node& node, size_t index) {
  if (node.name.empty())
    return fmt::format("node {} ({})", node.number < 0 ? static_cast<int64_t>(index) : node.number, node.op);
  return fmt::format("node '{}' ({})", node.name, node.op);
}

std::string describe(const Declared& declared) {
  if (declared.kind == Value::Kind::kSequence) return "sequence";
  std::string text(declared.element == Element::kUndefined ? "any" : element_name(declared.element));
  if (!declared.shape) return text;
  text += '[';
  for (size_t i = 0; i < declared.shape->size(); ++i) {
    const Dim& dim = (*declared.shape)[i];
    if (i > 0) text += ", ";
    text += dim.size ? std::to_string(*dim.size) : dim.name.empty() ? "?" : dim.name;
  }
  return text + ']';
}

int64_t parameter_count(const Graph& graph) {
  int64_t count = 0;
  for (const auto& [name, value] : graph.initializers) {
    if (value.is_tensor()) count += value.tensor.numel();
  }
  for (const Node& node : graph.nodes) {
    for (const Attribute& a : node.attributes) {
      if (const auto* sub = std::get_if<Attribute::Subgraph>(&a.value)) count += parameter_count(**sub);
      if (const auto* value = std::get_if<Value>(&a.value); value != nullptr && value->is_tensor())
        count += value->tensor.numel();
    }
  }
  return count;
}

}  // namespace dlb::graph
