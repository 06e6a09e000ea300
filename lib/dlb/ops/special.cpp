#include "dlb/ops/special.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/unary_rows.h"

namespace dlb {

Fields PolygammaAttrs::fields() {
  static const Field list[] = {field<&PolygammaAttrs::n>("n", "order of the derivative", non_negative())};
  return list;
}
Fields LogitAttrs::fields() {
  static const Field list[] = {
      field<&LogitAttrs::eps>("eps", "x is limited to [eps, 1 - eps]; negative: not limited")};
  return list;
}

namespace unary_rows {

namespace {

constexpr double kSqrtPi = 1 / std::numbers::inv_sqrtpi;
constexpr double kSqrtTwoPi = kSqrtPi * std::numbers::sqrt2;

Tensor constant(double value, const Tensor& like) { return full({}, value, like.dtype(), like.device()); }

/// x where it is not next to 0, there a number that one can divide by.
struct Divisor {
  Tensor large;  ///< whether x is
  Tensor x;
};
Divisor divisor(const Tensor& x) {
  const double tiny = x.dtype() == DType::kFloat64 ? 0x1p-52 : 0x1p-23;
  const Tensor large = logical_not(le(abs(x), tiny));
  return {large, where(large, x, constant(tiny, x))};
}

void vjp_i1(Vjp& c, const NoAttrs&) {  // i0 - i1 / x
  const auto [large, x] = divisor(c.input(0));
  c.input_grad(0, c.grad(0) * where(large, i0(x) - c.output(0) / x, constant(0.5, x)));
}
void vjp_i1e(Vjp& c, const NoAttrs&) {  // i0e - i1e (sign x + 1 / x)
  const auto [large, x] = divisor(c.input(0));
  const Tensor slope = i0e(x) - c.output(0) * (sign(x) + reciprocal(x));
  c.input_grad(0, c.grad(0) * where(large, slope, constant(0.5, x)));
}
/// With u = pi x: pi (u cos u - sin u) / u^2, which cancels near 0; there its Taylor polynomial.
void vjp_sinc(Vjp& c, const NoAttrs&) {
  const Tensor angle = scaled(c.input(0), std::numbers::pi);
  const Tensor small = lt(abs(angle), 0.3);
  const Tensor u = where(small, constant(1, angle), angle);
  const Tensor far = (u * cos(u) - sin(u)) / square(u);
  const Tensor v = where(small, angle, constant(0, angle));
  const Tensor w = square(v);
  const Tensor near =
      v * affine(w * affine(w * affine(w, 1.0 / 45360, -1.0 / 840), 1, 1.0 / 30), 1, -1.0 / 3);
  c.input_grad(0, c.grad(0) * scaled(where(small, near, far), std::numbers::pi));
}

void infer_polygamma(Infer& c, const PolygammaAttrs& a) {
  if (a.n < 0 || a.n > std::numeric_limits<int32_t>::max()) {
    fail(ErrorKind::kUnsupported, "polygamma expects n from 0 to 2147483647, got {}", a.n);
  }
  infer_real(c, a);
}

void vjp_logit(Vjp& c, const LogitAttrs& a) {
  const Tensor& x = c.input(0);
  const bool limited = a.eps >= 0;
  const Tensor outside = logical_or(lt(x, limited ? a.eps : 0), gt(x, limited ? 1 - a.eps : 1));
  const Tensor g = c.grad(0) / (x * affine(x, -1, 1));
  c.input_grad(0, where(outside, constant(limited ? 0 : std::nan(""), c.grad(0)), g));
}

}  // namespace

void define_special(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  at(kErfinv) = real(
      "erfinv", "inverse of erf",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, c.grad(0) * scaled(exp(square(c.output(0))), kSqrtPi / 2));
      },
      Saves::kOutputs);
  at(kErfcx) = real(
      "erfcx", "exp(x^2) erfc(x)",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, c.grad(0) * (scaled(c.input(0) * c.output(0), 2) - 2 * std::numbers::inv_sqrtpi));
      },
      Saves::kBoth);
  at(kLgamma) = real(
      "lgamma", "logarithm of |Gamma(x)|",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * digamma(c.input(0))); }, Saves::kInputs);
  at(kDigamma) = real(
      "digamma", "derivative of lgamma",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * polygamma(1, c.input(0))); }, Saves::kInputs);
  at(kI0) = real(
      "i0", "modified Bessel function of order 0",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * i1(c.input(0))); }, Saves::kInputs);
  at(kI0e) = real(
      "i0e", "i0 scaled by exp(-|x|)",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, c.grad(0) * (i1e(c.input(0)) - sign(c.input(0)) * c.output(0)));
      },
      Saves::kBoth);
  at(kI1) = real("i1", "modified Bessel function of order 1", vjp_i1, Saves::kBoth);
  at(kI1e) = real("i1e", "i1 scaled by exp(-|x|)", vjp_i1e, Saves::kBoth);
  at(kNdtri) = real(
      "ndtri", "quantile of the normal distribution",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, c.grad(0) * scaled(exp(scaled(square(c.output(0)), 0.5)), kSqrtTwoPi));
      },
      Saves::kOutputs);
  at(kLogNdtr) = real(
      "log_ndtr", "logarithm of the normal distribution function",
      [](Vjp& c, const NoAttrs&) {
        const Tensor exponent = neg(c.output(0) + scaled(square(c.input(0)), 0.5));
        c.input_grad(0, c.grad(0) * scaled(exp(exponent), 1 / kSqrtTwoPi));
      },
      Saves::kBoth);
  at(kEntr) = real(
      "entr", "-x ln x",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0) * (log(c.input(0)) + 1.0))); },
      Saves::kInputs);
  at(kSinc) = real("sinc", "sin(pi x) / (pi x)", vjp_sinc, Saves::kInputs);
  at(kPolygamma) = define<PolygammaAttrs>(
      {.name = "polygamma",
       .doc = "n-th derivative of digamma",
       .infer = infer_polygamma,
       .vjp = [](Vjp& c,
                 const PolygammaAttrs& a) { c.input_grad(0, c.grad(0) * polygamma(a.n + 1, c.input(0))); },
       .cost = per_element<100, PolygammaAttrs>,
       .elementwise = true});
  at(kLogit) = define<LogitAttrs>({.name = "logit",
                                   .doc = "ln(x / (1 - x)), x limited to [eps, 1 - eps]",
                                   .infer = infer_real<LogitAttrs>,
                                   .vjp = vjp_logit,
                                   .cost = per_element<8, LogitAttrs>,
                                   .elementwise = true});
}

}  // namespace unary_rows

