#include "dlb/ops/pointwise.h"

#include <cmath>

#include "dlb/functional/define.h"
#include "dlb/functional/numbers.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

constexpr Traits kReal{.dtypes = DTypes::kAll};
constexpr Traits kNumeric{.dtypes = DTypes::kNumeric};
constexpr Traits kPredicate{.dtypes = DTypes::kAll, .differentiable = false};
constexpr Traits kIntegers{.dtypes = DTypes::kIntegral, .differentiable = false};
constexpr Traits kBits{.dtypes = DTypes::kIntegralAndBool, .differentiable = false};

using Binary = Tensor (*)(const Tensor&, const Tensor&);

/// A function of a tensor and a tensor or number.
template <Binary kFn>
Function with_number(std::string_view name, std::string_view doc, Traits traits) {
  return define(
      name, doc, {"input", "other"},
      +[](const Tensor& x, const Operand& other) { return kFn(x, other.with(x)); }, traits);
}
/// A function of two operands of which either may be a number.
template <Binary kFn>
Function of_operands(std::string_view name, std::string_view doc, Traits traits) {
  return define(
      name, doc, {"input", "other"},
      +[](const Operand& x, const Operand& other) {
        const Pair pair(x, other);
        return kFn(pair.a, pair.b);
      },
      traits);
}

Tensor add_scaled(const Operand& input, const Operand& other, const Scalar& alpha) {
  const auto [x, y] = Pair(input, other);
  const Tensor operands[] = {x, y};
  return add(x, times(y, alpha, promote_operands(operands)));
}
Tensor sub_scaled(const Operand& input, const Operand& other, const Scalar& alpha) {
  const auto [x, y] = Pair(input, other);
  const Tensor operands[] = {x, y};
  return sub(x, times(y, alpha, promote_operands(operands)));
}
Tensor sub_from(const Operand& input, const Operand& other, const Scalar& alpha) {
  const auto [x, y] = Pair(input, other);
  const Tensor operands[] = {x, y};
  return sub(y, times(x, alpha, promote_operands(operands)));
}

Tensor divide(const Operand& input, const Operand& other, const std::optional<std::string>& rounding) {
  const auto [x, y] = Pair(input, other);
  if (!rounding) return div(x, y);
  if (*rounding == "trunc") return trunc_divide(x, y);
  if (*rounding == "floor") return floor_divide(x, y);
  fail(ErrorKind::kConfig, "div expects rounding_mode none, 'trunc' or 'floor', got '{}'", *rounding);
}

Tensor power(const Operand& base, const Operand& exponent) {
  if (base.is_scalar() || !exponent.is_scalar()) {
    const Pair pair(base, exponent);
    return pow(pair.a, pair.b);
  }
  const Scalar& e = exponent.scalar;
  const Tensor x = promoted(base.tensor, e);
  return x.dtype() == DType::kBool ? pow(x, e.tensor(DType::kBool, x.device())) : pow(x, e.value);
}

Tensor clamped(const Tensor& x, const std::optional<Scalar>& low, const std::optional<Scalar>& high) {
  if (!low && !high) fail(ErrorKind::kConfig, "clamp expects min, max or both");
  Tensor y = x;
  if (low) y = promoted(y, *low);
  if (high) y = promoted(y, *high);
  const double a = low ? low->value : -HUGE_VAL;
  const double b = high ? high->value : HUGE_VAL;
  // A limit that is no number leaves none.
  if (std::isnan(a) || std::isnan(b)) return affine(y, 0, std::nan(""));
  return clamp(y, a, b);
}
Tensor clamped_by_tensors(const Tensor& x, const std::optional<Operand>& low,
                          const std::optional<Operand>& high) {
  return clamp(x, low ? low->with(x) : Tensor(), high ? high->with(x) : Tensor());
}

Tensor lerped(const Tensor& x, const Tensor& end, const Operand& weight) {
  return weight.is_scalar() ? lerp(x, end, weight.scalar.value) : lerp(x, end, weight.tensor);
}

Tensor filled(const Tensor& x, const Tensor& mask, const Operand& value) {
  return masked_fill(x, mask, value.is_scalar() ? value.scalar.tensor(x.dtype(), x.device()) : value.tensor);
}

