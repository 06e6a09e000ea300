#include <catch2/catch.hpp>
#include <cmath>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;

double largest_gap(const Value& a, const Value& b) { return graph::compare(a, b, 0, 0).largest; }

}  // namespace

TEST_CASE("Transforms and their inverses, with the axis as attribute and as input") {
  const Value x = floats({1, 2, -3, 4, 0.5F}, {1, 5, 1});
  const Value y = apply("DFT", {x}, {attribute("axis", 1)}, 17)[0];
  CHECK(y.shape() == Shape{1, 5, 2});
  const Value back = apply("DFT", {y, Value(), integer(-2)}, {attribute("inverse", 1)}, 20)[0];
  CHECK(largest_gap(apply("Slice", {back, integers({0}), integers({1}), integers({2})})[0], x) < 1e-6);
  const Value half = apply("DFT", {x}, {attribute("onesided", 1)}, 20)[0];
  CHECK(half.shape() == Shape{1, 3, 2});
  const Value whole =
      apply("DFT", {half, integer(5)}, {attribute("onesided", 1), attribute("inverse", 1)}, 20)[0];
  CHECK(largest_gap(whole, x) < 1e-6);
  CHECK_THROWS_WITH(apply("DFT", {x, integer(0)}, {}, 20), Contains("dft_length is 0"));
  CHECK_THROWS_AS(apply("DFT", {x, integer(INT64_MAX)}, {}, 20), Error);
  CHECK_THROWS_WITH(apply("DFT", {x, Value(), integer(2)}, {}, 20), Contains("axis 2"));
  CHECK_THROWS_WITH(apply("DFT", {y}, {attribute("onesided", 1)}, 20), Contains("real signal"));
  CHECK_THROWS_WITH(apply("DFT", {floats({1, 2, 3}, {1, 3})}, {attribute("axis", 0)}, 17),
                    Contains("last dimension"));
}

TEST_CASE("STFT frames a signal") {
  const Value x = floats({1, 2, 3, 4, 5, 6}, {1, 6, 1});
  const Value y = apply("STFT", {x, integer(2), floats({1, 1}), integer(2)})[0];
  CHECK(y.shape() == Shape{1, 3, 2, 2});
  CHECK(numbers(y) == Numbers{3, 0, -1, 0, 7, 0, -1, 0, 11, 0, -1, 0});
  CHECK_THROWS_WITH(apply("STFT", {x, integer(0), Value(), integer(2)}), Contains("frame_step is 0"));
  CHECK_THROWS_WITH(apply("STFT", {x, integer(1), Value(), integer(7)}), Contains("frames of 7"));
  CHECK_THROWS_WITH(apply("STFT", {x, integer(1), floats({1, 1, 1}), integer(2)}), Contains("window"));
  CHECK_THROWS_AS(apply("STFT", {x, integer(1)}), Error);
}

TEST_CASE("Windows and mel filters refuse sizes that make no sense") {
  CHECK(numbers(apply("HannWindow", {integer(4)})[0])[2] == Approx(1));
  CHECK(numbers(apply("HannWindow", {integer(3)}, {attribute("periodic", 0)})[0])[1] == Approx(1));
  CHECK(numbers(apply("BlackmanWindow", {integer(1)}, {attribute("periodic", 0)})[0]) == Numbers{1});
  CHECK(apply("HammingWindow", {integer(3)}, {attribute("output_datatype", 11)})[0].element ==
        Element::kFloat64);
  CHECK(apply("HannWindow", {integer(0)})[0].shape() == Shape{0});
  CHECK_THROWS_AS(apply("HannWindow", {integer(-1)}), Error);
  CHECK_THROWS_AS(apply("HannWindow", {integer(INT64_MAX)}), Error);
  CHECK_THROWS_AS(apply("HannWindow", {integer(3)}, {attribute("output_datatype", 99)}), Error);
  const auto mel = [](int64_t bins, int64_t length, int64_t rate, float low, float high) {
    return apply("MelWeightMatrix",
                 {integer(bins), integer(length), integer(rate), floats({low}, {}), floats({high}, {})});
  };
  CHECK(mel(8, 16, 8192, 0, 4096)[0].shape() == Shape{9, 8});
  CHECK_THROWS_AS(mel(8, 16, 8192, 0, 1e9F), Error);
  CHECK_THROWS_AS(mel(0, 16, 8192, 0, 4096), Error);
  CHECK_THROWS_AS(mel(int64_t{1} << 40, int64_t{1} << 40, 8192, 0, 4096), Error);
  CHECK_THROWS_AS(mel(8, 16, 8192, NAN, 4096), Error);
}

