#include "dlb/nn/mixture.h"

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/matmul.h"
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

Tensor MixtureOfExperts::net(const Tensor& x, int64_t e) const {
  const Tensor h = linear(x, select(w1_, 0, e), select(b1_, 0, e));
  const Tensor a = activation == "gelu" ? gelu(h) : activation == "relu" ? relu(h) : silu(h);
  return linear(a, select(w2_, 0, e), select(b2_, 0, e));
}

Outputs MixtureOfExperts::run(Context& /*c*/, Inputs inputs) {
  const Tensor& input = inputs[0];
  const int64_t features = input.dim(-1);
  const Tensor x = reshape(input, {input.numel() / std::max<int64_t>(features, 1), features});
  const int64_t n = x.dim(0);
  const Tensor probabilities = softmax(linear(x, router_), -1);
  auto [weights, chosen] = topk(probabilities, top_k);  // [n, top_k]
  if (top_k > 1) weights = div(weights, sum(weights, {-1}, kKeepDim));

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
  const Tensor balance = mul(sum(mul(used, mean(probabilities, {0}))), static_cast<double>(experts));
  Shape shape = input.shape();
  shape.back() = w2_.dim(1);
  Outputs outputs;
  outputs.push_back(reshape(y, shape));
  outputs.push_back(balance);
  return outputs;
}

}  // namespace dlb::nn
