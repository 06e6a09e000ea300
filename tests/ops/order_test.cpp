// Corners of scans, sorts, searches and statistics: NaN, ties, zeros, nothing, limits.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/histogram.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/search.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb {
namespace {

using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
using testing::values;

const double kNan = std::nan("");
constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor tensor(const Doubles& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }
Tensor whole(const Ints& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }
Ints ints(const Tensor& t) { return t.to_vector<int64_t>(); }
/// Values, with NaN as 1e300.
Doubles doubles(const Tensor& t) {
  Doubles v = t.to_vector<double>();
  for (double& x : v) x = std::isnan(x) ? 1e300 : x;
  return v;
}
Doubles gradient(const Doubles& at, Tensor (*f)(const Tensor&)) {
  Tensor x = tensor(at);
  x.set_requires_grad(true);
  return doubles(grad({sum(f(x))}, {x})[0]);
}

TEST_CASE("sorts put NaN last, keep equal elements in order and take -0 for 0") {
  const Tensor x = tensor({2, kNan, -0.0, 0.0, -kInf, kNan, 2, kInf});
  for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    CHECK(ints(sort(cast(x, dtype)).second) == Ints{4, 2, 3, 0, 6, 7, 1, 5});
    CHECK(ints(sort(cast(x, dtype), 0, true).second) == Ints{1, 5, 7, 0, 6, 2, 3, 4});
  }
  CHECK(ints(topk(x, 3).second) == Ints{1, 5, 7});
  CHECK(ints(topk(x, 2, 0, false).second) == Ints{4, 2});
  CHECK(ints(argsort(whole({3, INT64_MIN, INT64_MAX, -1}))) == Ints{1, 3, 0, 2});
  CHECK(ints(argsort(tensor({}))).empty());
  CHECK(sort(Tensor::scalar(3)).first.item() == 3);
}

TEST_CASE("long lists are sorted as short ones are") {
  const Tensor x = values({70000}, -3, 3, 4);
  for (const Tensor& keys :
       {cast(x, DType::kFloat32), x, cast(x * 1e6, DType::kInt64), cast(x * 9.0, DType::kInt32)}) {
    const auto [sorted, index] = sort(keys);
    const Doubles original = keys.to_vector<double>();
    const Doubles got = sorted.to_vector<double>();
    const Ints from = ints(index);
    bool ordered = true;
    for (size_t i = 0; i < got.size(); ++i) {
      ordered = ordered && got[i] == original[static_cast<size_t>(from[i])];
      if (i > 0)
        ordered = ordered && (got[i - 1] < got[i] || (got[i - 1] == got[i] && from[i - 1] < from[i]));
    }
    CHECK(ordered);
    CHECK(ints(topk(keys, 500, 0, false).second) == Ints(from.begin(), from.begin() + 500));
    CHECK(ints(topk(keys, 60000, 0, false).second) == Ints(from.begin(), from.begin() + 60000));
    CHECK(kthvalue(keys, 12345).second.item() == static_cast<double>(from[12344]));
  }
}

TEST_CASE("order statistics: the lower of two, NaN, the mode's last place") {
  CHECK(median(tensor({3, 1, 2, 4})).item() == 2);
  CHECK(std::isnan(median(tensor({3, kNan, 1, kNan})).item()));
  CHECK(median(tensor({3, kNan, 1, kNan}), 0).second.item() == 1);
  CHECK(nanmedian(tensor({3, kNan, 1, kNan})).item() == 1);
  CHECK(std::isnan(nanmedian(tensor({kNan, kNan})).item()));
  CHECK(std::isnan(median(tensor({})).item()));
  CHECK_THROWS_AS(median(zeros({0, 3}), 0), Error);
  CHECK_THROWS_AS(median(zeros({0}, DType::kInt64)), Error);
  CHECK(mode(whole({2, 1, 1, 2, 3})).first.item() == 1);
  CHECK(mode(whole({2, 1, 1, 2, 3})).second.item() == 2);
  CHECK(gradient({1, 2, 2, 3}, [](const Tensor& x) { return median(x); }) == Doubles{0, 0.5, 0.5, 0});
  CHECK(gradient({1, kNan}, [](const Tensor& x) { return max(x); }) == Doubles{0, 1});
  CHECK(gradient({4, 4, 1}, [](const Tensor& x) { return max(x, 0).first; }) == Doubles{1, 0, 0});
  CHECK_THROWS_AS(kthvalue(tensor({1, 2}), 3), Error);
  CHECK_THROWS_AS(topk(tensor({1, 2}), 3), Error);
}

