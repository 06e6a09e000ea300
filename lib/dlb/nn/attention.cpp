#include "dlb/nn/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/attention.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

Tensor numbers_below(int64_t n, Device device) {
  return arange(0, static_cast<double>(n), 1, DType::kInt64, device);
}

/// true -> 0, false -> -infinity.
Tensor as_added(const Tensor& mask, DType dtype) {
  const auto value = [&](double v) { return full({}, v, dtype, mask.device()); };
  return where(mask, value(0), value(-std::numeric_limits<double>::infinity()));
}

Tensor both(const Tensor& a, const Tensor& b, DType dtype) {
  if (!a.defined() || !b.defined()) return a.defined() ? a : b;
  const bool add_a = is_floating(a.dtype()), add_b = is_floating(b.dtype());
  if (!add_a && !add_b) return logical_and(a, b);
  return add(add_a ? a : as_added(a, dtype), add_b ? b : as_added(b, dtype));
}

}  // namespace

Tensor attention_mask(const Tensor& mask, const Tensor& lengths, int64_t queries, int64_t keys, DType dtype,
                      bool& causal) {
  Tensor all;
  if (mask.defined()) {
    all = is_floating(mask.dtype()) ? cast(mask, dtype) : mask.dtype() == DType::kBool ? mask : ne(mask, 0.0);
    if (all.rank() == 2) all = unsqueeze(all, 1);
    if (all.rank() == 3) all = unsqueeze(all, 1);
  }
  if (lengths.defined()) {
    const Tensor inside = lt(numbers_below(keys, lengths.device()), unsqueeze(lengths, 1));
    all = both(all, reshape(inside, {lengths.dim(0), 1, 1, keys}), dtype);
  }
  if (!all.defined() || !causal) return all;
  causal = false;
  const Tensor seen =
      ge(unsqueeze(numbers_below(queries, all.device()), 1), numbers_below(keys, all.device()));
  return both(all, seen, dtype);
}

void expect_masks(const Build& b, size_t mask, size_t lengths, std::string_view layer) {
  if (b.has_input(mask)) {
    const int rank = b.input(mask).rank();
    expect_input(rank >= 2 && rank <= 4, b, mask, layer, "mask", "[N, S], [N, T, S] or [N, heads, T, S]");
  }
  if (b.has_input(lengths)) {
    expect_input(b.input(lengths).rank() == 1, b, lengths, layer, "lengths", "[N]");
    expect_whole_numbers(b, lengths, layer, "lengths");
  }
}

Tensor attend(Context& c, const AttentionForm& form, const Tensor& q, const Tensor& k, const Tensor& v,
              const Tensor& mask, const Tensor& lengths) {
  AttentionOptions o;
  o.causal = form.causal;
  o.mask = attention_mask(mask, lengths, q.dim(1), k.dim(1), q.dtype(), o.causal);
  o.enable_gqa = form.kv_heads != form.heads;
  if (c.training && form.dropout > 0) {
    o.key = c.next_key(RngPurpose::kDropout);
    o.dropout = form.dropout;
  }
  const Tensor y =
      scaled_dot_product_attention(transpose(q, 1, 2), transpose(k, 1, 2), transpose(v, 1, 2), o);
  return reshape(transpose(y, 1, 2), {q.dim(0), q.dim(1), form.heads * v.dim(3)});
}

Tensor attend_packed(Context& c, const AttentionForm& form, const Tensor& qkv, const Tensor& mask,
                     const Tensor& lengths) {
  const int64_t parts = form.heads + 2 * form.kv_heads;
  const Tensor split = reshape(qkv, {qkv.dim(0), qkv.dim(1), parts, form.head_dim});
  if (!mask.defined() && !lengths.defined()) {
    AttentionOptions o;
    o.causal = form.causal;
    if (c.training && form.dropout > 0) {
      o.key = c.next_key(RngPurpose::kDropout);
      o.dropout = form.dropout;
    }
    return reshape(packed_attention(split, form.heads, form.kv_heads, o),
                   {qkv.dim(0), qkv.dim(1), form.heads * form.head_dim});
  }
  return attend(c, form, narrow(split, 2, 0, form.heads), narrow(split, 2, form.heads, form.kv_heads),
                narrow(split, 2, form.heads + form.kv_heads, form.kv_heads), mask, lengths);
}

Fields Attention::fields() {
  static const Field list[] = {
      field<&Attention::heads>("heads", "number of attention heads", between(1, kMostHeads)),
      field<&Attention::causal>("causal", "a position sees only itself and those before it"),
      field<&Attention::dropout>("dropout", "probability of dropping an attention weight", between(0, 1)),
      field<&Attention::bias>("bias", "add biases to the projections"),
      field<&Attention::kv_heads>("kv_heads", "heads of keys and values; `heads` when not given",
                                  between(1, kMostHeads)),
      field<&Attention::head_dim>("head_dim", "features of a head; the input's / heads when not given",
                                  positive()),
      field<&Attention::out>("out", "output features; the input's when not given", positive()),
      field<&Attention::rotary>("rotary", "turn queries and keys by their position (RoPE)"),
      field<&Attention::rotary_base>("rotary_base", "longest wavelength / 2 pi of the turns", positive()),
  };
  return list;
}

std::span<const std::string_view> Attention::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "context", "mask", "lengths"};
  return kNames;
}

