#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/histogram.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/search.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using One = std::function<Tensor(const Tensor&)>;

Sample of(const Shape& shape, const One& f, Sample base = {}) {
  base.inputs = {values(shape, -2, 2, static_cast<uint32_t>(shape.size()))};
  base.call = on_one(f);
  return base;
}
Sample large(const Shape& shape, const One& f, bool gradient = true) {
  return of(shape, f, {.gradient = gradient, .large = true});
}
/// For functions whose results' shapes depend on data, which nothing can infer.
Sample fixed(const std::function<Tensor()>& f) {
  return {.inputs = {},
          .call = [f](const std::vector<Tensor>&) { return std::vector<Tensor>{f()}; },
          .gradient = false};
}

/// A row of integers from 0 to n - 1 with repetitions.
Tensor numbers(const Shape& shape, int64_t n) {
  std::vector<int64_t> list(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int64_t>(i * 7 + i / 3) % n;
  return Tensor::from(list, shape);
}

/// x with every third element zero, at which the derivatives of products are still smooth.
Tensor with_zeros(const Tensor& x) {
  std::vector<int32_t> keep(static_cast<size_t>(x.numel()));
  for (size_t i = 0; i < keep.size(); ++i) keep[i] = i % 3 == 1 ? 0 : 1;
  Tensor mask = Tensor::from(keep, x.shape());
  if (x.is_meta()) mask = Tensor::empty(x.shape(), DType::kInt32, kMeta);
  return x * mask;
}

void add_scans(SampleTable& t) {
  const std::vector<DType> integers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};
  const Sample floating{.rejects = integers, .tolerance = 16};
  const Sample kinks{.second_order = false};
  t["linear_recurrence"] = {
      of(
          {2, 5}, [](const Tensor& x) { return linear_recurrence(sin(x), x, 1); }, floating),
      of(
          {4, 3}, [](const Tensor& x) { return linear_recurrence(x, x, 0, kReverse); }, floating),
      of(
          {0, 3}, [](const Tensor& x) { return linear_recurrence(x, x, 0); }, floating),
      of(
          {}, [](const Tensor& x) { return linear_recurrence(x, x, 0); }, floating),
      large({100000}, [](const Tensor& x) { return linear_recurrence(x * 0.4, x, 0); }),
      large({300, 70}, [](const Tensor& x) { return linear_recurrence(x * 0.4, x, 0, kReverse); })};
  t["cumsum"] = {of({3, 4}, [](const Tensor& x) { return cumsum(x, 0, kReverse); }, {.tolerance = 8}),
                 of({3, 0}, [](const Tensor& x) { return cumsum(x, 1); }),
                 large({100000}, [](const Tensor& x) { return cumsum(x, 0); }),
                 large({3, 40000, 2}, [](const Tensor& x) { return cumsum(x, 1, kReverse); })};
  t["cumprod"] = {of({2, 7}, [](const Tensor& x) { return cumprod(with_zeros(x), 1); }, {.tolerance = 8}),
                  of({7, 2}, [](const Tensor& x) { return cumprod(x, 0, kReverse); }, {.tolerance = 8}),
                  of({0}, [](const Tensor& x) { return cumprod(x, 0); }),
                  large({300, 70}, [](const Tensor& x) { return cumprod(x, 1); })};
  t["logcumsumexp"] = {of(
                           {3, 4}, [](const Tensor& x) { return logcumsumexp(x, 1); }, floating),
                       of(
                           {0, 2}, [](const Tensor& x) { return logcumsumexp(x, 0); }, floating),
                       large({100000}, [](const Tensor& x) { return logcumsumexp(x, 0); })};
  t["cummax"] = {of(
                     {3, 4}, [](const Tensor& x) { return cummax(x, 1).first; }, kinks),
                 of({0, 2}, [](const Tensor& x) { return cummax(x, 0).first; }),
                 large({100000}, [](const Tensor& x) { return cummax(x, 0).first; })};
  t["cummin"] = {of(
                     {3, 4}, [](const Tensor& x) { return cummin(x, 0).first; }, kinks),
                 of({0, 2}, [](const Tensor& x) { return cummin(x, 1).first; })};
  t["cumulative_trapezoid"] = {
      of({3, 4}, [](const Tensor& x) { return cumulative_trapezoid(x, 0.5, 0); },
         {.rejects = {DType::kBool}, .tolerance = 8}),
      of({3, 4}, [](const Tensor& x) { return cumulative_trapezoid(sin(x), x); }, {.tolerance = 32})};
  t["prod"] = {of({2, 6}, [](const Tensor& x) { return prod(with_zeros(x), {1}); }, {.tolerance = 8}),
               of({2, 3, 2},
                  [](const Tensor& x) {
                    return prod(x, {0, 2}, kKeepDim);
                  },
                  {.tolerance = 8}),
               of({0, 2}, [](const Tensor& x) { return prod(x, {0}); }),
               large({300, 70}, [](const Tensor& x) { return prod(x, {1}); })};
  t["shared_value"] = {
      of(
          {3, 4}, [](const Tensor& x) { return max(x); }, kinks),
      of({0}, [](const Tensor& x) { return shared_value(x, full({}, 1, x.dtype(), x.device())); }),
      large({300, 333}, [](const Tensor& x) { return min(x); })};
}

