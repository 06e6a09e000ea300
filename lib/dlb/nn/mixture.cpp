#include "dlb/nn/mixture.h"

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

Fields MixtureOfExperts::fields() {
  using T = MixtureOfExperts;
  static const Field list[] = {
      required<&T::experts>("experts", "number of nets", positive()),
      required<&T::hidden>("hidden", "features inside a net", positive()),
      field<&T::top_k>("top_k", "nets that a row goes through", positive()),
      field<&T::out>("out", "output features; the input's when not given", positive()),
      field<&T::activation>("activation", "of the nets", one_of({"gelu", "relu", "silu"})),
  };
  return list;
}

void MixtureOfExperts::build(Build& b) {
  b.expect(b.input().rank() >= 2 && b.input().dim(-1) > 0, "mixture_of_experts", "[..., features]");
  if (top_k > experts) {
    fail(ErrorKind::kConfig, "mixture_of_experts.top_k must be at most experts {}, got {}", experts, top_k);
  }
  const int64_t in = b.input().dim(-1);
  const int64_t result = out.value_or(in);
  router_ = b.parameter("router.weight", {experts, in}, kaiming_uniform());
  w1_ = b.parameter("w1", {experts, hidden, in}, uniform_fan(in));
  b1_ = b.parameter("b1", {experts, hidden}, uniform_fan(in));
  w2_ = b.parameter("w2", {experts, result, hidden}, uniform_fan(hidden));
  b2_ = b.parameter("b2", {experts, result}, uniform_fan(hidden));
}

Tensor MixtureOfExperts::activated(const Tensor& h) const {
  return activation == "gelu" ? gelu(h) : activation == "relu" ? relu(h) : silu(h);
}

Tensor MixtureOfExperts::net(const Tensor& x, int64_t e) const {
  const Tensor h = linear(x, select(w1_, 0, e), select(b1_, 0, e));
  return linear(activated(h), select(w2_, 0, e), select(b2_, 0, e));
}

/// Each expert sees the rows that chose it.
std::pair<Tensor, Tensor> MixtureOfExperts::routed(const Tensor& x, const Tensor& weights,
                                                   const Tensor& chosen) const {
  const int64_t n = x.dim(0);
  // Rows of each expert, in their order, and which of its choices the row made.
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(experts)), places(static_cast<size_t>(experts));
  if (!x.is_meta()) {
    const std::vector<int64_t> all = chosen.to_vector<int64_t>();
    for (size_t i = 0; i < all.size(); ++i) {
      rows[static_cast<size_t>(all[i])].push_back(static_cast<int64_t>(i) / top_k);
      places[static_cast<size_t>(all[i])].push_back(static_cast<int64_t>(i));
    }
  }
  const Tensor flat_weights = reshape(weights, {n * top_k, 1});
  Tensor y = zeros({n, w2_.dim(1)}, x.dtype(), x.device());
  for (int64_t e = 0; e < experts; ++e) {
    const auto i = static_cast<size_t>(e);
    const auto count = static_cast<int64_t>(rows[i].size());
    if (count == 0 && !x.is_meta()) continue;
    // Without data each expert is taken to get its share.
    const Tensor share = Tensor::empty({n * top_k / experts}, DType::kInt64, kMeta);
    const Tensor row = x.is_meta() ? share : Tensor::from(rows[i], {count});
    const Tensor place = x.is_meta() ? share : Tensor::from(places[i], {count});
    const Tensor part = net(index_select(x, 0, row), e);
    y = index_add(y, 0, row, mul(part, index_select(flat_weights, 0, place)));
  }
  std::vector<double> shares;
  for (const auto& r : rows)
    shares.push_back(static_cast<double>(r.size()) / static_cast<double>(std::max<int64_t>(n * top_k, 1)));
  const Tensor used = x.is_meta() ? Tensor::empty({experts}, x.dtype(), kMeta)
                                  : cast(Tensor::from(shares, {experts}), x.dtype());
  return {y, used};
}

/// Each expert sees all rows, and a row's choices weigh what it says: which rows an expert gets is data, of
/// which operators make no sizes.
std::pair<Tensor, Tensor> MixtureOfExperts::dense(const Tensor& x, const Tensor& weights,
                                                  const Tensor& chosen) const {
  const int64_t n = x.dim(0), inner = experts * hidden;
  const auto by_expert = [](const Tensor& t) { return unsqueeze(permute(t, {1, 0}), 2); };
  const Tensor choices = one_hot(chosen, experts, x.dtype());  // [n, top_k, experts]
  const Tensor taken = sum(choices, {1});
  const Tensor gates = sum(mul(choices, unsqueeze(weights, 2)), {1});
  const Tensor h = linear(x, reshape(w1_, {inner, x.dim(1)}), reshape(b1_, {inner}));
  const Tensor a = permute(reshape(activated(h), {n, experts, hidden}), {1, 0, 2});
  const Tensor parts = add(matmul(a, permute(w2_, {0, 2, 1})), unsqueeze(b2_, 1));  // [experts, n, out]
  // What an expert says that is not chosen must not count, not even if it overflows.
  const Tensor zero = full({}, 0, x.dtype(), x.device());
  const Tensor y = sum(where(gt(by_expert(taken), 0.0), mul(parts, by_expert(gates)), zero), {0});
  return {y, mul(mean(taken, {0}), 1 / static_cast<double>(top_k))};
}

Outputs MixtureOfExperts::run(Context& /*c*/, Inputs inputs) {
  const Tensor& input = inputs[0];
  const int64_t features = input.dim(-1);
  const Tensor x = reshape(input, {input.numel() / std::max<int64_t>(features, 1), features});
  const Tensor probabilities = softmax(linear(x, router_), -1);
  auto [weights, chosen] = topk(probabilities, top_k);  // [n, top_k]
  if (top_k > 1) weights = div(weights, sum(weights, {-1}, kKeepDim));

  const auto [y, used] = recording() ? dense(x, weights, chosen) : routed(x, weights, chosen);
  const Tensor balance = mul(sum(mul(used, mean(probabilities, {0}))), static_cast<double>(experts));
  Shape shape = input.shape();
  shape.back() = w2_.dim(1);
  Outputs outputs;
  outputs.push_back(reshape(y, shape));
  outputs.push_back(balance);
  return outputs;
}

}  // namespace dlb::nn
