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

/// Pooling of [N, D, H, W, C]; dimensions that are missing have size 1.
struct Geometry {
  int64_t batch, channels;
  int64_t in[3], out[3];
  PoolWindows windows[3];
  double divisor = 0;  ///< of average pooling, 0 for the window's own

  Geometry(const Shape& pooled, const PoolOpAttrs& a)
      : batch(pooled[0]), channels(pooled[1]), divisor(static_cast<double>(a.window.divisor)) {
    const size_t missing = 3 - a.input.size();
    for (size_t i = 0; i < 3; ++i) {
      if (i < missing) {
        windows[i].start = windows[i].first = {0};
        windows[i].count = windows[i].divisor = {1};
      } else {
        windows[i] = pool_windows(a, i - missing);
      }
      in[i] = i < missing ? 1 : a.input[i - missing];
      out[i] = static_cast<int64_t>(windows[i].start.size());
    }
  }
  int64_t windows_per_sample() const { return out[0] * out[1] * out[2]; }
  int64_t pixel(int64_t n, int64_t z, int64_t y, int64_t x) const {
    return (((n * in[0] + z) * in[1] + y) * in[2] + x) * channels;
  }

  /// One window: its sample, its place along each dimension and the offset of its output.
  struct Window {
    int64_t n;
    size_t at[3];
    int64_t pooled;
  };

  /// Calls f(input pixel offset, position within the window) for each element of a window.
  template <class F>
  void each_in_window(const Window& v, const F& f) const {
    const PoolWindows& d = windows[0];
    const PoolWindows& h = windows[1];
    const PoolWindows& w = windows[2];
    const size_t k = v.at[0], i = v.at[1], j = v.at[2];
    for (int64_t kd = 0; kd < d.count[k]; ++kd) {
      for (int64_t kh = 0; kh < h.count[i]; ++kh) {
        const int64_t row = pixel(v.n, d.start[k] + kd * d.step, h.start[i] + kh * h.step, 0);
        const int64_t first = ((d.first[k] + kd) * h.largest + h.first[i] + kh) * w.largest + w.first[j];
        for (int64_t kw = 0; kw < w.count[j]; ++kw) {
          f(row + (w.start[j] + kw * w.step) * channels, first + kw);
        }
      }
    }
  }

  double window_divisor(const Window& v) const {
    if (divisor != 0) return divisor;
    return static_cast<double>(windows[0].divisor[v.at[0]]) *
           static_cast<double>(windows[1].divisor[v.at[1]]) *
           static_cast<double>(windows[2].divisor[v.at[2]]);
  }

