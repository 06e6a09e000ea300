#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/random_element.h"
#include "dlb/base/threads.h"
#include "dlb/ops/random_defs.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {
namespace {

/// Calls f(element, stream) for all elements, blocks of them split over threads.
template <class F>
void each_element(int64_t n, const RngKey& key, const F& f) {
  constexpr int64_t kElements = 512;
  parallel_for((n + kElements - 1) / kElements, 4, [&](int64_t begin, int64_t end) {
    uint32_t words[kElements * kPhiloxWords];
    for (int64_t first = begin * kElements; first < std::min(n, end * kElements); first += kElements) {
      const int64_t count = std::min(kElements, n - first);
      philox_fill(key, static_cast<uint64_t>(first), words, count * kPhiloxWords);
      for (int64_t i = 0; i < count; ++i) {
        ElementStream stream(key, static_cast<uint64_t>(first + i), words + i * kPhiloxWords);
        f(first + i, stream);
      }
    }
  });
}

/// out[i] = f(i, stream), computed in float64.
template <class F>
void fill(const Tensor& out, const RngKey& key, const F& f) {
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = out.data<T>();
    each_element(out.numel(), key, [&](int64_t i, ElementStream& s) { y[i] = convert_element<T>(f(i, s)); });
  });
}

void exponential_kernel(const KernelArgs& k, const RandomAttrs& a) {
  fill(k.out(0), a.key, [&](int64_t, ElementStream& s) { return s.exponential() / a.a; });
}
void geometric_kernel(const KernelArgs& k, const RandomAttrs& a) {
  fill(k.out(0), a.key, [&](int64_t, ElementStream& s) { return sample_geometric(s, a.a); });
}
void log_normal_kernel(const KernelArgs& k, const RandomAttrs& a) {
  fill(k.out(0), a.key, [&](int64_t, ElementStream& s) { return std::exp(a.a + a.b * s.normal()); });
}
void cauchy_kernel(const KernelArgs& k, const RandomAttrs& a) {
  fill(k.out(0), a.key, [&](int64_t, ElementStream& s) {
    return a.a + a.b * std::tan(std::numbers::pi * (s.uniform() - 0.5));
  });
}
void truncated_normal_kernel(const KernelArgs& k, const RandomAttrs& a) {
  const double low = (a.low - a.a) / a.b;
  const double high = (a.high - a.a) / a.b;
  // That far out, all that the density has left is at the nearer limit.
  constexpr double kFar = 1e100;
  if (low > kFar || high < -kFar) {
    const double limit = low > kFar ? a.low : a.high;
    fill(k.out(0), a.key, [&](int64_t, ElementStream&) { return limit; });
    return;
  }
  fill(k.out(0), a.key, [&](int64_t, ElementStream& s) {
    return std::clamp(a.a + a.b * sample_truncated_normal(s, low, high), a.low, a.high);
  });
}

void randint_kernel(const KernelArgs& k, const RandomIntAttrs& a) {
  const uint64_t range = static_cast<uint64_t>(a.high) - static_cast<uint64_t>(a.low);
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = k.out(0).data<T>();
    each_element(k.out(0).numel(), a.key, [&](int64_t i, ElementStream& s) {
      y[i] = convert_element<T>(static_cast<int64_t>(static_cast<uint64_t>(a.low) + s.below(range)));
    });
  });
}

void randperm_kernel(const KernelArgs& k, const RandomIntAttrs& a) {
  const std::vector<int64_t> order = RandomStream(a.key).permutation(k.out(0).numel());
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    std::transform(order.begin(), order.end(), k.out(0).data<T>(),
                   [](int64_t i) { return convert_element<T>(i); });
  });
}

/// Samples with one or two parameters for each element.
template <class F>
void sample(const KernelArgs& k, const SampleAttrs& a, const F& f) {
  std::vector<Tensor> parameters;
  for (const Tensor& t : k.inputs) parameters.push_back(row_major(as_dtype(t, DType::kFloat64)));
  const double* const first = parameters[0].data<double>();
  const double* const second = parameters.size() > 1 ? parameters[1].data<double>() : first;
  fill(k.out(0), a.key, [&](int64_t i, ElementStream& s) { return f(s, first[i], second[i]); });
}
void poisson_kernel(const KernelArgs& k, const SampleAttrs& a) {
  sample(k, a, [](ElementStream& s, double rate, double) { return sample_poisson(s, rate); });
}
void gamma_kernel(const KernelArgs& k, const SampleAttrs& a) {
  // The smallest shapes give numbers below what there is; a density over positive numbers has no 0.
  const DType dtype = k.out(0).dtype();
  const double smallest = dtype == DType::kFloat64   ? std::numeric_limits<double>::min()
                          : dtype == DType::kFloat16 ? 0x1p-14
                                                     : double{std::numeric_limits<float>::min()};
  sample(k, a,
         [=](ElementStream& s, double alpha, double) { return std::max(sample_gamma(s, alpha), smallest); });
}
void binomial_kernel(const KernelArgs& k, const SampleAttrs& a) {
  sample(k, a, [](ElementStream& s, double n, double p) { return sample_binomial(s, std::floor(n), p); });
}

