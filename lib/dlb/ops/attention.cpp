#include "dlb/ops/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "dlb/ops/attention_defs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields AttentionAttrs::fields() {
  static const Field list[] = {
      field<&AttentionAttrs::scale>("scale", "factor of the scores"),
      field<&AttentionAttrs::dropout>("dropout", "probability with which a weight is dropped", between(0, 1)),
      field<&AttentionAttrs::causal>("causal", "whether a position sees only those up to its own")};
  return list;
}

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

DType row_dtype(DType dtype) { return dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32; }

/// Strides of [B, H, L, Ev] in memory order of q's dimensions.
Strides strides_like(const TensorSpec& q, const Shape& shape) {
  std::array<size_t, 3> order = {0, 1, 2};
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return q.strides[a] > q.strides[b]; });
  // Dimensions of one element may have any stride; they stay where they are.
  const bool known = q.shape[0] > 1 || q.shape[1] > 1 || q.shape[2] > 1;
  if (!known) return contiguous_strides(shape);
  Strides strides(size_t{4}, 1);
  int64_t step = std::max<int64_t>(shape[3], 1);
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(shape[order[i]], 1);
  }
  return strides;
}

void check_heads(const Infer& c, int q, int k, int v, int mask) {
  for (const int i : {q, k, v}) {
    c.floating(i);
    c.same_dtype(q, i);
    c.rank(i, 4);
  }
  const TensorSpec& a = c.input(q);
  const TensorSpec& b = c.input(k);
  const TensorSpec& w = c.input(v);
  const bool fits = a.dim(0) == b.dim(0) && b.dim(0) == w.dim(0) && b.dim(1) == w.dim(1) &&
                    (b.dim(1) > 0 ? a.dim(1) % b.dim(1) == 0 : a.dim(1) == 0) && a.dim(3) == b.dim(3) &&
                    b.dim(2) == w.dim(2);
  if (!fits) {
    c.fail_shape("expects query [B, H, L, E], key [B, G, S, E] and value [B, G, S, Ev], got {}, {} and {}",
                 shape_text(a.shape), shape_text(b.shape), shape_text(w.shape));
  }
  if (!c.has(mask)) return;
  const Shape expected{a.dim(0), a.dim(1), a.dim(2), b.dim(2)};
  if (!(c.input(mask).shape == expected)) {
    c.fail_shape("expects mask {}, got {}", shape_text(expected), shape_text(c.input(mask).shape));
  }
  if (c.input(mask).dtype != DType::kBool) c.same_dtype(q, mask);
}

void infer_attention(Infer& c, const AttentionAttrs& a) {
  check_heads(c, 0, 1, 2, 3);
  if (!(a.dropout >= 0 && a.dropout <= 1)) {
    fail(ErrorKind::kConfig, "attention expects a dropout probability from 0 to 1, got {}", a.dropout);
  }
  const TensorSpec& q = c.input(0);
  const Shape y{q.dim(0), q.dim(1), q.dim(2), c.input(2).dim(3)};
  c.output(TensorSpec{q.dtype, q.device, y, strides_like(q, y)});
  c.output(Shape{q.dim(0), q.dim(1), q.dim(2)}, row_dtype(q.dtype));
}

void infer_attention_grad(Infer& c, const AttentionAttrs&) {
  check_heads(c, 1, 2, 3, 4);
  if (!(c.input(0).shape == c.input(5).shape)) {
    c.fail_shape("expects gradient {}, got {}", shape_text(c.input(5).shape), shape_text(c.input(0).shape));
  }
  for (const int i : {1, 2, 3}) c.output(c.input(i).shape, c.input(i).dtype);
}

/// Heads of k or v repeated for those of q, [B, H, S, E].
Tensor repeated(const Tensor& x, int64_t heads) {
  const int64_t groups = x.dim(1);
  if (groups == heads) return x;
  const Tensor one = unsqueeze(x, 2);
  const Shape wide{x.dim(0), groups, heads / groups, x.dim(2), x.dim(3)};
  return reshape(expand(one, wide), {x.dim(0), heads, x.dim(2), x.dim(3)});
}

/// The gradient of repeated().
Tensor gathered(const Tensor& g, int64_t groups) {
  if (g.dim(1) == groups) return g;
  return sum(reshape(g, {g.dim(0), groups, g.dim(1) / groups, g.dim(2), g.dim(3)}), {2});
}

/// What the composition computes on its way.
struct Weights {
  Tensor k, v;     // repeated
  Tensor weights;  // [B, H, L, S] before dropout
};

