#include "dlb/ops/loss.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "ops/cases.h"

namespace dlb::bench {
namespace {

constexpr bool kBackward = true;
/// [rows, columns]
const std::vector<Sizes> kRows = {{32, 64}, {512, 512}, {8192, 1024}};
/// [N, C, H, W], in the memory order that each side's own networks give it.
const std::vector<Sizes> kImages = {{2, 16, 8, 8}, {16, 32, 28, 28}, {32, 64, 56, 56}};

template <class F>
Cases rows(const char* name, F f, bool backward = false) {
  return {name,
          [f](const Sizes& s) {
            const Tensor x = leaf({s[0], s[1]});
            return Case{[=] { return f(x); }, {x}};
          },
          kRows, backward};
}

Case cross_entropy_case(const Sizes& s) {
  const Tensor x = leaf({s[0], s[1]});
  const Tensor t = indices({s[0]}, s[1]);
  return {[=] { return mean_loss(cross_entropy(x, t)); }, {x}};
}

Case layer_norm_case(const Sizes& s) {
  const Tensor x = leaf({s[0], s[1]});
  const Tensor w = leaf({s[1]});
  const Tensor b = leaf({s[1]});
  return {[=] { return layer_norm(x, 1, w, b); }, {x, w, b}};
}

Tensor image(const Sizes& s) {
  return contiguous(random({s[0], s[1], s[2], s[3]}), Layout::kChannelsLast).set_requires_grad(true);
}

Case group_norm_case(const Sizes& s) {
  const Tensor x = image(s);
  const Tensor w = leaf({s[1]});
  const Tensor b = leaf({s[1]});
  return {[=] { return group_norm(x, 8, w, b); }, {x, w, b}};
}

Case batch_norm_case(const Sizes& s) {
  const Tensor x = image(s);
  const Tensor w = leaf({s[1]});
  const Tensor b = leaf({s[1]});
  return {[=] { return batch_norm_train(x, w, b).y; }, {x, w, b}};
}

}  // namespace

void add_row_cases() {
  add_cases({
      rows(
          "softmax", [](const Tensor& x) { return softmax(x, -1); }, kBackward),
      rows(
          "log_softmax", [](const Tensor& x) { return log_softmax(x, -1); }, kBackward),
      {"cross_entropy", cross_entropy_case, {{32, 10}, {512, 1000}, {4096, 2048}}, kBackward},
      {"layer_norm", layer_norm_case, {{32, 64}, {512, 768}, {8192, 1024}}, kBackward},
      {"group_norm", group_norm_case, kImages, kBackward},
      {"batch_norm", batch_norm_case, kImages, kBackward},
      rows("sum_all", [](const Tensor& x) { return sum(x); }),
      rows(
          "sum_rows", [](const Tensor& x) { return sum(x, {1}); }, kBackward),
      rows("sum_columns", [](const Tensor& x) { return sum(x, {0}); }),
      rows(
          "mean", [](const Tensor& x) { return mean(x); }, kBackward),
      rows("amax", [](const Tensor& x) { return amax(x, {1}); }),
      rows("argmax", [](const Tensor& x) { return argmax(x, 1); }),
  });
}

}  // namespace dlb::bench
