#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("Reductions take axes as an attribute first, as an input later") {
  const Value x = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  const auto old = apply("ReduceSum", {x}, {attribute("axes", Ints{-1}), attribute("keepdims", 0)}, 11);
  CHECK(old[0].shape() == Shape{2});
  CHECK(numbers(old[0]) == Numbers{6, 15});
  CHECK(numbers(apply("ReduceSum", {x, integers({0})}, {attribute("keepdims", 0)}, 13)[0]) ==
        Numbers{5, 7, 9});
  CHECK(apply("ReduceMean", {x}, {}, 1)[0].shape() == Shape{1, 1});
  CHECK(numbers(apply("ReduceMax", {x}, {attribute("axes", Ints{0, 1}), attribute("keepdims", 0)}, 1)[0]) ==
        Numbers{6});
  CHECK_THROWS_WITH(apply("ReduceSum", {x}, {attribute("axes", Ints{2})}, 11), Contains("axis 2"));
  CHECK_THROWS_AS(apply("ReduceSum", {x, integers({0, 0})}), Error);
}

TEST_CASE("Reductions over no axes leave the elements apart") {
  const Value x = floats({-1, 2}, {2}), none = integers({});
  const auto noop = [&](const char* op) {
    return numbers(apply(op, {x, none}, {attribute("noop_with_empty_axes", 1)})[0]);
  };
  CHECK(noop("ReduceSum") == Numbers{-1, 2});
  CHECK(noop("ReduceL1") == Numbers{1, 2});
  CHECK(noop("ReduceSumSquare") == Numbers{1, 4});
  CHECK(numbers(apply("ReduceSum", {x, none})[0]) == Numbers{1});
}

TEST_CASE("Reductions keep the type of whole numbers") {
  const Value bytes = of_type({100, 100, 50}, Element::kInt8);
  const Value sum = apply("ReduceSum", {bytes}, {attribute("keepdims", 0)})[0];
  CHECK(sum.element == Element::kInt8);
  CHECK(wholes(sum) == Ints{250 - 256});
  CHECK(wholes(apply("ReduceMean", {integers({-3, -4})}, {attribute("keepdims", 0)})[0]) == Ints{-3});
  CHECK(wholes(apply("ReduceL2", {integers({3, 4})}, {attribute("keepdims", 0)})[0]) == Ints{5});
  // The upper half of uint64 is larger than the lower.
  const Value wide(Tensor::from(Ints{1, -1, 2}, {3}), Element::kUInt64);
  CHECK(wholes(apply("ReduceMax", {wide}, {attribute("keepdims", 0)})[0]) == Ints{-1});
  CHECK(wholes(apply("ReduceMin", {wide}, {attribute("keepdims", 0)})[0]) == Ints{1});
  CHECK(wholes(apply("ArgMax", {wide}, {attribute("keepdims", 0)})[0]) == Ints{1});
  CHECK(wholes(apply("TopK", {wide, integers({2})}, {}, 24, 2)[1]) == Ints{1, 2});
}

TEST_CASE("Reductions of nothing give the neutral element") {
  const Value none = floats({}, {2, 0});
  const auto of = [&](const char* op) {
    return numbers(apply(op, {none, integers({1})}, {attribute("keepdims", 0)})[0]);
  };
  CHECK(of("ReduceSum") == Numbers{0, 0});
  CHECK(of("ReduceProd") == Numbers{1, 1});
  CHECK(of("ReduceMax") == Numbers{-kInf, -kInf});
  CHECK(of("ReduceMin") == Numbers{kInf, kInf});
  CHECK(of("ReduceLogSum") == Numbers{-kInf, -kInf});
  CHECK(of("ReduceLogSumExp") == Numbers{-kInf, -kInf});
  CHECK(wholes(apply("ReduceMin", {integers({}, {0})}, {attribute("keepdims", 0)})[0]) ==
        Ints{std::numeric_limits<int64_t>::max()});
  CHECK(wholes(apply("ReduceMax", {of_type({}, Element::kInt8)}, {attribute("keepdims", 0)})[0]) ==
        Ints{-128});
  CHECK_THROWS_WITH(apply("ReduceMean", {integers({}, {0})}), Contains("no mean"));
  CHECK_THROWS_WITH(apply("ArgMax", {floats({}, {0, 2})}), Contains("empty"));
}

