#include "dlb/tensor/dtype.h"

#include <algorithm>
#include <array>

#include "dlb/base/error.h"
#include "dlb/tensor/convert_element.h"

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

BFloat16::BFloat16(float value) : BFloat16(to_bfloat16(value)) {}
BFloat16::operator float() const { return to_float(*this); }
Float16::Float16(float value) : Float16(to_float16(value)) {}
Float16::operator float() const { return to_float(*this); }

}  // namespace dlb
