// Linear equations, inverses and determinants.
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
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

using matrix::batch_of;
using matrix::expand_batch;
using matrix::identity;
using matrix::lower;
using matrix::transposed;
using matrix::upper;

void check_matrices(Infer& c, int i) {
  const TensorSpec& a = c.input(i);
  if (a.dtype != DType::kFloat32 && a.dtype != DType::kFloat64) {
    c.fail_dtype("expects float32 or float64, got {}", spec_text(a));
  }
  if (a.rank() < 2) c.fail_shape("expects matrices [*, n, m], got {}", shape_text(a.shape));
}

void check_square(Infer& c, int i) {
  check_matrices(c, i);
  const TensorSpec& a = c.input(i);
  if (a.dim(-1) != a.dim(-2)) c.fail_shape("expects square matrices, got {}", shape_text(a.shape));
}

void check_matrix_shape(const char* function, const Tensor& a) {
  if (a.rank() < 2)
    fail(ErrorKind::kShape, "{} expects matrices [*, n, m], got {}", function, shape_text(a.shape()));
}

void check_square_shape(const char* function, const Tensor& a) {
  check_matrix_shape(function, a);
  if (a.dim(-1) != a.dim(-2)) {
    fail(ErrorKind::kShape, "{} expects square matrices, got {}", function, shape_text(a.shape()));
  }
}

Fields TriangularAttrs::fields() {
  static const Field list[] = {
      field<&TriangularAttrs::upper>("upper", "the triangle that is read"),
      field<&TriangularAttrs::unitriangular>("unitriangular", "take the diagonal to be ones")};
  return list;
}
Fields LstsqAttrs::fields() {
  static const Field list[] = {
      field<&LstsqAttrs::rcond>("rcond", "singular values below this part of the largest count as 0"),
      field<&LstsqAttrs::driver>("driver", "LAPACK's routine", one_of({"gels", "gelsy", "gelsd", "gelss"}))};
  return list;
}

