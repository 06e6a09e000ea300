// Views share memory, indices are checked, writes keep their order: what the samples cannot say.
#include <catch2/catch.hpp>
#include <cstring>

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/embedding.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"

using namespace dlb;

namespace {

using Ints = std::vector<int64_t>;

Tensor counting(Shape shape) {
  const int64_t n = numel(shape);
  return reshape(arange(0, static_cast<double>(n)), std::move(shape));
}
Tensor ints(Ints v, Shape shape) { return Tensor::from(v, std::move(shape)); }
Ints list(const Tensor& x) { return x.to_vector<int64_t>(); }

}  // namespace

TEST_CASE("views share the memory of their input") {
  const Tensor x = counting({4, 6});
  CHECK(diagonal(x, 1).shares_storage(x));
  CHECK(unfold_dim(x, 1, 3, 2).shares_storage(x));
  CHECK(as_strided(x, {2, 2}, {6, 1}, 3).shares_storage(x));
  CHECK(movedim(x, {0}, {1}).shares_storage(x));
  CHECK(squeeze_all(unsqueeze(x, 0)).shares_storage(x));
  CHECK(view(transpose(x, 0, 1), {2, 3, 4}).shares_storage(x));
  for (const auto& parts : {split(x, 4, 1), chunk(x, 3, 0), tensor_split(x, 4, 1), unbind(x, 0)}) {
    for (const Tensor& part : parts) CHECK(part.shares_storage(x));
  }
  CHECK_THROWS_WITH(view(transpose(x, 0, 1), {24}), Catch::Contains("reshape copies"));
}

TEST_CASE("windows, diagonals and parts") {
  CHECK(list(unfold_dim(counting({5}), 0, 3, 2)) == Ints{0, 1, 2, 2, 3, 4});
  CHECK(list(diagonal(counting({3, 4}), -1)) == Ints{4, 9});
  CHECK(diagonal(counting({3, 4}), 9).shape() == Shape{0});
  CHECK(list(diag_embed(counting({2}), -1)) == Ints{0, 0, 0, 0, 0, 0, 0, 1, 0});
  CHECK(tensor_split(counting({7}), 3, 0)[0].shape() == Shape{3});
  CHECK(tensor_split_at(counting({5}), {2, 9, -1}, 0)[2].shape() == Shape{0});
  CHECK(chunk(counting({0, 2}), 3, 0).size() == 3);
  CHECK(list(roll(counting({2, 3}), {1})) == Ints{5, 0, 1, 2, 3, 4});
  CHECK(list(rot90(counting({2, 3}))) == Ints{2, 5, 1, 4, 0, 3});
  CHECK(list(repeat_interleave(counting({3}), ints({2, 0, 1}, {3}))) == Ints{0, 0, 2});
  CHECK(list(tril_indices(2, 3, 1)) == Ints{0, 0, 1, 1, 1, 0, 1, 0, 1, 2});
  CHECK(list(vander(ints({2, 3}, {2}), 3)) == Ints{4, 2, 1, 9, 3, 1});
  CHECK(list(combinations(counting({3}), 2, true)) == Ints{0, 0, 0, 1, 0, 2, 1, 1, 1, 2, 2, 2});
}

TEST_CASE("as_strided stays inside the storage") {
  const Tensor x = counting({6});
  CHECK_THROWS_WITH(as_strided(x, {3}, {3}), Catch::Contains("leaves the storage"));
  CHECK_THROWS_AS(as_strided(x, {2}, {1}, 5), Error);
  CHECK_THROWS_AS(as_strided(x, {2}, {-1}, 3), Error);
  CHECK_THROWS_AS(as_strided(x, {2}, {1}, -1), Error);
  CHECK_THROWS_AS(as_strided(x, {2, 2}, {1}), Error);
  CHECK_THROWS_AS(as_strided(x, {3}, {int64_t{1} << 62}), Error);
  CHECK(list(as_strided(slice(x, 0, 2, 4), {2}, {1}, 4)) == Ints{4, 5});
  CHECK(as_strided(x, {0, 5}, {100, 100}, 6).numel() == 0);
}

