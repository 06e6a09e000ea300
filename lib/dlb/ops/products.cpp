#include "dlb/ops/products.h"

#include <algorithm>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

void expect_ranks(const char* function, const Tensor& a, int a_rank, const Tensor& b, int b_rank) {
  if (a.rank() != a_rank || b.rank() != b_rank) {
    fail(ErrorKind::kShape, "{} expects inputs with {} and {} dimensions, got {} and {}", function, a_rank,
         b_rank, shape_text(a.shape()), shape_text(b.shape()));
  }
}

Tensor add_scaled(const char* function, const Tensor& c, const Tensor& product, double beta, double alpha) {
  if (broadcast_shapes(c.shape(), product.shape()) != product.shape()) {
    fail(ErrorKind::kShape, "{} expects an addend that broadcasts to {}, got {}", function,
         shape_text(product.shape()), shape_text(c.shape()));
  }
  if (c.dtype() != product.dtype()) {
    fail(ErrorKind::kDtype, "{} expects inputs of one dtype, got {} and {}", function, dtype_name(c.dtype()),
         dtype_name(product.dtype()));
  }
  const Tensor scaled = alpha == 1 ? product : product * alpha;
  // With beta 0, NaN and infinities of c do not get through.
  if (beta == 0) return scaled;
  return (beta == 1 ? c : c * beta) + scaled;
}

}  // namespace

Tensor mm(const Tensor& a, const Tensor& b) {
  expect_ranks("mm", a, 2, b, 2);
  return matmul(a, b);
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  expect_ranks("bmm", a, 3, b, 3);
  if (a.dim(0) != b.dim(0)) {
    fail(ErrorKind::kShape, "bmm expects batches of one size, got {} and {}", shape_text(a.shape()),
         shape_text(b.shape()));
  }
  return matmul(a, b);
}

Tensor mv(const Tensor& a, const Tensor& x) {
  expect_ranks("mv", a, 2, x, 1);
  return matmul(a, x);
}

Tensor dot(const Tensor& x, const Tensor& y) {
  expect_ranks("dot", x, 1, y, 1);
  return matmul(x, y);
}

Tensor addmm(const Tensor& c, const Tensor& a, const Tensor& b, double beta, double alpha) {
  return add_scaled("addmm", c, mm(a, b), beta, alpha);
}

Tensor addmv(const Tensor& c, const Tensor& a, const Tensor& x, double beta, double alpha) {
  return add_scaled("addmv", c, mv(a, x), beta, alpha);
}

Tensor addr(const Tensor& c, const Tensor& x, const Tensor& y, double beta, double alpha) {
  return add_scaled("addr", c, outer(x, y), beta, alpha);
}

Tensor baddbmm(const Tensor& c, const Tensor& a, const Tensor& b, double beta, double alpha) {
  return add_scaled("baddbmm", c, bmm(a, b), beta, alpha);
}

Tensor addbmm(const Tensor& c, const Tensor& a, const Tensor& b, double beta, double alpha) {
  const Tensor products = bmm(a, b);
  return add_scaled("addbmm", c, cast(sum(products, {0}), products.dtype()), beta, alpha);
}

Tensor outer(const Tensor& x, const Tensor& y) {
  expect_ranks("outer", x, 1, y, 1);
  return unsqueeze(x, 1) * y;
}

Tensor inner(const Tensor& a, const Tensor& b) {
  if (a.dtype() == DType::kBool) fail(ErrorKind::kDtype, "inner expects numbers, got bool");
  if (a.rank() == 0 || b.rank() == 0) return a * b;
  if (a.dim(-1) != b.dim(-1)) {
    fail(ErrorKind::kShape, "inner expects last dimensions of one size, got {} and {}", shape_text(a.shape()),
         shape_text(b.shape()));
  }
  return tensordot(a, b, {-1}, {-1});
}

