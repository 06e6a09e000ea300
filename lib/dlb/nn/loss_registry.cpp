#include <vector>

#include "dlb/nn/losses.h"
#include "dlb/nn/losses_class.h"
#include "dlb/nn/losses_pairs.h"
#include "dlb/nn/losses_values.h"
#include "dlb/nn/policy_gradient.h"

namespace dlb::nn {

std::span<const LossType> loss_types() {
  static const std::vector<LossType> types = {
      type_info<Loss, CrossEntropy>("cross_entropy", "classes from logits [N, C, ...] with targets [N, ...]"),
      type_info<Loss, Nll>("nll", "classes from log-probabilities [N, C, ...] with targets [N, ...]"),
      type_info<Loss, Mse>("mse", "squared error"),
      type_info<Loss, L1>("l1", "absolute error"),
      type_info<Loss, Huber>("huber", "squared error near 0, linear from delta on"),
      type_info<Loss, SmoothL1>("smooth_l1", "huber divided by beta"),
      type_info<Loss, BceWithLogits>("bce_with_logits", "binary classes from logits, targets 0 to 1"),
      type_info<Loss, Bce>("bce", "binary classes from probabilities, targets 0 to 1"),
      type_info<Loss, Focal>("focal", "cross-entropy in which what is easy counts less"),
      type_info<Loss, Dice>("dice", "overlap of segmentations, from logits"),
      type_info<Loss, Tversky>("tversky",
                               "overlap with weights of false positives and negatives, from logits"),
      type_info<Loss, Hinge>("hinge", "max(0, margin - t x), targets 1 and -1 (or 0)"),
      type_info<Loss, SoftMargin>("soft_margin", "log(1 + exp(-t x)), targets 1 and -1"),
      type_info<Loss, MultiMargin>("multi_margin",
                                   "by how much other classes [N, C] come near the right one [N]"),
      type_info<Loss, MultilabelMargin>("multilabel_margin",
                                        "multi_margin with several right classes [N, C], ended by -1"),
      type_info<Loss, MultilabelSoftMargin>("multilabel_soft_margin",
                                            "mean binary cross-entropy of classes [N, C] from logits"),
      type_info<Loss, LogCosh>("log_cosh", "log cosh of the error"),
      type_info<Loss, Quantile>("quantile", "least for a quantile of the targets"),
      type_info<Loss, PoissonNll>("poisson_nll", "negative log-likelihood of counts"),
      type_info<Loss, GaussianNll>(
          "gaussian_nll", "negative log-likelihood of normal targets; predictions mean and variance"),
      type_info<Loss, KlDiv>("kl_div", "KL divergence of targets from log-probabilities"),
      type_info<Loss, KlNormal>("kl_normal", "KL divergence from N(0, 1); predictions mu and logvar"),
      type_info<Loss, HingeEmbedding>("hinge_embedding",
                                      "distances: x where t is 1, max(0, margin - x) for -1"),
      type_info<Loss, CosineEmbedding>("cosine_embedding",
                                       "angle of two predictions, to be small where t is 1, large for -1"),
      type_info<Loss, MarginRanking>("margin_ranking", "max(0, margin - t (a - b)) of two predictions"),
      type_info<Loss, TripletMargin>("triplet_margin",
                                     "an anchor nearer to the positive than to the negative prediction"),
      type_info<Loss, Contrastive>("contrastive",
                                   "distance of two predictions: 0 for t = 1, a margin for t = 0"),
      type_info<Loss, InfoNce>("info_nce", "which of the batch belong together, two predictions [N, D]"),
      type_info<Loss, NtXent>("nt_xent", "info_nce over both predictions, as in SimCLR"),
      type_info<Loss, Bpr>("bpr", "-log sigmoid(a - b): what was chosen scores above what was not"),
      type_info<Loss, Ctc>("ctc", "sequences without alignment: logits [N, T, C], targets [N, S]"),
      type_info<Loss, Value>("value", "the prediction's mean itself"),
      type_info<Loss, PolicyGradient>(
          "policy_gradient",
          "rollouts of the policy itself: scores of actions, optionally a value; targets "
          "action and return"),
  };
  return types;
}

}  // namespace dlb::nn
