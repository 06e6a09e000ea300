#include <algorithm>
#include <limits>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/pool_defs.h"

namespace dlb::backend::cpu {
namespace {

/// Channels are handled in blocks that fit into registers or the first-level cache.
constexpr int64_t kBlock = 64;
/// Elements below which a thread is not worth waking.
constexpr int64_t kGrain = 16384;

/// Pooling of [N, H, W, C] with H = 1 for 1-d.
struct Geometry {
  int64_t batch, channels, in_h, in_w, out_h, out_w;
  PoolWindows h, w;

  Geometry(const Shape& pooled, const PoolOpAttrs& a) : batch(pooled[0]), channels(pooled[1]) {
    const bool flat = a.input.size() == 1;
    if (flat) {
      h.start = h.first = {0};
      h.count = h.divisor = {1};
    } else {
      h = pool_windows(a, 0);
    }
    w = pool_windows(a, flat ? 0 : 1);
    in_h = flat ? 1 : a.input[0];
    in_w = a.input.back();
    out_h = static_cast<int64_t>(h.start.size());
    out_w = static_cast<int64_t>(w.start.size());
  }
  int64_t pixel(int64_t n, int64_t y, int64_t x) const { return ((n * in_h + y) * in_w + x) * channels; }
  int64_t pooled_pixel(int64_t n, int64_t y, int64_t x) const {
    return ((n * out_h + y) * out_w + x) * channels;
  }

  /// Calls f(input pixel offset, position within the window) for each element of window (oh, ow).
  template <class F>
  void each_in_window(int64_t n, int64_t oh, int64_t ow, const F& f) const {
    const size_t i = static_cast<size_t>(oh);
    const size_t j = static_cast<size_t>(ow);
    for (int64_t kh = 0; kh < h.count[i]; ++kh) {
      for (int64_t kw = 0; kw < w.count[j]; ++kw) {
        f(pixel(n, h.start[i] + kh * h.step, w.start[j] + kw * w.step),
          (h.first[i] + kh) * w.largest + w.first[j] + kw);
      }
    }
  }

  /// Runs f(n, oh, ow) for all windows, split over threads by output row.
  template <class F>
  void parallel_windows(const F& f) const {
    const int64_t row = std::max<int64_t>(out_w * channels, 1);
    parallel_for(batch * out_h, kGrain / row + 1, [&](int64_t begin, int64_t end) {
      simd([&] {
        for (int64_t i = begin; i < end; ++i) {
          for (int64_t ow = 0; ow < out_w; ++ow) f(i / out_h, i % out_h, ow);
        }
      });
    });
  }

