#include "dlb/ops/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields CdistAttrs::fields() {
  static const Field list[] = {
      field<&CdistAttrs::p>("p", "exponent of the distance", non_negative()),
      field<&CdistAttrs::by_product>("by_product", "Euclidean distances from a matrix product")};
  return list;
}

namespace {

constexpr int64_t kDifferences = int64_t{1} << 22;  ///< elements of a - b that a gradient makes at a time

Tensor number(double value, const Tensor& like) { return full({}, value, like.dtype(), like.device()); }

void infer_cdist(Infer& c, const CdistAttrs& a) {
  c.floating(0);
  c.same_dtype(0, 1);
  if (!(a.p >= 0)) fail(ErrorKind::kUnsupported, "cdist expects p of at least 0, got {}", a.p);
  const Shape& x = c.input(0).shape;
  const Shape& y = c.input(1).shape;
  bool fits = x.size() == y.size() && x.size() >= 2 && x.back() == y.back();
  for (size_t i = 0; fits && i + 2 < x.size(); ++i) fits = x[i] == y[i];
  if (!fits) {
    c.fail_shape("expects [*, n, d] and [*, m, d], got {} and {}", shape_text(x), shape_text(y));
  }
  Shape shape = x;
  shape.back() = y[y.size() - 2];
  numel(shape);
  c.output(shape, c.input(0).dtype);
}

/// g / y where y is not 0, else 0.
Tensor ratio(const Tensor& g, const Tensor& y) {
  const Tensor zero = eq(y, 0);
  return where(zero, number(0, g), g / where(zero, number(1, y), y));
}

/// sign(x) |x|^(p - 1), 0 at 0 also where the power has no value or no gradient.
Tensor signed_power(const Tensor& x, double p) {
  if (p == 1) return sign(x);
  const Tensor magnitude = where(eq(x, 0), number(1, x), abs(x));
  return sign(x) * pow(magnitude, p - 1);
}

/// Gradients for rows a [*, n, d] by way of all differences [*, n, m, d].
std::pair<Tensor, Tensor> through_differences(const Tensor& a, const Tensor& b, const Tensor& y,
                                              const Tensor& g, double p) {
  const Tensor difference = unsqueeze(a, -2) - unsqueeze(b, -3);
  Tensor part;
  if (std::isinf(p)) {
    const Tensor farthest = cast(eq(abs(difference), unsqueeze(y, -1)), a.dtype());
    part = sign(difference) * farthest * unsqueeze(g, -1);
  } else {
    const Tensor weight = p == 1 ? g : ratio(g, p == 2 ? y : pow(where(eq(y, 0), number(0, y), y), p - 1));
    part = signed_power(difference, p) * unsqueeze(weight, -1);
  }
  return {sum(part, {-2}), neg(sum(part, {-3}))};
}

void vjp_cdist(Vjp& c, const CdistAttrs& attrs) {
  const Tensor& a = c.input(0);
  const Tensor& b = c.input(1);
  const Tensor& y = c.output(0);
  const Tensor& g = c.grad(0);
  if (attrs.p == 0 || a.dim(-1) == 0 || y.numel() == 0) {
    if (c.needs(0)) c.input_grad(0, zeros_like(a));
    if (c.needs(1)) c.input_grad(1, zeros_like(b));
    return;
  }
  if (attrs.p == 2) {
    // sum_j w_ij (a_i - b_j) without all the differences.
    const Tensor w = ratio(g, y);
    if (c.needs(0)) c.input_grad(0, a * sum(w, {-1}, kKeepDim) - matmul(w, b));
    if (c.needs(1)) {
      const Tensor wt = transpose(w, -1, -2);
      c.input_grad(1, b * sum(wt, {-1}, kKeepDim) - matmul(wt, a));
    }
    return;
  }
  const int64_t rows = a.dim(-2);
  const int64_t per_row = std::max<int64_t>(y.numel() / rows * a.dim(-1), 1);
  const int64_t step = std::clamp<int64_t>(kDifferences / per_row, 1, rows);
  std::vector<Tensor> of_a;
  Tensor of_b;
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t n = std::min(step, rows - first);
    const auto take = [&](const Tensor& t) { return narrow(t, -2, first, n); };
    const auto [da, db] = through_differences(take(a), b, take(y), take(g), attrs.p);
    of_a.push_back(da);
    of_b = of_b.defined() ? of_b + db : db;
  }
  if (c.needs(0)) c.input_grad(0, of_a.size() == 1 ? of_a[0] : cat(of_a, -2));
  if (c.needs(1)) c.input_grad(1, of_b);
}

