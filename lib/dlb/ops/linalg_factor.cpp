// Decompositions: what they are and their gradients. The gradients follow from differentiating the defining
// equations and projecting on the structure of the factors (triangular, orthogonal); see Giles, "Collected
// matrix derivative results", and Walter and Lehmann for qr.
#include <algorithm>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/linalg_check.h"
#include "dlb/ops/linalg_defs.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

using matrix::diagonal_matrix;
using matrix::identity;
using matrix::lower;
using matrix::transposed;
using matrix::upper;

Fields CholeskyAttrs::fields() {
  static const Field list[] = {field<&CholeskyAttrs::upper>("upper", "give the upper factor")};
  return list;
}
Fields LuAttrs::fields() {
  static const Field list[] = {field<&LuAttrs::pivot>("pivot", "swap rows so that pivots are large")};
  return list;
}
Fields PermutationAttrs::fields() {
  static const Field list[] = {field<&PermutationAttrs::rows>("rows", "rows of the matrix", at_least(0))};
  return list;
}
Fields QrAttrs::fields() {
  static const Field list[] = {
      field<&QrAttrs::mode>("mode", "which columns of q to give", one_of({"reduced", "complete", "r"}))};
  return list;
}
Fields EighAttrs::fields() {
  static const Field list[] = {field<&EighAttrs::uplo>("uplo", "triangle that is read", one_of({"L", "U"}))};
  return list;
}
Fields SvdAttrs::fields() {
  static const Field list[] = {field<&SvdAttrs::full_matrices>(
      "full_matrices", "square u and vh instead of the first columns and rows")};
  return list;
}

