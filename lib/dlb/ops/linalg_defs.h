#pragma once
/// \file The operators behind linalg.h, for backends. Matrices are the last two dimensions, all before are a
/// batch; float32 and float64. k = min(n, m).

#include <string>

#include "dlb/ops/op.h"

namespace dlb {

struct CholeskyAttrs {
  bool upper = false;
  static Fields fields();
};
struct LuAttrs {
  bool pivot = true;
  static Fields fields();
};
struct PermutationAttrs {
  int64_t rows = 0;
  static Fields fields();
};
struct QrAttrs {
  std::string mode = "reduced";  ///< reduced, complete or r
  static Fields fields();
};
struct EighAttrs {
  std::string uplo = "L";  ///< the triangle that is read
  static Fields fields();
};
struct SvdAttrs {
  bool full_matrices = false;
  static Fields fields();
};
struct TriangularAttrs {
  bool upper = false;
  bool unitriangular = false;
  static Fields fields();
};
struct LstsqAttrs {
  double rcond = -1;  ///< negative: machine precision times max(n, m)
  std::string driver = "gelsy";
  static Fields fields();
};
struct PinvAttrs {
  bool hermitian = false;
  static Fields fields();
};

namespace op {
/// a [*, n, n] -> l or its transpose. Errors: numeric when not positive definite.
const OpDef& cholesky();
/// a [*, n, m] -> (l and u in one [*, n, m], row swaps [*, k] int32, from 1).
const OpDef& lu_factor();
/// row swaps [*, k] -> the row of the matrix that each row of l u is, [*, rows] int64.
const OpDef& permutation_of_pivots();
/// a [*, n, m] -> (q, r).
const OpDef& qr();
/// a [*, n, n] -> (eigenvalues [*, n], ascending; eigenvectors [*, n, n], as columns).
const OpDef& eigh();
/// a [*, n, m] -> (u, s [*, k], vh).
const OpDef& svd();
/// (a [*, n, n], b [*, n, r]) -> x with a x = b; batches are equal.
const OpDef& solve();
/// As solve(), reading one triangle of a.
const OpDef& solve_triangular();
/// a [*, n, n] -> [*].
const OpDef& det();
/// a [*, n, n] -> (sign [*], log |det| [*]).
const OpDef& slogdet();
/// (a [*, n, m], b [*, n, r]) -> (x [*, m, r], residuals [*, r] or [0], rank [*] int64 or [0], singular
/// values
/// [*, k] or [0]).
const OpDef& lstsq();
/// (a [*, n, m], atol [*] or undefined, rtol [*] or undefined) -> [*, m, n].
const OpDef& pinv();
/// a [*, n, n] -> [*, n, n].
const OpDef& matrix_exp();
}  // namespace op

}  // namespace dlb
