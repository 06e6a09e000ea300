#pragma once
/// \file The activation behind a product, on some of its results.

#include "dlb/backend/cpu/elementwise.h"
#include "dlb/ops/epilogue.h"

namespace dlb::backend::cpu {

/// y = f(x) for n elements, in the arithmetic of f's own operator.
class ActivationLoop {
 public:
  explicit ActivationLoop(const Epilogue& e);
  bool is_identity() const { return loop_ == nullptr; }
  /// x and y do not overlap.
  void operator()(const float* x, float* y, int64_t n) const {
    const void* const in[1] = {x};
    loop_(in, y, n, params_);
  }

 private:
  Loop loop_ = nullptr;
  double params_[2] = {0, 0};
};

}  // namespace dlb::backend::cpu
