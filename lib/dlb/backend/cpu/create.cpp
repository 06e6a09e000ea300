#include <algorithm>
#include <cmath>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/philox_block.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/create_defs.h"
#include "dlb/ops/float_math.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kGrain = 65536;

void full_kernel(const KernelArgs& k, const FullAttrs& a) {
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = k.out(0).data<T>();
    T value;
    if (a.fill_value == std::floor(a.fill_value) && std::abs(a.fill_value) < 0x1p63) {
      value = convert_element<T>(static_cast<int64_t>(a.fill_value));
      if constexpr (!std::is_integral_v<T>) value = convert_element<T>(a.fill_value);  // keeps -0
    } else {
      value = convert_element<T>(a.fill_value);
    }
    parallel_for(k.out(0).numel(), kGrain,
                 [=](int64_t begin, int64_t end) { std::fill(y + begin, y + end, value); });
  });
}

void arange_kernel(const KernelArgs& k, const ArangeAttrs& a) {
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = k.out(0).data<T>();
    const double start = a.start;
    const double step = a.step;
    parallel_for(k.out(0).numel(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = convert_element<T>(start + static_cast<double>(i) * step);
    });
  });
}

void eye_kernel(const KernelArgs& k, const EyeAttrs&) {
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = k.out(0).data<T>();
    const int64_t m = k.out(0).dim(1);
    std::fill(y, y + k.out(0).numel(), convert_element<T>(0.0F));
    for (int64_t i = 0; i < std::min(k.out(0).dim(0), m); ++i) y[i * m + i] = convert_element<T>(1.0F);
  });
}

void linspace_kernel(const KernelArgs& k, const LinspaceAttrs& a) {
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    // From both ends to the middle, in the type of the result as far as it has fractions.
    using C = std::conditional_t<std::is_integral_v<T>, double, compute_t<T>>;
    T* const y = k.out(0).data<T>();
    const int64_t n = k.out(0).numel();
    const C start = static_cast<C>(convert_element<T>(a.start));
    const C end = static_cast<C>(convert_element<T>(a.end));
    const C step = n > 1 ? (end - start) / static_cast<C>(n - 1) : C(0);
    const C base = static_cast<C>(a.base);
    parallel_for(n, kGrain, [=](int64_t begin, int64_t stop) {
      for (int64_t i = begin; i < stop; ++i) {
        const C value =
            i < n / 2 || n == 1 ? start + step * static_cast<C>(i) : end - step * static_cast<C>(n - 1 - i);
        y[i] = convert_element<T>(base == 0 ? value : std::pow(base, value));
      }
    });
  });
}

/// Fills `out` with f(words of the element), `kWords` words for each. Blocks start at fixed elements,
/// whatever the threads.
template <int kWords, class T, class F>
void fill_random(const Tensor& out, const RngKey& key, const F& f) {
  constexpr int64_t kBlock = 4096;  // words
  constexpr int64_t kElements = kBlock / kWords;
  const int64_t n = out.numel();
  T* const y = out.data<T>();
  parallel_for((n + kElements - 1) / kElements, 4, [&](int64_t begin, int64_t end) {
    uint32_t words[kBlock];
    for (int64_t block = begin; block < end; ++block) {
      const int64_t count = std::min(kElements, n - block * kElements);
      philox_fill(key, static_cast<uint64_t>(block) * (kBlock / kPhiloxWords), words, count * kWords);
      T* const __restrict to = y + block * kElements;
      simd([=, &words] {
        for (int64_t i = 0; i < count; ++i) to[i] = f(words + i * kWords);
      });
    }
  });
}

/// The largest value of T below `high`, or `low` where there is none above it.
template <class T>
compute_t<T> last_below(double low, double high) {
  using C = compute_t<T>;
  C x = static_cast<C>(convert_element<T>(high));
  while (static_cast<double>(static_cast<C>(convert_element<T>(x))) >= high && static_cast<double>(x) > low) {
    if constexpr (sizeof(T) == 2) {  // towards `low` by a little more than half of what T resolves
      x -= std::max(std::abs(x) * 0x1p-11F, 0x1p-24F);
    } else {
      x = std::nextafter(x, static_cast<C>(low));
    }
  }
  return static_cast<C>(convert_element<T>(x));
}

void uniform_kernel(const KernelArgs& k, const UniformAttrs& a) {
  dispatch_floating(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const C low = static_cast<C>(a.low);
    const C range = static_cast<C>(a.high - a.low);
    const C last = last_below<T>(a.low, a.high);  // rounding up may reach `high`
    fill_random<1, T>(
        k.out(0), a.key, [=](const uint32_t* w) __attribute__((always_inline)) {
          const C x = low + range * static_cast<C>(unit_float(*w));
          return convert_element<T>(x > last ? last : x);
        });
  });
}

void normal_kernel(const KernelArgs& k, const NormalAttrs& a) {
  dispatch_floating(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const C mean = static_cast<C>(a.mean);
    const C deviation = static_cast<C>(a.std);
    fill_random<2, T>(
        k.out(0), a.key, [=](const uint32_t* w) __attribute__((always_inline)) {
          const float u = 1.0F - unit_float(w[0]);  // in (0, 1]: the logarithm is finite
          const float z = std::sqrt(-2.0F * float_math::log(u)) * float_math::cos_turns(unit_float(w[1]));
          return convert_element<T>(mean + deviation * static_cast<C>(z));
        });
  });
}

void bernoulli_kernel(const KernelArgs& k, const BernoulliAttrs& a) {
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    const double p = a.p;
    // As whole 24-bit numbers, so that p is not rounded to float: u < p means word / 2^24 < p.
    const auto limit = static_cast<uint32_t>(std::ceil(std::clamp(p, 0.0, 1.0) * 0x1p24));
    fill_random<1, T>(
        k.out(0), a.key, [=](const uint32_t* w) __attribute__((always_inline)) {
          return convert_element<T>((*w >> 8) < limit ? 1.0F : 0.0F);
        });
  });
}

}  // namespace

void install_create() {
  set_kernel(op::full(), DeviceKind::kCpu, &full_kernel);
  set_kernel(op::arange(), DeviceKind::kCpu, &arange_kernel);
  set_kernel(op::eye(), DeviceKind::kCpu, &eye_kernel);
  set_kernel(op::linspace(), DeviceKind::kCpu, &linspace_kernel);
  set_kernel(op::uniform(), DeviceKind::kCpu, &uniform_kernel);
  set_kernel(op::normal(), DeviceKind::kCpu, &normal_kernel);
  set_kernel(op::bernoulli(), DeviceKind::kCpu, &bernoulli_kernel);
}

}  // namespace dlb::backend::cpu
