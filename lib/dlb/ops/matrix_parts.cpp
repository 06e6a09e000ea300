#include "dlb/ops/matrix_parts.h"

#include <algorithm>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::matrix {
namespace {

/// `a` where row + offset - column has the sign wanted, 0 elsewhere. NaN elsewhere does not matter.
Tensor triangle(const Tensor& a, int64_t offset, bool keep_lower) {
  const Tensor rows = unsqueeze(arange(static_cast<double>(offset), static_cast<double>(a.dim(-2) + offset),
                                       1, DType::kInt64, a.device()),
                                1);
  const Tensor cols = arange(0, static_cast<double>(a.dim(-1)), 1, DType::kInt64, a.device());
  return where(keep_lower ? le(cols, rows) : ge(cols, rows), a, full({}, 0, a.dtype(), a.device()));
}

}  // namespace

Tensor transposed(const Tensor& a) { return transpose(a, -2, -1); }

Tensor lower(const Tensor& a, int64_t offset) { return triangle(a, offset, true); }

Tensor upper(const Tensor& a, int64_t offset) { return triangle(a, offset, false); }

Tensor diagonal(const Tensor& a) {
  const int64_t k = std::min(a.dim(-2), a.dim(-1));
  Shape flat = batch_of(a.shape());
  flat.push_back(k * a.dim(-1));
  if (k == 0) {
    flat.back() = 0;
    return reshape(narrow(a, -2, 0, 0), flat);
  }
  // In the rows that the diagonal crosses, its entries lie one row and one column apart.
  const Tensor rows = reshape(narrow(a, -2, 0, k), flat);
  return slice(rows, -1, 0, (k - 1) * (a.dim(-1) + 1) + 1, a.dim(-1) + 1);
}

Tensor diagonal_matrix(const Tensor& d) {
  const int64_t n = d.dim(-1);
  const Tensor mask = eye(n, DType::kBool, d.device());
  return where(mask, unsqueeze(d, -1), full({}, 0, d.dtype(), d.device()));
}

Tensor identity(int64_t n, const Tensor& like) { return eye(n, like.dtype(), like.device()); }

Tensor expand_batch(const Tensor& a, const Shape& batch) {
  Shape shape = batch;
  shape.push_back(a.dim(-2));
  shape.push_back(a.dim(-1));
  return shape == a.shape() ? a : expand(a, shape);
}

Shape batch_of(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

}  // namespace dlb::matrix
