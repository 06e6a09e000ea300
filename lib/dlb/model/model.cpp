#include "dlb/model/model.h"

#include "dlb/model/step.h"

namespace dlb::model {

Model::Model() = default;
Model::~Model() = default;

Outputs Model::forward(nn::Context& context, Inputs inputs) {
  DLB_CHECK(inputs.size() == input_slots_.size());
  InlineVector<Tensor, 16> slots(slot_count_);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (input_slots_[i] >= 0) slots[static_cast<size_t>(input_slots_[i])] = inputs[i];
  }
  const Step* current = nullptr;
  try {
    InlineVector<Tensor, 4> args;
    for (const Step& step : steps_) {
      current = &step;
      args.clear();
      for (const Step::Arg& arg : step.args) {
        Tensor& value = slots[static_cast<size_t>(arg.slot)];
        if (arg.last) {
          args.push_back(std::move(value));
          value = {};
        } else {
          args.push_back(value);
        }
      }
      Outputs outputs = step.layer->run(context, args);
      DLB_CHECK(outputs.size() == step.outs.size());
      if (hook_) hook_(report_[step.row].name, report_[step.row].where, outputs);
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (step.outs[i] >= 0) slots[static_cast<size_t>(step.outs[i])] = std::move(outputs[i]);
      }
    }
  } catch (Error& e) {
    e.at(current->place);
    for (const std::string& frame : current->frames) e.in(frame);
    throw;
  }
  Outputs result;
  for (const int slot : output_slots_) result.push_back(slots[static_cast<size_t>(slot)]);
  return result;
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
