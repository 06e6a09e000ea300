#include "dlb/optim/state.h"

#include "dlb/ops/create.h"

namespace dlb::optim {

std::vector<Tensor> zero_state(std::span<const Param> params) {
  std::vector<Tensor> out;
  out.reserve(params.size());
  for (const Param& p : params) out.push_back(zeros_like(p.value.detach()));
  return out;
}

Device state_device(std::span<const Param> params) {
  return params.empty() ? kCpu : params.front().value.device();
}

void add_state(std::vector<State>& out, const std::string& what, std::span<const Param> params,
               const std::vector<Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) out.push_back({what + "/" + params[i].name, tensors[i]});
}

void take_betas(const std::vector<double>& betas, double& beta1, double& beta2) {
  if (betas.size() != 2) return;
  beta1 = betas[0];
  beta2 = betas[1];
}

std::vector<Field> optimizer_fields(std::vector<Field> own) {
  std::vector<Field> list = {
      field<&Optimizer::lr>("lr", "learning rate, before the schedule", non_negative())};
  for (Field& f : own) list.push_back(std::move(f));
  list.push_back(field<&Optimizer::maximize>("maximize", "climb the loss instead of descending"));
  list.push_back(evaluated(field<&Optimizer::groups>(
      "groups", "list of {match, lr_scale, weight_decay} for parameters by name; the first match wins")));
  return list;
}

}  // namespace dlb::optim
