#pragma once
/// \file Conversion of one element, without branches so that loops over it vectorise.

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "dlb/base/inline.h"
#include "dlb/tensor/dtype.h"

namespace dlb {

DLB_INLINE float to_float(BFloat16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

DLB_INLINE float to_float(Float16 x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000U) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(x.bits & 0x7fffU) << 13;
  // Scaling by 2^112 turns the half's exponent bias into the float's, and handles subnormals on the way.
  const uint32_t finite = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  return std::bit_cast<float>(sign | (magnitude >= 0x0f800000U ? (magnitude | 0x7f800000U) : finite));
}

DLB_INLINE BFloat16 to_bfloat16(float value) {
  const uint32_t x = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (x + 0x7fffU + ((x >> 16) & 1U)) >> 16;
  const uint32_t quiet = (x >> 16) | 0x40U;
  BFloat16 y;
  y.bits = static_cast<uint16_t>((x & 0x7fffffffU) > 0x7f800000U ? quiet : rounded);
  return y;
}

DLB_INLINE Float16 to_float16(float value) {
  const uint32_t x = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = x & 0x7fffffffU;
  // Adding 0.5 makes the FPU round a result that will be subnormal to nearest even at the right bit.
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000U;
  const uint32_t normal = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  uint32_t y = magnitude < 0x38800000U ? subnormal : normal;
  y = magnitude >= 0x477ff000U ? 0x7c00U : y;  // 65520 and more
  y = magnitude > 0x7f800000U ? 0x7e00U : y;
  Float16 result;
  result.bits = static_cast<uint16_t>(((x >> 16) & 0x8000U) | y);
  return result;
}

/// What a cast means between any two of the eight types, for kernels and wherever the host reads a tensor.
template <class To, class From>
DLB_INLINE To convert_element(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<From, BFloat16> || std::is_same_v<From, Float16>) {
    return convert_element<To>(to_float(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return to_bfloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, Float16>) {
    return to_float16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // To the nearest number that there is, 0 for NaN: a conversion out of range is undefined in C++.
    using Limits = std::numeric_limits<To>;
    constexpr From kLow = static_cast<From>(Limits::min());
    From c = x == x ? x : From(0);
    c = c < kLow ? kLow : c;
    if constexpr (Limits::digits <= std::numeric_limits<From>::digits) {
      constexpr From kHigh = static_cast<From>(Limits::max());
      return static_cast<To>(c > kHigh ? kHigh : c);
    } else {
      // The source type has no such number, but the one behind it.
      constexpr From kEnd = -kLow;
      const To whole = static_cast<To>(c < kEnd ? c : From(0));
      return c < kEnd ? whole : Limits::max();
    }
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace dlb
