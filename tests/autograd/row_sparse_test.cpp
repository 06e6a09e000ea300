// Row-sparse gradients: what embeddings make, how they add up, and that nothing takes them for dense ones.
#include "dlb/tensor/row_sparse.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/embedding.h"
#include "dlb/ops/reduce.h"

using namespace dlb;

namespace {

struct Installed {
  Installed() { backend::cpu::install(); }
} installed;

const EmbeddingOptions kSparse{.sparse = true};

Tensor noise(Shape shape, uint32_t index, DType dtype = DType::kFloat64) {
  return normal(std::move(shape), 0, 1, {5, RngPurpose::kUser, 0, index}, dtype);
}
Tensor table_of(int64_t rows, int64_t width, DType dtype = DType::kFloat64) {
  return noise({rows, width}, 1, dtype).set_requires_grad(true);
}
Tensor numbers(std::vector<int64_t> v) {
  const auto n = static_cast<int64_t>(v.size());
  return Tensor::from(v, {n});
}

std::vector<double> dense_values(const Tensor& g) {
  return (g.is_row_sparse() ? to_dense(g) : g).to_vector<double>();
}

/// The same loss with a dense gradient.
std::vector<double> expected(const Tensor& table, const std::vector<Tensor>& uses, const Tensor& weights,
                             EmbeddingOptions options = {}) {
  const Tensor copy = mul(table.detach(), 1.0).detach();
  Tensor leaf = Tensor::empty(copy.shape(), copy.dtype());
  leaf.assign(copy);
  leaf.set_requires_grad(true);
  for (const Tensor& use : uses) backward(sum(embedding(leaf, use, options) * weights));
  return leaf.grad().to_vector<double>();
}

}  // namespace

TEST_CASE("the gradient of a sparse embedding holds the rows that were used, once each") {
  const Tensor table = table_of(10, 3);
  const Tensor index = numbers({7, 2, 7, 0});
  const Tensor weights = noise({4, 3}, 2);
  backward(sum(embedding(table, index, kSparse) * weights));
  const Tensor g = table.grad();
  REQUIRE(g.is_row_sparse());
  CHECK(g.shape() == table.shape());
  const RowSparse& rows = row_sparse(coalesce(g));
  CHECK(rows.indices.to_vector<int64_t>() == std::vector<int64_t>{0, 2, 7});
  CHECK(dense_values(g) == expected(table, {index}, weights));
}

TEST_CASE("row-sparse gradients join, and become dense beside a dense one") {
  const Tensor table = table_of(6, 2);
  const Tensor a = numbers({1, 5, 1});
  const Tensor b = numbers({5, 5, 0});
  const Tensor weights = noise({3, 2}, 3);
  backward(sum(embedding(table, a, kSparse) * weights));
  backward(sum(embedding(table, b, kSparse) * weights));
  REQUIRE(table.grad().is_row_sparse());
  const auto joined = dense_values(table.grad());
  const auto want = expected(table, {a, b}, weights);
  for (size_t i = 0; i < want.size(); ++i) CHECK(joined[i] == Approx(want[i]).margin(1e-15));
  backward(sum(table));
  REQUIRE_FALSE(table.grad().is_row_sparse());
  const auto dense = dense_values(table.grad());
  for (size_t i = 0; i < want.size(); ++i) CHECK(dense[i] == Approx(want[i] + 1).margin(1e-15));
  backward(sum(embedding(table, a, kSparse) * weights));
  CHECK_FALSE(table.grad().is_row_sparse());
}

TEST_CASE("padding and frequencies count in sparse gradients") {
  const Tensor table = table_of(5, 2);
  const Tensor index = numbers({4, 1, 4, 4, 2});
  const Tensor weights = noise({5, 2}, 4);
  EmbeddingOptions options{.padding_idx = -4, .scale_grad_by_freq = true};
  const auto want = expected(table, {index}, weights, options);
  options.sparse = true;
  backward(sum(embedding(table, index, options) * weights));
  const RowSparse& rows = row_sparse(table.grad());
  CHECK(rows.indices.to_vector<int64_t>() == std::vector<int64_t>{2, 4});
  const auto got = dense_values(table.grad());
  for (size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-15));
}

