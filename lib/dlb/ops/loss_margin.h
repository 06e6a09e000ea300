#pragma once
/// \file Losses of embeddings and rankings, with PyTorch's arguments; see loss_regression.h.

#include <functional>

#include "dlb/ops/loss_reduction.h"

namespace dlb {

/// x where the target is 1, max(0, margin - x) where it is -1.
Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, Reduction reduction, double margin = 1);
/// 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1.
/// Shapes: a, b [N, D] with target [N], or [D] with [].
Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target, Reduction reduction,
                             double margin = 0);
/// max(0, -t (a - b) + margin). The shapes broadcast.
Tensor margin_ranking_loss(const Tensor& a, const Tensor& b, const Tensor& target, Reduction reduction,
                           double margin = 0);

struct TripletOptions {
  double margin = 1;
  double p = 2;       ///< of the norm, which may be infinity; triplet_margin_loss only
  double eps = 1e-6;  ///< added to the difference; triplet_margin_loss only
  bool swap = false;  ///< take the distance of positive and negative where that is smaller
  Reduction reduction = Reduction::kMean;
};
/// max(0, d(anchor, positive) - d(anchor, negative) + margin) with d the p-norm of the difference over the
/// last dimension.
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& options = {});
using Distance = std::function<Tensor(const Tensor&, const Tensor&)>;
/// The same with any distance; a null one stands for the 2-norm.
Tensor triplet_margin_with_distance_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                         const Distance& distance, const TripletOptions& options = {});

}  // namespace dlb
