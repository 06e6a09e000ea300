#include <algorithm>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/interpolate_defs.h"

namespace dlb::backend::cpu {
namespace {

/// Elements that are summed together: they fit into the first-level cache.
constexpr int64_t kBlock = 256;
constexpr int64_t kGrain = 16384;

/// A tensor around one of its dimensions, in memory order: [outer, size, inner].
struct Around {
  int64_t outer = 1, inner = 1;
};

Around around(const Tensor& x, int64_t dim) {
  const size_t rank = x.shape().size();
  const size_t at = static_cast<size_t>(dim < 0 ? dim + static_cast<int64_t>(rank) : dim);
  InlineVector<size_t, 8> order;
  const bool rows = x.is_contiguous();
  for (size_t i = 0; i < rank; ++i) {
    if (rows || i != 1) order.push_back(i);
  }
  if (!rows) order.push_back(1);
  Around a;
  bool before = true;
  for (const size_t i : order) {
    if (i == at) {
      before = false;
    } else {
      (before ? a.outer : a.inner) *= x.shape()[i];
    }
  }
  return a;
}

/// sum[i] = weight_0 * row_0[i] + weight_1 * row_1[i] + ..., in that order.
template <class T, class A = compute_t<T>>
DLB_INLINE void combine(const T* x, int64_t stride, const int64_t* index, const A* weight, int64_t taps,
                        int64_t n, A* __restrict sum) {
  if (taps == 0) std::fill(sum, sum + n, A(0));
  for (int64_t k = 0; k < taps; ++k) {
    const T* __restrict row = x + index[k] * stride;
    const A w = weight[k];
    if (k == 0) {
      for (int64_t i = 0; i < n; ++i) sum[i] = w * load(row[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) sum[i] += w * load(row[i]);
    }
  }
}

template <class T>
void resample(const T* x, T* y, const Around& a, int64_t from, int64_t to, const ResampleTaps& taps) {
  using A = compute_t<T>;
  const std::vector<A> weight(taps.weight.begin(), taps.weight.end());
  parallel_for(a.outer * to, kGrain / std::max<int64_t>(a.inner, 1) + 1, [&](int64_t begin, int64_t end) {
    simd([&] {
      A sum[kBlock];
      for (int64_t row = begin; row < end; ++row) {
        const auto element = static_cast<size_t>(row % to);
        const T* image = x + row / to * from * a.inner;
        const int64_t first = taps.begin[element];
        for (int64_t at = 0; at < a.inner; at += kBlock) {
          const int64_t n = std::min(kBlock, a.inner - at);
          combine<T>(image + at, a.inner, taps.index.data() + first, weight.data() + first,
                     taps.begin[element + 1] - first, n, sum);
          T* out = y + row * a.inner + at;
          for (int64_t i = 0; i < n; ++i) out[i] = store<T>(sum[i]);
        }
      }
    });
  });
}

void resample_kernel(const KernelArgs& args, const ResampleAttrs& a) {
  const Tensor& y = args.out(0);
  if (y.numel() == 0) return;
  const Tensor x = args.in(0).is_contiguous() ? args.in(0) : channels_last(args.in(0));
  const ResampleTaps taps = resample_taps(a);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    resample<T>(x.data<T>(), y.data<T>(), around(x, a.dim), a.transposed ? a.out : a.in,
                a.transposed ? a.in : a.out, taps);
  });
}

}  // namespace

void install_interpolate() { set_kernel(op::resample(), DeviceKind::kCpu, resample_kernel); }

}  // namespace dlb::backend::cpu
