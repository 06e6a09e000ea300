#include "dlb/graph/element.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

struct Row {
  std::string_view name;
  DType carrier;
  int bits;
};

// By number.
constexpr std::array<Row, kElementCount> kRows = {{
    {"undefined", DType::kFloat32, 0},
    {"float32", DType::kFloat32, 32},
    {"uint8", DType::kUInt8, 8},
    {"int8", DType::kInt32, 8},
    {"uint16", DType::kInt32, 16},
    {"int16", DType::kInt32, 16},
    {"int32", DType::kInt32, 32},
    {"int64", DType::kInt64, 64},
    {"string", DType::kUInt8, 0},
    {"bool", DType::kBool, 8},
    {"float16", DType::kFloat16, 16},
    {"float64", DType::kFloat64, 64},
    {"uint32", DType::kInt64, 32},
    {"uint64", DType::kInt64, 64},
    {"complex64", DType::kFloat32, 64},
    {"complex128", DType::kFloat64, 128},
    {"bfloat16", DType::kBFloat16, 16},
    {"float8e4m3fn", DType::kFloat32, 8},
    {"float8e4m3fnuz", DType::kFloat32, 8},
    {"float8e5m2", DType::kFloat32, 8},
    {"float8e5m2fnuz", DType::kFloat32, 8},
    {"uint4", DType::kInt32, 4},
    {"int4", DType::kInt32, 4},
    {"float4e2m1", DType::kFloat32, 4},
    {"float8e8m0", DType::kFloat32, 8},
    {"uint2", DType::kInt32, 2},
    {"int2", DType::kInt32, 2},
}};

const Row& row(Element e) { return kRows[static_cast<size_t>(e)]; }

/// A float of a sign, `exponent_bits` and `mantissa_bits`.
struct SmallFloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  bool has_infinity;       ///< all ones in the exponent: infinity and NaN, as IEEE 754 has it
  bool nan_is_minus_zero;  ///< the one NaN is the code of -0, which is no number of its own
  bool has_nan;
};

SmallFloat layout(Element e) {
  switch (e) {
    case Element::kFloat8E4M3FN:
      return {4, 3, 7, false, false, true};
    case Element::kFloat8E4M3FNUZ:
      return {4, 3, 8, false, true, true};
    case Element::kFloat8E5M2:
      return {5, 2, 15, true, false, true};
    case Element::kFloat8E5M2FNUZ:
      return {5, 2, 16, false, true, true};
    default:
      return {2, 1, 1, false, false, false};
  }
}

/// The finite numbers of a type from 0 up; the index is the code without its sign.
std::vector<float> magnitudes_of(Element e) {
  const SmallFloat f = layout(e);
  const int codes = 1 << (f.exponent_bits + f.mantissa_bits);
  std::vector<float> values;
  for (int code = 0; code < codes; ++code) {
    const int exponent = code >> f.mantissa_bits;
    const int mantissa = code & ((1 << f.mantissa_bits) - 1);
    if (f.has_infinity && exponent == (1 << f.exponent_bits) - 1) break;
    if (!f.has_infinity && f.has_nan && !f.nan_is_minus_zero && code == codes - 1) break;  // its NaN
    const int power = (exponent == 0 ? 1 : exponent) - f.bias - f.mantissa_bits;
    const int significand = mantissa + (exponent == 0 ? 0 : 1 << f.mantissa_bits);
    values.push_back(std::ldexp(static_cast<float>(significand), power));
  }
  return values;
}

const std::vector<float>& magnitudes(Element e) {
  static const std::vector<float> e4m3fn = magnitudes_of(Element::kFloat8E4M3FN);
  static const std::vector<float> e4m3fnuz = magnitudes_of(Element::kFloat8E4M3FNUZ);
  static const std::vector<float> e5m2 = magnitudes_of(Element::kFloat8E5M2);
  static const std::vector<float> e5m2fnuz = magnitudes_of(Element::kFloat8E5M2FNUZ);
  static const std::vector<float> e2m1 = magnitudes_of(Element::kFloat4E2M1);
  switch (e) {
    case Element::kFloat8E4M3FN:
      return e4m3fn;
    case Element::kFloat8E4M3FNUZ:
      return e4m3fnuz;
    case Element::kFloat8E5M2:
      return e5m2;
    case Element::kFloat8E5M2FNUZ:
      return e5m2fnuz;
    default:
      return e2m1;
  }
}

/// A power of two; code 255 is NaN. Rounding is upwards: a scale must not be too small for what it scales.
float round_to_power(float x) {
  if (std::isnan(x)) return x;
  x = std::abs(x);
  if (std::isinf(x)) return std::numeric_limits<float>::quiet_NaN();
  if (x <= std::ldexp(1.0F, -127)) return std::ldexp(1.0F, -127);
  int exponent = 0;
  const float fraction = std::frexp(x, &exponent);  // x = fraction * 2^exponent, 0.5 <= fraction < 1
  if (fraction == 0.5F) --exponent;
  return exponent > 127 ? std::ldexp(1.0F, 127) : std::ldexp(1.0F, exponent);
}

