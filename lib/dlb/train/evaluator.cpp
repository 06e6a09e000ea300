#include "dlb/train/evaluator.h"

namespace dlb::train {

MetricValues measure(Experiment& experiment, data::Loader& loader, const std::function<bool()>& stop) {
  const NoGrad no_grad;
  for (NamedMetric& m : experiment.metrics) m.metric->reset();
  double loss_sum = 0;
  double loss_count = 0;
  loader.start(0);
  while (const std::optional<data::Batch> batch = loader.next()) {
    if (stop && stop()) return {};
    nn::Context context{false, experiment.seed, 0};
    const Tensor prediction = experiment.model->forward(context, batch->inputs())[0];
    const LossSum loss = experiment.loss->compute(prediction, batch->target());
    loss_sum += loss.sum.item();
    loss_count += loss.count.item();
    for (NamedMetric& m : experiment.metrics) m.metric->update(prediction, batch->target());
  }
  MetricValues values = {{"loss", loss_sum / loss_count}};
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
