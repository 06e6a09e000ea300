#include "dlb/optim/fused.h"

#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::optim {

Tensor aligned_gradient(const Tensor& value, const Tensor& gradient) {
  Tensor g = gradient.dtype() == value.dtype() ? gradient : cast(gradient, value.dtype());
  if (value.is_contiguous()) return contiguous(g);
  DLB_CHECK(value.is_channels_last());
  return contiguous(g, Layout::kChannelsLast);
}

std::vector<Update> updates(std::span<const Param> params, double lr_now, double weight_decay) {
  std::vector<Update> list;
  list.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& p = params[i];
    const Tensor g = p.value.grad();
    if (!g.defined() || p.value.numel() == 0) continue;
    list.push_back({i, p.value, aligned_gradient(p.value, g), lr_now * p.lr_scale,
                    p.weight_decay < 0 ? weight_decay : p.weight_decay});
  }
  return list;
}

}  // namespace dlb::optim
