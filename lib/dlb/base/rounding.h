#pragma once
/// \file Whole numbers as multiples of others.

namespace dlb {

/// The least multiple of `multiple` that is not below `n`, neither negative.
template <class T>
constexpr T rounded_up(T n, T multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace dlb