void add_arithmetic(std::vector<Function>& list) {
  const std::initializer_list<Function> functions = {
      define("add", "input + alpha * other", {"input", "other", "alpha = 1"}, &add_scaled, kReal),
      define("sub", "input - alpha * other", {"input", "other", "alpha = 1"}, &sub_scaled, kNumeric),
      define("rsub", "other - alpha * input", {"input", "other", "alpha = 1"}, &sub_from, kNumeric),
      of_operands<mul>("mul", "input * other", kReal),
      of_operands<div>("div", "input / other", kReal),
      define("div", "input / other as a whole number: rounding_mode 'trunc' towards 0, 'floor' downwards",
             {"input", "other", "rounding_mode"}, &divide, kNumeric),
      of_operands<div>("true_divide", "input / other", kReal),
      of_operands<floor_divide>("floor_divide", "input / other downwards",
                                {.dtypes = DTypes::kNumeric, .differentiable = false}),
      of_operands<fmod>("fmod", "what division towards 0 leaves: sign of input", kNumeric),
      of_operands<remainder>("remainder", "what division downwards leaves: sign of other", kNumeric),
      define("pow", "input to the power of exponent", {"input", "exponent"}, &power, kNumeric),
      define(
          "float_power", "power in float64", {"input", "exponent"},
          +[](const Operand& x, const Operand& exponent) {
            const Pair pair(x, exponent);
            return float_power(pair.a, pair.b);
          },
          kReal),
      define("addcmul", "input + value * tensor1 * tensor2", {"input", "tensor1", "tensor2", "value = 1.0"},
             &addcmul, kNumeric),
      define("addcdiv", "input + value * tensor1 / tensor2", {"input", "tensor1", "tensor2", "value = 1.0"},
             &addcdiv),
      define("lerp", "input + weight * (end - input)", {"input", "end", "weight"}, &lerped),
      define("abs", "absolute value; gradient 0 at 0", {"input"}, &abs, kNumeric),
      define("neg", "-input", {"input"}, &neg, kNumeric),
      define(
          "positive", "input itself", {"input"},
          +[](const Tensor& x) {
            if (x.dtype() == DType::kBool) {
              fail(ErrorKind::kDtype, "positive expects a numeric dtype, got bool");
            }
            return x;
          },
          kNumeric),
      define("sign", "-1, 0 or 1", {"input"}, &sign, kReal),
      define("square", "input^2", {"input"}, &square, kReal),
      define("sqrt", "square root", {"input"}, &sqrt, kReal),
      define("rsqrt", "1 / sqrt(input)", {"input"}, &rsqrt, kReal),
      define("reciprocal", "1 / input", {"input"}, &reciprocal, kReal),
      with_number<ldexp>("ldexp", "input * 2^other", kReal),
      define("deg2rad", "degrees to radians", {"input"}, &deg2rad, kReal),
      define("rad2deg", "radians to degrees", {"input"}, &rad2deg, kReal),
  };
  list.insert(list.end(), functions.begin(), functions.end());
}

void add_rounding_and_limits(std::vector<Function>& list) {
  const std::initializer_list<Function> functions = {
      define("floor", "largest whole number not above", {"input"}, &floor, kNumeric),
      define("ceil", "smallest whole number not below", {"input"}, &ceil, kNumeric),
      define("trunc", "without the fraction", {"input"}, &trunc, kNumeric),
      define(
          "round", "nearest whole number, half to even", {"input"}, +[](const Tensor& x) { return round(x); },
          kNumeric),
      define(
          "round", "to that many decimals, half to even", {"input", "decimals"},
          +[](const Tensor& x, int64_t decimals) { return round(x, decimals); }),
      define("frac", "the fraction, with the sign of input", {"input"}, &frac),
      define("clamp", "min(max(input, min), max)", {"input", "min = none", "max = none"}, &clamped, kReal),
      define("clamp", "limits that are tensors", {"input", "min = none", "max = none"}, &clamped_by_tensors,
             kNumeric),
      define(
          "clamp_min", "max(input, min)", {"input", "min"},
          +[](const Tensor& x, const Scalar& low) { return clamped(x, low, {}); }, kReal),
      define(
          "clamp_min", "a limit that is a tensor", {"input", "min"},
          +[](const Tensor& x, const Tensor& low) { return clamp(x, low, Tensor()); }, kNumeric),
      define(
          "clamp_max", "min(input, max)", {"input", "max"},
          +[](const Tensor& x, const Scalar& high) { return clamped(x, {}, high); }, kReal),
      define(
          "clamp_max", "a limit that is a tensor", {"input", "max"},
          +[](const Tensor& x, const Tensor& high) { return clamp(x, Tensor(), high); }, kNumeric),
      define("maximum", "the larger; a NaN wins, a tie gives each half of the gradient", {"input", "other"},
             &maximum, kReal),
      define("minimum", "the smaller; a NaN wins, a tie gives each half of the gradient", {"input", "other"},
             &minimum, kReal),
      define("fmax", "the larger; a NaN loses", {"input", "other"}, &fmax, kReal),
      define("fmin", "the smaller; a NaN loses", {"input", "other"}, &fmin, kReal),
      define("nan_to_num", "NaN and infinities replaced",
             {"input", "nan = none", "posinf = none", "neginf = none"}, &nan_to_num, kReal),
      define(
          "where", "input where condition holds, else other", {"condition", "input", "other"},
          +[](const Tensor& condition, const Operand& x, const Operand& y) {
            if (!x.is_scalar() || !y.is_scalar()) {
              const Pair pair(x, y);
              return where(condition, pair.a, pair.b);
            }
            const DType dtype = y.scalar.promote(x.scalar.dtype());
            return where(condition, x.scalar.tensor(dtype, condition.device()),
                         y.scalar.tensor(dtype, condition.device()));
          },
          kReal),
      define("masked_fill", "value where mask holds, else input", {"input", "mask", "value"}, &filled, kReal),
      with_number<copysign>("copysign", "|input| with the sign of other", kReal),
      define("nextafter", "the floating-point number next to input towards other", {"input", "other"},
             &nextafter, {.dtypes = DTypes::kFloat32_64}),
      define("heaviside", "0 below 0, 1 above, values at 0", {"input", "values"}, &heaviside, kPredicate),
  };
  list.insert(list.end(), functions.begin(), functions.end());
}