namespace {

// Solving.

/// Batches are equal; the public functions expand them.
void check_equations(Infer& c, bool square) {
  square ? check_square(c, 0) : check_matrices(c, 0);
  check_matrices(c, 1);
  c.same_dtype(0, 1);
  const TensorSpec& a = c.input(0);
  const TensorSpec& b = c.input(1);
  if (batch_of(a.shape) != batch_of(b.shape) || a.dim(-2) != b.dim(-2)) {
    c.fail_shape("expects right-hand sides [*, {}, r] for matrices {}, got {}", a.dim(-2),
                 shape_text(a.shape), shape_text(b.shape));
  }
}

void vjp_solve(Vjp& c, const NoAttrs&) {
  const Tensor gb = linalg::solve(transposed(c.input(0)), c.grad(0));
  if (c.needs(1)) c.input_grad(1, gb);
  if (c.needs(0)) c.input_grad(0, -matmul(gb, transposed(c.output(0))));
}

void vjp_solve_triangular(Vjp& c, const TriangularAttrs& attrs) {
  const Tensor gb =
      linalg::solve_triangular(transposed(c.input(0)), c.grad(0), !attrs.upper, true, attrs.unitriangular);
  if (c.needs(1)) c.input_grad(1, gb);
  if (c.needs(0)) {
    const Tensor ga = -matmul(gb, transposed(c.output(0)));
    const int64_t inside = attrs.unitriangular ? 1 : 0;
    c.input_grad(0, attrs.upper ? upper(ga, inside) : lower(ga, -inside));
  }
}

double solve_flops(Inputs in) {
  const auto n = static_cast<double>(in[0].dim(-1));
  return static_cast<double>(in[0].numel()) * n + 2 * static_cast<double>(in[1].numel()) * n;
}
template <class A>
Cost cost_solve(Inputs in, Inputs out, const A&) {
  return {solve_flops(in), moved_bytes(in, out)};
}
template <class A>
Cost cost_of_one(Inputs in, Inputs out, const A&) {
  return {static_cast<double>(in[0].numel()) * static_cast<double>(in[0].dim(-1)), moved_bytes(in, out)};
}

// Determinants.

/// Transposed adjugates, which are the gradients of determinants, also of singular matrices: from a = u s
/// v^T, det(u) det(v) u diag(product of the other singular values) v^T.
Tensor cofactors(const Tensor& a) {
  const std::array<Tensor, 3> parts = linalg::svd(a, false);
  const int64_t n = a.dim(-1);
  const Tensor others =
      where(eye(n, DType::kBool, a.device()), full({}, 1, a.dtype(), a.device()), unsqueeze(parts[1], -2));
  const Tensor sign = linalg::det(parts[0]) * linalg::det(parts[2]);
  const Tensor products = prod(others, {-1});
  return unsqueeze(unsqueeze(sign, -1), -1) * matmul(parts[0] * unsqueeze(products, -2), parts[2]);
}

void vjp_det(Vjp& c, const NoAttrs&) {
  const Tensor& a = c.input(0);
  const Tensor& det = c.output(0);
  bool singular = false;
  if (!det.is_meta()) {
    const NoGrad guard;
    for (const double d : det.to_vector<double>()) singular |= d == 0;
  }
  const auto as_matrices = [](const Tensor& x) { return unsqueeze(unsqueeze(x, -1), -1); };
  if (singular) return c.input_grad(0, as_matrices(c.grad(0)) * cofactors(a));
  c.input_grad(0, as_matrices(c.grad(0) * det) * transposed(linalg::inv(a)));
}

void vjp_slogdet(Vjp& c, const NoAttrs&) {
  if (!c.grad(1).defined()) return c.input_grad(0, zeros_like(c.input(0)));  // the sign is constant
  const Tensor g = unsqueeze(unsqueeze(c.grad(1), -1), -1);
  c.input_grad(0, g * transposed(linalg::inv(c.input(0))));
}

// Least squares.

void infer_lstsq(Infer& c, const LstsqAttrs& attrs) {
  check_equations(c, false);
  if (attrs.driver != "gels" && attrs.driver != "gelsy" && attrs.driver != "gelsd" &&
      attrs.driver != "gelss") {
    fail(ErrorKind::kConfig, "lstsq expects driver gels, gelsy, gelsd or gelss, got '{}'", attrs.driver);
  }
  const TensorSpec& a = c.input(0);
  const Shape batch = batch_of(a.shape);
  const int64_t n = a.dim(-2);
  const int64_t m = a.dim(-1);
  const int64_t r = c.input(1).dim(-1);
  const auto with = [&](std::initializer_list<int64_t> sizes) {
    Shape out = batch;
    for (const int64_t s : sizes) out.push_back(s);
    return out;
  };
  const bool values = attrs.driver == "gelsd" || attrs.driver == "gelss";
  c.output(with({m, r}), a.dtype);
  c.output(n > m && attrs.driver != "gelsy" ? with({r}) : Shape{0}, a.dtype);
  c.output(attrs.driver == "gels" ? Shape{0} : batch, DType::kInt64);
  c.output(values ? with({std::min(n, m)}) : Shape{0}, a.dtype);
}

/// The gradient of the pseudoinverse p of a, whose gradient is g (Golub and Pereyra).
Tensor grad_pinv(const Tensor& a, const Tensor& p, const Tensor& g) {
  const Tensor pt = transposed(p);
  const Tensor gt = transposed(g);
  const Tensor left = matmul(gt, matmul(p, pt));
  const Tensor right = matmul(matmul(pt, p), gt);
  return -matmul(matmul(pt, g), pt) + (left - matmul(a, matmul(p, left))) +
         (right - matmul(matmul(right, p), a));
}

void vjp_lstsq(Vjp& c, const LstsqAttrs& attrs) {
  const Tensor& a = c.input(0);
  const Tensor& b = c.input(1);
  const Tensor rtol = attrs.rcond < 0 ? Tensor() : full({}, attrs.rcond, a.dtype(), a.device());
  const Tensor p = linalg::pinv(a, {}, rtol);
  Tensor ga;
  Tensor gb;
  const auto gather_up = [](Tensor& sum, const Tensor& part) { sum = sum.defined() ? sum + part : part; };
  if (c.grad(0).defined()) {
    if (c.needs(0)) gather_up(ga, grad_pinv(a, p, matmul(c.grad(0), transposed(b))));
    if (c.needs(1)) gather_up(gb, matmul(transposed(p), c.grad(0)));
  }
  const bool has_residuals = a.dim(-2) > a.dim(-1) && attrs.driver != "gelsy";
  if (c.grad(1).defined() && has_residuals) {
    // The residuals are at their minimum in x, so that only a and b count.
    const Tensor x = matmul(p, b);
    const Tensor weighted = (matmul(a, x) - b) * (unsqueeze(c.grad(1), -2) * 2.0);
    if (c.needs(0)) gather_up(ga, matmul(weighted, transposed(x)));
    if (c.needs(1)) gather_up(gb, -weighted);
  }
  if (ga.defined()) c.input_grad(0, ga);
  if (gb.defined()) c.input_grad(1, gb);
}

}  // namespace

