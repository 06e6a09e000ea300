#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/convert.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/base/threads.h"
#include "dlb/ops/functors.h"
#include "dlb/ops/index_defs.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kGrain = 32768;

/// The index as row-major int64, every element in [0, limit).
std::vector<int64_t> checked_index(const Tensor& index, int64_t limit, std::string_view op,
                                   std::string_view what) {
  std::vector<int64_t> values(static_cast<size_t>(index.numel()));
  if (values.empty()) return values;
  copy_strided(values.data(), DType::kInt64, contiguous_strides(index.shape()), index.raw(), index.dtype(),
               index.strides(), index.shape());
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 || values[i] >= limit) {
      fail(ErrorKind::kData, "{}: index {} at position {} is out of range for {} {}", op, values[i], i, limit,
           what);
    }
  }
  return values;
}

/// Rows along a dimension of a row-major tensor: [outer, size, inner].
struct Rows {
  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;
  Rows(const Shape& shape, int64_t dim) {
    const auto d = static_cast<size_t>(normalize_dim(dim, static_cast<int>(shape.size())));
    size = shape[d];
    for (size_t i = 0; i < d; ++i) outer *= shape[i];
    for (size_t i = d + 1; i < shape.size(); ++i) inner *= shape[i];
  }
};

/// Calls f(T{}) with an unsigned type of the dtype's size, for kernels that only move elements.
template <class F>
void dispatch_size(DType dtype, const F& f) {
  switch (dtype_size(dtype)) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>) {
    return T(static_cast<float>(a) + static_cast<float>(b));
  } else if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else {
    return functor::wrap_add(a, b);
  }
}

void index_select_kernel(const KernelArgs& k, const IndexAttrs& a) {
  const Tensor x = row_major(k.in(0));
  const Rows rows(x.shape(), a.dim);
  const std::vector<int64_t> index = checked_index(k.in(1), rows.size, "index_select", "rows");
  const auto count = static_cast<int64_t>(index.size());
  const auto bytes = static_cast<int64_t>(dtype_size(x.dtype())) * rows.inner;
  if (bytes == 0 || count == 0) return;
  const char* const from = static_cast<const char*>(x.raw());
  char* const to = static_cast<char*>(k.out(0).raw());
  parallel_for(rows.outer * count, std::max<int64_t>(kGrain * 4 / bytes, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / count * rows.size + index[static_cast<size_t>(i % count)];
      std::copy_n(from + row * bytes, bytes, to + i * bytes);
    }
  });
}

void index_add_kernel(const KernelArgs& k, const IndexAttrs& a) {
  const Tensor src = row_major(k.in(2));
  const Tensor& out = k.out(0);
  const Rows rows(out.shape(), a.dim);
  const std::vector<int64_t> index = checked_index(k.in(1), rows.size, "index_add", "rows");
  copy_tensor(out, k.in(0));
  const auto count = static_cast<int64_t>(index.size());
  if (out.numel() == 0 || count == 0) return;
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = src.data<T>();
    T* const to = out.data<T>();
    // Each thread owns columns and goes through the index in order: repeated rows add up in one fixed order.
    const int64_t columns = rows.outer * rows.inner;
    parallel_for(columns, std::max<int64_t>(kGrain / count, 16), [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end;) {
        const int64_t o = at / rows.inner;
        const int64_t first = at % rows.inner;
        const int64_t n = std::min(rows.inner - first, end - at);
        for (int64_t i = 0; i < count; ++i) {
          const T* const s = from + (o * count + i) * rows.inner + first;
          T* const d = to + (o * rows.size + index[static_cast<size_t>(i)]) * rows.inner + first;
          for (int64_t c = 0; c < n; ++c) d[c] = sum_of(d[c], s[c]);
        }
        at += n;
      }
    });
  });
}

/// Offset in a row-major tensor `x` of the place that element i of the index (row-major, shape `index`)
/// refers to, but for the indexed dimension itself.
class Places {
 public:
  Places(const Shape& x, const Shape& index, size_t dim)
      : index_(index), strides_(contiguous_strides(x)), dim_(dim) {
    strides_[dim] = 0;
    step_ = contiguous_strides(x)[dim];
  }
  int64_t step() const { return step_; }
  int64_t operator()(int64_t i) const {
    int64_t at = 0;
    for (size_t d = index_.size(); d-- > 0;) {
      at += i % index_[d] * strides_[d];
      i /= index_[d];
    }
    return at;
  }

 private:
  Shape index_;
  Strides strides_;
  size_t dim_;
  int64_t step_;
};

void gather_kernel(const KernelArgs& k, const IndexAttrs& a) {
  const Tensor x = row_major(k.in(0));
  const Rows rows(x.shape(), a.dim);
  const std::vector<int64_t> index = checked_index(k.in(1), rows.size, "gather", "elements");
  const Places places(x.shape(), k.in(1).shape(), static_cast<size_t>(normalize_dim(a.dim, x.rank())));
  dispatch_size(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = static_cast<const T*>(x.raw());
    T* const to = static_cast<T*>(k.out(0).raw());
    parallel_for(static_cast<int64_t>(index.size()), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        to[i] = from[places(i) + index[static_cast<size_t>(i)] * places.step()];
    });
  });
}

void scatter_add_kernel(const KernelArgs& k, const IndexAttrs& a) {
  const Tensor src = row_major(k.in(2));
  const Tensor& out = k.out(0);
  const Rows rows(out.shape(), a.dim);
  const std::vector<int64_t> index = checked_index(k.in(1), rows.size, "scatter_add", "elements");
  const Places places(out.shape(), k.in(1).shape(), static_cast<size_t>(normalize_dim(a.dim, out.rank())));
  copy_tensor(out, k.in(0));
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = src.data<T>();
    T* const to = out.data<T>();
    // One after the other: repeated indices add up in the order of the index.
    for (size_t i = 0; i < index.size(); ++i) {
      T& d = to[places(static_cast<int64_t>(i)) + index[i] * places.step()];
      d = sum_of(d, from[i]);
    }
  });
}

void one_hot_kernel(const KernelArgs& k, const OneHotAttrs& a) {
  const std::vector<int64_t> index = checked_index(k.in(0), a.num_classes, "one_hot", "classes");
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = k.out(0).data<T>();
    std::fill(y, y + k.out(0).numel(), T(0));
    for (size_t i = 0; i < index.size(); ++i) y[static_cast<int64_t>(i) * a.num_classes + index[i]] = T(1);
  });
}

}  // namespace

void install_index() {
  set_kernel(op::gather(), DeviceKind::kCpu, &gather_kernel);
  set_kernel(op::scatter_add(), DeviceKind::kCpu, &scatter_add_kernel);
  set_kernel(op::index_select(), DeviceKind::kCpu, &index_select_kernel);
  set_kernel(op::index_add(), DeviceKind::kCpu, &index_add_kernel);
  set_kernel(op::one_hot(), DeviceKind::kCpu, &one_hot_kernel);
}

}  // namespace dlb::backend::cpu