TEST_CASE("scans: ties, NaN, infinities, long lines") {
  const auto [value, index] = cummax(tensor({1, 1, kNan, 2, kNan, 1}), 0);
  CHECK(ints(index) == Ints{0, 1, 2, 2, 4, 4});
  CHECK(doubles(value) == Doubles{1, 1, 1e300, 1e300, 1e300, 1e300});
  CHECK(ints(cummin(whole({1, 1, 0, 0}), 0).second) == Ints{0, 1, 2, 3});
  CHECK(doubles(logcumsumexp(tensor({-kInf, -kInf, kInf, 1}), 0)) == Doubles{-kInf, -kInf, kInf, kInf});
  CHECK(ints(cumsum(full({3}, 1, DType::kBool), 0)) == Ints{1, 2, 3});
  CHECK(cumsum(zeros({0, 3}), 0).numel() == 0);
  CHECK_THROWS_AS(cumsum(Tensor::scalar(1), 1), Error);
  const Tensor x = values({50000}, -1, 1, 9);
  const Doubles steps = x.to_vector<double>();
  const Doubles sums = cumsum(x, 0).to_vector<double>();
  double total = 0;
  double worst = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    total += steps[i];
    worst = std::max(worst, std::abs(total - sums[i]));
  }
  CHECK(worst < 1e-10);
}

TEST_CASE("products have gradients where elements are zero") {
  CHECK(gradient({3, 0, 2}, [](const Tensor& x) { return prod(x); }) == Doubles{0, 6, 0});
  CHECK(gradient({0, 0, 2}, [](const Tensor& x) { return prod(x); }) == Doubles{0, 0, 0});
  CHECK(gradient({1, 0, 2, 0}, [](const Tensor& x) { return cumprod(x, 0); }) == Doubles{1, 3, 0, 0});
  // d^2 (x y z) / dx dy = z, also where x = y = 0.
  Tensor x = tensor({0, 0, 5});
  x.set_requires_grad(true);
  const Tensor first = grad({prod(x)}, {x}, {}, true, true)[0];
  CHECK(doubles(grad({sum(select(first, 0, 0))}, {x})[0]) == Doubles{0, 5, 0});
}

TEST_CASE("deviations and norms have the gradient 0 where they are 0") {
  CHECK(gradient({2, 2}, [](const Tensor& x) { return std_deviation(x); }) == Doubles{0, 0});
  for (const double p : {0.5, 1.0, 2.0, 3.0, kInf}) {
    Tensor x = tensor({2, 2});
    x.set_requires_grad(true);
    CHECK(doubles(grad({dist(x, x.detach(), p)}, {x})[0]) == Doubles{0, 0});
    CHECK(doubles(grad({sum(cdist(reshape(x, {1, 2}), reshape(x.detach(), {1, 2}), p))}, {x})[0]) ==
          Doubles{0, 0});
  }
  CHECK(dist(tensor({1, 0}), tensor({0, 0}), 0).item() == 1);
  CHECK(std::isnan(var(tensor({1})).item()));
}

TEST_CASE("quantiles interpolate, and check what is asked for") {
  const Tensor x = tensor({4, 1, 8, 2});
  const auto at = [&](double q, Interpolation how) {
    return quantile(x, tensor({q}), how).to_vector<double>()[0];
  };
  CHECK(at(0.5, Interpolation::kLinear) == 3);
  CHECK(at(0.5, Interpolation::kLower) == 2);
  CHECK(at(0.5, Interpolation::kHigher) == 4);
  CHECK(at(0.5, Interpolation::kNearest) == 4);
  CHECK(at(0.3, Interpolation::kMidpoint) == 1.5);
  CHECK(std::isnan(quantile(tensor({1, kNan}), Tensor::scalar(0.5, DType::kFloat64)).item()));
  CHECK(nanquantile(tensor({1, kNan, 3}), Tensor::scalar(0.5, DType::kFloat64)).item() == 2);
  CHECK_THROWS_AS(quantile(x, tensor({1.5})), Error);
  CHECK_THROWS_AS(quantile(x, tensor({kNan})), Error);
  CHECK_THROWS_AS(quantile(tensor({}), tensor({0.5})), Error);
}

TEST_CASE("searches: sides, NaN, sorters") {
  const Tensor s = tensor({1, 2, 2, 3});
  CHECK(ints(searchsorted(s, tensor({2, kNan, 0, 4}))) == Ints{1, 4, 0, 4});
  CHECK(ints(searchsorted(s, tensor({2, kNan}), true)) == Ints{3, 4});
  CHECK(ints(searchsorted(tensor({3, 1, 2}), tensor({1, 3}), false, false, whole({1, 2, 0}))) == Ints{0, 2});
  CHECK_THROWS_AS(searchsorted(tensor({3, 1, 2}), tensor({1}), false, false, whole({1, 2, 3})), Error);
  CHECK(ints(isin(tensor({1, kNan, 5}), tensor({kNan, 1}))) == Ints{1, 0, 0});
  CHECK(ints(isin(tensor({1, 2}), tensor({}), true)) == Ints{1, 1});
}

