#include "dlb/ops/multi_head.h"

#include <array>
#include <cmath>
#include <limits>

#include "dlb/ops/attention.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

[[noreturn]] void fail_size(const char* what, const Shape& expected, const Tensor& found) {
  fail(ErrorKind::kShape, "multi_head_attention_forward expects {} {}, got {}", what, shape_text(expected),
       shape_text(found.shape()));
}
void expect(const char* what, const Tensor& t, const Shape& expected) {
  if (!(t.shape() == expected)) fail_size(what, expected, t);
}

struct Projected {
  Tensor q, k, v;
};

Tensor part(const Tensor& x, int64_t i, int64_t size) {
  return x.defined() ? narrow(x, 0, i * size, size) : Tensor{};
}

Projected project(const Tensor& query, const Tensor& key, const Tensor& value, const MultiHeadWeights& w) {
  const int64_t size = query.dim(-1);
  if (w.in_bias.defined()) expect("in_proj_bias", w.in_bias, {3 * size});
  if (!w.in_weight.defined()) {
    if (!w.q_weight.defined() || !w.k_weight.defined() || !w.v_weight.defined()) {
      fail(ErrorKind::kShape, "multi_head_attention_forward expects weights for query, key and value");
    }
    expect("q_proj_weight", w.q_weight, {size, size});
    expect("k_proj_weight", w.k_weight, {size, key.dim(-1)});
    expect("v_proj_weight", w.v_weight, {size, value.dim(-1)});
    return {linear(query, w.q_weight, part(w.in_bias, 0, size)),
            linear(key, w.k_weight, part(w.in_bias, 1, size)),
            linear(value, w.v_weight, part(w.in_bias, 2, size))};
  }
  expect("in_proj_weight", w.in_weight, {3 * size, size});
  if (same(query, key) && same(key, value)) {
    const Tensor all = linear(query, w.in_weight, w.in_bias);
    const auto third = [&](int64_t i) { return narrow(all, -1, i * size, size); };
    return {third(0), third(1), third(2)};
  }
  const auto one = [&](const Tensor& x, int64_t i) {
    return linear(x, part(w.in_weight, i, size), part(w.in_bias, i, size));
  };
  return {one(query, 0), one(key, 1), one(value, 2)};
}

/// [L, N, E] as [N, heads, L, E / heads], a view.
Tensor by_heads(const Tensor& x, int64_t heads) {
  const Tensor split = reshape(x, {x.dim(0), x.dim(1), heads, x.dim(2) / heads});
  return permute(split, {1, 2, 0, 3});
}

/// A mask whose true elements hide, or that is added, as one that is added.
Tensor as_added(const char* what, const Tensor& mask, DType dtype) {
  if (is_floating(mask.dtype())) return cast(mask, dtype);
  if (mask.dtype() != DType::kBool) {
    fail(ErrorKind::kDtype, "multi_head_attention_forward expects {} of bool or floating, got {}", what,
         dtype_name(mask.dtype()));
  }
  const auto value = [&](double v) { return full({}, v, dtype, mask.device()); };
  return where(mask, value(-std::numeric_limits<double>::infinity()), value(0));
}

/// Masks, extended by positions that were appended, as one added mask that broadcasts to [N, heads, L, S].
Tensor merged_mask(const MultiHeadOptions& o, int64_t batch, int64_t rows, int64_t positions,
                   int64_t appended, DType dtype) {
  const auto extend = [&](const Tensor& m) { return appended > 0 ? pad(m, {0, appended}) : m; };
  Tensor mask;
  if (o.mask.defined()) {
    mask = as_added("attn_mask", o.mask, dtype);
    if (mask.rank() == 2) {
      expect("attn_mask", mask, {rows, positions});
    } else {
      expect("attn_mask", mask, {batch * o.heads, rows, positions});
      mask = reshape(mask, {batch, o.heads, rows, positions});
    }
    mask = extend(mask);
  }
  if (o.key_padding_mask.defined()) {
    expect("key_padding_mask", o.key_padding_mask, {batch, positions});
    const Tensor padding = extend(as_added("key_padding_mask", o.key_padding_mask, dtype));
    const Tensor wide = reshape(padding, {batch, 1, 1, positions + appended});
    mask = mask.defined() ? add(mask, wide) : wide;
  }
  return mask;
}

}  // namespace

