#include "dlb/graph/session.h"

#include <catch2/catch.hpp>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;

Value shape_only(Shape shape, DType dtype = DType::kFloat32) {
  return Value(Tensor::empty(std::move(shape), dtype, kMeta));
}

/// What inference says of a value.
graph::Inferred inferred(const Session& session, const std::map<std::string, Value>& inputs,
                         const std::string& name) {
  for (graph::Inferred& i : session.infer(inputs)) {
    if (i.name == name) return i;
  }
  FAIL("no value " << name);
  return {};
}

}  // namespace

TEST_CASE("What depends on constants alone is computed once, chains included") {
  Model m = model_of(graph_of({"x"},
                              {node("Neg", {"w"}, {"a"}), node("Abs", {"a"}, {"b"}),
                               node("Add", {"a", "b"}, {"zero"}), node("Add", {"x", "zero"}, {"y"})},
                              {"y", "a"}));
  m.graph.initializers["w"] = floats({1, 2});
  const Session session(m);
  for (int run = 0; run < 2; ++run) {
    const auto y = session.run({{"x", floats({5, 6})}});
    CHECK(numbers(y[0]) == Numbers{5, 6});
    CHECK(numbers(y[1]) == Numbers{-1, -2});
  }
}

TEST_CASE("An input with a default may be given or not") {
  Model m =
      model_of(graph_of({"x", "w"}, {node("Neg", {"w"}, {"a"}), node("Add", {"x", "a"}, {"y"})}, {"y"}));
  m.graph.initializers["w"] = floats({1});
  const Session session(m);
  REQUIRE(session.required_inputs().size() == 1);
  CHECK(numbers(session.run({{"x", floats({5})}})[0]) == Numbers{4});
  CHECK(numbers(session.run({{"x", floats({5})}, {"w", floats({2})}})[0]) == Numbers{3});
  CHECK(numbers(session.run({{"x", floats({5})}})[0]) == Numbers{4});
}

TEST_CASE("Shapes are inferred as far as data allows") {
  Model m = model_of(
      graph_of({"x", "i"},
               {node("Shape", {"x"}, {"s"}), node("Gather", {"s", "zero"}, {"n"}),
                node("Unsqueeze", {"n", "front"}, {"n1"}),
                node("Concat", {"n1", "rest"}, {"to"}, {attribute("axis", 0)}),
                node("Reshape", {"x", "to"}, {"y"}), node("Gather", {"y", "i"}, {"picked"}),
                node("ReduceSum", {"picked", "front"}, {"sum"}), node("TopK", {"y", "k"}, {"top", "where"}),
                node("NonZero", {"x"}, {"places"}), node("Neg", {"places"}, {"after"})},
               {"sum", "after"}));
  m.graph.initializers["zero"] = integer(0);
  m.graph.initializers["front"] = integers({0});
  m.graph.initializers["rest"] = integers({-1});
  m.graph.initializers["k"] = integers({2});
  const Session session(m, false);
  const std::map<std::string, Value> inputs = {{"x", shape_only({2, 3, 4})},
                                               {"i", shape_only({5}, DType::kInt64)}};
  CHECK(inferred(session, inputs, "y").value.shape() == Shape{2, 12});
  CHECK(inferred(session, inputs, "picked").value.shape() == Shape{5, 12});
  CHECK(inferred(session, inputs, "sum").value.shape() == Shape{1, 12});
  CHECK(inferred(session, inputs, "top").value.shape() == Shape{2, 2});
  CHECK_FALSE(inferred(session, inputs, "places").known);
  CHECK_FALSE(inferred(session, inputs, "after").known);
  CHECK_THROWS_WITH(session.run(inputs), Contains("elements are needed"));
}

