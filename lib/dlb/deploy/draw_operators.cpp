// Random numbers by ONNX's own operators.
#include <algorithm>
#include <cmath>

#include "dlb/base/error.h"
#include "dlb/deploy/draws.h"
#include "dlb/deploy/emit.h"
#include "dlb/deploy/prelude.h"
#include "dlb/ops/create.h"

namespace dlb::deploy {

namespace {

/// One draw: nodes that give its numbers.
class Drawing {
 public:
  Drawing(Prelude& nodes, const graph::Graph& graph, const DrawInput& input)
      : nodes_(nodes), graph_(graph), input_(input), d_(input.distribution) {}

  void add() {
    const auto [name, dtype] = numbers();
    const std::string op = dtype == input_.dtype ? "Identity" : "Cast";
    std::vector<graph::Attribute> attributes;
    if (dtype != input_.dtype)
      attributes.push_back(attribute("to", static_cast<int64_t>(graph::element_of(input_.dtype))));
    nodes_.add_as(input_.name, op, {name}, std::move(attributes));
  }

 private:
  struct Typed {
    std::string name;
    DType dtype;
  };

  double of(const char* name) const { return d_.parameters.at(name); }
  /// Runtimes draw as float32 and float64 alone.
  DType wide() const { return input_.dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32; }
  std::string number(double value) { return nodes_.number(value, wide()); }
  static graph::Attribute type(DType dtype) {
    return attribute("dtype", static_cast<int64_t>(graph::element_of(dtype)));
  }

  /// The open size of that name, int64 [1].
  std::string open_size(const std::string& name) {
    for (const graph::Declared& d : graph_.inputs) {
      for (size_t k = 0; d.shape && k < d.shape->size(); ++k) {
        const graph::Dim& dim = (*d.shape)[k];
        if (dim.size || dim.name != name) continue;
        const auto at = static_cast<int64_t>(k);
        return nodes_.add("Shape", {d.name}, {attribute("start", at), attribute("end", at + 1)});
      }
    }
    fail(ErrorKind::kInternal, "no input has an open size '{}'", name);
  }
  std::string size(const DrawSize& s) {
    if (s.of.empty() || s.steps) return nodes_.ints({s.size});
    std::string name = open_size(s.of);
    if (s.times != 1) name = nodes_.add("Mul", {name, nodes_.ints({s.times})});
    if (s.over != 1) name = nodes_.add("Div", {name, nodes_.ints({s.over})});
    if (s.plus != 0) name = nodes_.add("Add", {name, nodes_.ints({s.plus})});
    return name;
  }
  std::string shape() {
    std::vector<std::string> parts;
    for (const DrawSize& s : input_.sizes) parts.push_back(size(s));
    if (parts.empty()) return nodes_.ints({});
    return parts.size() == 1 ? parts[0] : nodes_.add("Concat", parts, {attribute("axis", int64_t{0})});
  }
  /// A constant in the draw's shape.
  std::string filled(double value, DType dtype) {
    graph::Attribute a{"value", graph::Value(full({1}, value, dtype)), ""};
    return nodes_.add("ConstantOfShape", {shape()}, {std::move(a)});
  }

  std::string uniform(double low, double high, DType dtype) {
    return nodes_.add("RandomUniformLike", {filled(0, dtype)},
                      {attribute("low", low), attribute("high", high), type(dtype)});
  }
  std::string normal(double mean, double std) {
    return nodes_.add("RandomNormalLike", {filled(0, wide())},
                      {attribute("mean", mean), attribute("scale", std), type(wide())});
  }
  /// log(1 - u), at most 0, u from [0, 1).
  std::string log_uniform() {
    return nodes_.add("Log", {nodes_.add("Sub", {number(1), uniform(0, 1, wide())})});
  }

  Typed numbers() {
    if (d_.name == "normal") return {normal(of("mean"), of("std")), wide()};
    if (d_.name == "uniform") return {uniform(of("low"), of("high"), wide()), wide()};
    if (d_.name == "bernoulli") {
      // Not Bernoulli: onnxruntime 1.31 gives 1 with probability 1 - p for it.
      return {nodes_.add("Less", {uniform(0, 1, DType::kFloat32), nodes_.number(of("p"))}), DType::kBool};
    }
    if (d_.name == "randint") return whole_numbers();
    if (d_.name == "randperm") {
      const std::string u = uniform(0, 1, DType::kFloat32);
      return {nodes_.add_many("TopK", {u, size(input_.sizes.back())}, {}, 2)[1], DType::kInt64};
    }
    if (d_.name == "exponential")
      return {nodes_.add("Div", {nodes_.add("Neg", {log_uniform()}), number(of("rate"))}), wide()};
    if (d_.name == "geometric") {
      const std::string trials =
          nodes_.add("Ceil", {nodes_.add("Div", {log_uniform(), number(std::log1p(-of("p")))})});
      return {nodes_.add("Max", {trials, number(1)}), wide()};
    }
    if (d_.name == "log_normal") return {nodes_.add("Exp", {normal(of("mean"), of("std"))}), wide()};
    if (d_.name == "cauchy") {
      const std::string angle = nodes_.add(
          "Mul", {nodes_.add("Sub", {uniform(0, 1, wide()), number(0.5)}), number(std::acos(-1.0))});
      const std::string y = nodes_.add("Mul", {nodes_.add("Tan", {angle}), number(of("sigma"))});
      return {nodes_.add("Add", {y, number(of("median"))}), wide()};
    }
    throw Error(ErrorKind::kUnsupported,
                fmt::format("{} is {}, for which ONNX has no operator", input_.name, describe(d_)), "",
                "`--draws inputs` makes the numbers inputs of the graph");
  }

  Typed whole_numbers() {
    const double range = of("high") - of("low");
    const DType dtype = range > 0x1p22 ? DType::kFloat64 : DType::kFloat32;
    const std::string scaled = nodes_.add("Mul", {uniform(0, 1, dtype), nodes_.number(range, dtype)});
    // Rounding may reach the limit itself.
    const std::string steps =
        nodes_.add("Min", {nodes_.add("Floor", {scaled}), nodes_.number(range - 1, dtype)});
    const Tensor low = Tensor::from(std::vector<int64_t>{static_cast<int64_t>(of("low"))}, {});
    return {nodes_.add("Add", {nodes_.cast(steps, DType::kInt64), nodes_.constant(low)}), DType::kInt64};
  }

  Prelude& nodes_;
  const graph::Graph& graph_;
  const DrawInput& input_;
  const Distribution& d_;
};

}  // namespace

void draw_by_operators(graph::Model& model, const std::vector<DrawInput>& inputs) {
  graph::Graph& graph = model.graph;
  Prelude nodes(graph, "draws/");
  for (const DrawInput& input : inputs) Drawing(nodes, graph, input).add();
  std::erase_if(graph.inputs, [&](const graph::Declared& d) {
    return std::any_of(inputs.begin(), inputs.end(), [&](const DrawInput& i) { return i.name == d.name; });
  });
  nodes.put_before(graph);
  model.metadata.erase(kDrawsKey);
}

}  // namespace dlb::deploy