/// Code of the number nearest to `magnitude`, of two the even code; one past the last number where it is
/// nearer to the next step, which the type does not have.
size_t nearest_code(float magnitude, const std::vector<float>& values) {
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  if (above == values.begin()) return 0;
  if (above == values.end()) {
    const double step = static_cast<double>(values.back()) - static_cast<double>(values[values.size() - 2]);
    const double limit = static_cast<double>(values.back()) + step / 2;
    const bool odd_code = (values.size() - 1) % 2 == 1;
    const double x = static_cast<double>(magnitude);
    return x > limit || (x == limit && odd_code) ? values.size() : values.size() - 1;
  }
  const size_t code = static_cast<size_t>(above - values.begin());
  const double low = static_cast<double>(values[code - 1]), high = static_cast<double>(*above);
  const double middle = (low + high) / 2, x = static_cast<double>(magnitude);
  if (x != middle) return x < middle ? code - 1 : code;
  return code % 2 == 0 ? code : code - 1;
}

template <class T, class F>
Tensor mapped(const Tensor& x, F&& f) {
  const std::vector<T> in = x.to_vector<T>();
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  T* to = out.data<T>();
  for (size_t i = 0; i < in.size(); ++i) to[i] = f(in[i]);
  return out;
}

int64_t wrapped(int64_t x, int width, bool is_signed) {
  const uint64_t mask = (uint64_t{1} << width) - 1;
  const uint64_t low = static_cast<uint64_t>(x) & mask;
  const bool negative = is_signed && (low >> (width - 1)) != 0;
  return static_cast<int64_t>(negative ? low | ~mask : low);
}

/// A float as a whole number of 64 bits, towards zero; what is out of range becomes the smallest one, as the
/// processor has it.
int64_t whole(double x, bool is_unsigned) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (is_unsigned && x >= kLimit && x < 2 * kLimit) return static_cast<int64_t>(static_cast<uint64_t>(x));
  return x >= -kLimit && x < kLimit ? static_cast<int64_t>(x) : std::numeric_limits<int64_t>::min();
}

}  // namespace

std::string_view element_name(Element e) {
  return static_cast<int>(e) < kElementCount ? row(e).name : row(Element::kUndefined).name;
}

Element element_from_name(std::string_view name) {
  for (int i = 1; i < kElementCount; ++i) {
    if (kRows[static_cast<size_t>(i)].name == name) return static_cast<Element>(i);
  }
  return Element::kUndefined;
}

Element element_from_number(int64_t number) {
  if (number <= 0 || number >= kElementCount)
    fail(ErrorKind::kUnsupported, "there is no element type with number {}", number);
  return static_cast<Element>(number);
}

DType carrier(Element e) {
  if (e == Element::kUndefined || e == Element::kString)
    fail(ErrorKind::kUnsupported, "a value of element type {} is no tensor of numbers", element_name(e));
  return row(e).carrier;
}

Element element_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return Element::kFloat32;
    case DType::kFloat64:
      return Element::kFloat64;
    case DType::kBFloat16:
      return Element::kBFloat16;
    case DType::kFloat16:
      return Element::kFloat16;
    case DType::kInt64:
      return Element::kInt64;
    case DType::kInt32:
      return Element::kInt32;
    case DType::kUInt8:
      return Element::kUInt8;
    case DType::kBool:
      return Element::kBool;
  }
  return Element::kUndefined;
}

bool is_native(Element e) {
  return e != Element::kUndefined && e != Element::kString && element_of(row(e).carrier) == e;
}

bool is_float8(Element e) {
  return (e >= Element::kFloat8E4M3FN && e <= Element::kFloat8E5M2FNUZ) || e == Element::kFloat4E2M1 ||
         e == Element::kFloat8E8M0;
}

bool is_float(Element e) {
  return e == Element::kFloat32 || e == Element::kFloat64 || e == Element::kFloat16 ||
         e == Element::kBFloat16 || is_float8(e);
}

bool is_signed_integer(Element e) {
  return e == Element::kInt8 || e == Element::kInt16 || e == Element::kInt32 || e == Element::kInt64 ||
         e == Element::kInt4 || e == Element::kInt2;
}

bool is_integer(Element e) {
  return is_signed_integer(e) || e == Element::kUInt8 || e == Element::kUInt16 || e == Element::kUInt32 ||
         e == Element::kUInt64 || e == Element::kUInt4 || e == Element::kUInt2;
}

int bits(Element e) { return row(e).bits; }

