// What ONNX's own tests leave out: older opsets, types, and shapes without data.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/ops/shape_ops.h"
#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;
using Texts_ = std::vector<std::string>;

Value ramp(Shape shape, float step = 1) {
  std::vector<float> values(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * step;
  return floats(values, std::move(shape));
}

void check_close(const Value& found, const Numbers& expected, double margin = 1e-5) {
  const Numbers values = numbers(found);
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i);
    CHECK(values[i] == Approx(expected[i]).margin(margin));
  }
}

/// Shape of the first output of a node whose inputs have shapes only.
Shape inferred(const std::string& op, const std::vector<Value>& inputs,
               std::vector<Attribute> attributes = {}, int64_t opset = 24) {
  Node n = node(op, {}, {"out"}, std::move(attributes));
  std::map<std::string, Value> given;
  std::vector<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = std::to_string(i);
    n.inputs.push_back(inputs[i].none() ? "" : name);
    if (inputs[i].none()) continue;
    names.push_back(name);
    given[name] = inputs[i];
  }
  Graph g = graph_of(names, {n}, {"out"});
  for (const graph::Inferred& i : Session(model_of(std::move(g), opset)).infer(given)) {
    if (i.name == "out" && i.known) return i.value.shape();
  }
  return {};
}
Value meta(Shape shape, DType dtype = DType::kFloat32) {
  return Value(Tensor::empty(std::move(shape), dtype, Device{DeviceKind::kMeta}));
}

}  // namespace

TEST_CASE("Softmax before opset 13 takes all dimensions from the axis on") {
  const Value x = floats({0, 0, 0, 0}, {1, 2, 2});
  check_close(apply("Softmax", {x}, {}, 11)[0], {0.25, 0.25, 0.25, 0.25});
  check_close(apply("Softmax", {x}, {}, 13)[0], {0.5, 0.5, 0.5, 0.5});
  check_close(apply("Hardmax", {floats({1, 3, 3, 2}, {1, 2, 2})}, {}, 11)[0], {0, 1, 0, 0});
}

TEST_CASE("BatchNormalization tells training from inference by opset") {
  const Value x = floats({1, 3, 5, 7}, {4, 1}), one = floats({1}), zero = floats({0});
  const std::vector<Value> inputs = {x, one, zero, zero, one};
  const std::vector<Attribute> exact = {attribute("epsilon", 0.0F)};
  check_close(apply("BatchNormalization", inputs, exact, 9)[0], {1, 3, 5, 7});
  const auto old = apply("BatchNormalization", inputs, exact, 7, 5);
  const double s = std::sqrt(5.0);
  check_close(old[0], {-3 / s, -1 / s, 1 / s, 3 / s});
  check_close(old[1], {0.4});              // 0.9 * 0 + 0.1 * 4
  check_close(old[2], {0.9 + 0.1 * 5.0});  // population variance 5
  check_close(old[3], {4});
  const auto fresh =
      apply("BatchNormalization", inputs, {attribute("epsilon", 0.0F), attribute("training_mode", 1)}, 15, 3);
  check_close(fresh[0], {-3 / s, -1 / s, 1 / s, 3 / s});
  check_close(fresh[1], {0.4});
  const Value per_place = floats({1, 2}, {1, 2});
  check_close(apply("BatchNormalization",
                    {floats({3, 6}, {1, 1, 2}), per_place, floats({0, 1}, {1, 2}), floats({1, 2}, {1, 2}),
                     floats({1, 4}, {1, 2})},
                    {attribute("epsilon", 0.0F), attribute("spatial", 0)}, 7)[0],
              {2, 5});
}

TEST_CASE("Dropout before opset 12 and its random mask") {
  const Value x = ramp({4, 8});
  const auto kept = apply("Dropout", {x}, {attribute("ratio", 0.9F)}, 7, 2);
  CHECK(numbers(kept[0]) == numbers(x));
  CHECK(kept[1].element == Element::kFloat32);
  CHECK(apply("Dropout", {x}, {}, 10, 2)[1].element == Element::kBool);
  const Value all = floats(std::vector<float>(1000, 1.0F));
  const Numbers random = numbers(apply("Dropout", {all, floats({0.25F}, {}), truth(true)}, {}, 13)[0]);
  int64_t dropped = 0;
  for (const double v : random) {
    if (v == 0) {
      ++dropped;
    } else {
      CHECK(v == Approx(1 / 0.75));
    }
  }
  CHECK(dropped > 180);
  CHECK(dropped < 320);
}

