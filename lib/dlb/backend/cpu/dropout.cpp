#include <algorithm>
#include <cmath>
#include <type_traits>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/philox_block.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"
#include "dlb/ops/softmax_defs.h"

namespace dlb::backend::cpu {
namespace {

template <class T>
DLB_INLINE void drop_block(const T* __restrict x, T* __restrict y, const uint32_t* __restrict bits, int64_t n,
                           uint32_t threshold, compute_t<T> scale) {
  for (int64_t i = 0; i < n; ++i) {
    const compute_t<T> kept = load(x[i]) * scale;
    y[i] = store<T>((bits[i] >> 8) >= threshold ? kept : compute_t<T>(0));
  }
}

template <class T>
void drop(const T* x, T* y, int64_t n, const DropoutAttrs& a) {
  using A = compute_t<T>;
  // unit_float(bits) >= p, in integers.
  const uint32_t threshold = static_cast<uint32_t>(std::ceil(a.p * 0x1p24));
  const A scale = a.p < 1 ? static_cast<A>(1 / (1 - a.p)) : A(0);
  constexpr int64_t kBlock = 512;  // words that stay in the first-level cache
  const bool streamed = past_caches(n * static_cast<int64_t>(sizeof(T)));
  parallel_for((n + kBlock - 1) / kBlock, 16, [&](int64_t begin, int64_t end) {
    if constexpr (std::is_same_v<T, float>) {
      const int64_t first = begin * kBlock;
      philox_drop(a.key, static_cast<uint64_t>(first / kPhiloxWords), x + first, y + first,
                  std::min(n, end * kBlock) - first, {threshold, scale, streamed});
      if (streamed) end_stream();
      return;
    }
    uint32_t bits[kBlock];
    T buffer[kBlock];
    for (int64_t first = begin * kBlock; first < std::min(n, end * kBlock); first += kBlock) {
      const int64_t count = std::min(kBlock, n - first);
      // Memory arrives while the numbers are drawn.
      prefetch_row(x + first, count);
      T* const out = streamed ? buffer : y + first;
      philox_fill(a.key, static_cast<uint64_t>(first / kPhiloxWords), bits, count);
      simd([&] { drop_block(x + first, out, bits, count, threshold, scale); });
      if (streamed) stream(y + first, buffer, count * static_cast<int64_t>(sizeof(T)));
    }
    if (streamed) end_stream();
  });
}

void dropout_kernel(const KernelArgs& args, const DropoutAttrs& a) {
  const Tensor& y = args.out(0);
  const Tensor x = y.is_contiguous() ? row_major(args.in(0)) : channels_last(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    drop<T>(x.data<T>(), y.data<T>(), x.numel(), a);
  });
}

}  // namespace

void install_dropout() { set_kernel(op::dropout(), DeviceKind::kCpu, dropout_kernel); }

}  // namespace dlb::backend::cpu
