#include "dlb/optim/adaptive.h"

#include <cmath>

#include "dlb/ops/create.h"
#include "dlb/optim/elements.h"
#include "dlb/optim/state.h"

namespace dlb::optim {

namespace {

template <class T>
struct AdagradRule {
  T rate, eps;
  [[gnu::always_inline]] T operator()(T x, T d, T& sum) const {
    const T s = sum + d * d;
    sum = s;
    return x - rate * d / (std::sqrt(s) + eps);
  }
};

template <class T>
struct AdadeltaRule {
  T lr, keep, take, eps;
  [[gnu::always_inline]] T operator()(T x, T d, T& square, T& delta) const {
    const T v = square * keep + take * d * d;
    const T a = delta;
    const T step = std::sqrt(a + eps) / std::sqrt(v + eps) * d;
    square = v;
    delta = a * keep + take * step * step;
    return x - lr * step;
  }
};

}  // namespace

Fields Adagrad::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Adagrad::lr_decay>("lr_decay", "the rate is divided by 1 + lr_decay for each earlier update",
                                non_negative()),
      field<&Adagrad::weight_decay>("weight_decay", "factor of the parameter added to its gradient",
                                    non_negative()),
      field<&Adagrad::initial_accumulator_value>("initial_accumulator_value",
                                                 "where the sum of squared gradients begins", non_negative()),
      field<&Adagrad::eps>("eps", "added to the root of the sum of squares", non_negative()),
  });
  return list;
}

void Adagrad::make_state() {
  sum_.clear();
  for (const Param& p : params_) sum_.push_back(full_like(p.value.detach(), initial_accumulator_value));
}

void Adagrad::update(double lr_now, double scale) {
  const double slower = 1 / (1 + static_cast<double>(steps_ - 1) * lr_decay);
  update_elements<1>(updates(params_, lr_now, weight_decay, SparseRule::kRowsOnly), {&sum_}, scale,
                     Decay::kIntoGradient, [&](auto type, const Update& u) {
                       using T = decltype(type);
                       return AdagradRule<T>{static_cast<T>(u.lr * slower), static_cast<T>(eps)};
                     });
}

std::vector<State> Adagrad::state() const {
  std::vector<State> out;
  add_state(out, "sum", params_, sum_);
  return out;
}

Fields Adadelta::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Adadelta::rho>("rho", "decay of both running means", between(0, 1)),
      field<&Adadelta::eps>("eps", "added to the mean squares before their roots", non_negative()),
      field<&Adadelta::weight_decay>("weight_decay", "factor of the parameter added to its gradient",
                                     non_negative()),
  });
  return list;
}

void Adadelta::make_state() {
  square_ = zero_state(params_);
  delta_ = zero_state(params_);
}

void Adadelta::update(double lr_now, double scale) {
  update_elements<2>(updates(params_, lr_now, weight_decay, SparseRule::kRefused, "adadelta"),
                     {&square_, &delta_}, scale, Decay::kIntoGradient, [&](auto type, const Update& u) {
                       using T = decltype(type);
                       return AdadeltaRule<T>{static_cast<T>(u.lr), static_cast<T>(rho),
                                              static_cast<T>(1 - rho), static_cast<T>(eps)};
                     });
}

std::vector<State> Adadelta::state() const {
  std::vector<State> out;
  add_state(out, "square_avg", params_, square_);
  add_state(out, "acc_delta", params_, delta_);
  return out;
}

}  // namespace dlb::optim