namespace {

using matrix::batch_of;

Shape with(Shape batch, std::initializer_list<int64_t> sizes) {
  for (const int64_t s : sizes) batch.push_back(s);
  return batch;
}

double cube_of(const Tensor& a) {
  return static_cast<double>(a.numel()) * static_cast<double>(std::min(a.dim(-1), a.dim(-2)));
}
template <int kFlops, class A>
Cost cubic(Inputs in, Inputs out, const A&) {
  return {kFlops * cube_of(in[0]), moved_bytes(in, out)};
}

// Cholesky.

void vjp_cholesky(Vjp& c, const CholeskyAttrs& attrs) {
  const Tensor l = attrs.upper ? transposed(c.output(0)) : c.output(0);
  const Tensor g = attrs.upper ? transposed(c.grad(0)) : c.grad(0);
  const Tensor phi = matmul(transposed(l), g);
  const Tensor middle = lower(phi) + transposed(lower(phi, -1));
  const Tensor left = linalg::solve_triangular(transposed(l), middle, true);
  c.input_grad(0, linalg::solve_triangular(l, left, false, false) * 0.5);
}

// LU.

void infer_lu(Infer& c, const LuAttrs&) {
  check_matrices(c, 0);
  const Shape& a = c.input(0).shape;
  c.output(a, c.input(0).dtype);
  c.output(with(batch_of(a), {std::min(a.back(), a[a.size() - 2])}), DType::kInt32);
}

/// The gradient of square a = p l u, without p.
Tensor grad_square_lu(const Tensor& l, const Tensor& u, const Tensor& gl, const Tensor& gu) {
  const Tensor middle = lower(matmul(transposed(l), gl), -1) + upper(matmul(gu, transposed(u)));
  const Tensor left = linalg::solve_triangular(transposed(l), middle, true, true, true);
  return linalg::solve_triangular(transposed(u), left, false, false);
}

Tensor permutation_matrix(const Tensor& pivots, int64_t rows, DType dtype) {
  const Tensor order = apply1(op::permutation_of_pivots(), {pivots}, PermutationAttrs{rows});
  return transposed(one_hot(order, rows, dtype));
}

void vjp_lu(Vjp& c, const LuAttrs&) {
  const Tensor& lu = c.output(0);
  const Tensor& g = c.grad(0);
  const int64_t n = lu.dim(-2);
  const int64_t m = lu.dim(-1);
  const int64_t k = std::min(n, m);
  const Tensor square = narrow(narrow(lu, -2, 0, k), -1, 0, k);
  const Tensor l = lower(square, -1) + identity(k, lu);
  const Tensor u = upper(square);
  Tensor gl = lower(narrow(narrow(g, -2, 0, k), -1, 0, k), -1);
  Tensor gu = upper(narrow(narrow(g, -2, 0, k), -1, 0, k));
  Tensor result;
  if (m > n) {  // a = p l [u, u2]: u2 = l^-1 a2
    const Tensor u2 = narrow(lu, -1, k, m - k);
    const Tensor ga2 = linalg::solve_triangular(transposed(l), narrow(g, -1, k, m - k), true, true, true);
    gl = gl - lower(matmul(ga2, transposed(u2)), -1);
    result = cat({grad_square_lu(l, u, gl, gu), ga2}, -1);
  } else if (n > m) {  // a = p [l; l2] u: l2 = a2 u^-1
    const Tensor l2 = narrow(lu, -2, k, n - k);
    const Tensor ga2 = linalg::solve_triangular(transposed(u), narrow(g, -2, k, n - k), false, false);
    gu = gu - upper(matmul(transposed(l2), ga2));
    result = cat({grad_square_lu(l, u, gl, gu), ga2}, -2);
  } else {
    result = grad_square_lu(l, u, gl, gu);
  }
  c.input_grad(0, matmul(permutation_matrix(c.output(1), n, lu.dtype()), result));
}

void infer_permutation(Infer& c, const PermutationAttrs& attrs) {
  const TensorSpec& pivots = c.input(0);
  if (pivots.dtype != DType::kInt32)
    c.fail_dtype("expects pivots of dtype int32, got {}", dtype_name(pivots.dtype));
  if (pivots.rank() < 1 || pivots.dim(-1) > attrs.rows) {
    c.fail_shape("expects at most {} pivots, got {}", attrs.rows, shape_text(pivots.shape));
  }
  Shape out = pivots.shape;
  out.back() = attrs.rows;
  c.output(out, DType::kInt64);
}

// QR.

void infer_qr(Infer& c, const QrAttrs& attrs) {
  check_matrices(c, 0);
  if (attrs.mode != "reduced" && attrs.mode != "complete" && attrs.mode != "r") {
    fail(ErrorKind::kConfig, "qr expects mode reduced, complete or r, got '{}'", attrs.mode);
  }
  const Shape& a = c.input(0).shape;
  const int64_t n = a[a.size() - 2];
  const int64_t m = a.back();
  const int64_t columns = attrs.mode == "complete" ? n : std::min(n, m);
  c.output(attrs.mode == "r" ? Shape{0} : with(batch_of(a), {n, columns}), c.input(0).dtype);
  c.output(with(batch_of(a), {columns, m}), c.input(0).dtype);
}

void vjp_qr(Vjp& c, const QrAttrs& attrs) {
  const Tensor& q = c.output(0);
  const Tensor& r = c.output(1);
  if (attrs.mode == "r" || (attrs.mode == "complete" && r.dim(-2) > r.dim(-1))) {
    Error e(ErrorKind::kUnsupported,
            fmt::format("qr has no gradient in mode {} of a {}", attrs.mode,
                        attrs.mode == "r" ? "matrix" : "matrix with more rows than columns"));
    e.hint = "use mode reduced";
    throw e;
  }
  const int64_t m = r.dim(-1);
  const int64_t k = r.dim(-2);
  Tensor gq = c.grad(0).defined() ? c.grad(0) : zeros_like(q);
  const Tensor gr = c.grad(1).defined() ? c.grad(1) : zeros_like(r);
  const Tensor r1 = narrow(r, -1, 0, k);
  const Tensor gr1 = narrow(gr, -1, 0, k);
  Tensor ga2;
  if (m > k) {  // a = q [r1, r2]: r2 = q^T a2
    const Tensor gr2 = narrow(gr, -1, k, m - k);
    ga2 = matmul(q, gr2);
    gq = gq + matmul(q, matmul(narrow(r, -1, k, m - k), transposed(gr2)));
  }
  const Tensor x = upper(matmul(gr1, transposed(r1)) - matmul(transposed(q), gq));
  const Tensor symmetric = x + transposed(upper(x, 1));
  const Tensor ga1 = linalg::solve_triangular(transposed(r1), gq + matmul(q, symmetric), false, false);
  c.input_grad(0, m > k ? cat({ga1, ga2}, -1) : ga1);
}

// Eigenvalues.

void infer_eigh(Infer& c, const EighAttrs& attrs) {
  check_square(c, 0);
  if (attrs.uplo != "L" && attrs.uplo != "U") {
    fail(ErrorKind::kConfig, "eigh expects uplo L or U, got '{}'", attrs.uplo);
  }
  const Shape& a = c.input(0).shape;
  c.output(Shape(a.begin(), a.end() - 1), c.input(0).dtype);
  c.output(a, c.input(0).dtype);
}

/// values_j - values_i with ones on the diagonal.
Tensor differences(const Tensor& values) {
  return unsqueeze(values, -2) - unsqueeze(values, -1) + identity(values.dim(-1), values);
}

Tensor skew(const Tensor& x) { return x - transposed(x); }

void vjp_eigh(Vjp& c, const EighAttrs&) {
  const Tensor& v = c.output(1);
  Tensor middle;
  if (c.grad(1).defined()) {
    // Vectors stay orthonormal, so that only rotations among them count: the skew part.
    middle = skew(matmul(transposed(v), c.grad(1))) * 0.5 / differences(c.output(0));
  }
  if (c.grad(0).defined()) {
    const Tensor d = diagonal_matrix(c.grad(0));
    middle = middle.defined() ? middle + d : d;
  }
  c.input_grad(0, matmul(matmul(v, middle), transposed(v)));
}

// Singular values.

void infer_svd(Infer& c, const SvdAttrs& attrs) {
  check_matrices(c, 0);
  const Shape& a = c.input(0).shape;
  const int64_t n = a[a.size() - 2];
  const int64_t m = a.back();
  const int64_t k = std::min(n, m);
  c.output(with(batch_of(a), {n, attrs.full_matrices ? n : k}), c.input(0).dtype);
  c.output(with(batch_of(a), {k}), c.input(0).dtype);
  c.output(with(batch_of(a), {attrs.full_matrices ? m : k, m}), c.input(0).dtype);
}

void vjp_svd(Vjp& c, const SvdAttrs&) {
  const Tensor& s = c.output(1);
  const int64_t k = s.dim(-1);
  const Tensor u = narrow(c.output(0), -1, 0, k);
  const Tensor vh = narrow(c.output(2), -2, 0, k);
  const Tensor row = unsqueeze(s, -2);
  const Tensor column = unsqueeze(s, -1);
  const bool has_u = c.grad(0).defined();
  const bool has_v = c.grad(2).defined();
  if (!has_u && !has_v) {
    return c.input_grad(0, matmul(u * unsqueeze(c.grad(1), -2), vh));
  }
  // Vectors beyond the first k have no gradient of their own.
  const Tensor gu = has_u ? narrow(c.grad(0), -1, 0, k) : Tensor();
  const Tensor gvh = has_v ? narrow(c.grad(2), -2, 0, k) : Tensor();
  const Tensor gaps = differences(s * s);
  Tensor middle = c.grad(1).defined() ? diagonal_matrix(c.grad(1)) : zeros_like(gaps);
  if (has_u) middle = middle + skew(matmul(transposed(u), gu)) / gaps * row;
  if (has_v) middle = middle + column * (skew(matmul(vh, transposed(gvh))) / gaps);
  Tensor g = matmul(matmul(u, middle), vh);
  if (has_u && u.dim(-2) > k) {
    const Tensor outside = gu - matmul(u, matmul(transposed(u), gu));
    g = g + matmul(outside / row, vh);
  }
  if (has_v && vh.dim(-1) > k) {
    const Tensor outside = gvh - matmul(matmul(gvh, transposed(vh)), vh);
    g = g + matmul(u, outside / column);
  }
  c.input_grad(0, g);
}

}  // namespace