Tensor tensordot(const Tensor& a_in, const Tensor& b_in, Dims a_dims, Dims b_dims) {
  if (a_dims.size() != b_dims.size()) {
    fail(ErrorKind::kShape, "tensordot expects as many dims of both, got {} and {}", shape_text(a_dims),
         shape_text(b_dims));
  }
  const auto normalize = [](const Tensor& x, Dims& dims) {
    for (size_t i = 0; i < dims.size(); ++i) {
      dims[i] = normalize_dim(dims[i], x.rank(), "tensordot dim");
      if (std::find(dims.begin(), dims.begin() + i, dims[i]) != dims.begin() + i) {
        fail(ErrorKind::kShape, "tensordot: dim {} is given twice", dims[i]);
      }
    }
  };
  normalize(a_in, a_dims);
  normalize(b_in, b_dims);
  int64_t summed = 1;
  Tensor a = a_in;
  Tensor b = b_in;
  for (size_t i = 0; i < a_dims.size(); ++i) {
    const int64_t n = a.dim(a_dims[i]);
    const int64_t m = b.dim(b_dims[i]);
    if (n != m && n != 1 && m != 1) {
      fail(ErrorKind::kShape, "tensordot: dim {} of {} and dim {} of {} differ", a_dims[i],
           shape_text(a.shape()), b_dims[i], shape_text(b.shape()));
    }
    // A size of 1 broadcasts: its element times the sum of the others'.
    if (n != m) (n == 1 ? b : a) = n == 1 ? sum(b, {b_dims[i]}, kKeepDim) : sum(a, {a_dims[i]}, kKeepDim);
    summed *= a.dim(a_dims[i]);
  }
  Shape out;
  const auto free_dims = [&out](const Tensor& x, const Dims& dims, int64_t& count) {
    Dims rest;
    count = 1;
    for (int64_t d = 0; d < x.rank(); ++d) {
      if (std::find(dims.begin(), dims.end(), d) != dims.end()) continue;
      rest.push_back(d);
      out.push_back(x.dim(d));
      count *= x.dim(d);
    }
    return rest;
  };
  int64_t rows = 1;
  int64_t cols = 1;
  Dims a_order = free_dims(a, a_dims, rows);
  Dims b_order = b_dims;
  for (const int64_t d : a_dims) a_order.push_back(d);
  for (const int64_t d : free_dims(b, b_dims, cols)) b_order.push_back(d);
  return reshape(
      matmul(reshape(permute(a, a_order), {rows, summed}), reshape(permute(b, b_order), {summed, cols})),
      out);
}

Tensor tensordot(const Tensor& a, const Tensor& b, int64_t dims) {
  if (dims < 0 || dims > a.rank() || dims > b.rank()) {
    fail(ErrorKind::kShape, "tensordot over {} dims of {} and {}", dims, shape_text(a.shape()),
         shape_text(b.shape()));
  }
  Dims last;
  Dims first;
  for (int64_t i = 0; i < dims; ++i) {
    last.push_back(a.rank() - dims + i);
    first.push_back(i);
  }
  return tensordot(a, b, last, first);
}

Tensor kron(const Tensor& a, const Tensor& b) {
  const int rank = std::max(a.rank(), b.rank());
  // Each dimension of the result is a pair: that of a, outside, and that of b.
  Shape wide_a;
  Shape wide_b;
  Shape out;
  for (int d = 0; d < rank; ++d) {
    const int i = d - (rank - a.rank());
    const int j = d - (rank - b.rank());
    const int64_t n = i < 0 ? 1 : a.dim(i);
    const int64_t m = j < 0 ? 1 : b.dim(j);
    wide_a.push_back(n);
    wide_a.push_back(1);
    wide_b.push_back(1);
    wide_b.push_back(m);
    out.push_back(n * m);
  }
  return reshape(reshape(a, wide_a) * reshape(b, wide_b), out);
}

Tensor trace(const Tensor& a) {
  if (a.rank() != 2) fail(ErrorKind::kShape, "trace expects a matrix, got {}", shape_text(a.shape()));
  return sum(matrix::diagonal(a), {-1});
}

}  // namespace dlb