TEST_CASE("GroupNormalization's weights are per group in opset 18, per channel in 21") {
  const Value x = floats({1, 3, 5, 7}, {1, 4, 1});
  const std::vector<Attribute> two = {attribute("num_groups", 2), attribute("epsilon", 0.0F)};
  const Value zeros = floats({0, 0});
  check_close(apply("GroupNormalization", {x, floats({1, 2}), zeros}, two, 18)[0], {-1, 1, -2, 2});
  const Value four = floats({1, 2, 3, 4});
  check_close(apply("GroupNormalization", {x, four, floats({0, 0, 0, 1})}, two, 21)[0], {-1, 2, -3, 5});
}

TEST_CASE("Local response normalisation with an even number of neighbours has one more behind") {
  const Value x = floats({1, 2, 3}, {1, 3, 1});
  const Value y = apply(
      "LRN", {x},
      {attribute("size", 2), attribute("alpha", 2.0F), attribute("beta", 1.0F), attribute("bias", 1.0F)})[0];
  check_close(y, {1.0 / 6, 2.0 / 14, 3.0 / 10});  // channel c counts itself and c + 1
}

TEST_CASE("Poolings with padding on one side, and positions by column") {
  const Value x = floats({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3});
  const std::vector<Attribute> one_sided = {attribute("kernel_shape", Ints{2, 2}),
                                            attribute("strides", Ints{2, 2}),
                                            attribute("pads", Ints{0, 0, 1, 1})};
  const auto largest = apply("MaxPool", {x}, one_sided, 12, 2);
  CHECK(numbers(largest[0]) == Numbers{5, 6, 8, 9});
  CHECK(wholes(largest[1]) == Ints{4, 5, 7, 8});
  std::vector<Attribute> by_column = one_sided;
  by_column.push_back(attribute("storage_order", 1));
  CHECK(wholes(apply("MaxPool", {x}, by_column, 12, 2)[1]) == Ints{4, 7, 5, 8});
  check_close(apply("AveragePool", {x}, one_sided)[0], {3, 4.5, 7.5, 9});
  std::vector<Attribute> counting = one_sided;
  counting.push_back(attribute("count_include_pad", 1));
  check_close(apply("AveragePool", {x}, counting)[0], {3, 2.25, 3.75, 2.25});
  const Value bytes = of_type({-128, -5, -128, -128}, Element::kInt8);
  const Value image(reshape(bytes.tensor, {1, 1, 2, 2}), Element::kInt8);
  const Value y = apply("MaxPool", {image},
                        {attribute("kernel_shape", Ints{2, 2}), attribute("pads", Ints{1, 1, 0, 0})})[0];
  CHECK(y.element == Element::kInt8);
  CHECK(wholes(y) == Ints{-128, -5, -128, -5});
}

TEST_CASE("ConvTranspose with an output beyond its windows is filled up with the bias") {
  const Value y = apply("ConvTranspose", {floats({1, 2}, {1, 1, 2}), floats({1, 1}, {1, 1, 2}), floats({10})},
                        {attribute("output_shape", Ints{5}), attribute("strides", Ints{2})})[0];
  CHECK(numbers(y) == Numbers{11, 11, 12, 12, 10});
  const Value cut = apply("ConvTranspose", {floats({1, 2}, {1, 1, 2}), floats({1, 1}, {1, 1, 2})},
                          {attribute("pads", Ints{1, 0}), attribute("strides", Ints{2})})[0];
  CHECK(numbers(cut) == Numbers{1, 2, 2});
}

TEST_CASE("Products of bytes are exact however long the sum") {
  const int64_t terms = 5000;
  const Value a(Tensor::from(std::vector<int64_t>(terms, 255), {1, terms}), Element::kInt64);
  const Value row(graph::convert(a.tensor, Element::kInt64, Element::kUInt8), Element::kUInt8);
  const Value column(reshape(row.tensor, {terms, 1}), Element::kUInt8);
  const Value y = apply("MatMulInteger", {row, column, of_type({1}, Element::kUInt8)})[0];
  CHECK(y.element == Element::kInt32);
  CHECK(wholes(y) == Ints{254 * 255 * terms});
}

TEST_CASE("Quantized numbers round to even and stay in range") {
  const Value x = floats({0.5F, 1.5F, -0.5F, 400, -400});
  const Value y = apply("QuantizeLinear", {x, floats({1}, {}), of_type({0}, Element::kInt8)}, {}, 10)[0];
  CHECK(y.element == Element::kInt8);
  CHECK(wholes(y) == Ints{0, 2, 0, 127, -128});
  const Value blocks =
      apply("DequantizeLinear",
            {Value(reshape(of_type({1, 2, 3}, Element::kInt4).tensor, {1, 3}), Element::kInt4),
             floats({10, 100}, {1, 2})},
            {attribute("axis", 1), attribute("block_size", 2)})[0];
  CHECK(numbers(blocks) == Numbers{10, 20, 300});
}

