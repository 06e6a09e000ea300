#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"
#include "dlb/ops/softmax_defs.h"

namespace dlb::backend::cpu {
namespace {

constexpr int64_t kGrain = 8192;

/// A row-major tensor as [outer, size, inner] with `size` along the dimension of the softmax.
struct Split {
  int64_t outer = 1, size = 1, inner = 1;
  Split(const Shape& shape, int64_t dim) {
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t d = static_cast<int64_t>(i);
      (d < dim ? outer : d == dim ? size : inner) *= shape[i];
    }
  }
};

/// The row-major inputs of a kernel with `size` elements along the dimension, and its output.
template <class T, size_t kInputs>
struct Rows {
  Split split;
  std::array<const T*, kInputs> in;
  T* out;

  bool in_place() const { return split.inner == 1 && std::is_same_v<T, compute_t<T>>; }
  /// Rows that are streamed are computed in a buffer; it should stay in the second-level cache.
  bool streamed() const {
    return in_place() && split.size <= 65536 &&
           past_caches(split.outer * split.size * static_cast<int64_t>(sizeof(T)));
  }
};

/// Runs `body` on rows of the compute type, gathering rows that are strided or in 16 bits. A body is made for
/// each range of rows: body.start(first rows, those kAhead - 1 rows further on), then body(rows, those kAhead
/// rows further on, output row) for each; beyond the range's last row it is that one's turn again.
template <class Body, class T, size_t kInputs>
void each_row(const Rows<T, kInputs>& r) {
  using A = compute_t<T>;
  const Split& s = r.split;
  if (s.size == 0) return;
  using Pointers = std::array<const A*, kInputs>;
  parallel_for(s.outer * s.inner, kGrain / s.size + 1, [&](int64_t begin, int64_t end) {
    Body body(s.size);
    if constexpr (std::is_same_v<T, A>) {
      if (r.in_place()) {
        const bool streamed = r.streamed();
        std::vector<A> buffer(streamed ? static_cast<size_t>(s.size) : 0);
        const auto row_of = [&](int64_t row) {
          Pointers rows;
          for (size_t k = 0; k < kInputs; ++k) rows[k] = r.in[k] + row * s.size;
          return rows;
        };
        simd([&] {
          body.start(row_of(begin), row_of(std::min(begin + Body::kAhead - 1, end - 1)));
          for (int64_t row = begin; row < end; ++row) {
            T* const out = r.out + row * s.size;
            body(row_of(row), row_of(std::min(row + Body::kAhead, end - 1)), streamed ? buffer.data() : out);
            if (streamed) {
              body.finish_streamed(buffer.data(), out);
            } else {
              body.finish(out);
            }
          }
        });
        if (streamed) end_stream();
        return;
      }
    }
    std::vector<A> buffer(static_cast<size_t>(s.size) * (kInputs + 1));
    simd([&] {
      Pointers rows;
      for (int64_t row = begin; row < end; ++row) {
        const int64_t base = row / s.inner * s.size * s.inner + row % s.inner;
        for (size_t k = 0; k < kInputs; ++k) {
          A* to = buffer.data() + k * static_cast<size_t>(s.size);
          for (int64_t i = 0; i < s.size; ++i) to[i] = load(r.in[k][base + i * s.inner]);
          rows[k] = to;
        }
        A* result = buffer.data() + kInputs * static_cast<size_t>(s.size);
        body.start(rows, rows);
        body(rows, rows, result);
        body.finish(result);
        for (int64_t i = 0; i < s.size; ++i) r.out[base + i * s.inner] = store<T>(result[i]);
      }
    });
  });
}

template <class A>
using OneRow = std::array<const A*, 1>;
template <class A>
using TwoRows = std::array<const A*, 2>;

/// The largest elements of this row and the next: they are found two rows ahead, so that no row waits for its
/// own.
template <class A>
struct Largest {
  A now = 0, next = 0;
};

/// A body whose output rows need nothing more.
template <class A>
struct Complete {
  explicit Complete(int64_t n) : size(n) {}
  void finish(A*) const {}
  void finish_streamed(const A* row, A* out) const {
    stream(out, row, size * static_cast<int64_t>(sizeof(A)));
  }
  int64_t size;
};

template <class A>
struct Softmax {
  static constexpr int64_t kAhead = 2;
  explicit Softmax(int64_t n) : size(n) {}
  DLB_INLINE void start(const OneRow<A>& x, const OneRow<A>& second) {
    largest = {row_max(x[0], size), row_max(second[0], size)};
  }
  DLB_INLINE void operator()(const OneRow<A>& x, const OneRow<A>& later, A* y) {
    const auto [sum, last] = row_exp<true>(x[0], largest.now, y, later[0], size);
    largest = {largest.next, last};
    scale = A(1) / sum;
  }
  DLB_INLINE void finish(A* y) const {
    for (int64_t i = 0; i < size; ++i) y[i] *= scale;
  }
  void finish_streamed(A* y, A* out) const {
    if constexpr (std::is_same_v<A, float>) {
      stream_scaled(out, y, scale, size);
    } else {
      finish(y);
      stream(out, y, size * static_cast<int64_t>(sizeof(A)));
    }
  }
  int64_t size;
  A scale = 0;
  Largest<A> largest;
};

template <class A>
struct LogSoftmax : Complete<A> {
  using Complete<A>::Complete;
  using Complete<A>::size;
  static constexpr int64_t kAhead = 2;
  DLB_INLINE void start(const OneRow<A>& x, const OneRow<A>& second) {
    largest = {row_max(x[0], size), row_max(second[0], size)};
  }
  DLB_INLINE void operator()(const OneRow<A>& x, const OneRow<A>& later, A* y) {
    const A shift = largest.now;
    const auto [sum, last] = row_exp<false>(x[0], shift, y, later[0], size);
    largest = {largest.next, last};
    const A log_sum = std::log(sum);
    for (int64_t i = 0; i < size; ++i) y[i] = (x[0][i] - shift) - log_sum;
  }
  Largest<A> largest;
};

/// dx = y (g - sum(g y))
template <class A>
struct SoftmaxGrad : Complete<A> {
  using Complete<A>::Complete;
  using Complete<A>::size;
  static constexpr int64_t kAhead = 1;
  DLB_INLINE void start(const TwoRows<A>&, const TwoRows<A>&) {}
  DLB_INLINE void operator()(const TwoRows<A>& in, const TwoRows<A>& next, A* dx) {
    const A* const g = in[0];
    const A* const y = in[1];
    const Ahead<A> ahead{next[0], next[1]};
    const A dot = row_sum<A>(
        size, [&](int64_t i) { return g[i] * y[i]; }, ahead);
    each_of_row(
        size, [=](int64_t i) { dx[i] = y[i] * (g[i] - dot); }, ahead.rest());
  }
};

/// dx = g - e^y sum(g)
template <class A>
struct LogSoftmaxGrad : Complete<A> {
  using Complete<A>::Complete;
  using Complete<A>::size;
  static constexpr int64_t kAhead = 1;
  DLB_INLINE void start(const TwoRows<A>&, const TwoRows<A>&) {}
  DLB_INLINE void operator()(const TwoRows<A>& in, const TwoRows<A>& next, A* dx) {
    const A* const g = in[0];
    const A* const y = in[1];
    const Ahead<A> ahead{next[0], next[1]};
    const A sum = row_sum<A>(
        size, [&](int64_t i) { return g[i]; }, ahead);
    each_of_row(
        size, [=](int64_t i) { dx[i] = g[i] - fast_exp(y[i]) * sum; }, ahead.rest());
  }
};

template <template <class> class Body>
void one_input_kernel(const KernelArgs& args, const SoftmaxAttrs& a) {
  const Tensor x = row_major(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    each_row<Body<compute_t<T>>>(Rows<T, 1>{Split(x.shape(), a.dim), {x.data<T>()}, args.out(0).data<T>()});
  });
}

template <template <class> class Body>
void two_inputs_kernel(const KernelArgs& args, const SoftmaxAttrs& a) {
  const Tensor g = row_major(args.in(0));
  const Tensor y = row_major(args.in(1));
  dispatch_floating(g.dtype(), [&](auto t) {
    using T = decltype(t);
    each_row<Body<compute_t<T>>>(
        Rows<T, 2>{Split(g.shape(), a.dim), {g.data<T>(), y.data<T>()}, args.out(0).data<T>()});
  });
}

}  // namespace

void install_softmax() {
  set_kernel(op::softmax(), DeviceKind::kCpu, one_input_kernel<Softmax>);
  set_kernel(op::log_softmax(), DeviceKind::kCpu, one_input_kernel<LogSoftmax>);
  set_kernel(op::softmax_grad(), DeviceKind::kCpu, two_inputs_kernel<SoftmaxGrad>);
  set_kernel(op::log_softmax_grad(), DeviceKind::kCpu, two_inputs_kernel<LogSoftmaxGrad>);
  install_dropout();
}

}  // namespace dlb::backend::cpu
