#include "dlb/optim/flat_vector.h"

#include <cmath>

#include "dlb/ops/float_math.h"
#include "dlb/optim/block_sums.h"
#include "dlb/optim/wide.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb::optim {

namespace {

template <class T>
struct Dot {
  const T* a;
  const T* b;
  int64_t n;
  double* result;

  [[gnu::always_inline]] void operator()() const {
    double lanes[kSumLanes] = {};
    int64_t i = 0;
    for (; i + kSumLanes <= n; i += kSumLanes) {
      for (int j = 0; j < kSumLanes; ++j)
        lanes[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
    }
    for (int j = 0; i < n; ++i, ++j) lanes[j] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    *result = sum;
  }
};

template <class T, bool kAdds>
struct Axpy {
  T* y;
  const T* x;
  int64_t n;
  T factor;

  [[gnu::always_inline]] void operator()() const {
    T* out = y;
    const T* in = x;
    const T f = factor;
    DLB_IVDEP
    for (int64_t i = 0; i < n; ++i) out[i] = (kAdds ? out[i] : T(0)) + f * in[i];
  }
};

/// f(begin, count) for blocks of fixed size, results joined in their order.
template <class F, class Join>
double over_blocks(int64_t n, const F& f, const Join& join) {
  const int64_t blocks = (n + kSumBlock - 1) / kSumBlock;
  std::vector<double> parts(static_cast<size_t>(blocks));
  parallel_for(blocks, 2, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      parts[static_cast<size_t>(b)] = f(b * kSumBlock, std::min(kSumBlock, n - b * kSumBlock));
  });
  double total = 0;
  for (const double p : parts) total = join(total, p);
  return total;
}

/// Copies `tensor`, of either floating type, times `factor`.
template <class T>
void copy_scaled(T* y, const Tensor& tensor, double factor) {
  const auto from = [&](auto type) {
    const auto* const x = tensor.data<decltype(type)>();
    parallel_for(tensor.numel(), kFusedGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = static_cast<T>(static_cast<double>(x[i]) * factor);
    });
  };
  tensor.dtype() == DType::kFloat64 ? from(double{}) : from(float{});
}

}  // namespace

template <class T>
double FlatVector<T>::dot(const T* a, const T* b, int64_t n) {
  return over_blocks(
      n,
      [&](int64_t at, int64_t count) {
        double sum = 0;
        run_wide(Dot<T>{a + at, b + at, count, &sum});
        return sum;
      },
      [](double x, double y) { return x + y; });
}

template <class T>
double FlatVector<T>::abs_sum(const T* a, int64_t n) {
  return over_blocks(
      n,
      [&](int64_t at, int64_t count) {
        double sum = 0;
        for (int64_t i = at; i < at + count; ++i) sum += std::abs(static_cast<double>(a[i]));
        return sum;
      },
      [](double x, double y) { return x + y; });
}

template <class T>
double FlatVector<T>::abs_max(const T* a, int64_t n) {
  const auto larger = [](double x, double y) { return y > x || std::isnan(y) ? y : x; };
  return over_blocks(
      n,
      [&](int64_t at, int64_t count) {
        double most = 0;
        for (int64_t i = at; i < at + count; ++i) most = larger(most, std::abs(static_cast<double>(a[i])));
        return most;
      },
      larger);
}

template <class T>
void FlatVector<T>::add(T* y, double factor, const T* x, int64_t n) {
  parallel_for(n, kFusedGrain, [&](int64_t begin, int64_t end) {
    run_wide(Axpy<T, true>{y + begin, x + begin, end - begin, static_cast<T>(factor)});
  });
}

template <class T>
void FlatVector<T>::scaled(T* y, double factor, const T* x, int64_t n) {
  parallel_for(n, kFusedGrain, [&](int64_t begin, int64_t end) {
    run_wide(Axpy<T, false>{y + begin, x + begin, end - begin, static_cast<T>(factor)});
  });
}

template <class T>
void FlatVector<T>::gather_gradients(T* y, std::span<const Param> params, double scale) {
  for (const Param& p : params) {
    const Tensor g = p.value.grad();
    if (g.defined()) {
      copy_scaled(y, aligned_gradient(p.value, g.is_row_sparse() ? to_dense(g) : g), scale);
    } else {
      std::fill(y, y + p.value.numel(), T(0));
    }
    y += p.value.numel();
  }
}

template <class T>
void FlatVector<T>::gather_values(T* y, std::span<const Param> params) {
  for (const Param& p : params) {
    copy_scaled(y, p.value, 1);
    y += p.value.numel();
  }
}

template <class T>
void FlatVector<T>::set_values(std::span<const Param> params, const T* x) {
  for (const Param& p : params) {
    const auto to = [&](auto type) {
      using To = decltype(type);
      To* const value = p.value.data<To>();
      for (int64_t i = 0; i < p.value.numel(); ++i) value[i] = static_cast<To>(x[i]);
    };
    p.value.dtype() == DType::kFloat64 ? to(double{}) : to(float{});
    p.value.bump_version();
    x += p.value.numel();
  }
}

template struct FlatVector<float>;
template struct FlatVector<double>;

}  // namespace dlb::optim
