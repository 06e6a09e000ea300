// Attention and linear attention of ONNX, and rotary positions.
#include <cmath>
#include <limits>

#include "dlb/graph/operator.h"
#include "dlb/ops/attention.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// [N, L, heads * E] -> [N, heads, L, E].
Tensor heads_apart(const Call& c, const Tensor& x, int64_t heads) {
  if (x.rank() != 3 || heads < 1 || x.dim(2) % heads != 0)
    c.fail("{} cannot be divided into {} heads", shape_text(x.shape()), heads);
  return transpose(reshape(x, {x.dim(0), x.dim(1), heads, x.dim(2) / heads}), 1, 2);
}
/// [N, heads, L, E] -> [N, L, heads * E].
Tensor heads_together(const Tensor& x) {
  return reshape(transpose(x, 1, 2), {x.dim(0), x.dim(2), x.dim(1) * x.dim(3)});
}

/// The heads of keys or values repeated to those of the queries.
Tensor repeated(const Tensor& x, int64_t times) { return times == 1 ? x : repeat_interleave(x, times, 1); }

/// How many heads of the queries share one of the keys.
int64_t sharing(const Call& c, const Tensor& q, const Tensor& k) {
  if (k.dim(1) < 1 || q.dim(1) % k.dim(1) != 0)
    c.fail("{} heads of queries cannot share {} of keys", q.dim(1), k.dim(1));
  return q.dim(1) / k.dim(1);
}

/// true where a mask of that kind lets a position take part.
Tensor causal_mask(int64_t rows, int64_t columns, int64_t past, Device device) {
  return cast(tril(ones({rows, columns}, DType::kUInt8, device), past), DType::kBool);
}

Tensor shorter_filled(const Call& c, const Tensor& mask, int64_t size) {
  if (mask.rank() < 1 || mask.dim(-1) > size) c.fail("a mask {} for {} keys", shape_text(mask.shape()), size);
  const int64_t missing = size - mask.dim(-1);
  if (missing == 0 || mask.dim(-1) == 1) return mask;
  if (mask.dtype() != DType::kBool) return pad(mask, {0, missing}, kMinusInfinity);
  return cast(pad(cast(mask, DType::kUInt8), {0, missing}), DType::kBool);
}

/// Both masks together; either may be undefined. Masks of scores win their type.
Tensor joined(const Tensor& a, const Tensor& b, DType dtype) {
  if (!a.defined() || !b.defined()) return a.defined() ? a : b;
  if (a.dtype() == DType::kBool && b.dtype() == DType::kBool) return logical_and(a, b);
  const Tensor& allowed = a.dtype() == DType::kBool ? a : b;
  const Tensor& added = a.dtype() == DType::kBool ? b : a;
  return where(allowed, added, full({}, kMinusInfinity, dtype, a.device()));
}

Tensor with_mask(const Tensor& scores, const Tensor& mask) {
  if (!mask.defined()) return scores;
  if (mask.dtype() != DType::kBool) return add(scores, cast(mask, scores.dtype()));
  return where(mask, scores, full({}, kMinusInfinity, scores.dtype(), scores.device()));
}

DType precision_of(const Call& c, DType otherwise) {
  if (!c.has_attribute("softmax_precision")) return otherwise;
  const Element e = element_from_number(c.required("softmax_precision"));
  if (!is_float(e) || !is_native(e)) c.fail("softmax_precision {} is no floating type", element_name(e));
  return carrier(e);
}

