#pragma once
/// \file What the forward and backward kernels of recurrent sequences share.

#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/tile_gemm.h"
#include "dlb/base/threads.h"
#include "dlb/ops/float_math.h"
#include "dlb/ops/recurrent_defs.h"

namespace dlb::backend::cpu::steps {

DLB_INLINE float logistic(float x) { return float_math::sigmoid(x); }
DLB_INLINE double logistic(double x) { return 1 / (1 + std::exp(-x)); }
DLB_INLINE float hyperbolic(float x) { return float_math::tanh(x); }
DLB_INLINE double hyperbolic(double x) { return std::tanh(x); }

/// Sizes, order of steps and lengths.
struct Sequence {
  int64_t steps, batch, hidden;
  bool reverse;
  const int64_t* lengths;  // null: all run to the end

  Sequence(int64_t t, const Shape& state, bool is_reverse, const Tensor& length)
      : steps(t),
        batch(state[0]),
        hidden(state[1]),
        reverse(is_reverse),
        lengths(length.defined() ? length.data<int64_t>() : nullptr) {}

  int64_t time(int64_t k) const { return reverse ? steps - 1 - k : k; }
  bool runs(int64_t row, int64_t t) const { return lengths == nullptr || t < lengths[row]; }
  /// Of [T, N, width].
  int64_t at(int64_t t, int64_t row, int64_t width) const { return (t * batch + row) * width; }
};

/// Calls f(first row, last row) for ranges of sequences: they do not depend on each other, so each thread
/// takes its own through all steps. Too few of them, and the threads share the columns of each product
/// instead.
template <class F>
void each_rows(const Sequence& s, const F& f) {
  constexpr int64_t kRows = 6;
  parallel_for(s.batch, s.batch >= kRows * threads() ? kRows : s.batch, f);
}

/// c [rows, n] (+)= a b, by several threads where a step is left to one range of rows.
template <class T>
void multiply(const PackedMatrix<T>& b, int64_t rows, int64_t k, const T* a, T* c, int64_t c_row, bool add) {
  const int64_t work = rows * k * PackedMatrix<T>::kPanel;
  parallel_for(b.panel_count(), 1 + 65536 / std::max<int64_t>(work, 1), [&](int64_t first, int64_t last) {
    b.multiply(first, last, rows, {a, k, 1}, c + first * PackedMatrix<T>::kPanel, c_row, add);
  });
}

/// Inputs and outputs as T, for kernels that compute in float32 what is stored in 16 bits.
template <class T>
Tensor input_as(const Tensor& t) {
  return t.defined() ? row_major(as_dtype(t, DTypeOf<T>::value)) : t;
}

/// Runs f<T>(outputs) and stores them in the outputs' type.
template <class F>
void in_compute_type(std::span<Tensor> outputs, const F& f) {
  const DType dtype = outputs[0].dtype();
  if (dtype == DType::kFloat64) return f(double{}, outputs);
  if (dtype == DType::kFloat32) return f(float{}, outputs);
  std::vector<Tensor> wide;
  for (const Tensor& t : outputs) wide.push_back(Tensor::empty(t.shape()));
  f(float{}, std::span<Tensor>(wide));
  for (size_t i = 0; i < wide.size(); ++i) outputs[i].assign(wide[i]);
}

}  // namespace dlb::backend::cpu::steps
