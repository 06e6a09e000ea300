#include "dlb/train/batches.h"

namespace dlb::train {

Batches::Batches(Experiment& experiment, const std::string& split, bool training) {
  const data::DataModule& data = *experiment.data;
  if (!experiment.plays()) {
    loader_ = data.loader(split, training, experiment.seed);
    return;
  }
  data::RolloutOptions options;
  options.batch = training ? data.batch() : data.eval_batch();
  options.episodes = data.size(split);
  options.seed = experiment.seed;
  options.stream = split == "train" ? 0 : split == "val" ? 1 : 2;
  options.greedy = !training;
  rollouts_.emplace(*data.environment(), options);
  policy_ = [&experiment](const Tensor& observations) {
    const NoGrad no_grad;
    nn::Context context{false, experiment.seed, 0};
    return experiment.model->forward(context, Inputs(&observations, 1))[0];
  };
}

int64_t Batches::batches() const { return loader_ ? loader_->batches() : rollouts_->batches(); }

void Batches::start(int64_t epoch, int64_t first) {
  loader_ ? loader_->start(epoch, first) : rollouts_->start(epoch, first);
}

std::optional<data::Batch> Batches::next() { return loader_ ? loader_->next() : rollouts_->next(policy_); }

TermSum episode_rewards(const data::Batch& batch) {
  TermSum sum;
  for (const double reward : batch.column("episode_reward").to_vector<double>()) {
    sum.sum += reward;
    sum.count += 1;
  }
  return sum;
}

}  // namespace dlb::train
