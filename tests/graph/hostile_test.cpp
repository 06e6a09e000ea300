// Attributes that make no sense must give an error that names the operator, whatever the operator.
#include <catch2/catch.hpp>

#include "dlb/base/cgroup.h"
#include "dlb/tensor/storage.h"
#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;

Value ramp(Shape shape) {
  std::vector<float> values(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3;
  return floats(values, std::move(shape));
}

constexpr int64_t kHuge = int64_t{1} << 62;

/// The most that tensors took at a time in f().
template <class F>
size_t peak_of(const F& f) {
  const size_t before = cpu_allocator_stats().live_bytes;
  reset_cpu_allocator_peak();
  f();
  return cpu_allocator_stats().peak_bytes - before;
}

/// A model without inputs, whose constants are "0", "1", ...
Model model_of_constants(std::vector<Node> nodes, const std::vector<Value>& constants, Node last) {
  nodes.push_back(std::move(last));
  Model m = model_of(graph_of({}, std::move(nodes), {"y"}));
  for (size_t i = 0; i < constants.size(); ++i) m.graph.initializers[std::to_string(i)] = constants[i];
  return m;
}

}  // namespace

TEST_CASE("Loading computes no constant that is far larger than the file") {
  constexpr size_t kMost = size_t{40} << 20;  // of a file with next to nothing in it
  const int64_t large = 1 << 14;              // squared, of float32: 1 GiB
  const Value one = floats({1}), size = integers({large, large});
  const auto loaded = [&](std::vector<Node> nodes, const std::vector<Value>& constants, Node last) {
    const Model m = model_of_constants(std::move(nodes), constants, std::move(last));
    for (const bool optimized : {false, true}) {
      CHECK(peak_of([&] { static_cast<void>(Session(m, optimized)); }) < kMost);
    }
  };
  loaded({}, {size}, node("ConstantOfShape", {"0"}, {"y"}));
  loaded({}, {one, size}, node("Tile", {"0", "1"}, {"y"}));
  loaded({}, {integer(0), integer(large * large), integer(1)}, node("Range", {"0", "1", "2"}, {"y"}));
  loaded({}, {one, integers({0, large * large})}, node("Pad", {"0", "1"}, {"y"}));
  loaded({}, {one, integers({0, large * large})},
         node("Pad", {"0", "1"}, {"y"}, {attribute("mode", "edge")}));
  loaded({}, {ramp({1, 1, 1, 1}), size, integers({1, 1, large, large})},
         node("Resize", {"0", "", "", "2"}, {"y"}));
  loaded({}, {ramp({1, 1, 1, 1}), ramp({1, 1, 1, 1})},
         node("Conv", {"0", "1"}, {"y"}, {attribute("pads", Ints{large, large, large, large})}));
  loaded({}, {integers({0}), integer(int64_t{1} << 28), floats({0, 1})},
         node("OneHot", {"0", "1", "2"}, {"y"}));
  loaded({}, {integer(int64_t{1} << 28)}, node("HannWindow", {"0"}, {"y"}));
  // A view takes no memory, but whoever reads it does.
  loaded({node("Expand", {"0", "1"}, {"a"})}, {one, size}, node("Neg", {"a"}, {"y"}));
  loaded({node("Expand", {"0", "1"}, {"a"})}, {one, integers({1 << 20, 1 << 20})},
         node("ReduceSum", {"a"}, {"y"}));
  // Small steps that grow together: twice as long each, or an outer product.
  std::vector<Node> doubling;
  for (int i = 0; i < 40; ++i) {
    const std::string from = i == 0 ? "0" : fmt::format("a{}", i - 1);
    doubling.push_back(node("Concat", {from, from}, {fmt::format("a{}", i)}, {attribute("axis", 0)}));
  }
  loaded(doubling, {one}, node("Neg", {"a39"}, {"y"}));
  loaded({node("Reshape", {"0", "1"}, {"row"}), node("Reshape", {"0", "2"}, {"column"})},
         {ramp({large}), integers({1, large}), integers({large, 1})}, node("Add", {"row", "column"}, {"y"}));
  // Many of moderate size.
  std::vector<Node> many;
  for (int i = 0; i < 100; ++i) many.push_back(node("ConstantOfShape", {"0"}, {fmt::format("a{}", i)}));
  loaded(many, {integers({1 << 20})}, node("Neg", {"a99"}, {"y"}));
}

