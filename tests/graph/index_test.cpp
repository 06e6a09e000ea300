#include <catch2/catch.hpp>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;
using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Gather takes negative indices, texts and indices of any shape") {
  const Value x = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  const Value y = apply("Gather", {x, integers({-1, 0, 1, -3}, {2, 2})}, {attribute("axis", 1)})[0];
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(numbers(y) == Numbers{3, 1, 2, 1, 6, 4, 5, 4});
  CHECK(apply("Gather", {x, integer(1)})[0].shape() == Shape{3});
  CHECK(apply("Gather", {texts({"a", "b"}), integers({1, -2})})[0].texts->items == Strings{"b", "a"});
  for (const int64_t bad : {int64_t{3}, int64_t{-4}, INT64_MAX, INT64_MIN})
    CHECK_THROWS_AS(apply("Gather", {x, integer(bad)}, {attribute("axis", 1)}), Error);
  CHECK_THROWS_AS(apply("Gather", {x, integer(0)}, {attribute("axis", 2)}), Error);
  CHECK_THROWS_AS(apply("Gather", {floats({1}, {}), integer(0)}), Error);
}

TEST_CASE("GatherND with batch dimensions") {
  const Value x = integers({0, 1, 2, 3, 4, 5, 6, 7}, {2, 2, 2});
  const Value y = apply("GatherND", {x, integers({1, 0}, {2, 1})}, {attribute("batch_dims", 1)})[0];
  CHECK(y.shape() == Shape{2, 2});
  CHECK(wholes(y) == Ints{2, 3, 4, 5});
  CHECK(wholes(apply("GatherND", {x, integers({-1, -1, -1}, {3})})[0]) == Ints{7});
  CHECK_THROWS_AS(apply("GatherND", {x, integers({2, 0}, {2, 1})}), Error);
  CHECK_THROWS_WITH(apply("GatherND", {x, integers({0, 0, 0, 0}, {1, 4})}), Contains("do not fit"));
  CHECK_THROWS_WITH(apply("GatherND", {x, integers({0}, {})}), Contains("do not fit"));
  CHECK_THROWS_WITH(apply("GatherND", {x, integers({0}, {1, 1})}, {attribute("batch_dims", 1)}),
                    Contains("batch dimension 0"));
  CHECK_THROWS_WITH(apply("GatherND", {x, integers({0}, {1, 1})}, {attribute("batch_dims", -1)}),
                    Contains("do not fit"));
}

TEST_CASE("Scattering with reductions") {
  const Value x = floats({1, 2, 3}), at = integers({0, 0, -1}), by = floats({10, 20, -5});
  const auto scattered = [&](const char* how) {
    return numbers(apply("ScatterElements", {x, at, by}, {attribute("reduction", how)})[0]);
  };
  CHECK(scattered("add") == Numbers{31, 2, -2});
  CHECK(scattered("mul") == Numbers{200, 2, -15});
  CHECK(scattered("max") == Numbers{20, 2, 3});
  CHECK(scattered("min") == Numbers{1, 2, -5});
  CHECK_THROWS_WITH(scattered("mean"), Contains("'mean'"));
  CHECK(numbers(apply("Scatter", {x, integers({1}), floats({7})}, {}, 9)[0]) == Numbers{1, 7, 3});
  const Value words = apply("ScatterElements", {texts({"a", "b", "c"}), integers({2}), texts({"z"})})[0];
  CHECK(words.texts->items == Strings{"a", "b", "z"});
  const Value bytes =
      apply("ScatterElements", {of_type({120}, Element::kInt8), integers({0}), of_type({10}, Element::kInt8)},
            {attribute("reduction", "add")})[0];
  CHECK(wholes(bytes) == Ints{130 - 256});
  CHECK_THROWS_AS(apply("ScatterElements", {x, integers({3}), floats({7})}), Error);
  CHECK_THROWS_WITH(apply("ScatterElements", {x, at, floats({1})}), Contains("updates"));
  CHECK_THROWS_WITH(apply("ScatterElements", {x, at, integers({1, 2, 3})}), Contains("not of one type"));
}

