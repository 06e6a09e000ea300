#include <catch2/catch.hpp>

#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb {
namespace {

using Ints = std::vector<int64_t>;

Tensor counting(const Shape& shape, DType dtype = DType::kInt64) {
  return reshape(arange(0, static_cast<double>(numel(shape)), 1, dtype), shape);
}

TEST_CASE("views share memory and show the right elements") {
  const Tensor x = counting({2, 3, 4});
  CHECK(reshape(x, {6, -1}).shares_storage(x));
  CHECK(permute(x, {2, 0, 1}).to_vector<int64_t>() ==
        Ints{0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23});
  CHECK(slice(x, -1, 1, 4, 2).to_vector<int64_t>() == Ints{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23});
  CHECK(slice(x, 1, -2, 100).shape() == Shape{2, 2, 4});
  CHECK(slice(x, 1, 2, 1).numel() == 0);
  CHECK(select(x, 1, -1).to_vector<int64_t>() == Ints{8, 9, 10, 11, 20, 21, 22, 23});
  CHECK(select(slice(x, 0, 1, 2), 0, 0).to_vector<int64_t>()[0] == 12);
  CHECK(expand(unsqueeze(select(select(x, 0, 0), 0, 0), 0), {2, -1}).to_vector<int64_t>() ==
        Ints{0, 1, 2, 3, 0, 1, 2, 3});
  CHECK(narrow(x, 2, 1, 2).shares_storage(x));
  CHECK(squeeze(unsqueeze(x, 1), 1).shape() == x.shape());
  CHECK(squeeze(x, 1).shape() == x.shape());
  CHECK(unsqueeze(x, -1).shape() == Shape{2, 3, 4, 1});
  CHECK(flatten(x, 1).shape() == Shape{2, 12});
  CHECK(flatten(Tensor::scalar(1)).shape() == Shape{1});
  CHECK(transpose(x, 0, -1).shape() == Shape{4, 3, 2});
}

TEST_CASE("reshape copies only where strides do not allow a view") {
  const Tensor x = counting({4, 6});
  CHECK(reshape(transpose(x, 0, 1), {24}).to_vector<int64_t>()[1] == 6);
  CHECK(!reshape(transpose(x, 0, 1), {24}).shares_storage(x));
  CHECK(reshape(transpose(x, 0, 1), {2, 3, 4}).shares_storage(x));
}

TEST_CASE("wrong shapes name what was asked") {
  const Tensor x = counting({2, 3});
  CHECK_THROWS_WITH(reshape(x, {4, 2}), Catch::Contains("[2, 3]") && Catch::Contains("[4, 2]"));
  CHECK_THROWS_AS(reshape(x, {-1, -1}), Error);
  CHECK_THROWS_AS(reshape(x, {-1, 4}), Error);
  CHECK_THROWS_AS(reshape(x, {-1, 0}), Error);
  CHECK_THROWS_AS(reshape(x, {int64_t{1} << 40, int64_t{1} << 40}), Error);
  CHECK_THROWS_WITH(permute(x, {0, 0}), Catch::Contains("permute"));
  CHECK_THROWS_AS(permute(x, {0}), Error);
  CHECK_THROWS_AS(expand(x, {2, 4}), Error);
  CHECK_THROWS_AS(expand(x, {3}), Error);
  CHECK_THROWS_AS(expand(unsqueeze(x, 0), {-2, 2, 3}), Error);
  CHECK_THROWS_AS(narrow(x, 1, 2, 2), Error);
  CHECK_THROWS_AS(select(x, 0, 2), Error);
  CHECK_THROWS_AS(slice(x, 0, 0, 1, 0), Error);
  CHECK_THROWS_AS(slice(x, 2, 0, 1), Error);
  CHECK_THROWS_WITH(cat({x, counting({3, 2})}, 0), Catch::Contains("cat") && Catch::Contains("[3, 2]"));
  CHECK_THROWS_AS(cat({}, 0), Error);
  CHECK_THROWS_AS(pad(x, {1}), Error);
  CHECK_THROWS_AS(pad(x, {-2, -2}), Error);
  CHECK_THROWS_AS(flip(x, {0, -2}), Error);
  CHECK_THROWS_AS(split(x, 0, 0), Error);
  CHECK_THROWS_AS(slice_scatter(x, {4, 3}, 0, 3, 1), Error);
}

TEST_CASE("copies between layouts move every element, for every element size") {
  for (const DType dtype : {DType::kUInt8, DType::kFloat16, DType::kFloat32, DType::kFloat64}) {
    for (const Shape& shape : {Shape{2, 3, 4, 5}, Shape{3, 70, 9, 11}, Shape{1, 5, 1, 3},
                               Shape{2, 64, 16, 16}, Shape{4, 1, 7, 7}}) {
      const Tensor x = cast(counting(shape, DType::kInt32), dtype);
      const std::vector<double> expected = x.to_vector<double>();
      const Tensor last = contiguous(x, Layout::kChannelsLast);
      CHECK(last.is_channels_last());
      CHECK(last.to_vector<double>() == expected);
      CHECK(contiguous(last).is_contiguous());
      CHECK(contiguous(last).to_vector<double>() == expected);
      CHECK(flatten(last, 1).to_vector<double>() == expected);
      CHECK(cast(last, DType::kFloat64).to_vector<double>() == expected);
      CHECK(contiguous(permute(x, {3, 1, 0, 2})).to_vector<double>() ==
            permute(x, {3, 1, 0, 2}).to_vector<double>());
    }
  }
  const Tensor x = counting({3, 4});
  CHECK(contiguous(x).shares_storage(x));
}

TEST_CASE("cat, stack, split and chunk") {
  const Tensor a = counting({2, 2});
  const Tensor b = counting({2, 1});
  CHECK(cat({a, b}, 1).to_vector<int64_t>() == Ints{0, 1, 0, 2, 3, 1});
  CHECK(cat({a, cast(b, DType::kFloat32)}, 1).dtype() == DType::kFloat32);
  CHECK(stack({a, a}, 1).to_vector<int64_t>() == Ints{0, 1, 0, 1, 2, 3, 2, 3});
  const Tensor image = contiguous(ones({1, 2, 3, 3}), Layout::kChannelsLast);
  CHECK(cat({image, image}, 1).is_channels_last());
  const auto parts = split(counting({7}), 3, 0);
  REQUIRE(parts.size() == 3);
  CHECK(parts[2].to_vector<int64_t>() == Ints{6});
  CHECK(chunk(counting({7}), 3, 0).size() == 3);
  CHECK(chunk(counting({6}), 4, 0).size() == 3);  // as PyTorch: chunks of 2
}

TEST_CASE("pad, flip and slice_scatter") {
  const Tensor x = counting({2, 2});
  CHECK(pad(x, {1, 0, 0, 1}, 9).to_vector<int64_t>() == Ints{9, 0, 1, 9, 2, 3, 9, 9, 9});
  CHECK(pad(x, {-1, 1}).to_vector<int64_t>() == Ints{1, 0, 3, 0});
  CHECK(flip(x, {1}).to_vector<int64_t>() == Ints{1, 0, 3, 2});
  CHECK(flip(x, {0, 1}).to_vector<int64_t>() == Ints{3, 2, 1, 0});
  CHECK(flip(transpose(x, 0, 1), {0}).to_vector<int64_t>() == Ints{1, 3, 0, 2});
  CHECK(slice_scatter(x, {2, 5}, 1, 1, 3).to_vector<int64_t>() == Ints{0, 0, 0, 0, 1, 0, 2, 0, 0, 3});
}

}  // namespace
}  // namespace dlb
