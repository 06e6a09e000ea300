#include "dlb/model/model.h"

#include "dlb/model/runtime.h"

namespace dlb::model {

Model::Model() : trace_(std::make_unique<Trace>()) {}
Model::~Model() = default;

const std::vector<LayerReport>& Model::report() const { return trace_->report; }
void Model::set_layer_hook(LayerHook hook) { trace_->hook = std::move(hook); }

Outputs Model::forward(nn::Context& context, Inputs inputs, size_t program) {
  return programs_.at(program)->run(context, {}, inputs);
}

Tensor Model::forward(nn::Context& context, const Tensor& input) {
  return forward(context, Inputs(&input, 1))[0];
}

void Model::materialize(uint64_t seed, Device device) {
  if (device.kind != DeviceKind::kCpu)
    fail(ErrorKind::kDevice, "models can be made on cpu, not on {}", device_name(device));
  const NoGrad no_grad;
  for (size_t i = 0; i < variables_.size(); ++i) {
    nn::Variable& v = variables_[i];
    v.value.swap_data(
        v.init(v.value.shape(), v.value.dtype(), {seed, RngPurpose::kInit, 0, static_cast<uint32_t>(i)}));
  }
}

int64_t Model::parameter_count() const {
  int64_t count = 0;
  for (const nn::Variable& v : variables_) {
    if (v.trainable) count += v.value.numel();
  }
  return count;
}

}  // namespace dlb::model
