#include "dlb/optim/sign.h"

#include <limits>

#include "dlb/optim/elements.h"
#include "dlb/optim/state.h"

namespace dlb::optim {

namespace {

template <class T>
struct RpropRule {
  T lr, minus, plus, least, most;
  [[gnu::always_inline]] T operator()(T x, T d, T& previous, T& size) const {
    const T product = d * previous;
    T s = size == 0 ? lr : size;
    s *= product > 0 ? plus : product < 0 ? minus : T(1);
    s = s < least ? least : s;
    s = s > most ? most : s;
    size = s;
    const T g = product < 0 ? T(0) : d;
    previous = g;
    return x - (g > 0 ? s : g < 0 ? -s : T(0));
  }
};

template <class T>
struct LionRule {
  T lr, keep1, take1, keep2, take2;
  [[gnu::always_inline]] T operator()(T x, T d, T& mean) const {
    const T m = mean;
    const T u = m * keep1 + d * take1;
    mean = m * keep2 + d * take2;
    return x - (u > 0 ? lr : u < 0 ? -lr : T(0));
  }
};

Constraint open_interval(double min, double max) {
  Constraint c = between(min, max);
  c.min_open = c.max_open = true;
  return c;
}

}  // namespace

Fields Rprop::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Rprop::eta_minus>("eta_minus", "factor of the step where the sign changes", open_interval(0, 1)),
      field<&Rprop::eta_plus>("eta_plus", "factor of the step where the sign stays",
                              open_interval(1, std::numeric_limits<double>::infinity())),
      field<&Rprop::step_size_min>("step_size_min", "smallest step", non_negative()),
      field<&Rprop::step_size_max>("step_size_max", "largest step", positive()),
  });
  return list;
}

void Rprop::make_state() {
  if (step_size_min > step_size_max) {
    fail(ErrorKind::kConfig, "rprop.step_size_min is {}, above step_size_max, which is {}", step_size_min,
         step_size_max);
  }
  previous_ = zero_state(params_);
  size_ = zero_state(params_);
}

void Rprop::update(double lr_now, double scale) {
  update_elements<2>(updates(params_, lr_now, 0, SparseRule::kRefused, "rprop"), {&previous_, &size_}, scale,
                     Decay::kIntoGradient, [&](auto type, const Update& u) {
                       using T = decltype(type);
                       return RpropRule<T>{static_cast<T>(u.lr), static_cast<T>(eta_minus),
                                           static_cast<T>(eta_plus), static_cast<T>(step_size_min),
                                           static_cast<T>(step_size_max)};
                     });
}

std::vector<State> Rprop::state() const {
  std::vector<State> out;
  add_state(out, "prev", params_, previous_);
  add_state(out, "step_size", params_, size_);
  return out;
}

Fields Lion::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Lion::beta1>("beta1", "share of the mean of gradients in the step's sign", fraction()),
      field<&Lion::beta2>("beta2", "decay of the mean of gradients", fraction()),
      betas_field<&Lion::betas>(),
      field<&Lion::weight_decay>("weight_decay", "pull of each parameter towards 0", non_negative()),
  });
  return list;
}

void Lion::make_state() {
  take_betas(betas, beta1, beta2);
  mean_ = zero_state(params_);
}

void Lion::update(double lr_now, double scale) {
  update_elements<1>(updates(params_, lr_now, weight_decay, SparseRule::kRefused, "lion"), {&mean_}, scale,
                     Decay::kDecoupled, [&](auto type, const Update& u) {
                       using T = decltype(type);
                       return LionRule<T>{static_cast<T>(u.lr), static_cast<T>(beta1),
                                          static_cast<T>(1 - beta1), static_cast<T>(beta2),
                                          static_cast<T>(1 - beta2)};
                     });
}

std::vector<State> Lion::state() const {
  std::vector<State> out;
  add_state(out, "exp_avg", params_, mean_);
  return out;
}

}  // namespace dlb::optim
