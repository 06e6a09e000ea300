// Attention of one tensor that holds queries, keys and values.
#include <cmath>

#include "dlb/ops/attention_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/join.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/view.h"

namespace dlb {

namespace {

void check_packed(const Infer& c, int i, const PackedAttentionAttrs& a) {
  c.floating(i);
  const TensorSpec& x = c.input(i);
  const bool heads = a.heads > 0 && a.kv_heads > 0 && a.heads % a.kv_heads == 0;
  if (heads && x.rank() == 4 && x.dim(2) == a.heads + 2 * a.kv_heads) return;
  c.fail_shape("expects [B, T, heads + 2 kv_heads, E] with heads {} and kv_heads {}, got {}", a.heads,
               a.kv_heads, shape_text(x.shape));
}

void infer_packed(Infer& c, const PackedAttentionAttrs& a) {
  check_packed(c, 0, a);
  if (!(a.form.dropout >= 0 && a.form.dropout <= 1)) {
    fail(ErrorKind::kConfig, "packed_attention expects a dropout probability from 0 to 1, got {}",
         a.form.dropout);
  }
  const TensorSpec& x = c.input(0);
  c.output(Shape{x.dim(0), x.dim(1), a.heads, x.dim(3)}, x.dtype);
  c.output(Shape{x.dim(0), a.heads, x.dim(1)},
           x.dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32);
}

void infer_packed_grad(Infer& c, const PackedAttentionAttrs& a) {
  check_packed(c, 1, a);
  if (!(c.input(0).shape == c.input(2).shape)) {
    c.fail_shape("expects gradient {}, got {}", shape_text(c.input(2).shape), shape_text(c.input(0).shape));
  }
  c.output(c.input(1).shape, c.input(1).dtype);
}

void vjp_packed(Vjp& c, const PackedAttentionAttrs& a) {
  if (!c.grad(0).defined()) return;
  const Tensor& x = c.input(0);
  if (!grad_enabled()) {
    c.input_grad(0, apply1(op::packed_attention_grad(), {c.grad(0), x, c.output(0), c.output(1)}, a));
    return;
  }
  const auto part = [&](int64_t first, int64_t count) { return transpose(narrow(x, 2, first, count), 1, 2); };
  AttentionGradients d = composed_attention_gradients(
      transpose(c.grad(0), 1, 2), part(0, a.heads), part(a.heads, a.kv_heads),
      part(a.heads + a.kv_heads, a.kv_heads), {}, a.form, {true, true, true, false});
  c.input_grad(0, transpose(cat({d.q, d.k, d.v}, 1), 1, 2));
}

double score_flops(const TensorSpec& x, const PackedAttentionAttrs& a, double products) {
  const double pairs =
      static_cast<double>(x.dim(0) * a.heads) * static_cast<double>(x.dim(1)) * static_cast<double>(x.dim(1));
  return (a.form.causal ? 0.5 : 1) * pairs * (products * 2 * static_cast<double>(x.dim(3)) + 5);
}
Cost cost_packed(Inputs in, Inputs out, const PackedAttentionAttrs& a) {
  return {score_flops(in[0].spec(), a, 2), moved_bytes(in, out)};
}
Cost cost_packed_grad(Inputs in, Inputs out, const PackedAttentionAttrs& a) {
  return {score_flops(in[1].spec(), a, 5), moved_bytes(in, out)};
}

}  // namespace

namespace op {

const OpDef& packed_attention() {
  static const OpDef def =
      define<PackedAttentionAttrs>({.name = "packed_attention",
                                    .doc = "attention of queries, keys and values side by side",
                                    .infer = infer_packed,
                                    .vjp = vjp_packed,
                                    .saves = Saves::kBoth,
                                    .cost = cost_packed,
                                    .random = true});
  return def;
}
const OpDef& packed_attention_grad() {
  static const OpDef def = define<PackedAttentionAttrs>({.name = "packed_attention_grad",
                                                         .doc = "gradient of packed_attention",
                                                         .infer = infer_packed_grad,
                                                         .cost = cost_packed_grad,
                                                         .random = true});
  return def;
}

}  // namespace op

Tensor packed_attention(const Tensor& qkv, int64_t heads, int64_t kv_heads, const AttentionOptions& o) {
  if (o.mask.defined()) fail(ErrorKind::kConfig, "packed_attention takes no mask");
  PackedAttentionAttrs a;
  const int64_t width = qkv.rank() > 0 ? qkv.dim(-1) : 1;
  a.form.scale = o.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(width, 1))));
  a.form.dropout = o.dropout;
  a.form.causal = o.causal;
  a.form.key = o.key;
  a.heads = heads;
  a.kv_heads = kv_heads;
  return apply(op::packed_attention(), {qkv}, a)[0];
}

}  // namespace dlb
