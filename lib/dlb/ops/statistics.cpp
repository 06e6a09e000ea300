#include "dlb/ops/statistics.h"

#include <algorithm>
#include <optional>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/reduce_defs.h"
#include "dlb/ops/require.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

Tensor number(double value, const Tensor& like) { return full({}, value, like.dtype(), like.device()); }

/// 16-bit types do not hold a mean well enough to subtract it.
Tensor wide(const Tensor& x) {
  return x.dtype() == DType::kBFloat16 || x.dtype() == DType::kFloat16 ? cast(x, DType::kFloat32) : x;
}

/// Variance and mean in the dtype in which they are computed.
std::pair<Tensor, Tensor> wide_var_mean(const Tensor& input, const Dims& dims, double correction,
                                        bool keepdim) {
  const Tensor x = wide(input);
  const Tensor centre = mean(x, dims, kKeepDim);
  const ReducedDims reduced =
      reduced_dims({std::vector<int64_t>(dims.begin(), dims.end()), keepdim}, x.rank());
  double count = 1;
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (reduced[i]) count *= static_cast<double>(x.shape()[i]);
  }
  // Without degrees of freedom: 0 / 0 or x / 0.
  const Tensor variance = sum(square(x - centre), dims, keepdim) / std::max(count - correction, 0.0);
  return {variance, reshape(centre, variance.shape())};
}

/// sqrt whose gradient is 0 at 0.
Tensor root(const Tensor& x) {
  const Tensor zero = eq(x, 0);
  return where(zero, number(0, x), sqrt(where(zero, number(1, x), x)));
}

}  // namespace

Tensor var(const Tensor& x, Dims dims, double correction, bool keepdim) {
  return var_mean(x, dims, correction, keepdim).first;
}
Tensor std_deviation(const Tensor& x, Dims dims, double correction, bool keepdim) {
  return std_mean(x, dims, correction, keepdim).first;
}
std::pair<Tensor, Tensor> var_mean(const Tensor& x, Dims dims, double correction, bool keepdim) {
  require_floating(x, "var");
  const auto [variance, centre] = wide_var_mean(x, dims, correction, keepdim);
  return {cast(variance, x.dtype()), cast(centre, x.dtype())};
}
std::pair<Tensor, Tensor> std_mean(const Tensor& x, Dims dims, double correction, bool keepdim) {
  require_floating(x, "std");
  const auto [variance, centre] = wide_var_mean(x, dims, correction, keepdim);
  return {cast(root(variance), x.dtype()), cast(centre, x.dtype())};
}

namespace {

/// Checks weights of observations; 0-d ones count as one observation.
Tensor observation_weights(const Tensor& w, int64_t observations, std::string_view name) {
  if (w.rank() > 1 || w.numel() != observations) {
    fail(ErrorKind::kShape, "cov expects {} [{}], one for each observation, got {}", name, observations,
         shape_text(w.shape()));
  }
  if (!w.is_meta() && w.numel() > 0 && amin(cast(w.detach(), DType::kFloat64)).item() < 0) {
    fail(ErrorKind::kData, "cov expects {} of at least 0", name);
  }
  return reshape(w, {observations});
}

Tensor cov_matrix(const Tensor& input, int64_t correction, const Tensor& fweights, const Tensor& aweights) {
  if (input.rank() > 2) {
    fail(ErrorKind::kShape, "cov expects at most 2 dimensions, got {}", shape_text(input.shape()));
  }
  if (input.dtype() == DType::kBool) fail(ErrorKind::kDtype, "cov expects a numeric dtype, got bool");
  Tensor x = is_floating(input.dtype()) ? input : cast(input, DType::kFloat32);
  if (x.rank() < 2) x = reshape(x, {1, x.numel()});
  const int64_t m = x.dim(1);
  Tensor w;
  if (fweights.defined()) {
    if (is_floating(fweights.dtype()) || fweights.dtype() == DType::kBool) {
      fail(ErrorKind::kDtype, "cov expects fweights of an integer dtype, got {}",
           dtype_name(fweights.dtype()));
    }
    w = cast(observation_weights(fweights, m, "fweights"), x.dtype());
  }
  Tensor importance;
  if (aweights.defined()) {
    require_floating(aweights, "cov with aweights");
    importance = observation_weights(aweights, m, "aweights");
    w = w.defined() ? w * importance : importance;
  }
  Tensor centred;
  Tensor freedom;
  if (w.defined()) {
    const Tensor total = sum(w);
    centred = x - sum(x * w, {1}, kKeepDim) / total;
    freedom = importance.defined() && correction != 0
                  ? total - sum(w * importance) / total * static_cast<double>(correction)
                  : total - static_cast<double>(correction);
  } else {
    centred = x - mean(x, {1}, kKeepDim);
    freedom = number(static_cast<double>(m - correction), x);
  }
  const Tensor weighted = w.defined() ? centred * w : centred;
  return matmul(centred, transpose(weighted, 0, 1)) / where(le(freedom, 0), number(0, x), freedom);
}

}  // namespace

Tensor cov(const Tensor& x, int64_t correction, const Tensor& fweights, const Tensor& aweights) {
  const Tensor c = cov_matrix(x, correction, fweights, aweights);
  return c.numel() == 1 ? reshape(c, {}) : c;
}

