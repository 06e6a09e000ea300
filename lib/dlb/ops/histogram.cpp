#include "dlb/ops/histogram.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/require.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/search.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

Tensor number(double value, const Tensor& like) { return full({}, value, like.dtype(), like.device()); }

void require_bins(int64_t bins, std::string_view function) {
  if (bins < 1) fail(ErrorKind::kShape, "{} expects at least 1 bin, got {}", function, bins);
}

/// Smallest and largest element, as 0-d tensors; 0 and 1 of nothing.
std::pair<Tensor, Tensor> limits_of(const Tensor& x, std::string_view function) {
  if (x.numel() == 0) return {number(0, x), number(1, x)};
  const auto [low, high] = aminmax(x);
  if (!x.is_meta() && !(std::isfinite(low.item()) && std::isfinite(high.item()))) {
    fail(ErrorKind::kData, "{} expects finite elements or limits, got elements from {} to {}", function,
         low.item(), high.item());
  }
  return {low, high};
}

/// Limits with room between them: equal ones are moved apart by `margin` each.
void widen(Tensor& low, Tensor& high, double margin) {
  const Tensor equal = eq(low, high);
  const Tensor wider_low = where(equal, low - margin, low);
  high = where(equal, high + margin, high);
  low = wider_low;
}

/// Sums `amounts` by bin; those of bin `bins` are dropped.
Tensor sum_by_bin(const Tensor& bin, const Tensor& amounts, int64_t bins) {
  const Tensor none = zeros({bins + 1}, amounts.dtype(), amounts.device());
  return narrow(index_add(none, 0, flatten(bin), flatten(amounts)), 0, 0, bins);
}

}  // namespace

Tensor histc(const Tensor& input, int64_t bins, double min, double max) {
  require_floating(input, "histc");
  require_bins(bins, "histc");
  if (!std::isfinite(min) || !std::isfinite(max)) {
    fail(ErrorKind::kData, "histc expects finite limits, got {} and {}", min, max);
  }
  if (min > max) fail(ErrorKind::kData, "histc expects min of at most max, got {} and {}", min, max);
  const Tensor x = flatten(input.detach());
  Tensor low = number(min, x);
  Tensor high = number(max, x);
  if (min == max && x.numel() > 0) std::tie(low, high) = limits_of(x, "histc");
  widen(low, high, 1);
  const Tensor inside = logical_and(ge(x, low), le(x, high));
  const Tensor share = where(inside, (x - low) / (high - low), number(0, x));
  const Tensor bin = minimum(cast(share * static_cast<double>(bins), DType::kInt64),
                             full({}, static_cast<double>(bins - 1), DType::kInt64, x.device()));
  const Tensor dropped = full({}, static_cast<double>(bins), DType::kInt64, x.device());
  const Tensor counts = sum_by_bin(where(inside, bin, dropped), cast(inside, DType::kInt64), bins);
  return cast(counts, x.dtype());
}

std::pair<Tensor, Tensor> histogram(const Tensor& input, const Tensor& edges, const Tensor& weight,
                                    bool density) {
  require_floating(input, "histogram");
  if (edges.rank() != 1 || edges.numel() < 2) {
    fail(ErrorKind::kShape, "histogram expects edges [bins + 1], got {}", shape_text(edges.shape()));
  }
  if (edges.dtype() != input.dtype()) {
    fail(ErrorKind::kDtype, "histogram expects edges of the input's dtype {}, got {}",
         dtype_name(input.dtype()), dtype_name(edges.dtype()));
  }
  if (weight.defined() && !(weight.shape() == input.shape() && weight.dtype() == input.dtype())) {
    fail(ErrorKind::kShape, "histogram expects weights like the input, {}, got {}", spec_text(input.spec()),
         spec_text(weight.spec()));
  }
  const Tensor x = flatten(input.detach());
  const int64_t bins = edges.numel() - 1;
  const auto index = [&](int64_t i) { return full({}, static_cast<double>(i), DType::kInt64, x.device()); };
  const Tensor above = searchsorted(edges, x, true) - 1.0;
  const Tensor bin =
      where(lt(above, 0), index(bins), where(eq(x, select(edges.detach(), 0, bins)), index(bins - 1), above));
  Tensor counts = weight.defined()
                      ? sum_by_bin(bin, weight.detach(), bins)
                      : cast(sum_by_bin(bin, ones(x.shape(), DType::kInt64, x.device()), bins), x.dtype());
  if (density) counts = counts / sum(counts) / diff(edges.detach());
  return {counts, edges.detach()};
}

std::pair<Tensor, Tensor> histogram(const Tensor& x, int64_t bins,
                                    std::optional<std::pair<double, double>> range, const Tensor& weight,
                                    bool density) {
  require_floating(x, "histogram");
  require_bins(bins, "histogram");
  Tensor low;
  Tensor high;
  if (range) {
    if (!(std::isfinite(range->first) && std::isfinite(range->second) && range->first <= range->second)) {
      fail(ErrorKind::kData, "histogram expects a finite range that rises, got {} to {}", range->first,
           range->second);
    }
    low = number(range->first, x);
    high = number(range->second, x);
  } else {
    std::tie(low, high) = limits_of(x.detach(), "histogram");
  }
  widen(low, high, 0.5);
  // Counted from both ends, so that both are exact.
  const auto n = static_cast<double>(bins);
  const Tensor i = arange(0, n + 1, 1, x.dtype(), x.device());
  const Tensor step = (high - low) / n;
  const Tensor edges = where(lt(i, (n + 1) / 2), low + step * i, high - step * (n - i));
  return histogram(x, edges, weight, density);
}

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  if (!is_integral(x.dtype())) {
    fail(ErrorKind::kDtype, "bincount expects an integer dtype, got {}", dtype_name(x.dtype()));
  }
  if (x.rank() != 1) fail(ErrorKind::kShape, "bincount expects numbers [n], got {}", shape_text(x.shape()));
  if (minlength < 0) fail(ErrorKind::kShape, "bincount expects minlength of at least 0, got {}", minlength);
  if (weights.defined() && !(weights.shape() == x.shape())) {
    fail(ErrorKind::kShape, "bincount expects one weight for each of {}, got {}", shape_text(x.shape()),
         shape_text(weights.shape()));
  }
  if (x.is_meta()) {
    fail(ErrorKind::kUnsupported, "bincount needs the data of its input to know the shape of its result");
  }
  if (x.numel() == 0) return zeros({minlength}, DType::kInt64);
  const Tensor index = cast(x, DType::kInt64);
  const int64_t least = amin(index).to_vector<int64_t>()[0];
  const int64_t most = amax(index).to_vector<int64_t>()[0];
  if (least < 0) fail(ErrorKind::kData, "bincount expects numbers of at least 0, got {}", least);
  if (most >= int64_t{1} << 60) fail(ErrorKind::kData, "bincount has no room to count up to {}", most);
  const int64_t length = std::max(most + 1, minlength);
  Tensor amounts = ones({x.dim(0)}, DType::kInt64);
  if (weights.defined()) {
    amounts = weights.dtype() == DType::kFloat32 ? weights.detach() : cast(weights.detach(), DType::kFloat64);
  }
  return index_add(zeros({length}, amounts.dtype()), 0, index, amounts);
}

}  // namespace dlb