void add_sorts(SampleTable& t) {
  const auto picked = [](const std::pair<Tensor, Tensor>& p) { return p.first; };
  t["sort"] = {of({3, 4}, [=](const Tensor& x) { return picked(sort(x, 0, true)); }),
               of({0, 4}, [=](const Tensor& x) { return picked(sort(x, 1)); }),
               large({200000}, [=](const Tensor& x) { return picked(sort(x)); }),
               large(
                   {200000}, [](const Tensor& x) { return sort(trunc(x * 4.0), 0, true).second; }, false),
               large({300, 333}, [=](const Tensor& x) { return picked(sort(x, 0)); }),
               large({40, 2000}, [=](const Tensor& x) { return picked(sort(cast(x, DType::kFloat64))); })};
  t["msort"] = {of({3, 4}, [](const Tensor& x) { return msort(x); })};
  t["topk"] = {of({3, 4}, [=](const Tensor& x) { return picked(topk(x, 2, 0)); }),
               of({3, 4}, [=](const Tensor& x) { return picked(topk(x, 0)); }),
               large({3, 50000}, [=](const Tensor& x) { return picked(topk(x, 100)); }),
               large({50000, 2}, [=](const Tensor& x) { return picked(topk(x, 30000, 0, false)); })};
  t["kthvalue"] = {of({3, 4}, [=](const Tensor& x) { return picked(kthvalue(x, 3)); }),
                   of({3, 0}, [=](const Tensor& x) { return picked(kthvalue(x, 2, 0)); }),
                   large({200, 333}, [=](const Tensor& x) { return picked(kthvalue(x, 100)); })};
  t["median"] = {of({3, 4}, [=](const Tensor& x) { return picked(median(x, 1, kKeepDim)); }),
                 of({3, 0}, [=](const Tensor& x) { return picked(median(x, 0)); }),
                 large({200, 333}, [](const Tensor& x) { return median(x); })};
  t["nanmedian"] = {of({3, 5}, [](const Tensor& x) { return nanmedian(x); }),
                    of({3, 4}, [=](const Tensor& x) { return picked(nanmedian(x, 0)); })};
  t["mode"] = {of({3, 4}, [=](const Tensor& x) { return picked(mode(x, 0)); }, {.gradient = false}),
               of({2, 0}, [=](const Tensor& x) { return picked(mode(x, 0)); }),
               large(
                   {200, 333}, [](const Tensor& x) { return mode(trunc(x * 3.0)).second; }, false)};
}

void add_searches(SampleTable& t) {
  const Sample whole{.gradient = false};
  t["searchsorted"] = {of({3, 4}, [](const Tensor& x) { return searchsorted(sort(x).first, x, true); },
                          {.gradient = false, .compare_16_bit = false}),
                       of(
                           {0, 4}, [](const Tensor& x) { return searchsorted(x, x); }, whole),
                       large(
                           {100000}, [](const Tensor& x) { return searchsorted(sort(x).first, x); }, false)};
  t["row_order"] = {fixed([] {
                      return unique(numbers({20, 3}, 4), 0).values;
                    }),
                    fixed([] {
                      return unique(numbers({0, 3}, 4), 0).inverse;
                    })};
  t["unique"] = {fixed([] { return unique(numbers({500, 300}, 777)).inverse; })};
  t["unique_consecutive"] = {fixed([] { return unique_consecutive(numbers({20}, 5)).counts; }), fixed([] {
                               return unique_consecutive(numbers({4, 5}, 2), 1).values;
                             })};
  t["bincount"] = {fixed([] { return bincount(numbers({20}, 5), {}, 9); })};
  t["equal"] = {fixed([] { return all(eq(numbers({20}, 5), numbers({20}, 5))); })};
  t["histogram"] = {of({3, 7}, [](const Tensor& x) { return histogram(x, 4, std::pair(-1.0, 2.0)).first; },
                       {.gradient = false,
                        .rejects = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool},
                        .compare_16_bit = false})};
}

void add_statistics(SampleTable& t) {
  const std::vector<DType> integers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};
  const Sample floating{.rejects = integers, .tolerance = 16};
  t["nanquantile"] = {of(
      {3, 5}, [](const Tensor& x) { return nanquantile(x, full({}, 0.3, x.dtype(), x.device()), 1); },
      floating)};
  t["cdist"] = {
      of(
          {3, 4}, [](const Tensor& x) { return cdist(x, sin(x) + 0.5, 3); }, floating),
      of({2, 3, 4}, [](const Tensor& x) { return cdist(x, exp(x), 2, EuclideanByProduct::kAlways); },
         {.rejects = integers, .tolerance = 64, .compare_16_bit = false}),
      of(
          {0, 4}, [](const Tensor& x) { return cdist(x, x, 1); }, floating),
      large({100, 33}, [](const Tensor& x) { return cdist(x, x + 1.0, 1.5); })};
  t["scatter_reduce"] = {
      of({3, 4},
         [](const Tensor& x) {
           Tensor index = numbers({3, 4}, 3);
           if (x.is_meta()) index = Tensor::empty({3, 4}, DType::kInt64, kMeta);
           return scatter_reduce(x, 0, index, with_zeros(x), ScatterReduction::kProd);
         },
         {.tolerance = 16}),
      of({0, 4},
         [](const Tensor& x) {
           const Tensor index = Tensor::empty({0, 4}, DType::kInt64, x.device());
           return scatter_reduce(x, 1, index, x, ScatterReduction::kMean);
         }),
      large({300, 333}, [](const Tensor& x) {
        return scatter_reduce(x, 1, numbers({300, 333}, 200), x, ScatterReduction::kMean, false);
      })};
}

}  // namespace

void add_order_samples(SampleTable& t) {
  add_scans(t);
  add_sorts(t);
  add_searches(t);
  add_statistics(t);
}

}  // namespace dlb::testing
