#include "dlb/train/updater.h"

#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/base/log.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/work_observer.h"
#include "dlb/tensor/row_sparse.h"
#include "dlb/train/evaluator.h"
#include "dlb/train/nonfinite.h"
#include "dlb/train/patterns.h"

namespace dlb::train {
namespace {

/// Random calls that one pass may make: each pass of an update has its own range of streams.
constexpr int kPassBits = 20;

Tensor scaled(const Tensor& g, double factor) {
  if (!g.is_row_sparse()) return mul(g, factor);
  const Tensor whole = coalesce(g);
  const RowSparse& content = row_sparse(whole);
  return make_row_sparse(g.shape(), content.indices, mul(content.rows, factor));
}

void clear_gradients(std::span<const optim::Param> params) {
  for (const optim::Param& p : params) p.value.set_grad({});
}

}  // namespace

std::vector<optim::Param> trainable(model::Model& model) {
  std::vector<optim::Param> params;
  for (const nn::Variable& v : model.variables()) {
    if (v.trainable && !v.buffer) params.push_back({v.name, v.value});
  }
  return params;
}

/// While it lives, gradients go to the parameters of one phase only.
class Updater::OnlyThese {
 public:
  explicit OnlyThese(std::vector<Tensor>& others) : others_(others) { set(false); }
  ~OnlyThese() { set(true); }
  OnlyThese(const OnlyThese&) = delete;
  OnlyThese& operator=(const OnlyThese&) = delete;

