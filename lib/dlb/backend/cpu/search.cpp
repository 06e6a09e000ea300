#include <algorithm>
#include <cmath>
#include <numeric>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/sort_entries.h"
#include "dlb/base/threads.h"
#include "dlb/ops/search_defs.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

/// Elements of at(0) <= at(1) <= ... that come before v. NaN is after everything, so that !(v <= a) holds for
/// it.
template <bool kRight, class C, class At>
int64_t elements_before(C v, int64_t n, const At& at) {
  int64_t first = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    const C a = at(first + half);
    const bool before = kRight ? !(a > v) : !(a >= v);
    if (before) {
      first += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return first;
}

template <bool kRight, class T, class Out>
void search(const Tensor& sequence, const Tensor& values, const int64_t* order, const Tensor& out) {
  using C = compute_t<T>;
  const int64_t n = sequence.dim(-1);
  const bool shared = sequence.rank() == 1;
  const int64_t per_sequence = shared ? values.numel() : values.dim(-1);
  const T* const s = sequence.data<T>();
  const T* const v = values.data<T>();
  Out* const to = out.data<Out>();
  parallel_for(values.numel(), 2048, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t base = i / per_sequence * n;
      const C value = convert_element<C>(v[i]);
      const auto at = [&](int64_t j) {
        return convert_element<C>(s[base + (order != nullptr ? order[base + j] : j)]);
      };
      to[i] = static_cast<Out>(elements_before<kRight>(value, n, at));
    }
  });
}

void searchsorted_kernel(const KernelArgs& k, const SearchAttrs& a) {
  const Tensor sequence = row_major(k.in(0));
  const Tensor values = row_major(k.in(1));
  const int64_t* order = nullptr;
  Tensor sorter;
  if (k.has(2)) {
    sorter = row_major(k.in(2));
    order = sorter.data<int64_t>();
    for (int64_t i = 0; i < sorter.numel(); ++i) {
      if (order[i] < 0 || order[i] >= sequence.dim(-1)) {
        fail(ErrorKind::kData,
             "searchsorted: sorter has index {} at position {}, out of range for {} elements", order[i], i,
             sequence.dim(-1));
      }
    }
  }
  if (values.numel() == 0) return;
  dispatch_all(sequence.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto run = [&](auto out_tag) {
      using Out = decltype(out_tag);
      if (a.right) {
        search<true, T, Out>(sequence, values, order, k.out(0));
      } else {
        search<false, T, Out>(sequence, values, order, k.out(0));
      }
    };
    a.out_int32 ? run(int32_t{}) : run(int64_t{});
  });
}

void row_order_kernel(const KernelArgs& k, const NoAttrs&) {
  const Tensor x = row_major(k.in(0));
  int64_t* const order = k.out(0).data<int64_t>();
  const int64_t n = x.dim(0);
  const int64_t m = x.dim(1);
  std::iota(order, order + n, int64_t{0});
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const data = x.data<T>();
    std::sort(order, order + n, [=](int64_t a, int64_t b) {
      for (int64_t j = 0; j < m; ++j) {
        const auto ka = order_key(data[a * m + j]);
        const auto kb = order_key(data[b * m + j]);
        if (ka != kb) return ka < kb;
      }
      return a < b;
    });
  });
}

}  // namespace

void install_search() {
  set_kernel(op::searchsorted(), DeviceKind::kCpu, &searchsorted_kernel);
  set_kernel(op::row_order(), DeviceKind::kCpu, &row_order_kernel);
}

}  // namespace dlb::backend::cpu