void attention(Call& c) {
  Tensor q = c.tensor(0), k = c.tensor(1), v = c.tensor(2);
  const bool packed = q.rank() == 3;
  if (packed) {
    q = heads_apart(c, q, c.required("q_num_heads"));
    k = heads_apart(c, k, c.required("kv_num_heads"));
    v = heads_apart(c, v, c.required("kv_num_heads"));
  }
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4)
    c.fail("expects queries, keys and values of 3 or 4 dimensions, got {}, {} and {}", shape_text(q.shape()),
           shape_text(k.shape()), shape_text(v.shape()));
  if (c.has(4) != c.has(5)) c.fail("past_key and past_value go together");
  int64_t past = 0;
  if (c.has(4)) {
    past = c.tensor(4).rank() == 4 ? c.tensor(4).dim(2) : 0;
    k = cat({c.tensor(4), k}, 2);
    v = cat({c.tensor(5), v}, 2);
  }
  if (c.wants(1)) c.output(1, Value(k, c.element(1)));
  if (c.wants(2)) c.output(2, Value(v, c.element(2)));
  const int64_t rows = q.dim(2), columns = k.dim(2);
  Tensor mask = c.optional_tensor(3);
  if (mask.defined()) mask = shorter_filled(c, mask, columns);
  if (c.attribute("is_causal", int64_t{0}) != 0)
    mask =
        joined(mask, causal_mask(rows, columns, past, q.device()), mask.defined() ? mask.dtype() : q.dtype());
  if (c.has(6)) {
    const Tensor lengths = reshape(cast(c.tensor(6), DType::kInt64), {-1, 1, 1, 1});
    const Tensor there = lt(arange(0, static_cast<double>(columns)), lengths);
    mask = joined(mask, there, mask.defined() ? mask.dtype() : q.dtype());
  }
  const double scale =
      c.attribute("scale", 1 / std::sqrt(static_cast<double>(std::max<int64_t>(q.dim(3), 1))));
  const double softcap = c.attribute("softcap", 0.0);
  const int64_t mode = c.attribute("qk_matmul_output_mode", int64_t{0});
  if (mode < 0 || mode > 3) c.fail("qk_matmul_output_mode must be from 0 to 3, got {}", mode);
  const auto finish = [&](const Tensor& y) { c.same_type(cast(packed ? heads_together(y) : y, q.dtype())); };
  const int64_t times = sharing(c, q, k);
  const DType precision = precision_of(c, q.dtype());
  // The fused kernel sums 16-bit types in float32: at least as precise as asked for.
  if (softcap == 0 && !c.wants(3) && precision != DType::kFloat64 && k.dtype() == q.dtype() &&
      v.dtype() == q.dtype()) {
    AttentionOptions options;
    options.mask = mask.defined() && mask.dtype() != DType::kBool ? cast(mask, q.dtype()) : mask;
    options.scale = scale;
    options.enable_gqa = times > 1;
    return finish(scaled_dot_product_attention(q, k, v, options));
  }
  const double root = std::sqrt(scale);
  Tensor scores = matmul(affine(q, root, 0), transpose(affine(repeated(k, times), root, 0), 2, 3));
  const Tensor plain = scores;
  if (softcap > 0) scores = affine(tanh(affine(scores, 1 / softcap, 0)), softcap, 0);
  const Tensor capped = scores;
  scores = with_mask(scores, mask);
  Tensor weights = softmax(cast(scores, precision), 3);
  // A row that sees nothing has weights of 0.
  if (mask.defined()) {
    const Tensor blind = eq(amax(scores, {3}, kKeepDim), kMinusInfinity);
    weights = where(blind, zeros({}, precision, q.device()), weights);
  }
  if (c.wants(3)) {
    const Tensor* shown[] = {&plain, &capped, &scores, &weights};
    c.output(3, Value(cast(*shown[mode], q.dtype()), c.element(0)));
  }
  finish(matmul(cast(weights, v.dtype()), repeated(v, times)));
}

/// Runs a subgraph that changes a tensor but not its shape or type.
Tensor modified(const Call& c, const char* attribute, const Tensor& x) {
  if (!c.has_attribute(attribute)) return x;
  const std::vector<Value> results = c.run(c.subgraph(attribute), {Value(x)});
  if (results.size() != 1 || !results[0].is_tensor() || !(results[0].tensor.shape() == x.shape()) ||
      results[0].tensor.dtype() != x.dtype())
    c.fail("{} must give one tensor like its input {}", attribute, describe(Value(x)));
  return results[0].tensor;
}