void check_pivots(const char* function, const Tensor& lu, const Tensor& pivots) {
  check_matrix_shape(function, lu);
  const Shape expected = with(batch_of(lu.shape()), {std::min(lu.dim(-2), lu.dim(-1))});
  if (pivots.shape() != expected) {
    fail(ErrorKind::kShape, "{} expects pivots {} of factors {}, got {}", function, shape_text(expected),
         shape_text(lu.shape()), shape_text(pivots.shape()));
  }
}

const OpDef& op::cholesky() {
  static const OpDef op = define<CholeskyAttrs>({.name = "cholesky",
                                                 .doc = "triangular l with a = l l^T",
                                                 .infer =
                                                     [](Infer& c, const CholeskyAttrs&) {
                                                       check_square(c, 0);
                                                       c.output(c.input(0).shape, c.input(0).dtype);
                                                     },
                                                 .vjp = vjp_cholesky,
                                                 .saves = Saves::kOutputs,
                                                 .cost = cubic<1, CholeskyAttrs>});
  return op;
}

const OpDef& op::lu_factor() {
  static const OpDef op = define<LuAttrs>({.name = "lu_factor",
                                           .doc = "a = p l u, with l and u in one matrix, and the row swaps",
                                           .infer = infer_lu,
                                           .vjp = vjp_lu,
                                           .saves = Saves::kOutputs,
                                           .cost = cubic<1, LuAttrs>});
  return op;
}