TEST_CASE("Resize and Upsample of older opsets") {
  const Value x = ramp({1, 1, 2, 4});
  CHECK(numbers(apply("Resize", {x, floats({1, 1, 0.6F, 0.6F})}, {}, 10)[0]) == Numbers{0, 2});
  CHECK(numbers(apply("Upsample", {x}, {attribute("scales", std::vector<float>{1, 1, 1, 2})}, 7)[0]) ==
        Numbers{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7});
  CHECK(apply("Upsample", {x}, {attribute("height_scale", 2.0F), attribute("width_scale", 1.0F)}, 1)[0]
            .shape() == Shape{1, 1, 4, 4});
  // Whole numbers are copied by nearest, rounded towards zero otherwise.
  const Value bytes(reshape(of_type({0, 255}, Element::kUInt8).tensor, {1, 1, 1, 2}), Element::kUInt8);
  const Value y =
      apply("Resize", {bytes, Value(), floats({1, 1, 1, 2})}, {attribute("mode", "linear")}, 13)[0];
  CHECK(y.element == Element::kUInt8);
  CHECK(wholes(y) == Ints{0, 63, 191, 255});
}

TEST_CASE("Recurrent networks: the kernels and the step by step way agree") {
  const auto wave = [](Shape shape, float phase) {
    std::vector<float> v(static_cast<size_t>(numel(shape)));
    for (size_t i = 0; i < v.size(); ++i) v[i] = std::sin(phase + 1.7F * static_cast<float>(i));
    return floats(v, std::move(shape));
  };
  struct Case {
    const char* op;
    int64_t gates;
    size_t outputs;
    Texts_ activations;
  };
  for (const Case& k : {Case{"RNN", 1, 2, {"Tanh"}}, Case{"GRU", 3, 2, {"Sigmoid", "Tanh"}},
                        Case{"LSTM", 4, 3, {"Sigmoid", "Tanh", "Tanh"}}}) {
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      const int64_t d = std::string(direction) == "bidirectional" ? 2 : 1;
      const std::vector<Value> inputs = {wave({5, 2, 3}, 0),
                                         wave({d, k.gates * 4, 3}, 1),
                                         wave({d, k.gates * 4, 4}, 2),
                                         wave({d, 8 * k.gates}, 3),
                                         Value(),
                                         wave({d, 2, 4}, 4)};
      const std::vector<Attribute> plain = {attribute("direction", direction), attribute("hidden_size", 4),
                                            attribute("linear_before_reset", 1)};
      std::vector<Attribute> stepped = plain;
      stepped.push_back(attribute("clip", 1e6F));
      const auto fast = apply(k.op, inputs, plain, 14, k.outputs);
      const auto slow = apply(k.op, inputs, stepped, 14, k.outputs);
      CHECK(fast[0].shape() == Shape{5, d, 2, 4});
      for (size_t i = 0; i < k.outputs; ++i) {
        INFO(k.op << " " << direction << " output " << i);
        check_close(fast[i], numbers(slow[i]));
      }
      // Lengths of the whole sequence change nothing; shorter ones leave zeros.
      std::vector<Value> whole = inputs, shorter = inputs;
      whole[4] = of_type({5, 5}, Element::kInt32);
      shorter[4] = of_type({5, 2}, Element::kInt32);
      check_close(apply(k.op, whole, plain, 14)[0], numbers(fast[0]));
      const Tensor y = apply(k.op, shorter, plain, 14)[0].tensor;
      CHECK(narrow(select(y, 2, 1), 0, 2, 3).to_vector<double>() ==
            Numbers(static_cast<size_t>(3 * d * 4), 0.0));
    }
  }
}

TEST_CASE("A row of attention that may see nothing is zero") {
  const Value q = ramp({1, 1, 2, 2}), none_seen = Value(Tensor::from<float>({0, 0, 1, 1}, {2, 2}));
  const Value mask(graph::convert(none_seen.tensor, Element::kFloat32, Element::kBool), Element::kBool);
  const Numbers fused = numbers(apply("Attention", {q, q, q, mask})[0]);
  CHECK(fused[0] == 0);
  CHECK(fused[1] == 0);
  CHECK(fused[2] > 0);
  check_close(apply("Attention", {q, q, q, mask}, {}, 24, 4)[0], fused);
}