void flex_attention(Call& c) {
  const Tensor q = c.tensor(0), k = c.tensor(1), v = c.tensor(2);
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4)
    c.fail("expects queries, keys and values of 4 dimensions, got {}, {} and {}", shape_text(q.shape()),
           shape_text(k.shape()), shape_text(v.shape()));
  const double scale =
      c.attribute("scale", 1 / std::sqrt(static_cast<double>(std::max<int64_t>(q.dim(3), 1))));
  const int64_t times = sharing(c, q, k);
  const DType precision = precision_of(c, q.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32);
  Tensor scores = matmul(cast(q, precision), transpose(cast(repeated(k, times), precision), 2, 3));
  scores = modified(c, "score_mod", affine(scores, scale, 0));
  const Tensor weights = modified(c, "prob_mod", softmax(scores, 3));
  c.same_type(cast(matmul(weights, cast(repeated(v, times), precision)), q.dtype()));
}

/// One input of linear attention, in float32.
Tensor unpacked(const Call& c, size_t i, int64_t heads) {
  return cast(heads_apart(c, c.tensor(i), heads), DType::kFloat32);
}

/// A state [N, heads, keys, values] that each step decays and adds to: the softmax is left out.
void linear_attention(Call& c) {
  const std::string rule = c.attribute("update_rule", "gated_delta");
  const bool gated = rule == "gated" || rule == "gated_delta";
  const bool delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear")
    c.fail("update_rule must be linear, gated, delta or gated_delta, got '{}'", rule);
  if (c.has(4) != gated) c.fail("update_rule '{}' {} decay", rule, gated ? "needs" : "has no");
  if (c.has(5) != delta) c.fail("update_rule '{}' {} beta", rule, delta ? "needs" : "has no");
  const int64_t q_heads = c.required("q_num_heads"), heads = c.required("kv_num_heads");
  const Tensor q = unpacked(c, 0, q_heads), k = unpacked(c, 1, heads), v = unpacked(c, 2, heads);
  const int64_t times = sharing(c, q, k), steps = q.dim(2), keys = q.dim(3);
  if (k.dim(2) != steps || v.dim(2) != steps || k.dim(3) != keys)
    c.fail("queries {}, keys {} and values {} do not fit", shape_text(q.shape()), shape_text(k.shape()),
           shape_text(v.shape()));
  Tensor decay, beta;
  if (gated) {
    const int64_t size = c.tensor(4).rank() == 3 ? c.tensor(4).dim(2) : 0;
    if (size != heads && size != heads * keys)
      c.fail("decay {} must have {} or {} numbers per step", shape_text(c.tensor(4).shape()), heads,
             heads * keys);
    decay = exp(unpacked(c, 4, heads));
  }
  if (delta) {
    const int64_t size = c.tensor(5).rank() == 3 ? c.tensor(5).dim(2) : 0;
    if (size != heads && size != 1)
      c.fail("beta {} must have {} or 1 numbers per step", shape_text(c.tensor(5).shape()), heads);
    beta = unpacked(c, 5, size);
  }
  const Shape shape{q.dim(0), heads, keys, v.dim(3)};
  if (c.has(3) && !(c.tensor(3).shape() == shape))
    c.fail("past_state must be {}, got {}", shape_text(shape), shape_text(c.tensor(3).shape()));
  Tensor state = c.has(3) ? cast(c.tensor(3), DType::kFloat32) : zeros(shape, DType::kFloat32, q.device());
  double scale = c.attribute("scale", 0.0);
  if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(keys, 1)));
  // Each step as [N, heads, 1, *]; of queries that share a state, one below the other.
  const auto step = [](const Tensor& x, int64_t t) { return narrow(x, 2, t, 1); };
  Tensors results;
  for (int64_t t = 0; t < steps; ++t) {
    const Tensor key = transpose(step(k, t), 2, 3);
    Tensor value = step(v, t);
    if (gated) state = mul(state, transpose(step(decay, t), 2, 3));
    if (delta) value = mul(sub(value, matmul(step(k, t), state)), step(beta, t));
    state = add(state, mul(key, value));
    const Tensor query = reshape(step(q, t), {q.dim(0), heads, times, keys});
    results.push_back(reshape(matmul(query, state), {q.dim(0), q_heads, 1, v.dim(3)}));
  }
  const Shape none{q.dim(0), q_heads, 0, v.dim(3)};
  const Tensor y = results.empty() ? zeros(none, DType::kFloat32, q.device()) : cat(results, 2);
  c.same_type(cast(heads_together(affine(y, scale, 0)), c.tensor(0).dtype()));
  if (!c.wants(1)) return;
  const size_t like = c.has(3) ? 3 : 0;
  c.output(1, Value(cast(state, c.tensor(like).dtype()), c.element(like)));
}

