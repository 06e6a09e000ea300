#pragma once
/// \file All parameters as one vector: what L-BFGS computes with. Sums have the same bits for any number of
/// threads.

#include <span>

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// Vectors of n elements of T. Instantiated for float and double.
template <class T>
struct FlatVector {
  static double dot(const T* a, const T* b, int64_t n);
  static double abs_sum(const T* a, int64_t n);
  static double abs_max(const T* a, int64_t n);
  /// y <- y + factor x
  static void add(T* y, double factor, const T* x, int64_t n);
  /// y <- factor x
  static void scaled(T* y, double factor, const T* x, int64_t n);
  /// y <- scale times the gradients of all parameters, 0 for one without.
  static void gather_gradients(T* y, std::span<const Param> params, double scale);
  static void gather_values(T* y, std::span<const Param> params);
  static void set_values(std::span<const Param> params, const T* x);
};

}  // namespace dlb::optim
