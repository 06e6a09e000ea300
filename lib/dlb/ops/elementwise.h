#pragma once
/// \file What the elementwise families share: output layout, type promotion of operands, cost, gradients of
/// broadcasting.

#include "dlb/ops/op.h"

namespace dlb {

/// The common dtype of operands by PyTorch's rule: 0-d tensors do not raise the dtype within a category (bool
/// < integer < floating).
DType promote_operands(Inputs operands);

/// Strides of an elementwise result of that shape: those of the operands that are not broadcast when they
/// agree and are dense, row-major otherwise.
Strides elementwise_strides(const Shape& shape, Inputs operands);

/// Adds the output of an elementwise operator: operands broadcast, layout kept.
void elementwise_output(Infer& c, Inputs operands, DType dtype);

/// `g`, the gradient of a broadcast and promoted result, as the gradient of an operand with that spec.
Tensor operand_grad(const Tensor& g, const TensorSpec& operand);

/// Bytes of all inputs and outputs.
double moved_bytes(Inputs in, Inputs out);

/// Cost of an elementwise operator with `kFlops` operations for each output element.
template <int kFlops, class A = NoAttrs>
Cost per_element(Inputs in, Inputs out, const A&) {
  return {static_cast<double>(kFlops) * static_cast<double>(out[0].numel()), moved_bytes(in, out)};
}

}  // namespace dlb