/// Weights of a row, summed up; the number of those above 0.
struct Row {
  std::vector<double> sums;
  int64_t positive = 0;

  Row(const double* weights, int64_t classes, int64_t row) {
    double total = 0;
    for (int64_t c = 0; c < classes; ++c) {
      if (!(weights[c] >= 0) || std::isinf(weights[c])) {
        fail(ErrorKind::kData, "multinomial: weight {} of row {} is {}, expected a number from 0 upwards", c,
             row, weights[c]);
      }
      if (weights[c] > 0) ++positive;
      sums.push_back(total += weights[c]);
    }
    if (!std::isinf(total)) return;
    total = 0;
    for (int64_t c = 0; c < classes; ++c) sums[static_cast<size_t>(c)] = total += weights[c] * 0x1p-64;
  }
  /// The class in whose part of the total x lies.
  int64_t find(double x) const {
    const auto it = std::upper_bound(sums.begin(), sums.end(), x);
    int64_t c = static_cast<int64_t>(it - sums.begin());
    // Rounding may reach the total itself.
    while (c == static_cast<int64_t>(sums.size()) ||
           (c > 0 && sums[static_cast<size_t>(c)] == sums[static_cast<size_t>(c - 1)]))
      --c;
    return c;
  }
};

void multinomial_kernel(const KernelArgs& k, const MultinomialAttrs& a) {
  const Tensor weights = row_major(as_dtype(k.in(0), DType::kFloat64));
  const int64_t classes = weights.dim(1);
  int64_t* const out = k.out(0).data<int64_t>();
  parallel_for(weights.dim(0), 1 + 4096 / std::max<int64_t>(classes, 1), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const double* const w = weights.data<double>() + n * classes;
      const Row row(w, classes, n);
      const int64_t wanted = a.samples == 0 ? 0 : a.replacement ? 1 : a.samples;
      if (row.positive < wanted) {
        fail(ErrorKind::kData, "multinomial: row {} has {} weights above 0, expected at least {}", n,
             row.positive, wanted);
      }
      const auto stream = [&](int64_t i, int64_t count) {
        const uint64_t element = static_cast<uint64_t>(n * count + i);
        const std::array<uint32_t, 4> words = philox(a.key, element);
        return ElementStream(a.key, element, words.data());
      };
      if (a.replacement) {
        for (int64_t i = 0; i < a.samples; ++i) {
          out[n * a.samples + i] = row.find(stream(i, a.samples).uniform() * row.sums.back());
        }
        continue;
      }
      // Exponential variables of those rates are in the order in which classes are drawn.
      std::vector<std::pair<double, int64_t>> times;
      for (int64_t c = 0; c < classes; ++c) {
        if (w[c] > 0) times.emplace_back(stream(c, classes).exponential() / w[c], c);
      }
      std::partial_sort(times.begin(), times.begin() + a.samples, times.end());
      for (int64_t i = 0; i < a.samples; ++i) {
        out[n * a.samples + i] = times[static_cast<size_t>(i)].second;
      }
    }
  });
}

}  // namespace

void install_random() {
  set_kernel(op::randint(), DeviceKind::kCpu, randint_kernel);
  set_kernel(op::randperm(), DeviceKind::kCpu, randperm_kernel);
  set_kernel(op::exponential(), DeviceKind::kCpu, exponential_kernel);
  set_kernel(op::geometric(), DeviceKind::kCpu, geometric_kernel);
  set_kernel(op::log_normal(), DeviceKind::kCpu, log_normal_kernel);
  set_kernel(op::cauchy(), DeviceKind::kCpu, cauchy_kernel);
  set_kernel(op::truncated_normal(), DeviceKind::kCpu, truncated_normal_kernel);
  set_kernel(op::poisson(), DeviceKind::kCpu, poisson_kernel);
  set_kernel(op::standard_gamma(), DeviceKind::kCpu, gamma_kernel);
  set_kernel(op::binomial(), DeviceKind::kCpu, binomial_kernel);
  set_kernel(op::multinomial(), DeviceKind::kCpu, multinomial_kernel);
}

}  // namespace dlb::backend::cpu
