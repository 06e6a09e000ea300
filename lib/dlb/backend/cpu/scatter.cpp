#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/index_support.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/float_math.h"
#include "dlb/ops/index_defs.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kGrain = 32768;

/// out = x, then out[index] = combine(out[index], src) element by element in the order of the index.
template <class T, class F>
void write_elements(const KernelArgs& k, int64_t dim, std::string_view op, const F& combine) {
  const Tensor src = row_major(k.in(2));
  const Tensor& out = k.out(0);
  const Rows rows(out.shape(), dim);
  const IndexValues index(k.in(1), rows.size, op, "elements");
  if (index.size() == 0) return;
  const Places places(out.shape(), k.in(1).shape(), dim);
  const T* const from = static_cast<const T*>(src.raw());
  T* const to = static_cast<T*>(out.raw());
  const int64_t step = places.step();
  places.each_run(0, index.size(), [&](int64_t first, int64_t n, int64_t place, int64_t distance) {
    for (int64_t i = 0; i < n; ++i) {
      T& d = to[place + i * distance + index[first + i] * step];
      d = combine(d, from[first + i]);
    }
  });
}

void scatter_kernel(const KernelArgs& k, const IndexAttrs& a) {
  copy_tensor(k.out(0), k.in(0));
  dispatch_size(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    write_elements<T>(k, a.dim, "scatter", [](T, T src) { return src; });
  });
}

void scatter_add_kernel(const KernelArgs& k, const IndexAttrs& a) {
  copy_tensor(k.out(0), k.in(0));
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    write_elements<T>(k, a.dim, "scatter_add", [](T d, T src) { return sum_of(d, src); });
  });
}

/// The same for rows along a dimension. Each thread owns columns and goes through the index in order, so that
/// repeated rows come in one fixed order.
template <class T, class F>
void write_rows(const KernelArgs& k, int64_t dim, std::string_view op, const F& combine) {
  const Tensor src = row_major(k.in(2));
  const Tensor& out = k.out(0);
  const Rows rows(out.shape(), dim);
  const IndexValues index(k.in(1), rows.size, op, "rows");
  const int64_t count = index.size();
  if (out.numel() == 0 || count == 0) return;
  const T* const from = static_cast<const T*>(src.raw());
  T* const to = static_cast<T*>(out.raw());
  const int64_t columns = rows.outer * rows.inner;
  parallel_for(columns, std::max<int64_t>(kGrain / count, 16), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end;) {
      const int64_t o = at / rows.inner;
      const int64_t first = at % rows.inner;
      const int64_t n = std::min(rows.inner - first, end - at);
      for (int64_t i = 0; i < count; ++i) {
        const T* const s = from + (o * count + i) * rows.inner + first;
        T* const d = to + (o * rows.size + index[i]) * rows.inner + first;
        simd([=, &combine] {
          DLB_IVDEP
          for (int64_t c = 0; c < n; ++c) d[c] = combine(d[c], s[c]);
        });
      }
      at += n;
    }
  });
}

void index_add_kernel(const KernelArgs& k, const IndexAttrs& a) {
  copy_tensor(k.out(0), k.in(0));
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    write_rows<T>(k, a.dim, "index_add", [](T d, T src) { return sum_of(d, src); });
  });
}

void index_copy_kernel(const KernelArgs& k, const IndexAttrs& a) {
  copy_tensor(k.out(0), k.in(0));
  dispatch_size(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    write_rows<T>(k, a.dim, "index_copy", [](T, T src) { return src; });
  });
}

}  // namespace

void install_scatter() {
  set_kernel(op::scatter(), DeviceKind::kCpu, &scatter_kernel);
  set_kernel(op::scatter_add(), DeviceKind::kCpu, &scatter_add_kernel);
  set_kernel(op::index_add(), DeviceKind::kCpu, &index_add_kernel);
  set_kernel(op::index_copy(), DeviceKind::kCpu, &index_copy_kernel);
}

}  // namespace dlb::backend::cpu
