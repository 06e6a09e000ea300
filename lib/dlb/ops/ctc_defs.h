#pragma once
/// \file The operators behind ctc.h, for backends.

#include "dlb/ops/ctc.h"

namespace dlb {

struct CtcAttrs {
  int64_t blank = 0;
  bool zero_infinity = false;
  static Fields fields();
};

namespace op {
/// (log-probabilities [T, N, C], targets [N, S] or [all], input lengths [N], target lengths [N], all int64)
/// -> loss of each sequence [N].
const OpDef& ctc_loss();
/// (g [N], log-probabilities, targets, input lengths, target lengths) -> gradient [T, N, C].
const OpDef& ctc_loss_grad();
}  // namespace op

}  // namespace dlb
