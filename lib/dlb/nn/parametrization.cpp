#include "dlb/nn/parametrization.h"

#include "dlb/nn/init.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/products.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

/// |v| for each output. Shapes: [out, *] -> [out, 1, ...].
Tensor lengths(const Tensor& v) {
  Dims rest;
  for (int i = 1; i < v.rank(); ++i) rest.push_back(i);
  return norm(v, rest, kKeepDim);
}

Tensor as_matrix(const Tensor& w) { return flatten(w, 1); }

}  // namespace

Constraint Weight::choices() { return one_of({"none", "weight_norm", "spectral_norm"}); }

void Weight::declare(Build& b, const std::string& rule, const Shape& shape, Init init) {
  length_ = u_ = v_ = {};
  if (rule == "weight_norm") {
    weight_ = b.parameter("weight_v", shape, init);
    Shape each(shape.size(), 1);
    each[0] = shape[0];
    // The lengths of the numbers that weight_v, the parameter before, gets from its stream.
    length_ = b.parameter("weight_g", each, [init, shape](const Shape&, DType dtype, RngKey key) {
      if (key.index > 0) --key.index;
      return lengths(init(shape, dtype, key));
    });
    return;
  }
  weight_ = b.parameter("weight", shape, init);
  if (rule != "spectral_norm") return;
  int64_t rest = 1;
  for (size_t i = 1; i < shape.size(); ++i) rest *= shape[i];
  const auto random = [&](const char* name, int64_t size) {
    const Tensor t = b.buffer(name, {size}, 0);
    b.variables().back().init = [](const Shape& s, DType dtype, const RngKey& key) {
      return normalize(normal_init(0, 1)(s, dtype, key), 2, {0});
    };
    return t;
  };
  u_ = random("weight_u", shape[0]);
  v_ = random("weight_v", rest);
}

Tensor Weight::value(const Context& c) const {
  if (length_.defined()) return mul(weight_, div(length_, lengths(weight_)));
  if (!u_.defined()) return weight_;
  const Tensor w = as_matrix(weight_);
  Tensor u = u_, v = v_;
  if (c.training && !w.is_meta()) {
    const NoGrad no_grad;
    // New tensors, because the backward pass reads those of this pass.
    u = normalize(mv(w.detach(), v), 2, {0});
    v = normalize(mv(transpose(w.detach(), 0, 1), u), 2, {0});
    u_.assign(u);
    v_.assign(v);
  }
  return div(weight_, dot(u, mv(w, v)));
}

}  // namespace dlb::nn
