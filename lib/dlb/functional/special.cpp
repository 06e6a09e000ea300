#include "dlb/ops/special.h"

#include "dlb/functional/define.h"
#include "dlb/functional/numbers.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

constexpr Traits kReal{.dtypes = DTypes::kAll};

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

Function real(std::string_view name, std::string_view doc, Unary fn) {
  return define(name, doc, {"input"}, fn, kReal);
}
template <Binary kFn>
Function of_operands(std::string_view name, std::string_view doc) {
  return define(
      name, doc, {"input", "other"},
      +[](const Operand& x, const Operand& other) {
        const Pair pair(x, other);
        return kFn(pair.a, pair.b);
      },
      kReal);
}

}  // namespace

std::vector<Function> special_functions() {
  return {
      real("exp", "e^input", &exp),
      real("exp2", "2^input", &exp2),
      real("expm1", "e^input - 1, accurate near 0", &expm1),
      real("log", "natural logarithm", &log),
      real("log1p", "ln(1 + input), accurate near 0", &log1p),
      real("log2", "logarithm to base 2", &log2),
      real("log10", "logarithm to base 10", &log10),
      real("sin", "sine", &sin),
      real("cos", "cosine", &cos),
      real("tan", "tangent", &tan),
      real("asin", "inverse sine", &asin),
      real("acos", "inverse cosine", &acos),
      real("atan", "inverse tangent", &atan),
      real("sinh", "hyperbolic sine", &sinh),
      real("cosh", "hyperbolic cosine", &cosh),
      real("tanh", "hyperbolic tangent", &tanh),
      real("asinh", "inverse hyperbolic sine", &asinh),
      real("acosh", "inverse hyperbolic cosine", &acosh),
      real("atanh", "inverse hyperbolic tangent", &atanh),
      define("atan2", "angle of the point (other, input)", {"input", "other"}, &atan2, kReal),
      define("hypot", "sqrt(input^2 + other^2)", {"input", "other"}, &hypot),
      real("sigmoid", "1 / (1 + e^-input)", &sigmoid),
      define("logit", "ln(input / (1 - input)), input limited to [eps, 1 - eps]", {"input", "eps = none"},
             &logit, kReal),
      define("logaddexp", "ln(e^input + e^other)", {"input", "other"}, &logaddexp),
      define("logaddexp2", "log2(2^input + 2^other)", {"input", "other"}, &logaddexp2),
      of_operands<xlogy>("xlogy", "input * ln(other), 0 where input is 0"),
      of_operands<xlog1py>("special.xlog1py", "input * ln(1 + other), 0 where input is 0"),
      real("sinc", "sin(pi input) / (pi input)", &sinc),
      real("erf", "error function", &erf),
      real("erfc", "1 - erf(input)", &erfc),
      real("erfinv", "inverse of erf", &erfinv),
      real("special.erfcx", "exp(input^2) erfc(input)", &erfcx),
      real("special.ndtr", "normal distribution function", &ndtr),
      real("special.ndtri", "quantile of the normal distribution", &ndtri),
      real("special.log_ndtr", "logarithm of the normal distribution function", &log_ndtr),
      real("special.entr", "-input * ln(input)", &entr),
      real("lgamma", "logarithm of |Gamma(input)|", &lgamma),
      real("digamma", "derivative of lgamma", &digamma),
      define("polygamma", "n-th derivative of digamma", {"n", "input"}, &polygamma, kReal),
      define("mvlgamma", "logarithm of the multivariate gamma function", {"input", "p"}, &mvlgamma, kReal),
      define("igamma", "regularised lower incomplete gamma function; differentiable in other",
             {"input", "other"}, &igamma),
      define("igammac", "regularised upper incomplete gamma function; differentiable in other",
             {"input", "other"}, &igammac),
      of_operands<zeta>("special.zeta", "Hurwitz's zeta function; differentiable in other"),
      real("i0", "modified Bessel function of order 0", &i0),
      real("special.i0e", "i0 scaled by exp(-|input|)", &i0e),
      real("special.i1", "modified Bessel function of order 1", &i1),
      real("special.i1e", "i1 scaled by exp(-|input|)", &i1e),
  };
}

}  // namespace dlb::functional
