#include "dlb/ops/dropout.h"

#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/require.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

void check(const char* name, const Tensor& x, double p, bool features) {
  if (!(p >= 0 && p <= 1)) fail(ErrorKind::kConfig, "{} expects a probability from 0 to 1, got {}", name, p);
  require_floating(x, name);
  if (features && x.rank() < 2) {
    fail(ErrorKind::kShape, "{} expects input [N, C, ...], got {}", name, shape_text(x.shape()));
  }
}

/// 1 where an element, or a channel, is kept.
Tensor kept(const Tensor& x, double p, const RngKey& key, bool features) {
  Shape shape = x.shape();
  for (size_t i = 2; features && i < shape.size(); ++i) shape[i] = 1;
  return bernoulli(shape, 1 - p, key, x.dtype(), x.device());
}

Tensor alpha_dropout_by(const Tensor& x, double p, const RngKey& key, bool features) {
  if (p == 0) return x;
  if (p == 1) return mul(x, 0);
  constexpr double kAlpha = 1.7580993408473766;  // selu's scale times its alpha
  const double a = 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  const Tensor mask = kept(x, p, key, features);
  // a (x mask - alpha (1 - mask)) + a alpha p
  return add(mul(x, mul(mask, a)), affine(mask, a * kAlpha, a * kAlpha * (p - 1)));
}

}  // namespace

Tensor feature_dropout(const Tensor& x, double p, const RngKey& key) {
  check("feature_dropout", x, p, true);
  if (p == 0) return x;
  if (p == 1) return mul(x, 0);
  return mul(x, mul(kept(x, p, key, true), 1 / (1 - p)));
}

Tensor alpha_dropout(const Tensor& x, double p, const RngKey& key) {
  check("alpha_dropout", x, p, false);
  return alpha_dropout_by(x, p, key, false);
}

Tensor feature_alpha_dropout(const Tensor& x, double p, const RngKey& key) {
  check("feature_alpha_dropout", x, p, true);
  return alpha_dropout_by(x, p, key, true);
}

}  // namespace dlb