float round_to(float x, Element e, bool saturate) {
  if (e == Element::kFloat8E8M0) return round_to_power(x);
  const SmallFloat f = layout(e);
  const std::vector<float>& values = magnitudes(e);
  const float largest = values.back();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  if (std::isnan(x)) return f.has_nan ? x : -0.0F;  // as a type without NaN is converted to in practice
  const size_t code = std::isinf(x) ? values.size() : nearest_code(std::abs(x), values);
  float magnitude = 0;
  if (code < values.size()) {
    magnitude = values[code];
  } else if (saturate || !f.has_nan) {
    magnitude = largest;
  } else {
    magnitude = f.has_infinity ? std::numeric_limits<float>::infinity() : kNaN;
  }
  if (f.nan_is_minus_zero && magnitude == 0) return 0;
  return std::signbit(x) ? -magnitude : magnitude;
}

float decode_small_float(uint8_t code, Element e) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  if (e == Element::kFloat8E8M0) return code == 255 ? kNaN : std::ldexp(1.0F, static_cast<int>(code) - 127);
  const SmallFloat f = layout(e);
  const int sign_bit = 1 << (f.exponent_bits + f.mantissa_bits);
  const bool negative = (code & sign_bit) != 0;
  const size_t magnitude_code = static_cast<size_t>(code & (sign_bit - 1));
  if (f.nan_is_minus_zero && negative && magnitude_code == 0) return kNaN;
  const std::vector<float>& values = magnitudes(e);
  float magnitude = kNaN;
  if (magnitude_code < values.size()) {
    magnitude = values[magnitude_code];
  } else if (f.has_infinity && magnitude_code == values.size()) {
    magnitude = std::numeric_limits<float>::infinity();
  }
  return negative ? -magnitude : magnitude;
}

uint8_t encode_small_float(float x, Element e) {
  if (e == Element::kFloat8E8M0) {
    if (std::isnan(x)) return 255;
    int exponent = 0;
    std::frexp(round_to_power(x), &exponent);
    return static_cast<uint8_t>(exponent - 1 + 127);
  }
  const SmallFloat f = layout(e);
  const int sign_bit = 1 << (f.exponent_bits + f.mantissa_bits);
  const std::vector<float>& values = magnitudes(e);
  if (std::isnan(x)) {
    if (f.nan_is_minus_zero || !f.has_nan) return static_cast<uint8_t>(sign_bit);
    return static_cast<uint8_t>(sign_bit - 1);
  }
  const int sign = std::signbit(x) && !(f.nan_is_minus_zero && x == 0) ? sign_bit : 0;
  if (std::isinf(x)) return static_cast<uint8_t>(sign | static_cast<int>(values.size()));
  return static_cast<uint8_t>(
      sign | static_cast<int>(std::min(nearest_code(std::abs(x), values), values.size() - 1)));
}

Tensor fit(const Tensor& x, Element e, bool saturate) {
  if (is_native(e) || x.is_meta() || e == Element::kUInt64 || e == Element::kComplex64 ||
      e == Element::kComplex128)
    return x;
  const bool is_signed = is_signed_integer(e);
  const int width = bits(e);
  if (is_float8(e)) return mapped<float>(x, [&](float v) { return round_to(v, e, saturate); });
  if (carrier(e) == DType::kInt32) {
    return mapped<int32_t>(x, [&](int32_t v) { return static_cast<int32_t>(wrapped(v, width, is_signed)); });
  }
  return mapped<int64_t>(x, [&](int64_t v) { return wrapped(v, width, is_signed); });
}

Tensor convert(const Tensor& x, Element from, Element to, bool saturate) {
  const auto complex = [](Element e) { return e == Element::kComplex64 || e == Element::kComplex128; };
  if (from == to) return x;
  if (complex(from) || complex(to)) fail(ErrorKind::kUnsupported, "complex numbers are not converted");
  const DType target = carrier(to);
  if (x.is_meta() || to == Element::kBool) return cast(x, target);
  if (from == Element::kUInt64 && !is_integer(to)) {  // the carrier shows the upper half as negative
    const Tensor half = cast(x, DType::kFloat64);
    const Tensor value = where(lt(half, 0.0), add(half, 18446744073709551616.0), half);
    return convert(value, Element::kFloat64, to, saturate);
  }
  if (is_float(from) && is_integer(to)) {
    // Through 64 bits, so that what is out of range wraps as whole numbers do.
    const std::vector<double> values = x.to_vector<double>();
    Tensor whole_numbers = Tensor::empty(x.shape(), DType::kInt64);
    int64_t* out = whole_numbers.data<int64_t>();
    for (size_t i = 0; i < values.size(); ++i) out[i] = whole(values[i], to == Element::kUInt64);
    return fit(cast(whole_numbers, target), to);
  }
  return fit(cast(x, target), to, saturate);
}

}  // namespace dlb::graph
