#include "dlb/ops/statistics.h"

#include "dlb/functional/define.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/histogram.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

namespace {

using OptionalDims = std::optional<Dims>;
using Pair = std::pair<Tensor, Tensor>;

/// The three ways to ask for a variance and its like: over everything with or without Bessel's correction,
/// over dims likewise, over dims with any correction.
template <class R, R (*kFunction)(const Tensor&, Dims, double, bool)>
void add_variance(std::vector<Function>& list, std::string_view name, std::string_view doc) {
  list.push_back(define(
      name, doc, {"input", "unbiased"},
      +[](const Tensor& x, bool unbiased) { return kFunction(x, {}, unbiased ? 1 : 0, false); }));
  list.push_back(define(
      name, doc, {"input", "dim", "unbiased", "keepdim = false"},
      +[](const Tensor& x, const OptionalDims& dims, bool unbiased, bool keepdim) {
        return kFunction(x, dims.value_or(Dims{}), unbiased ? 1 : 0, keepdim);
      }));
  list.push_back(define(
      name, doc, {"input", "dim = none", "correction = 1", "keepdim = false"},
      +[](const Tensor& x, const OptionalDims& dims, const std::optional<double>& correction, bool keepdim) {
        return kFunction(x, dims.value_or(Dims{}), correction.value_or(1), keepdim);
      }));
}

using QuantileOfAll = Tensor (*)(const Tensor&, const Tensor&, Interpolation);
using QuantileAlong = Tensor (*)(const Tensor&, const Tensor&, int64_t, bool, Interpolation);

template <QuantileOfAll kOfAll, QuantileAlong kAlong>
Tensor quantile_over(const Tensor& x, const Operand& q, std::optional<int64_t> dim, bool keepdim,
                     const std::string& interpolation) {
  const Tensor share = q.is_scalar() ? q.scalar.tensor(x.dtype(), x.device()) : q.tensor;
  const Interpolation how = interpolation_from_name(interpolation);
  if (dim) return kAlong(x, share, *dim, keepdim, how);
  const Tensor y = kOfAll(x, share, how);
  if (!keepdim) return y;
  Shape shape(static_cast<size_t>(x.rank() + share.rank()), 1);
  if (share.rank() == 1) shape[0] = share.dim(0);
  return reshape(y, shape);
}

EuclideanByProduct compute_mode(const std::optional<std::string>& name) {
  if (!name || *name == "use_mm_for_euclid_dist_if_necessary") return EuclideanByProduct::kIfLarge;
  if (*name == "use_mm_for_euclid_dist") return EuclideanByProduct::kAlways;
  if (*name == "donot_use_mm_for_euclid_dist") return EuclideanByProduct::kNever;
  fail(ErrorKind::kUnsupported,
       "cdist expects compute_mode use_mm_for_euclid_dist_if_necessary, use_mm_for_euclid_dist or "
       "donot_use_mm_for_euclid_dist, got '{}'",
       *name);
}

Pair histogram_of_bins(const Tensor& x, int64_t bins, const std::optional<std::vector<double>>& range,
                       const Tensor& weight, bool density) {
  if (!range) return histogram(x, bins, std::nullopt, weight, density);
  if (range->size() != 2) {
    fail(ErrorKind::kShape, "histogram expects a range of 2 numbers, got {}", range->size());
  }
  return histogram(x, bins, std::pair((*range)[0], (*range)[1]), weight, density);
}

}  // namespace

std::vector<Function> statistics_functions() {
  std::vector<Function> list;
  add_variance<Tensor, var>(list, "var", "variance over dims");
  add_variance<Tensor, std_deviation>(list, "std", "standard deviation over dims");
  add_variance<Pair, var_mean>(list, "var_mean", "variance and mean over dims");
  add_variance<Pair, std_mean>(list, "std_mean", "standard deviation and mean over dims");
  constexpr Traits kNumeric = {.dtypes = DTypes::kNumeric};
  constexpr Traits kCounts = {.differentiable = false};
  for (Function& f : std::vector<Function>{
           define("cov", "covariances of the variables in rows",
                  {"input", "correction = 1", "fweights = none", "aweights = none"}, &cov, kNumeric),
           define("corrcoef", "correlations of the variables in rows", {"input"}, &corrcoef, kNumeric),
           define("quantile", "values below which shares q of the elements lie",
                  {"input", "q", "dim = none", "keepdim = false", "interpolation = 'linear'"},
                  &quantile_over<quantile, quantile>),
           define("nanquantile", "quantiles of what is not NaN",
                  {"input", "q", "dim = none", "keepdim = false", "interpolation = 'linear'"},
                  &quantile_over<nanquantile, nanquantile>),
           define("histc", "how many elements lie in each bin of equal width",
                  {"input", "bins = 100", "min = 0", "max = 0"}, &histc, kCounts),
           define(
               "histogram", "counts or weights between edges, and the edges",
               {"input", "bins", "weight = none", "density = false"},
               +[](const Tensor&x, const Tensor&edges, const Tensor&weight, bool density) -> Pair {
                 return histogram(x, edges, weight, density);
               },
               kCounts),
           define("histogram", "counts or weights in bins of equal width, and their edges",
                  {"input", "bins", "range = none", "weight = none", "density = false"}, &histogram_of_bins,
                  kCounts),
           define("bincount", "how often each whole number occurs",
                  {"input", "weights = none", "minlength = 0"}, &bincount,
                  {.dtypes = DTypes::kIntegral, .differentiable = false, .data_dependent = true}),
           define(
               "cdist", "p-distances between rows", {"x1", "x2", "p = 2", "compute_mode = none"},
               +[](const Tensor&a, const Tensor&b, double p, const std::optional<std::string>&mode) {
                 return cdist(a, b, p, compute_mode(mode));
               }),
           define("pdist", "p-distances between all pairs of rows", {"input", "p = 2"}, &pdist),
           define("dist", "p-norm of the difference", {"input", "other", "p = 2"}, &dist),
           define("renorm", "slices along dim scaled down to a p-norm of at most maxnorm",
                  {"input", "p", "dim", "maxnorm"}, &renorm),
       }) {
    list.push_back(std::move(f));
  }
  return list;
}

}  // namespace dlb::functional
