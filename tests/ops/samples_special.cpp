#include "dlb/ops/activation.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/special.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using Unary = Tensor (*)(const Tensor&);

const std::vector<DType> kIntegers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};

/// A constant beside x, without history.
Tensor beside(const Tensor& x, double value) { return affine(x.detach(), 0, value); }

}  // namespace

void add_activation_samples(SampleTable& t) {
  const Sample floating{.rejects = kIntegers};
  const Sample numeric{.rejects = {DType::kBool}};
  const auto unary = [&](const char* name, Unary f, Range range, const Sample& base) {
    add_unary(t, name, f, range, base);
  };
  unary("relu", relu, {0.1, 2}, numeric);
  unary(
      "relu", [](const Tensor& x) { return relu(x); }, {-2, -0.1}, numeric);
  unary("silu", silu, {-4, 4}, floating);
  add_unary(
      t, "gelu", [](const Tensor& x) { return gelu(x); }, {-3, 3}, floating);
  add_unary(
      t, "gelu", [](const Tensor& x) { return gelu(x, true); }, {-3, 3}, floating);
  add_unary(
      t, "softplus", [](const Tensor& x) { return softplus(x); }, {-4, 4}, floating);
  add_unary(
      t, "softplus", [](const Tensor& x) { return softplus(x, 2, 3); }, {1.6, 4}, floating);
  add_unary(
      t, "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }, {0.1, 2}, floating);
  add_unary(
      t, "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }, {-2, -0.1}, floating);
  add_unary(
      t, "elu", [](const Tensor& x) { return elu(x, 1.5); }, {-2, -0.1}, floating);
  add_unary(
      t, "elu", [](const Tensor& x) { return elu(x, 1.5); }, {0.1, 2}, floating);
  const auto limited = [](const Tensor& x) { return hardtanh(x, -1, 2); };
  add_unary(t, "hardtanh", limited, {-0.9, 1.9}, numeric);
  add_unary(t, "hardtanh", limited, {2.1, 3}, numeric);
  const auto above = [](const Tensor& x) { return threshold(x, 1, 5); };
  add_unary(t, "threshold", above, {1.1, 3}, numeric);
  add_unary(t, "threshold", above, {-3, 0.9}, numeric);
  unary("hardsigmoid", hardsigmoid, {-2.9, 2.9}, floating);
  unary("hardswish", hardswish, {-2.9, 2.9}, floating);
  unary("hardswish", hardswish, {3.1, 5}, floating);
  unary("mish", mish, {-4, 4}, floating);
  unary("logsigmoid", logsigmoid, {-4, 4}, floating);
  const auto soft = [](const Tensor& x) { return softshrink(x, 0.5); };
  add_unary(t, "softshrink", soft, {0.6, 2}, floating);
  add_unary(t, "softshrink", soft, {-0.4, 0.4}, floating);
  const auto hard = [](const Tensor& x) { return hardshrink(x, 0.5); };
  add_unary(t, "hardshrink", hard, {-2, -0.6}, floating);
  add_unary(t, "hardshrink", hard, {-0.4, 0.4}, floating);
}

void add_special_samples(SampleTable& t) {
  const Sample steep{.tolerance = 4};
  add_unary(t, "erfinv", erfinv, {-0.8, 0.8});
  add_unary(t, "erfcx", erfcx, {-1, 4}, steep);
  add_unary(t, "lgamma", lgamma, {0.5, 4});
  add_unary(t, "digamma", digamma, {0.5, 4}, steep);
  add_unary(
      t, "polygamma", [](const Tensor& x) { return polygamma(2, x); }, {0.8, 4}, steep);
  add_unary(t, "i0", i0, {}, steep);
  add_unary(t, "i0e", i0e, {0.2, 4});
  add_unary(t, "i1", i1, {0.2, 2}, steep);
  add_unary(t, "i1e", i1e, {0.2, 4});
  add_unary(t, "ndtri", ndtri, {0.2, 0.8});
  add_unary(t, "log_ndtr", log_ndtr, {-4, 2}, steep);
  add_unary(t, "entr", entr, {0.2, 3});
  add_unary(t, "sinc", sinc, {0.2, 3}, steep);
  add_unary(
      t, "logit", [](const Tensor& x) { return logit(x); }, {0.2, 0.8}, steep);
  add_unary(
      t, "logit", [](const Tensor& x) { return logit(x, 0.1); }, {0.2, 0.8}, steep);
  const Sample floating{.rejects = kIntegers};
  add_binary(t, "logaddexp", logaddexp, {}, {}, floating);
  add_binary(t, "logaddexp2", logaddexp2, {}, {}, floating);
  add_binary(t, "xlogy", xlogy, {0.5, 2}, {0.5, 2});
  add_binary(t, "xlog1py", xlog1py, {0.5, 2}, {0.5, 2});
  // Their first arguments have no gradient.
  add_unary(t, "igamma", [](const Tensor& x) { return igamma(beside(x, 1.5), x); }, {0.5, 4});
  add_unary(t, "igammac", [](const Tensor& x) { return igammac(beside(x, 2.5), x); }, {0.5, 4});
  add_unary(
      t, "zeta", [](const Tensor& x) { return zeta(beside(x, 2.5), x); }, {0.8, 4}, steep);
  add_binary(t, "igamma", igamma, {0.5, 4}, {0.5, 4}, {.gradient = false, .rejects = kIntegers});
  // Functions that are named otherwise than their operators, or compositions, without reference vectors.
  for (const char* name : {"erfcx", "ndtri", "log_ndtr", "i1", "i1e", "zeta"}) {
    t[std::string("special.") + name] = t[name];
  }
  add_binary(t, "ldexp", ldexp, {}, {-2, 2}, steep);
  const RngKey key{.seed = 3, .purpose = RngPurpose::kUser};
  add_unary(
      t, "rrelu", [key](const Tensor& x) { return rrelu(x, 0.1, 0.3, false, key); }, {-2, -0.1}, floating);
  add_unary(
      t, "rrelu", [key](const Tensor& x) { return rrelu(x, 0.1, 0.3, true, key); }, {0.1, 2}, floating);
  for (const bool hard : {false, true}) {
    t["gumbel_softmax"].push_back({.inputs = {values({3, 4}, -2, 2, 16)},
                                   .call = on_one([key, hard](const Tensor& x) {
                                     return gumbel_softmax(cast(x, DType::kFloat64), 0.7, hard, -1, key);
                                   }),
                                   .gradient = !hard});
  }
  const auto limits = [](const Shape& x, const Shape& low, const Shape& high, double center, bool large) {
    return Sample{
        .inputs = {values(x, center - 0.4, center + 0.4, 13), values(low, -1, -0.5, 14),
                   values(high, 0.5, 1, 15)},
        .call = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{clamp(in[0], in[1], in[2])}; },
        .rejects = {DType::kBool},
        .large = large};
  };
  t["clamp_tensor"] = {limits({2, 3}, {3}, {}, 0, false), limits({2, 3}, {2, 1}, {2, 3}, 2, false),
                       limits({0}, {1}, {1}, 0, false), limits({300, 333}, {300, 333}, {333}, 0, true)};
  t["clamp_tensor"].push_back(
      {.inputs = {values({5}, -2, 0), values({5}, 0.5, 1)}, .call = [](const std::vector<Tensor>& in) {
         return std::vector<Tensor>{clamp(in[0], in[1], Tensor()), clamp(in[0], Tensor(), in[1])};
       }});
}

}  // namespace dlb::testing
