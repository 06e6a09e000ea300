// Operators of ONNX's domain ai.onnx.preview.training: steps of optimizers, and gradients.
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/op.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr std::string_view kDomain = "ai.onnx.preview.training";

/// How many tensors an optimizer works on: after R and T come `kinds` groups of so many inputs.
size_t tensors_of(const Call& c, size_t kinds) {
  if (c.inputs() < 2 || (c.inputs() - 2) % kinds != 0)
    c.fail("{} inputs, expected R, T and {} for each tensor", c.inputs(), kinds);
  const size_t n = (c.inputs() - 2) / kinds;
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 1; k < kinds; ++k) {
      const Value& v = c.value(2 + i + k * n);
      if (v.shape() != c.tensor(2 + i).shape() || v.element != c.element(2 + i))
        c.fail("tensor {} is {}, what belongs to it {}", i, describe(c.value(2 + i)), describe(v));
    }
  }
  return n;
}

/// The gradient of tensor i with that of coefficient / 2 |x|^2.
Tensor regularized(const Call& c, size_t i, size_t n) {
  return add(affine(c.tensor(2 + i), c.attribute("norm_coefficient", 0.0), 0), c.tensor(2 + n + i));
}

void adagrad(Call& c) {
  const size_t n = tensors_of(c, 3);
  const double rate =
      c.number(0) / (1 + static_cast<double>(c.integer(1)) * c.attribute("decay_factor", 0.0));
  const double epsilon = c.attribute("epsilon", 1e-6);
  for (size_t i = 0; i < n; ++i) {
    const Tensor g = regularized(c, i, n);
    const Tensor h = add(c.tensor(2 + 2 * n + i), mul(g, g));
    const Tensor step = div(g, affine(sqrt(h), 1, epsilon));
    c.output(i, Value(sub(c.tensor(2 + i), affine(step, rate, 0)), c.element(2 + i)));
    c.output(n + i, Value(h, c.element(2 + i)));
  }
}

void adam(Call& c) {
  const size_t n = tensors_of(c, 4);
  const double alpha = c.attribute("alpha", 0.9), beta = c.attribute("beta", 0.999);
  const double epsilon = c.attribute("epsilon", 1e-6), post = c.attribute("norm_coefficient_post", 0.0);
  const double t = static_cast<double>(c.integer(1));
  double rate = c.number(0);
  if (t > 0) rate *= std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t));
  for (size_t i = 0; i < n; ++i) {
    const Tensor g = regularized(c, i, n);
    const Tensor v = add(affine(c.tensor(2 + 2 * n + i), alpha, 0), affine(g, 1 - alpha, 0));
    const Tensor h = add(affine(c.tensor(2 + 3 * n + i), beta, 0), affine(mul(g, g), 1 - beta, 0));
    const Tensor step = div(v, affine(sqrt(h), 1, epsilon));
    const Tensor x = sub(c.tensor(2 + i), affine(step, rate, 0));
    c.output(i, Value(affine(x, 1 - post, 0), c.element(2 + i)));
    c.output(n + i, Value(v, c.element(2 + i)));
    c.output(2 * n + i, Value(h, c.element(2 + i)));
  }
}

void momentum(Call& c) {
  const size_t n = tensors_of(c, 3);
  const std::string mode = c.attribute("mode", "standard");
  if (mode != "standard" && mode != "nesterov") c.fail("mode must be standard or nesterov, got '{}'", mode);
  const double rate = c.number(0), alpha = c.attribute("alpha", 0.0);
  const double beta = c.integer(1) > 0 ? c.attribute("beta", 1.0) : 1;
  for (size_t i = 0; i < n; ++i) {
    const Tensor g = regularized(c, i, n);
    const Tensor v = add(affine(c.tensor(2 + 2 * n + i), alpha, 0), affine(g, beta, 0));
    const Tensor step = mode == "nesterov" ? add(g, affine(v, alpha, 0)) : v;
    c.output(i, Value(sub(c.tensor(2 + i), affine(step, rate, 0)), c.element(2 + i)));
    c.output(n + i, Value(v, c.element(2 + i)));
  }
}

/// Gradients of the output of a graph, which a session puts into attribute `body`, with respect to its first
/// inputs, those of attribute `xs`.
void gradient(Call& c) {
  const Graph& body = c.subgraph("body");
  const size_t wanted = c.strings("xs").size();
  GradMode record(true);
  std::vector<Value> inputs;
  std::vector<Tensor> leaves;
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    Value v = c.value(i);
    if (i < wanted) {
      if (!v.is_tensor() || !is_floating(v.tensor.dtype()))
        c.fail("there is no gradient with respect to {}", describe(v));
      v.tensor = v.tensor.detach();
      v.tensor.set_requires_grad(true);
      leaves.push_back(v.tensor);
    }
    inputs.push_back(std::move(v));
  }
  const Value y = c.run(body, std::move(inputs)).at(0);
  if (!y.is_tensor() || !is_floating(y.tensor.dtype())) c.fail("there is no gradient of {}", describe(y));
  for (const Tensor& leaf : leaves) {
    if (leaf.is_meta()) throw NeedsData{};
  }
  std::vector<Tensor> gradients(leaves.size());
  if (y.tensor.requires_grad()) gradients = grad({y.tensor}, leaves, {ones_like(y.tensor)});
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Tensor g = gradients[i].defined() ? gradients[i] : zeros_like(leaves[i]);
    c.output(i, Value(g.detach(), c.element(i)));
  }
}

constexpr Operator kOperators[] = {
    {"Adagrad", &adagrad, 1, kDomain, true, 2},
    {"Adam", &adam, 1, kDomain, true, 2},
    {"Momentum", &momentum, 1, kDomain, true, 2},
    {"Gradient", &gradient, 1, kDomain, false, 1},
};

}  // namespace

std::span<const Operator> training_operators() { return kOperators; }

}  // namespace dlb::graph
