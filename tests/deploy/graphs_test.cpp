// Layers whose work depends on values, exported: graphs of other sizes than the traced one, and wrong input.
#include <catch2/catch.hpp>

#include "../model/support.h"
#include "dlb/deploy/export.h"
#include "dlb/graph/session.h"
#include "dlb/io/onnx.h"
#include "dlb/io/program.h"
#include "dlb/ops/random.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

/// A model, and what it is exported as.
class Exported {
 public:
  /// Inputs are a, b, ... of these shapes; whole numbers but for the first.
  Exported(const std::string& yaml, const std::vector<Shape>& shapes, const std::string& floats = "a") {
    std::vector<model::NamedSpec> inputs;
    for (size_t i = 0; i < shapes.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      const bool real = floats.find(name) != std::string::npos;
      inputs.push_back({name, model::batch_spec(shapes[i], real ? DType::kFloat32 : DType::kInt64)});
    }
    model::Built built = model::try_build("model: " + yaml, inputs);
    INFO(built.errors);
    REQUIRE(built.model);
    model_ = std::move(built.model);
    model_->materialize(3);
    exported_ = deploy::to_graph(*model_, "m");
    onnx_.emplace(io::parse_onnx(io::to_onnx(exported_), "m.onnx"));
    program_.emplace(io::parse_program(io::to_program(exported_), "m.dlb"));
  }

  model::Model& model() { return *model_; }
  int64_t opset() const { return exported_.opsets.at(""); }
  std::string name_of_rows(size_t input) const { return (*exported_.graph.inputs.at(input).shape)[0].name; }

  const graph::Node& node(const std::string& op) const {
    for (const graph::Node& n : exported_.graph.nodes) {
      if (n.op == op) return n;
    }
    throw std::runtime_error("no node " + op);
  }
  graph::Dim output_rows() const { return (*exported_.graph.outputs.at(0).shape)[0]; }

  Outputs own(const std::vector<Tensor>& inputs) {
    const NoGrad no_grad;
    nn::Context context;
    return model_->forward(context, inputs);
  }

  /// The exported graph gives what the model gives; it is returned.
  std::vector<double> same(const std::vector<Tensor>& inputs) {
    const Outputs expected = own(inputs);
    const std::vector<graph::Value> found = onnx_->run(values(inputs)), again = program_->run(values(inputs));
    for (size_t i = 0; i < found.size(); ++i) {
      const graph::Difference d = graph::compare(found[i], graph::Value(expected[i]), 1e-5, 1e-6);
      INFO("output " << i << ": " << d.reason);
      CHECK(d.equal);
      CHECK(graph::compare(again[i], found[i], 0, 0).equal);
    }
    return found[0].tensor.to_vector<double>();
  }

  /// What the model refuses, its export refuses too.
  void refused(const std::vector<Tensor>& inputs) {
    CHECK_THROWS_AS(own(inputs), Error);
    CHECK_THROWS_AS(onnx_->run(values(inputs)), Error);
    CHECK_THROWS_AS(program_->run(values(inputs)), Error);
  }

 private:
  std::map<std::string, graph::Value> values(const std::vector<Tensor>& inputs) const {
    std::map<std::string, graph::Value> named;
    for (size_t i = 0; i < inputs.size(); ++i) named[model_->inputs()[i].name] = graph::Value(inputs[i]);
    return named;
  }

  std::unique_ptr<model::Model> model_;
  graph::Model exported_;
  std::optional<graph::Session> onnx_, program_;
};

Tensor features(int64_t nodes, int64_t width) { return uniform({nodes, width}, -1, 1, RngKey{.seed = 4}); }
Tensor edges(int64_t count, int64_t nodes) { return randint(0, nodes, {count, 2}, RngKey{.seed = 6}); }
Tensor list(const std::vector<int64_t>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}
Tensor pairs(const std::vector<int64_t>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size()) / 2, 2});
}

