#pragma once
/// \file Linear algebra with PyTorch's names and meaning: torch.linalg.det is dlb::linalg::det.
///
/// Matrices are the last two dimensions, everything before is a batch. float32 and float64. Gradients are
/// those of the functions where they are differentiable, at any order; where a decomposition is not unique,
/// those that the choice of phases does not change. The same bits each time with the same number of threads;
/// of one large matrix the last bits may differ between numbers of threads. Errors: shape (not a matrix, not
/// square, sizes that do not fit), dtype, numeric (singular, not positive definite, values that are not
/// finite); k = min(n, m).

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dlb/ops/op.h"

namespace dlb::linalg {

// Decompositions.

/// a = l l^T, of a symmetric positive definite matrix, of which one triangle is read. Shapes: [*, n, n] ->
/// [*, n, n].
Tensor cholesky(const Tensor& a, bool upper = false);
/// l and u in one matrix, and the swaps of rows, counted from 1, int32. Shapes: [*, n, m] -> [*, n, m], [*,
/// k]. Errors: numeric when u is singular.
std::pair<Tensor, Tensor> lu_factor(const Tensor& a, bool pivot = true);
/// a = p l u. Shapes: [*, n, m] -> [*, n, n], [*, n, k], [*, k, m].
std::array<Tensor, 3> lu(const Tensor& a, bool pivot = true);
/// p, l and u of what lu_factor() gave.
std::array<Tensor, 3> lu_unpack(const Tensor& lu, const Tensor& pivots);
/// a = q r with orthonormal columns of q. Modes: "reduced" [*, n, k] [*, k, m], "complete" [*, n, n] [*, n,
/// m], "r" (q is empty). The gradient needs mode reduced, or complete with n <= m.
std::pair<Tensor, Tensor> qr(const Tensor& a, const std::string& mode = "reduced");
/// Eigenvalues, ascending, and eigenvectors as columns, of a symmetric matrix of which triangle `uplo` (L or
/// U) is read. Shapes: [*, n, n] -> [*, n], [*, n, n].
std::pair<Tensor, Tensor> eigh(const Tensor& a, const std::string& uplo = "L");
Tensor eigvalsh(const Tensor& a, const std::string& uplo = "L");
/// a = u diag(s) vh, s descending. Shapes: [*, n, m] -> [*, n, n], [*, k], [*, m, m], or [*, n, k] and [*, k,
/// m] if not full_matrices.
std::array<Tensor, 3> svd(const Tensor& a, bool full_matrices = true);
Tensor svdvals(const Tensor& a);

// Equations.

/// x with a x = b, or x a = b if not left. b is a vector if it has one dimension, or the batch of a and one
/// more dimension of fitting size. Shapes: [*, n, n], [*, n] or [*, n, r] -> as b.
Tensor solve(const Tensor& a, const Tensor& b, bool left = true);
/// As solve(), reading one triangle of a, with ones on the diagonal if unitriangular. b is a matrix.
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool left = true,
                        bool unitriangular = false);
/// As solve(), of the matrix (or its transposed, if `adjoint`) that lu_factor() has factored.
Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool left = true,
                bool adjoint = false);
/// x with a x = b, where l is the Cholesky factor of a.
Tensor cholesky_solve(const Tensor& b, const Tensor& l, bool upper = false);
/// The inverse of a, where l is its Cholesky factor.
Tensor cholesky_inverse(const Tensor& l, bool upper = false);
Tensor inv(const Tensor& a);
/// Moore and Penrose's pseudoinverse: singular values (eigenvalues, if hermitian) up to max(atol, rtol * the
/// largest) count as 0. Defaults: atol 0; rtol machine epsilon * max(n, m), or 0 if only atol is given.
/// Tolerances are 0-d or fit the batch. Shapes: [*, n, m] -> [*, m, n].
Tensor pinv(const Tensor& a, const Tensor& atol = {}, const Tensor& rtol = {}, bool hermitian = false);
/// x that minimises |a x - b|, the squared residuals of each column where n > m and all of a has full rank
/// (not of gelsy; else empty, [0]), the rank, and the singular values. Drivers: gels (full rank), gelsy,
/// gelsd, gelss; rank not of gels, singular values of the last two, else empty. b may be vectors, as for
/// solve().
std::array<Tensor, 4> lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond = {},
                            const std::string& driver = "gelsy");

// Functions.

Tensor det(const Tensor& a);                         ///< [*, n, n] -> [*]
std::pair<Tensor, Tensor> slogdet(const Tensor& a);  ///< sign and log |det|
Tensor logdet(const Tensor& a);                      ///< NaN where the determinant is negative
Tensor matrix_power(const Tensor& a, int64_t n);     ///< negative powers of the inverse
Tensor matrix_exp(const Tensor& a);
/// The product in the cheapest order. The first and the last may be vectors. At least two.
Tensor multi_dot(const std::vector<Tensor>& matrices);
/// The vector product along `dim` of size 3; other dimensions broadcast.
Tensor cross(const Tensor& a, const Tensor& b, int64_t dim = -1);
/// The number of singular values above the tolerance (see pinv()), int64.
Tensor matrix_rank(const Tensor& a, const Tensor& atol = {}, const Tensor& rtol = {}, bool hermitian = false);
/// x^0, x^1, ..., x^(columns - 1); columns: n, if not given. Of integers int64. Shapes: [*, n] -> [*, n,
/// columns].
Tensor vander(const Tensor& x, std::optional<int64_t> columns = {});

// Norms.

/// (sum |x|^ord)^(1 / ord) over dims (all, if none); ord 0 counts what is not 0; infinities give the largest
/// and smallest |x|. The gradient is 0 where the norm has none.
Tensor vector_norm(const Tensor& x, double ord = 2, std::optional<Dims> dims = {}, bool keepdim = false);
/// Order of a matrix norm: a number or "fro", "nuc".
struct Order {
  Order(double o) : number(o) {}
  Order(std::string n) : name(std::move(n)) {}
  Order(const char* n) : name(n) {}
  double number = 0;
  std::string name;
};
/// "fro": of all entries; "nuc": sum of singular values; +-1: largest, smallest column sum of |x|;
/// +-infinity: row sum; +-2: singular value.
Tensor matrix_norm(const Tensor& x, const Order& ord = "fro", Dims dims = {-2, -1}, bool keepdim = false);
/// vector_norm() or matrix_norm(), by the number of dims, or of dimensions where ord is given and dims are
/// not.
Tensor norm(const Tensor& x, const std::optional<Order>& ord = {}, const std::optional<Dims>& dims = {},
            bool keepdim = false);
/// norm(a) * norm(inv(a)), infinite if a is singular; for order 2 (default), -2 and "nuc" by singular values.
/// Square but for 2 and -2. Of an empty matrix 0.
Tensor cond(const Tensor& a, const std::optional<Order>& ord = {});

}  // namespace dlb::linalg

namespace dlb {

/// torch.norm: p is a number, "fro" or "nuc"; all of x as one vector if there are no dims.
Tensor norm_p(const Tensor& x, const linalg::Order& p, const std::optional<Dims>& dims = {},
              bool keepdim = false);

}  // namespace dlb
