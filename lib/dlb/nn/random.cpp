#include "dlb/nn/random.h"

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/activation.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/embedding.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

Shape rows_of(const Tensor& x, const std::vector<int64_t>& shape) {
  Shape all = {x.dim(0)};
  for (const int64_t s : shape) all.push_back(s);
  numel(all);
  return all;
}

}  // namespace

Fields GaussianNoise::fields() {
  static const Field list[] = {field<&GaussianNoise::std>("std", "standard deviation", non_negative())};
  return list;
}
Tensor GaussianNoise::forward(Context& c, const Tensor& x) {
  if (!c.training) return x;
  const RngKey key = c.next_key(RngPurpose::kSample);
  return std > 0 ? add(x, normal(x.shape(), 0, std, key, x.dtype(), x.device())) : x;
}

Fields RandomNormal::fields() {
  static const Field list[] = {
      required<&RandomNormal::shape>("shape", "sizes behind the batch", items(positive(), 0, 7)),
      field<&RandomNormal::mean>("mean", "mean"),
      field<&RandomNormal::std>("std", "standard deviation", non_negative()),
  };
  return list;
}
void RandomNormal::build(Build& b) {
  b.expect(b.input().rank() >= 1, "random_normal", "[N, ...]");
  dtype_ = b.dtype();
}
Tensor RandomNormal::forward(Context& c, const Tensor& x) {
  return normal(rows_of(x, shape), mean, std, c.next_key(RngPurpose::kSample), dtype_, x.device());
}

Fields RandomUniform::fields() {
  static const Field list[] = {
      required<&RandomUniform::shape>("shape", "sizes behind the batch", items(positive(), 0, 7)),
      field<&RandomUniform::low>("low", "least value"),
      field<&RandomUniform::high>("high", "greatest value, not reached"),
  };
  return list;
}
void RandomUniform::build(Build& b) {
  b.expect(b.input().rank() >= 1, "random_uniform", "[N, ...]");
  if (low > high)
    fail(ErrorKind::kConfig, "random_uniform needs low not above high, got {} and {}", low, high);
  dtype_ = b.dtype();
}
Tensor RandomUniform::forward(Context& c, const Tensor& x) {
  return uniform(rows_of(x, shape), low, high, c.next_key(RngPurpose::kSample), dtype_, x.device());
}

Fields Reparameterize::fields() {
  static const Field list[] = {field<&Reparameterize::always>("always", "sample outside training as well")};
  return list;
}
std::span<const std::string_view> Reparameterize::input_names() const {
  static constexpr std::string_view kNames[] = {"mu", "logvar"};
  return kNames;
}
void Reparameterize::build(Build& b) {
  expect_input(b.input(1).shape == b.input().shape, b, 1, "reparameterize", "logvar",
               shape_text(b.input().shape));
}
Outputs Reparameterize::run(Context& c, Inputs inputs) {
  const Tensor& mu = inputs[0];
  if (!c.training && !always) return one(mu);
  const Tensor n = normal(mu.shape(), 0, 1, c.next_key(RngPurpose::kSample), mu.dtype(), mu.device());
  return one(add(mu, mul(exp(mul(inputs[1], 0.5)), n)));
}

Fields GumbelSoftmax::fields() {
  static const Field list[] = {
      field<&GumbelSoftmax::tau>("tau", "temperature: towards 0 one class remains", positive()),
      field<&GumbelSoftmax::hard>("hard", "one-hot vectors, with the soft values' gradient"),
      field<&GumbelSoftmax::dim>("dim", "dimension of the classes; negative counts from the last"),
  };
  return list;
}
void GumbelSoftmax::build(Build& b) { normalize_dim(dim, b.input().rank(), "gumbel_softmax.dim"); }
Tensor GumbelSoftmax::forward(Context& c, const Tensor& x) {
  return gumbel_softmax(x, tau, hard, dim, c.next_key(RngPurpose::kSample));
}

Fields StraightThrough::fields() {
  static const Field list[] = {
      field<&StraightThrough::function>("function", "what is computed; `binary` is 1 above 0, else 0",
                                        one_of({"round", "sign", "binary", "floor"}))};
  return list;
}
Tensor StraightThrough::forward(Context& /*c*/, const Tensor& x) {
  const Tensor d = x.detach();
  const Tensor y = function == "round"   ? round(d)
                   : function == "sign"  ? sign(d)
                   : function == "floor" ? floor(d)
                                         : cast(gt(d, 0.0), x.dtype());
  // Not x + (y - x), which is y only up to rounding.
  return add(sub(x, d), y);
}

Fields VectorQuantize::fields() {
  static const Field list[] = {
      required<&VectorQuantize::count>("count", "vectors in the codebook", positive()),
      field<&VectorQuantize::beta>("beta", "weight of the commitment loss", non_negative()),
  };
  return list;
}
void VectorQuantize::build(Build& b) {
  b.expect(b.input().rank() >= 2 && b.input().dim(-1) > 0, "vector_quantize", "[..., features]");
  const double bound = 1 / static_cast<double>(count);
  weight_ = b.parameter("weight", {count, b.input().dim(-1)}, uniform_init(-bound, bound));
}
Outputs VectorQuantize::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  const int64_t features = x.dim(-1);
  const Tensor flat = reshape(x, {x.numel() / features, features});
  const Tensor nearest = argmin(cdist(flat.detach(), weight_.detach()), 1);
  Shape places = x.shape();
  places.pop_back();
  const Tensor index = reshape(nearest, places);
  const Tensor e = embedding(weight_, index);
  const auto distance = [](const Tensor& a, const Tensor& b) { return mean(square(sub(a, b))); };
  const Tensor loss = add(distance(e, x.detach()), mul(distance(x, e.detach()), beta));
  Outputs out;
  out.push_back(add(sub(x, x.detach()), e.detach()));
  out.push_back(loss);
  out.push_back(index);
  return out;
}

}  // namespace dlb::nn