constexpr const char* kNets[] = {
    "[{gcn_conv: {in: [a, b], out: 5}}, relu, {gcn_conv: {edges: b, out: 2}}]",
    "[{sage_conv: {in: [a, b], out: 5}}, relu, {sage_conv: {edges: b, out: 2, aggregate: max}}]",
    "[{gat_conv: {in: [a, b], out: 5, heads: 3}}, elu, {gat_conv: {edges: b, out: 2, concat: false}}]",
    "[{gin_conv: {in: [a, b], out: 5}}, relu, {graph_propagate: {edges: b, normalize: row}}]",
};

}  // namespace

TEST_CASE("an exported net takes graphs of any size", "[deploy]") {
  // As many edges as nodes, or twice as many, are not the same size, nor one that follows from the other.
  for (const int64_t traced_edges : {7, 6, 12}) {
    for (const char* net : kNets) {
      INFO(net << " traced with " << traced_edges << " edges");
      Exported e(net, {{6, 3}, {traced_edges, 2}});
      CHECK(e.name_of_rows(0) == "batch");
      CHECK(e.name_of_rows(1) == "batch2");
      for (const auto& [nodes, count] : std::vector<std::pair<int64_t, int64_t>>{
               {6, traced_edges}, {9, 4}, {40, 113}, {5, 5}, {3, 0}, {1, 2}, {8, 16}}) {
        INFO(nodes << " nodes, " << count << " edges");
        e.same({features(nodes, 3), edges(count, nodes)});
      }
    }
  }
}

TEST_CASE("an exported net refuses edges of nodes that do not exist", "[deploy]") {
  for (const char* net : kNets) {
    INFO(net);
    Exported e(net, {{6, 3}, {7, 2}});
    e.same({features(4, 3), pairs({0, 3, 3, 0})});
    for (const std::vector<int64_t>& bad :
         std::vector<std::vector<int64_t>>{{0, 4}, {4, 0}, {0, -1}, {-1, 0}, {1, 2, -4, 3}})
      e.refused({features(4, 3), pairs(bad)});
  }
}

TEST_CASE("only a net that needs it gets the later opset, and reductions as that has them", "[deploy]") {
  const Exported sum("[{gcn_conv: {in: [a, b], out: 5}}, {max: {dim: 1}}]", {{6, 3}, {7, 2}});
  CHECK(sum.opset() == 17);
  CHECK(sum.node("ReduceMax").find("axes") != nullptr);
  Exported largest("[{gat_conv: {in: [a, b], out: 5}}, {max: {dim: 1}}]", {{6, 3}, {7, 2}});
  CHECK(largest.opset() == 18);
  CHECK(largest.node("ReduceMax").find("axes") == nullptr);
  CHECK(largest.node("ReduceMax").inputs.size() == 2);
  largest.same({features(4, 3), edges(5, 4)});
}

TEST_CASE("exported pooling of graphs by their sizes", "[deploy]") {
  for (const char* how : {"mean", "sum", "max"}) {
    INFO(how);
    Exported e(fmt::format("[graph_pool: {{in: [a, b], reduce: {}}}]", how), {{6, 3}, {2}});
    e.same({features(6, 3), list({2, 4})});
    e.same({features(9, 3), list({0, 5, 0, 1, 3})});
    e.same({features(3, 3), list({3, 0, 0})});
    e.same({features(0, 3), list({0, 0})});
    e.same({features(0, 3), list({})});
    for (const std::vector<int64_t>& bad :
         std::vector<std::vector<int64_t>>{{2, 3}, {2, 5}, {7, -1}, {-1, 7}, {1, 6, -1}, {}})
      e.refused({features(6, 3), list(bad)});
  }
}