 private:
  void set(bool value) {
    for (Tensor& t : others_) t.set_requires_grad(value);
  }
  std::vector<Tensor>& others_;
};

Updater::Updater(Experiment& experiment) : experiment_(experiment), params_(trainable(*experiment.model)) {
  data_place_.where = experiment.data_where;
  for (Phase& phase : experiment_.phases) {
    std::vector<optim::Param> own;
    std::vector<Tensor> others;
    for (const optim::Param& p : params_) {
      if (phase.update.empty() || any_covers(phase.update, p.name)) {
        own.push_back(p);
      } else {
        others.push_back(p.value);
      }
    }
    phase.optimizer->attach(std::move(own));
    others_.push_back(std::move(others));
    optimizer_places_.push_back({"optimizer", phase.optimizer_where});
    if (!phase.name.empty()) optimizer_places_.back().name += "." + phase.name;
  }
  for (const nn::Variable& v : experiment_.model->variables()) {
    if (!v.buffer || !any_covers(experiment_.freeze, v.name)) continue;
    const Tensor kept = Tensor::empty(v.value.spec());
    kept.assign(v.value);
    frozen_.emplace_back(v.value, kept);
  }
  if (experiment_.train.ema > 0) {
    std::vector<Tensor> values;
    for (const optim::Param& p : params_) values.push_back(p.value);
    average_ = std::make_unique<optim::ParameterAverage>(std::move(values), experiment_.train.ema);
  }
}

std::optional<data::Batch> Updater::next_batch(Batches& source) {
  const WorkScope part(WorkPart::kData);
  const WorkScope place(work_observer(), data_place_.name, data_place_.where);
  return source.next();
}

std::optional<UpdateResult> Updater::update(Batches& source, const Position& at, bool measure) {
  std::vector<Phase>& phases = experiment_.phases;
  const auto limit = static_cast<size_t>(experiment_.train.accumulate);
  // Batches that are needed only once go as soon as they are used.
  const bool holds = phases.size() > 1 || phases[0].times > 1 || phases[0].optimizer->needs_closure();
  UpdateResult result;
  result.sums.resize(phases.size());
  std::vector<data::Batch> window;
  window.reserve(holds ? limit : 1);
  const Next take = [&]() -> const data::Batch* {
    if (static_cast<size_t>(result.batches) == limit) return nullptr;
    std::optional<data::Batch> batch = next_batch(source);
    if (!batch) return nullptr;
    if (!holds) window.clear();
    window.push_back(std::move(*batch));
    ++result.batches;
    result.samples += window.back().size;
    if (experiment_.plays()) {
      const TermSum more = episode_rewards(window.back());
      result.reward = {result.reward.sum + more.sum, result.reward.count + more.count};
    }
    return &window.back();
  };
  if (holds) {
    while (take() != nullptr) {
    }
    if (window.empty()) return {};
  }
  bool first = true;
  uint32_t pass = 0;
  for (size_t i = 0; i < phases.size(); ++i) {
    Phase& phase = phases[i];
    const bool turn = at.step % phase.every == 0;
    for (int64_t time = 0; time < phase.times; ++time, ++pass) {
      if (!turn) continue;
      const bool measures = measure && phase.program() == 0;
      const OnlyThese scope(others_[i]);
      size_t next = 0;
      const Next held = [&]() -> const data::Batch* {
        return next < window.size() ? &window[next++] : nullptr;
      };
      const Gradient gradient = evaluate(phase, holds ? held : take, at, pass, measures);
      if (result.batches == 0) return {};
      result.measured = result.measured || measures;
      if (measures) measure = false;
      Objective::add(result.sums[i], gradient.sums);
      optim::Optimizer& optimizer = *phase.optimizer;
      const double lr = phase.schedule->lr(optimizer.steps());
      if (first) result.lr = lr;
      first = false;
      const WorkScope part(WorkPart::kOptimizer);
      const WorkScope place(work_observer(), optimizer_places_[i].name, optimizer_places_[i].where);
      optimizer.step(lr, clipped(phase, gradient, result), [&] {
        next = 0;
        return clipped(phase, evaluate(phase, held, at, pass, false), result);
      });
      // The buffers go back to the allocator, where the next forward pass finds them.
      clear_gradients(optimizer.params());
    }
    if (turn) result.loss += phase.objective->value(result.sums[i]);
  }
  for (const auto& [value, kept] : frozen_) value.assign(kept);
  if (average_) {
    const WorkScope part(WorkPart::kOptimizer);
    const WorkScope place(work_observer(), average_place_.name, average_place_.where);
    average_->update();
  }
  return result;
}

Updater::Gradient Updater::evaluate(const Phase& phase, const Next& next, const Position& at, uint32_t pass,
                                    bool measure) {
  const std::vector<optim::Param>& params = phase.optimizer->params();
  // Whatever an interrupted update, or another phase, has left.
  clear_gradients(params);
  const size_t terms = phase.objective->terms().size();
  Parts parts;
  const bool apart = terms > 1 && experiment_.train.accumulate > 1;
  if (apart) parts.resize(terms, std::vector<Tensor>(params.size()));
  Gradient gradient;
  int64_t number = 0;
  while (const data::Batch* batch = next()) {
    const nn::Context start{true, experiment_.seed, static_cast<uint64_t>(at.micro_step + number++),
                            pass << kPassBits};
    nn::Context context = start;
    std::vector<LossSum> losses;
    TermSums sums;
    const std::vector<Tensor> inputs = experiment_.inputs_of(*batch);
    {
      Outputs outputs;
      {
        const WorkScope part(WorkPart::kForward);
        outputs = experiment_.model->forward(context, inputs, phase.program());
        losses = phase.objective->evaluate(outputs, batch->columns);
        for (const LossSum& loss : losses) sums.push_back({loss.sum.item(), loss.count.item()});
      }
      if (measure) {
        const WorkScope part(WorkPart::kOther);
        const NoGrad no_grad;
        Outputs values;
        for (const Tensor& out : outputs) values.push_back(out.detach());
        for (NamedMetric& m : experiment_.metrics) update_metric(m, values, batch->columns);
      }
    }
    Objective::add(gradient.sums, sums);
    differentiate(phase, losses, sums, apart ? &parts : nullptr);
    check_finite(phase, sums, start, inputs);
  }
  if (gradient.sums.empty()) return gradient;
  if (apart) join(phase, gradient.sums, parts);
  if (terms == 1) {
    // A window in which no target counts has no gradient.
    const double count = gradient.sums[0].count;
    gradient.scale = count > 0 ? phase.objective->terms()[0].weight / count : 0;
  }
  return gradient;
}

/// The backward pass of one batch: of a single term's sum, of the mean over the batch, or of each term into
/// its own part.
void Updater::differentiate(const Phase& phase, const std::vector<LossSum>& losses, const TermSums& sums,
                            Parts* parts) {
  const WorkScope scope(WorkPart::kBackward);
  const std::vector<LossTerm>& terms = phase.objective->terms();
  const std::vector<optim::Param>& params = phase.optimizer->params();
  bool any = false;
  for (const LossSum& loss : losses) any = any || loss.sum.requires_grad();
  if (!any && !params.empty()) {
    throw Error(ErrorKind::kConfig,
                phase.name.empty()
                    ? "the loss does not depend on any parameter that is trained"
                    : fmt::format("phase '{}': its loss does not depend on any parameter that it updates",
                                  phase.name),
                terms[0].at.mark().str());
  }
  if (!any) return;
  if (losses.size() == 1) return backward(losses[0].sum);
  if (parts == nullptr) {
    Tensor total;
    for (size_t i = 0; i < losses.size(); ++i) {
      if (!(sums[i].count != 0) || !losses[i].sum.requires_grad()) continue;
      const Tensor mean = mul(losses[i].sum, terms[i].weight / sums[i].count);
      total = total.defined() ? add(total, mean) : mean;
    }
    if (total.defined()) backward(total);
    return;
  }
  size_t last = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (losses[i].sum.requires_grad()) last = i;
  }
  for (size_t i = 0; i <= last; ++i) {
    if (!losses[i].sum.requires_grad()) continue;
    std::vector<Tensor>& part = (*parts)[i];
    for (size_t p = 0; p < params.size(); ++p) params[p].value.set_grad(part[p]);
    backward(losses[i].sum, {}, i < last);
    for (size_t p = 0; p < params.size(); ++p) part[p] = params[p].value.grad();
  }
}

