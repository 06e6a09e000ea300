#include "dlb/backend/cpu/scan.h"

#include <cmath>
#include <limits>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/ops/functors.h"
#include "dlb/ops/scan_defs.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

/// Where sums are kept: float64 for floating types, so that rounding errors do not grow along the line.
template <class T>
using acc_t = std::conditional_t<std::is_integral_v<T>, int64_t, double>;

template <class A>
struct RunningSum {
  using State = A;
  static State start() { return 0; }
  static DLB_INLINE State step(State s, A x, int64_t) { return functor::wrap_add(s, x); }
  static State join(State a, State b) { return functor::wrap_add(a, b); }
};

template <class A>
struct RunningProduct {
  using State = A;
  static State start() { return 1; }
  static DLB_INLINE State step(State s, A x, int64_t) { return functor::wrap_mul(s, x); }
  static State join(State a, State b) { return functor::wrap_mul(a, b); }
};

/// log(sum) = largest + log(scaled)
struct RunningLogSum {
  struct State {
    double largest;
    double scaled;
  };
  static State start() { return {-std::numeric_limits<double>::infinity(), 0}; }
  static State step(State s, double x, int64_t) { return join(s, {x, 1}); }
  static State join(State a, State b) {
    // Without elements, or equal and perhaps infinite: nothing to scale.
    if (b.scaled == 0) return a;
    if (a.scaled == 0) return b;
    if (a.largest == b.largest) return {a.largest, a.scaled + b.scaled};
    if (b.largest < a.largest) return {a.largest, a.scaled + b.scaled * std::exp(b.largest - a.largest)};
    return {b.largest, b.scaled + a.scaled * std::exp(a.largest - b.largest)};
  }
};

template <bool kLargest, class C>
struct RunningExtreme {
  struct State {
    C value;
    int64_t index;  ///< -1: none yet
  };
  static State start() { return {C(), -1}; }
  static DLB_INLINE State step(State s, C x, int64_t position) { return join(s, {x, position}); }
  static DLB_INLINE State join(State a, State b) {
    if (b.index < 0) return a;
    const bool nan = b.value != b.value;
    const bool free = a.value == a.value;
    return a.index < 0 || nan || (free && (kLargest ? b.value >= a.value : b.value <= a.value)) ? b : a;
  }
};

/// The affine map y -> factor * y + value.
struct Recurrence {
  struct State {
    double factor;
    double value;
  };
  static State start() { return {1, 0}; }
  static DLB_INLINE State step(State s, State x, int64_t) { return join(s, x); }
  static DLB_INLINE State join(State a, State b) {
    return {a.factor * b.factor, b.factor * a.value + b.value};
  }
};

template <template <class> class S>
void numeric_kernel(const KernelArgs& k, const ScanAttrs& a) {
  const Tensor x = row_major(k.in(0));
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = acc_t<T>;
    using Out = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
    const T* const from = x.data<T>();
    Out* const to = k.out(0).data<Out>();
    run_scan<S<A>>(
        Lines(x.shape(), a.dim), a.reverse, [=](int64_t i) { return convert_element<A>(from[i]); },
        [=](int64_t i, A s) { to[i] = convert_element<Out>(s); });
  });
}

void logcumsumexp_kernel(const KernelArgs& k, const ScanAttrs& a) {
  const Tensor x = row_major(k.in(0));
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = x.data<T>();
    T* const to = k.out(0).data<T>();
    run_scan<RunningLogSum>(
        Lines(x.shape(), a.dim), a.reverse, [=](int64_t i) { return convert_element<double>(from[i]); },
        [=](int64_t i, const RunningLogSum::State& s) {
          to[i] = convert_element<T>(s.largest + std::log(s.scaled));
        });
  });
}

template <bool kLargest>
void extreme_kernel(const KernelArgs& k, const ScanAttrs& a) {
  const Tensor x = row_major(k.in(0));
  int64_t* const index = k.out(1).data<int64_t>();
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    using S = RunningExtreme<kLargest, C>;
    const T* const from = x.data<T>();
    T* const to = k.out(0).data<T>();
    run_scan<S>(
        Lines(x.shape(), a.dim), a.reverse, [=](int64_t i) { return convert_element<C>(from[i]); },
        [=](int64_t i, const typename S::State& s) {
          to[i] = convert_element<T>(s.value);
          index[i] = s.index;
        });
  });
}

void recurrence_kernel(const KernelArgs& k, const ScanAttrs& a) {
  const Tensor factor = row_major(k.in(0));
  const Tensor term = row_major(k.in(1));
  dispatch_floating(factor.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using S = Recurrence;
    const T* const f = factor.data<T>();
    const T* const t = term.data<T>();
    T* const to = k.out(0).data<T>();
    run_scan<S>(
        Lines(factor.shape(), a.dim), a.reverse,
        [=](int64_t i) {
          return S::State{convert_element<double>(f[i]), convert_element<double>(t[i])};
        },
        [=](int64_t i, const S::State& s) { to[i] = convert_element<T>(s.value); });
  });
}

}  // namespace

void install_scan() {
  set_kernel(op::cumsum(), DeviceKind::kCpu, &numeric_kernel<RunningSum>);
  set_kernel(op::cumprod(), DeviceKind::kCpu, &numeric_kernel<RunningProduct>);
  set_kernel(op::logcumsumexp(), DeviceKind::kCpu, &logcumsumexp_kernel);
  set_kernel(op::cummax(), DeviceKind::kCpu, &extreme_kernel<true>);
  set_kernel(op::cummin(), DeviceKind::kCpu, &extreme_kernel<false>);
  set_kernel(op::linear_recurrence(), DeviceKind::kCpu, &recurrence_kernel);
}

}  // namespace dlb::backend::cpu