Cost cdist_cost(Inputs in, Inputs out, const CdistAttrs&) {
  return {3 * static_cast<double>(out[0].numel()) * static_cast<double>(in[0].dim(-1)), moved_bytes(in, out)};
}

}  // namespace

const OpDef& op::cdist() {
  static const OpDef op = define<CdistAttrs>({.name = "cdist",
                                              .doc = "p-distances between the rows of two matrices",
                                              .infer = infer_cdist,
                                              .vjp = vjp_cdist,
                                              .saves = Saves::kBoth,
                                              .cost = cdist_cost});
  return op;
}

std::span<const OpDef* const> distance_ops() {
  static const OpDef* const ops[] = {&op::cdist()};
  return ops;
}

Tensor lp_norm(const Tensor& x, double p, Dims dims, bool keepdim) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "a norm expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  if (p == 2) return norm(x, dims, keepdim);
  if (p == 1) return sum(abs(x), dims, keepdim);
  if (p == 0) return cast(count_nonzero(x.detach(), dims, keepdim), x.dtype());
  if (std::isinf(p)) {
    // The largest of no magnitudes is 0.
    if (p > 0 && x.numel() == 0) return sum(abs(x), dims, keepdim);
    return p > 0 ? amax(abs(x), dims, keepdim) : amin(abs(x), dims, keepdim);
  }
  const Tensor zero = eq(x, 0);
  const double at_zero = p > 0 ? 0 : std::numeric_limits<double>::infinity();
  const Tensor powers = where(zero, number(at_zero, x), pow(where(zero, number(1, x), abs(x)), p));
  const Tensor total = sum(powers, dims, keepdim);
  const Tensor nothing = eq(total, 0);
  const double of_nothing = p > 0 ? 0 : std::numeric_limits<double>::infinity();
  return where(nothing, number(of_nothing, x), pow(where(nothing, number(1, x), total), 1 / p));
}

Tensor dist(const Tensor& a, const Tensor& b, double p) { return lp_norm(a - b, p); }

Tensor renorm(const Tensor& x, double p, int64_t dim, double max_norm) {
  if (x.rank() < 2) {
    fail(ErrorKind::kShape, "renorm expects at least 2 dimensions, got {}", shape_text(x.shape()));
  }
  if (!(p > 0)) fail(ErrorKind::kUnsupported, "renorm expects p above 0, got {}", p);
  if (!(max_norm >= 0))
    fail(ErrorKind::kUnsupported, "renorm expects max_norm of at least 0, got {}", max_norm);
  const int d = normalize_dim(dim, x.rank());
  Dims others;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != d) others.push_back(i);
  }
  const Tensor norms = lp_norm(x, p, others, kKeepDim);
  constexpr double kEpsilon = 1e-7;  // of PyTorch's operator
  return x * where(gt(norms, max_norm), max_norm / (norms + kEpsilon), number(1, x));
}

Tensor cdist(const Tensor& a, const Tensor& b, double p, EuclideanByProduct by_product) {
  if (a.rank() < 2 || b.rank() < 2) {
    fail(ErrorKind::kShape, "cdist expects [*, n, d] and [*, m, d], got {} and {}", shape_text(a.shape()),
         shape_text(b.shape()));
  }
  Shape batch = broadcast_shapes(std::span(a.shape().begin(), static_cast<size_t>(a.rank() - 2)),
                                 std::span(b.shape().begin(), static_cast<size_t>(b.rank() - 2)));
  const auto with_batch = [&](const Tensor& t) {
    Shape shape = batch;
    shape.push_back(t.dim(-2));
    shape.push_back(t.dim(-1));
    return expand(t, shape);
  };
  const bool product =
      p == 2 && (by_product == EuclideanByProduct::kAlways ||
                 (by_product == EuclideanByProduct::kIfLarge && (a.dim(-2) > 25 || b.dim(-2) > 25)));
  return apply1<CdistAttrs>(op::cdist(), {with_batch(a), with_batch(b)}, {p, product});
}

Tensor pdist(const Tensor& x, double p) {
  if (x.rank() != 2) fail(ErrorKind::kShape, "pdist expects rows [n, d], got {}", shape_text(x.shape()));
  const int64_t n = x.dim(0);
  std::vector<int64_t> upper;
  for (int64_t i = 0; i < n && !x.is_meta(); ++i) {
    for (int64_t j = i + 1; j < n; ++j) upper.push_back(i * n + j);
  }
  const int64_t pairs = std::max<int64_t>(n * (n - 1) / 2, 0);
  const Tensor index =
      x.is_meta() ? Tensor::empty({pairs}, DType::kInt64, kMeta) : Tensor::from(upper, {pairs});
  return index_select(flatten(cdist(x, x, p, EuclideanByProduct::kNever)), 0, index);
}

}  // namespace dlb
