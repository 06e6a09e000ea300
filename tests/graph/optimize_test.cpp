// What optimize() makes of patterns, and that the values stay the same.
#include "dlb/graph/optimize.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/ops/create.h"
#include "dlb/ops/random.h"
#include "graphs.h"

namespace dlb::test {
namespace {

Value random(const Shape& shape, uint32_t index) {
  RngKey key;
  key.seed = 7;
  key.index = index;
  return Value(uniform(shape, -1, 1, key));
}

Value scalar(double v) { return Value(Tensor::scalar(v)); }

/// The operators of a graph in their order, with what they took in.
std::vector<std::string> operators(const Graph& g) {
  std::vector<std::string> all;
  for (const Node& n : g.nodes) {
    std::string text = n.op;
    if (n.op != "FusedRecurrent" && n.inputs.size() > 3 && n.domain == graph::kFusedDomain &&
        !n.inputs[3].empty())
      text += n.op == "FusedAttention" ? " masked" : " residual";
    if (const Attribute* a = n.find("activation")) text += " " + std::get<std::string>(a->value);
    all.push_back(text);
  }
  return all;
}

/// Checks that the graph becomes these operators, and gives the same values as before.
void check(const Graph& g, const std::map<std::string, Value>& inputs,
           const std::vector<std::string>& expected, int64_t opset = 17) {
  const Session plain(model_of(g, opset), false), fast(model_of(g, opset));
  CHECK(operators(fast.model().graph) == expected);
  const std::vector<Value> a = plain.run(inputs);
  for (int i = 0; i < 2; ++i) {  // the second run uses what the first has prepared
    const std::vector<Value> b = fast.run(inputs);
    REQUIRE(a.size() == b.size());
    for (size_t k = 0; k < a.size(); ++k) {
      const graph::Difference d = graph::compare(b[k], a[k], 1e-4, 1e-5);
      INFO(d.reason);
      CHECK(d.equal);
    }
  }
}

const Shape kImage{2, 3, 9, 9};

/// Conv of 3 to 4 channels, keeping the size of the image.
Graph conv_graph(std::vector<Node> after, const std::vector<std::string>& inputs = {"x"}, bool bias = true) {
  std::vector<std::string> names{"x", "w"};
  if (bias) names.push_back("b");
  std::vector<Node> nodes{node("Conv", names, {"y"}, {attribute("pads", Attribute::Ints{1, 1, 1, 1})})};
  for (Node& n : after) nodes.push_back(std::move(n));
  const std::string last = nodes.back().outputs[0];
  Graph g = graph_of(inputs, std::move(nodes), {last});
  g.initializers = {{"w", random({4, 3, 3, 3}, 1)}, {"b", random({4}, 2)}};
  return g;
}

}  // namespace

TEST_CASE("Convolutions take in what follows them", "[graph]") {
  const std::map<std::string, Value> image{{"x", random(kImage, 3)}};
  SECTION("batch normalisation and relu") {
    for (const bool bias : {true, false}) {
      Graph g = conv_graph(
          {node("BatchNormalization", {"y", "s", "o", "m", "v"}, {"n"}), node("Relu", {"n"}, {"z"})}, {"x"},
          bias);
      g.initializers["s"] = random({4}, 4);
      g.initializers["o"] = random({4}, 5);
      g.initializers["m"] = random({4}, 6);
      g.initializers["v"] = floats({0.5F, 1, 2, 3});
      check(g, image, {"FusedConv relu"});
    }
  }
  SECTION("activations") {
    check(conv_graph({node("Clip", {"y", "low", "high"}, {"z"})}, {"x", "low", "high"}),
          {{"x", random(kImage, 3)}, {"low", scalar(-0.1)}, {"high", scalar(0.1)}}, {"FusedConv", "Clip"});
    Graph clip = conv_graph({node("Clip", {"y", "low", "high"}, {"z"})});
    clip.initializers["low"] = scalar(-0.25);
    clip.initializers["high"] = scalar(0.5);
    check(clip, image, {"FusedConv clip"});
    Graph half = conv_graph({node("Clip", {"y", "", "high"}, {"z"})});
    half.initializers["high"] = scalar(0.1);
    check(half, image, {"FusedConv clip"});
    check(conv_graph({node("Clip", {"y"}, {"z"}, {attribute("min", -0.1F), attribute("max", 0.2F)})}), image,
          {"FusedConv clip"}, 10);
    check(conv_graph({node("Sigmoid", {"y"}, {"z"})}), image, {"FusedConv sigmoid"});
    check(conv_graph({node("Tanh", {"y"}, {"z"})}), image, {"FusedConv tanh"});
    check(conv_graph({node("HardSwish", {"y"}, {"z"})}), image, {"FusedConv hardswish"});
    check(conv_graph({node("LeakyRelu", {"y"}, {"z"}, {attribute("alpha", 0.3F)})}), image,
          {"FusedConv leaky_relu"});
    check(conv_graph({node("Sigmoid", {"y"}, {"g"}), node("Mul", {"g", "y"}, {"z"})}), image,
          {"FusedConv silu"});
  }
  SECTION("a residual, and one that broadcasts") {
    const Graph g = conv_graph({node("Add", {"r", "y"}, {"a"}), node("Relu", {"a"}, {"z"})}, {"x", "r"});
    check(g, {{"x", random(kImage, 3)}, {"r", random({2, 4, 9, 9}, 4)}}, {"FusedConv residual relu"});
    check(g, {{"x", random(kImage, 3)}, {"r", random({4, 1, 1}, 4)}}, {"FusedConv residual relu"});
    check(g, {{"x", random({1, 3, 9, 9}, 3)}, {"r", random({5, 4, 9, 9}, 4)}}, {"FusedConv residual relu"});
  }
  SECTION("a bias as an addition") {
    Graph g = conv_graph({node("Add", {"y", "c"}, {"z"})});
    g.initializers["c"] = random({4, 1, 1}, 9);
    check(g, image, {"FusedConv"});
    g.initializers["c"] = random({9}, 9);  // along the width: no bias
    check(g, image, {"FusedConv", "Add"});
  }
  SECTION("what is read elsewhere, or changes from run to run, stays") {
    Graph g = conv_graph({node("Relu", {"y"}, {"z"})});
    g.outputs = declared({"z", "y"});
    check(g, image, {"FusedConv", "Relu"});
    Graph twice =
        conv_graph({node("Relu", {"y"}, {"a"}), node("Neg", {"y"}, {"c"}), node("Add", {"a", "c"}, {"z"})});
    check(twice, image, {"FusedConv", "Relu", "Neg", "Add"});
    Graph given = conv_graph({node("Relu", {"y"}, {"z"})}, {"x", "w"});  // w is a default
    check(given, image, {"Conv", "Relu"});
    check(given, {{"x", random(kImage, 3)}, {"w", random({4, 3, 3, 3}, 8)}}, {"Conv", "Relu"});
  }
  SECTION("read by a subgraph") {
    Graph then = graph_of({}, {node("Neg", {"y"}, {"t"})}, {"t"});
    Graph otherwise = graph_of({}, {node("Abs", {"y"}, {"e"})}, {"e"});
    Graph g = conv_graph(
        {node("Relu", {"y"}, {"r"}),
         node("If", {"c"}, {"z"}, {attribute("then_branch", then), attribute("else_branch", otherwise)})},
        {"x", "c"});
    g.outputs = declared({"z", "r"});
    check(g, {{"x", random(kImage, 3)}, {"c", truth(true)}}, {"FusedConv", "Relu", "If"});
  }
}

TEST_CASE("Products take in what follows them", "[graph]") {
  const auto product = [](std::vector<Node> after, const std::string& op = "MatMul",
                          std::vector<Attribute> attributes = {}, bool bias = false) {
    std::vector<std::string> names{"x", "w"};
    if (bias) names.push_back("b");
    std::vector<Node> nodes{node(op, names, {"y"}, std::move(attributes))};
    for (Node& n : after) nodes.push_back(std::move(n));
    const std::string last = nodes.back().outputs[0];
    Graph g = graph_of({"x"}, std::move(nodes), {last});
    g.initializers = {{"w", random({5, 6}, 1)},
                      {"b", random({6}, 2)},
                      {"half", scalar(0.5)},
                      {"one", scalar(1)},
                      {"root", scalar(std::sqrt(2))}};
    return g;
  };
  const std::map<std::string, Value> rows{{"x", random({3, 5}, 3)}}, batches{{"x", random({2, 3, 5}, 3)}},
      row{{"x", random({5}, 3)}};
  for (const auto& x : {rows, batches, row}) {
    check(product({node("Add", {"b", "y"}, {"a"}), node("Relu", {"a"}, {"z"})}), x, {"FusedLinear relu"});
  }
  check(product({}, "Gemm", {}, true), rows, {"FusedLinear"});
  check(product({}, "Gemm", {attribute("alpha", 2.0F)}, true), rows, {"Gemm"});
  Graph turned = product({}, "Gemm", {attribute("transB", 1)}, true);
  turned.initializers["w"] = random({6, 5}, 4);
  check(turned, rows, {"FusedLinear"});
  turned.initializers["b"] = random({3, 1}, 4);  // one number for each row
  check(turned, rows, {"Gemm"});
  check(product({node("Add", {"y", "y"}, {"z"})}), rows, {"FusedLinear", "Add"});

  // The two ways in which gelu is written most.
  const std::vector<Node> erf{node("Div", {"y", "root"}, {"d"}), node("Erf", {"d"}, {"e"}),
                              node("Add", {"e", "one"}, {"s"})};
  std::vector<Node> first = erf, second = erf, wrong = erf;
  first.push_back(node("Mul", {"y", "s"}, {"m"}));
  first.push_back(node("Mul", {"m", "half"}, {"z"}));
  second.push_back(node("Mul", {"y", "half"}, {"m"}));
  second.push_back(node("Mul", {"m", "s"}, {"z"}));
  wrong.push_back(node("Mul", {"y", "root"}, {"m"}));
  wrong.push_back(node("Mul", {"m", "s"}, {"z"}));
  check(product(first), batches, {"FusedLinear gelu"});
  check(product(second), batches, {"FusedLinear gelu"});
  check(product(wrong), batches, {"FusedLinear", "Div", "Erf", "Add", "Mul", "Mul"});
  Graph tanh = product(
      {node("Mul", {"y", "y"}, {"2"}), node("Mul", {"2", "y"}, {"3"}), node("Mul", {"3", "c"}, {"k"}),
       node("Add", {"y", "k"}, {"i"}), node("Mul", {"i", "p"}, {"u"}), node("Tanh", {"u"}, {"t"}),
       node("Add", {"one", "t"}, {"s"}), node("Mul", {"half", "y"}, {"h"}), node("Mul", {"h", "s"}, {"z"})});
  tanh.initializers["c"] = scalar(0.044715);
  tanh.initializers["p"] = scalar(std::sqrt(2 / M_PI));
  check(tanh, batches, {"FusedLinear gelu_tanh"});
  tanh.initializers["c"] = scalar(0.05);
  CHECK(operators(Session(model_of(tanh, 17)).model().graph).size() == 10);
}

TEST_CASE("Attention is recognised", "[graph]") {
  const auto attention = [](const std::string& mask, bool mended) {
    std::vector<Node> nodes{node("Transpose", {"k"}, {"t"}, {attribute("perm", Attribute::Ints{0, 1, 3, 2})}),
                            node("Mul", {"q", "scale"}, {"qs"}), node("MatMul", {"qs", "t"}, {"s0"})};
    std::string scores = "s0";
    if (mask == "added") nodes.push_back(node("Add", {"s0", "m"}, {"s"}));
    if (mask == "chosen") nodes.push_back(node("Where", {"m", "s0", "minus"}, {"s"}));
    if (!mask.empty()) scores = "s";
    nodes.push_back(node("Softmax", {scores}, {"p"}, {attribute("axis", -1)}));
    if (mended) {
      nodes.push_back(node("IsNaN", {"p"}, {"n"}));
      nodes.push_back(node("Where", {"n", "zero", "p"}, {"w"}));
    }
    nodes.push_back(node("MatMul", {mended ? "w" : "p", "v"}, {"z"}));
    Graph g = graph_of(
        mask.empty() ? std::vector<std::string>{"q", "k", "v"} : std::vector<std::string>{"q", "k", "v", "m"},
        std::move(nodes), {"z"});
    g.initializers = {{"scale", scalar(0.4)},
                      {"zero", scalar(0)},
                      {"minus", scalar(-std::numeric_limits<double>::infinity())}};
    return g;
  };
  std::map<std::string, Value> inputs{
      {"q", random({2, 3, 4, 5}, 1)}, {"k", random({2, 3, 6, 5}, 2)}, {"v", random({2, 3, 6, 7}, 3)}};
  check(attention("", false), inputs, {"FusedAttention"});
  std::map<std::string, Value> broadcast = inputs;
  broadcast["v"] = random({1, 1, 6, 7}, 3);
  check(attention("", false), broadcast, {"FusedAttention"});
  inputs["m"] = random({4, 6}, 4);
  check(attention("added", false), inputs, {"FusedAttention masked"});
  Tensor seen = Tensor::empty({2, 1, 4, 6}, DType::kBool);
  for (int64_t i = 0; i < seen.numel(); ++i)
    seen.data<bool>()[i] = i % 6 != 0 && i % 4 != 1 && i / 6 % 4 != 2;
  inputs["m"] = Value(seen);  // every third row sees nothing
  check(attention("chosen", true), inputs, {"FusedAttention masked"});
}

TEST_CASE("What nobody reads is left out, and errors name nodes as they were given", "[graph]") {
  Graph g = graph_of({"x", "shape"},
                     {node("Identity", {"x"}, {"a"}), node("Neg", {"a"}, {"unread"}),
                      node("Constant", {}, {"c"}, {attribute("value", floats({1, 2}))}),
                      node("Add", {"a", "c"}, {"b"}), node("Reshape", {"b", "shape"}, {"z"})},
                     {"z"});
  const Session session(model_of(g, 17));
  CHECK(operators(session.model().graph) == std::vector<std::string>{"Add", "Reshape"});
  CHECK(numbers(session.run({{"x", floats({1, 1})}, {"shape", integers({2, 1})}})[0]) ==
        std::vector<double>{2, 3});
  CHECK_THROWS_WITH(session.run({{"x", floats({1, 1})}, {"shape", integers({3})}}),
                    Catch::Contains("node 4 (Reshape)"));
}

TEST_CASE("Recurrent networks with constant weights have them in the kernels' order") {
  struct Case {
    const char* op;
    int64_t gates;
    std::vector<std::string> outputs;
  };
  const std::vector<Case> cases = {{"RNN", 1, {"y", "h"}},
                                   {"GRU", 3, {"y", "h"}},
                                   {"LSTM", 4, {"y", "h", "c"}},
                                   {"LSTM", 4, {"", "h", "c"}}};
  for (const Case& k : cases) {
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      for (const bool biased : {false, true}) {
        INFO(k.op << " " << direction << (biased ? " with biases" : ""));
        const int64_t d = std::string(direction) == "bidirectional" ? 2 : 1;
        const auto graph = [&](std::vector<Node> before, std::vector<Attribute> more) {
          std::vector<std::string> inputs{"x", "w", "r", biased ? "b" : "", "n", "h0"};
          if (k.gates == 4) inputs.emplace_back("c0");
          more.push_back(attribute("direction", direction));
          more.push_back(attribute("linear_before_reset", 1));
          before.push_back(node(k.op, inputs, k.outputs, more));
          std::vector<std::string> outputs;
          for (const std::string& name : k.outputs) {
            if (!name.empty()) outputs.push_back(name);
          }
          std::vector<std::string> given{before.size() > 1 ? "rows" : "x", "n", "h0"};
          if (k.gates == 4) given.emplace_back("c0");
          Graph g = graph_of(given, std::move(before), outputs);
          g.initializers = {{"w", random({d, k.gates * 4, 3}, 1)},
                            {"r", random({d, k.gates * 4, 4}, 2)},
                            {"b", random({d, k.gates * 8}, 3)},
                            {"table", random({6, 3}, 6)}};
          return g;
        };
        std::map<std::string, Value> inputs = {{"x", random({5, 2, 3}, 0)}, {"h0", random({d, 2, 4}, 4)}};
        if (k.gates == 4) inputs["c0"] = random({d, 2, 4}, 5);
        inputs["n"] = Value(Tensor::from<int32_t>({5, 3}, {2}));
        check(graph({}, {}), inputs, {"FusedRecurrent"});
        check(graph({}, {attribute("clip", 0.4F)}), inputs, {k.op});
        // Rows of a small table: their products are looked up.
        inputs.erase("x");
        inputs["rows"] = Value(Tensor::from<int64_t>({0, 5, 2, -1, 3, 3, 1, 0, 4, 2}, {5, 2}));
        std::vector<std::string> looked_up(static_cast<size_t>(d), "Gather");
        looked_up.emplace_back("FusedRecurrent");
        check(graph({node("Gather", {"table", "rows"}, {"x"})}, {}), inputs, looked_up);
      }
    }
  }
  // Of all sequences' full length, layout 1, and a plain network's other activation.
  Graph g = graph_of({"x"},
                     {node("RNN", {"x", "w", "r"}, {"y", "h"},
                           {attribute("layout", 1), attribute("activations", Attribute::Strings{"Relu"})})},
                     {"y", "h"});
  g.initializers = {{"w", random({1, 4, 3}, 1)}, {"r", random({1, 4, 4}, 2)}};
  check(g, {{"x", random({2, 5, 3}, 0)}}, {"FusedRecurrent"});
  // Weights that do not fit are refused by the operator itself.
  g.initializers["w"] = random({1, 4, 2}, 1);
  CHECK_THROWS_WITH(Session(model_of(g, 17)).run({{"x", random({2, 5, 3}, 0)}}),
                    Catch::Contains("W must be"));
}

}  // namespace dlb::test
