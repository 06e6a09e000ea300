// Activations with parameters, gates or random numbers, and those that shrink.
#include "dlb/nn/activation.h"
#include "dlb/nn/init.h"
#include "dlb/ops/activation.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

void expect_halves(const Build& b, int64_t dim, const char* layer) {
  const int d = normalize_dim(dim, b.input().rank(), "dim");
  if (b.input().rank() == 0 || b.input().dim(d) % 2 != 0) {
    fail(ErrorKind::kShape, "{} needs an even size of dimension {}, got input {}", layer, dim,
         shape_text(b.input().shape));
  }
}

}  // namespace

Fields Threshold::fields() {
  static const Field list[] = {
      field<&Threshold::threshold>("threshold", "what is not above this is replaced"),
      field<&Threshold::value>("value", "what replaces it"),
  };
  return list;
}
Tensor Threshold::forward(Context& /*c*/, const Tensor& x) { return dlb::threshold(x, threshold, value); }

Fields Hardshrink::fields() {
  static const Field list[] = {
      field<&Hardshrink::lambda>("lambda", "values no larger than this become 0", non_negative())};
  return list;
}
Tensor Hardshrink::forward(Context& /*c*/, const Tensor& x) { return hardshrink(x, lambda); }

Fields Softshrink::fields() {
  static const Field list[] = {
      field<&Softshrink::lambda>("lambda", "how far values move towards 0", non_negative())};
  return list;
}
Tensor Softshrink::forward(Context& /*c*/, const Tensor& x) { return softshrink(x, lambda); }

Fields Prelu::fields() {
  static const Field list[] = {
      field<&Prelu::per_channel>("per_channel", "learn a slope for each channel, not one for all"),
      field<&Prelu::slope>("slope", "initial slope"),
  };
  return list;
}
void Prelu::build(Build& b) {
  if (per_channel) b.expect(b.input().rank() >= 2, "prelu", "[N, C, ...]");
  weight_ = b.parameter("weight", {per_channel ? b.input().dim(1) : 1}, constant_init(slope));
}
Tensor Prelu::forward(Context& /*c*/, const Tensor& x) { return prelu(x, weight_); }

Fields Rrelu::fields() {
  static const Field list[] = {
      field<&Rrelu::lower>("lower", "least slope"),
      field<&Rrelu::upper>("upper", "greatest slope"),
  };
  return list;
}
void Rrelu::build(Build& /*b*/) {
  if (lower > upper) {
    fail(ErrorKind::kConfig, "rrelu needs lower not above upper, got {} and {}", lower, upper);
  }
}
Tensor Rrelu::forward(Context& c, const Tensor& x) {
  return rrelu(x, lower, upper, c.training, c.training ? c.next_key(RngPurpose::kDropout) : RngKey{});
}

Fields Glu::fields() {
  static const Field list[] = {field<&Glu::dim>("dim", "dimension that is halved")};
  return list;
}
void Glu::build(Build& b) { expect_halves(b, dim, "glu"); }
Tensor Glu::forward(Context& /*c*/, const Tensor& x) { return glu(x, dim); }

Tensor exact_gelu(const Tensor& x) { return gelu(x); }

template <Tensor (*F)(const Tensor&)>
Fields GatedActivation<F>::fields() {
  static const Field list[] = {field<&GatedActivation::dim>("dim", "dimension that is halved")};
  return list;
}
template <Tensor (*F)(const Tensor&)>
void GatedActivation<F>::build(Build& b) {
  expect_halves(b, dim, "a gated activation");
}
template <Tensor (*F)(const Tensor&)>
Tensor GatedActivation<F>::forward(Context& /*c*/, const Tensor& x) {
  const int64_t half = x.dim(normalize_dim(dim, x.rank())) / 2;
  return mul(F(narrow(x, dim, 0, half)), narrow(x, dim, half, half));
}
template struct GatedActivation<&silu>;
template struct GatedActivation<&exact_gelu>;
template struct GatedActivation<&relu>;

Fields Softmin::fields() {
  static const Field list[] = {
      field<&Softmin::dim>("dim", "dimension that sums to one; negative counts from the last")};
  return list;
}
void Softmin::build(Build& b) { normalize_dim(dim, b.input().rank(), "softmin.dim"); }
Tensor Softmin::forward(Context& /*c*/, const Tensor& x) { return softmin(x, dim); }

void Softmax2d::build(Build& b) { b.expect(b.input().rank() == 4, "softmax2d", "[N, C, H, W]"); }
Tensor Softmax2d::forward(Context& /*c*/, const Tensor& x) { return softmax(x, 1); }

}  // namespace dlb::nn