TEST_CASE("distinct elements and slices") {
  const Distinct d = unique(tensor({2, kNan, 1, kNan, 2}));
  CHECK(doubles(d.values) == Doubles{1, 2, 1e300, 1e300});
  CHECK(ints(d.inverse) == Ints{1, 2, 0, 3, 1});
  CHECK(ints(d.counts) == Ints{1, 2, 1, 1});
  const Distinct rows = unique(Tensor::from(Ints{2, 1, 1, 5, 2, 1}, {3, 2}), 0);
  CHECK(ints(rows.values) == Ints{1, 5, 2, 1});
  CHECK(ints(rows.inverse) == Ints{1, 0, 1});
  const Distinct runs = unique_consecutive(whole({1, 1, 2, 1}));
  CHECK(ints(runs.values) == Ints{1, 2, 1});
  CHECK(ints(runs.inverse) == Ints{0, 0, 1, 2});
  CHECK(ints(runs.counts) == Ints{2, 1, 1});
  CHECK(unique(zeros({0, 3})).values.numel() == 0);
  CHECK(unique(zeros({0, 3}), 0).values.shape() == Shape{0, 3});
  CHECK_THROWS_AS(unique(zeros({3, 0}), 0), Error);
}

TEST_CASE("histograms") {
  CHECK(doubles(histc(tensor({1, 1}), 4)) == Doubles{0, 0, 2, 0});
  CHECK(doubles(histc(tensor({0, 1, 2, 5, -1, kNan}), 2, 0, 2)) == Doubles{1, 2});
  CHECK_THROWS_AS(histc(tensor({1, kNan}), 4), Error);
  const auto [counts, edges] = histogram(tensor({1, 2, 3, 10}), 4);
  CHECK(doubles(counts) == Doubles{3, 0, 0, 1});
  CHECK(doubles(edges) == Doubles{1, 3.25, 5.5, 7.75, 10});
  CHECK(doubles(histogram(tensor({1, 2, 3, kNan}), tensor({1, 2, 4})).first) == Doubles{1, 2});
  CHECK(ints(bincount(whole({1, 1, 5}))) == Ints{0, 2, 0, 0, 0, 1});
  CHECK(doubles(bincount(whole({1, 0}), tensor({0.5, 2}), 3)) == Doubles{2, 0.5, 0});
  CHECK_THROWS_AS(bincount(whole({-1})), Error);
  CHECK_THROWS_AS(bincount(whole({INT64_MAX})), Error);
}

TEST_CASE("segments and scattered reductions") {
  const Tensor x = tensor({1, 2, 3});
  const Tensor lengths = whole({2, 0, 1});
  CHECK(doubles(segment_reduce(x, SegmentReduction::kMax, lengths)) == Doubles{2, -kInf, 3});
  CHECK(doubles(segment_reduce(x, SegmentReduction::kMean, lengths)) == Doubles{1.5, 1e300, 3});
  CHECK(doubles(segment_reduce(x, SegmentReduction::kMin, {}, whole({0, 2, 2, 3}))) == Doubles{1, kInf, 3});
  CHECK(doubles(segment_reduce(x, SegmentReduction::kMean, lengths, {}, 0, 5)) == Doubles{4, 5, 8});
  CHECK_THROWS_AS(segment_reduce(x, SegmentReduction::kSum, whole({2, 0})), Error);
  CHECK_THROWS_AS(segment_reduce(x, SegmentReduction::kSum, whole({4, -1})), Error);
  CHECK_THROWS_AS(segment_reduce(x, SegmentReduction::kSum, {}, whole({0, 9})), Error);
  const Tensor twice = whole({0, 0});
  CHECK(ints(scatter_reduce(zeros({3}, DType::kInt64), 0, twice, whole({1, -4}), ScatterReduction::kMean)) ==
        Ints{-1, 0, 0});
  CHECK(doubles(scatter_reduce(tensor({9, 9}), 0, twice, tensor({1, 3}), ScatterReduction::kMean, false)) ==
        Doubles{2, 9});
  CHECK_THROWS_AS(scatter_reduce(x, 0, whole({3}), tensor({1}), ScatterReduction::kSum), Error);
}

}  // namespace
}  // namespace dlb
