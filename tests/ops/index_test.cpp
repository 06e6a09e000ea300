#include "dlb/ops/index.h"

#include <catch2/catch.hpp>

#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

using Ints = std::vector<int64_t>;

Tensor counting(const Shape& shape) { return reshape(arange(0, static_cast<double>(numel(shape))), shape); }
Tensor index(Ints v, const Shape& shape) { return Tensor::from(v, shape); }

TEST_CASE("gather and scatter_add") {
  const Tensor x = counting({2, 3});
  const Tensor i = index({2, 0, 0, 1}, {2, 2});
  CHECK(gather(x, 1, i).to_vector<int64_t>() == Ints{2, 0, 3, 4});
  CHECK(gather(x, 0, index({1, 0, 1}, {1, 3})).to_vector<int64_t>() == Ints{3, 1, 5});
  CHECK(gather(x, 1, cast(i, DType::kInt32)).to_vector<int64_t>() == Ints{2, 0, 3, 4});
  CHECK(gather(transpose(x, 0, 1), 0, transpose(i, 0, 1)).to_vector<int64_t>() == Ints{2, 3, 0, 4});
  CHECK(
      scatter_add(x, 1, index({2, 2, 0, 1}, {2, 2}), index({10, 20, 30, 40}, {2, 2})).to_vector<int64_t>() ==
      Ints{0, 1, 32, 33, 44, 5});
  CHECK(x.to_vector<int64_t>() == Ints{0, 1, 2, 3, 4, 5});  // inputs never change
}

TEST_CASE("index_select and index_add") {
  const Tensor x = counting({2, 3});
  CHECK(index_select(x, 0, index({1, 1, 0}, {3})).to_vector<int64_t>() == Ints{3, 4, 5, 3, 4, 5, 0, 1, 2});
  CHECK(index_select(x, 1, index({2}, {1})).to_vector<int64_t>() == Ints{2, 5});
  CHECK(index_add(x, 1, index({0, 0}, {2}), index({10, 20, 30, 40}, {2, 2})).to_vector<int64_t>() ==
        Ints{30, 1, 2, 73, 4, 5});
  CHECK(index_select(ones({2, 2}, DType::kBFloat16), 0, index({0}, {1})).dtype() == DType::kBFloat16);
}

TEST_CASE("one_hot") {
  CHECK(one_hot(index({1, 0}, {2}), 3).to_vector<int64_t>() == Ints{0, 1, 0, 1, 0, 0});
  CHECK(one_hot(index({1}, {}), 2, DType::kBool).dtype() == DType::kBool);
  CHECK(one_hot(zeros({2, 2}, DType::kInt64), 5).shape() == Shape{2, 2, 5});
}

TEST_CASE("a bad index is named, and nothing is read") {
  const Tensor x = counting({2, 3});
  const auto fails = [](const auto& f, const char* text) {
    try {
      f();
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(e.kind == ErrorKind::kData);
      CHECK_THAT(e.message, Catch::Contains(text));
    }
  };
  fails([&] { index_select(x, 0, index({0, 2}, {2})); }, "index 2 at position 1");
  fails([&] { index_select(x, 0, index({-1}, {1})); }, "index -1 at position 0");
  fails([&] { gather(x, 1, index({0, 3}, {1, 2})); }, "index 3 at position 1");
  fails([&] { scatter_add(x, 1, index({9}, {1, 1}), index({1}, {1, 1})); }, "index 9");
  fails([&] { index_add(x, 0, index({5}, {1}), counting({1, 3})); }, "index 5");
  fails([&] { one_hot(index({4}, {1}), 4); }, "4 classes");
}

TEST_CASE("wrong shapes and dtypes of an index") {
  const Tensor x = counting({2, 3});
  CHECK_THROWS_WITH(index_select(x, 0, ones({1})), Catch::Contains("int64"));
  CHECK_THROWS_AS(index_select(x, 0, index({0}, {1, 1})), Error);
  CHECK_THROWS_AS(gather(x, 1, index({0}, {1})), Error);
  CHECK_THROWS_AS(gather(x, 1, index({0, 0, 0}, {3, 1})), Error);
  CHECK_THROWS_AS(index_add(x, 0, index({0}, {1}), counting({1, 2})), Error);
  CHECK_THROWS_AS(index_add(x, 0, index({0}, {1}), ones({1, 3})), Error);
  CHECK_THROWS_AS(index_select(Tensor::scalar(1), 0, index({0, 0}, {2})), Error);
}

}  // namespace
}  // namespace dlb