TEST_CASE("Constants within bounds are computed once, whatever makes them") {
  const auto constants_left = [](const Model& m) { return Session(m).model().graph.nodes.size(); };
  CHECK(constants_left(model_of_constants(
            {node("ConstantOfShape", {"0"}, {"a"}), node("Trilu", {"a", "1"}, {"b"}, {attribute("upper", 0)}),
             node("Expand", {"b", "2"}, {"c"}), node("Range", {"1", "3", "4"}, {"d"}),
             node("Gather", {"c", "d"}, {"e"}, {attribute("axis", 2)})},
            {integers({8, 8}), integer(0), integers({2, 8, 8}), integer(8), integer(1)},
            node("Neg", {"e"}, {"y"}))) == 0);
}

TEST_CASE("A rewrite that would copy one weight for each of many nodes is left out where that is too much") {
  constexpr int kNodes = 200;
  const int64_t c = 256;  // 256 KiB of weights: a copy for each would be 50 MiB
  std::vector<Node> nodes;
  std::vector<std::string> outputs;
  for (int i = 0; i < kNodes; ++i) {
    nodes.push_back(node("Conv", {"x", "w"}, {fmt::format("a{}", i)}));
    nodes.push_back(
        node("BatchNormalization", {fmt::format("a{}", i), "v", "v", "v", "v"}, {fmt::format("y{}", i)}));
    outputs.push_back(fmt::format("y{}", i));
  }
  Model m = model_of(graph_of({"x"}, nodes, outputs));
  m.graph.initializers["w"] = ramp({c, c, 1, 1});
  m.graph.initializers["v"] = floats(std::vector<float>(static_cast<size_t>(c), 2));
  const Value x = ramp({1, c, 2, 2});
  std::vector<Value> found;
  CHECK(peak_of([&] { found = Session(m).run({{"x", x}}); }) < size_t{40} << 20);
  const std::vector<Value> expected = Session(m, false).run({{"x", x}});
  for (size_t i = 0; i < found.size(); ++i) CHECK(graph::compare(found[i], expected[i], 1e-4, 1e-4).equal);
}

TEST_CASE("What no machine has memory for is an error when the graph runs") {
  REQUIRE(memory_limit() > 0);
  const auto bytes = static_cast<int64_t>(memory_limit());
  const Session session(model_of_constants({}, {integers({bytes})}, node("ConstantOfShape", {"0"}, {"y"})));
  CHECK_THROWS_WITH(session.run({}), Contains("out of memory: cannot allocate"));
  CHECK_THROWS_WITH(apply("Pad", {floats({1}), integers({0, bytes})}, {attribute("mode", "edge")}),
                    Contains("out of memory"));
  CHECK_THROWS_WITH(apply("Pad", {floats({1}), integers({kHuge, kHuge})}, {attribute("mode", "wrap")}),
                    Contains("cannot be padded"));
  CHECK_THROWS_WITH(apply("Pad", {floats({1, 2}), integers({-2, -1})}, {attribute("mode", "reflect")}),
                    Contains("cannot be padded"));
}

TEST_CASE("Shapes are inferred within bounds") {
  const int64_t large = 1 << 15;  // squared, of float32: 4 GiB
  const Session session(model_of_constants({node("ConstantOfShape", {"0"}, {"a"})},
                                           {integers({large, large})}, node("Neg", {"a"}, {"y"})));
  std::vector<graph::Inferred> all;
  CHECK(peak_of([&] { all = session.infer({}); }) < size_t{1200} << 20);
  for (const graph::Inferred& i : all) CHECK(i.known == (i.name == "0"));
  // The shapes of the inputs are enough.
  const Session product(
      model_of_constants({node("Expand", {"0", "1"}, {"a"}), node("MatMul", {"a", "a"}, {"b"})},
                         {floats({1}), integers({large, large})}, node("Neg", {"b"}, {"y"})));
  CHECK(peak_of([&] { all = product.infer({}); }) < size_t{1200} << 20);
  bool known = false;
  for (const graph::Inferred& i : all)
    known = known || (i.name == "y" && i.known && i.value.shape() == Shape{large, large});
  CHECK(known);
}