TEST_CASE("exported pooling of graphs by the graph of each node", "[deploy]") {
  for (const char* how : {"mean", "sum", "max"}) {
    INFO(how);
    // How many graphs there are is data; what follows takes any number of them.
    Exported e(
        fmt::format(
            "[{{graph_pool: {{in: a, graph: b, nodes: 3, reduce: {}}}}}, {{reshape: [2, 2]}}, flatten, "
            "{{linear: 2}}]",
            how),
        {{6, 4}, {6}});
    CHECK(e.same({features(6, 4), list({0, 0, 1, 1, 1, 1})}).size() == 4);
    CHECK(e.same({features(9, 4), list({4, 0, 1, 1, 4, 1, 0, 0, 4})}).size() == 10);
    CHECK(e.same({features(1, 4), list({0})}).size() == 2);
    CHECK(e.same({features(0, 4), list({})}).empty());
    e.refused({features(3, 4), list({0, 1, 3})});
    e.refused({features(3, 4), list({0, -1, 1})});
    e.refused({features(3, 4), list({-1, -1, -1})});
    Exported fixed(fmt::format("[graph_pool: {{in: a, graph: b, count: 5, reduce: {}}}]", how),
                   {{6, 4}, {6}});
    fixed.same({features(7, 4), list({4, 0, 1, 1, 4, 1, 0})});
    fixed.refused({features(3, 4), list({0, 1, 5})});
    fixed.refused({features(3, 4), list({0, 1, -1})});
  }
}

TEST_CASE("a number of graphs that only data tell is no other size", "[deploy]") {
  const std::string pooled = "{graph_pool: {in: a, graph: b, nodes: 3}}";
  const std::vector<Shape> shapes = {{6, 4}, {6}};
  const Exported open("[" + pooled + "]", shapes);
  CHECK(!open.output_rows().size);
  CHECK(open.output_rows().name.empty());
  // Also where the number of nodes is held fixed.
  Exported fixed(
      "[{eval: {expr: \"a * ones([6, 1])\", as: x}}, {graph_pool: {in: x, graph: b, nodes: 3}}, "
      "{reshape: [2, 2]}]",
      shapes);
  CHECK(fixed.name_of_rows(0).empty());
  CHECK(!fixed.output_rows().size);
  CHECK(fixed.same({features(6, 4), list({0, 0, 2, 1, 1, 1})}).size() == 12);
  // A size as a value follows the input.
  Exported as_value("[{eval: \"full([3], rows(a)) * mean(a, 0)\"}]", {{6, 3}});
  as_value.same({features(11, 3)});
  // Nothing that has the size is near.
  CHECK_THROWS_WITH(Exported("[" + pooled + ", {eval: \"it + zeros([rows(it), 4])\"}]", shapes),
                    Catch::Contains("in a way that is not known"));
}

TEST_CASE("an exported mixture of experts leaves out what was not chosen", "[deploy]") {
  Exported e(
      "{steps: [{mixture_of_experts: {experts: 3, hidden: 2, top_k: 2, activation: relu, as: [y, n]}}], "
      "outputs: [y, n]}",
      {{4, 2}});
  e.same({features(9, 2)});
  e.same({zeros({5, 2})});  // all experts are as good: the first ones are taken
  // The third expert's net overflows, and no row goes there.
  for (const nn::Variable& v : e.model().variables()) {
    if (v.name.ends_with("router.weight"))
      v.value.assign(Tensor::from(std::vector<float>{1, 0, 1, 0, -1, 0}, {3, 2}));
    if (v.name.ends_with("w1"))
      v.value.assign(
          Tensor::from(std::vector<float>{1, 2, 3, 4, 4, 3, 2, 1, 3e38F, 3e38F, 3e38F, 3e38F}, {3, 2, 2}));
  }
  const Tensor x = Tensor::from(std::vector<float>{5, 5, 7, 1}, {2, 2});
  const Outputs own = e.own({x});
  const graph::Session session(deploy::to_graph(e.model(), "m"));
  const std::vector<graph::Value> found = session.run({{e.model().inputs()[0].name, graph::Value(x)}});
  for (size_t i = 0; i < found.size(); ++i) {
    for (const double v : own[i].to_vector<double>()) CHECK(std::isfinite(v));
    CHECK(graph::compare(found[i], graph::Value(own[i]), 1e-5, 1e-6).equal);
  }
}

}  // namespace dlb
