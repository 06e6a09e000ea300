#include <catch2/catch.hpp>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;

/// Body of a loop: adds the captured "step" to x, gives x each time; goes on while the sum is below "limit".
Graph adding_body() {
  return graph_of({"i", "going", "x"},
                  {node("Add", {"x", "step"}, {"sum"}), node("Less", {"sum", "limit"}, {"more"}),
                   node("Identity", {"x"}, {"seen"})},
                  {"more", "sum", "seen"});
}

std::vector<Value> run_loop(const Value& trips, const Value& condition, float limit) {
  const Graph g = graph_of({"m", "c", "step", "limit", "x0"},
                           {node("Loop", {trips.none() ? "" : "m", condition.none() ? "" : "c", "x0"},
                                 {"x", "seen"}, {attribute("body", adding_body())})},
                           {"x", "seen"});
  return Session(model_of(g))
      .run({{"m", trips.none() ? integer(0) : trips},
            {"c", condition.none() ? truth(true) : condition},
            {"step", floats({2}, {})},
            {"limit", floats({limit}, {})},
            {"x0", floats({1}, {})}});
}

}  // namespace

TEST_CASE("If runs one branch, which may give captured values") {
  const Graph yes = graph_of({}, {node("Neg", {"x"}, {"y"})}, {"y"}), no = graph_of({}, {}, {"x"});
  const Graph g = graph_of(
      {"c", "x"}, {node("If", {"c"}, {"z"}, {attribute("then_branch", yes), attribute("else_branch", no)})},
      {"z"});
  const Session session(model_of(g));
  CHECK(numbers(session.run({{"c", truth(true)}, {"x", floats({3})}})[0]) == Numbers{-3});
  CHECK(numbers(session.run({{"c", truth(false)}, {"x", floats({3})}})[0]) == Numbers{3});
  CHECK_THROWS_WITH(session.run({{"c", floats({1, 2})}, {"x", floats({3})}}), Contains("one number"));
  // Nothing is known of a branch that data decides; all is, where the condition is given.
  const Value shape_only(Tensor::empty({3}, DType::kFloat32, kMeta));
  for (const auto& inferred :
       session.infer({{"c", Value(Tensor::empty({}, DType::kBool, kMeta))}, {"x", shape_only}}))
    CHECK(inferred.known == (inferred.name != "z"));
  for (const auto& inferred : session.infer({{"c", truth(true)}, {"x", shape_only}})) {
    CHECK(inferred.known);
    if (inferred.name == "z") CHECK(inferred.value.shape() == Shape{3});
  }
}

TEST_CASE("A branch that is missing or gives too little is refused") {
  const Graph none = graph_of({}, {}, {});
  const Graph g = graph_of({"c"}, {node("If", {"c"}, {"z"}, {attribute("then_branch", none)})}, {"z"});
  const Session session(model_of(g));
  CHECK_THROWS_WITH(session.run({{"c", truth(true)}}), Contains("gives 0 values"));
  CHECK_THROWS_WITH(session.run({{"c", truth(false)}}), Contains("'else_branch' is missing"));
}

TEST_CASE("Loop ends by trip count, condition, both or neither") {
  const auto both = run_loop(integer(10), truth(true), 6);
  CHECK(numbers(both[0]) == Numbers{7});
  CHECK(numbers(both[1]) == Numbers{1, 3, 5});
  CHECK(numbers(run_loop(integer(2), truth(true), 100)[0]) == Numbers{5});
  CHECK(numbers(run_loop(Value(), truth(true), 8)[0]) == Numbers{9});
  // Without a condition given, that of the body does not count.
  CHECK(numbers(run_loop(integer(4), Value(), 2)[1]) == Numbers{1, 3, 5, 7});
  const auto none = run_loop(integer(0), truth(true), 6);
  CHECK(numbers(none[0]) == Numbers{1});
  CHECK(none[1].shape() == Shape{0});
  CHECK(numbers(run_loop(integer(5), truth(false), 6)[0]) == Numbers{1});
}