TEST_CASE("Windows are checked before anything is allocated") {
  const Value x = ramp({1, 2, 4, 4}), w = ramp({2, 2, 3, 3});
  const auto conv = [&](const char* name, Ints values) {
    return apply("Conv", {x, w}, {attribute(name, std::move(values))});
  };
  CHECK_THROWS_WITH(conv("strides", {0, 1}), Contains("strides must be from 1"));
  CHECK_THROWS_WITH(conv("strides", {1}), Contains("strides must have 2 numbers"));
  CHECK_THROWS_WITH(conv("dilations", {-1, 1}), Contains("dilations must be from 1"));
  CHECK_THROWS_WITH(conv("dilations", {1 << 30, 1 << 30}), Contains("too large"));
  CHECK_THROWS_WITH(conv("pads", {-1, 0, 0, 0}), Contains("pads must be from 0"));
  CHECK_THROWS_WITH(conv("pads", {kHuge, 0, 0, 0}), Contains("pads must be from 0"));
  CHECK_THROWS_AS(conv("pads", {1 << 30, 1 << 30, 1 << 30, 1 << 30}), Error);
  CHECK_THROWS_WITH(conv("kernel_shape", {2, 2}), Contains("differs from the weight's"));
  CHECK_THROWS_WITH(apply("Conv", {x, w}, {attribute("group", 3)}), Contains("3 groups"));
  CHECK_THROWS_WITH(apply("Conv", {x, w}, {attribute("group", 0)}), Contains("0 groups"));
  CHECK_THROWS_WITH(apply("Conv", {x, w}, {attribute("auto_pad", "SAME")}), Contains("auto_pad must be"));
  for (const char* pool : {"MaxPool", "AveragePool", "LpPool"}) {
    CHECK_THROWS_WITH(apply(pool, {x}), Contains("'kernel_shape' is missing"));
    CHECK_THROWS_WITH(apply(pool, {x}, {attribute("kernel_shape", Ints{0, 2})}),
                      Contains("kernel_shape must"));
    CHECK_THROWS_WITH(apply(pool, {x}, {attribute("kernel_shape", Ints{5, 2})}), Contains("does not fit"));
    CHECK_THROWS_WITH(apply(pool, {ramp({4, 4})}, {attribute("kernel_shape", Ints{2})}), Contains("[N, C"));
  }
  CHECK_THROWS_WITH(apply("LpPool", {x}, {attribute("kernel_shape", Ints{2, 2}), attribute("p", 0)}),
                    Contains("p must be a positive number"));
  CHECK_THROWS_WITH(apply("ConvTranspose", {x, w}, {attribute("output_shape", Ints{0, 4})}),
                    Contains("output_shape must be from 1"));
  CHECK_THROWS_AS(apply("ConvTranspose", {x, w}, {attribute("pads", Ints{9, 9, 9, 9})}), Error);
  CHECK_THROWS_WITH(apply("MaxUnpool", {x, ramp({1, 2, 4, 4})},
                          {attribute("kernel_shape", Ints{2, 2}), attribute("pads", Ints{9, 9, 9, 9})}),
                    Contains("output of size"));
  CHECK_THROWS_WITH(apply("Col2Im", {ramp({1, 4, 4}), integers({0, 3}), integers({2, 2})}),
                    Contains("empty"));
  CHECK_THROWS_WITH(apply("Col2Im", {ramp({1, 5, 4}), integers({3, 3}), integers({2, 2})}),
                    Contains("expects columns [N, C * 4, 4]"));
}

TEST_CASE("Positions and regions outside an image are refused") {
  const Value x = ramp({1, 1, 2, 2});
  CHECK_THROWS_AS(apply("MaxUnpool", {x, integers({0, 1, 2, 99}, {1, 1, 2, 2})},
                        {attribute("kernel_shape", Ints{2, 2}), attribute("strides", Ints{2, 2})}),
                  Error);
  const Value roi = floats({0, 0, 1, 1}, {1, 4});
  CHECK_THROWS_WITH(apply("RoiAlign", {x, roi, integers({1})}), Contains("there are 1"));
  CHECK_THROWS_WITH(apply("RoiAlign", {x, roi, integers({0})}, {attribute("output_height", 0)}),
                    Contains("empty or too large"));
  CHECK_THROWS_WITH(apply("RoiAlign", {x, floats({0, 0, 1e30F, 1}, {1, 4}), integers({0})}),
                    Contains("too large or no number"));
  CHECK_THROWS_WITH(
      apply("MaxRoiPool", {x, floats({-1, 0, 0, 1, 1}, {1, 5})}, {attribute("pooled_shape", Ints{1, 1})}),
      Contains("a region of image -1"));
}

