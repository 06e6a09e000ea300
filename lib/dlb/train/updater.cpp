#include "dlb/train/updater.h"

#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/base/log.h"
#include "dlb/train/nonfinite.h"

namespace dlb::train {

std::vector<optim::Param> trainable(model::Model& model) {
  std::vector<optim::Param> params;
  for (const nn::Variable& v : model.variables()) {
    if (v.trainable && !v.buffer) params.push_back({v.name, v.value});
  }
  return params;
}

Updater::Updater(Experiment& experiment) : experiment_(experiment) {
  experiment_.optimizer->attach(trainable(*experiment_.model));
  if (experiment_.train.ema > 0) {
    std::vector<Tensor> values;
    for (const optim::Param& p : params()) values.push_back(p.value);
    average_ = std::make_unique<optim::ParameterAverage>(std::move(values), experiment_.train.ema);
  }
}

std::optional<UpdateResult> Updater::update(data::Loader& loader, int64_t micro_step, bool measure) {
  UpdateResult result;
  // Whatever an interrupted update has left.
  for (const optim::Param& p : params()) p.value.set_grad({});
  for (; result.batches < experiment_.train.accumulate; ++result.batches) {
    const std::optional<data::Batch> batch = loader.next();
    if (!batch) break;
    const nn::Context start{true, experiment_.seed, static_cast<uint64_t>(micro_step + result.batches)};
    nn::Context context = start;
    const Tensor prediction = experiment_.model->forward(context, batch->inputs())[0];
    const LossSum loss = experiment_.loss->compute(prediction, batch->target());
    result.loss_sum += loss.sum.item();
    result.loss_count += loss.count.item();
    result.samples += batch->size;
    if (measure) {
      const NoGrad no_grad;
      for (NamedMetric& m : experiment_.metrics) m.metric->update(prediction.detach(), batch->target());
    }
    backward(loss.sum);
    check_finite(result, start, batch->inputs());
  }
  if (result.batches == 0) return {};
  apply(result);
  return result;
}

void Updater::check_finite(const UpdateResult& result, const nn::Context& context, Inputs inputs) {
  const bool loss_finite = std::isfinite(result.loss_sum);
  if (loss_finite && gradients_finite(params())) return;
  const std::string what =
      loss_finite ? "a gradient is not finite" : fmt::format("the loss is not finite ({})", result.loss_sum);
  if (experiment_.train.on_nan == "continue") {
    if (!warned_) log::warning("batch {} of the run: {}; going on, as train.on_nan says", context.step, what);
    warned_ = true;
    return;
  }
  const Blame blame = find_nonfinite(*experiment_.model, context, inputs, params());
  throw Error(ErrorKind::kNumeric,
              fmt::format("batch {} of the run: {}: {}", context.step, what, blame.message), blame.where,
              "the weights have not been updated with it; a lower learning rate, `train: {clip_norm: 1}` or "
              "a longer warm-up often helps");
}

void Updater::apply(UpdateResult& result) {
  optim::Optimizer& optimizer = *experiment_.optimizer;
  const TrainSettings& settings = experiment_.train;
  // A window in which no target counts has no gradient.
  double scale = result.loss_count > 0 ? 1 / result.loss_count : 0;
  if (settings.clip_value > 0 && scale > 0) optim::clip_grad_value(params(), settings.clip_value / scale);
  if (settings.clip_norm > 0) {
    const double norm = optim::grad_norm(params()) * scale;
    result.grad_norm = norm;
    // PyTorch's rule, with its small constant.
    if (norm > settings.clip_norm) scale *= settings.clip_norm / (norm + 1e-6);
  }
  result.lr = experiment_.schedule->lr(optimizer.steps());
  optimizer.step(result.lr, scale);
  if (average_) average_->update();
  // The buffers go back to the allocator, where the next forward pass finds them.
  for (const optim::Param& p : params()) p.value.set_grad({});
}

}  // namespace dlb::train
