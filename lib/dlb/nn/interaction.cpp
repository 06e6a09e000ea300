#include "dlb/nn/interaction.h"

#include <cmath>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/bilinear.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/index.h"
#include "dlb/ops/join.h"
#include "dlb/ops/pair_products.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

Fields DotInteraction::fields() {
  static const Field list[] = {
      field<&DotInteraction::self>("self", "include each vector's product with itself")};
  return list;
}
std::pair<int, int> DotInteraction::inputs_allowed() const { return {1, 1 << 16}; }

void DotInteraction::build(Build& b) {
  count_ = 0;
  const int64_t features = b.input().dim(-1);
  for (size_t i = 0; i < b.inputs(); ++i) {
    const TensorSpec& x = b.input(i);
    const bool fits =
        (x.rank() == 2 || x.rank() == 3) && x.dim(0) == b.input().dim(0) && x.dim(-1) == features;
    expect_input(fits, b, i, "dot_interaction", "inputs", "[N, K, D] or [N, D]");
    count_ += x.rank() == 3 ? x.dim(1) : 1;
  }
  if (count_ > 1 << 15) fail(ErrorKind::kShape, "dot_interaction of {} vectors is too large", count_);
}

Outputs DotInteraction::run(Context& /*c*/, Inputs inputs) {
  std::vector<Tensor> parts;
  for (const Tensor& x : inputs) parts.push_back(x.rank() == 2 ? unsqueeze(x, 1) : x);
  const Tensor z = parts.size() == 1 ? parts[0] : cat(parts, 1);
  return one(pair_products(z, self));
}

Fields Bilinear::fields() {
  static const Field list[] = {required<&Bilinear::out>("out", "output features", positive()),
                               field<&Bilinear::bias>("bias", "add a bias")};
  return list;
}
void Bilinear::build(Build& b) {
  for (size_t i = 0; i < 2; ++i)
    expect_input(b.input(i).rank() >= 1, b, i, "bilinear", "inputs", "[..., features]");
  const int64_t in = b.input(0).dim(-1);
  weight_ = b.parameter("weight", {out, in, b.input(1).dim(-1)}, uniform_fan(in));
  if (bias) bias_ = b.parameter("bias", {out}, uniform_fan(in));
}
Outputs Bilinear::run(Context& /*c*/, Inputs inputs) {
  return one(bilinear(inputs[0], inputs[1], weight_, bias_));
}

Fields CosineSimilarity::fields() {
  static const Field list[] = {
      field<&CosineSimilarity::dim>("dim", "dimension of the vectors; negative counts from the last"),
      field<&CosineSimilarity::eps>("eps", "least length", positive())};
  return list;
}
Outputs CosineSimilarity::run(Context& /*c*/, Inputs inputs) {
  return one(cosine_similarity(inputs[0], inputs[1], dim, eps));
}

Fields PairwiseDistance::fields() {
  static const Field list[] = {
      field<&PairwiseDistance::p>("p", "of the norm", non_negative()),
      field<&PairwiseDistance::eps>("eps", "added to the difference", non_negative()),
      field<&PairwiseDistance::keepdim>("keepdim", "keep the last dimension with size 1")};
  return list;
}
Outputs PairwiseDistance::run(Context& /*c*/, Inputs inputs) {
  return one(pairwise_distance(inputs[0], inputs[1], p, eps, keepdim));
}

Outputs DotProduct::run(Context& /*c*/, Inputs inputs) { return one(sum(mul(inputs[0], inputs[1]), {-1})); }

Fields L2Normalize::fields() {
  static const Field list[] = {
      field<&L2Normalize::dim>("dim", "dimension of the vectors; negative counts from the last"),
      field<&L2Normalize::p>("p", "of the norm", positive()),
      field<&L2Normalize::eps>("eps", "least length", positive())};
  return list;
}
void L2Normalize::build(Build& b) { normalize_dim(dim, b.input().rank(), "l2_normalize.dim"); }
Tensor L2Normalize::forward(Context& /*c*/, const Tensor& x) { return normalize(x, p, {dim}, eps); }

}  // namespace dlb::nn
