#include "dlb/nn/losses_pairs.h"

#include <limits>

#include "dlb/nn/loss_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/loss_margin.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

Tensor counting(int64_t first, int64_t end, Device device) {
  return arange(static_cast<double>(first), static_cast<double>(end), 1, DType::kInt64, device);
}

void expect_vectors(const Tensor& a, const Tensor& b, std::string_view loss) {
  expect_alike(a, b, loss);
  expect_form(a.rank() == 2, loss, "predictions", "[N, D]", a);
}

Tensor samples(const Tensor& prediction, const Tensor& target, std::string_view loss) {
  const int64_t n = prediction.dim(0);
  expect_form(target.shape() == Shape{n}, loss, "target", fmt::format("[{}]", n), target);
  return cast(target, prediction.dtype());
}

}  // namespace

Fields HingeEmbedding::fields() {
  static const Field list[] = {field<&HingeEmbedding::margin>("margin", "that targets of -1 must reach")};
  return list;
}
LossSum HingeEmbedding::compute(const Tensor& prediction, const Tensor& target) const {
  return total(hinge_embedding_loss(prediction, matching(prediction, target, "hinge_embedding"),
                                    Reduction::kNone, margin));
}

Fields CosineEmbedding::fields() {
  static const Field list[] = {
      field<&CosineEmbedding::margin>("margin", "cosine that targets of -1 may have", between(-1, 1))};
  return list;
}
LossSum CosineEmbedding::evaluate(Inputs predictions, Inputs targets) const {
  expect_vectors(predictions[0], predictions[1], "cosine_embedding");
  return total(cosine_embedding_loss(predictions[0], predictions[1],
                                     samples(predictions[0], targets[0], "cosine_embedding"),
                                     Reduction::kNone, margin));
}

Fields MarginRanking::fields() {
  static const Field list[] = {field<&MarginRanking::margin>("margin", "by which the larger must lead")};
  return list;
}
LossSum MarginRanking::evaluate(Inputs predictions, Inputs targets) const {
  expect_alike(predictions[0], predictions[1], "margin_ranking");
  return total(margin_ranking_loss(predictions[0], predictions[1],
                                   matching(predictions[0], targets[0], "margin_ranking"), Reduction::kNone,
                                   margin));
}

Fields TripletMargin::fields() {
  static const Field list[] = {
      field<&TripletMargin::margin>("margin", "by which the negative must be farther", positive()),
      field<&TripletMargin::p>("p", "of the distance's norm", positive()),
      field<&TripletMargin::eps>("eps", "added to differences", non_negative()),
      field<&TripletMargin::swap>("swap", "take the positive's distance to the negative where it is smaller"),
  };
  return list;
}
LossSum TripletMargin::evaluate(Inputs predictions, Inputs /*targets*/) const {
  expect_alike(predictions[0], predictions[1], "triplet_margin");
  expect_alike(predictions[0], predictions[2], "triplet_margin");
  return total(triplet_margin_loss(predictions[0], predictions[1], predictions[2],
                                   {margin, p, eps, swap, Reduction::kNone}));
}

Fields Contrastive::fields() {
  static const Field list[] = {
      field<&Contrastive::margin>("margin", "distance that targets of 0 must reach", positive())};
  return list;
}
LossSum Contrastive::evaluate(Inputs predictions, Inputs targets) const {
  Tensor d = predictions[0];
  if (predictions.size() > 1) {
    expect_vectors(predictions[0], predictions[1], "contrastive");
    d = pairwise_distance(predictions[0], predictions[1]);
  }
  expect_form(d.rank() == 1, "contrastive", "distances", "[N]", d);
  const Tensor t = samples(d, targets[0], "contrastive");
  const Tensor near = mul(t, square(d)), far = mul(1.0 - t, square(relu(margin - d)));
  return total(mul(add(near, far), 0.5));
}

Fields InfoNce::fields() {
  static const Field list[] = {
      field<&InfoNce::temperature>("temperature", "what products are divided by", positive()),
      field<&InfoNce::normalize>("normalize", "scale vectors to length 1 first"),
      field<&InfoNce::symmetric>("symmetric", "the mean of both ways"),
  };
  return list;
}
LossSum InfoNce::evaluate(Inputs predictions, Inputs /*targets*/) const {
  Tensor a = predictions[0], b = predictions[1];
  expect_vectors(a, b, "info_nce");
  if (normalize) {
    a = dlb::normalize(a);
    b = dlb::normalize(b);
  }
  const Tensor logits = mul(matmul(a, transpose(b, 0, 1)), 1 / temperature);
  const Tensor right = counting(0, a.dim(0), a.device());
  const LossSum loss = cross_entropy(logits, right);
  if (!symmetric) return loss;
  return {mul(add(loss.sum, cross_entropy(transpose(logits, 0, 1), right).sum), 0.5), loss.count};
}

Fields NtXent::fields() {
  static const Field list[] = {
      field<&NtXent::temperature>("temperature", "what cosines are divided by", positive())};
  return list;
}
LossSum NtXent::evaluate(Inputs predictions, Inputs /*targets*/) const {
  const Tensor &a = predictions[0], &b = predictions[1];
  expect_vectors(a, b, "nt_xent");
  const int64_t n = a.dim(0);
  const Tensor z = dlb::normalize(cat({a, b}, 0));
  const Tensor products = mul(matmul(z, transpose(z, 0, 1)), 1 / temperature);
  const Tensor place = counting(0, 2 * n, z.device());
  const Tensor hidden = full({}, -std::numeric_limits<double>::infinity(), z.dtype(), z.device());
  const Tensor logits = where(eq(unsqueeze(place, 1), place), hidden, products);
  const Tensor right = cat({counting(n, 2 * n, z.device()), counting(0, n, z.device())}, 0);
  return cross_entropy(logits, right);
}

LossSum Bpr::evaluate(Inputs predictions, Inputs /*targets*/) const {
  expect_alike(predictions[0], predictions[1], "bpr");
  return total(neg(logsigmoid(sub(predictions[0], predictions[1]))));
}

}  // namespace dlb::nn
