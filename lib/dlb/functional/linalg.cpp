#include "dlb/ops/linalg.h"

#include "dlb/functional/define.h"
#include "dlb/ops/create.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

constexpr Traits kLapack{.dtypes = DTypes::kFloat32_64};

linalg::Order order_of(const Value& v) {
  if (v.is<std::string>()) return v.as<std::string>();
  if (v.is<int64_t>()) return static_cast<double>(v.as<int64_t>());
  if (v.is<double>()) return v.as<double>();
  fail(ErrorKind::kConfig, "the order of a norm is a number, 'fro' or 'nuc', not {}", type_text(v));
}
std::optional<linalg::Order> optional_order(const Value& v) {
  return v.is_none() ? std::nullopt : std::optional(order_of(v));
}

Tensor converted(const Tensor& x, const std::optional<DType>& dtype) { return dtype ? cast(x, *dtype) : x; }

/// A tolerance as a tensor, undefined where none is given.
Tensor tolerance(const std::optional<Operand>& given, const Tensor& a) {
  if (!given) return {};
  return given->is_scalar() ? full({}, given->scalar.value, a.dtype(), a.device()) : given->tensor;
}

/// torch.cross: the first dimension of size 3 where none is given.
Tensor cross(const Tensor& a, const Tensor& b, std::optional<int64_t> dim) {
  if (dim) return linalg::cross(a, b, *dim);
  for (int64_t d = 0; d < a.rank(); ++d) {
    if (a.dim(d) == 3) return linalg::cross(a, b, d);
  }
  fail(ErrorKind::kShape, "cross expects a dimension of size 3, got {}", shape_text(a.shape()));
}

void add_decompositions(std::vector<Function>& all) {
  for (const char* name : {"linalg.cholesky", "cholesky"}) {
    all.push_back(define(name, "triangular l with input = l l^T", {"input", "upper = false"},
                         &linalg::cholesky, kLapack));
  }
  all.push_back(define("linalg.lu_factor", "l and u in one matrix, and the row swaps, from 1",
                       {"input", "pivot = true"}, &linalg::lu_factor, kLapack));
  all.push_back(
      define("linalg.lu", "p, l and u with input = p l u", {"input", "pivot = true"}, &linalg::lu, kLapack));
  all.push_back(define(
      "lu_unpack", "p, l and u of what lu_factor gave; empty tensors for what is not wanted",
      {"LU_data", "LU_pivots", "unpack_data = true", "unpack_pivots = true"},
      +[](const Tensor& lu, const Tensor& pivots, bool data, bool swaps) {
        auto [p, l, u] = linalg::lu_unpack(lu, pivots);
        const Tensor none = zeros({0}, lu.dtype(), lu.device());
        return std::array<Tensor, 3>{swaps ? p : none, data ? l : none, data ? u : none};
      },
      kLapack));
  all.push_back(define("linalg.qr", "orthonormal q and upper triangular r with input = q r",
                       {"input", "mode = 'reduced'"}, &linalg::qr, kLapack));
  all.push_back(define("linalg.eigh", "eigenvalues and eigenvectors of a symmetric matrix",
                       {"input", "UPLO = 'L'"}, &linalg::eigh, kLapack));
  all.push_back(define("linalg.eigvalsh", "eigenvalues of a symmetric matrix", {"input", "UPLO = 'L'"},
                       &linalg::eigvalsh, kLapack));
  all.push_back(define("linalg.svd", "u, s and vh with input = u diag(s) vh",
                       {"input", "full_matrices = true"}, &linalg::svd, kLapack));
  all.push_back(
      define("linalg.svdvals", "singular values, descending", {"input"}, &linalg::svdvals, kLapack));
}

void add_equations(std::vector<Function>& all) {
  all.push_back(define("linalg.solve", "x with input x = other, or x input = other if not left",
                       {"input", "other", "left = true"}, &linalg::solve, kLapack));
  all.push_back(define(
      "linalg.solve_triangular", "x with input x = other, for a triangular input",
      {"input", "other", "upper", "left = true", "unitriangular = false"},
      +[](const Tensor& a, const Tensor& b, bool upper, bool left, bool unitriangular) {
        return linalg::solve_triangular(a, b, upper, left, unitriangular);
      },
      kLapack));
  all.push_back(define("linalg.lu_solve", "x with a x = other, where lu_factor gave LU and pivots of a",
                       {"LU", "pivots", "other", "left = true", "adjoint = false"}, &linalg::lu_solve,
                       kLapack));
  all.push_back(define("cholesky_solve", "x with a x = input, where L is the Cholesky factor of a",
                       {"input", "L", "upper = false"}, &linalg::cholesky_solve, kLapack));
  all.push_back(define("cholesky_inverse", "inverse of the matrix whose Cholesky factor is given",
                       {"input", "upper = false"}, &linalg::cholesky_inverse, kLapack));
  for (const char* name : {"linalg.inv", "inverse"}) {
    all.push_back(define(name, "inverse", {"input"}, &linalg::inv, kLapack));
  }
  all.push_back(define(
      "linalg.pinv", "pseudoinverse; singular values up to max(atol, rtol * the largest) count as 0",
      {"input", "atol = none", "rtol = none", "hermitian = false"},
      +[](const Tensor& a, std::optional<Operand> atol, std::optional<Operand> rtol, bool hermitian) {
        return linalg::pinv(a, tolerance(atol, a), tolerance(rtol, a), hermitian);
      },
      kLapack));
  all.push_back(define("linalg.lstsq", "x that minimises |input x - other|, residuals, rank, singular values",
                       {"input", "other", "rcond = none", "driver = 'gelsy'"}, &linalg::lstsq, kLapack));
}

