#include "dlb/train/evaluator.h"

namespace dlb::train {
namespace {

/// The passes of one batch: each program runs once, when the first that needs it asks.
class Passes {
 public:
  Passes(Experiment& experiment, const data::Batch& batch, const ExportedModel* exported)
      : experiment_(experiment), exported_(exported), inputs_(experiment.inputs_of(batch)) {
    outputs_.resize(experiment.model->programs());
    done_.resize(outputs_.size(), false);
  }
  const Outputs& of(size_t program) {
    if (!done_[program]) {
      nn::Context context{false, experiment_.seed, 0};
      outputs_[program] = exported_ != nullptr && program == 0
                              ? exported_->forward(inputs_)
                              : experiment_.model->forward(context, inputs_, program);
      done_[program] = true;
    }
    return outputs_[program];
  }

 private:
  Experiment& experiment_;
  const ExportedModel* exported_;
  std::vector<Tensor> inputs_;
  std::vector<Outputs> outputs_;
  std::vector<bool> done_;
};

}  // namespace

void update_metric(NamedMetric& m, Inputs outputs, Inputs columns) {
  const std::vector<Tensor> in = gather_values(m.uses.in, outputs, columns, nullptr);
  const std::vector<Tensor> target = gather_values(m.uses.target, outputs, columns, in.data());
  m.metric->update(in[0], target[0]);
}

MetricValues measure(Experiment& experiment, Batches& batches, const std::function<bool()>& stop,
                     Predictions* predictions, const ExportedModel* exported) {
  const NoGrad no_grad;
  for (NamedMetric& m : experiment.metrics) m.metric->reset();
  std::vector<TermSums> sums(experiment.evaluated.size());
  TermSum reward;
  batches.start(0);
  while (const std::optional<data::Batch> batch = batches.next()) {
    if (stop && stop()) return {};
    Passes passes(experiment, *batch, exported);
    for (size_t i = 0; i < sums.size(); ++i) {
      const Objective& objective = *experiment.evaluated[i].objective;
      TermSums terms;
      for (const LossSum& loss : objective.evaluate(passes.of(objective.program()), batch->columns))
        terms.push_back({loss.sum.item(), loss.count.item()});
      Objective::add(sums[i], terms);
    }
    for (NamedMetric& m : experiment.metrics) update_metric(m, passes.of(0), batch->columns);
    if (predictions != nullptr && predictions->program() >= 0)
      predictions->add(*batch, passes.of(static_cast<size_t>(predictions->program())));
    if (experiment.plays()) {
      const TermSum more = episode_rewards(*batch);
      reward = {reward.sum + more.sum, reward.count + more.count};
    }
  }
  MetricValues values;
  add_losses(experiment.evaluated, sums, values);
  if (experiment.plays()) values["reward"] = reward.mean();
  for (const NamedMetric& m : experiment.metrics) values[m.name] = m.metric->value();
  return values;
}

std::string metrics_text(const std::string& split, const MetricValues& values) {
  std::string text = split;
  if (const auto loss = values.find("loss"); loss != values.end())
    text += fmt::format(" loss {:.4f}", loss->second);
  for (const auto& [name, value] : values) {
    if (name != "loss") text += fmt::format(", {} {:.4f}", name, value);
  }
  return text;
}

}  // namespace dlb::train