TEST_CASE("Random numbers follow their seed and have the type asked for") {
  const std::vector<Attribute> same = {attribute("shape", Ints{50}), attribute("seed", 3.0F)};
  CHECK(numbers(apply("RandomNormal", {}, same)[0]) == numbers(apply("RandomNormal", {}, same)[0]));
  CHECK(numbers(apply("RandomNormal", {}, same)[0]) !=
        numbers(apply("RandomNormal", {}, {attribute("shape", Ints{50}), attribute("seed", 4.0F)})[0]));
  const Value u = apply("RandomUniformLike", {integers({1, 2, 3})},
                        {attribute("low", 5.0F), attribute("high", 6.0F), attribute("dtype", 10)})[0];
  CHECK(u.element == Element::kFloat16);
  for (const double x : numbers(u)) CHECK((x >= 5 && x <= 6));
  CHECK_THROWS_WITH(apply("RandomUniform", {}, {attribute("shape", Ints{2}), attribute("low", 2.0F)}),
                    Contains("low is 2"));
  CHECK_THROWS_AS(apply("RandomUniform", {}, {attribute("shape", Ints{-2})}), Error);
  CHECK_THROWS_AS(apply("RandomUniform", {}, {attribute("shape", Ints{INT64_MAX, 4})}), Error);
  CHECK_THROWS_WITH(apply("RandomNormal", {}, {attribute("shape", Ints{2}), attribute("scale", -1.0F)}),
                    Contains("scale"));
  const Value coin = apply("Bernoulli", {floats({0, 1, 1})}, {attribute("dtype", 9)})[0];
  CHECK(coin.element == Element::kBool);
  CHECK(wholes(coin) == Ints{0, 1, 1});
  CHECK_THROWS_AS(apply("Bernoulli", {floats({2})}), Error);
  const Value drawn =
      apply("Multinomial", {floats({-1000, 0, -1000, 1000}, {2, 2})}, {attribute("sample_size", 3)})[0];
  CHECK(wholes(drawn) == Ints{1, 1, 1, 1, 1, 1});
  CHECK_THROWS_AS(apply("Multinomial", {floats({1, 2}, {1, 2})}, {attribute("sample_size", 0)}), Error);
}

TEST_CASE("Bits are taken as another type of their width") {
  const auto bits = [](const Value& v, Element to) {
    return apply("BitCast", {v}, {attribute("to", static_cast<int>(to))}, 26)[0];
  };
  CHECK(wholes(bits(floats({1}), Element::kInt32)) == Ints{0x3F800000});
  CHECK(wholes(bits(floats({-0.0F}), Element::kUInt32)) == Ints{0x80000000});
  CHECK(wholes(bits(of_type({255, 127}, Element::kUInt8), Element::kInt8)) == Ints{-1, 127});
  CHECK(numbers(bits(of_type({0x7E, 0x38}, Element::kUInt8), Element::kFloat8E4M3FN)) == Numbers{448, 1});
  CHECK(wholes(bits(of_type({15}, Element::kUInt4), Element::kInt4)) == Ints{-1});
  CHECK(numbers(bits(integers({0x4000000000000000}), Element::kFloat64)) == Numbers{2});
  const Value pair = bits(integers({0x3F800000}), Element::kComplex64);
  CHECK(numbers(pair) == Numbers{1, 0});
  CHECK(wholes(bits(pair, Element::kInt64)) == Ints{0x3F800000});
  CHECK_THROWS_WITH(bits(floats({1}), Element::kFloat64), Contains("32 bits"));
  CHECK_THROWS_AS(apply("BitCast", {texts({"a"})}, {attribute("to", 1)}, 26), Error);
}

TEST_CASE("Einsum, determinants and boxes") {
  CHECK(wholes(apply("Einsum", {integers({1, 2, 3, 4}, {2, 2}), integers({5, 6})},
                     {attribute("equation", "ij,j->i")})[0]) == Ints{17, 39});
  CHECK_THROWS_AS(apply("Einsum", {floats({1, 2})}, {attribute("equation", "ij->i")}), Error);
  CHECK_THROWS_WITH(apply("Einsum", {floats({1, 2})}), Contains("'equation' is missing"));
  CHECK(numbers(apply("Det", {floats({1, 2, 3, 4}, {2, 2})})[0])[0] == Approx(-2));
  CHECK_THROWS_AS(apply("Det", {floats({1, 2}, {1, 2})}), Error);
  const Value boxes = floats({0, 0, 1, 1, 0, 0, 1, 1.1F, 2, 2, 3, 3}, {1, 3, 4}),
              scores = floats({0.9F, 0.8F, 0.7F}, {1, 1, 3});
  CHECK(wholes(apply("NonMaxSuppression", {boxes, scores, integer(3), floats({0.5F})})[0]) ==
        Ints{0, 0, 0, 0, 0, 2});
  CHECK(apply("NonMaxSuppression", {boxes, scores})[0].shape() == Shape{0, 3});
  CHECK_THROWS_AS(apply("NonMaxSuppression", {boxes, floats({1}, {1, 1, 1}), integer(3)}), Error);
}
