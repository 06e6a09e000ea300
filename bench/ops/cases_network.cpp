#include "dlb/ops/conv.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/pool.h"
#include "dlb/ops/shape_ops.h"
#include "ops/cases.h"

namespace dlb::bench {
namespace {

constexpr bool kBackward = true;

/// [n, k] x [k, m]
Case matmul_case(const Sizes& s) {
  const Tensor a = leaf({s[0], s[1]});
  const Tensor b = leaf({s[1], s[2]});
  return {[=] { return matmul(a, b); }, {a, b}};
}

/// `s[0]` products of [n, k] x [k, m]
Case batched_case(const Sizes& s) {
  const Tensor a = leaf({s[0], s[1], s[2]});
  const Tensor b = leaf({s[0], s[2], s[3]});
  return {[=] { return matmul(a, b); }, {a, b}};
}

/// [n, in] -> [n, out]
Case linear_case(const Sizes& s) {
  const Tensor x = leaf({s[0], s[1]});
  const Tensor w = leaf({s[2], s[1]});
  const Tensor b = leaf({s[2]});
  return {[=] { return linear(x, w, b); }, {x, w, b}};
}

/// In the memory order that a network's activations have.
Tensor image(const Sizes& s) {
  return contiguous(random({s[0], s[1], s[2], s[3]}), Layout::kChannelsLast).set_requires_grad(true);
}

/// [N, C, H, W] and the number of output channels.
template <int kKernel>
Case conv2d_case(const Sizes& s) {
  const Tensor x = image(s);
  const Tensor w = leaf({s[4], s[1], kKernel, kKernel});
  const Tensor b = leaf({s[4]});
  return {[=] { return conv2d(x, w, b, {1}, {kKernel / 2}); }, {x, w, b}};
}

Case depthwise_case(const Sizes& s) {
  const Tensor x = image(s);
  const Tensor w = leaf({s[1], 1, 3, 3});
  const Tensor b = leaf({s[1]});
  return {[=] { return conv2d(x, w, b, {1}, {1}, {1}, x.dim(1)); }, {x, w, b}};
}

/// [N, C, L] and the number of output channels, kernel 3.
Case conv1d_case(const Sizes& s) {
  const Tensor x = contiguous(random({s[0], s[1], s[2]}), Layout::kChannelsLast).set_requires_grad(true);
  const Tensor w = leaf({s[3], s[1], 3});
  const Tensor b = leaf({s[3]});
  return {[=] { return conv1d(x, w, b, 1, 1); }, {x, w, b}};
}

template <Tensor (*kPool)(const Tensor&, const PoolAttrs&)>
Case pool_case(const Sizes& s) {
  const Tensor x = image(s);
  PoolAttrs attrs;
  attrs.kernel = {2};
  return {[=] { return kPool(x, attrs); }, {x}};
}

const std::vector<Sizes> kImages = {{2, 16, 8, 8}, {16, 32, 28, 28}, {32, 64, 56, 56}};

}  // namespace

void add_network_cases() {
  add_cases({
      {"matmul", matmul_case, {{16, 16, 16}, {256, 256, 256}, {1024, 1024, 1024}}, kBackward},
      {"batched_matmul", batched_case, {{8, 16, 16, 16}, {32, 64, 64, 64}, {64, 256, 64, 256}}, kBackward},
      {"linear", linear_case, {{16, 32, 32}, {128, 784, 512}, {2048, 768, 768}}, kBackward},
      {"conv2d_3x3",
       conv2d_case<3>,
       {{2, 8, 8, 8, 8}, {16, 32, 28, 28, 32}, {16, 64, 56, 56, 64}},
       kBackward},
      {"conv2d_1x1",
       conv2d_case<1>,
       {{2, 8, 8, 8, 8}, {16, 32, 28, 28, 64}, {16, 64, 56, 56, 256}},
       kBackward},
      {"depthwise_3x3", depthwise_case, kImages, kBackward},
      {"conv1d", conv1d_case, {{2, 8, 32, 8}, {16, 64, 128, 64}, {32, 128, 512, 128}}, kBackward},
      {"max_pool2d", pool_case<max_pool>, kImages, kBackward},
      {"avg_pool2d", pool_case<avg_pool>, kImages, kBackward},
  });
}

}  // namespace dlb::bench
