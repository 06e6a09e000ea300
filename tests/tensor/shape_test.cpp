#include "dlb/tensor/shape.h"

#include <catch2/catch.hpp>

#include "dlb/base/error.h"

using namespace dlb;

TEST_CASE("numel refuses negative sizes and overflow", "[tensor]") {
  CHECK(numel(Shape{}) == 1);
  CHECK(numel(Shape{2, 0, 3}) == 0);
  CHECK(numel(Shape{4, 5}) == 20);
  CHECK_THROWS_AS(numel(Shape{2, -1}), Error);
  CHECK_THROWS_AS(numel(Shape{int64_t{1} << 40, int64_t{1} << 40}), Error);
}

TEST_CASE("row-major and channels-last strides", "[tensor]") {
  CHECK(contiguous_strides(Shape{2, 3, 4}) == Strides{12, 4, 1});
  CHECK(channels_last_strides(Shape{2, 3, 4, 5}) == Strides{60, 1, 15, 3});
  CHECK(is_channels_last(Shape{2, 3, 4, 5}, Strides{60, 1, 15, 3}));
  CHECK_FALSE(is_channels_last(Shape{2, 3, 4, 5}, Strides{60, 20, 5, 1}));
  // With one channel both layouts are the same memory.
  CHECK(is_channels_last(Shape{2, 1, 4, 5}, Strides{20, 20, 5, 1}));
  CHECK(is_contiguous(Shape{2, 1, 4, 5}, Strides{20, 1, 5, 1}));
}

TEST_CASE("density ignores the order of dimensions", "[tensor]") {
  CHECK(is_dense(Shape{2, 3, 4, 5}, channels_last_strides(Shape{2, 3, 4, 5})));
  CHECK(is_dense(Shape{3, 2}, Strides{1, 3}));
  CHECK_FALSE(is_dense(Shape{3, 2}, Strides{4, 1}));
  CHECK_FALSE(is_dense(Shape{3, 2}, Strides{0, 1}));
}

TEST_CASE("broadcasting", "[tensor]") {
  CHECK(broadcast_shapes(Shape{5, 1, 4}, Shape{3, 1}) == Shape{5, 3, 4});
  CHECK(broadcast_shapes(Shape{}, Shape{2, 0}) == Shape{2, 0});
  CHECK_THROWS_WITH(broadcast_shapes(Shape{2, 3}, Shape{4}),
                    Catch::Contains("shapes [2, 3] and [4] do not broadcast"));
}

TEST_CASE("dimension numbers", "[tensor]") {
  CHECK(normalize_dim(-1, 3) == 2);
  CHECK(normalize_dim(0, 0) == 0);
  CHECK_THROWS_WITH(normalize_dim(3, 3), Catch::Contains("dim 3 is out of range for rank 3"));
}

TEST_CASE("views of strided memory agree with what a copy would hold", "[tensor]") {
  struct Case {
    Shape shape;
    Strides strides;
    Shape target;
    bool possible;
  };
  const std::vector<Case> cases = {
      {{2, 3, 4}, {12, 4, 1}, {6, 4}, true},
      {{2, 3, 4}, {12, 4, 1}, {24}, true},
      {{2, 3, 4}, {12, 1, 3}, {2, 12}, false},
      {{2, 3, 4}, {12, 1, 3}, {2, 3, 2, 2}, true},
      {{4, 6}, {12, 2}, {24}, true},
      {{4, 6}, {12, 2}, {2, 2, 3, 2}, true},
      {{4, 6}, {1, 4}, {24}, false},
      {{1, 6}, {99, 1}, {6}, true},
      {{6}, {1}, {1, 6, 1}, true},
      {{3, 1, 2}, {2, 77, 1}, {6}, true},
      {{}, {}, {1, 1}, true},
      {{0, 3}, {3, 1}, {3, 0}, true},
  };
  for (const Case& c : cases) {
    INFO(shape_text(c.shape) << " as " << shape_text(c.target));
    Strides out;
    REQUIRE(view_strides(c.shape, c.strides, c.target, out) == c.possible);
    if (!c.possible || numel(c.shape) == 0) continue;
    // The i-th element in row-major order must sit at the same offset in both.
    const auto offset = [](const Shape& shape, const Strides& strides, int64_t i) {
      int64_t at = 0;
      for (size_t d = shape.size(); d-- > 0;) {
        at += i % shape[d] * strides[d];
        i /= shape[d];
      }
      return at;
    };
    for (int64_t i = 0; i < numel(c.shape); ++i)
      CHECK(offset(c.shape, c.strides, i) == offset(c.target, out, i));
  }
}
