#include "dlb/nn/adaptive_softmax.h"

#include <algorithm>
#include <cmath>

#include "dlb/nn/init.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/join.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

Fields AdaptiveLogSoftmax::fields() {
  using T = AdaptiveLogSoftmax;
  static const Field list[] = {
      required<&T::classes>("classes", "number of classes", positive()),
      required<&T::cutoffs>("cutoffs", "first class of each cluster, ascending", items(positive(), 1, 64)),
      field<&T::div_value>("div_value", "how much fewer features each cluster has", at_least(1)),
      field<&T::head_bias>("head_bias", "add a bias to the head"),
  };
  return list;
}

void AdaptiveLogSoftmax::build(Build& b) {
  b.expect(b.input().rank() >= 2 && b.input().dim(-1) > 0, "adaptive_log_softmax", "[..., features]");
  std::vector<int64_t> ends = cutoffs;
  ends.push_back(classes);
  for (size_t i = 1; i < ends.size(); ++i) {
    if (ends[i - 1] >= ends[i]) {
      fail(ErrorKind::kConfig, "adaptive_log_softmax.cutoffs must ascend below classes {}, got {}", classes,
           shape_text(cutoffs));
    }
  }
  const int64_t features = b.input().dim(-1);
  const int64_t head = cutoffs[0] + static_cast<int64_t>(cutoffs.size());
  head_ = b.parameter("head.weight", {head, features}, kaiming_uniform());
  if (head_bias) bias_ = b.parameter("head.bias", {head}, uniform_fan(features));
  clusters_.clear();
  for (size_t i = 0; i < cutoffs.size(); ++i) {
    const double share = std::pow(div_value, static_cast<double>(i) + 1);
    const auto inner = static_cast<int64_t>(static_cast<double>(features) / share);
    if (inner < 1) {
      fail(ErrorKind::kConfig, "adaptive_log_softmax leaves no feature of {} to cluster {}", features, i);
    }
    const std::string name = fmt::format("tail.{}", i);
    Cluster cluster;
    cluster.inner = b.parameter(name + ".0.weight", {inner, features}, kaiming_uniform());
    cluster.outer = b.parameter(name + ".1.weight", {ends[i + 1] - ends[i], inner}, kaiming_uniform());
    clusters_.push_back(std::move(cluster));
  }
}

Tensor AdaptiveLogSoftmax::forward(Context& /*c*/, const Tensor& x) {
  const Tensor head = log_softmax(linear(x, head_, bias_), -1);
  std::vector<Tensor> parts = {narrow(head, -1, 0, cutoffs[0])};
  for (size_t i = 0; i < clusters_.size(); ++i) {
    const Tensor within = log_softmax(linear(linear(x, clusters_[i].inner), clusters_[i].outer), -1);
    parts.push_back(add(within, narrow(head, -1, cutoffs[0] + static_cast<int64_t>(i), 1)));
  }
  return cat(parts, -1);
}

}  // namespace dlb::nn
