// Normalisations against the formula in float64, and what large means and thread counts must not change.
#include "dlb/ops/norm.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

/// Normalises the elements that share a group; group(i) and channel(i) are given for the row-major index i.
std::vector<double> naive(const std::vector<double>& x, const std::function<size_t(size_t)>& group,
                          const std::function<size_t(size_t)>& channel, const std::vector<double>& w,
                          const std::vector<double>& b, double eps) {
  size_t groups = 0;
  for (size_t i = 0; i < x.size(); ++i) groups = std::max(groups, group(i) + 1);
  std::vector<double> count(groups), mean(groups), var(groups);
  for (size_t i = 0; i < x.size(); ++i) count[group(i)] += 1, mean[group(i)] += x[i];
  for (size_t g = 0; g < groups; ++g) mean[g] /= count[g];
  for (size_t i = 0; i < x.size(); ++i) var[group(i)] += (x[i] - mean[group(i)]) * (x[i] - mean[group(i)]);
  std::vector<double> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t g = group(i);
    y[i] = (x[i] - mean[g]) / std::sqrt(var[g] / count[g] + eps) * w[channel(i)] + b[channel(i)];
  }
  return y;
}

void check_close(const Tensor& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> v = got.to_vector<double>();
  REQUIRE(v.size() == expected.size());
  double worst = 0;
  for (size_t i = 0; i < v.size(); ++i)
    worst = std::max(worst, std::abs(v[i] - expected[i]) / (1 + std::abs(expected[i])));
  CHECK(worst <= tolerance);
}

double tolerance_of(DType t) {
  return t == DType::kFloat64 ? 1e-11 : t == DType::kFloat32 ? 2e-5 : t == DType::kFloat16 ? 1e-2 : 6e-2;
}

struct Norm {
  std::string name;
  std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)> run;
  std::function<size_t(size_t)> group;
};

TEST_CASE("normalisations follow their formula for every dtype and layout") {
  const size_t channels = 6;
  const size_t space = 35;
  const Shape shape{4, 6, 5, 7};
  const auto channel = [&](size_t i) { return i / space % channels; };
  const Norm norms[] = {
      {"batch", [](const Tensor& x, const Tensor& w, const Tensor& b) { return batch_norm_train(x, w, b).y; },
       channel},
      {"group", [](const Tensor& x, const Tensor& w, const Tensor& b) { return group_norm(x, 3, w, b); },
       [&](size_t i) { return i / (space * channels) * 3 + channel(i) / 2; }},
      {"instance", [](const Tensor& x, const Tensor& w, const Tensor& b) { return group_norm(x, 6, w, b); },
       [&](size_t i) { return i / space; }},
  };
  const Tensor x = values(shape, -1, 3, 40);
  const Tensor w = values({6}, 0.5, 2, 41);
  const Tensor b = values({6}, -1, 1, 42);
  for (const Norm& norm : norms) {
    for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
      for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
        INFO(norm.name << " " << dtype_name(dtype));
        const Tensor t = contiguous(cast(x, dtype), layout);
        const Tensor tw = cast(w, dtype);
        const Tensor tb = cast(b, dtype);
        const std::vector<double> expected = naive(t.to_vector<double>(), norm.group, channel,
                                                   tw.to_vector<double>(), tb.to_vector<double>(), 1e-5);
        check_close(norm.run(t, tw, tb), expected, tolerance_of(dtype));
      }
    }
  }
}

TEST_CASE("layer norm follows its formula, over one or several dimensions") {
  const Tensor x = values({6, 4, 33}, -1, 3, 43);
  for (const int64_t dims : {1, 2}) {
    const size_t inner = dims == 1 ? 33 : 132;
    const Shape shape = dims == 1 ? Shape{33} : Shape{4, 33};
    const Tensor w = values(shape, 0.5, 2, 44);
    const Tensor b = values(shape, -1, 1, 45);
    for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
      INFO(dims << " " << dtype_name(dtype));
      const Tensor t = cast(x, dtype);
      const Tensor tw = cast(w, dtype);
      const Tensor tb = cast(b, dtype);
      const std::vector<double> expected = naive(
          t.to_vector<double>(), [&](size_t i) { return i / inner; }, [&](size_t i) { return i % inner; },
          tw.to_vector<double>(), tb.to_vector<double>(), 1e-5);
      check_close(layer_norm(t, dims, tw, tb), expected, tolerance_of(dtype));
    }
  }
}

