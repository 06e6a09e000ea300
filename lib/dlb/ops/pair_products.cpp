#include "dlb/ops/pair_products.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/scatter.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/view.h"

namespace dlb {

Fields PairAttrs::fields() {
  static const Field list[] = {field<&PairAttrs::self>("self", "each vector's product with itself as well")};
  return list;
}

namespace {

int64_t pairs_of(int64_t n, bool self) { return n * (self ? n + 1 : n - 1) / 2; }

void check_vectors(const Infer& c, int i) {
  c.floating(i);
  c.rank(i, 3);
  if (c.input(i).dim(1) > int64_t{1} << 20) c.fail_shape("of {} vectors is too large", c.input(i).dim(1));
}

void infer_pairs(Infer& c, const PairAttrs& a) {
  check_vectors(c, 0);
  const TensorSpec& x = c.input(0);
  const Shape shape{x.dim(0), pairs_of(x.dim(1), a.self)};
  static_cast<void>(numel(shape));
  c.output(shape, x.dtype);
}

void infer_pairs_grad(Infer& c, const PairAttrs& a) {
  check_vectors(c, 1);
  c.same_dtype(0, 1);
  const TensorSpec& x = c.input(1);
  if (!(c.input(0).shape == Shape{x.dim(0), pairs_of(x.dim(1), a.self)}))
    c.fail_shape("got gradient {} for input {}", shape_text(c.input(0).shape), shape_text(x.shape));
  c.output(x.shape, x.dtype);
}

/// Places of the pairs in the flattened [n, n].
Tensor places(int64_t n, bool self) {
  std::vector<int64_t> list;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i + (self ? 1 : 0); ++j) list.push_back(i * n + j);
  }
  const auto count = static_cast<int64_t>(list.size());
  return Tensor::from(list, {count});
}

/// The gradient of the pairs as a matrix [N, n, n].
Tensor as_matrix(const Tensor& g, int64_t n, bool self) {
  const Tensor flat = zeros({g.dim(0), n * n}, g.dtype(), g.device());
  if (g.is_meta()) return reshape(flat, {g.dim(0), n, n});
  return reshape(index_add(flat, 1, places(n, self), g), {g.dim(0), n, n});
}

Outputs reference_pairs(Inputs in, const PairAttrs& a) {
  const Tensor& x = in[0];
  const int64_t n = x.dim(1);
  const Tensor all = reshape(matmul(x, transpose(x, 1, 2)), {x.dim(0), n * n});
  return {index_select(all, 1, places(n, a.self))};
}

Outputs reference_pairs_grad(Inputs in, const PairAttrs& a) {
  const Tensor g = as_matrix(in[0], in[1].dim(1), a.self);
  return {matmul(add(g, transpose(g, 1, 2)), in[1])};
}

void vjp_pairs(Vjp& c, const PairAttrs& a) {
  if (!grad_enabled()) {
    c.input_grad(0, apply1(op::pair_products_grad(), {c.grad(0), c.input(0)}, a));
    return;
  }
  const Tensor in[] = {c.grad(0), c.input(0)};
  c.input_grad(0, reference_pairs_grad(in, a)[0]);
}

double flops_of(const TensorSpec& x, double products) {
  return products * 2 * static_cast<double>(x.numel()) * static_cast<double>(x.dim(1)) / 2;
}
Cost cost_pairs(Inputs in, Inputs out, const PairAttrs&) {
  return {flops_of(in[0].spec(), 1), moved_bytes(in, out)};
}
Cost cost_pairs_grad(Inputs in, Inputs out, const PairAttrs&) {
  return {flops_of(in[1].spec(), 2), moved_bytes(in, out)};
}

}  // namespace

namespace op {

const OpDef& pair_products() {
  static const OpDef def = define<PairAttrs>({.name = "pair_products",
                                              .doc = "dot products of all pairs of vectors",
                                              .infer = infer_pairs,
                                              .vjp = vjp_pairs,
                                              .saves = Saves::kInputs,
                                              .reference = reference_pairs,
                                              .cost = cost_pairs});
  return def;
}
const OpDef& pair_products_grad() {
  static const OpDef def = define<PairAttrs>({.name = "pair_products_grad",
                                              .doc = "gradient of pair_products",
                                              .infer = infer_pairs_grad,
                                              .reference = reference_pairs_grad,
                                              .cost = cost_pairs_grad});
  return def;
}

}  // namespace op

Tensor pair_products(const Tensor& x, bool self) {
  PairAttrs a;
  a.self = self;
  return apply1(op::pair_products(), {contiguous(x)}, a);
}

}  // namespace dlb
