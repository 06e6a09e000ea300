#pragma once
/// \file Variances, covariances and quantiles. An empty `dims` means all. Floating dtypes; 16-bit ones are
/// computed in float32.

#include <string_view>
#include <utility>

#include "dlb/ops/op.h"

namespace dlb {

/// sum((x - mean)^2) / max(n - correction, 0); correction 1 gives the sample variance, 0 the population's.
Tensor var(const Tensor& x, Dims dims = {}, double correction = 1, bool keepdim = false);
/// The variance's root; its gradient is 0 where it is 0.
Tensor std_deviation(const Tensor& x, Dims dims = {}, double correction = 1, bool keepdim = false);
std::pair<Tensor, Tensor> var_mean(const Tensor& x, Dims dims = {}, double correction = 1,
                                   bool keepdim = false);
std::pair<Tensor, Tensor> std_mean(const Tensor& x, Dims dims = {}, double correction = 1,
                                   bool keepdim = false);

/// Covariances of variables in rows from observations in columns, each counted fweights (whole numbers) times
/// and weighted with aweights (either may be undefined). Shapes: x [n, m] -> [n, n]; [1, m], [m] or [] -> [].
Tensor cov(const Tensor& x, int64_t correction = 1, const Tensor& fweights = {}, const Tensor& aweights = {});
/// cov scaled to ones on the diagonal, limited to [-1, 1]. Shapes: as cov.
Tensor corrcoef(const Tensor& x);

/// How a quantile between two elements is made of them: linear, lower, higher, nearest (half to even),
/// midpoint.
enum class Interpolation : uint8_t { kLinear, kLower, kHigher, kNearest, kMidpoint };
Interpolation interpolation_from_name(std::string_view name);

/// The value below which a share q of the sorted elements lies: element q (n - 1), interpolated. NaN where
/// there is one. Shapes: q [] or [k] of x's dtype; without dim over all elements; -> [k] + the other
/// dimensions. Errors: data for q outside [0, 1].
Tensor quantile(const Tensor& x, const Tensor& q, Interpolation interpolation = Interpolation::kLinear);
Tensor quantile(const Tensor& x, const Tensor& q, int64_t dim, bool keepdim = false,
                Interpolation interpolation = Interpolation::kLinear);
/// The same of the elements that are not NaN.
Tensor nanquantile(const Tensor& x, const Tensor& q, Interpolation interpolation = Interpolation::kLinear);
Tensor nanquantile(const Tensor& x, const Tensor& q, int64_t dim, bool keepdim = false,
                   Interpolation interpolation = Interpolation::kLinear);

}  // namespace dlb