TEST_CASE("Reductions of 0-d tensors") {
  for (const char* op :
       {"ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceL2"}) {
    INFO(op);
    const Value y = apply(op, {floats({3}, {})})[0];
    CHECK(y.shape() == Shape{});
    CHECK(numbers(y)[0] == Approx(3));
  }
}

TEST_CASE("Sums of squares of small floats do not overflow on the way") {
  const Value half(graph::convert(floats({300, 400}).tensor, Element::kFloat32, Element::kFloat16),
                   Element::kFloat16);
  CHECK(numbers(apply("ReduceL2", {half}, {attribute("keepdims", 0)})[0]) == Numbers{500});
}

TEST_CASE("ArgMax can take the last of equal elements") {
  const Value x = floats({2, 1, 2, 0, 3, 3}, {2, 3});
  CHECK(wholes(apply("ArgMax", {x}, {attribute("axis", 1), attribute("keepdims", 0)})[0]) == Ints{0, 1});
  CHECK(wholes(apply("ArgMax", {x},
                     {attribute("axis", -1), attribute("keepdims", 0),
                      attribute("select_last_index", 1)})[0]) == Ints{2, 2});
}

TEST_CASE("Running sums and products") {
  const Value x = floats({1, 2, 3}), axis = integer(0);
  const Attribute exclusive = attribute("exclusive", 1), reverse = attribute("reverse", 1);
  CHECK(numbers(apply("CumSum", {x, axis})[0]) == Numbers{1, 3, 6});
  CHECK(numbers(apply("CumSum", {x, axis}, {exclusive})[0]) == Numbers{0, 1, 3});
  CHECK(numbers(apply("CumSum", {x, axis}, {exclusive, reverse})[0]) == Numbers{5, 3, 0});
  CHECK(numbers(apply("CumProd", {x, axis}, {exclusive, reverse}, 26)[0]) == Numbers{6, 3, 1});
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(numbers(apply("CumSum", {floats({1, inf}), axis}, {exclusive})[0]) == Numbers{0, 1});
  CHECK(apply("CumSum", {floats({}, {0}), axis}, {exclusive})[0].shape() == Shape{0});
  CHECK_THROWS_WITH(apply("CumSum", {x, integer(1)}), Contains("axis 1"));
  CHECK_THROWS_AS(apply("CumSum", {x, integers({0, 0})}), Error);
}

TEST_CASE("TopK of all opsets") {
  const Value x = floats({3, 1, 4, 1, 5}, {5});
  const auto first = apply("TopK", {x}, {attribute("k", 2)}, 1, 2);
  CHECK(numbers(first[0]) == Numbers{5, 4});
  CHECK(wholes(first[1]) == Ints{4, 2});
  const auto least = apply("TopK", {x, integers({2})}, {attribute("largest", 0)}, 11, 2);
  CHECK(wholes(least[1]) == Ints{1, 3});
  const auto none = apply("TopK", {x, integers({0})}, {}, 11, 2);
  CHECK(none[0].shape() == Shape{0});
  CHECK(none[1].element == Element::kInt64);
  CHECK_THROWS_WITH(apply("TopK", {x, integers({6})}, {}, 11, 2), Contains("k is 6"));
  CHECK_THROWS_WITH(apply("TopK", {x, integers({-1})}, {}, 11, 2), Contains("k is -1"));
  CHECK_THROWS_WITH(apply("TopK", {x}, {}, 1, 2), Contains("'k' is missing"));
}