void add_predicates(std::vector<Function>& list) {
  const std::initializer_list<Function> functions = {
      with_number<eq>("eq", "whether input = other", kPredicate),
      with_number<ne>("ne", "whether input differs from other", kPredicate),
      with_number<lt>("lt", "whether input < other", kPredicate),
      with_number<le>("le", "whether input <= other", kPredicate),
      with_number<gt>("gt", "whether input > other", kPredicate),
      with_number<ge>("ge", "whether input >= other", kPredicate),
      define("isclose", "whether |input - other| <= atol + rtol * |other|",
             {"input", "other", "rtol = 1e-5", "atol = 1e-8", "equal_nan = false"}, &isclose, kPredicate),
      define("allclose", "whether all elements are close",
             {"input", "other", "rtol = 1e-5", "atol = 1e-8", "equal_nan = false"}, &allclose,
             {.dtypes = DTypes::kAll, .differentiable = false, .data_dependent = true}),
      define("isnan", "whether NaN", {"input"}, &isnan, kPredicate),
      define("isinf", "whether infinite", {"input"}, &isinf, kPredicate),
      define("isposinf", "whether infinity", {"input"}, &isposinf, kPredicate),
      define("isneginf", "whether -infinity", {"input"}, &isneginf, kPredicate),
      define("isfinite", "whether neither NaN nor infinite", {"input"}, &isfinite, kPredicate),
      define("signbit", "whether the sign's bit is set, so also for -0", {"input"}, &signbit, kPredicate),
      define("logical_not", "whether zero", {"input"}, &logical_not, kPredicate),
      define("logical_and", "whether both are not zero", {"input", "other"}, &logical_and, kPredicate),
      define("logical_or", "whether one is not zero", {"input", "other"}, &logical_or, kPredicate),
      define("logical_xor", "whether exactly one is not zero", {"input", "other"}, &logical_xor, kPredicate),
      define("bitwise_not", "every bit flipped", {"input"}, &bitwise_not, kBits),
      of_operands<bitwise_and>("bitwise_and", "bits set in both", kBits),
      of_operands<bitwise_or>("bitwise_or", "bits set in one or both", kBits),
      of_operands<bitwise_xor>("bitwise_xor", "bits set in one only", kBits),
      of_operands<bitwise_left_shift>("bitwise_left_shift", "input * 2^other in its bits", kIntegers),
      of_operands<bitwise_right_shift>("bitwise_right_shift", "input / 2^other downwards", kIntegers),
      define("gcd", "greatest common divisor", {"input", "other"}, &gcd, kIntegers),
      define("lcm", "least common multiple", {"input", "other"}, &lcm, kIntegers),
  };
  list.insert(list.end(), functions.begin(), functions.end());
}

}  // namespace

std::vector<Function> pointwise_functions() {
  std::vector<Function> list;
  add_arithmetic(list);
  add_rounding_and_limits(list);
  add_predicates(list);
  return list;
}

}  // namespace dlb::functional