TEST_CASE("Families of operators infer shapes without data") {
  const auto shape_of = [](const std::string& op, std::vector<Value> values,
                           std::vector<Attribute> attributes = {}) {
    Graph g = graph_of({}, {}, {"y"});
    Node n = node(op, {}, {"y"}, std::move(attributes));
    std::map<std::string, Value> given;
    for (size_t i = 0; i < values.size(); ++i) {
      n.inputs.push_back(std::to_string(i));
      given[n.inputs.back()] = values[i];
    }
    g.inputs = declared(n.inputs);
    g.nodes = {n};
    const graph::Inferred y = inferred(Session(model_of(std::move(g))), given, "y");
    return y.known ? y.value.shape() : Shape{-1};
  };
  const Value x = shape_only({2, 3}), index = shape_only({2, 3}, DType::kInt64);
  CHECK(shape_of("ReduceL2", {x}, {attribute("keepdims", 0)}) == Shape{});
  CHECK(shape_of("ArgMax", {x}, {attribute("axis", 1)}) == Shape{2, 1});
  CHECK(shape_of("CumSum", {x, integer(0)}, {attribute("exclusive", 1)}) == Shape{2, 3});
  CHECK(shape_of("GatherElements", {x, index}) == Shape{2, 3});
  CHECK(shape_of("ScatterElements", {x, index, x}) == Shape{2, 3});
  CHECK(shape_of("GatherND", {x, shape_only({4, 1}, DType::kInt64)}) == Shape{4, 3});
  CHECK(shape_of("ScatterND", {x, shape_only({1, 2}, DType::kInt64), shape_only({1})}) == Shape{2, 3});
  CHECK(shape_of("DFT", {shape_only({1, 8, 1}), integer(8), integer(1)}, {attribute("onesided", 1)}) ==
        Shape{1, 5, 2});
  CHECK(shape_of("Einsum", {x, x}, {attribute("equation", "ij,kj->ik")}) == Shape{2, 2});
  CHECK(shape_of("RandomNormalLike", {x}) == Shape{2, 3});
  CHECK(shape_of("Bernoulli", {x}) == Shape{2, 3});
  CHECK(shape_of("Unique", {x}) == Shape{-1});
  CHECK(shape_of("Compress", {x, shape_only({2}, DType::kBool)}) == Shape{-1});
  CHECK(shape_of("NonMaxSuppression", {shape_only({1, 3, 4}), shape_only({1, 1, 3})}) == Shape{-1});
}

TEST_CASE("A model's errors are all in one report") {
  const Graph g = graph_of({"x"},
                           {node("NoSuch", {"x"}, {"a"}), node("Add", {"x"}, {"b"}),
                            node("Neg", {"nobody"}, {"c"}), node("Neg", {"x"}, {"x"})},
                           {"missing"});
  try {
    const Session session(model_of(g));
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(e.more.size() == 4);
    CHECK_THAT(e.what(), Contains("no operator NoSuch"));
  }
}

TEST_CASE("Inputs are checked against what the model declares") {
  Graph g = graph_of({"x"}, {node("Neg", {"x"}, {"y"})}, {"y"});
  g.inputs[0].element = Element::kFloat32;
  g.inputs[0].shape = std::vector<graph::Dim>{{2, ""}, {std::nullopt, "n"}};
  const Session session(model_of(g));
  CHECK_NOTHROW(session.run({{"x", floats({1, 2}, {2, 1})}}));
  CHECK_THROWS_WITH(session.run({{"x", floats({1, 2}, {1, 2})}}), Contains("float32[2, n]"));
  CHECK_THROWS_WITH(session.run({{"x", integers({1, 2}, {2, 1})}}), Contains("got int64[2, 1]"));
  CHECK_THROWS_WITH(session.run({}), Contains("not given"));
  CHECK_THROWS_WITH(session.run({{"x", floats({1, 2}, {2, 1})}, {"z", floats({1})}}),
                    Contains("no input 'z'"));
  CHECK_THROWS_WITH(session.run({{"x", Value()}}), Contains("got nothing"));
}
