#include "dlb/ops/reduce.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb {
namespace {

using testing::values;

/// Reduces by index arithmetic: f(accumulated, element).
std::vector<double> naive(const Tensor& x, const Dims& dims, double start, double (*f)(double, double)) {
  std::vector<bool> gone(x.shape().size(), dims.empty());
  for (const int64_t d : dims) gone[static_cast<size_t>(normalize_dim(d, x.rank()))] = true;
  int64_t count = 1;
  for (size_t d = 0; d < gone.size(); ++d) count *= gone[d] ? 1 : x.shape()[d];
  std::vector<double> out(static_cast<size_t>(count), start);
  const std::vector<double> in = x.to_vector<double>();
  for (size_t i = 0; i < in.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    int64_t at = 0;
    int64_t step = 1;
    for (size_t d = gone.size(); d-- > 0;) {
      if (!gone[d]) {
        at += rest % x.shape()[d] * step;
        step *= x.shape()[d];
      }
      rest /= x.shape()[d];
    }
    out[static_cast<size_t>(at)] = f(out[static_cast<size_t>(at)], in[i]);
  }
  return out;
}

void check_close(const Tensor& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> v = got.to_vector<double>();
  REQUIRE(v.size() == expected.size());
  for (size_t i = 0; i < v.size(); ++i)
    CHECK(v[i] == Approx(expected[i]).epsilon(tolerance).margin(tolerance));
}

TEST_CASE("sums over any dimensions of any layout") {
  const std::vector<std::pair<Shape, Dims>> cases = {{{2, 3, 4}, {}},          {{2, 3, 4}, {0}},
                                                     {{2, 3, 4}, {1}},         {{2, 3, 4}, {2}},
                                                     {{2, 3, 4}, {0, 2}},      {{2, 3, 4}, {1, -1}},
                                                     {{5, 1, 6}, {1}},         {{9000}, {0}},
                                                     {{3, 9000}, {1}},         {{9000, 3}, {0}},
                                                     {{9000, 3}, {1}},         {{70, 300}, {0}},
                                                     {{600, 300}, {0}},        {{4, 8, 10, 10}, {0, 2, 3}},
                                                     {{4, 8, 10, 10}, {2, 3}}, {{4, 8, 10, 10}, {1}},
                                                     {{3, 40, 33}, {0, 2}},    {{2, 2, 2, 2, 2}, {0, 2, 4}}};
  for (const auto& [shape, dims] : cases) {
    INFO(shape_text(shape) << " over " << shape_text(dims));
    const Tensor x = values(shape, -2, 2, 3);
    const auto plus = [](double a, double b) { return a + b; };
    const std::vector<double> expected = naive(x, dims, 0, plus);
    check_close(sum(x, dims), expected, 1e-11);
    check_close(sum(cast(x, DType::kFloat32), dims), expected, 2e-5);
    check_close(sum(contiguous(x, Layout::kChannelsLast), dims), expected, 1e-11);
    Dims order;
    for (int64_t d = x.rank(); d-- > 0;) order.push_back(d);
    check_close(sum(permute(contiguous(permute(x, order)), order), dims), expected, 1e-11);
    check_close(sum(select(stack({x, x}, x.rank()), -1, 0), dims), expected, 1e-11);
    check_close(amax(x, dims), naive(x, dims, -1e300, [](double a, double b) { return std::max(a, b); }), 0);
    check_close(amin(x, dims), naive(x, dims, 1e300, [](double a, double b) { return std::min(a, b); }), 0);
    check_close(
        norm(x, dims),
        [&, &along = dims] {
          std::vector<double> squares = naive(x, along, 0, [](double a, double b) { return a + b * b; });
          for (double& v : squares) v = std::sqrt(v);
          return squares;
        }(),
        1e-11);
    const double count = static_cast<double>(x.numel()) / static_cast<double>(expected.size());
    check_close(
        mean(x, dims, kKeepDim),
        [&] {
          std::vector<double> means = expected;
          for (double& v : means) v /= count;
          return means;
        }(),
        1e-11);
    check_close(any(gt(x, 1.9), dims),
                naive(gt(x, 1.9), dims, 0, [](double a, double b) { return a + b > 0 ? 1.0 : 0.0; }), 0);
    check_close(all(gt(x, -1.9), dims), naive(gt(x, -1.9), dims, 1, [](double a, double b) { return a * b; }),
                0);
  }
}

TEST_CASE("shapes of reductions") {
  const Tensor x = ones({2, 3, 4});
  CHECK(shape_text(sum(x).shape()) == "[]");
  CHECK(shape_text(sum(x, {}, kKeepDim).shape()) == "[1, 1, 1]");
  CHECK(shape_text(sum(x, {1}, kKeepDim).shape()) == "[2, 1, 4]");
  CHECK(shape_text(sum(x, {0, -1}).shape()) == "[3]");
  CHECK(shape_text(argmax(x, -1, kKeepDim).shape()) == "[2, 3, 1]");
  CHECK_THROWS_WITH(sum(x, {3}), Catch::Contains("sum") && Catch::Contains("[2, 3, 4]"));
  CHECK_THROWS_AS(sum(x, {0, -3}), Error);
  CHECK(sum(Tensor::scalar(3), {0}).item() == 3);
}

TEST_CASE("dtypes of sums") {
  CHECK(sum(ones({300}, DType::kUInt8)).item() == 300);
  CHECK(sum(ones({300}, DType::kUInt8)).dtype() == DType::kInt64);
  CHECK(sum(ones({300}, DType::kBool)).item() == 300);
  CHECK(sum(ones({300}, DType::kBFloat16)).dtype() == DType::kBFloat16);
  CHECK(sum(ones({4096}, DType::kFloat16)).item() ==
        4096);  // not stuck at 2048, as a float16 accumulator would be
  CHECK(amax(Tensor::from(std::vector<int32_t>{3, -5, 2}, {3})).dtype() == DType::kInt32);
  CHECK_THROWS_AS(mean(ones({3}, DType::kInt64)), Error);
}

TEST_CASE("float32 sums stay accurate over millions of elements") {
  const Tensor x = full({3000000}, 0.1F);
  CHECK(sum(x).item() == Approx(3e6 * static_cast<double>(0.1F)).epsilon(2e-7));
  CHECK(sum(full({1000000, 2}, 0.1F), {0}).to_vector<double>()[1] ==
        Approx(1e6 * static_cast<double>(0.1F)).epsilon(1e-6));
}

TEST_CASE("reductions of nothing") {
  const Tensor none = zeros({0, 3});
  CHECK(sum(none, {0}).to_vector<double>() == std::vector<double>{0, 0, 0});
  CHECK(std::isnan(mean(none, {0}).to_vector<double>()[0]));
  CHECK(prod(none, {0}).to_vector<double>() == std::vector<double>{1, 1, 1});
  CHECK(any(none).item() == 0);
  CHECK(all(none).item() == 1);
  CHECK(logsumexp(none, {0}).to_vector<double>()[2] == -std::numeric_limits<double>::infinity());
  CHECK(sum(none, {1}).numel() == 0);
  CHECK_THROWS_AS(amax(none, {0}), Error);
  CHECK_THROWS_AS(argmax(none, 0), Error);
}

TEST_CASE("extremes: NaN wins, the first counts, ties share the gradient") {
  const double nan = std::nan("");
  const Tensor x = Tensor::from(std::vector<double>{1, 5, 5, nan, 7, nan, 2, 2, 1}, {3, 3});
  CHECK(std::isnan(amax(x).item()));
  CHECK(argmax(x, 1).to_vector<int64_t>() == std::vector<int64_t>{1, 0, 0});
  CHECK(argmin(x, 1).to_vector<int64_t>() == std::vector<int64_t>{0, 0, 2});
  CHECK(argmax(x, 0).to_vector<int64_t>() == std::vector<int64_t>{1, 1, 1});
  Tensor y = Tensor::from(std::vector<double>{3, 3, 1, 3}, {4});
  y.set_requires_grad(true);
  CHECK(grad({amax(y)}, {y})[0].to_vector<double>() == std::vector<double>{1.0 / 3, 1.0 / 3, 0, 1.0 / 3});
}

TEST_CASE("composed reductions") {
  const Tensor x = Tensor::from(std::vector<double>{1, 2, 4, 0, 3, 5}, {2, 3});
  CHECK(prod(x, {1}).to_vector<double>() == std::vector<double>{8, 0});
  CHECK(prod(Tensor::from(std::vector<int32_t>{2, 3, 7}, {3})).dtype() == DType::kInt64);
  check_close(var(x, {1}), {7.0 / 3, 19.0 / 3}, 1e-12);
  check_close(var(x, {}, 0), {35.0 / 12}, 1e-12);
  check_close(logsumexp(x, {1}),
              {std::log(std::exp(1) + std::exp(2) + std::exp(4)), std::log(1 + std::exp(3) + std::exp(5))},
              1e-12);
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(logsumexp(Tensor::from(std::vector<double>{1000, 1000}, {2}), {0}).item() ==
        Approx(1000 + std::log(2.0)));
  CHECK(logsumexp(Tensor::from(std::vector<double>{-inf, -inf}, {2}), {0}).item() == -inf);
  CHECK(logsumexp(Tensor::from(std::vector<double>{inf, 0}, {2}), {0}).item() == inf);

  // Gradients, also where elements are zero.
  const auto check = [](const TensorFunction& f, Tensor in) {
    in.set_requires_grad(true);
    CHECK(grad_check(f, {in}) == "");
  };
  const auto one = [](Tensor t) { return std::vector<Tensor>{std::move(t)}; };
  check([&](const std::vector<Tensor>& in) { return one(prod(in[0], {1})); }, x.detach());
  check([&](const std::vector<Tensor>& in) { return one(prod(in[0])); },
        Tensor::from(std::vector<double>{1, 0, 3, 0}, {4}));
  check([&](const std::vector<Tensor>& in) { return one(var(in[0], {0})); }, x.detach());
  check([&](const std::vector<Tensor>& in) { return one(logsumexp(in[0], {1}, kKeepDim)); }, x.detach());
}

TEST_CASE("the gradient of a norm at the origin is zero") {
  Tensor x = zeros({3}, DType::kFloat64);
  x.set_requires_grad(true);
  CHECK(grad({norm(x)}, {x})[0].to_vector<double>() == std::vector<double>{0, 0, 0});
}

}  // namespace
}  // namespace dlb