Weights compose(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                const AttentionAttrs& a) {
  Weights w;
  w.k = repeated(k, q.dim(1));
  w.v = repeated(v, q.dim(1));
  Tensor scores = mul(matmul(q, transpose(w.k, -2, -1)), a.scale);
  const Tensor hidden = full({}, kMinusInfinity, scores.dtype(), scores.device());
  if (a.causal) {
    const auto positions = [&](int64_t n) {
      return arange(0, static_cast<double>(n), 1, DType::kInt64, q.device());
    };
    scores = where(ge(unsqueeze(positions(q.dim(2)), 1), positions(k.dim(2))), scores, hidden);
  }
  if (mask.defined()) scores = mask.dtype() == DType::kBool ? where(mask, scores, hidden) : add(scores, mask);
  if (scores.dim(-1) == 0) {
    w.weights = scores;
    return w;
  }
  // A row without any score gives zeros, where softmax() gives NaN.
  const Tensor largest = amax(scores.detach(), {-1}, kKeepDim);
  const Tensor zero = full({}, 0, scores.dtype(), scores.device());
  const Tensor e = exp(sub(scores, where(eq(largest, kMinusInfinity), zero, largest)));
  const Tensor total = sum(e, {-1}, kKeepDim);
  w.weights = div(e, where(eq(total, 0.0), full({}, 1, scores.dtype(), scores.device()), total));
  return w;
}

Tensor dropped(const Tensor& x, const AttentionAttrs& a) {
  return a.dropout > 0 ? dropout(contiguous(x), a.dropout, a.key) : x;
}

Outputs reference_attention(Inputs in, const AttentionAttrs& a) {
  const Weights w = compose(in[0], in[1], in[2], in.size() > 3 ? in[3] : Tensor{}, a);
  const Tensor y = matmul(dropped(w.weights, a), w.v);
  return {y, zeros({y.dim(0), y.dim(1), y.dim(2)}, row_dtype(y.dtype()), y.device())};
}

void vjp_attention(Vjp& c, const AttentionAttrs& a) {
  if (!c.grad(0).defined()) return;
  const Tensor& g = c.grad(0);
  const Tensor& q = c.input(0);
  const Tensor& k = c.input(1);
  const Tensor& v = c.input(2);
  const Tensor mask = c.has(3) ? c.input(3) : Tensor{};
  if (!grad_enabled() && !c.needs(3)) {
    const Outputs out = apply(op::attention_grad(), {g, q, k, v, mask, c.output(0), c.output(1)}, a);
    for (int i = 0; i < 3; ++i) {
      if (c.needs(i)) c.input_grad(i, out[static_cast<size_t>(i)]);
    }
    return;
  }
  // The gradient is to be differentiated, or that of the mask is wanted, which is as large as the weights.
  AttentionGradients d =
      composed_attention_gradients(g, q, k, v, mask, a, {c.needs(0), c.needs(1), c.needs(2), c.needs(3)});
  Tensor* const all[] = {&d.q, &d.k, &d.v, &d.mask};
  for (int i = 0; i < 4; ++i) {
    if (c.needs(i)) c.input_grad(i, std::move(*all[i]));
  }
}

/// Two products with the scores, of which `causal` computes half; four more in the gradient.
double score_flops(const TensorSpec& q, const TensorSpec& v, int64_t positions, const AttentionAttrs& a,
                   double products) {
  const double pairs = static_cast<double>(q.dim(0) * q.dim(1) * q.dim(2)) * static_cast<double>(positions);
  const double share = a.causal ? 0.5 : 1;
  return share * pairs * (products * static_cast<double>(q.dim(3) + v.dim(3)) + 5);
}
Cost cost_attention(Inputs in, Inputs out, const AttentionAttrs& a) {
  return {score_flops(in[0].spec(), in[2].spec(), in[1].dim(2), a, 2), moved_bytes(in, out)};
}
Cost cost_attention_grad(Inputs in, Inputs out, const AttentionAttrs& a) {
  return {score_flops(in[1].spec(), in[3].spec(), in[2].dim(2), a, 5), moved_bytes(in, out)};
}

/// `lead` dimensions and the last ones of x, as [B, G, rows, width].
Tensor four_dimensions(const Tensor& x, const Shape& lead) {
  Shape full_shape = lead;
  full_shape.push_back(x.dim(-2));
  full_shape.push_back(x.dim(-1));
  Tensor y = x.shape() == full_shape ? x : expand(x, full_shape);
  while (y.rank() < 4) y = unsqueeze(y, 0);
  if (y.rank() == 4) return y;
  int64_t batch = 1;
  for (int i = 0; i + 3 < y.rank(); ++i) batch *= y.dim(i);
  return reshape(y, {batch, y.dim(-3), y.dim(-2), y.dim(-1)});
}

}  // namespace

