#include "dlb/optim/asgd.h"

#include <algorithm>
#include <cmath>

#include "dlb/ops/create.h"
#include "dlb/optim/elements.h"
#include "dlb/optim/state.h"

namespace dlb::optim {

namespace {

template <class T>
struct AsgdRule {
  T shrink, eta, take;
  [[gnu::always_inline]] T operator()(T x, T d, T& average) const {
    const T w = x * shrink - eta * d;
    const T a = average;
    average = take == 1 ? w : a + (w - a) * take;
    return w;
  }
};

}  // namespace

Fields Asgd::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Asgd::lambd>("lambd", "pull towards 0, and how fast the rate falls", non_negative()),
      field<&Asgd::alpha>("alpha", "power with which the rate falls", non_negative()),
      field<&Asgd::t0>("t0", "update after which averaging begins", non_negative()),
      field<&Asgd::weight_decay>("weight_decay", "factor of the parameter added to its gradient",
                                 non_negative()),
  });
  return list;
}

void Asgd::make_state() {
  average_ = zero_state(params_);
  last_lr_ = zeros({1}, DType::kFloat64, state_device(params_));
}

void Asgd::update(double lr_now, double scale) {
  const auto before = static_cast<double>(steps_ - 1);
  double* const last = last_lr_.data<double>();
  const double take = steps_ == 1 ? 1 : 1 / std::max(1.0, before - t0);
  // Decay into the gradient comes before w shrinks, so the rule shrinks, not the loop around it.
  update_elements<1>(
      updates(params_, lr_now, weight_decay, SparseRule::kRefused, "asgd"), {&average_}, scale,
      Decay::kIntoGradient, [&](auto type, const Update& u) {
        using T = decltype(type);
        const double lr_before = *last * params_[u.index].lr_scale;
        const double eta = steps_ == 1 ? u.lr : lr_before / std::pow(1 + lambd * lr_before * before, alpha);
        return AsgdRule<T>{static_cast<T>(1 - lambd * eta), static_cast<T>(eta), static_cast<T>(take)};
      });
  *last = lr_now;
  last_lr_.bump_version();
}

std::vector<State> Asgd::state() const {
  std::vector<State> out;
  add_state(out, "ax", params_, average_);
  out.push_back({"last_lr", last_lr_});
  return out;
}

}  // namespace dlb::optim
