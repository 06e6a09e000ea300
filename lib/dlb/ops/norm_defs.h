#pragma once
/// \file The operators behind norm.h, for backends. `weight` and `bias` are optional everywhere; they and the
/// statistics have x's dtype or, for 16-bit x, float32.

#include "dlb/ops/norm.h"

namespace dlb {

struct NormAttrs {
  double eps = 1e-5;
  int64_t dims = 1;    ///< layer norm: how many of the last dimensions
  int64_t groups = 1;  ///< group norm
  bool relu = false;   ///< batch norm in training: y = max(y, 0), fused
};

namespace op {

/// x [N, C, *], channels-last -> mean [C], var [C] (population).
const OpDef& batch_stats();
/// (x, mean, var, weight, bias) -> y. The gradient with respect to x is the total one: mean and var are those
/// of x.
const OpDef& batch_norm_train();
/// (x, mean, var, weight, bias) -> y, with mean and var constants of their own.
const OpDef& batch_norm_eval();
/// (g, x, mean, var, weight, bias where a relu is fused) -> gradients of x, weight, bias in training.
const OpDef& batch_norm_grad();
/// (x, weight, bias) -> y; x is row-major.
const OpDef& layer_norm();
/// (g, x, weight) -> gradients of x, weight, bias.
const OpDef& layer_norm_grad();
/// (x, weight, bias) -> y; x is channels-last.
const OpDef& group_norm();
/// (g, x, weight) -> gradients of x, weight, bias.
const OpDef& group_norm_grad();

}  // namespace op
}  // namespace dlb