TEST_CASE("Sizes of resizing are checked") {
  const Value x = ramp({1, 1, 2, 2}), none;
  CHECK_THROWS_WITH(apply("Resize", {x, none, floats({1, 1, -1, 2})}), Contains("positive number"));
  CHECK_THROWS_WITH(apply("Resize", {x, none, floats({1, 1, 1e20F, 2})}), Contains("too large"));
  CHECK_THROWS_WITH(apply("Resize", {x, none, floats({1, 1, 0.1F, 2})}), Contains("leaves nothing"));
  CHECK_THROWS_WITH(apply("Resize", {x, none, floats({1, 2})}), Contains("2 scales for 4"));
  CHECK_THROWS_WITH(apply("Resize", {x}), Contains("either scales or sizes"));
  CHECK_THROWS_WITH(apply("Resize", {x, none, none, integers({1, 1, 0, 2})}), Contains("empty or too large"));
  CHECK_THROWS_WITH(apply("Resize", {x, none, floats({1, 1, 2, 2})}, {attribute("mode", "area")}),
                    Contains("mode must be one of"));
  CHECK_THROWS_AS(apply("Resize", {x, none, none, integers({1 << 30, 1 << 30, 1 << 30, 1 << 30})}), Error);
  CHECK_THROWS_WITH(apply("AffineGrid", {ramp({1, 2, 3}), integers({1, 1, 0, 2})}), Contains("size of 0"));
}

TEST_CASE("Groups, heads and gates must divide what they share") {
  const Value x = ramp({2, 6, 3}), c = ramp({6});
  CHECK_THROWS_WITH(apply("GroupNormalization", {x, c, c}, {attribute("num_groups", 4)}),
                    Contains("4 groups"));
  CHECK_THROWS_WITH(apply("GroupNormalization", {x, c, c}, {attribute("num_groups", 0)}),
                    Contains("0 groups"));
  CHECK_THROWS_WITH(
      apply("Attention", {x, x, x}, {attribute("q_num_heads", 2), attribute("kv_num_heads", 2)}),
      Contains("2 heads"));
  CHECK_THROWS_WITH(apply("Attention", {ramp({1, 3, 2, 4}), ramp({1, 2, 2, 4}), ramp({1, 2, 2, 4})}),
                    Contains("3 heads of queries cannot share 2"));
  CHECK_THROWS_WITH(apply("RotaryEmbedding", {ramp({1, 1, 2, 3}), ramp({1, 2, 1}), ramp({1, 2, 1})}),
                    Contains("rotated in pairs"));
  CHECK_THROWS_WITH(apply("LSTM", {ramp({2, 1, 3}), ramp({1, 8, 3}), ramp({1, 8, 3})}),
                    Contains("W must be"));
  CHECK_THROWS_WITH(
      apply("GRU", {ramp({2, 1, 3}), ramp({1, 6, 3}), ramp({1, 6, 2})}, {attribute("hidden_size", 5)}),
      Contains("hidden_size 5"));
  CHECK_THROWS_WITH(apply("RNN", {ramp({2, 1, 3}), ramp({1, 2, 3}), ramp({1, 2, 2}), Value(), integers({3})}),
                    Contains("a sequence of 3 steps, there are 2"));
  CHECK_THROWS_WITH(apply("RNN", {ramp({2, 1, 3}), ramp({1, 2, 3}), ramp({1, 2, 2})},
                          {attribute("activations", std::vector<std::string>{"Cosine"})}),
                    Contains("no activation 'Cosine'"));
  CHECK_THROWS_WITH(apply("Dropout", {x, floats({1.5F}, {}), truth(true)}), Contains("ratio must be"));
  CHECK_THROWS_WITH(apply("LRN", {x}, {attribute("size", 0)}), Contains("size must be from 1"));
  CHECK_THROWS_WITH(apply("Gemm", {x, x}), Contains("expects two matrices"));
}

TEST_CASE("Scales and zero points must fit") {
  const Value x = ramp({2, 4});
  CHECK_THROWS_WITH(apply("QuantizeLinear", {x, floats({1, 2, 3})}), Contains("for dimension 1"));
  CHECK_THROWS_WITH(apply("QuantizeLinear", {x, ramp({2, 4})}, {attribute("block_size", -1)}),
                    Contains("must not be negative"));
  CHECK_THROWS_WITH(apply("QuantizeLinear", {x, ramp({2, 4})}, {attribute("block_size", 2)}),
                    Contains("need a scale [2, 2]"));
  CHECK_THROWS_WITH(apply("QuantizeLinear", {x, floats({1}, {})}, {attribute("output_dtype", 7)}),
                    Contains("quantizing to int64"));
  CHECK_THROWS_WITH(
      apply("DequantizeLinear", {of_type({1}, Element::kInt8), floats({1}), of_type({1}, Element::kUInt8)}),
      Contains("a zero point of type uint8"));
  CHECK_THROWS_WITH(apply("DynamicQuantizeLinear", {ramp({0})}), Contains("no range of nothing"));
  CHECK_THROWS_WITH(apply("MatMulInteger", {x, x}), Contains("must have 8 bits"));
}
