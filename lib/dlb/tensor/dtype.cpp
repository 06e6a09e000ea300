#include "dlb/tensor/dtype.h"

#include <algorithm>
#include <array>
#include <bit>

#include "dlb/base/error.h"

namespace dlb {

namespace {
constexpr std::array<std::string_view, kDTypeCount> kNames = {"float32", "float64", "bfloat16", "float16",
                                                              "int64",   "int32",   "uint8",    "bool"};
}

std::string_view dtype_name(DType t) { return kNames[static_cast<size_t>(t)]; }

DType dtype_from_name(std::string_view name) {
  const auto it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) {
    fail(ErrorKind::kDtype,
         "unknown dtype '{}'; valid: float32, float64, bfloat16, float16, int64, int32, uint8, bool", name);
  }
  return static_cast<DType>(it - kNames.begin());
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_floating(a) && is_floating(b)) {
    if (a == DType::kFloat64 || b == DType::kFloat64) return DType::kFloat64;
    return DType::kFloat32;  // float32 with a 16-bit type, or the two 16-bit types together
  }
  if (is_floating(a)) return a;
  if (is_floating(b)) return b;
  const auto rank = [](DType t) {  // bool < uint8 < int32 < int64
    switch (t) {
      case DType::kInt64:
        return 3;
      case DType::kInt32:
        return 2;
      case DType::kUInt8:
        return 1;
      default:
        return 0;
    }
  };
  return rank(a) > rank(b) ? a : b;
}

BFloat16::BFloat16(float value) {
  uint32_t x = std::bit_cast<uint32_t>(value);
  if ((x & 0x7fffffffU) > 0x7f800000U) {
    bits = static_cast<uint16_t>((x >> 16) | 0x40U);  // quiet NaN: rounding must not turn it into infinity
    return;
  }
  x += 0x7fffU + ((x >> 16) & 1U);
  bits = static_cast<uint16_t>(x >> 16);
}

BFloat16::operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

Float16::Float16(float value) {
  const uint32_t x = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (x >> 16) & 0x8000U;
  const uint32_t magnitude = x & 0x7fffffffU;
  uint32_t result;
  if (magnitude > 0x7f800000U) {
    result = 0x7e00U;
  } else if (magnitude >= 0x477ff000U) {  // rounds to 65520 or more
    result = 0x7c00U;
  } else if (magnitude <
             0x38800000U) {  // subnormal half: adding 0.5 ulp-aligned makes the FPU round to nearest even
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    result = std::bit_cast<uint32_t>(shifted) - 0x3f000000U;
  } else {
    result = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  }
  bits = static_cast<uint16_t>(sign | result);
}

Float16::operator float() const {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  const uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | ((magnitude & 0x3ffU) << 13));
  // Scaling by 2^112 turns the half's exponent bias into the float's, and handles subnormals on the way.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | sign);
}

}  // namespace dlb
