#include <cmath>

#include "dlb/optim/fused.h"
#include "dlb/optim/optimizers.h"
#include "dlb/optim/state.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

template <class T, bool kAmsgrad>
struct AdamStep {
  T* w;
  const T* g;
  T* m;
  T* v;
  T* largest;
  int64_t n;
  T scale, shrink, decay, take1, keep2, take2, step_size, correction, eps;

  [[gnu::always_inline]] void operator()() const {
    const AdamStep s = *this;
    T* __restrict value = w;
    const T* __restrict gradient = g;
    T* __restrict mean = m;
    T* __restrict square = v;
    T* __restrict top = largest;
    for (int64_t i = 0; i < s.n; ++i) {
      const T x = value[i] * s.shrink;
      const T d = gradient[i] * s.scale + s.decay * x;
      const T a = mean[i] + s.take1 * (d - mean[i]);
      T q = square[i] * s.keep2 + s.take2 * d * d;
      mean[i] = a;
      square[i] = q;
      if constexpr (kAmsgrad) {
        q = top[i] > q ? top[i] : q;
        top[i] = q;
      }
      value[i] = x - s.step_size * a / (std::sqrt(q) * s.correction + s.eps);
    }
  }
};

}  // namespace

Fields Adam::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Adam::beta1>("beta1", "decay of the mean of gradients", fraction()),
      field<&Adam::beta2>("beta2", "decay of the mean of squared gradients", fraction()),
      betas_field<&Adam::betas>(),
      field<&Adam::eps>("eps", "added to the root of the mean square", non_negative()),
      field<&Adam::weight_decay>("weight_decay", "pull of each parameter towards 0", non_negative()),
      field<&Adam::amsgrad>("amsgrad", "divide by the largest mean square so far"),
  });
  return list;
}

void Adam::make_state() {
  take_betas(betas, beta1, beta2);
  mean_ = zero_state(params_);
  square_ = zero_state(params_);
  largest_ = amsgrad ? zero_state(params_) : std::vector<Tensor>();
}

template <bool kAmsgrad>
void Adam::run(double lr_now, double scale) {
  const auto t = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(beta1, t);
  const double correction2 = 1 / std::sqrt(1 - std::pow(beta2, t));
  run_updates(updates(params_, lr_now, weight_decay, SparseRule::kRowsOnly),
              [&](auto type, const Update& u, int64_t at, int64_t from, int64_t n) {
                using T = decltype(type);
                // With row-sparse gradients eps stands beside the root before the correction, as in
                // SparseAdam.
                const double added = u.sparse() ? eps * correction2 : eps;
                run_wide(AdamStep<T, kAmsgrad>{
                    u.value.data<T>() + at,
                    u.gradient.data<T>() + from,
                    mean_[u.index].data<T>() + at,
                    square_[u.index].data<T>() + at,
                    kAmsgrad ? largest_[u.index].data<T>() + at : nullptr,
                    n,
                    static_cast<T>(scale),
                    static_cast<T>(decoupled() ? 1 - u.lr * u.weight_decay : 1.0),
                    static_cast<T>(decoupled() ? 0.0 : u.weight_decay),
                    static_cast<T>(1 - beta1),
                    static_cast<T>(beta2),
                    static_cast<T>(1 - beta2),
                    static_cast<T>(u.lr / correction1),
                    static_cast<T>(correction2),
                    static_cast<T>(added),
                });
              });
}

void Adam::update(double lr_now, double scale) {
  if (amsgrad) {
    run<true>(lr_now, scale);
  } else {
    run<false>(lr_now, scale);
  }
}

std::vector<State> Adam::state() const {
  std::vector<State> out;
  add_state(out, "exp_avg", params_, mean_);
  add_state(out, "exp_avg_sq", params_, square_);
  add_state(out, "max_exp_avg_sq", params_, largest_);
  return out;
}

}  // namespace dlb::optim