const OpDef& op::permutation_of_pivots() {
  static const OpDef op =
      define<PermutationAttrs>({.name = "permutation_of_pivots",
                                .doc = "the order of rows that a list of swaps makes",
                                .infer = infer_permutation,
                                .cost = [](Inputs in, Inputs out, const PermutationAttrs&) -> Cost {
                                  return {0, moved_bytes(in, out)};
                                }});
  return op;
}

const OpDef& op::qr() {
  static const OpDef op = define<QrAttrs>({.name = "qr",
                                           .doc = "orthonormal q and upper triangular r with a = q r",
                                           .infer = infer_qr,
                                           .vjp = vjp_qr,
                                           .saves = Saves::kOutputs,
                                           .cost = cubic<4, QrAttrs>});
  return op;
}

const OpDef& op::eigh() {
  static const OpDef op = define<EighAttrs>({.name = "eigh",
                                             .doc = "eigenvalues and eigenvectors of a symmetric matrix",
                                             .infer = infer_eigh,
                                             .vjp = vjp_eigh,
                                             .saves = Saves::kOutputs,
                                             .cost = cubic<9, EighAttrs>});
  return op;
}

const OpDef& op::svd() {
  static const OpDef op = define<SvdAttrs>({.name = "svd",
                                            .doc = "a = u diag(s) vh with orthonormal u and v",
                                            .infer = infer_svd,
                                            .vjp = vjp_svd,
                                            .saves = Saves::kOutputs,
                                            .cost = cubic<20, SvdAttrs>});
  return op;
}

namespace linalg {

Tensor cholesky(const Tensor& a, bool upper) { return apply1(op::cholesky(), {a}, CholeskyAttrs{upper}); }

std::pair<Tensor, Tensor> lu_factor(const Tensor& a, bool pivot) {
  Outputs out = apply(op::lu_factor(), {a}, LuAttrs{pivot});
  if (!out[0].is_meta()) {
    const NoGrad guard;
    for (const double u : matrix::diagonal(out[0]).to_vector<double>()) {
      if (u == 0) fail(ErrorKind::kNumeric, "linalg.lu_factor: the matrix is singular: u has a zero pivot");
    }
  }
  return {out[0], out[1]};
}

std::array<Tensor, 3> lu_unpack(const Tensor& lu, const Tensor& pivots) {
  check_pivots("lu_unpack", lu, pivots);
  const int64_t n = lu.dim(-2);
  const int64_t m = lu.dim(-1);
  const int64_t k = std::min(n, m);
  const Tensor ones_below = eye(n, lu.dtype(), lu.device());
  return {permutation_matrix(pivots, n, lu.dtype()),
          lower(narrow(lu, -1, 0, k), -1) + narrow(ones_below, 1, 0, k), upper(narrow(lu, -2, 0, k))};
}

std::array<Tensor, 3> lu(const Tensor& a, bool pivot) {
  Outputs out = apply(op::lu_factor(), {a}, LuAttrs{pivot});
  return lu_unpack(out[0], out[1]);
}

std::pair<Tensor, Tensor> qr(const Tensor& a, const std::string& mode) {
  Outputs out = apply(op::qr(), {a}, QrAttrs{mode});
  return {out[0], out[1]};
}

std::pair<Tensor, Tensor> eigh(const Tensor& a, const std::string& uplo) {
  Outputs out = apply(op::eigh(), {a}, EighAttrs{uplo});
  return {out[0], out[1]};
}

Tensor eigvalsh(const Tensor& a, const std::string& uplo) { return eigh(a, uplo).first; }

std::array<Tensor, 3> svd(const Tensor& a, bool full_matrices) {
  Outputs out = apply(op::svd(), {a}, SvdAttrs{full_matrices});
  return {out[0], out[1], out[2]};
}

Tensor svdvals(const Tensor& a) { return svd(a, false)[1]; }

}  // namespace linalg
}  // namespace dlb
