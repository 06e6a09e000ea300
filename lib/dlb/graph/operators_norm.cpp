// Normalisations of ONNX, and dropout.
#include <cmath>
#include <random>

#include "dlb/graph/operator.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

double epsilon(const Call& c) { return c.attribute("epsilon", 1e-5); }

/// A per-channel input, in x's dtype or, with 16-bit x, in float32.
Tensor per_channel(const Tensor& x, const Tensor& v) {
  return v.dtype() == x.dtype() ? v : cast(v, x.dtype() == DType::kFloat64 ? x.dtype() : DType::kFloat32);
}

/// x as [N, C, *] of a rank that the operators have.
Tensor image_like(const Call& c, const Tensor& x) {
  if (x.rank() == 0) c.fail("expects an input [N, C, *], got a single number");
  if (x.rank() == 1) return reshape(x, {x.dim(0), 1});
  return x.rank() > 5 ? flatten(x, 2) : x;
}

void batch_normalization(Call& c) {
  const Tensor given = c.tensor(0);
  const Tensor x = image_like(c, given);
  const double eps = epsilon(c), momentum = c.attribute("momentum", 0.9);
  bool training = false;
  if (c.opset() >= 14) {
    training = c.attribute("training_mode", int64_t{0}) != 0;
  } else {
    training = c.wants(1) && (c.opset() >= 7 || c.attribute("is_test", int64_t{0}) == 0);
  }
  Tensor part[4];
  for (size_t i = 0; i < 4; ++i) part[i] = per_channel(x, c.tensor(i + 1));
  const auto& [scale, bias, mean_in, var_in] = part;
  if (c.opset() < 9 && c.attribute("spatial", int64_t{1}) == 0) {
    // Every element of a sample has statistics of its own.
    if (training) c.unsupported("training with spatial = 0");
    const Tensor y = mul(sub(given, mean_in), rsqrt(add(var_in, eps)));
    return c.same_type(cast(add(mul(y, scale), bias), given.dtype()));
  }
  if (!training)
    return c.same_type(reshape(batch_norm_eval(x, mean_in, var_in, scale, bias, eps), given.shape()));
  const BatchNormResult result = batch_norm_train(x, scale, bias, eps);
  c.same_type(reshape(result.y, given.shape()));
  const auto moved = [&](const Tensor& old, const Tensor& batch, DType dtype) {
    return cast(add(mul(old, momentum), mul(cast(batch, old.dtype()), 1 - momentum)), dtype);
  };
  if (c.wants(1)) c.plain(moved(mean_in, result.mean, c.tensor(3).dtype()), 1);
  if (c.wants(2)) c.plain(moved(var_in, result.var, c.tensor(4).dtype()), 2);
  if (c.wants(3)) c.plain(cast(result.mean, c.tensor(3).dtype()), 3);
  if (c.wants(4)) c.plain(cast(result.var, c.tensor(4).dtype()), 4);
}

void instance_normalization(Call& c) {
  const Tensor x = c.tensor(0);
  if (x.rank() < 3) c.fail("expects an input [N, C, *spatial], got {}", shape_text(x.shape()));
  c.same_type(group_norm(x, x.dim(1), per_channel(x, c.tensor(1)), per_channel(x, c.tensor(2)), epsilon(c)));
}

void group_normalization(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t groups = c.required("num_groups");
  if (x.rank() < 2 || groups < 1 || x.dim(1) % groups != 0)
    c.fail("channels of {} cannot be divided into {} groups", shape_text(x.shape()), groups);
  Tensor scale = per_channel(x, c.tensor(1)), bias = per_channel(x, c.tensor(2));
  if (c.opset() < 21) {  // one number per group
    scale = repeat_interleave(scale, x.dim(1) / groups, 0);
    bias = repeat_interleave(bias, x.dim(1) / groups, 0);
  }
  c.same_type(group_norm(x, groups, scale, bias, epsilon(c)));
}

/// The number of dimensions from the attribute `axis` on.
int64_t normalized_dims(const Call& c, const Tensor& x) {
  return x.rank() - c.axis(c.attribute("axis", int64_t{-1}), x.rank());
}

/// Whether the weights have exactly the last `dims` sizes of x.
bool has_last_sizes(const Tensor& weight, const Tensor& x, int64_t dims) {
  if (weight.rank() != dims) return false;
  for (int64_t i = 1; i <= dims; ++i) {
    if (weight.dim(-i) != x.dim(-i)) return false;
  }
  return true;
}

DType stash_dtype(const Call& c) {
  const int64_t number = c.attribute("stash_type", int64_t{1});
  const Element e = element_from_number(number);
  if (!is_float(e) || !is_native(e)) c.fail("stash_type {} is no floating type", number);
  return carrier(e);
}

void layer_normalization(Call& c) {
  const Tensor x = c.tensor(0), scale = c.tensor(1), bias = c.optional_tensor(2);
  const int64_t dims = normalized_dims(c, x);
  const double eps = epsilon(c);
  const DType stash = stash_dtype(c);
  const bool whole = has_last_sizes(scale, x, dims) && (!bias.defined() || has_last_sizes(bias, x, dims));
  if (whole) {
    c.same_type(
        layer_norm(x, dims, per_channel(x, scale), bias.defined() ? per_channel(x, bias) : bias, eps));
  } else {
    Tensor y = mul(layer_norm(x, dims, {}, {}, eps), scale);
    if (bias.defined()) y = add(y, bias);
    c.same_type(cast(y, x.dtype()));
  }
  if (!c.wants(1) && !c.wants(2)) return;
  Dims last;
  for (int64_t i = x.rank() - dims; i < x.rank(); ++i) last.push_back(i);
  const Tensor wide = x.dtype() == DType::kFloat64 ? x : cast(x, DType::kFloat32);
  const Tensor average = mean(wide, last, kKeepDim);
  if (c.wants(1)) c.plain(cast(average, stash), 1);
  if (c.wants(2)) c.plain(cast(rsqrt(add(mean(square(sub(wide, average)), last, kKeepDim), eps)), stash), 2);
}