TEST_CASE("Loop carries sequences") {
  const Graph body =
      graph_of({"i", "going", "s"}, {node("SequenceInsert", {"s", "i"}, {"longer"})}, {"going", "longer"});
  const Graph g =
      graph_of({"n"},
               {node("SequenceEmpty", {}, {"s0"}, {attribute("dtype", 7)}),
                node("Loop", {"n", "", "s0"}, {"s"}, {attribute("body", body)}),
                node("ConcatFromSequence", {"s"}, {"y"}, {attribute("axis", 0), attribute("new_axis", 1)})},
               {"y"});
  CHECK(wholes(Session(model_of(g)).run({{"n", integer(3)}})[0]) == Ints{0, 1, 2});
}

TEST_CASE("Loop refuses bodies that do not fit") {
  const Graph body = graph_of({"i", "going"}, {}, {"going"});
  const Graph g =
      graph_of({"n", "x"}, {node("Loop", {"n", "", "x"}, {"y"}, {attribute("body", body)})}, {"y"});
  CHECK_THROWS_WITH(Session(model_of(g)).run({{"n", integer(3)}, {"x", integer(0)}}),
                    Contains("body takes 2 values"));
  const Graph vague = graph_of(
      {"i", "going"}, {node("Concat", {"going", "going"}, {"two"}, {attribute("axis", 0)})}, {"two"});
  const Graph h = graph_of({"n", "c"}, {node("Loop", {"n", "c"}, {}, {attribute("body", vague)})}, {"n"});
  CHECK_THROWS_AS(Session(model_of(h)).run({{"n", integer(3)}, {"c", truth(true)}}), Error);
}

TEST_CASE("Graphs in graphs capture through each other, and values live until their last reader") {
  // The inner branch reads "a" of the outermost graph, which nobody else reads after the loop has begun.
  const Graph inner = graph_of({}, {node("Add", {"x", "a"}, {"r"})}, {"r"});
  const Graph other = graph_of({}, {node("Identity", {"x"}, {"r"})}, {"r"});
  const Graph body = graph_of(
      {"i", "going", "x"},
      {node("If", {"going"}, {"y"}, {attribute("then_branch", inner), attribute("else_branch", other)})},
      {"going", "y"});
  const Graph g =
      graph_of({"n", "b"},
               {node("Neg", {"b"}, {"a"}), node("Relu", {"a"}, {"unused"}),
                node("Loop", {"n", "", "b"}, {"y"}, {attribute("body", body)}), node("Abs", {"y"}, {"z"})},
               {"z"});
  CHECK(numbers(Session(model_of(g)).run({{"n", integer(3)}, {"b", floats({1})}})[0]) == Numbers{2});
}

TEST_CASE("Scan over axes and backwards") {
  const Graph body =
      graph_of({"s", "x"}, {node("Add", {"s", "x"}, {"t"}), node("Identity", {"t"}, {"o"})}, {"t", "o"});
  const auto scan = [&](std::vector<Attribute> more) {
    more.push_back(attribute("body", body));
    more.push_back(attribute("num_scan_inputs", 1));
    return apply("Scan", {floats({0, 0}), floats({1, 2, 3, 4, 5, 6}, {2, 3})}, std::move(more), 24, 2);
  };
  const auto columns = scan({attribute("scan_input_axes", Ints{1}), attribute("scan_output_axes", Ints{-1})});
  CHECK(numbers(columns[0]) == Numbers{6, 15});
  CHECK(numbers(columns[1]) == Numbers{1, 3, 6, 4, 9, 15});
  const auto back = scan({attribute("scan_input_axes", Ints{1}), attribute("scan_input_directions", Ints{1}),
                          attribute("scan_output_directions", Ints{1})});
  CHECK(back[1].shape() == Shape{3, 2});
  CHECK(numbers(back[1]) == Numbers{6, 15, 5, 11, 3, 6});
  CHECK_THROWS_WITH(scan({attribute("scan_input_axes", Ints{1, 1})}), Contains("has 2 numbers, expected 1"));
  CHECK_THROWS_WITH(scan({attribute("scan_input_axes", Ints{2})}), Contains("axis 2"));
  CHECK_THROWS_WITH(apply("Scan", {floats({1})}, {attribute("body", body), attribute("num_scan_inputs", 2)}),
                    Contains("2 of its 1"));
}

