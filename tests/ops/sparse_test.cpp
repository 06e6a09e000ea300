// Sparse matrices against dense ones, and against indices that lie.
#include "dlb/ops/sparse.h"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <optional>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb {
namespace {

using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;
using testing::values;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

Tensor ints(const Ints& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }
Tensor doubles(const Doubles& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }
Ints ints_of(const Tensor& t) { return t.to_vector<int64_t>(); }

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(shape_text(a.shape()) == shape_text(b.shape()));
  return a.numel() == 0 ? 0 : amax(abs(a.detach() - b.detach())).item();
}

/// [[0, 0, 0], [7, 0, 1], [0, 2, 3 + 4], [0, 0, 0]], with row 1 out of order and an entry in two parts.
struct Example {
  Tensor crow = ints({0, 0, 2, 5, 5});
  Tensor col = ints({2, 0, 2, 1, 2});
  Tensor entries = doubles({1, 7, 3, 2, 4});
  Tensor dense = Tensor::from(Doubles{0, 0, 0, 7, 0, 1, 0, 2, 7, 0, 0, 0}, {4, 3});
};

/// The kind of the error, none if there is none.
std::optional<ErrorKind> error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.kind;
  }
  return std::nullopt;
}

TEST_CASE("sparse matrices are the dense ones") {
  const Example m;
  CHECK(distance(csr_to_dense(m.crow, m.col, m.entries, 3), m.dense) == 0);
  const Tensor x = values({3, 5});
  CHECK(distance(spmm(m.crow, m.col, m.entries, x), matmul(m.dense, x)) < 1e-14);
  CHECK(distance(spmm(m.crow, m.col, m.entries, select(x, 1, 0)), select(matmul(m.dense, x), 1, 0)) < 1e-14);
  const Csr t = csr_transpose(m.crow, m.col, m.entries, 3);
  CHECK(ints_of(t.crow) == Ints{0, 1, 2, 5});
  CHECK(ints_of(t.col) == Ints{1, 2, 1, 2, 2});
  CHECK(t.values.to_vector<double>() == Doubles{7, 2, 1, 3, 4});
  CHECK(distance(csr_to_dense(t.crow, t.col, t.values, 4), transpose(m.dense, 0, 1)) == 0);
  const Tensor a = values({4, 6}, -2, 2, 1);
  const Tensor b = values({3, 6}, -2, 2, 2);
  const Tensor dots = matmul(a, transpose(b, 0, 1));
  const Ints rows = {1, 1, 2, 2, 2};
  const Tensor sampled = sampled_dot(m.crow, m.col, a, b);
  for (int64_t e = 0; e < 5; ++e) {
    const int64_t row = rows[static_cast<size_t>(e)];
    const int64_t col = ints_of(m.col)[static_cast<size_t>(e)];
    CHECK(select(sampled, 0, e).item() == Approx(select(select(dots, 0, row), 0, col).item()));
  }
}

TEST_CASE("entries in any order become rows, stable where they repeat") {
  for (const int64_t cols : {int64_t{4}, int64_t{1000000}}) {  // few columns, and more than there are entries
    const Csr m =
        coo_to_csr(ints({2, 0, 2, 2, 0, 2}), ints({3, 1, 0, 3, 0, 3}), doubles({1, 2, 3, 4, 5, 6}), 4, cols);
    CHECK(ints_of(m.crow) == Ints{0, 2, 2, 6, 6});
    CHECK(ints_of(m.col) == Ints{0, 1, 0, 3, 3, 3});
    CHECK(m.values.to_vector<double>() == Doubles{5, 2, 3, 1, 4, 6});
  }
  const Csr none = coo_to_csr(ints({}), ints({}), doubles({}), 2, 0);
  CHECK(ints_of(none.crow) == Ints{0, 0, 0});
  CHECK(shape_text(csr_to_dense(none.crow, none.col, none.values, 0).shape()) == "[2, 0]");
  CHECK(distance(csr_to_dense(ints({0, 0}), ints({}), doubles({}), 2), zeros({1, 2}, DType::kFloat64)) == 0);
  // Whole numbers stay whole.
  const Tensor whole = csr_to_dense(ints({0, 2}), ints({1, 1}), ints({kMost - 5, 3}), 2);
  CHECK(ints_of(whole) == Ints{0, kMost - 2});
}

