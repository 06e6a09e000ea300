#pragma once
/// \file Losses of classifiers, with PyTorch's arguments; see loss_regression.h.

#include "dlb/ops/loss_reduction.h"

namespace dlb {

/// Of cross_entropy and nll_loss. The mean divides by the total weight of the targets that count.
struct ClassLossOptions {
  Tensor weight = {};  ///< one for each class, or undefined
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::kMean;
  double label_smoothing = 0;  ///< cross_entropy only
};
/// Shapes: x [C] with target [], or [N, C, *] with target [N, *] of integers; or a target of x's shape with
/// the probabilities of the classes, where the mean divides by the number of samples. Errors: shape, dtype;
/// config for label_smoothing outside 0 to 1; data for a class that does not exist.
Tensor cross_entropy(const Tensor& x, const Tensor& target, const ClassLossOptions& options);
/// -w[t] x[t], the same from log-probabilities. Shapes as above, integer targets only.
Tensor nll_loss(const Tensor& x, const Tensor& target, const ClassLossOptions& options);

/// -w (t log x + (1 - t) log(1 - x)), logarithms limited to -100. Shapes: target as x; weight broadcasts.
/// Errors: data for x outside 0 to 1.
Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, Reduction reduction,
                            const Tensor& weight = {});
/// The same from logits; positive targets weighted by pos_weight (broadcasts).
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, Reduction reduction,
                                        const Tensor& weight = {}, const Tensor& pos_weight = {});

/// log(1 + exp(-t x)), targets 1 and -1.
Tensor soft_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction);
/// Mean over the classes of binary_cross_entropy_with_logits. Shapes: x, target [*, C].
Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction,
                                   const Tensor& weight = {});
/// sum over i != t of w[t] max(0, margin - x[t] + x[i])^p / C. Shapes: x [C] or [N, C], target [] or [N],
/// weight [C]. Errors: config unless p is 1 or 2; data for a class that does not exist.
struct MultiMarginOptions {
  int64_t p = 1;
  double margin = 1;
  Tensor weight = {};
  Reduction reduction = Reduction::kMean;
};
Tensor multi_margin_loss(const Tensor& x, const Tensor& target, const MultiMarginOptions& options = {});
/// sum over targets j and other classes i of max(0, 1 - x[j] + x[i]) / C; the targets of a row end at the
/// first negative one. Shapes: x and target [C] or [N, C]. Errors: data for a class that does not exist.
Tensor multilabel_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction);

}  // namespace dlb