void add_functions(std::vector<Function>& all) {
  for (const char* name : {"linalg.det", "det"}) {
    all.push_back(define(name, "determinant", {"input"}, &linalg::det, kLapack));
  }
  for (const char* name : {"linalg.slogdet", "slogdet"}) {
    all.push_back(define(name, "sign and logarithm of |determinant|", {"input"}, &linalg::slogdet, kLapack));
  }
  all.push_back(define("logdet", "logarithm of the determinant", {"input"}, &linalg::logdet, kLapack));
  for (const char* name : {"linalg.matrix_power", "matrix_power"}) {
    all.push_back(define(name, "product of n times input; of the inverse, for a negative n", {"input", "n"},
                         &linalg::matrix_power));
  }
  for (const char* name : {"linalg.matrix_exp", "matrix_exp"}) {
    all.push_back(define(name, "exponential of a matrix", {"input"}, &linalg::matrix_exp, kLapack));
  }
  all.push_back(define("linalg.multi_dot", "product of matrices in the cheapest order", {"tensors"},
                       &linalg::multi_dot));
  all.push_back(define("linalg.cross", "vector product along dim", {"input", "other", "dim = -1"},
                       &linalg::cross, {.dtypes = DTypes::kNumeric}));
  all.push_back(define("cross", "vector product along dim (default: the first of size 3)",
                       {"input", "other", "dim = none"}, &cross, {.dtypes = DTypes::kNumeric}));
  all.push_back(define("linalg.vander", "powers of input in a new last dimension", {"input", "N = none"},
                       &linalg::vander, {.dtypes = DTypes::kNumeric}));
  all.push_back(
      define("linalg.matrix_rank", "number of singular values above max(atol, rtol * the largest)",
             {"input", "atol = none", "rtol = none", "hermitian = false"},
             +[](const Tensor& a, std::optional<Operand> atol, std::optional<Operand> rtol, bool hermitian) {
               return linalg::matrix_rank(a, tolerance(atol, a), tolerance(rtol, a), hermitian);
             },
             {.dtypes = DTypes::kFloat32_64, .differentiable = false}));
}

void add_norms(std::vector<Function>& all) {
  all.push_back(define(
      "linalg.vector_norm", "(sum |input|^ord)^(1 / ord) over dim",
      {"input", "ord = 2", "dim = none", "keepdim = false", "dtype = none"},
      +[](const Tensor& x, double ord, std::optional<Dims> dims, bool keepdim, std::optional<DType> dtype) {
        return linalg::vector_norm(converted(x, dtype), ord, dims, keepdim);
      }));
  all.push_back(define(
      "linalg.matrix_norm", "norm of matrices: 'fro', 'nuc', 1, -1, 2, -2, inf or -inf",
      {"input", "ord = 'fro'", "dim = [-2, -1]", "keepdim = false", "dtype = none"},
      +[](const Tensor& x, const Value& ord, Dims dims, bool keepdim, std::optional<DType> dtype) {
        return linalg::matrix_norm(converted(x, dtype), order_of(ord), dims, keepdim);
      }));
  all.push_back(define(
      "linalg.norm", "norm of vectors or matrices, by the number of dim",
      {"input", "ord = none", "dim = none", "keepdim = false", "dtype = none"},
      +[](const Tensor& x, const Value& ord, std::optional<Dims> dims, bool keepdim,
          std::optional<DType> dtype) {
        return linalg::norm(converted(x, dtype), optional_order(ord), dims, keepdim);
      }));
  all.push_back(define(
      "norm", "norm of input, or of the vectors along dim, of order p",
      {"input", "p = 'fro'", "dim = none", "keepdim = false", "dtype = none"},
      +[](const Tensor& x, const Value& p, std::optional<Dims> dims, bool keepdim,
          std::optional<DType> dtype) {
        return norm_p(converted(x, dtype), p.is_none() ? linalg::Order(2.0) : order_of(p), dims, keepdim);
      }));
  all.push_back(define(
      "linalg.cond", "condition number: norm of input times norm of its inverse", {"input", "p = none"},
      +[](const Tensor& x, const Value& p) { return linalg::cond(x, optional_order(p)); }, kLapack));
}

}  // namespace

std::vector<Function> linalg_functions() {
  std::vector<Function> all;
  add_decompositions(all);
  add_equations(all);
  add_functions(all);
  add_norms(all);
  return all;
}

}  // namespace dlb::functional
