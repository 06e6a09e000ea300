#include "dlb/ops/families.h"
#include "dlb/ops/shape_defs.h"

namespace dlb {

std::span<const OpDef* const> shape_ops() {
  static const OpDef* const ops[] = {
      &op::reshape(),  &op::permute(),    &op::expand(),     &op::slice(),         &op::split(),
      &op::diagonal(), &op::unfold_dim(), &op::as_strided(), &op::strided_sum(),   &op::contiguous(),
      &op::cat(),      &op::pad(),        &op::flip(),       &op::slice_scatter(),
  };
  return ops;
}

}  // namespace dlb