using unary_rows::run;

Tensor lgamma(const Tensor& x) { return run(UnaryFn::kLgamma, x); }
Tensor digamma(const Tensor& x) { return run(UnaryFn::kDigamma, x); }
Tensor polygamma(int64_t n, const Tensor& x) {
  if (n == 0) return digamma(x);
  return apply1<PolygammaAttrs>(op::unary(UnaryFn::kPolygamma), {x}, {n});
}
Tensor mvlgamma(const Tensor& x, int64_t p) {
  if (p < 1 || p > 65536) fail(ErrorKind::kUnsupported, "mvlgamma expects p from 1 to 65536, got {}", p);
  const Tensor real = is_floating(x.dtype()) ? x : cast(x, DType::kFloat32);
  Tensor sum = lgamma(real);
  for (int64_t j = 1; j < p; ++j) sum = sum + lgamma(real - 0.5 * static_cast<double>(j));
  return sum + 0.25 * static_cast<double>(p * (p - 1)) * std::log(std::numbers::pi);
}
Tensor erfinv(const Tensor& x) { return run(UnaryFn::kErfinv, x); }
Tensor erfcx(const Tensor& x) { return run(UnaryFn::kErfcx, x); }
Tensor ndtr(const Tensor& x) {
  return unary_rows::scaled(erfc(unary_rows::scaled(x, -std::numbers::sqrt2 / 2)), 0.5);
}
Tensor ndtri(const Tensor& x) { return run(UnaryFn::kNdtri, x); }
Tensor log_ndtr(const Tensor& x) { return run(UnaryFn::kLogNdtr, x); }
Tensor i0(const Tensor& x) { return run(UnaryFn::kI0, x); }
Tensor i0e(const Tensor& x) { return run(UnaryFn::kI0e, x); }
Tensor i1(const Tensor& x) { return run(UnaryFn::kI1, x); }
Tensor i1e(const Tensor& x) { return run(UnaryFn::kI1e, x); }
Tensor entr(const Tensor& x) { return run(UnaryFn::kEntr, x); }
Tensor sinc(const Tensor& x) { return run(UnaryFn::kSinc, x); }
Tensor logit(const Tensor& x, std::optional<double> eps) {
  return apply1<LogitAttrs>(op::unary(UnaryFn::kLogit), {x}, {eps.value_or(-1)});
}

}  // namespace dlb
