#include "dlb/optim/adam_variants.h"

#include <cmath>

#include "dlb/optim/elements.h"
#include "dlb/optim/state.h"

namespace dlb::optim {

namespace {

constexpr const char* kDecayDoc = "pull of each parameter towards 0, added to its gradient";
constexpr const char* kDecoupledDoc = "shrink the parameters instead of adding the decay to the gradient";

template <class T>
struct AdamaxRule {
  T rate, take1, beta2, eps;
  [[gnu::always_inline]] T operator()(T x, T d, T& mean, T& largest) const {
    const T m = mean + take1 * (d - mean);
    const T kept = largest * beta2, now = (d < 0 ? -d : d) + eps;
    const T u = kept > now ? kept : now;
    mean = m;
    largest = u;
    return x - rate * m / u;
  }
};

template <class T>
struct NAdamRule {
  T of_gradient, of_mean, take1, beta2, take2, correction, eps;
  [[gnu::always_inline]] T operator()(T x, T d, T& mean, T& square) const {
    const T m = mean + take1 * (d - mean);
    const T v = square * beta2 + take2 * d * d;
    mean = m;
    square = v;
    return x - (of_gradient * d + of_mean * m) / (std::sqrt(v) * correction + eps);
  }
};

/// kRectified: divided by the root of the mean square.
template <class T, bool kRectified>
struct RAdamRule {
  T rate, take1, beta2, take2, eps;
  [[gnu::always_inline]] T operator()(T x, T d, T& mean, T& square) const {
    const T m = mean + take1 * (d - mean);
    const T v = square * beta2 + take2 * d * d;
    mean = m;
    square = v;
    if constexpr (kRectified) return x - rate * m / (std::sqrt(v) + eps);
    return x - rate * m;
  }
};

}  // namespace

Fields Adamax::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Adamax::beta1>("beta1", "decay of the mean of gradients", fraction()),
      field<&Adamax::beta2>("beta2", "decay of the largest gradient", fraction()),
      betas_field<&Adamax::betas>(),
      field<&Adamax::eps>("eps", "added to each gradient's magnitude", non_negative()),
      field<&Adamax::weight_decay>("weight_decay", kDecayDoc, non_negative()),
  });
  return list;
}

void Adamax::make_state() {
  take_betas(betas, beta1, beta2);
  mean_ = zero_state(params_);
  largest_ = zero_state(params_);
}

void Adamax::update(double lr_now, double scale) {
  const double correction = 1 - std::pow(beta1, static_cast<double>(steps_));
  update_elements<2>(updates(params_, lr_now, weight_decay, SparseRule::kRefused, "adamax"),
                     {&mean_, &largest_}, scale, Decay::kIntoGradient, [&](auto type, const Update& u) {
                       using T = decltype(type);
                       return AdamaxRule<T>{static_cast<T>(u.lr / correction), static_cast<T>(1 - beta1),
                                            static_cast<T>(beta2), static_cast<T>(eps)};
                     });
}

std::vector<State> Adamax::state() const {
  std::vector<State> out;
  add_state(out, "exp_avg", params_, mean_);
  add_state(out, "exp_inf", params_, largest_);
  return out;
}

Fields NAdam::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&NAdam::beta1>("beta1", "decay of the mean of gradients", fraction()),
      field<&NAdam::beta2>("beta2", "decay of the mean of squared gradients", fraction()),
      betas_field<&NAdam::betas>(),
      field<&NAdam::eps>("eps", "added to the root of the mean square", non_negative()),
      field<&NAdam::weight_decay>("weight_decay", kDecayDoc, non_negative()),
      field<&NAdam::momentum_decay>("momentum_decay", "how fast the momentum approaches beta1",
                                    non_negative()),
      field<&NAdam::decoupled_weight_decay>("decoupled_weight_decay", kDecoupledDoc),
  });
  return list;
}

void NAdam::make_state() {
  take_betas(betas, beta1, beta2);
  mean_ = zero_state(params_);
  square_ = zero_state(params_);
  product_ = 1;
  product_of_ = 0;
}

double NAdam::mu(int64_t t) const {
  return beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * momentum_decay));
}

void NAdam::update(double lr_now, double scale) {
  if (product_of_ >= steps_) {
    product_ = 1;
    product_of_ = 0;
  }
  while (product_of_ < steps_) product_ *= mu(++product_of_);
  const double now = mu(steps_), next = mu(steps_ + 1);
  const double of_gradient = (1 - now) / (1 - product_), of_mean = next / (1 - product_ * next);
  const double correction = 1 / std::sqrt(1 - std::pow(beta2, static_cast<double>(steps_)));
  update_elements<2>(
      updates(params_, lr_now, weight_decay, SparseRule::kRefused, "nadam"), {&mean_, &square_}, scale,
      decoupled_weight_decay ? Decay::kDecoupled : Decay::kIntoGradient, [&](auto type, const Update& u) {
        using T = decltype(type);
        return NAdamRule<T>{static_cast<T>(u.lr * of_gradient),
                            static_cast<T>(u.lr * of_mean),
                            static_cast<T>(1 - beta1),
                            static_cast<T>(beta2),
                            static_cast<T>(1 - beta2),
                            static_cast<T>(correction),
                            static_cast<T>(eps)};
      });
}

std::vector<State> NAdam::state() const {
  std::vector<State> out;
  add_state(out, "exp_avg", params_, mean_);
  add_state(out, "exp_avg_sq", params_, square_);
  return out;
}

Fields RAdam::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&RAdam::beta1>("beta1", "decay of the mean of gradients", fraction()),
      field<&RAdam::beta2>("beta2", "decay of the mean of squared gradients", fraction()),
      betas_field<&RAdam::betas>(),
      field<&RAdam::eps>("eps", "added to the root of the mean square", non_negative()),
      field<&RAdam::weight_decay>("weight_decay", kDecayDoc, non_negative()),
      field<&RAdam::decoupled_weight_decay>("decoupled_weight_decay", kDecoupledDoc),
  });
  return list;
}

void RAdam::make_state() {
  take_betas(betas, beta1, beta2);
  mean_ = zero_state(params_);
  square_ = zero_state(params_);
}

void RAdam::update(double lr_now, double scale) {
  const auto t = static_cast<double>(steps_);
  const double power2 = std::pow(beta2, t);
  const double correction1 = 1 - std::pow(beta1, t), correction2 = 1 - power2;
  const double limit = 2 / (1 - beta2) - 1;
  const double length = limit - 2 * t * power2 / correction2;
  const bool rectified = length > 5;
  const double factor =
      rectified ? std::sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) *
                      std::sqrt(correction2) / correction1
                : 1 / correction1;
  const auto run = [&](auto kind) {
    update_elements<2>(
        updates(params_, lr_now, weight_decay, SparseRule::kRefused, "radam"), {&mean_, &square_}, scale,
        decoupled_weight_decay ? Decay::kDecoupled : Decay::kIntoGradient, [&](auto type, const Update& u) {
          using T = decltype(type);
          return RAdamRule<T, kind.value>{static_cast<T>(u.lr * factor), static_cast<T>(1 - beta1),
                                          static_cast<T>(beta2), static_cast<T>(1 - beta2),
                                          static_cast<T>(eps)};
        });
  };
  if (rectified) {
    run(std::true_type{});
  } else {
    run(std::false_type{});
  }
}

std::vector<State> RAdam::state() const {
  std::vector<State> out;
  add_state(out, "exp_avg", params_, mean_);
  add_state(out, "exp_avg_sq", params_, square_);
  return out;
}

}  // namespace dlb::optim
