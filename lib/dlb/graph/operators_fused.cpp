// Operators that optimize() brings in.
#include "dlb/graph/optimize.h"
#include "dlb/graph/windows.h"
#include "dlb/ops/attention.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

Epilogue read_epilogue(const Call& c) {
  const std::string name = c.attribute("activation", "none");
  const std::optional<Activation> activation = find_activation(name);
  if (!activation) c.fail("there is no activation '{}'", name);
  return {*activation, c.attribute("low", 0.0), c.attribute("high", 0.0)};
}

/// `product` with the residual and what follows; a residual of another shape than the product's is added
/// behind it, where it broadcasts.
template <class F>
void with_epilogue(Call& c, const Shape& shape, F&& product) {
  const Epilogue e = read_epilogue(c);
  const Tensor residual = c.optional_tensor(3);
  if (!residual.defined() || residual.shape() == shape) return c.same_type(product(residual, e));
  c.same_type(apply_epilogue(product(Tensor(), Epilogue{}), residual, e));
}

void fused_conv_node(Call& c) {
  const Tensor x = c.tensor(0), weight = c.tensor(1);
  if (weight.rank() < 3) c.fail("expects a weight [O, C, *kernel], got {}", shape_text(weight.shape()));
  const Windows w = read_windows(c, x.shape(), Dims(weight.shape().begin() + 2, weight.shape().end()));
  const ConvAttrs attrs{w.stride, w.before, w.after, w.dilation, c.attribute("group", int64_t{1}), false};
  Shape y{x.dim(0), weight.dim(0)};
  for (const int64_t size : window_counts(c, x.shape(), w)) y.push_back(size);
  with_epilogue(c, y, [&](const Tensor& residual, const Epilogue& e) {
    return fused_conv(x, weight, c.optional_tensor(2), residual, attrs, e);
  });
}

void fused_linear_node(Call& c) {
  const Tensor x = c.tensor(0), weight = c.tensor(1);
  if (x.rank() < 1 || weight.rank() != 2)
    c.fail("expects [*, in] and a weight [out, in], got {} and {}", shape_text(x.shape()),
           shape_text(weight.shape()));
  Shape y = x.shape();
  y.back() = weight.dim(0);
  with_epilogue(c, y, [&](const Tensor& residual, const Epilogue& e) {
    return fused_linear(x, weight, c.optional_tensor(2), residual, e);
  });
}

/// softmax(scale q k^T + mask) v.
void fused_attention(Call& c) {
  const Tensor q = c.tensor(0), k = c.tensor(1), v = c.tensor(2), mask = c.optional_tensor(3);
  const double scale = c.attribute("scale", 1.0);
  const auto leading = [](const Tensor& t) { return Shape(t.shape().begin(), t.shape().end() - 2); };
  bool direct = q.rank() == 4 && k.rank() == 4 && v.rank() == 4 && is_floating(q.dtype());
  direct = direct && leading(q) == leading(k) && leading(q) == leading(v);
  if (direct && mask.defined()) {
    const Shape scores{q.dim(0), q.dim(1), q.dim(2), k.dim(2)};
    direct = mask.rank() <= 4 && broadcast_shapes(mask.shape(), scores) == scores;
  }
  if (direct) return c.same_type(scaled_dot_product_attention(q, k, v, {.mask = mask, .scale = scale}));
  Tensor scores = cast(affine(matmul(q, transpose(k, -2, -1)), scale, 0), q.dtype());
  if (mask.defined() && mask.dtype() == DType::kBool) {
    scores = where(mask, scores, full({}, -std::numeric_limits<double>::infinity(), q.dtype(), q.device()));
  } else if (mask.defined()) {
    scores = add(scores, mask);
  }
  c.same_type(matmul(softmax(scores, -1), v));
}

constexpr Operator kOperators[] = {
    {"FusedConv", &fused_conv_node, 1, kFusedDomain, true, 2},
    {"FusedLinear", &fused_linear_node, 1, kFusedDomain, true, 2},
    {"FusedAttention", &fused_attention, 1, kFusedDomain, true, 3},
};

}  // namespace

std::span<const Operator> fused_operators() { return kOperators; }

}  // namespace dlb::graph