const OpDef& op::solve() {
  static const OpDef op = define<NoAttrs>({.name = "solve",
                                           .doc = "x with a x = b",
                                           .infer =
                                               [](Infer& c, const NoAttrs&) {
                                                 check_equations(c, true);
                                                 c.output(c.input(1).shape, c.input(0).dtype);
                                               },
                                           .vjp = vjp_solve,
                                           .saves = Saves::kBoth,
                                           .cost = cost_solve<NoAttrs>});
  return op;
}

const OpDef& op::solve_triangular() {
  static const OpDef op = define<TriangularAttrs>({.name = "solve_triangular",
                                                   .doc = "x with a x = b for a triangular a",
                                                   .infer =
                                                       [](Infer& c, const TriangularAttrs&) {
                                                         check_equations(c, true);
                                                         c.output(c.input(1).shape, c.input(0).dtype);
                                                       },
                                                   .vjp = vjp_solve_triangular,
                                                   .saves = Saves::kBoth,
                                                   .cost = cost_solve<TriangularAttrs>});
  return op;
}

const OpDef& op::det() {
  static const OpDef op = define<NoAttrs>({.name = "det",
                                           .doc = "determinant",
                                           .infer =
                                               [](Infer& c, const NoAttrs&) {
                                                 check_square(c, 0);
                                                 c.output(batch_of(c.input(0).shape), c.input(0).dtype);
                                               },
                                           .vjp = vjp_det,
                                           .saves = Saves::kBoth,
                                           .cost = cost_of_one<NoAttrs>});
  return op;
}

const OpDef& op::slogdet() {
  static const OpDef op =
      define<NoAttrs>({.name = "slogdet",
                       .doc = "sign and logarithm of the absolute value of the determinant",
                       .infer =
                           [](Infer& c, const NoAttrs&) {
                             check_square(c, 0);
                             c.output(batch_of(c.input(0).shape), c.input(0).dtype);
                             c.output(batch_of(c.input(0).shape), c.input(0).dtype);
                           },
                       .vjp = vjp_slogdet,
                       .saves = Saves::kInputs,
                       .cost = cost_of_one<NoAttrs>});
  return op;
}

const OpDef& op::lstsq() {
  static const OpDef op = define<LstsqAttrs>({.name = "lstsq",
                                              .doc = "x that minimises |a x - b|",
                                              .infer = infer_lstsq,
                                              .vjp = vjp_lstsq,
                                              .saves = Saves::kInputs,
                                              .cost = cost_solve<LstsqAttrs>});
  return op;
}

