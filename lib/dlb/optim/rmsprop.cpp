#include <cmath>

#include "dlb/optim/fused.h"
#include "dlb/optim/optimizers.h"
#include "dlb/optim/state.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

template <class T, bool kCentered, bool kMomentum>
struct RmsStep {
  T* w;
  const T* g;
  T* v;
  T* m;
  T* b;
  int64_t n;
  T scale, decay, keep, take, eps, momentum, lr;

  [[gnu::always_inline]] void operator()() const {
    const RmsStep s = *this;
    T* __restrict value = w;
    const T* __restrict gradient = g;
    T* __restrict square = v;
    T* __restrict mean = m;
    T* __restrict buffer = b;
    for (int64_t i = 0; i < s.n; ++i) {
      const T d = gradient[i] * s.scale + s.decay * value[i];
      T q = square[i] * s.keep + s.take * d * d;
      square[i] = q;
      if constexpr (kCentered) {
        const T a = mean[i] + s.take * (d - mean[i]);
        mean[i] = a;
        q -= a * a;
      }
      const T root = std::sqrt(q) + s.eps;
      if constexpr (kMomentum) {
        const T step = buffer[i] * s.momentum + d / root;
        buffer[i] = step;
        value[i] -= s.lr * step;
      } else {
        value[i] -= s.lr * d / root;
      }
    }
  }
};

}  // namespace

Fields RmsProp::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&RmsProp::alpha>("alpha", "decay of the mean of squared gradients", fraction()),
      field<&RmsProp::eps>("eps", "added to the root of the mean square", non_negative()),
      field<&RmsProp::momentum>("momentum", "share of the last step that is kept", non_negative()),
      field<&RmsProp::centered>("centered",
                                "subtract the squared mean of gradients: an estimate of their variance"),
      field<&RmsProp::weight_decay>("weight_decay", "factor of the parameter added to its gradient",
                                    non_negative()),
  });
  return list;
}

void RmsProp::make_state() {
  square_ = zero_state(params_);
  mean_ = centered ? zero_state(params_) : std::vector<Tensor>();
  buffers_ = momentum > 0 ? zero_state(params_) : std::vector<Tensor>();
}

template <bool kCentered, bool kMomentum>
void RmsProp::run(double lr_now, double scale) {
  run_updates(updates(params_, lr_now, weight_decay, SparseRule::kRefused, "rmsprop"),
              [&](auto type, const Update& u, int64_t at, int64_t from, int64_t n) {
                using T = decltype(type);
                run_wide(RmsStep<T, kCentered, kMomentum>{
                    u.value.data<T>() + at,
                    u.gradient.data<T>() + from,
                    square_[u.index].data<T>() + at,
                    kCentered ? mean_[u.index].data<T>() + at : nullptr,
                    kMomentum ? buffers_[u.index].data<T>() + at : nullptr,
                    n,
                    static_cast<T>(scale),
                    static_cast<T>(u.weight_decay),
                    static_cast<T>(alpha),
                    static_cast<T>(1 - alpha),
                    static_cast<T>(eps),
                    static_cast<T>(momentum),
                    static_cast<T>(u.lr),
                });
              });
}

void RmsProp::update(double lr_now, double scale) {
  if (centered) {
    momentum > 0 ? run<true, true>(lr_now, scale) : run<true, false>(lr_now, scale);
  } else {
    momentum > 0 ? run<false, true>(lr_now, scale) : run<false, false>(lr_now, scale);
  }
}

std::vector<State> RmsProp::state() const {
  std::vector<State> out;
  add_state(out, "square_avg", params_, square_);
  add_state(out, "grad_avg", params_, mean_);
  add_state(out, "momentum_buffer", params_, buffers_);
  return out;
}

}  // namespace dlb::optim