MultiHeadResult multi_head_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                     const MultiHeadWeights& w, const MultiHeadOptions& options) {
  const bool single = query.rank() == 2;
  if ((query.rank() != 3 && !single) || key.rank() != query.rank() || value.rank() != query.rank()) {
    fail(ErrorKind::kShape,
         "multi_head_attention_forward expects query, key and value of rank 3 (or 2 for a single sequence), "
         "got {}, {} and {}",
         shape_text(query.shape()), shape_text(key.shape()), shape_text(value.shape()));
  }
  MultiHeadOptions o = options;
  if (single) {
    if (o.key_padding_mask.defined()) o.key_padding_mask = unsqueeze(o.key_padding_mask, 0);
    const auto batched = [](const Tensor& t) { return unsqueeze(t, 1); };
    const Tensor q = batched(query);
    const Tensor k = same(key, query) ? q : batched(key);
    const Tensor v = same(value, key) ? k : batched(value);
    const MultiHeadResult r = multi_head_attention(q, k, v, w, o);
    return {squeeze(r.output, 1), r.weights.defined() ? squeeze(r.weights, 0) : r.weights};
  }
  const int64_t rows = query.dim(0);
  const int64_t batch = query.dim(1);
  const int64_t size = query.dim(2);
  if (o.heads < 1 || size % o.heads != 0) {
    fail(ErrorKind::kShape, "multi_head_attention_forward cannot split {} features into {} heads", size,
         o.heads);
  }
  if (key.dim(0) != value.dim(0) || key.dim(1) != batch || value.dim(1) != batch) {
    fail(ErrorKind::kShape, "multi_head_attention_forward expects key and value [S, {}, *], got {} and {}",
         batch, shape_text(key.shape()), shape_text(value.shape()));
  }
  const int64_t width = size / o.heads;
  Projected p = project(query, key, value, w);
  if (w.bias_k.defined() != w.bias_v.defined()) {
    fail(ErrorKind::kShape, "multi_head_attention_forward expects bias_k and bias_v, or none of them");
  }
  int64_t appended = 0;
  if (w.bias_k.defined()) {
    p.k = cat({p.k, expand(w.bias_k, {1, batch, size})}, 0);
    p.v = cat({p.v, expand(w.bias_v, {1, batch, size})}, 0);
    ++appended;
  }
  const auto given = [&](const char* what, const Tensor& t) {
    const Shape expected{batch * o.heads, t.rank() == 3 ? t.dim(1) : 0, width};
    expect(what, t, expected);
    return reshape(t, {batch, o.heads, t.dim(1), width});
  };
  const Tensor q = by_heads(p.q, o.heads);
  Tensor k = o.static_k.defined() ? given("static_k", o.static_k) : by_heads(p.k, o.heads);
  Tensor v = o.static_v.defined() ? given("static_v", o.static_v) : by_heads(p.v, o.heads);
  if (o.add_zero_attn) {
    const Tensor zero = zeros({batch, o.heads, 1, width}, k.dtype(), k.device());
    k = cat({k, zero}, 2);
    v = cat({v, zero}, 2);
    ++appended;
  }
  const Tensor mask = merged_mask(o, batch, rows, k.dim(2) - appended, appended, q.dtype());

  MultiHeadResult result;
  Tensor y;
  if (o.need_weights) {
    Tensor scores = matmul(mul(q, 1 / std::sqrt(static_cast<double>(width))), transpose(k, -2, -1));
    if (mask.defined()) scores = add(scores, mask);
    Tensor weights = softmax(scores, -1);
    if (o.dropout > 0) weights = dropout(weights, o.dropout, o.key);
    y = matmul(weights, v);
    result.weights = o.average_weights ? mean(weights, {1}) : weights;
  } else {
    AttentionOptions attention;
    attention.mask = mask;
    attention.dropout = o.dropout;
    attention.key = o.key;
    attention.causal = o.causal && !mask.defined();
    y = scaled_dot_product_attention(q, k, v, attention);
  }
  const Tensor joined = reshape(permute(y, {2, 0, 1, 3}), {rows * batch, size});
  result.output = reshape(linear(joined, w.out_weight, w.out_bias), {rows, batch, w.out_weight.dim(0)});
  return result;
}

}  // namespace dlb
