#include "dlb/autograd/grad_check.h"

#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/base/error.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/op.h"
#include "dlb/ops/reduce.h"
#include "dlb/tensor/random.h"

namespace dlb {

namespace {

/// Fixed weights in [0.5, 1.5) that turn the outputs into one number sensitive to every element.
Tensor weights_for(const Tensor& t, uint32_t index) {
  RandomStream random({.seed = 97, .purpose = RngPurpose::kUser, .step = 0, .index = index});
  std::vector<double> values(static_cast<size_t>(t.numel()));
  for (double& v : values) v = 0.5 + random.uniform_double();
  return Tensor::from(values, t.shape());
}

Tensor weighted_sum(const std::vector<Tensor>& outputs) {
  Tensor total;
  uint32_t index = 0;
  for (const Tensor& t : outputs) {
    ++index;
    if (!t.defined() || !is_floating(t.dtype())) continue;
    const Tensor part = sum(mul(t, weights_for(t, index)));
    total = total.defined() ? add(total, part) : part;
  }
  return total;
}

/// A copy that is a fresh leaf in the same memory layout.
std::vector<Tensor> fresh_leaves(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  for (const Tensor& t : inputs) {
    if (!t.defined() || !t.requires_grad()) {
      leaves.push_back(t);
      continue;
    }
    Tensor copy = Tensor::empty(t.shape(), t.dtype());
    copy.assign(t.detach());
    copy.set_requires_grad(true);
    leaves.push_back(copy);
  }
  return leaves;
}

using Scalar = std::function<Tensor(const std::vector<Tensor>&)>;

std::string compare(const Scalar& f, const std::vector<Tensor>& inputs, const GradCheckOptions& options,
                    const char* order) {
  const std::vector<Tensor> leaves = fresh_leaves(inputs);
  std::vector<Tensor> wanted;
  std::vector<size_t> positions;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].defined() && leaves[i].requires_grad()) {
      wanted.push_back(leaves[i]);
      positions.push_back(i);
    }
  }
  const Tensor value = f(leaves);
  std::vector<Tensor> gradients(wanted.size());
  if (value.requires_grad()) gradients = grad({value}, wanted);

  for (size_t k = 0; k < wanted.size(); ++k) {
    const Tensor& x = wanted[k];
    const std::vector<double> analytic = gradients[k].defined()
                                             ? gradients[k].to_vector<double>()
                                             : std::vector<double>(static_cast<size_t>(x.numel()), 0.0);
    double* data = x.data<double>();
    for (int64_t j = 0; j < x.numel(); ++j) {
      const double original = data[j];
      data[j] = original + options.eps;
      const double above = f(leaves).item();
      data[j] = original - options.eps;
      const double below = f(leaves).item();
      data[j] = original;
      const double numeric = (above - below) / (2 * options.eps);
      const double exact = analytic[static_cast<size_t>(j)];
      if (!(std::abs(numeric - exact) <= options.atol + options.rtol * std::abs(numeric))) {
        return fmt::format("{} gradient of input {} element {}: {} by vjp, {} by finite differences", order,
                           positions[k], j, exact, numeric);
      }
    }
  }
  return {};
}

}  // namespace

std::string grad_check(const TensorFunction& f, const std::vector<Tensor>& inputs,
                       const GradCheckOptions& options) {
  for (const Tensor& t : inputs) {
    if (t.defined() && t.requires_grad()) DLB_CHECK(t.dtype() == DType::kFloat64);
  }
  const std::string first =
      compare([&](const std::vector<Tensor>& in) { return weighted_sum(f(in)); }, inputs, options, "first");
  if (!first.empty() || !options.second_order) return first;

  const Scalar gradient_sum = [&](const std::vector<Tensor>& in) {
    std::vector<Tensor> wanted;
    for (const Tensor& t : in) {
      if (t.defined() && t.requires_grad()) wanted.push_back(t);
    }
    const Tensor value = weighted_sum(f(in));
    Tensor total = Tensor::scalar(0, DType::kFloat64);
    if (!value.requires_grad()) return total;
    for (const Tensor& g : grad({value}, wanted, {}, true, true)) {
      // Squaring makes the sum depend on the gradient also where that is constant in sign.
      if (g.defined()) total = add(total, sum(mul(mul(g, g), weights_for(g, 7))));
    }
    return total;
  };
  return compare(gradient_sum, inputs, options, "second");
}

}  // namespace dlb