TEST_CASE("Scan of opset 8 walks each sample to its own length") {
  const Graph body =
      graph_of({"s", "x"}, {node("Add", {"s", "x"}, {"t"}), node("Identity", {"t"}, {"o"})}, {"t", "o"});
  const std::vector<Attribute> attributes = {attribute("body", body), attribute("num_scan_inputs", 1)};
  const Value state = floats({0, 0}, {2, 1}), x = floats({1, 2, 3, 4, 5, 6}, {2, 3, 1});
  const auto all = apply("Scan", {Value(), state, x}, attributes, 8, 2);
  CHECK(numbers(all[0]) == Numbers{6, 15});
  const auto some = apply("Scan", {integers({1, 3}), state, x}, attributes, 8, 2);
  CHECK(numbers(some[0]) == Numbers{1, 15});
  CHECK(numbers(some[1]) == Numbers{1, 0, 0, 4, 9, 15});
  CHECK_THROWS_WITH(apply("Scan", {integers({1, 4}), state, x}, attributes, 8, 2), Contains("length 4"));
}

TEST_CASE("Loops within functions capture the function's values under the caller's names") {
  // The caller's names are those that the function's loop uses inside.
  graph::Function f;
  f.domain = "local";
  f.name = "Repeat";
  f.inputs = {"times", "amount"};
  f.outputs = {"total"};
  const Graph body = graph_of({"i", "going", "x"}, {node("Add", {"x", "amount"}, {"y"})}, {"going", "y"});
  f.nodes = {node("Sub", {"amount", "amount"}, {"zero"}),
             node("Loop", {"times", "", "zero"}, {"total"}, {attribute("body", body)})};
  f.opsets = {{"", 24}};
  const Graph g = graph_of(
      {"i", "x"},
      {node("Repeat", {"i", "x"}, {"y"}, {}, "local"), node("Repeat", {"i", "y"}, {"z"}, {}, "local")},
      {"z"});
  Model m = model_of(g);
  m.functions.push_back(f);
  CHECK(numbers(Session(m).run({{"i", integer(3)}, {"x", floats({2})}})[0]) == Numbers{18});
}

TEST_CASE("Functions keep their own opset, hand inputs through and may not grow without end") {
  graph::Function f;
  f.domain = "local";
  f.name = "Both";
  f.inputs = {"a"};
  f.outputs = {"a", "m"};
  f.nodes = {node("ReduceSum", {"a"}, {"m"}, {attribute("axes", Ints{0}), attribute("keepdims", 0)})};
  f.opsets = {{"", 11}};  // where axes are an attribute
  Model m = model_of(graph_of(
      {"x"}, {node("Both", {"x"}, {"same", "sum"}, {}, "local"), node("ReduceSum", {"x", "none"}, {"all"})},
      {"same", "sum", "all"}));
  m.graph.initializers["none"] = integers({});
  m.functions.push_back(f);
  const auto y = Session(m).run({{"x", floats({1, 2})}});
  CHECK(numbers(y[0]) == Numbers{1, 2});
  CHECK(numbers(y[1]) == Numbers{3});
  CHECK(y[2].shape() == Shape{1});

  // Each calls the next twice, the last does nothing: 2^40 calls of functions without a node.
  Model bomb = model_of(graph_of({"x"}, {node("F0", {"x"}, {"y"}, {}, "local")}, {"y"}));
  for (int i = 0; i < 40; ++i) {
    graph::Function g;
    g.domain = "local";
    g.name = "F" + std::to_string(i);
    g.inputs = {"a"};
    g.outputs = {"b"};
    const std::string next = "F" + std::to_string(i + 1);
    if (i < 39) g.nodes = {node(next, {"a"}, {"c"}, {}, "local"), node(next, {"a"}, {"b"}, {}, "local")};
    bomb.functions.push_back(g);
  }
  CHECK_THROWS_WITH(Session(bomb), Contains("more than 1000000 nodes"));
  Model circle = model_of(graph_of({"x"}, {node("F", {"x"}, {"y"}, {}, "local")}, {"y"}));
  graph::Function self;
  self.domain = "local";
  self.name = "F";
  self.inputs = {"a"};
  self.outputs = {"b"};
  self.nodes = {node("F", {"a"}, {"b"}, {}, "local")};
  circle.functions.push_back(self);
  CHECK_THROWS_WITH(Session(circle), Contains("call each other"));
}