/// Gives each parameter the gradient of the terms' weighted means.
void Updater::join(const Phase& phase, const TermSums& sums, const Parts& parts) {
  const WorkScope scope(WorkPart::kBackward);
  const NoGrad no_grad;
  const std::vector<LossTerm>& terms = phase.objective->terms();
  const std::vector<optim::Param>& params = phase.optimizer->params();
  for (size_t p = 0; p < params.size(); ++p) {
    Tensor total;
    for (size_t i = 0; i < terms.size(); ++i) {
      const Tensor& part = parts[i][p];
      if (!part.defined() || !(sums[i].count != 0)) continue;
      const Tensor more = scaled(part, terms[i].weight / sums[i].count);
      if (!total.defined()) {
        total = more;
      } else {
        const bool sparse = total.is_row_sparse() || more.is_row_sparse();
        total = sparse ? add_row_sparse(total, more) : add(total, more);
      }
    }
    params[p].value.set_grad(total);
  }
}

void Updater::check_finite(const Phase& phase, const TermSums& sums, const nn::Context& context,
                           Inputs inputs) {
  const WorkScope part(WorkPart::kOther);
  const WorkScope place(work_observer(), check_place_.name, check_place_.where);
  const std::vector<optim::Param>& params = phase.optimizer->params();
  const TermSum* bad = nullptr;
  for (const TermSum& s : sums) {
    if (bad == nullptr && !std::isfinite(s.sum)) bad = &s;
  }
  if (bad == nullptr && gradients_finite(params)) return;
  const std::string what =
      bad == nullptr ? "a gradient is not finite" : fmt::format("the loss is not finite ({})", bad->sum);
  if (experiment_.train.on_nan == "continue") {
    if (!warned_) log::warning("batch {} of the run: {}; going on, as train.on_nan says", context.step, what);
    warned_ = true;
    return;
  }
  const Blame blame = find_nonfinite(*experiment_.model, context, inputs, phase.program(), params);
  throw Error(ErrorKind::kNumeric,
              fmt::format("batch {} of the run: {}: {}", context.step, what, blame.message), blame.where,
              "the weights have not been updated with it; a lower learning rate, `train: {clip_norm: 1}` or "
              "a longer warm-up often helps");
}

optim::Evaluation Updater::clipped(const Phase& phase, const Gradient& gradient, UpdateResult& result) const {
  const std::vector<optim::Param>& params = phase.optimizer->params();
  double scale = gradient.scale;
  if (phase.clip_value > 0 && scale != 0) optim::clip_grad_value(params, phase.clip_value / std::abs(scale));
  if (phase.clip_norm > 0) {
    const double norm = optim::grad_norm(params) * std::abs(scale);
    result.grad_norm = norm;
    // PyTorch's rule, with its small constant.
    if (norm > phase.clip_norm) scale *= phase.clip_norm / (norm + 1e-6);
  }
  return {phase.objective->value(gradient.sums), scale};
}

}  // namespace dlb::train
