#include "dlb/ops/loss_regression.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

Tensor constant_like(const Tensor& x, double value) { return full({}, value, x.dtype(), x.device()); }

Tensor difference(const char* name, const Tensor& x, const Tensor& target) {
  if (!is_floating(x.dtype()) && !is_floating(target.dtype())) {
    fail(ErrorKind::kDtype, "{} expects floating input or target, got {} and {}", name, dtype_name(x.dtype()),
         dtype_name(target.dtype()));
  }
  return sub(x, target);
}

Tensor weighted(const char* name, const Tensor& values, const Tensor& weight, Reduction reduction) {
  if (!weight.defined()) return reduce_loss(values, reduction);
  if (!(weight.shape() == values.shape())) {
    fail(ErrorKind::kShape, "{} expects weights {}, got {}", name, shape_text(values.shape()),
         shape_text(weight.shape()));
  }
  const Tensor products = mul(values, weight);
  if (reduction != Reduction::kMean) return reduce_loss(products, reduction);
  return div(sum(products), sum(weight));
}

/// 0.5 d^2 up to the limit, a straight line beyond. The square is of the limited difference, so that an
/// infinite one has a finite gradient.
Tensor huber_values(const Tensor& d, double limit) {
  const Tensor quadratic = mul(square(clamp(d, -limit, limit)), 0.5);
  const Tensor linear = mul(abs(d) - 0.5 * limit, limit);
  return where(lt(abs(d), limit), quadratic, linear);
}

}  // namespace

void check_floating_input(const char* loss, const Tensor& x) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "{} expects a floating input, got {}", loss, dtype_name(x.dtype()));
  }
}

Tensor reduce_loss(const Tensor& values, Reduction reduction) {
  switch (reduction) {
    case Reduction::kMean:
      return mean(values);
    case Reduction::kSum:
      return sum(values);
    default:
      return values;
  }
}

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction, const Tensor& weight) {
  return weighted("l1_loss", abs(difference("l1_loss", x, target)), weight, reduction);
}

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction, const Tensor& weight) {
  return weighted("mse_loss", square(difference("mse_loss", x, target)), weight, reduction);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction, double beta) {
  if (!(beta >= 0)) fail(ErrorKind::kConfig, "smooth_l1_loss expects beta >= 0, got {}", beta);
  const Tensor d = difference("smooth_l1_loss", x, target);
  return reduce_loss(beta == 0 ? abs(d) : mul(huber_values(d, beta), 1 / beta), reduction);
}

Tensor huber_loss(const Tensor& x, const Tensor& target, Reduction reduction, double delta,
                  const Tensor& weight) {
  if (!(delta > 0)) fail(ErrorKind::kConfig, "huber_loss expects delta > 0, got {}", delta);
  const Tensor values = huber_values(difference("huber_loss", x, target), delta);
  // Unlike the others', the mean of weighted values is over their number.
  if (reduction == Reduction::kMean) return mean(weighted("huber_loss", values, weight, Reduction::kNone));
  return weighted("huber_loss", values, weight, reduction);
}

Tensor kl_div(const Tensor& x, const Tensor& target, const KlDivOptions& o) {
  check_floating_input("kl_div", x);
  Tensor values;
  if (o.log_target) {
    values = mul(exp(target), sub(target, x));
  } else {
    // t log t is 0 at 0.
    const Tensor positive = where(eq(target, 0.0), constant_like(target, 1), target);
    values = sub(mul(target, log(positive)), mul(target, x));
  }
  if (!o.batch_mean) return reduce_loss(values, o.reduction);
  if (x.rank() == 0) fail(ErrorKind::kShape, "kl_div with batchmean expects an input with a batch dimension");
  return sum(values) / static_cast<double>(x.dim(0));
}

Tensor poisson_nll_loss(const Tensor& x, const Tensor& target, const PoissonNllOptions& o) {
  check_floating_input("poisson_nll_loss", x);
  Tensor values = o.log_input ? sub(exp(x), mul(target, x)) : sub(x, mul(target, log(add(x, o.eps))));
  if (o.full) {
    const Tensor stirling =
        add(sub(mul(target, log(target)), target), mul(log(mul(target, 2 * std::numbers::pi)), 0.5));
    values = add(values, where(le(target, 1.0), constant_like(stirling, 0), stirling));
  }
  return reduce_loss(values, o.reduction);
}

Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const Tensor& variance,
                         const GaussianNllOptions& o) {
  check_floating_input("gaussian_nll_loss", x);
  Tensor v = variance;
  if (!(v.shape() == x.shape()) && v.rank() > 0) {
    Shape shorter = x.shape();
    if (!shorter.empty()) shorter.pop_back();
    if (v.shape() == shorter) {
      v = unsqueeze(v, -1);
    } else {
      shorter.push_back(1);
      if (!(v.shape() == shorter)) {
        fail(ErrorKind::kShape, "gaussian_nll_loss expects variances {} or {}, got {}", shape_text(x.shape()),
             shape_text(shorter), shape_text(v.shape()));
      }
    }
  }
  if (!v.is_meta() && any(lt(v.detach(), 0.0)).item() != 0) {
    fail(ErrorKind::kData, "gaussian_nll_loss expects variances of at least 0");
  }
  // The limit is no part of the gradient.
  const Tensor fixed = v.detach();
  v = add(clamp(fixed, o.eps, kUnlimited), sub(v, fixed));
  Tensor values = mul(add(log(v), div(square(sub(x, target)), v)), 0.5);
  if (o.full) values = add(values, 0.5 * std::log(2 * std::numbers::pi));
  return reduce_loss(values, o.reduction);
}

}  // namespace dlb
