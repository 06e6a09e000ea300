#pragma once
/// \file What the normalisation kernels share.

#include <cmath>
#include <vector>

#include "dlb/backend/cpu/simd.h"
#include "dlb/ops/op.h"

namespace dlb::backend::cpu {

/// The values of a small vector in the compute type, or `missing` where it is undefined.
template <class A>
std::vector<A> load_vector(const KernelArgs& args, int i, int64_t size, A missing) {
  if (!args.has(i)) return std::vector<A>(static_cast<size_t>(size), missing);
  return args.in(i).to_vector<A>();
}

/// Writes small vectors of float64 into row-major tensors of any floating dtype.
inline void store_vector(const Tensor& t, const double* values) {
  dispatch_floating(t.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* out = t.data<T>();
    for (int64_t i = 0; i < t.numel(); ++i) out[i] = store<T>(static_cast<compute_t<T>>(values[i]));
  });
}

/// Sums of blocks, added up in the order of the blocks. Each block has `width` values.
inline std::vector<double> add_blocks(const std::vector<double>& blocks, int64_t width) {
  std::vector<double> total(static_cast<size_t>(width), 0.0);
  for (size_t first = 0; first < blocks.size(); first += total.size()) {
    for (size_t i = 0; i < total.size(); ++i) total[i] += blocks[first + i];
  }
  return total;
}

}  // namespace dlb::backend::cpu
