#pragma once
/// \file Building blocks that the optimizers share.

#include <string>
#include <vector>

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// Zeros in the form of each parameter.
std::vector<Tensor> zero_state(std::span<const Param> params);
/// Where state that belongs to no single parameter lives: with the first of them.
Device state_device(std::span<const Param> params);
/// Adds "<what>/<parameter>" for each tensor; nothing when `tensors` is empty.
void add_state(std::vector<State>& out, const std::string& what, std::span<const Param> params,
               const std::vector<Tensor>& tensors);
/// The field `betas`, both decays at once, as PyTorch writes them.
template <auto M>
Field betas_field() {
  return field<M>("betas", "[beta1, beta2] in place of the two", items(fraction(), 2, 2));
}
/// Sets both from `betas` if it is given.
void take_betas(const std::vector<double>& betas, double& beta1, double& beta2);
/// `own` between the fields that every optimizer has: lr first (a lone number sets it), maximize and groups
/// last.
std::vector<Field> optimizer_fields(std::vector<Field> own);

}  // namespace dlb::optim