  /// Runs f(window) for the windows of rows [begin, end), a row being those along the last dimension.
  template <class F>
  void rows(int64_t begin, int64_t end, const F& f) const {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t plane = i / out[1];
      Window v{plane / out[0], {static_cast<size_t>(plane % out[0]), static_cast<size_t>(i % out[1]), 0}, 0};
      for (int64_t ow = 0; ow < out[2]; ++ow) {
        v.at[2] = static_cast<size_t>(ow);
        v.pooled = (i * out[2] + ow) * channels;
        f(v);
      }
    }
  }

  /// Runs f(window) for all windows, split over threads by output row.
  template <class F>
  void parallel_windows(const F& f) const {
    const int64_t row = std::max<int64_t>(out[2] * channels, 1);
    parallel_for(batch * out[0] * out[1], kGrain / row + 1,
                 [&](int64_t begin, int64_t end) { simd([&] { rows(begin, end, f); }); });
  }

  /// Runs f(window) for all windows, split over threads by sample, since windows may overlap.
  template <class F>
  void parallel_samples(const F& f) const {
    const int64_t sample = std::max<int64_t>(windows_per_sample() * channels, 1);
    const int64_t per_sample = out[0] * out[1];
    parallel_for(batch, kGrain / sample + 1, [&](int64_t begin, int64_t end) {
      simd([&] { rows(begin * per_sample, end * per_sample, f); });
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
      // Kept by what is not larger, and once it is a NaN by all but another NaN. As a mask of integers, since
      // GCC does not vectorise a bool here.
      const int32_t keep =
          -static_cast<int32_t>(v <= m) | (-static_cast<int32_t>(m != m) & -static_cast<int32_t>(v == v));
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
  g.parallel_windows([&](const Geometry::Window& v) {
    const int64_t out = v.pooled;
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
      g.each_in_window(v, [&](int64_t from, int64_t position) {
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
  if (tiles(g.windows[0], g.in[0]) && tiles(g.windows[1], g.in[1]) && tiles(g.windows[2], g.in[2])) {
    g.parallel_windows([&](const Geometry::Window& v) {
      const int64_t from = v.pooled;
      g.each_in_window(v, [&](int64_t to, int64_t position) {
        select_row(grad + from, index + from, static_cast<int32_t>(position), out + to, g.channels);
      });
    });
    return;
  }
  zero<T>(dx);
  g.parallel_samples([&](const Geometry::Window& v) {
    const int64_t from = v.pooled;
    g.each_in_window(v, [&](int64_t to, int64_t position) {
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
  g.parallel_windows([&](const Geometry::Window& v) {
    const int64_t at = v.pooled;
    g.each_in_window(v, [&](int64_t from, int64_t position) {
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

void max_pool_positions_kernel(const KernelArgs& args, const PoolOpAttrs& a) {
  const Tensor index = channels_last(args.in(0));
  const Geometry g(index.shape(), a);
  int64_t* out = args.out(0).data<int64_t>();
  dispatch_index(index.dtype(), [&](auto tag) {
    using I = decltype(tag);
    const I* from = index.data<I>();
    g.parallel_windows([&](const Geometry::Window& v) {
      for (int64_t c = 0; c < g.channels; ++c) {
        int64_t position = static_cast<int64_t>(from[v.pooled + c]);
        int64_t at = 0;
        int64_t scale = 1;
        for (size_t i = 3; i-- > 0;) {
          const PoolWindows& w = g.windows[i];
          at += (w.start[v.at[i]] + (position % w.largest - w.first[v.at[i]]) * w.step) * scale;
          position /= w.largest;
          scale *= g.in[i];
        }
        // A dilated window that lies in the padding altogether has no largest element.
        out[v.pooled + c] = std::clamp<int64_t>(at, 0, scale - 1);
      }
    });
  });
}

void max_unpool_kernel(const KernelArgs& args, const UnpoolAttrs&) {
  const Tensor x = row_major(args.in(0));
  const Tensor positions = row_major(args.in(1));
  const Tensor& y = args.out(0);
  const int64_t planes = y.dim(0) * y.dim(1);
  if (planes == 0) return;
  const int64_t from = x.numel() / planes;
  const int64_t to = y.numel() / planes;
  const int64_t* at = positions.data<int64_t>();
  for (int64_t i = 0; i < positions.numel(); ++i) {
    if (at[i] < 0 || at[i] >= to) {
      fail(ErrorKind::kData, "max_unpool: index {} is out of range for an output {}", at[i],
           shape_text(y.shape()));
    }
  }
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    zero<T>(y);
    parallel_for(planes, kGrain / std::max<int64_t>(to, 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * from; i < end * from; ++i) {
        y.data<T>()[i / from * to + at[i]] = x.data<T>()[i];
      }
    });
  });
}

template <class T>
void avg_forward(const Geometry& g, const T* x, T* y) {
  using A = compute_t<T>;
  g.parallel_windows([&](const Geometry::Window& v) {
    const int64_t out = v.pooled;
    const A divisor = static_cast<A>(g.window_divisor(v));
    for (int64_t c0 = 0; c0 < g.channels; c0 += kBlock) {
      const int64_t count = std::min(kBlock, g.channels - c0);
      A sum[kBlock] = {};
      g.each_in_window(v, [&](int64_t from, int64_t) {
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
  g.parallel_samples([&](const Geometry::Window& v) {
    const int64_t from = v.pooled;
    const A share = static_cast<A>(1 / g.window_divisor(v));
    g.each_in_window(v, [&](int64_t to, int64_t) {
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
  set_kernel(op::max_pool_positions(), DeviceKind::kCpu, max_pool_positions_kernel);
  set_kernel(op::max_unpool(), DeviceKind::kCpu, max_unpool_kernel);
  set_kernel(op::avg_pool(), DeviceKind::kCpu, avg_pool_kernel);
  set_kernel(op::adaptive_avg_pool(), DeviceKind::kCpu, avg_pool_kernel);
  set_kernel(op::avg_pool_grad(), DeviceKind::kCpu, avg_pool_grad_kernel);
}

}  // namespace dlb::backend::cpu