TEST_CASE("float32 weights go with 16-bit inputs") {
  const Tensor x = cast(values({8, 6, 3, 3}, -1, 3, 46), DType::kBFloat16);
  Tensor w = cast(values({6}, 0.5, 2, 47), DType::kFloat32).set_requires_grad(true);
  const Tensor b = cast(values({6}), DType::kFloat32);
  const BatchNormResult r = batch_norm_train(x, w, b);
  CHECK(r.y.dtype() == DType::kBFloat16);
  CHECK(r.mean.dtype() == DType::kFloat32);
  CHECK(grad({sum(r.y)}, {w})[0].dtype() == DType::kFloat32);
}

TEST_CASE("a mean much larger than the deviations cancels nothing") {
  // x = 10000 + small: in float32 a difference of the two raw moments would be noise.
  const Tensor small = values({64, 3, 16, 16}, -1, 1, 48);
  const Tensor x = cast(add(small, 10000.0), DType::kFloat32);
  const Tensor exact = cast(x, DType::kFloat64);
  const BatchNormResult got = batch_norm_train(x, {}, {});
  const BatchNormResult expected = batch_norm_train(exact, {}, {});
  check_close(got.var, expected.var.to_vector<double>(), 1e-6);
  check_close(got.y, expected.y.to_vector<double>(), 2e-3);  // x itself has a resolution of 1e-3
  check_close(got.var, var(exact, {0, 2, 3}, 0).to_vector<double>(), 1e-6);
  const Tensor rows = reshape(x, {64, 768});
  check_close(layer_norm(rows, 1, {}, {}),
              layer_norm(reshape(exact, {64, 768}), 1, {}, {}).to_vector<double>(), 2e-3);
  check_close(group_norm(x, 3, {}, {}), group_norm(exact, 3, {}, {}).to_vector<double>(), 2e-3);
}

TEST_CASE("the fused gradient equals the gradient composed of simple operators") {
  const Tensor x = values({5, 4, 3, 3}, -1, 3, 49);
  const Tensor w = values({4}, 0.5, 2, 50);
  const Tensor b = values({4}, -1, 1, 51);
  const std::function<Tensor(const std::vector<Tensor>&)> calls[] = {
      [](const std::vector<Tensor>& in) { return batch_norm_train(in[0], in[1], in[2]).y; },
      [](const std::vector<Tensor>& in) { return group_norm(in[0], 2, in[1], in[2]); },
      [](const std::vector<Tensor>& in) {
        return layer_norm(permute(in[0], {0, 2, 3, 1}), 1, in[1], in[2]);
      },
  };
  for (const auto& call : calls) {
    std::vector<Tensor> leaves;
    for (const Tensor& t : {x, w, b}) leaves.push_back(t.detach().set_requires_grad(true));
    const Tensor loss = sum(square(call(leaves)));
    const std::vector<Tensor> fused = grad({loss}, leaves, {}, true, false);
    const std::vector<Tensor> composed = grad({loss}, leaves, {}, true, true);
    for (size_t i = 0; i < fused.size(); ++i) check_close(fused[i], composed[i].to_vector<double>(), 1e-11);
  }
}

TEST_CASE("statistics are the population's") {
  const Tensor x = values({7, 3, 5}, -1, 3, 52);
  const BatchNormResult r = batch_norm_train(x, {}, {});
  check_close(r.mean, mean(x, {0, 2}).to_vector<double>(), 1e-12);
  check_close(r.var, var(x, {0, 2}, 0).to_vector<double>(), 1e-12);
  check_close(batch_norm_eval(x, r.mean, r.var, {}, {}), r.y.to_vector<double>(), 1e-12);
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK((e.kind == ErrorKind::kShape || e.kind == ErrorKind::kDtype));
    return e.message;
  }
  return "no error";
}

TEST_CASE("normalisation errors say what was expected") {
  const Tensor x = values({2, 4, 3, 3});
  CHECK(error_of([&] { batch_norm_train(x, values({3}), {}); }) == "batch_norm expects weight [4], got [3]");
  CHECK(error_of([&] { batch_norm_train(values({4}), {}, {}); }) ==
        "batch_norm expects input [N, C, ...] of rank 2 to 5, got [4]");
  CHECK(error_of([&] {
          batch_norm_train(values({0, 4}), {}, {});
        }) == "batch_norm in training needs at least one value for each channel, got [0, 4]");
  CHECK(error_of([&] { group_norm(x, 3, {}, {}); }) ==
        "group_norm: 4 channels cannot be divided into 3 groups");
  CHECK(error_of([&] { layer_norm(x, 1, values({5}), {}); }) ==
        "layer_norm expects input [..., 5], got [2, 4, 3, 3]");
  CHECK(error_of([&] { layer_norm(x, 5, {}, {}); }) ==
        "layer_norm over the last 5 dimensions does not fit input [2, 4, 3, 3]");
}

}  // namespace
}  // namespace dlb::testing