Tensor corrcoef(const Tensor& x) {
  const Tensor c = cov_matrix(x, 1, {}, {});
  if (c.numel() == 1) return reshape(c / c, {});
  const int64_t n = c.dim(0);
  if (n == 0) return c;
  const Tensor deviation = sqrt(slice(flatten(c), 0, 0, n * n, n + 1));
  return clamp(c / unsqueeze(deviation, 1) / deviation, -1, 1);
}

Interpolation interpolation_from_name(std::string_view name) {
  if (name == "linear") return Interpolation::kLinear;
  if (name == "lower") return Interpolation::kLower;
  if (name == "higher") return Interpolation::kHigher;
  if (name == "nearest") return Interpolation::kNearest;
  if (name == "midpoint") return Interpolation::kMidpoint;
  fail(ErrorKind::kUnsupported,
       "quantile expects interpolation linear, lower, higher, nearest or midpoint, got '{}'", name);
}

namespace {

/// Quantiles q [k] of the sorted lines in the last dimension. -> [*, k]
Tensor quantiles_of_lines(const Tensor& x, const Tensor& q, bool ignore_nan, Interpolation interpolation) {
  const Tensor sorted = sort(x, -1).first;
  const int64_t n = x.dim(-1);
  const Tensor nan = isnan(x.detach());
  Tensor ranks;  // [*, k]
  if (ignore_nan) {
    const Tensor numbers = cast(sum(logical_not(nan), {-1}, kKeepDim), x.dtype());
    ranks = q * clamp(numbers - 1.0, 0, static_cast<double>(n));
  } else {
    // The last element in order is a NaN where there is one.
    const auto last = static_cast<double>(n - 1);
    ranks = where(any(nan, {-1}, kKeepDim), number(last, x), q * last);
  }
  const auto at = [&](const Tensor& rank) { return gather(sorted, -1, cast(rank, DType::kInt64)); };
  const Tensor fixed = ranks.detach();
  switch (interpolation) {
    case Interpolation::kLower:
      return at(floor(fixed));
    case Interpolation::kHigher:
      return at(ceil(fixed));
    case Interpolation::kNearest:
      return at(round(fixed));
    default:
      break;
  }
  const Tensor low = at(floor(fixed));
  const Tensor step = at(ceil(fixed)) - low;
  return interpolation == Interpolation::kMidpoint ? low + step * 0.5 : low + step * (ranks - floor(fixed));
}

Tensor quantiles(const Tensor& x, const Tensor& q, std::optional<int64_t> dim, bool keepdim, bool ignore_nan,
                 Interpolation interpolation) {
  const std::string_view name = ignore_nan ? "nanquantile" : "quantile";
  require_floating(x, name);
  if (x.numel() == 0) fail(ErrorKind::kShape, "{} of nothing: {}", name, shape_text(x.shape()));
  if (q.rank() > 1) fail(ErrorKind::kShape, "{} expects q [] or [k], got {}", name, shape_text(q.shape()));
  if (q.dtype() != x.dtype()) {
    fail(ErrorKind::kDtype, "{} expects q of the input's dtype {}, got {}", name, dtype_name(x.dtype()),
         dtype_name(q.dtype()));
  }
  if (!q.is_meta() && q.numel() > 0) {
    const double low = amin(q.detach()).item();
    const double high = amax(q.detach()).item();
    if (!(low >= 0 && high <= 1)) {
      fail(ErrorKind::kData, "{} expects q from 0 to 1, got {}", name, low >= 0 ? high : low);
    }
  }
  Shape kept(static_cast<size_t>(keepdim ? x.rank() : 0), 1);
  Tensor lines;
  if (!dim || x.rank() == 0) {
    if (dim) normalize_dim(*dim, x.rank());
    lines = flatten(x);
  } else {
    const auto d = static_cast<size_t>(normalize_dim(*dim, x.rank()));
    lines = transpose(unsqueeze(x, -1), static_cast<int64_t>(d), -1);  // [*, 1, *, n]
    kept = x.shape();
    if (keepdim) {
      kept[d] = 1;
    } else {
      kept.erase(d);
    }
  }
  const Tensor y = quantiles_of_lines(lines, flatten(q), ignore_nan, interpolation);
  if (q.rank() == 0) return reshape(y, kept);
  kept.insert(0, q.dim(0));
  Dims order = {y.rank() - 1};
  for (int64_t i = 0; i + 1 < y.rank(); ++i) order.push_back(i);
  return reshape(permute(y, order), kept);
}

}  // namespace

Tensor quantile(const Tensor& x, const Tensor& q, Interpolation interpolation) {
  return quantiles(x, q, std::nullopt, false, false, interpolation);
}
Tensor quantile(const Tensor& x, const Tensor& q, int64_t dim, bool keepdim, Interpolation interpolation) {
  return quantiles(x, q, dim, keepdim, false, interpolation);
}
Tensor nanquantile(const Tensor& x, const Tensor& q, Interpolation interpolation) {
  return quantiles(x, q, std::nullopt, false, true, interpolation);
}
Tensor nanquantile(const Tensor& x, const Tensor& q, int64_t dim, bool keepdim, Interpolation interpolation) {
  return quantiles(x, q, dim, keepdim, true, interpolation);
}

}  // namespace dlb
