#include "dlb/optim/lamb.h"

#include <cmath>

#include "dlb/optim/block_sums.h"
#include "dlb/optim/state.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

template <class T>
struct Direction {
  T correction1, correction2, eps, decay;
  [[gnu::always_inline]] T operator()(T w, T m, T v) const {
    return m * correction1 / (std::sqrt(v) * correction2 + eps) + decay * w;
  }
};

/// Moves m and v on and sums the squares of w and of the direction.
template <class T>
struct MeansStep {
  const T* w;
  const T* g;
  T* m;
  T* v;
  int64_t n;
  T scale, take1, keep2, take2;
  Direction<T> direction;
  Sums<2>* result;

  [[gnu::always_inline]] void operator()() const {
    const MeansStep s = *this;
    const T* __restrict value = w;
    const T* __restrict gradient = g;
    T* __restrict mean = m;
    T* __restrict square = v;
    double of_w[kSumLanes] = {}, of_r[kSumLanes] = {};
    int64_t i = 0;
    for (; i + kSumLanes <= s.n; i += kSumLanes) {
      for (int64_t j = 0; j < kSumLanes; ++j)
        one(s, value[i + j], gradient[i + j], mean[i + j], square[i + j], of_w[j], of_r[j]);
    }
    for (int64_t j = 0; i + j < s.n; ++j)
      one(s, value[i + j], gradient[i + j], mean[i + j], square[i + j], of_w[j], of_r[j]);
    Sums<2> sums{};
    for (int j = 0; j < kSumLanes; ++j) {
      sums[0] += of_w[j];
      sums[1] += of_r[j];
    }
    *result = sums;
  }

  [[gnu::always_inline]] static void one(const MeansStep& s, T x, T gradient, T& mean, T& square,
                                         double& of_w, double& of_r) {
    const T d = gradient * s.scale;
    const T a = mean + s.take1 * (d - mean);
    const T q = square * s.keep2 + s.take2 * d * d;
    mean = a;
    square = q;
    const T r = s.direction(x, a, q);
    of_w += static_cast<double>(x) * static_cast<double>(x);
    of_r += static_cast<double>(r) * static_cast<double>(r);
  }
};

template <class T>
struct ValueStep {
  T* w;
  const T* m;
  const T* v;
  int64_t n;
  T rate;
  Direction<T> direction;

  [[gnu::always_inline]] void operator()() const {
    const ValueStep s = *this;
    T* __restrict value = w;
    const T* __restrict mean = m;
    const T* __restrict square = v;
    for (int64_t i = 0; i < s.n; ++i) value[i] -= s.rate * s.direction(value[i], mean[i], square[i]);
  }
};

}  // namespace

Fields Lamb::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Lamb::beta1>("beta1", "decay of the mean of gradients", fraction()),
      field<&Lamb::beta2>("beta2", "decay of the mean of squared gradients", fraction()),
      betas_field<&Lamb::betas>(),
      field<&Lamb::eps>("eps", "added to the root of the mean square", non_negative()),
      field<&Lamb::weight_decay>("weight_decay", "factor of the parameter added to its direction",
                                 non_negative()),
      field<&Lamb::bias_correction>("bias_correction", "correct the means for their start at 0"),
  });
  return list;
}

void Lamb::make_state() {
  take_betas(betas, beta1, beta2);
  mean_ = zero_state(params_);
  square_ = zero_state(params_);
}

void Lamb::update(double lr_now, double scale) {
  const auto t = static_cast<double>(steps_);
  const double correction1 = bias_correction ? 1 / (1 - std::pow(beta1, t)) : 1;
  const double correction2 = bias_correction ? 1 / std::sqrt(1 - std::pow(beta2, t)) : 1;
  const auto direction = [&](auto type, const Update& u) {
    using T = decltype(type);
    return Direction<T>{static_cast<T>(correction1), static_cast<T>(correction2), static_cast<T>(eps),
                        static_cast<T>(u.weight_decay)};
  };
  const std::vector<Update> list = updates(params_, lr_now, weight_decay, SparseRule::kRefused, "lamb");
  // The directions are computed twice: keeping them would take the memory of all parameters.
  const std::vector<Sums<2>> squares =
      block_sums<2>(list, [&](auto type, const Update& u, int64_t at, int64_t n) {
        using T = decltype(type);
        Sums<2> sums;
        run_wide(MeansStep<T>{u.value.data<T>() + at, u.gradient.data<T>() + at,
                              mean_[u.index].data<T>() + at, square_[u.index].data<T>() + at, n,
                              static_cast<T>(scale), static_cast<T>(1 - beta1), static_cast<T>(beta2),
                              static_cast<T>(1 - beta2), direction(type, u), &sums});
        return sums;
      });
  std::vector<double> trust(params_.size(), 1);
  for (size_t i = 0; i < list.size(); ++i) {
    if (squares[i][0] > 0 && squares[i][1] > 0)
      trust[list[i].index] = std::sqrt(squares[i][0]) / std::sqrt(squares[i][1]);
  }
  run_updates(list, [&](auto type, const Update& u, int64_t at, int64_t /*from*/, int64_t n) {
    using T = decltype(type);
    run_wide(ValueStep<T>{u.value.data<T>() + at, mean_[u.index].data<T>() + at,
                          square_[u.index].data<T>() + at, n, static_cast<T>(u.lr * trust[u.index]),
                          direction(type, u)});
  });
}

std::vector<State> Lamb::state() const {
  std::vector<State> out;
  add_state(out, "exp_avg", params_, mean_);
  add_state(out, "exp_avg_sq", params_, square_);
  return out;
}

}  // namespace dlb::optim
