#include "dlb/optim/lbfgs.h"

#include <algorithm>
#include <cmath>

#include "dlb/ops/create.h"
#include "dlb/optim/flat_vector.h"
#include "dlb/optim/line_search.h"
#include "dlb/optim/state.h"

namespace dlb::optim {

namespace {

/// What numbers_ begins with.
enum Number : uint8_t { kIterations, kCount, kNext, kStep, kDiagonal, kLoss, kNumbers };

}  // namespace

Fields Lbfgs::fields() {
  static const Field list[] = {
      field<&Optimizer::lr>("lr", "length of a step, of a line search the first tried", non_negative()),
      field<&Lbfgs::max_iter>("max_iter", "steps of an update", positive()),
      field<&Lbfgs::max_eval>("max_eval", "evaluations of an update; 5/4 max_iter when not given",
                              positive()),
      field<&Lbfgs::tolerance_grad>("tolerance_grad", "stop when no gradient is larger", non_negative()),
      field<&Lbfgs::tolerance_change>("tolerance_change", "stop when parameters or the loss change less",
                                      non_negative()),
      field<&Lbfgs::history_size>("history_size", "changes that the Hessian is estimated from",
                                  between(1, 10000)),
      field<&Lbfgs::line_search_fn>("line_search_fn", "how the length of a step is found",
                                    one_of({"none", "strong_wolfe"})),
      field<&Optimizer::maximize>("maximize", "climb the loss instead of descending"),
  };
  return list;
}

void Lbfgs::make_state() {
  numel_ = 0;
  bool wide = false;
  for (const Param& p : params_) {
    numel_ += p.value.numel();
    wide = wide || p.value.dtype() == DType::kFloat64;
  }
  const DType dtype = wide ? DType::kFloat64 : DType::kFloat32;
  const Device device = state_device(params_);
  direction_ = zeros({numel_}, dtype, device);
  gradient_ = zeros({numel_}, dtype, device);
  gradient_changes_ = zeros({history_size, numel_}, dtype, device);
  changes_ = zeros({history_size, numel_}, dtype, device);
  numbers_ = zeros({kNumbers + history_size}, DType::kFloat64, device);
}

void Lbfgs::update(double /*lr_now*/, double /*scale*/) {
  fail(ErrorKind::kInternal, "lbfgs needs a closure");
}

void Lbfgs::update_with(double lr_now, const Evaluation& first, const Closure& again) {
  if (numel_ == 0) return;
  if (direction_.dtype() == DType::kFloat64) {
    run<double>(lr_now, first, again);
  } else {
    run<float>(lr_now, first, again);
  }
}

template <class T>
void Lbfgs::run(double lr_now, const Evaluation& first, const Closure& again) {
  using Flat = FlatVector<T>;
  const int64_t n = numel_;
  const double sign = maximize ? -1 : 1;
  const int64_t evaluations_allowed = max_eval.value_or(max_iter * 5 / 4);
  double* const numbers = numbers_.data<double>();
  double* const ro = numbers + kNumbers;
  T* const d = direction_.data<T>();
  T* const last_gradient = gradient_.data<T>();
  const auto ring_row = [&](const Tensor& ring, int64_t row) { return ring.data<T>() + row * n; };

  const auto gather = [&](const Evaluation& e) {
    Tensor g = Tensor::empty({n}, direction_.dtype());
    Flat::gather_gradients(g.data<T>(), params_, sign * e.scale);
    return g;
  };
  Tensor origin = Tensor::empty({n}, direction_.dtype());
  const Tensor moved = Tensor::empty({n}, direction_.dtype());
  /// Sets the parameters to origin + step d.
  const auto move = [&](double step) {
    Flat::scaled(moved.data<T>(), 1, origin.data<T>(), n);
    Flat::add(moved.data<T>(), step, d, n);
    Flat::set_values(params_, moved.data<T>());
  };

  double loss = sign * first.loss;
  Tensor g = gather(first);
  if (Flat::abs_max(g.data<T>(), n) <= tolerance_grad) return;
  int64_t evaluations = 1;
  for (int64_t iteration = 1; iteration <= max_iter; ++iteration) {
    T* const gradient = g.data<T>();
    const bool very_first = ++numbers[kIterations] == 1;
    if (very_first) {
      Flat::scaled(d, -1, gradient, n);
      numbers[kCount] = numbers[kNext] = 0;
      numbers[kDiagonal] = 1;
    } else {
      const auto next = static_cast<int64_t>(numbers[kNext]);
      // The row that comes next is the oldest, or not used yet; it counts only if the curvature is positive.
      // moved is free to hold the changes until then.
      T* const y = moved.data<T>();
      Flat::scaled(y, 1, gradient, n);
      Flat::add(y, -1, last_gradient, n);
      const double ys = Flat::dot(y, d, n) * numbers[kStep];
      if (ys > 1e-10) {
        Flat::scaled(ring_row(gradient_changes_, next), 1, y, n);
        Flat::scaled(ring_row(changes_, next), numbers[kStep], d, n);
        ro[next] = 1 / ys;
        numbers[kDiagonal] = ys / Flat::dot(y, y, n);
        numbers[kNext] = static_cast<double>((next + 1) % history_size);
        numbers[kCount] = std::min(numbers[kCount] + 1, static_cast<double>(history_size));
      }
      const auto count = static_cast<int64_t>(numbers[kCount]);
      const int64_t oldest = (static_cast<int64_t>(numbers[kNext]) - count + history_size) % history_size;
      const auto row = [&](int64_t i) { return (oldest + i) % history_size; };
      std::vector<double> shares(static_cast<size_t>(count));
      Flat::scaled(d, -1, gradient, n);
      for (int64_t i = count - 1; i >= 0; --i) {
        const double share = Flat::dot(ring_row(changes_, row(i)), d, n) * ro[row(i)];
        shares[static_cast<size_t>(i)] = share;
        Flat::add(d, -share, ring_row(gradient_changes_, row(i)), n);
      }
      Flat::scaled(d, numbers[kDiagonal], d, n);
      for (int64_t i = 0; i < count; ++i) {
        const double share = Flat::dot(ring_row(gradient_changes_, row(i)), d, n) * ro[row(i)];
        Flat::add(d, shares[static_cast<size_t>(i)] - share, ring_row(changes_, row(i)), n);
      }
    }
    Flat::scaled(last_gradient, 1, gradient, n);
    numbers[kLoss] = loss;
    double step = very_first ? std::min(1.0, 1 / Flat::abs_sum(gradient, n)) * lr_now : lr_now;
    numbers[kStep] = step;
    const double slope = Flat::dot(gradient, d, n);
    if (slope > -tolerance_change) break;

    Flat::gather_values(origin.data<T>(), params_);
    const double last_loss = loss;
    int64_t used = 0;
    if (line_search_fn == "strong_wolfe") {
      const auto evaluate = [&](double at) {
        move(at);
        const Evaluation e = again();
        SearchPoint p{at, sign * e.loss, 0, gather(e)};
        p.slope = Flat::dot(p.gradient.data<T>(), d, n);
        return p;
      };
      const SearchPoint found = strong_wolfe(evaluate, {0, loss, slope, g}, step, Flat::abs_max(d, n),
                                             tolerance_change, evaluations_allowed - evaluations, used);
      step = found.step;
      loss = found.loss;
      g = found.gradient;
      move(step);
    } else {
      move(step);
      if (iteration < max_iter) {
        const Evaluation e = again();
        loss = sign * e.loss;
        g = gather(e);
        used = 1;
      }
    }
    numbers[kStep] = step;
    evaluations += used;
    if (iteration == max_iter || evaluations >= evaluations_allowed) break;
    if (Flat::abs_max(g.data<T>(), n) <= tolerance_grad) break;
    if (Flat::abs_max(d, n) * std::abs(step) <= tolerance_change) break;
    if (std::abs(loss - last_loss) < tolerance_change) break;
  }
  for (const Tensor& t : {direction_, gradient_, gradient_changes_, changes_, numbers_}) t.bump_version();
}

std::vector<State> Lbfgs::state() const {
  return {{"direction", direction_},
          {"prev_grad", gradient_},
          {"old_dirs", gradient_changes_},
          {"old_stps", changes_},
          {"numbers", numbers_}};
}

}  // namespace dlb::optim