namespace linalg {
namespace {

/// Whether b is one vector for each matrix of a.
bool holds_vectors(const Tensor& a, const Tensor& b) {
  if (b.rank() == 1) return true;
  if (b.rank() + 1 != a.rank()) return false;
  return std::equal(b.shape().begin(), b.shape().end(), a.shape().begin());
}

/// Both with the broadcast batch.
std::pair<Tensor, Tensor> with_equal_batch(const Tensor& a, const Tensor& b) {
  const Shape batch = broadcast_shapes(batch_of(a.shape()), batch_of(b.shape()));
  return {expand_batch(a, batch), expand_batch(b, batch)};
}

void check_sides(const char* function, const Tensor& a, const Tensor& b, int64_t side) {
  check_matrix_shape(function, b);
  if (b.dim(side) != a.dim(-2)) {
    fail(ErrorKind::kShape, "{}: matrices {} do not fit right-hand sides {}", function, shape_text(a.shape()),
         shape_text(b.shape()));
  }
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b, bool left) {
  check_square_shape("linalg.solve", a);
  if (b.rank() > 0 && holds_vectors(a, b)) {
    if (!left && b.rank() == 1 && a.rank() == 2) return squeeze(solve(a, unsqueeze(b, -2), false), -2);
    if (!left) {
      fail(ErrorKind::kShape, "linalg.solve expects a matrix on the right-hand side of x a = b, got {}",
           shape_text(b.shape()));
    }
    return squeeze(solve(a, unsqueeze(b, -1)), -1);
  }
  check_sides("linalg.solve", a, b, left ? -2 : -1);
  if (!left) return transposed(solve(transposed(a), transposed(b)));
  const auto [x, y] = with_equal_batch(a, b);
  return apply1(op::solve(), {x, y});
}

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool left, bool unitriangular) {
  check_square_shape("linalg.solve_triangular", a);
  check_sides("linalg.solve_triangular", a, b, left ? -2 : -1);
  if (!left) return transposed(solve_triangular(transposed(a), transposed(b), !upper, true, unitriangular));
  const auto [x, y] = with_equal_batch(a, b);
  return apply1(op::solve_triangular(), {x, y}, TriangularAttrs{upper, unitriangular});
}

Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool left, bool adjoint) {
  check_square_shape("linalg.lu_solve", lu);
  check_pivots("linalg.lu_solve", lu, pivots);
  check_sides("linalg.lu_solve", lu, b, left ? -2 : -1);
  if (!left) return transposed(lu_solve(lu, pivots, transposed(b), true, !adjoint));
  const std::array<Tensor, 3> plu = lu_unpack(lu, pivots);
  if (adjoint) {  // u^T l^T p^T x = b
    const Tensor y = solve_triangular(transposed(plu[2]), b, false);
    return matmul(plu[0], solve_triangular(transposed(plu[1]), y, true, true, true));
  }
  const Tensor y = solve_triangular(plu[1], matmul(transposed(plu[0]), b), false, true, true);
  return solve_triangular(plu[2], y, true);
}

Tensor cholesky_solve(const Tensor& b, const Tensor& l, bool upper) {
  check_square_shape("cholesky_solve", l);
  check_sides("cholesky_solve", l, b, -2);
  const Tensor factor = upper ? transposed(l) : l;
  return solve_triangular(transposed(factor), solve_triangular(factor, b, false), true);
}

Tensor cholesky_inverse(const Tensor& l, bool upper) {
  check_square_shape("cholesky_inverse", l);
  return cholesky_solve(identity(l.dim(-1), l), l, upper);
}

Tensor inv(const Tensor& a) {
  check_square_shape("linalg.inv", a);
  return solve(a, expand_batch(identity(a.dim(-1), a), batch_of(a.shape())));
}

std::array<Tensor, 4> lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond,
                            const std::string& driver) {
  check_matrix_shape("linalg.lstsq", a);
  const bool vectors = b.rank() > 0 && b.rank() + 1 == a.rank();
  const Tensor columns = vectors ? unsqueeze(b, -1) : b;
  check_sides("linalg.lstsq", a, columns, -2);
  const auto [x, y] = with_equal_batch(a, columns);
  Outputs out = apply(op::lstsq(), {x, y}, LstsqAttrs{rcond.value_or(-1), driver});
  bool has_residuals = a.dim(-2) > a.dim(-1) && driver != "gelsy";
  if (has_residuals && driver != "gels" && !out[2].is_meta()) {
    for (const int64_t rank : out[2].to_vector<int64_t>()) has_residuals &= rank == a.dim(-1);
  }
  Tensor residuals = has_residuals ? out[1] : zeros({0}, a.dtype(), a.device());
  Tensor solution = out[0];
  if (vectors) {
    solution = squeeze(solution, -1);
    if (has_residuals) residuals = squeeze(residuals, -1);
  }
  return {solution, residuals, out[2], out[3].detach()};
}

Tensor det(const Tensor& a) { return apply1(op::det(), {a}); }

std::pair<Tensor, Tensor> slogdet(const Tensor& a) {
  Outputs out = apply(op::slogdet(), {a}, NoAttrs{});
  return {out[0], out[1]};
}

Tensor logdet(const Tensor& a) {
  const auto [sign, log] = slogdet(a);
  return where(lt(sign.detach(), 0.0),
               full({}, std::numeric_limits<double>::quiet_NaN(), a.dtype(), a.device()), log);
}

}  // namespace linalg

// Pseudoinverse.