void rms_normalization(Call& c) {
  const Tensor x = c.tensor(0), scale = c.tensor(1);
  const int64_t dims = normalized_dims(c, x);
  static_cast<void>(stash_dtype(c));
  if (has_last_sizes(scale, x, dims) && scale.dtype() == x.dtype())
    return c.same_type(rms_norm(x, dims, scale, epsilon(c)));
  c.output(Value(mul(rms_norm(x, dims, {}, epsilon(c)), cast(scale, x.dtype())), c.element(0)));
}

/// x / its norm; 0 where the norm is.
void lp_normalization(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t axis = c.axis(c.attribute("axis", int64_t{-1}), x.rank());
  const int64_t p = c.attribute("p", int64_t{2});
  if (p != 1 && p != 2) c.fail("p must be 1 or 2, got {}", p);
  const Tensor length = p == 2 ? norm(x, {axis}, kKeepDim) : sum(abs(x), {axis}, kKeepDim);
  c.same_type(where(eq(length, 0.0), zeros({}, x.dtype(), x.device()), div(x, length)));
}

void lrn(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t size = c.required("size");
  if (size < 1 || size > int64_t{1} << 30)
    c.fail("size must be from 1 to {}, got {}", int64_t{1} << 30, size);
  if (x.rank() < 2) c.fail("expects an input [N, C, *], got {}", shape_text(x.shape()));
  const Tensor image = x.rank() == 2 ? unsqueeze(x, 2) : x;
  // Of an even number of neighbours ONNX has one more behind, our operator before.
  const bool even = size % 2 == 0;
  Tensor y = local_response_norm(even ? flip(image, {1}) : image, size, c.attribute("alpha", 1e-4),
                                 c.attribute("beta", 0.75), c.attribute("bias", 1.0));
  if (even) y = flip(y, {1});
  c.same_type(reshape(y, x.shape()));
}

void mean_variance_normalization(Call& c) {
  const Tensor x = c.tensor(0);
  Dims axes;
  for (const int64_t a : c.integers("axes", {0, 2, 3})) axes.push_back(c.axis(a, x.rank()));
  const Tensor centred = sub(x, mean(x, axes, kKeepDim));
  const Tensor deviation = sqrt(mean(square(centred), axes, kKeepDim));
  c.same_type(div(centred, add(deviation, 1e-9)));
}

/// Which elements stay, each with probability 1 - p. With a seed they are those that a Mersenne twister of
/// that seed picks, as ONNX's own tests have it.
Tensor kept(const Call& c, const Shape& shape, double p) {
  if (!c.has_attribute("seed")) return bernoulli(shape, 1 - p, c.random_key(), DType::kBool);
  std::mt19937 twister(static_cast<uint32_t>(c.required("seed")));
  const Tensor mask = Tensor::empty(shape, DType::kBool);
  for (int64_t i = 0; i < mask.numel(); ++i) {
    const uint64_t high = twister() >> 5, low = twister() >> 6;
    const double uniform = static_cast<double>((high << 26) | low) / 9007199254740992.0;  // 2^53
    mask.data<bool>()[i] = uniform >= p;
  }
  return mask;
}

void dropout_node(Call& c) {
  const Tensor x = c.tensor(0);
  double p = 0.5;
  bool training = false;
  if (c.opset() >= 12) {
    training = c.has(2) && c.truth(2);
    if (c.has(1)) p = c.number(1);
  } else {
    p = c.attribute("ratio", 0.5);
    training = c.opset() < 7 && c.attribute("is_test", int64_t{0}) == 0;
  }
  if (!(p >= 0 && p < 1)) c.fail("ratio must be from 0 to below 1, got {}", p);
  const auto output_mask = [&](const Tensor& mask) {
    if (!c.wants(1)) return;
    if (c.opset() >= 10) return c.plain(mask, 1);
    c.same_type(cast(mask, x.dtype()), 1);
  };
  if (!training || p == 0) {
    c.output(c.value(0));
    if (c.wants(1)) output_mask(full(x.shape(), 1, DType::kBool, x.device()));
    return;
  }
  if (x.is_meta()) {
    c.output(c.value(0));
    return output_mask(Tensor::empty(x.shape(), DType::kBool, x.device()));
  }
  const Tensor mask = kept(c, x.shape(), p);
  c.same_type(mul(mul(x, cast(mask, x.dtype())), 1 / (1 - p)));
  output_mask(mask);
}

constexpr Operator kOperators[] = {
    {"BatchNormalization", &batch_normalization, 1, "", true, 5},
    {"InstanceNormalization", &instance_normalization, 1, "", true, 3},
    {"GroupNormalization", &group_normalization, 18, "", true, 3},
    {"LayerNormalization", &layer_normalization, 17, "", true, 2},
    {"RMSNormalization", &rms_normalization, 23, "", true, 2},
    {"LpNormalization", &lp_normalization, 1, "", true, 1},
    {"LRN", &lrn, 1, "", true, 1},
    {"MeanVarianceNormalization", &mean_variance_normalization, 9, "", true, 1},
    {"Dropout", &dropout_node, 1, "", false, 1},
};

}  // namespace

std::span<const Operator> norm_operators() { return kOperators; }

}  // namespace dlb::graph