AttentionGradients composed_attention_gradients(const Tensor& g, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& mask, const AttentionAttrs& a,
                                                const std::array<bool, 4>& needs) {
  AttentionGradients d;
  const Weights w = compose(q, k, v, mask, a);
  if (needs[2]) d.v = gathered(matmul(transpose(dropped(w.weights, a), -2, -1), g), v.dim(1));
  if (!needs[0] && !needs[1] && !needs[3]) return d;
  const Tensor dw = dropped(matmul(g, transpose(w.v, -2, -1)), a);
  const Tensor ds = mul(w.weights, sub(dw, sum(mul(w.weights, dw), {-1}, kKeepDim)));
  if (needs[3]) d.mask = ds;
  const Tensor scaled = mul(ds, a.scale);
  if (needs[0]) d.q = matmul(scaled, w.k);
  if (needs[1]) d.k = gathered(matmul(transpose(scaled, -2, -1), q), k.dim(1));
  return d;
}

namespace op {

const OpDef& attention() {
  static const OpDef def = define<AttentionAttrs>({.name = "attention",
                                                   .doc = "softmax(scale q k^T + mask) v",
                                                   .infer = infer_attention,
                                                   .vjp = vjp_attention,
                                                   .saves = Saves::kBoth,
                                                   .reference = reference_attention,
                                                   .cost = cost_attention,
                                                   .random = true});
  return def;
}
const OpDef& attention_grad() {
  static const OpDef def = define<AttentionAttrs>({.name = "attention_grad",
                                                   .doc = "gradient of attention",
                                                   .infer = infer_attention_grad,
                                                   .cost = cost_attention_grad,
                                                   .random = true});
  return def;
}

}  // namespace op

std::span<const OpDef* const> attention_ops() {
  static const OpDef* const list[] = {&op::attention(), &op::attention_grad(), &op::packed_attention(),
                                      &op::packed_attention_grad()};
  return list;
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& o) {
  for (const Tensor* t : {&q, &k, &v}) {
    if (t->rank() >= 2) continue;
    fail(ErrorKind::kShape,
         "scaled_dot_product_attention expects at least 2 dimensions, got query {}, key {}, value {}",
         shape_text(q.shape()), shape_text(k.shape()), shape_text(v.shape()));
  }
  if (o.causal && o.mask.defined()) {
    fail(ErrorKind::kConfig, "scaled_dot_product_attention takes a mask or causal, not both");
  }
  const auto lead = [](const Tensor& t) { return Shape(t.shape().begin(), t.shape().end() - 2); };
  Shape shared = broadcast_shapes(lead(k), lead(v));
  Shape queries;
  if (o.enable_gqa && q.rank() >= 3 && shared.size() >= 1) {
    // Heads are repeated, the dimensions before them broadcast.
    const Shape heads{q.dim(-3)};
    Shape before(q.shape().begin(), q.shape().end() - 3);
    const int64_t groups = shared.back();
    if (groups == 0 ? heads[0] != 0 : heads[0] % groups != 0) {
      fail(ErrorKind::kShape,
           "scaled_dot_product_attention with enable_gqa expects the heads of the query to be a multiple of "
           "those of key and value, got query {} and key {}",
           shape_text(q.shape()), shape_text(k.shape()));
    }
    shared.pop_back();
    before = broadcast_shapes(before, shared);
    queries = before;
    queries.push_back(heads[0]);
    shared = before;
    shared.push_back(groups);
  } else {
    queries = shared = broadcast_shapes(lead(q), shared);
  }
  const Tensor q4 = four_dimensions(q, queries);
  const Tensor k4 = four_dimensions(k, shared);
  const Tensor v4 = four_dimensions(v, shared);
  Tensor mask = o.mask;
  if (mask.defined()) {
    Shape pairs = queries;
    pairs.push_back(q.dim(-2));
    pairs.push_back(k.dim(-2));
    if (mask.dtype() != DType::kBool && is_floating(mask.dtype())) mask = cast(mask, q.dtype());
    mask = four_dimensions(expand(mask, pairs), queries);
  }
  AttentionAttrs attrs;
  // Without a width all scores are 0, whatever the scale.
  attrs.scale = o.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(q.dim(-1), 1))));
  attrs.dropout = o.dropout;
  attrs.causal = o.causal;
  attrs.key = o.key;
  const Tensor y = apply(op::attention(), {q4, k4, v4, mask}, attrs)[0];
  Shape shape = queries;
  shape.push_back(q.dim(-2));
  shape.push_back(v.dim(-1));
  return y.shape() == shape ? y : reshape(y, shape);
}

}  // namespace dlb