Fields PinvAttrs::fields() {
  static const Field list[] = {field<&PinvAttrs::hermitian>("hermitian", "the matrices are symmetric")};
  return list;
}

namespace {

/// What counts as 0 next to the largest of `sizes`, [*, 1]; see linalg::pinv().
Tensor threshold(const Tensor& a, const Tensor& sizes, const Tensor& atol, const Tensor& rtol) {
  const double epsilon = a.dtype() == DType::kFloat64 ? std::numeric_limits<double>::epsilon()
                                                      : std::numeric_limits<float>::epsilon();
  const Tensor largest = amax(sizes, {-1}, kKeepDim);
  Tensor relative;
  if (rtol.defined()) {
    relative = largest * unsqueeze(cast(rtol, a.dtype()), -1);
  } else if (!atol.defined()) {
    relative = largest * (epsilon * static_cast<double>(std::max(a.dim(-1), a.dim(-2))));
  } else {
    relative = largest * 0.0;
  }
  return atol.defined() ? maximum(relative, unsqueeze(cast(atol, a.dtype()), -1)) : relative;
}

void infer_pinv(Infer& c, const PinvAttrs& attrs) {
  attrs.hermitian ? check_square(c, 0) : check_matrices(c, 0);
  const Shape& a = c.input(0).shape;
  Shape out = batch_of(a);
  for (int i = 1; i < 3; ++i) {
    if (c.has(i) && broadcast_shapes(out, c.input(i).shape) != out) {
      c.fail_shape("expects tolerances that fit the batch {}, got {}", shape_text(out),
                   shape_text(c.input(i).shape));
    }
  }
  out.push_back(a.back());
  out.push_back(a[a.size() - 2]);
  c.output(out, c.input(0).dtype);
}

Outputs reference_pinv(Inputs in, const PinvAttrs& attrs) {
  const Tensor& a = in[0];
  const Tensor atol = in.size() > 1 ? in[1] : Tensor();
  const Tensor rtol = in.size() > 2 ? in[2] : Tensor();
  if (a.numel() == 0) {
    Shape shape = batch_of(a.shape());
    shape.push_back(a.dim(-1));
    shape.push_back(a.dim(-2));
    return {zeros(shape, a.dtype(), a.device())};
  }
  const Tensor zero = full({}, 0, a.dtype(), a.device());
  if (attrs.hermitian) {
    const auto [values, vectors] = linalg::eigh(a);
    const Tensor sizes = abs(values);
    const Tensor inverse = where(gt(sizes, threshold(a, sizes, atol, rtol)), reciprocal(values), zero);
    return {matmul(vectors * unsqueeze(inverse, -2), transposed(vectors))};
  }
  const std::array<Tensor, 3> parts = linalg::svd(a, false);
  const Tensor inverse = where(gt(parts[1], threshold(a, parts[1], atol, rtol)), reciprocal(parts[1]), zero);
  return {matmul(transposed(parts[2]) * unsqueeze(inverse, -2), transposed(parts[0]))};
}

}  // namespace

const OpDef& op::pinv() {
  static const OpDef op = define<PinvAttrs>(
      {.name = "pinv",
       .doc = "pseudoinverse",
       .infer = infer_pinv,
       .vjp = [](Vjp& c,
                 const PinvAttrs&) { c.input_grad(0, grad_pinv(c.input(0), c.output(0), c.grad(0))); },
       .saves = Saves::kBoth,
       .reference = reference_pinv,
       .cost = [](Inputs in, Inputs out, const PinvAttrs&) -> Cost {
         return {20 * static_cast<double>(in[0].numel()) *
                     static_cast<double>(std::min(in[0].dim(-1), in[0].dim(-2))),
                 moved_bytes(in, out)};
       }});
  return op;
}

namespace linalg {

Tensor pinv(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  return apply1(op::pinv(), {a, atol, rtol}, PinvAttrs{hermitian});
}

Tensor matrix_rank(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  check_matrix_shape("linalg.matrix_rank", a);
  const NoGrad guard;
  if (a.numel() == 0) return zeros(batch_of(a.shape()), DType::kInt64, a.device());
  const Tensor sizes = hermitian ? abs(eigvalsh(a)) : svdvals(a);
  return sum(gt(sizes, threshold(a, sizes, atol, rtol)), {-1});
}

}  // namespace linalg
}  // namespace dlb
