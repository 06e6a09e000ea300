#pragma once
/// \file Memory that a kernel works in.

#include <algorithm>
#include <cstdint>

#include "dlb/tensor/tensor.h"

namespace dlb::backend::cpu {

/// n elements from the caching allocator: not initialised, and aligned to a cache line, which no vector of a
/// hot loop then straddles.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n) : memory_(Tensor::empty({std::max<int64_t>(n, 1)}, DTypeOf<T>::value)) {}
  T* data() const { return memory_.data<T>(); }

 private:
  Tensor memory_;
};

}  // namespace dlb::backend::cpu
