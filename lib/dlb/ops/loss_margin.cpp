#include "dlb/ops/loss_margin.h"

#include <cmath>
#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

Tensor constant_like(const Tensor& x, double value) { return full({}, value, x.dtype(), x.device()); }

/// max(0, x), whose gradient is 1 at 0.
Tensor at_least_zero(const Tensor& x) { return clamp(x, 0, std::numeric_limits<double>::infinity()); }

/// Norm of a - b + eps over the last dimension.
Tensor distance_of(const Tensor& a, const Tensor& b, double p, double eps) {
  const Tensor d = add(sub(a, b), eps);
  if (p == 2) return norm(d, {-1});
  const Tensor size = abs(d);
  if (p == 1) return sum(size, {-1});
  if (std::isinf(p)) return p > 0 ? amax(size, {-1}) : amin(size, {-1});
  if (p == 0) return sum(cast(ne(d, 0.0), d.dtype()), {-1});
  return pow(sum(pow(size, p), {-1}), 1 / p);
}

Tensor triplet(const Tensor& positive, const Tensor& negative, const TripletOptions& o) {
  return reduce_loss(at_least_zero(add(sub(positive, negative), o.margin)), o.reduction);
}

}  // namespace

Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, Reduction reduction, double margin) {
  check_floating_input("hinge_embedding_loss", x);
  const Tensor zero = constant_like(x, 0);
  // A target that is neither 1 nor -1 counts for both.
  const Tensor far = where(ne(target, 1.0), at_least_zero(add(neg(x), margin)), zero);
  const Tensor near = where(ne(target, -1.0), x, zero);
  return reduce_loss(add(far, near), reduction);
}

Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target, Reduction reduction,
                             double margin) {
  check_floating_input("cosine_embedding_loss", a);
  const bool fits = (target.rank() == 1 && a.rank() == 2 && b.rank() == 2) ||
                    (target.rank() == 0 && a.rank() == 1 && b.rank() == 1);
  if (!fits) {
    fail(ErrorKind::kShape,
         "cosine_embedding_loss expects inputs [N, D] with target [N], or [D] with [], got {}, {} and {}",
         shape_text(a.shape()), shape_text(b.shape()), shape_text(target.shape()));
  }
  constexpr double kEpsilon = 1e-12;
  const Dims last{-1};
  const Tensor size = mul(add(sum(square(a), last), kEpsilon), add(sum(square(b), last), kEpsilon));
  const Tensor cosine = div(sum(mul(a, b), last), sqrt(size));
  const Tensor zero = constant_like(cosine, 0);
  const Tensor near = where(eq(target, 1.0), 1.0 - cosine, zero);
  const Tensor far = where(eq(target, -1.0), at_least_zero(cosine - margin), zero);
  return reduce_loss(add(near, far), reduction);
}

Tensor margin_ranking_loss(const Tensor& a, const Tensor& b, const Tensor& target, Reduction reduction,
                           double margin) {
  check_floating_input("margin_ranking_loss", a);
  const bool fits = a.rank() == b.rank() && a.rank() == target.rank();
  if (!fits) {
    fail(ErrorKind::kShape, "margin_ranking_loss expects inputs and target of one rank, got {}, {} and {}",
         shape_text(a.shape()), shape_text(b.shape()), shape_text(target.shape()));
  }
  return reduce_loss(at_least_zero(add(mul(neg(target), sub(a, b)), margin)), reduction);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& o) {
  check_floating_input("triplet_margin_loss", anchor);
  const bool fits = anchor.rank() == positive.rank() && anchor.rank() == negative.rank();
  if (!fits) {
    fail(ErrorKind::kShape, "triplet_margin_loss expects inputs of one rank, got {}, {} and {}",
         shape_text(anchor.shape()), shape_text(positive.shape()), shape_text(negative.shape()));
  }
  if (!(o.margin > 0))
    fail(ErrorKind::kConfig, "triplet_margin_loss expects a margin above 0, got {}", o.margin);
  const Tensor near = distance_of(anchor, positive, o.p, o.eps);
  Tensor far = distance_of(anchor, negative, o.p, o.eps);
  if (o.swap) far = minimum(far, distance_of(positive, negative, o.p, o.eps));
  return triplet(near, far, o);
}

Tensor triplet_margin_with_distance_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                         const Distance& distance, const TripletOptions& o) {
  check_floating_input("triplet_margin_with_distance_loss", anchor);
  if (!(o.margin > 0)) {
    fail(ErrorKind::kConfig, "triplet_margin_with_distance_loss expects a margin above 0, got {}", o.margin);
  }
  const auto between = [&](const Tensor& a, const Tensor& b) {
    return distance ? distance(a, b) : distance_of(a, b, 2, 1e-6);
  };
  const Tensor near = between(anchor, positive);
  Tensor far = between(anchor, negative);
  if (o.swap) far = minimum(far, between(positive, negative));
  return triplet(near, far, o);
}

}  // namespace dlb