TEST_CASE("gradients of sparse products are those of the dense ones") {
  Example m;
  m.entries.set_requires_grad(true);
  Tensor x = values({3, 5}, -2, 2, 3);
  x.set_requires_grad(true);
  const Tensor weights = values({4, 5}, -2, 2, 4);
  const std::vector<Tensor> got = grad({sum(spmm(m.crow, m.col, m.entries, x) * weights)}, {m.entries, x});
  // d/dx = A^T w; d/da_ij = (w x^T)_ij, also for both parts of an entry.
  CHECK(distance(got[1], matmul(transpose(m.dense, 0, 1), weights)) < 1e-14);
  const Tensor products = matmul(weights, transpose(x.detach(), 0, 1));
  const auto at = [&](int64_t i, int64_t j) { return select(select(products, 0, i), 0, j).item(); };
  CHECK(distance(got[0], doubles({at(1, 2), at(1, 0), at(2, 2), at(2, 1), at(2, 2)})) < 1e-14);
  const Tensor dense = csr_to_dense(m.crow, m.col, m.entries, 3);
  const Tensor of_dense = values({4, 3}, -2, 2, 5);
  const auto weight = [&](int64_t i, int64_t j) { return select(select(of_dense, 0, i), 0, j).item(); };
  CHECK(distance(grad({sum(dense * of_dense)}, {m.entries})[0],
                 doubles({weight(1, 2), weight(1, 0), weight(2, 2), weight(2, 1), weight(2, 2)})) == 0);
}

TEST_CASE("indices that are no sparse matrix are errors") {
  const Tensor x = values({3, 2});
  const Tensor rows = values({4, 2});
  const auto refuse = [&](const Ints& crow, const Ints& col) {
    const Tensor entries = values({static_cast<int64_t>(col.size())});
    const Tensor c = ints(crow);
    const Tensor k = ints(col);
    INFO("crow " << shape_text(crow) << " col " << shape_text(col));
    CHECK(error_of([&] { static_cast<void>(spmm(c, k, entries, x)); }) == ErrorKind::kShape);
    CHECK(error_of([&] { static_cast<void>(sampled_dot(c, k, rows, x)); }) == ErrorKind::kShape);
    CHECK(error_of([&] { static_cast<void>(csr_transpose(c, k, entries, 3)); }) == ErrorKind::kShape);
    CHECK(error_of([&] { static_cast<void>(csr_to_dense(c, k, entries, 3)); }) == ErrorKind::kShape);
  };
  refuse({0, 0, 2, 5, 5}, {1, 0, 2, 3, 2});      // a column too large
  refuse({0, 0, 2, 5, 5}, {1, 0, 2, -1, 2});     // a negative one
  refuse({0, 0, 2, 5, 5}, {1, 0, 2, kMost, 2});  //
  refuse({0, 0, 2, 5, 5}, {1, 0, 2, std::numeric_limits<int64_t>::min(), 2});
  refuse({1, 1, 2, 5, 5}, {1, 0, 2, 1, 2});      // does not start at 0
  refuse({0, 3, 2, 5, 5}, {1, 0, 2, 1, 2});      // falls
  refuse({0, 0, 2, 9, 5}, {1, 0, 2, 1, 2});      // beyond the entries and back
  refuse({0, 0, kMost, 5, 5}, {1, 0, 2, 1, 2});  //
  refuse({0, -4, 2, 5, 5}, {1, 0, 2, 1, 2});     // before them
  refuse({0, 0, 2, 4, 4}, {1, 0, 2, 1, 2});      // leaves one out
  refuse({0, 0, 2, 5, 6}, {1, 0, 2, 1, 2});      // has one too many
  refuse({}, {});                                // no row starts

  const auto coo = [](const Ints& row, const Ints& col, int64_t n, int64_t m) {
    return error_of([&] { static_cast<void>(coo_to_csr(ints(row), ints(col), values({2}), n, m)); });
  };
  CHECK(coo({0, 2}, {0, 0}, 2, 2) == ErrorKind::kShape);
  CHECK(coo({0, -1}, {0, 0}, 2, 2) == ErrorKind::kShape);
  CHECK(coo({0, 1}, {0, 2}, 2, 2) == ErrorKind::kShape);
  CHECK(coo({0, 1}, {0, kMost}, 2, 2) == ErrorKind::kShape);
  CHECK(coo({0, 1}, {0}, 2, 2) == ErrorKind::kShape);
  CHECK(coo({0, 1, 1}, {0, 1, 1}, 2, 2) == ErrorKind::kShape);  // more entries than values
  CHECK(coo({0, 1}, {0, 1}, -1, 2) == ErrorKind::kShape);
  CHECK(coo({0, 1}, {0, 1}, 2, kMost) == ErrorKind::kShape);
  CHECK(coo({0, 1}, {0, 1}, kMost, 2) == ErrorKind::kShape);
  CHECK(coo({0, 1}, {0, 1}, kMost / 4 - 1, 2) == ErrorKind::kShape);  // nor when rounded up
  CHECK(coo({0, 1}, {0, 1}, kMost / 4, 2) == ErrorKind::kShape);      // does not fit in memory
  CHECK(coo({0, 1}, {0, 1}, 2, kMost - 1) == std::nullopt);           // has columns enough
}

