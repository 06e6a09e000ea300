#pragma once
/// \file What kernels that read or write by index share.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/base/threads.h"
#include "dlb/ops/functors.h"

namespace dlb::backend::cpu {

/// The index as row-major int64, every element in [0, limit); from -limit with `wrap`, as seen from the end.
/// Errors: data, naming the first bad one.
inline std::vector<int64_t> checked_index(const Tensor& index, int64_t limit, std::string_view op,
                                          std::string_view what, bool wrap = false) {
  std::vector<int64_t> values(static_cast<size_t>(index.numel()));
  if (values.empty()) return values;
  copy_strided(values.data(), DType::kInt64, contiguous_strides(index.shape()), index.raw(), index.dtype(),
               index.strides(), index.shape());
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= limit || values[i] < (wrap ? -limit : 0)) {
      fail(ErrorKind::kData, "{}: index {} at position {} is out of range for {} {}", op, values[i], i, limit,
           what);
    }
    if (values[i] < 0) values[i] += limit;
  }
  return values;
}

/// The same where it stands when it is row-major int64 already, else as a copy; without `wrap`.
class IndexValues {
 public:
  IndexValues(const Tensor& index, int64_t limit, std::string_view op, std::string_view what)
      : size_(index.numel()) {
    if (index.dtype() != DType::kInt64 || !index.is_contiguous() ||
        out_of_range(index.data<int64_t>(), limit)) {
      copy_ = checked_index(index, limit, op, what);
      data_ = copy_.data();
    } else {
      data_ = index.data<int64_t>();
    }
  }
  IndexValues(const IndexValues&) = delete;
  int64_t size() const { return size_; }
  const int64_t* data() const { return data_; }
  int64_t operator[](int64_t i) const { return data_[i]; }

 private:
  bool out_of_range(const int64_t* x, int64_t limit) const {
    std::atomic<bool> found{false};
    parallel_for(size_, 65536, [&](int64_t begin, int64_t end) {
      int64_t bad = 0;
      simd([&] {
        int64_t any = 0;
        for (int64_t i = begin; i < end; ++i) {
          any |= static_cast<int64_t>(static_cast<uint64_t>(x[i]) >= static_cast<uint64_t>(limit));
        }
        bad = any;
      });
      if (bad != 0) found = true;
    });
    return found;
  }

  int64_t size_;
  const int64_t* data_ = nullptr;
  std::vector<int64_t> copy_;
};

/// 0-d tensors count as vectors of one element.
inline Shape at_least_1d(const Shape& shape) { return shape.empty() ? Shape{1} : shape; }

/// Rows along a dimension of a row-major tensor: [outer, size, inner].
struct Rows {
  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;
  Rows(const Shape& shape, int64_t dim) {
    const auto d = static_cast<size_t>(normalize_dim(dim, static_cast<int>(shape.size())));
    if (shape.empty()) return;
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
    return convert_element<T>(to_float(a) + to_float(b));
  } else if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else {
    return functor::wrap_add(a, b);
  }
}

/// Offset in a row-major tensor `x` of the place that element i of the index (row-major, shape `index`)
/// refers to, but for the indexed dimension itself.
class Places {
 public:
  Places(const Shape& x, const Shape& index, int64_t dim)
      : index_(at_least_1d(index)), strides_(contiguous_strides(at_least_1d(x))) {
    const auto d = static_cast<size_t>(normalize_dim(dim, static_cast<int>(x.size())));
    step_ = strides_[d];
    strides_[d] = 0;
  }
  int64_t step() const { return step_; }
  /// Calls f(first, n, place of the first, distance between places) for elements [begin, end) of the index,
  /// in runs along its last dimension.
  template <class F>
  void each_run(int64_t begin, int64_t end, const F& f) const {
    const int64_t length = index_.back();
    while (begin < end) {
      const int64_t n = std::min(length - begin % length, end - begin);
      f(begin, n, (*this)(begin), strides_.back());
      begin += n;
    }
  }
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
  int64_t step_;
};

}  // namespace dlb::backend::cpu