  /// Runs f(n, oh, ow) for all windows, split over threads by sample, since windows may overlap.
  template <class F>
  void parallel_samples(const F& f) const {
    const int64_t sample = std::max<int64_t>(out_h * out_w * channels, 1);
    parallel_for(batch, kGrain / sample + 1, [&](int64_t begin, int64_t end) {
      simd([&] {
        for (int64_t n = begin; n < end; ++n) {
          for (int64_t oh = 0; oh < out_h; ++oh) {
            for (int64_t ow = 0; ow < out_w; ++ow) f(n, oh, ow);
          }
        }
      });
    });
  }
};

template <class T>
void zero(const Tensor& t) {
  std::fill(t.data<T>(), t.data<T>() + t.numel(), T());
}

/// Up to four elements of a window for each channel: rows of the input and their positions within the window.
template <class T>
struct Four {
  const T* row[4];
  int32_t position[4];
};

/// Largest of four and of what is already in best, and its position. Repeating a row is harmless: equals
/// never replace.
template <bool kFirst, class T, class A = compute_t<T>>
DLB_INLINE void largest_of_four(const Four<T>& f, int64_t n, A* __restrict best, int32_t* __restrict where) {
  const T* __restrict r0 = f.row[0];
  const T* __restrict r1 = f.row[1];
  const T* __restrict r2 = f.row[2];
  const T* __restrict r3 = f.row[3];
  const int32_t p0 = f.position[0], p1 = f.position[1], p2 = f.position[2], p3 = f.position[3];
  for (int64_t c = 0; c < n; ++c) {
    A m = kFirst ? load(r0[c]) : best[c];
    int32_t w = kFirst ? p0 : where[c];
    const auto step = [&](A v, int32_t position) {
      // Kept by what is not larger, and once it is a NaN. As a mask of integers, since GCC does not vectorise
      // a bool here.
      const int32_t keep = -static_cast<int32_t>(v <= m) | -static_cast<int32_t>(m != m);
      w = keep != 0 ? w : position;
      m = keep != 0 ? m : v;
    };
    if (!kFirst) step(load(r0[c]), p0);
    step(load(r1[c]), p1);
    step(load(r2[c]), p2);
    step(load(r3[c]), p3);
    best[c] = m;
    where[c] = w;
  }
}

template <class T, class I>
DLB_INLINE void store_largest(const compute_t<T>* __restrict best, const int32_t* __restrict where, int64_t n,
                              T* __restrict y, I* __restrict index) {
  for (int64_t c = 0; c < n; ++c) y[c] = store<T>(best[c]);
  for (int64_t c = 0; c < n; ++c) index[c] = static_cast<I>(where[c]);
}

template <class T, class I>
void max_forward(const Geometry& g, const T* x, T* y, I* index) {
  using A = compute_t<T>;
  const int64_t channels = g.channels;
  g.parallel_windows([&](int64_t n, int64_t oh, int64_t ow) {
    const int64_t out = g.pooled_pixel(n, oh, ow);
    for (int64_t c0 = 0; c0 < channels; c0 += kBlock) {
      const int64_t count = std::min(kBlock, channels - c0);
      A best[kBlock];
      int32_t where[kBlock];
      Four<T> four;
      int filled = 0;
      bool first = true;
      const auto flush = [&] {
        if (filled == 0) return;
        for (int i = filled; i < 4; ++i) {
          four.row[i] = four.row[filled - 1];
          four.position[i] = four.position[filled - 1];
        }
        if (first) {
          largest_of_four<true>(four, count, best, where);
        } else {
          largest_of_four<false>(four, count, best, where);
        }
        first = false;
        filled = 0;
      };
      g.each_in_window(n, oh, ow, [&](int64_t from, int64_t position) {
        four.row[filled] = x + from + c0;
        four.position[filled] = static_cast<int32_t>(position);
        if (++filled == 4) flush();
      });
      flush();
      if (first) {  // a dilated window may lie in the padding altogether
        std::fill(best, best + kBlock, -std::numeric_limits<A>::infinity());
        std::fill(where, where + kBlock, 0);
      }
      store_largest(best, where, count, y + out + c0, index + out + c0);
    }
  });
}

template <class F>
void dispatch_index(DType t, const F& f) {
  if (t == DType::kUInt8) {
    f(uint8_t{});
  } else {
    DLB_CHECK(t == DType::kInt32);
    f(int32_t{});
  }
}

void max_pool_kernel(const KernelArgs& args, const PoolOpAttrs& a) {
  const Tensor x = channels_last(args.in(0));
  const Tensor& y = args.out(0);
  const Geometry g(y.shape(), a);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    dispatch_index(args.out(1).dtype(), [&](auto i) {
      using I = decltype(i);
      max_forward<T, I>(g, x.data<T>(), y.data<T>(), args.out(1).data<I>());
    });
  });
}

/// Whether each input element lies in exactly one window, so that a gradient can be written instead of added.
bool tiles(const PoolWindows& w, int64_t in) {
  int64_t next = 0;
  for (size_t o = 0; o < w.start.size(); ++o) {
    if (w.start[o] != next || w.step != 1) return false;
    next += w.count[o];
  }
  return next == in;
}

/// out = grad where index is `here`, else 0. Indices are compared as int32 so that the comparison has the
/// width of a float32.
template <class T, class I>
DLB_INLINE void select_row(const T* __restrict grad, const I* __restrict index, int32_t here,
                           T* __restrict out, int64_t n) {
  for (int64_t c = 0; c < n; ++c) {
    const T g = grad[c];
    out[c] = static_cast<int32_t>(index[c]) == here ? g : T();
  }
}

/// As select_row, added to out.
template <class T, class I>
DLB_INLINE void add_selected_row(const T* __restrict grad, const I* __restrict index, int32_t here,
                                 T* __restrict out, int64_t n) {
  for (int64_t c = 0; c < n; ++c) {
    const compute_t<T> g = load(grad[c]);
    out[c] = store<T>(load(out[c]) + (static_cast<int32_t>(index[c]) == here ? g : compute_t<T>(0)));
  }
}

template <class T, class I>
void max_backward(const Geometry& g, const T* grad, const I* index, const Tensor& dx) {
  T* out = dx.data<T>();
  if (tiles(g.h, g.in_h) && tiles(g.w, g.in_w)) {
    g.parallel_windows([&](int64_t n, int64_t oh, int64_t ow) {
      const int64_t from = g.pooled_pixel(n, oh, ow);
      g.each_in_window(n, oh, ow, [&](int64_t to, int64_t position) {
        select_row(grad + from, index + from, static_cast<int32_t>(position), out + to, g.channels);
      });
    });
    return;
  }
  zero<T>(dx);
  g.parallel_samples([&](int64_t n, int64_t oh, int64_t ow) {
    const int64_t from = g.pooled_pixel(n, oh, ow);
    g.each_in_window(n, oh, ow, [&](int64_t to, int64_t position) {
      add_selected_row(grad + from, index + from, static_cast<int32_t>(position), out + to, g.channels);
    });
  });
}