TEST_CASE("bags give row-sparse gradients") {
  for (const BagMode mode : {BagMode::kSum, BagMode::kMean, BagMode::kMax}) {
    const Tensor sparse = table_of(8, 3);
    const Tensor dense = table_of(8, 3);
    const Tensor index = numbers({1, 6, 6, 3, 1});
    const Tensor offsets = numbers({0, 2, 2});
    const Tensor weights = noise({3, 3}, 6);
    BagOptions options;
    options.mode = mode;
    backward(sum(embedding_bag(dense, index, offsets, options) * weights));
    options.sparse = true;
    backward(sum(embedding_bag(sparse, index, offsets, options) * weights));
    REQUIRE(sparse.grad().is_row_sparse());
    const auto want = dense_values(dense.grad());
    const auto got = dense_values(sparse.grad());
    for (size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-15));
  }
}

TEST_CASE("a table that is no leaf and higher derivatives have dense gradients") {
  const Tensor table = table_of(4, 2);
  const Tensor index = numbers({3, 0});
  backward(sum(embedding(table * 2.0, index, kSparse)));
  CHECK_FALSE(table.grad().is_row_sparse());
  CHECK(table.grad().to_vector<double>() == std::vector<double>{2, 2, 0, 0, 0, 0, 2, 2});
  const Tensor rows = embedding(table, index, kSparse);
  const Tensor g = grad({sum(rows * rows * rows)}, {table}, {}, true, true)[0];
  REQUIRE_FALSE(g.is_row_sparse());
  CHECK(grad({sum(g)}, {table})[0].defined());
}

TEST_CASE("an operator refuses a row-sparse gradient by name") {
  const Tensor table = table_of(4, 2);
  backward(sum(embedding(table, numbers({1}), kSparse)));
  CHECK_THROWS_WITH(table.grad() * 2.0, Catch::Contains("row-sparse"));
  CHECK_THROWS_WITH(table.grad().to_vector<float>(), Catch::Contains("row-sparse"));
  CHECK(table.grad().text() == "float64[4, 2] (row-sparse)");
  CHECK(table.grad().detach().is_row_sparse());
}

TEST_CASE("repeated rows add up to the same bits with any number of threads") {
  const int before = threads();
  std::vector<int64_t> many;
  for (int64_t i = 0; i < 20000; ++i) many.push_back(i * 7919 % 97);
  std::vector<Tensor> results;
  for (const int count : {1, 2}) {
    set_threads(count);
    const Tensor table = table_of(100, 16, DType::kFloat32);
    const Tensor weights = noise({20000, 16}, 8, DType::kFloat32);
    backward(sum(embedding(table, numbers(many), kSparse) * weights));
    results.push_back(to_dense(table.grad()));
  }
  set_threads(before);
  CHECK(std::memcmp(results[0].raw(), results[1].raw(), results[0].spec().bytes()) == 0);
}

TEST_CASE("no rows, and every row") {
  const Tensor table = table_of(3, 2);
  backward(sum(embedding(table, Tensor::empty({0}, DType::kInt64), kSparse)));
  REQUIRE(table.grad().is_row_sparse());
  CHECK(row_sparse(table.grad()).indices.numel() == 0);
  backward(sum(embedding(table, numbers({2, 1, 0}), kSparse)));
  backward(sum(embedding(table, numbers({2, 1, 0}), kSparse)));
  // More entries than rows are summed at once, so that they stay no larger than the table.
  CHECK(row_sparse(table.grad()).indices.numel() == 3);
  CHECK(dense_values(table.grad()) == std::vector<double>(6, 2.0));
}

TEST_CASE("the backward pass of a large table takes the time of the batch") {
  const auto seconds = [](int64_t rows) {
    const Tensor table = zeros({rows, 16}).set_requires_grad(true);
    std::vector<int64_t> batch;
    for (int64_t i = 0; i < 2048; ++i) batch.push_back(i * 7919 % 1000);
    const Tensor index = numbers(batch);
    double best = 1e9;
    for (int i = 0; i < 20; ++i) {
      table.set_grad({});
      const auto start = std::chrono::steady_clock::now();
      backward(sum(embedding(table, index, kSparse)));
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
  };
  // 2000 times the rows; a dense gradient would be hundreds of times slower.
  CHECK(seconds(2'000'000) < 10 * seconds(1000) + 1e-3);
}