TEST_CASE("indices out of range are named") {
  const Tensor x = counting({3, 4});
  CHECK_THROWS_WITH(index_copy(x, 0, ints({0, 3}, {2}), counting({2, 4})), Catch::Contains("index 3"));
  CHECK_THROWS_WITH(scatter(x, 1, ints({-1}, {1, 1}), counting({1, 1})), Catch::Contains("index -1"));
  CHECK_THROWS_WITH(take(x, ints({12}, {1})), Catch::Contains("index 12"));
  CHECK_THROWS_WITH(index(x, {std::nullopt, ints({4}, {1})}), Catch::Contains("index 4"));
  CHECK_THROWS_WITH(index(x, {ints({0}, {1}), ints({0}, {1}), ints({0}, {1})}),
                    Catch::Contains("more dimensions"));
  CHECK_THROWS_WITH(index(x, {Tensor::from(std::vector<bool>{true}, {1})}), Catch::Contains("mask [1]"));
  CHECK_THROWS_WITH(embedding(ones({3, 2}), ints({3}, {1})), Catch::Contains("index 3"));
  CHECK_THROWS_AS(embedding_bag(ones({3, 2}), ints({0, 1}, {2}), ints({1}, {1})), Error);
  CHECK_THROWS_AS(embedding_bag(ones({3, 2}), ints({0, 1}, {2}), ints({0, 2, 1}, {3})), Error);
  CHECK_THROWS_AS(masked_scatter(x, ge(x, 0.0), counting({3})), Error);
}

TEST_CASE("an index expression puts its dimensions where the indexed ones were") {
  const Tensor x = counting({2, 3, 4});
  const Tensor i = ints({1, 0}, {2});
  CHECK(index(x, {std::nullopt, i, i}).shape() == Shape{2, 2});
  CHECK(index(x, {std::nullopt, ints({0, 1, 2, 0}, {2, 2})}).shape() == Shape{2, 2, 2, 4});
  const Tensor apart = index(x, {i, std::nullopt, ints({-1, 0}, {2})});
  CHECK(apart.shape() == Shape{2, 3});
  CHECK(list(apart) == Ints{15, 19, 23, 0, 4, 8});
  CHECK(list(index(x, {i, Tensor::from(std::vector<bool>{true, false, true}, {3})})) ==
        Ints{12, 13, 14, 15, 8, 9, 10, 11});
  CHECK(list(index_put(counting({2, 2}), {i, i}, ints({9}, {1}))) == Ints{9, 1, 2, 9});
  CHECK(list(index_put(counting({2}), {ints({1, 1}, {2})}, ints({5, 6}, {2}), true)) == Ints{0, 12});
}

TEST_CASE("repeated indices are written in order, with any number of threads") {
  CHECK(list(scatter(counting({3}), 0, ints({1, 1, 1}, {3}), ints({7, 8, 9}, {3}))) == Ints{0, 9, 2});
  CHECK(list(index_copy(counting({2, 2}), 0, ints({0, 0}, {2}), ints({1, 2, 3, 4}, {2, 2}))) ==
        Ints{3, 4, 2, 3});
  const int before = threads();
  Ints many;
  for (int64_t i = 0; i < 60000; ++i) many.push_back(i * 7919 % 13);
  const Tensor rows = ints(many, {60000});
  const Tensor src = normal({60000, 8}, 0, 1, {3, RngPurpose::kUser, 0, 0});
  std::vector<Tensor> results;
  for (const int count : {1, 2}) {
    set_threads(count);
    results.push_back(cat({index_add(zeros({13, 8}), 0, rows, src), index_copy(zeros({13, 8}), 0, rows, src),
                           scatter_add(zeros({13, 8}), 0, expand(unsqueeze(rows, 1), {60000, 8}), src)},
                          0));
  }
  set_threads(before);
  CHECK(std::memcmp(results[0].raw(), results[1].raw(), results[0].spec().bytes()) == 0);
}

TEST_CASE("padding modes") {
  const Tensor x = counting({4});
  CHECK(list(pad(x, {2, 3}, PadMode::kReflect)) == Ints{2, 1, 0, 1, 2, 3, 2, 1, 0});
  CHECK(list(pad(x, {2, -1}, PadMode::kReplicate)) == Ints{0, 0, 0, 1, 2});
  CHECK(list(pad(x, {4, 1}, PadMode::kCircular)) == Ints{0, 1, 2, 3, 0, 1, 2, 3, 0});
  CHECK_THROWS_WITH(pad(x, {4, 0}, PadMode::kReflect), Catch::Contains("below the size"));
  CHECK_THROWS_AS(pad(x, {5, 0}, PadMode::kCircular), Error);
  CHECK_THROWS_AS(pad(x, {-3, -2}, PadMode::kReplicate), Error);
  CHECK_THROWS_AS(pad(counting({0}), {1, 1}, PadMode::kReplicate), Error);
}

TEST_CASE("max_norm shortens the rows that are used, in the table") {
  const Tensor table = Tensor::from(std::vector<double>{3, 4, 30, 40, 0.3, 0.4}, {3, 2});
  const Tensor out = embedding(table, ints({0, 2, 0}, {3}), {.max_norm = 1.0});
  const std::vector<double> got = table.to_vector<double>();
  CHECK(got[0] == Approx(0.6).epsilon(1e-6));
  CHECK(got[3] == 40);
  CHECK(got[4] == 0.3);
  CHECK(out.to_vector<double>()[1] == Approx(0.8).epsilon(1e-6));
}
