#include "dlb/profile/workload.h"

#include "dlb/ops/work_observer.h"
#include "dlb/train/trained.h"

namespace dlb::profile {
Workload::Workload(const std::string& path, const std::vector<std::string>& overrides, bool infer)
    : infer_(infer) {
  train::Trained trained = train::open_trained(
      {.target = path, .overrides = overrides, .override_runs = true, .initial_allowed = true});
  trained.experiment->data->open();
  train::load_trained_weights(trained);
  experiment_ = std::move(trained.experiment);
  train::Experiment& e = *experiment_;
  if (infer) {
    const std::string split = e.data->has("test") ? "test" : e.data->has("val") ? "val" : "train";
    batches_.emplace(e, split, false);
  } else {
    batches_.emplace(e, "train", true);
    updater_.emplace(e);
  }
}

void Workload::start_epoch_if_due() {
  if (started_) return;
  const WorkScope part(WorkPart::kData);
  const WorkScope place(work_observer(), data_place_, experiment_->data_where);
  batches_->start(epoch_);
  batch_ = 0;
  started_ = true;
}

int64_t Workload::step() { return infer_ ? forward() : update(); }

int64_t Workload::update() {
  start_epoch_if_due();
  const std::optional<train::UpdateResult> done = updater_->update(*batches_, at_, false);
  DLB_CHECK(done.has_value());
  ++at_.step;
  at_.micro_step += done->batches;
  batch_ += done->batches;
  if (batch_ >= batches_->batches()) {
    ++epoch_;
    started_ = false;
  }
  return done->samples;
}

int64_t Workload::forward() {
  const NoGrad no_grad;
  start_epoch_if_due();
  std::optional<data::Batch> batch;
  {
    const WorkScope part(WorkPart::kData);
    const WorkScope place(work_observer(), data_place_, experiment_->data_where);
    batch = batches_->next();
  }
  if (!batch) fail(ErrorKind::kData, "the data has no batch to run the model on");
  {
    const WorkScope part(WorkPart::kForward);
    nn::Context context{false, experiment_->seed, 0};
    experiment_->model->forward(context, experiment_->inputs_of(*batch), 0);
  }
  if (++batch_ >= batches_->batches()) started_ = false;
  return batch->size;
}

size_t Workload::weight_bytes() const {
  size_t bytes = 0;
  for (const nn::Variable& v : experiment_->model->variables()) bytes += v.value.spec().bytes();
  return bytes;
}

size_t Workload::optimizer_bytes() const {
  size_t bytes = 0;
  if (infer_) return bytes;
  for (const train::Phase& phase : experiment_->phases) {
    for (const optim::State& state : phase.optimizer->state()) bytes += state.value.spec().bytes();
  }
  return bytes;
}

std::string Workload::dtype() const {
  for (const nn::Variable& v : experiment_->model->variables()) {
    if (!v.buffer) return std::string(dtype_name(v.value.dtype()));
  }
  return std::string(dtype_name(DType::kFloat32));
}

}  // namespace dlb::profile