TEST_CASE("sparse operands of other shapes and dtypes are errors") {
  const Example m;
  const Tensor x = values({3, 2});
  CHECK(error_of([&] { static_cast<void>(spmm(m.crow, m.col, values({4}), x)); }) == ErrorKind::kShape);
  CHECK(error_of([&] {
          static_cast<void>(spmm(m.crow, m.col, m.entries, values({2, 2})));
        }) == ErrorKind::kShape);
  CHECK(error_of([&] {
          static_cast<void>(spmm(m.crow, m.col, m.entries, values({3, 2, 1})));
        }) == ErrorKind::kShape);
  CHECK(error_of([&] { static_cast<void>(spmm(m.crow, m.col, m.entries, cast(x, DType::kFloat32))); }) ==
        ErrorKind::kDtype);
  CHECK(error_of([&] { static_cast<void>(spmm(cast(m.crow, DType::kInt32), m.col, m.entries, x)); }) ==
        ErrorKind::kDtype);
  CHECK(error_of([&] {
          static_cast<void>(spmm(m.crow, m.col, ints({1, 2, 3, 4, 5}), ints({1, 2, 3})));
        }) == ErrorKind::kDtype);
  CHECK(error_of([&] {
          static_cast<void>(sampled_dot(m.crow, m.col, values({3, 2}), x));
        }) == ErrorKind::kShape);
  CHECK(error_of([&] {
          static_cast<void>(sampled_dot(m.crow, m.col, values({4, 3}), x));
        }) == ErrorKind::kShape);
  CHECK(error_of([&] { static_cast<void>(csr_transpose(m.crow, m.col, values({4}), 3)); }) ==
        ErrorKind::kShape);
  CHECK(error_of([&] { static_cast<void>(csr_transpose(m.crow, m.col, m.entries, -1)); }) ==
        ErrorKind::kShape);
  CHECK(error_of([&] { static_cast<void>(csr_to_dense(m.crow, m.col, values({6}), 3)); }) ==
        ErrorKind::kShape);
}

}  // namespace
}  // namespace dlb