void max_pool_grad_kernel(const KernelArgs& args, const PoolOpAttrs& a) {
  const Tensor grad = channels_last(args.in(0));
  const Tensor index = channels_last(args.in(1));
  const Geometry g(grad.shape(), a);
  dispatch_floating(grad.dtype(), [&](auto t) {
    using T = decltype(t);
    dispatch_index(index.dtype(), [&](auto i) {
      using I = decltype(i);
      max_backward<T, I>(g, grad.data<T>(), index.data<I>(), args.out(0));
    });
  });
}

template <class T, class I>
void gather(const Geometry& g, const T* x, const I* index, const Tensor& y) {
  zero<T>(y);
  T* out = y.data<T>();
  g.parallel_windows([&](int64_t n, int64_t oh, int64_t ow) {
    const int64_t at = g.pooled_pixel(n, oh, ow);
    g.each_in_window(n, oh, ow, [&](int64_t from, int64_t position) {
      const int32_t here = static_cast<int32_t>(position);
      for (int64_t c = 0; c < g.channels; ++c) {
        if (static_cast<int32_t>(index[at + c]) == here) out[at + c] = x[from + c];
      }
    });
  });
}

void max_pool_gather_kernel(const KernelArgs& args, const PoolOpAttrs& a) {
  const Tensor x = channels_last(args.in(0));
  const Tensor index = channels_last(args.in(1));
  const Geometry g(index.shape(), a);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    dispatch_index(index.dtype(), [&](auto i) {
      using I = decltype(i);
      gather<T, I>(g, x.data<T>(), index.data<I>(), args.out(0));
    });
  });
}

template <class T>
void avg_forward(const Geometry& g, const T* x, T* y) {
  using A = compute_t<T>;
  g.parallel_windows([&](int64_t n, int64_t oh, int64_t ow) {
    const int64_t out = g.pooled_pixel(n, oh, ow);
    const A divisor =
        static_cast<A>(g.h.divisor[static_cast<size_t>(oh)] * g.w.divisor[static_cast<size_t>(ow)]);
    for (int64_t c0 = 0; c0 < g.channels; c0 += kBlock) {
      const int64_t count = std::min(kBlock, g.channels - c0);
      A sum[kBlock] = {};
      g.each_in_window(n, oh, ow, [&](int64_t from, int64_t) {
        for (int64_t c = 0; c < count; ++c) sum[c] += load(x[from + c0 + c]);
      });
      for (int64_t c = 0; c < count; ++c) y[out + c0 + c] = store<T>(sum[c] / divisor);
    }
  });
}

void avg_pool_kernel(const KernelArgs& args, const PoolOpAttrs& a) {
  const Tensor x = channels_last(args.in(0));
  const Geometry g(args.out(0).shape(), a);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    avg_forward<T>(g, x.data<T>(), args.out(0).data<T>());
  });
}

/// `out` has the compute type: many small shares added up in 16 bits would lose them.
template <class T>
void avg_backward(const Geometry& g, const T* grad, compute_t<T>* out) {
  using A = compute_t<T>;
  g.parallel_samples([&](int64_t n, int64_t oh, int64_t ow) {
    const int64_t from = g.pooled_pixel(n, oh, ow);
    const A share =
        A(1) / static_cast<A>(g.h.divisor[static_cast<size_t>(oh)] * g.w.divisor[static_cast<size_t>(ow)]);
    g.each_in_window(n, oh, ow, [&](int64_t to, int64_t) {
      for (int64_t c = 0; c < g.channels; ++c) out[to + c] += load(grad[from + c]) * share;
    });
  });
}

void avg_pool_grad_kernel(const KernelArgs& args, const PoolOpAttrs& a) {
  const Tensor grad = channels_last(args.in(0));
  const Geometry g(grad.shape(), a);
  dispatch_floating(grad.dtype(), [&](auto t) {
    using T = decltype(t);
    using A = compute_t<T>;
    Tensor sums = args.out(0);
    if constexpr (!std::is_same_v<T, A>) {
      TensorSpec spec = sums.spec();
      spec.dtype = DTypeOf<A>::value;
      sums = Tensor::empty(spec);
    }
    zero<A>(sums);
    avg_backward<T>(g, grad.data<T>(), sums.data<A>());
    if constexpr (!std::is_same_v<T, A>) args.out(0).assign(sums);
  });
}

}  // namespace

void install_pool() {
  set_kernel(op::max_pool(), DeviceKind::kCpu, max_pool_kernel);
  set_kernel(op::adaptive_max_pool(), DeviceKind::kCpu, max_pool_kernel);
  set_kernel(op::max_pool_grad(), DeviceKind::kCpu, max_pool_grad_kernel);
  set_kernel(op::max_pool_gather(), DeviceKind::kCpu, max_pool_gather_kernel);
  set_kernel(op::avg_pool(), DeviceKind::kCpu, avg_pool_kernel);
  set_kernel(op::adaptive_avg_pool(), DeviceKind::kCpu, avg_pool_kernel);
  set_kernel(op::avg_pool_grad(), DeviceKind::kCpu, avg_pool_grad_kernel);
}

}  // namespace dlb::backend::cpu
