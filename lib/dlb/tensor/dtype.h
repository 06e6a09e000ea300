#pragma once
/// \file Element types of tensors.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dlb {

enum class DType : uint8_t { kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32, kUInt8, kBool };
inline constexpr int kDTypeCount = 8;

/// Bytes of one element.
constexpr size_t dtype_size(DType t) {
  constexpr size_t sizes[kDTypeCount] = {4, 8, 2, 2, 8, 4, 1, 1};
  return sizes[static_cast<int>(t)];
}

/// "float32", "int64", ...
std::string_view dtype_name(DType t);
/// The type of that name; raises a dtype error with the valid names otherwise.
DType dtype_from_name(std::string_view name);

constexpr bool is_floating(DType t) { return t <= DType::kFloat16; }
constexpr bool is_integral(DType t) { return t >= DType::kInt64 && t <= DType::kUInt8; }

/// PyTorch's promotion of two tensors' types (uint8 + int32 = int32, int64 + float16 = float16, bf16 + f16 =
/// f32, ...).
DType promote(DType a, DType b);

/// Brain floating point: the upper half of a float32. Conversion rounds to nearest even and keeps NaN.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value);
  operator float() const;
};

/// IEEE 754 half precision. Conversion rounds to nearest even, overflows to infinity, keeps subnormals and
/// NaN.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float value);
  operator float() const;
};

template <class T>
struct DTypeOf;
#define DLB_DTYPE_OF(cpp, dtype)                 \
  template <>                                    \
  struct DTypeOf<cpp> {                          \
    static constexpr DType value = DType::dtype; \
  }
DLB_DTYPE_OF(float, kFloat32);
DLB_DTYPE_OF(double, kFloat64);
DLB_DTYPE_OF(BFloat16, kBFloat16);
DLB_DTYPE_OF(Float16, kFloat16);
DLB_DTYPE_OF(int64_t, kInt64);
DLB_DTYPE_OF(int32_t, kInt32);
DLB_DTYPE_OF(uint8_t, kUInt8);
DLB_DTYPE_OF(bool, kBool);
#undef DLB_DTYPE_OF

/// Calls `f(T{})` with the C++ type of `t`. Instantiates f for all eight types.
template <class F>
decltype(auto) dispatch_all(DType t, F&& f) {
  switch (t) {
    case DType::kFloat64:
      return f(double{});
    case DType::kBFloat16:
      return f(BFloat16{});
    case DType::kFloat16:
      return f(Float16{});
    case DType::kInt64:
      return f(int64_t{});
    case DType::kInt32:
      return f(int32_t{});
    case DType::kUInt8:
      return f(uint8_t{});
    case DType::kBool:
      return f(bool{});
    default:
      return f(float{});
  }
}

/// Calls `f(T{})` for the four floating types; the caller has checked that `t` is floating.
template <class F>
decltype(auto) dispatch_floating(DType t, F&& f) {
  switch (t) {
    case DType::kFloat64:
      return f(double{});
    case DType::kBFloat16:
      return f(BFloat16{});
    case DType::kFloat16:
      return f(Float16{});
    default:
      return f(float{});
  }
}

/// The type in which kernels compute: float for the 16-bit types, the type itself otherwise.
template <class T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<BFloat16> {
  using type = float;
};
template <>
struct ComputeType<Float16> {
  using type = float;
};
template <class T>
using compute_t = typename ComputeType<T>::type;

}  // namespace dlb
