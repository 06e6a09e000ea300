#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/fold_defs.h"

namespace dlb::backend::cpu {
namespace {

constexpr int64_t kGrain = 16384;

struct Geometry {
  int64_t planes, in[2], out[2], kernel[2], dilation[2], padding[2], stride[2];

  Geometry(int64_t plane_count, const FoldAttrs& a) : planes(plane_count) {
    for (size_t i = 0; i < 2; ++i) {
      in[i] = a.size[i];
      out[i] = fold_windows_along(a, i);
      kernel[i] = a.kernel[i];
      dilation[i] = a.dilation[i];
      padding[i] = a.padding[i];
      stride[i] = a.stride[i];
    }
  }
  int64_t taps() const { return kernel[0] * kernel[1]; }
  int64_t windows() const { return out[0] * out[1]; }
  int64_t image() const { return in[0] * in[1]; }

  /// Calls f(window, element of the plane) for the windows whose element (kh, kw) is inside the image.
  template <class F>
  DLB_INLINE void each_window(int64_t kh, int64_t kw, const F& f) const {
    const int64_t left = kw * dilation[1] - padding[1];
    const int64_t first = left < 0 ? (-left + stride[1] - 1) / stride[1] : 0;
    const int64_t fitting = left < in[1] ? (in[1] - 1 - left) / stride[1] + 1 : 0;
    const int64_t last = std::min(fitting, out[1]);
    for (int64_t oh = 0; oh < out[0]; ++oh) {
      const int64_t h = oh * stride[0] + kh * dilation[0] - padding[0];
      if (h < 0 || h >= in[0]) continue;
      for (int64_t ow = first; ow < last; ++ow) f(oh * out[1] + ow, h * in[1] + left + ow * stride[1]);
    }
  }
};

void unfold_kernel(const KernelArgs& args, const FoldAttrs& a) {
  const Tensor x = row_major(args.in(0));
  const Tensor& y = args.out(0);
  const Geometry g(x.dim(0) * x.dim(1), a);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    const int64_t grain = kGrain / std::max<int64_t>(g.windows(), 1) + 1;
    parallel_for(g.planes * g.taps(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        T* out = y.data<T>() + row * g.windows();
        std::fill(out, out + g.windows(), T());
        const T* plane = x.data<T>() + row / g.taps() * g.image();
        const int64_t tap = row % g.taps();
        g.each_window(tap / g.kernel[1], tap % g.kernel[1],
                      [&](int64_t window, int64_t at) { out[window] = plane[at]; });
      }
    });
  });
}

template <class T>
void fold(const T* x, T* y, const Geometry& g) {
  using A = compute_t<T>;
  parallel_for(g.planes, kGrain / std::max<int64_t>(g.windows() * g.taps(), 1) + 1,
               [&](int64_t begin, int64_t end) {
                 std::vector<A> sums(static_cast<size_t>(g.image()));
                 for (int64_t plane = begin; plane < end; ++plane) {
                   std::fill(sums.begin(), sums.end(), A(0));
                   for (int64_t tap = 0; tap < g.taps(); ++tap) {
                     const T* row = x + (plane * g.taps() + tap) * g.windows();
                     g.each_window(tap / g.kernel[1], tap % g.kernel[1], [&](int64_t window, int64_t at) {
                       sums[static_cast<size_t>(at)] += load(row[window]);
                     });
                   }
                   T* out = y + plane * g.image();
                   for (int64_t i = 0; i < g.image(); ++i) out[i] = store<T>(sums[static_cast<size_t>(i)]);
                 }
               });
}

void fold_kernel(const KernelArgs& args, const FoldAttrs& a) {
  const Tensor x = row_major(args.in(0));
  const Tensor& y = args.out(0);
  const Geometry g(y.dim(0) * y.dim(1), a);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    fold<T>(x.data<T>(), y.data<T>(), g);
  });
}

}  // namespace

void install_fold() {
  set_kernel(op::unfold_windows(), DeviceKind::kCpu, unfold_kernel);
  set_kernel(op::fold_windows(), DeviceKind::kCpu, fold_kernel);
}

}  // namespace dlb::backend::cpu
