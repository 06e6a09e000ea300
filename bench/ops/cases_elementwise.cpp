#include "dlb/ops/binary.h"
#include "dlb/ops/loss.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "ops/cases.h"

namespace dlb::bench {
namespace {

constexpr bool kBackward = true;
const std::vector<Sizes> kLengths = {{1024}, {262144}, {8388608}};

template <class F>
Cases unary(const char* name, F f, bool backward = false) {
  return {name,
          [f](const Sizes& s) {
            const Tensor x = leaf({s[0]});
            return Case{[=] { return f(x); }, {x}};
          },
          kLengths, backward};
}

/// Of positive numbers.
template <class F>
Cases positive(const char* name, F f) {
  return {name,
          [f](const Sizes& s) {
            const Tensor x = random_between({s[0]}, 0.01, 10);
            return Case{[=] { return f(x); }};
          },
          kLengths};
}

template <class F>
Cases binary(const char* name, F f, bool backward = false) {
  return {name,
          [f](const Sizes& s) {
            const Tensor a = leaf({s[0]});
            const Tensor b = leaf({s[0]});
            return Case{[=] { return f(a, b); }, {a, b}};
          },
          kLengths, backward};
}

Case where_case(const Sizes& s) {
  const Tensor c = gt(random({s[0]}), 0.0);
  const Tensor a = random({s[0]});
  const Tensor b = random({s[0]});
  return {[=] { return where(c, a, b); }};
}

/// [rows, columns] + [columns]
Case bias_case(const Sizes& s) {
  const Tensor a = leaf({s[0], s[1]});
  const Tensor b = leaf({s[1]});
  return {[=] { return add(a, b); }, {a, b}};
}

}  // namespace

void add_elementwise_cases() {
  const auto add2 = [](const Tensor& a, const Tensor& b) { return add(a, b); };
  const auto mul2 = [](const Tensor& a, const Tensor& b) { return mul(a, b); };
  const auto mse = [](const Tensor& a, const Tensor& b) { return mean_loss(mse_loss(a, b.detach())); };
  const auto bce = [](const Tensor& a, const Tensor& b) { return mean_loss(bce_with_logits(a, b.detach())); };
  const auto dropped = [](const Tensor& x) { return dropout(x, 0.1, {1, RngPurpose::kDropout, 2, 3}); };
  add_cases({
      binary("add", add2),
      binary("mul", mul2, kBackward),
      binary("div", div),
      {"bias", bias_case, {{32, 64}, {512, 768}, {8192, 1024}}, kBackward},
      {"where", where_case, kLengths},
      unary("relu", relu, kBackward),
      unary(
          "gelu", [](const Tensor& x) { return gelu(x); }, kBackward),
      unary("silu", silu, kBackward),
      unary("sigmoid", sigmoid, kBackward),
      unary("tanh", tanh, kBackward),
      unary("exp", exp),
      unary("sin", sin),
      unary("cos", cos),
      positive("log", log),
      positive("sqrt", sqrt),
      unary(
          "square", [](const Tensor& x) { return pow(x, 2.0); }, kBackward),
      unary("clip", [](const Tensor& x) { return clamp(x, -1.0, 1.0); }),
      unary("cast", [](const Tensor& x) { return cast(x, DType::kBFloat16); }),
      unary("dropout", dropped, kBackward),
      binary("mse_loss", mse, kBackward),
      binary("bce_with_logits", bce, kBackward),
  });
}

}  // namespace dlb::bench