void Attention::build(Build& b) {
  const TensorSpec& x = b.input();
  b.expect(x.rank() == 3 && x.dim(2) > 0, "attention", "[N, T, features]");
  const int64_t features = x.dim(2);
  expect_features(std::max(features, head_dim.value_or(0)), "attention");
  if (!head_dim && features % heads != 0) {
    fail(ErrorKind::kShape, "attention with heads {} needs features divisible by it, got {}", heads,
         features);
  }
  form_ = {heads, kv_heads.value_or(heads), head_dim.value_or(features / heads), causal, dropout};
  if (heads % form_.kv_heads != 0) {
    fail(ErrorKind::kConfig, "attention.kv_heads must divide heads {}, got {}", heads, form_.kv_heads);
  }
  if (rotary && form_.head_dim % 2 != 0) {
    fail(ErrorKind::kConfig, "attention with rotary positions needs an even head_dim, got {}",
         form_.head_dim);
  }
  expect_masks(b, 2, 3, "attention");
  const int64_t width = heads * form_.head_dim;
  const int64_t kv_width = 2 * form_.kv_heads * form_.head_dim;
  // As nn.MultiheadAttention: one bound for the joined projections of one size, else one for each.
  const auto uniform_of = [](int64_t fans) {
    const double bound = std::sqrt(6.0 / static_cast<double>(fans));
    return uniform_init(-bound, bound);
  };
  if (!b.has_input(1)) {
    qkv_ = b.parameter("qkv.weight", {width + kv_width, features}, uniform_of(features + width + kv_width));
    if (bias) qkv_bias_ = b.parameter("qkv.bias", {width + kv_width}, constant_init(0));
  } else {
    const TensorSpec& context = b.input(1);
    expect_input(context.rank() == 3 && context.dim(0) == x.dim(0), b, 1, "attention", "context",
                 fmt::format("[{}, S, features]", x.dim(0)));
    const int64_t other = context.dim(2);
    const int64_t joined = features + width + kv_width;
    q_ =
        b.parameter("q.weight", {width, features}, uniform_of(other == features ? joined : features + width));
    if (bias) q_bias_ = b.parameter("q.bias", {width}, constant_init(0));
    kv_ = b.parameter("kv.weight", {kv_width, other},
                      uniform_of(other == features ? joined : other + kv_width / 2));
    if (bias) kv_bias_ = b.parameter("kv.bias", {kv_width}, constant_init(0));
  }
  const int64_t result = out.value_or(features);
  proj_ = b.parameter("proj.weight", {result, width}, kaiming_uniform());
  if (bias) proj_bias_ = b.parameter("proj.bias", {result}, constant_init(0));
}

/// Pairs of features i and i + E / 2 turned by t base^(-2 i / E). Shapes: [N, T, heads, E].
Tensor Attention::rotated(const Tensor& x) {
  const int64_t length = x.dim(1);
  const int64_t half = x.dim(3) / 2;
  // A table that is kept would hide from a recorder how it follows from the length.
  if (recording() || !cos_.defined() || cos_.dim(0) != length || cos_.is_meta() != x.is_meta()) {
    if (x.is_meta() && !recording()) {
      cos_ = sin_ = Tensor::empty({length, 1, half}, x.dtype(), kMeta);
    } else {
      std::vector<double> frequencies;
      for (int64_t i = 0; i < half; ++i)
        frequencies.push_back(std::pow(rotary_base, -static_cast<double>(i) / static_cast<double>(half)));
      const NoGrad no_grad;
      const Tensor times =
          reshape(arange(0, static_cast<double>(length), 1, DType::kFloat64), {length, 1, 1});
      const Tensor all = mul(times, Tensor::from(frequencies, {half}));
      cos_ = cast(cos(all), x.dtype());
      sin_ = cast(sin(all), x.dtype());
    }
  }
  const Tensor a = narrow(x, 3, 0, half), b = narrow(x, 3, half, half);
  return cat({sub(mul(a, cos_), mul(b, sin_)), add(mul(b, cos_), mul(a, sin_))}, 3);
}

Outputs Attention::run(Context& c, Inputs inputs) {
  const Tensor& x = inputs[0];
  const Tensor mask = input_or_none(inputs, 2), lengths = input_or_none(inputs, 3);
  const int64_t n = x.dim(0);
  Tensor y;
  if (qkv_.defined() && !rotary) {
    y = attend_packed(c, form_, linear(x, qkv_, qkv_bias_), mask, lengths);
  } else {
    const Tensor& context = qkv_.defined() ? x : inputs[1];
    const auto heads_of = [&](const Tensor& t, int64_t count) {
      return reshape(t, {n, t.dim(1), count, form_.head_dim});
    };
    Tensor q, kv;
    if (qkv_.defined()) {
      const Tensor all = heads_of(linear(x, qkv_, qkv_bias_), form_.heads + 2 * form_.kv_heads);
      q = narrow(all, 2, 0, form_.heads);
      kv = narrow(all, 2, form_.heads, 2 * form_.kv_heads);
    } else {
      q = heads_of(linear(x, q_, q_bias_), form_.heads);
      kv = heads_of(linear(context, kv_, kv_bias_), 2 * form_.kv_heads);
    }
    Tensor k = narrow(kv, 2, 0, form_.kv_heads);
    if (rotary) {
      q = rotated(q);
      k = rotated(k);
    }
    y = attend(c, form_, q, k, narrow(kv, 2, form_.kv_heads, form_.kv_heads), mask, lengths);
  }
  return one(linear(y, proj_, proj_bias_));
}

}  // namespace dlb::nn
