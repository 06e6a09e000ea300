#include <limits>
#include <memory>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/lines.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/ops/functors.h"
#include "dlb/ops/reduce_defs.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kBlock = 32768;  ///< elements of a line that one thread searches
constexpr int64_t kLanes = 16;     ///< partial results while the best value is looked for
constexpr int64_t kColumns = 128;  ///< neighbouring lines searched together
constexpr int64_t kFew = 4 * kLanes;

template <class C>
struct Best {
  C value;
  int64_t index;
};

/// Whether v beats the best so far; NaN beats everything but NaN.
template <bool kLargest, class C>
DLB_INLINE bool beats(C v, C best) {
  return (kLargest ? v > best : v < best) || (v != v && best == best);
}

/// The first best of x[0..n): its value with vector instructions, then where it is.
template <bool kLargest, class T>
Best<compute_t<T>> best_of(const T* x, int64_t n) {
  using C = compute_t<T>;
  using Choose = std::conditional_t<kLargest, functor::Maximum<C>, functor::Minimum<C>>;
  C best = load(x[0]);
  if (n < kFew) {
    int64_t index = 0;
    for (int64_t i = 1; i < n; ++i) {
      const C v = load(x[i]);
      if (!beats<kLargest>(v, best)) continue;
      best = v;
      index = i;
    }
    return {best, index};
  }
  C lanes[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) lanes[l] = best;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = Choose()(lanes[l], load(x[i + l]));
  }
  for (; i < n; ++i) lanes[0] = Choose()(lanes[0], load(x[i]));
  for (int64_t l = 0; l < kLanes; ++l) best = Choose()(best, lanes[l]);
  int64_t index = 0;
  if (best == best) {
    while (load(x[index]) != best) ++index;
  } else {
    while (load(x[index]) == load(x[index])) ++index;
  }
  return {best, index};
}

template <bool kLargest, class T>
void search_rows(const T* x, const Lines& lines, int64_t* out) {
  const int64_t blocks = (lines.size + kBlock - 1) / kBlock;
  const auto found = std::make_unique<Best<compute_t<T>>[]>(static_cast<size_t>(lines.count() * blocks));
  const int64_t grain = std::max<int64_t>(kLineGrain / std::min(lines.size, kBlock), 1);
  parallel_for(lines.count() * blocks, grain, [&](int64_t begin, int64_t end) {
    simd([&] {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t first = task % blocks * kBlock;
        const T* const from = x + task / blocks * lines.size + first;
        Best<compute_t<T>> best = best_of<kLargest>(from, std::min(kBlock, lines.size - first));
        best.index += first;
        found[static_cast<size_t>(task)] = best;
      }
    });
  });
  for (int64_t line = 0; line < lines.count(); ++line) {
    const Best<compute_t<T>>* const of_line = &found[static_cast<size_t>(line * blocks)];
    Best<compute_t<T>> best = of_line[0];
    for (int64_t b = 1; b < blocks; ++b) {
      if (beats<kLargest>(of_line[b].value, best.value)) best = of_line[b];
    }
    out[line] = best.index;
  }
}

template <bool kLargest, class T>
void search_columns(const T* x, const Lines& lines, int64_t* out) {
  const int64_t chunks = (lines.inner + kColumns - 1) / kColumns;
  const int64_t work = lines.size * std::min(lines.inner, kColumns);
  parallel_for(lines.outer * chunks, std::max<int64_t>(kLineGrain / work, 1),
               [&](int64_t begin, int64_t end) {
                 compute_t<T> best[kColumns];
                 simd([&] {
                   for (int64_t task = begin; task < end; ++task) {
                     const int64_t first = task % chunks * kColumns;
                     const int64_t n = std::min(kColumns, lines.inner - first);
                     const T* row = x + task / chunks * lines.size * lines.inner + first;
                     int64_t* const index = out + task / chunks * lines.inner + first;
                     for (int64_t c = 0; c < n; ++c) {
                       best[c] = load(row[c]);
                       index[c] = 0;
                     }
                     for (int64_t i = 1; i < lines.size; ++i) {
                       row += lines.inner;
                       for (int64_t c = 0; c < n; ++c) {
                         const compute_t<T> v = load(row[c]);
                         const bool better = beats<kLargest>(v, best[c]);
                         best[c] = better ? v : best[c];
                         index[c] = better ? i : index[c];
                       }
                     }
                   }
                 });
               });
}

template <bool kLargest>
void arg_kernel(const KernelArgs& k, const ArgReduceAttrs& a) {
  const Tensor x = row_major(k.in(0));
  int64_t* const out = k.out(0).data<int64_t>();
  const Lines lines(x.shape(), a.dim);
  if (lines.count() == 0) return;
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    if (lines.inner == 1) {
      search_rows<kLargest>(x.data<T>(), lines, out);
    } else {
      search_columns<kLargest>(x.data<T>(), lines, out);
    }
  });
}

}  // namespace

void install_arg_reduce() {
  set_kernel(op::argmax(), DeviceKind::kCpu, &arg_kernel<true>);
  set_kernel(op::argmin(), DeviceKind::kCpu, &arg_kernel<false>);
}

}  // namespace dlb::backend::cpu
