// Special functions of two tensors.
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_rows.h"
#include "dlb/ops/create.h"
#include "dlb/ops/special.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace binary_rows {

namespace {

Tensor zero_of(const Tensor& like) { return full({}, 0, like.dtype(), like.device()); }

void vjp_logaddexp(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0) * sigmoid(c.input(0) - c.input(1)));
  if (c.needs(1)) give(c, 1, c.grad(0) * sigmoid(c.input(1) - c.input(0)));
}
void vjp_logaddexp2(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0) * sigmoid((c.input(0) - c.input(1)) * std::numbers::ln2));
  if (c.needs(1)) give(c, 1, c.grad(0) * sigmoid((c.input(1) - c.input(0)) * std::numbers::ln2));
}
// At a = 0 the product is 0 whatever b is, also where its logarithm does not exist.
void vjp_xlogy(Vjp& c, const NoAttrs&) {
  const Tensor &a = c.input(0), &b = c.input(1);
  if (c.needs(0)) {
    give(c, 0, where(logical_and(eq(a, 0), le(b, 0)), zero_of(c.grad(0)), xlogy(c.grad(0), b)));
  }
  if (c.needs(1)) give(c, 1, c.grad(0) * a / b);
}
void vjp_xlog1py(Vjp& c, const NoAttrs&) {
  const Tensor &a = c.input(0), &b = c.input(1);
  if (c.needs(0)) {
    give(c, 0, where(logical_and(eq(a, 0), le(b, -1)), zero_of(c.grad(0)), xlog1py(c.grad(0), b)));
  }
  if (c.needs(1)) give(c, 1, c.grad(0) * a / (b + 1.0));
}
/// x^(a - 1) e^-x / Gamma(a)
Tensor gamma_density(const Tensor& a, const Tensor& x) { return exp((a - 1.0) * log(x) - x - lgamma(a)); }
[[noreturn]] void no_gradient(const char* function, const char* input) {
  Error e(ErrorKind::kUnsupported, fmt::format("{} has no gradient for {}", function, input));
  e.hint = "detach it";
  throw e;
}
void vjp_igamma(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) no_gradient("igamma", "its first argument");
  if (c.needs(1)) give(c, 1, c.grad(0) * gamma_density(c.input(0), c.input(1)));
}
void vjp_igammac(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) no_gradient("igammac", "its first argument");
  if (c.needs(1)) give(c, 1, neg(c.grad(0) * gamma_density(c.input(0), c.input(1))));
}
void vjp_zeta(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) no_gradient("zeta", "its first argument");
  if (c.needs(1)) {
    give(c, 1, neg(c.grad(0) * c.input(0) * zeta(c.input(0) + 1.0, c.input(1))));
  }
}

}  // namespace

void define_special(Table& table) {
  const auto at = [&](BinaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum BinaryFn;
  at(kLogaddexp) = row<10>("logaddexp", "ln(e^a + e^b)", infer_floating, vjp_logaddexp, Saves::kInputs);
  at(kLogaddexp2) = row<10>("logaddexp2", "log2(2^a + 2^b)", infer_floating, vjp_logaddexp2, Saves::kInputs);
  at(kXlogy) = row<5>("xlogy", "a ln b, 0 where a is 0", infer_float_result, vjp_xlogy, Saves::kInputs);
  at(kXlog1py) =
      row<5>("xlog1py", "a ln(1 + b), 0 where a is 0", infer_float_result, vjp_xlog1py, Saves::kInputs);
  at(kIgamma) = row<200>("igamma", "regularised lower incomplete gamma function", infer_floating, vjp_igamma,
                         Saves::kInputs);
  at(kIgammac) = row<200>("igammac", "regularised upper incomplete gamma function", infer_floating,
                          vjp_igammac, Saves::kInputs);
  at(kZeta) = row<200>("zeta", "Hurwitz's zeta function: sum over k of (b + k)^-a", infer_float_result,
                       vjp_zeta, Saves::kInputs);
}

}  // namespace binary_rows

using binary_rows::run;

Tensor logaddexp(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLogaddexp, a, b); }
Tensor logaddexp2(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLogaddexp2, a, b); }
Tensor xlogy(const Tensor& a, const Tensor& b) { return run(BinaryFn::kXlogy, a, b); }
Tensor xlog1py(const Tensor& a, const Tensor& b) { return run(BinaryFn::kXlog1py, a, b); }
Tensor igamma(const Tensor& a, const Tensor& x) { return run(BinaryFn::kIgamma, a, x); }
Tensor igammac(const Tensor& a, const Tensor& x) { return run(BinaryFn::kIgammac, a, x); }
Tensor zeta(const Tensor& s, const Tensor& q) { return run(BinaryFn::kZeta, s, q); }

}  // namespace dlb