TEST_CASE("ScatterND writes slices") {
  const Value x = floats({1, 2, 3, 4}, {2, 2});
  CHECK(numbers(apply("ScatterND", {x, integers({-1}, {1, 1}), floats({8, 9}, {1, 2})})[0]) ==
        Numbers{1, 2, 8, 9});
  CHECK(numbers(apply("ScatterND", {x, integers({0, 0, 0, 0}, {2, 2}), floats({8, 9}, {2})},
                      {attribute("reduction", "add")})[0]) == Numbers{18, 2, 3, 4});
  CHECK_THROWS_WITH(apply("ScatterND", {x, integers({0}, {1, 1}), floats({8}, {1})}),
                    Contains("expected [1, 2]"));
  CHECK_THROWS_AS(apply("ScatterND", {x, integers({2}, {1, 1}), floats({8, 9}, {1, 2})}), Error);
}

TEST_CASE("TensorScatter checks where it writes") {
  const Value cache = floats({0, 0, 0, 0, 0, 0}, {2, 3, 1}), update = floats({1, 2, 3, 4}, {2, 2, 1});
  CHECK(numbers(apply("TensorScatter", {cache, update, integers({1, 0})})[0]) == Numbers{0, 1, 2, 3, 4, 0});
  const Value round =
      apply("TensorScatter", {cache, update, integers({2, 0})}, {attribute("mode", "circular")})[0];
  CHECK(numbers(round) == Numbers{2, 0, 1, 3, 4, 0});
  CHECK_THROWS_WITH(apply("TensorScatter", {cache, update, integers({2, 0})}),
                    Contains("2 elements written at 2 of 3"));
  CHECK_THROWS_AS(apply("TensorScatter", {cache, update, integers({-1, 0})}), Error);
  CHECK_THROWS_AS(apply("TensorScatter", {cache, update, integers({0})}), Error);
  CHECK_THROWS_AS(apply("TensorScatter", {cache, update}, {attribute("axis", 0)}), Error);
}

TEST_CASE("NonZero and Compress") {
  CHECK(apply("NonZero", {floats({1}, {})})[0].shape() == Shape{0, 1});
  CHECK(wholes(apply("NonZero", {floats({1, 0, 2, 3}, {2, 2})})[0]) == Ints{0, 1, 1, 0, 0, 1});
  const Value mask(graph::convert(integers({0, 1}).tensor, Element::kInt64, Element::kBool), Element::kBool);
  const Value x = floats({1, 2, 3, 4}, {2, 2});
  CHECK(numbers(apply("Compress", {x, mask})[0]) == Numbers{2});
  CHECK(numbers(apply("Compress", {x, mask}, {attribute("axis", 0)})[0]) == Numbers{3, 4});
  CHECK(apply("Compress", {texts({"a", "b", "c"}), mask})[0].texts->items == Strings{"b"});
  CHECK_THROWS_WITH(apply("Compress", {floats({1}), mask}), Contains("2 conditions"));
}

TEST_CASE("Unique, sorted or in order of appearance") {
  const Value x = integers({2, 1, 1, 3, 2});
  const auto sorted = apply("Unique", {x}, {}, 24, 4);
  CHECK(wholes(sorted[0]) == Ints{1, 2, 3});
  CHECK(wholes(sorted[1]) == Ints{1, 0, 3});
  CHECK(wholes(sorted[2]) == Ints{1, 0, 0, 2, 1});
  CHECK(wholes(sorted[3]) == Ints{2, 2, 1});
  const auto first = apply("Unique", {x}, {attribute("sorted", 0)}, 24, 4);
  CHECK(wholes(first[0]) == Ints{2, 1, 3});
  CHECK(wholes(first[2]) == Ints{0, 1, 1, 2, 0});
  const auto words = apply("Unique", {texts({"b", "a", "b"})}, {}, 24, 4);
  CHECK(words[0].texts->items == Strings{"a", "b"});
  CHECK(wholes(words[3]) == Ints{1, 2});
  const auto columns = apply("Unique", {integers({1, 0, 1, 2, 3, 2}, {2, 3})}, {attribute("axis", 1)}, 24, 2);
  CHECK(columns[0].shape() == Shape{2, 2});
  CHECK(wholes(columns[0]) == Ints{0, 1, 3, 2});
}
