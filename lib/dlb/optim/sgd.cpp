#include "dlb/optim/fused.h"
#include "dlb/optim/optimizers.h"
#include "dlb/optim/state.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

template <class T>
struct PlainStep {
  T* w;
  const T* g;
  int64_t n;
  T scale, decay, lr;

  [[gnu::always_inline]] void operator()() const {
    const PlainStep s = *this;
    T* __restrict value = w;
    const T* __restrict gradient = g;
    for (int64_t i = 0; i < s.n; ++i) value[i] -= s.lr * (gradient[i] * s.scale + s.decay * value[i]);
  }
};

/// w <- w - lr (of_gradient * g + of_buffer * b): (0, 1) is classic momentum, (1, momentum) Nesterov's.
template <class T>
struct MomentumStep {
  T* w;
  const T* g;
  T* b;
  int64_t n;
  T scale, decay, lr, keep, take, of_gradient, of_buffer;

  [[gnu::always_inline]] void operator()() const {
    const MomentumStep s = *this;
    T* __restrict value = w;
    const T* __restrict gradient = g;
    T* __restrict buffer = b;
    for (int64_t i = 0; i < s.n; ++i) {
      const T x = gradient[i] * s.scale + s.decay * value[i];
      const T m = buffer[i] * s.keep + s.take * x;
      buffer[i] = m;
      value[i] -= s.lr * (s.of_gradient * x + s.of_buffer * m);
    }
  }
};

}  // namespace

Fields Sgd::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Sgd::momentum>("momentum", "share of the last step that is kept", non_negative()),
      field<&Sgd::dampening>("dampening", "share of the gradient left out of the momentum"),
      field<&Sgd::nesterov>("nesterov", "look ahead along the momentum; needs momentum, and no dampening"),
      field<&Sgd::weight_decay>("weight_decay", "factor of the parameter added to its gradient",
                                non_negative()),
  });
  return list;
}

void Sgd::make_state() {
  if (nesterov && (momentum <= 0 || dampening != 0)) {
    fail(ErrorKind::kConfig,
         "sgd.nesterov needs momentum above 0 and no dampening, got momentum {} and dampening {}", momentum,
         dampening);
  }
  buffers_ = momentum == 0 ? std::vector<Tensor>() : zero_state(params_);
}

void Sgd::update(double lr_now, double scale) {
  const bool first = steps_ == 1;
  const SparseRule rule = buffers_.empty() ? SparseRule::kRowsOnly : SparseRule::kRefused;
  run_updates(
      updates(params_, lr_now, weight_decay, rule, "sgd with momentum"),
      [&](auto type, const Update& u, int64_t at, int64_t from, int64_t n) {
        using T = decltype(type);
        T* w = u.value.data<T>() + at;
        const T* g = u.gradient.data<T>() + from;
        const T s = static_cast<T>(scale), decay = static_cast<T>(u.weight_decay),
                lr_t = static_cast<T>(u.lr);
        if (buffers_.empty()) return run_wide(PlainStep<T>{w, g, n, s, decay, lr_t});
        const T keep = first ? T(0) : static_cast<T>(momentum),
                take = first ? T(1) : static_cast<T>(1 - dampening);
        run_wide(MomentumStep<T>{w, g, buffers_[u.index].data<T>() + at, n, s, decay, lr_t, keep, take,
                                 nesterov ? T(1) : T(0), nesterov ? static_cast<T>(momentum) : T(1)});
      });
}

std::vector<State> Sgd::state() const {
  std::vector<State> out;
  add_state(out, "momentum_buffer", params_, buffers_);
  return out;
}

}  // namespace dlb::optim
