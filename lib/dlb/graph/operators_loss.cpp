// Losses of ONNX.
#include <limits>

#include "dlb/graph/operator.h"
#include "dlb/ops/create.h"
#include "dlb/ops/loss_class.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

/// The loss of log-probabilities [N, C, *], with the class that input 1 names and the weights of input 2.
void loss_of(Call& c, const Tensor& log_probabilities) {
  const std::string reduction = c.attribute("reduction", "mean");
  ClassLossOptions options;
  if (reduction == "none") {
    options.reduction = Reduction::kNone;
  } else if (reduction == "sum") {
    options.reduction = Reduction::kSum;
  } else if (reduction != "mean") {
    c.fail("reduction must be none, sum or mean, got '{}'", reduction);
  }
  options.weight = c.optional_tensor(2);
  // Without the attribute no class is left out: this one cannot be.
  options.ignore_index = c.attribute("ignore_index", std::numeric_limits<int64_t>::min());
  const Tensor target = cast(c.tensor(1), DType::kInt64);
  c.same_type(nll_loss(log_probabilities, target, options));
}

void negative_log_likelihood(Call& c) { loss_of(c, c.tensor(0)); }

void softmax_cross_entropy(Call& c) {
  const Tensor x = c.tensor(0);
  if (x.rank() < 2) c.fail("expects scores [N, C, *], got {}", shape_text(x.shape()));
  const Tensor log_probabilities = log_softmax(x, 1);
  loss_of(c, log_probabilities);
  if (c.wants(1)) c.same_type(log_probabilities, 1);
}

constexpr Operator kOperators[] = {
    {"NegativeLogLikelihoodLoss", &negative_log_likelihood, 12, "", true, 2},
    {"SoftmaxCrossEntropyLoss", &softmax_cross_entropy, 12, "", true, 2},
};

}  // namespace

std::span<const Operator> loss_operators() { return kOperators; }

}  // namespace dlb::graph
