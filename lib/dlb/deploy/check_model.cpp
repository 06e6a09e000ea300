#include "dlb/deploy/check_model.h"

#include <algorithm>
#include <set>

#include "dlb/base/error.h"
#include "dlb/deploy/open_sizes.h"
#include "dlb/io/program.h"
#include "dlb/model/cost_observer.h"

namespace dlb::deploy {

using graph::Declared;
using graph::Inferred;
using graph::Value;

namespace {

using Sizes = std::map<std::string, int64_t>;

/// Runs `body`; its errors are those of the file.
template <class F>
auto of_file(const std::string& path, const F& body) {
  try {
    return body();
  } catch (Error& e) {
    e.at(path);
    for (Error& other : e.more) other.at(path);
    throw;
  }
}

/// Errors: config, where a name is none of the inputs' open sizes.
void check_sizes(const Sizes& sizes, const std::vector<Declared>& inputs) {
  std::vector<std::string> open;
  for (const Declared& d : inputs) {
    if (!d.shape) continue;
    for (const graph::Dim& dim : *d.shape) {
      if (!dim.size && !dim.name.empty() && std::find(open.begin(), open.end(), dim.name) == open.end())
        open.push_back(dim.name);
    }
  }
  for (const auto& [name, size] : sizes) {
    if (std::find(open.begin(), open.end(), name) != open.end()) continue;
    std::string names;
    for (const std::string& o : open) names += (names.empty() ? "" : ", ") + o;
    const std::string near = nearest_name(name, open);
    throw Error(ErrorKind::kConfig,
                fmt::format("no input has an open size '{}'{}", name,
                            near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
                "", open.empty() ? "all sizes are fixed" : fmt::format("there are: {}", names));
  }
}

/// Whether the declaration says enough for a tensor without data.
bool has_spec(const Declared& d) {
  return d.kind == Value::Kind::kTensor && d.shape && d.element != graph::Element::kUndefined &&
         d.element != graph::Element::kString && d.element != graph::Element::kComplex64 &&
         d.element != graph::Element::kComplex128;
}

/// How a value is not what the model declares; "" where it is.
std::string mismatch(const CheckedPort& port, const Sizes& sizes) {
  const Declared& d = port.declared;
  const Value& v = port.value.value;
  if (!port.value.known || d.kind != Value::Kind::kTensor || v.none()) return "";
  bool fits = !v.is_sequence() && (d.element == graph::Element::kUndefined || d.element == v.element);
  if (fits && d.shape && has_spec(d)) {
    const Shape shape = v.shape();
    fits = shape.size() == d.shape->size();
    for (size_t i = 0; fits && i < shape.size(); ++i) {
      const graph::Dim& dim = (*d.shape)[i];
      const auto named = sizes.find(dim.name);
      if (dim.size || named != sizes.end()) fits = shape[i] == (dim.size ? *dim.size : named->second);
    }
  }
  if (fits) return "";
  return fmt::format("output '{}' is declared as {}, the graph gives {}", d.name, describe(d), describe(v));
}

/// Counts the constants of nodes, each where it is first used.
class Parameters {
 public:
  explicit Parameters(const graph::Graph& graph) : outer_(graph.initializers) {}

  int64_t of(const graph::Node& node) {
    int64_t count = 0;
    for (const std::string& name : node.inputs) {
      const auto found = outer_.find(name);
      if (found != outer_.end() && found->second.is_tensor() && used_.insert(name).second)
        count += found->second.tensor.numel();
    }
    for (const graph::Attribute& a : node.attributes) {
      if (const auto* value = std::get_if<Value>(&a.value); value != nullptr && value->is_tensor())
        count += value->tensor.numel();
      const auto* sub = std::get_if<graph::Attribute::Subgraph>(&a.value);
      if (sub == nullptr) continue;
      for (const auto& [name, value] : (*sub)->initializers) {
        if (value.is_tensor()) count += value.tensor.numel();
      }
      for (const graph::Node& inner : (*sub)->nodes) count += of(inner);
    }
    return count;
  }

 private:
  const std::map<std::string, Value>& outer_;
  std::set<std::string> used_;
};

}  // namespace

CheckedModel check_model(const std::string& path, const std::vector<std::string>& size_arguments) {
  const Sizes given = read_sizes(size_arguments);
  graph::Model model = io::read_model(path);
  CheckedModel result;
  result.file = path;
  result.name = model.graph.name;
  result.producer = model.producer;
  result.opsets = model.opsets;
  const graph::Session session = of_file(path, [&] { return graph::Session(std::move(model), false); });
  const std::vector<Declared> inputs = session.required_inputs();
  of_file(path, [&] { check_sizes(given, inputs); });

  Sizes sizes;  // of all names that the inputs have
  std::map<std::string, Value> values;
  bool enough = true;
  for (const Declared& d : inputs) {
    if (d.optional) continue;
    if (!has_spec(d)) {
      result.warnings.push_back(fmt::format(
          "{}: no shapes are inferred, since those of input '{}' ({}) are open", path, d.name, describe(d)));
      enough = false;
      continue;
    }
    const Shape shape = of_file(path, [&] { return closed_shape(d, given); });
    for (size_t i = 0; i < shape.size(); ++i) {
      const graph::Dim& dim = (*d.shape)[i];
      if (!dim.size && !dim.name.empty()) sizes[dim.name] = shape[i];
    }
    values[d.name] = of_file(
        path, [&] { return Value(Tensor::empty(shape, graph::carrier(d.element), kMeta), d.element); });
  }
  std::map<std::string, Inferred> known;
  if (enough) {
    model::CostObserver cost;
    for (Inferred& i : of_file(path, [&] { return session.infer(values); })) {
      std::string name = i.name;
      known.emplace(std::move(name), std::move(i));
    }
    result.flops = cost.flops;
  }
  const auto value_of = [&](const std::string& name) {
    const auto found = known.find(name);
    return found != known.end() ? found->second : Inferred{name, false, {}};
  };

  const graph::Graph& graph = session.model().graph;
  for (const Declared& d : inputs) result.inputs.push_back({d, value_of(d.name)});
  for (const Declared& d : graph.outputs) {
    result.outputs.push_back({d, value_of(d.name)});
    const std::string wrong = mismatch(result.outputs.back(), sizes);
    if (!wrong.empty()) result.warnings.push_back(fmt::format("{}: {}", path, wrong));
  }
  Parameters parameters(graph);
  for (const graph::Node& node : graph.nodes) {
    CheckedNode checked;
    checked.op = node.domain.empty() ? node.op : fmt::format("{}.{}", node.domain, node.op);
    for (const std::string& name : node.outputs) {
      if (name.empty()) continue;
      checked.outputs.push_back(value_of(name));
      if (!checked.outputs.back().known) ++result.unknown;
    }
    checked.name = !node.name.empty() || checked.outputs.empty() ? node.name : checked.outputs.front().name;
    checked.parameters = parameters.of(node);
    result.nodes.push_back(std::move(checked));
  }
  result.parameters = parameter_count(graph);
  return result;
}

}  // namespace dlb::deploy