TEST_CASE("Graphs nested too deep are refused") {
  Graph g = graph_of({}, {}, {"x"});
  for (int i = 0; i < 70; ++i) {
    g = graph_of({},
                 {node("If", {"c"}, {"y"},
                       {attribute("then_branch", g), attribute("else_branch", graph_of({}, {}, {"x"}))})},
                 {"y"});
  }
  g.inputs = declared({"c", "x"});
  CHECK_THROWS_WITH(Session(model_of(g)), Contains("nested more than 64 deep"));
}

TEST_CASE("Gradient differentiates the part of the graph that leads to y") {
  // y = a * b + a with respect to a; the sum is also an output.
  const Graph g = graph_of({"a", "b"},
                           {node("Mul", {"a", "b"}, {"p"}), node("Add", {"p", "a"}, {"y"}),
                            node("Gradient", {"a", "b"}, {"da"},
                                 {attribute("xs", std::vector<std::string>{"a"}),
                                  attribute("zs", std::vector<std::string>{"b"}), attribute("y", "y")},
                                 "ai.onnx.preview.training")},
                           {"y", "da"});
  const auto y = Session(model_of(g)).run({{"a", floats({2, 3})}, {"b", floats({10, 20})}});
  CHECK(numbers(y[0]) == Numbers{22, 63});
  CHECK(numbers(y[1]) == Numbers{11, 21});
  Graph bad = g;
  bad.nodes[2].inputs.pop_back();
  CHECK_THROWS_WITH(Session(model_of(bad)), Contains("name 2 values, it has 1 inputs"));
}

TEST_CASE("What a run draws follows from its seed, and each iteration of a loop draws anew") {
  const std::vector<Attribute> shape = {attribute("shape", Ints{4})};
  const std::vector<Attribute> own_seed = {attribute("shape", Ints{4}), attribute("seed", 3.0F)};
  const Graph body =
      graph_of({"i", "going"},
               {node("RandomUniform", {}, {"u"}, shape), node("RandomUniform", {}, {"v"}, own_seed),
                node("Identity", {"going"}, {"more"})},
               {"more", "u", "v"});
  const Graph g =
      graph_of({"m"}, {node("Loop", {"m", ""}, {"u", "v"}, {attribute("body", body)})}, {"u", "v"});
  const Session session(model_of(g));
  const auto run = [&](uint64_t seed) { return session.run({{"m", integer(2)}}, seed); };
  for (const size_t output : {0U, 1U}) {
    const Numbers x = numbers(run(1)[output]);
    REQUIRE(x.size() == 8);
    CHECK(Numbers(x.begin(), x.begin() + 4) != Numbers(x.begin() + 4, x.end()));
    CHECK(numbers(run(1)[output]) == x);
    CHECK((numbers(run(2)[output]) == x) == (output == 1));  // a node's own seed comes before the run's
  }
}
