#pragma once
/// \file Connectionist temporal classification.
///
/// **Source**: Graves et al., "Connectionist temporal classification", ICML 2006.

#include "dlb/ops/loss_reduction.h"

namespace dlb {

struct CtcOptions {
  int64_t blank = 0;
  Reduction reduction = Reduction::kMean;  ///< the mean is of the losses divided by their target's length
  bool zero_infinity = false;              ///< targets longer than their input give 0, not infinity
};

/// -log of the probability of the target, summed over all alignments. The gradient is that with respect to
/// the scores before log_softmax, as in PyTorch: log_probabilities must come from it. Shapes:
/// log_probabilities [T, N, C] with targets [N, S] or all behind each other [sum of lengths], lengths [N]; or
/// [T, C] with targets [S] and lengths [] or [1]. Errors: shape, dtype; data for a bad length or class.
Tensor ctc_loss(const Tensor& log_probabilities, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options = {});

}  // namespace dlb