/// Pairs of elements rotated by the angles of their positions.
void rotary_embedding(Call& c) {
  const Tensor given = c.tensor(0);
  const bool packed = given.rank() == 3;
  if (!packed && given.rank() != 4) c.fail("expects 3 or 4 dimensions, got {}", shape_text(given.shape()));
  const Tensor x = packed ? heads_apart(c, given, c.attribute("num_heads", int64_t{0})) : given;
  int64_t rotated = c.attribute("rotary_embedding_dim", int64_t{0});
  if (rotated == 0) rotated = x.dim(3);
  if (rotated < 2 || rotated % 2 != 0 || rotated > x.dim(3))
    c.fail("{} of {} elements cannot be rotated in pairs", rotated, x.dim(3));
  const auto angles = [&](size_t i) {
    Tensor table = c.tensor(i);
    if (c.has(3)) {
      const Tensor position = cast(c.tensor(3), DType::kInt64);
      if (table.rank() != 2 || position.rank() != 2)
        c.fail("a table {} for positions {}", shape_text(table.shape()), shape_text(position.shape()));
      table = reshape(index_select(table, 0, reshape(position, {position.numel()})),
                      {position.dim(0), position.dim(1), table.dim(1)});
    }
    if (table.rank() != 3 || table.dim(2) != rotated / 2)
      c.fail("a table {} must have {} numbers for each position", shape_text(table.shape()), rotated / 2);
    return unsqueeze(table, 1);
  };
  const Tensor cosine = angles(1), sine = angles(2);
  const Tensor part = narrow(x, 3, 0, rotated);
  const bool interleaved = c.attribute("interleaved", int64_t{0}) != 0;
  const Tensor a = interleaved ? slice(part, 3, 0, rotated, 2) : narrow(part, 3, 0, rotated / 2);
  const Tensor b = interleaved ? slice(part, 3, 1, rotated, 2) : narrow(part, 3, rotated / 2, rotated / 2);
  const Tensor real = sub(mul(cosine, a), mul(sine, b)), imaginary = add(mul(sine, a), mul(cosine, b));
  Tensor y = interleaved ? reshape(stack({real, imaginary}, 4), part.shape()) : cat({real, imaginary}, 3);
  if (rotated < x.dim(3)) y = cat({y, narrow(x, 3, rotated, x.dim(3) - rotated)}, 3);
  c.same_type(packed ? heads_together(y) : y);
}

constexpr Operator kOperators[] = {
    {"Attention", &attention, 23, "", true, 3},
    {"FlexAttention", &flex_attention, 1, "ai.onnx.preview", true, 3},
    {"LinearAttention", &linear_attention, 27, "", true, 3},
    {"RotaryEmbedding", &rotary_embedding, 23, "", true, 3},
};

}  // namespace

std::span<const Operator> attention_operators() { return kOperators; }

}  // namespace dlb::graph