TEST_CASE("A rectifier's slopes stand for channels before opset 7") {
  const Value x = floats({-1, -1, -1, -1}, {1, 2, 2}), slope = floats({2, 3});
  CHECK(numbers(apply("PRelu", {x, slope}, {}, 6)[0]) == Numbers{-2, -2, -3, -3});
  CHECK(numbers(apply("PRelu", {x, slope}, {}, 7)[0]) == Numbers{-2, -3, -2, -3});
}

TEST_CASE("What is computed beforehand stays for what follows") {
  Model m = model_of(graph_of(
      {"x"},
      {node("Constant", {}, {"a"}, {attribute("value", floats({2}))}), node("Identity", {"a"}, {"b"}),
       node("Mul", {"b", "a"}, {"c"}), node("Mul", {"c", "x"}, {"y"})},
      {"y"}));
  CHECK(numbers(Session(std::move(m)).run({{"x", floats({3})}})[0]) == Numbers{12});
}

TEST_CASE("Shapes are known without data") {
  const Value x = meta({2, 4, 9, 9});
  CHECK(inferred("Conv", {x, ramp({6, 4, 3, 3})}, {attribute("strides", Ints{2, 2})}) == Shape{2, 6, 4, 4});
  CHECK(inferred("Conv", {x, ramp({6, 4, 3, 3})}, {attribute("auto_pad", "SAME_UPPER")}) ==
        Shape{2, 6, 9, 9});
  CHECK(inferred("ConvTranspose", {x, ramp({4, 3, 2, 2})}, {attribute("strides", Ints{2, 2})}) ==
        Shape{2, 3, 18, 18});
  CHECK(inferred("MaxPool", {x},
                 {attribute("kernel_shape", Ints{2, 2}), attribute("ceil_mode", 1),
                  attribute("strides", Ints{2, 2})}) == Shape{2, 4, 5, 5});
  CHECK(inferred("AveragePool", {x},
                 {attribute("kernel_shape", Ints{3, 3}), attribute("pads", Ints{0, 0, 1, 1})}) ==
        Shape{2, 4, 8, 8});
  CHECK(inferred("GlobalAveragePool", {x}) == Shape{2, 4, 1, 1});
  CHECK(inferred("Resize", {x, Value(), floats({1, 1, 2, 2})}) == Shape{2, 4, 18, 18});
  CHECK(inferred("Resize", {x, Value(), Value(), meta({4}, DType::kInt64)}).empty());
  CHECK(inferred("BatchNormalization", {x, ramp({4}), ramp({4}), ramp({4}), ramp({4})}) == Shape{2, 4, 9, 9});
  CHECK(inferred("InstanceNormalization", {x, ramp({4}), ramp({4})}) == Shape{2, 4, 9, 9});
  CHECK(inferred("LayerNormalization", {x, ramp({9}), ramp({9})}) == Shape{2, 4, 9, 9});
  CHECK(inferred("LRN", {x}, {attribute("size", 3)}) == Shape{2, 4, 9, 9});
  CHECK(inferred("Softmax", {x}) == Shape{2, 4, 9, 9});
  CHECK(inferred("Hardmax", {x}) == Shape{2, 4, 9, 9});
  CHECK(inferred("Gemm", {meta({5, 3}), ramp({4, 3}), ramp({4})}, {attribute("transB", 1)}) == Shape{5, 4});
  CHECK(inferred("MatMul", {x, ramp({9, 2})}) == Shape{2, 4, 9, 2});
  CHECK(inferred("Attention", {x, x, x}) == Shape{2, 4, 9, 9});
  CHECK(inferred("LSTM", {meta({5, 2, 3}), ramp({1, 16, 3}), ramp({1, 16, 4})}) == Shape{5, 1, 2, 4});
  CHECK(inferred("GRU", {meta({5, 2, 3}), ramp({1, 12, 3}), ramp({1, 12, 4})}) == Shape{5, 1, 2, 4});
  CHECK(inferred("QuantizeLinear", {x, floats({1}, {})}) == Shape{2, 4, 9, 9});
  CHECK(inferred("RoiAlign", {x, meta({7, 4}), meta({7}, DType::kInt64)},
                 {attribute("output_height", 2), attribute("output_width", 3)}) == Shape{7, 4, 2, 3});
  CHECK(inferred("GridSample", {x, meta({2, 5, 6, 2})}) == Shape{2, 4, 5, 6});
}
