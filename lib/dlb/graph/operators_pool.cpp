// Poolings of ONNX over windows and whole images.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/graph/windows.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/create.h"
#include "dlb/ops/pool.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scatter.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Whether the pooling operators take these windows as they are.
bool fits_pooling(const Windows& w, const Shape& input) {
  bool fits = w.symmetric() && w.kernel.size() <= 3;
  for (size_t i = 0; i < w.kernel.size(); ++i)
    fits = fits && w.before[i] <= w.reach(i) / 2 && input[i + 2] > 0;
  return fits;
}

PoolAttrs pool_attrs(const Windows& w, bool padded) {
  const Dims none(w.kernel.size(), 0);
  return {w.kernel, w.stride, padded ? none : w.before, w.dilation, !padded && w.ceil_mode};
}

/// Positions in a padded plane as ONNX counts them: through the whole tensor, row by row or column by column.
Tensor whole_positions(const Tensor& index, const Shape& input, const Dims& padded, const Dims& before,
                       bool by_column) {
  if (index.is_meta()) return index;
  const Tensor out = contiguous(index);
  const size_t spatial = padded.size();
  const int64_t plane = numel(Dims(input.begin() + 2, input.end()));
  int64_t per_plane = 1;
  for (size_t i = 0; i < spatial; ++i) per_plane *= out.shape()[i + 2];
  const Tensor result = Tensor::empty(out.shape(), DType::kInt64);
  for (int64_t n = 0; n < out.numel(); ++n) {
    int64_t rest = out.data<int64_t>()[n];
    Dims at(spatial, 0);
    for (size_t i = spatial; i-- > 0;) {
      at[i] = std::clamp<int64_t>(rest % padded[i] - before[i], 0, input[i + 2] - 1);
      rest /= padded[i];
    }
    int64_t position = 0, step = 1;
    for (size_t k = 0; k < spatial; ++k) {
      const size_t i = by_column ? k : spatial - 1 - k;
      position += at[i] * step;
      step *= input[i + 2];
    }
    result.data<int64_t>()[n] = n / per_plane * plane + position;
  }
  return result;
}

void max_pool_node(Call& c) {
  const Tensor given = c.tensor(0);
  Windows w = read_windows(c, given.shape());
  const int64_t order = c.attribute("storage_order", int64_t{0});
  if (order != 0 && order != 1) c.fail("storage_order must be 0 or 1, got {}", order);
  const Dims counts = window_counts(c, given.shape(), w);
  const bool floating = is_floating(given.dtype());
  // Small whole numbers are exact in float32.
  Tensor x = floating ? given : cast(given, DType::kFloat32);
  const bool direct = fits_pooling(w, x.shape());
  if (!direct) {
    const double least = floating ? -kInfinity : is_signed_integer(c.element(0)) ? -128.0 : 0.0;
    x = padded_to_windows(x, w, counts, least);
  }
  const PoolAttrs attrs = pool_attrs(w, !direct);
  if (!c.wants(1)) return c.same_type(cast(max_pool(x, attrs), given.dtype()));
  const MaxPoolResult result = max_pool_with_indices(x, attrs);
  c.same_type(cast(result.y, given.dtype()));
  const Dims padded(x.shape().begin() + 2, x.shape().end());
  const Dims before = direct ? Dims(padded.size(), 0) : w.before;
  c.plain(whole_positions(result.indices, given.shape(), padded, before, order == 1), 1);
}

/// Sum of each window of x, which is padded already.
Tensor window_sums(const Tensor& x, const Windows& w) {
  const size_t spatial = w.kernel.size();
  const bool dense = std::all_of(w.dilation.begin(), w.dilation.end(), [](int64_t d) { return d == 1; });
  PoolAttrs attrs = pool_attrs(w, true);
  attrs.divisor = 1;
  if (dense) return avg_pool(x, attrs);
  // Each plane by itself, with weights of 1.
  Shape planes = x.shape(), kernel{1, 1};
  planes[0] *= planes[1];
  planes[1] = 1;
  for (const int64_t k : w.kernel) kernel.push_back(k);
  const Dims none(spatial, 0);
  const Tensor y = conv(reshape(x, planes), ones(kernel, x.dtype(), x.device()), {},
                        {w.stride, none, none, w.dilation, 1, false});
  Shape out = y.shape();
  out[0] = x.dim(0);
  out[1] = x.dim(1);
  return reshape(y, out);
}

/// Elements of each window that count, [1, 1, *counts].
Tensor window_sizes(const Shape& input, const Windows& w, const Dims& counts, bool with_padding) {
  Tensor sizes = ones(Shape(counts.size() + 2, 1));
  for (size_t i = 0; i < counts.size(); ++i) {
    std::vector<float> n(static_cast<size_t>(counts[i]));
    const int64_t low = with_padding ? -w.before[i] : 0;
    const int64_t high = input[i + 2] + (with_padding ? w.after[i] : 0);
    for (int64_t o = 0; o < counts[i]; ++o) {
      const int64_t begin = o * w.stride[i] - w.before[i];
      const int64_t first = begin < low ? (low - begin + w.dilation[i] - 1) / w.dilation[i] : 0;
      const int64_t start = begin + first * w.dilation[i];
      const int64_t fitting = start < high ? (high - 1 - start) / w.dilation[i] + 1 : 0;
      n[static_cast<size_t>(o)] =
          static_cast<float>(std::max<int64_t>(std::clamp<int64_t>(w.kernel[i] - first, 0, fitting), 1));
    }
    Shape along(counts.size() + 2, 1);
    along[i + 2] = counts[i];
    sizes = mul(sizes, Tensor::from(n, along));
  }
  return sizes;
}

Tensor wide(const Tensor& x) { return x.dtype() == DType::kFloat64 ? x : cast(x, DType::kFloat32); }

void average_pool(Call& c) {
  const Tensor x = c.tensor(0);
  const Windows w = read_windows(c, x.shape());
  const bool with_padding = c.attribute("count_include_pad", int64_t{0}) != 0;
  const Dims counts = window_counts(c, x.shape(), w);
  const bool dense = std::all_of(w.dilation.begin(), w.dilation.end(), [](int64_t d) { return d == 1; });
  if (dense && fits_pooling(w, x.shape())) {
    PoolAttrs attrs = pool_attrs(w, false);
    attrs.count_include_pad = with_padding;
    return c.same_type(avg_pool(x, attrs));
  }
  const Tensor sums = window_sums(padded_to_windows(wide(x), w, counts, 0), w);
  if (x.is_meta()) return c.same_type(cast(sums, x.dtype()));
  const Tensor sizes = window_sizes(x.shape(), w, counts, with_padding);
  c.same_type(cast(div(sums, cast(sizes, sums.dtype())), x.dtype()));
}

double exponent(const Call& c) {
  const double p = c.opset() < 2 ? c.attribute("p", 2.0) : static_cast<double>(c.attribute("p", int64_t{2}));
  if (!(p > 0) || std::isinf(p)) c.fail("p must be a positive number, got {}", p);
  return p;
}

Tensor to_power(const Tensor& x, double p) { return p == 2 ? square(x) : p == 1 ? abs(x) : pow(abs(x), p); }
Tensor to_root(const Tensor& x, double p) { return p == 2 ? sqrt(x) : p == 1 ? x : pow(x, 1 / p); }

void lp_pool_node(Call& c) {
  const Tensor x = c.tensor(0);
  const Windows w = read_windows(c, x.shape());
  const double p = exponent(c);
  const Dims counts = window_counts(c, x.shape(), w);
  const Tensor sums = window_sums(padded_to_windows(to_power(wide(x), p), w, counts, 0), w);
  c.same_type(cast(to_root(sums, p), x.dtype()));
}

Dims space(const Call& c, const Tensor& x) {
  if (x.rank() < 3) c.fail("expects an input [N, C, *spatial], got {}", shape_text(x.shape()));
  Dims dims;
  for (int64_t i = 2; i < x.rank(); ++i) dims.push_back(i);
  return dims;
}

void global_average(Call& c) {
  const Tensor x = c.tensor(0);
  const Dims dims = space(c, x);
  c.same_type(x.rank() <= 5 ? adaptive_avg_pool(x, Dims(dims.size(), 1)) : mean(x, dims, kKeepDim));
}
void global_max(Call& c) {
  const Tensor x = c.tensor(0);
  c.same_type(amax(x, space(c, x), kKeepDim));
}
void global_lp(Call& c) {
  const Tensor x = c.tensor(0);
  const double p = exponent(c);
  c.same_type(cast(to_root(sum(to_power(wide(x), p), space(c, x), kKeepDim), p), x.dtype()));
}

/// Values back where MaxPool found them. The positions are those of the image that the windows imply; a
/// larger output holds it in its corner.
void max_unpool_node(Call& c) {
  const Tensor x = c.tensor(0), index = c.tensor(1);
  const Windows w = read_windows(c, x.shape());
  if (!(index.shape() == x.shape()))
    c.fail("positions {} for values {}", shape_text(index.shape()), shape_text(x.shape()));
  Shape shape{x.dim(0), x.dim(1)};
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    shape.push_back((x.shape()[i + 2] - 1) * w.stride[i] - w.before[i] - w.after[i] + w.kernel[i]);
    if (shape[i + 2] < 1) c.fail("an output of size {} in dimension {}", shape[i + 2], i + 2);
  }
  Dims amounts;
  if (c.has(2)) {
    const std::vector<int64_t> wanted = c.integers(2);
    if (wanted.size() != shape.size()) c.fail("output_shape has {} numbers", wanted.size());
    for (size_t i = shape.size(); i-- > 0;) {
      if (wanted[i] < shape[i] || wanted[i] > int64_t{1} << 30)
        c.fail("output_shape {} is smaller than {} or too large", wanted[i], shape[i]);
      amounts.push_back(0);
      amounts.push_back(wanted[i] - shape[i]);
    }
  }
  const Tensor flat = scatter(zeros({numel(shape)}, x.dtype(), x.device()), 0, reshape(index, {x.numel()}),
                              reshape(x, {x.numel()}));
  const Tensor y = reshape(flat, shape);
  c.same_type(amounts.empty() ? y : pad(y, amounts));
}

constexpr Operator kOperators[] = {
    {"MaxPool", &max_pool_node, 1, "", true, 1},     {"AveragePool", &average_pool, 1, "", true, 1},
    {"LpPool", &lp_pool_node, 1, "", true, 1},       {"GlobalAveragePool", &global_average, 1, "", true, 1},
    {"GlobalMaxPool", &global_max, 1, "", true, 1},  {"GlobalLpPool", &global_lp, 1, "", true, 1},
    {"MaxUnpool", &max_unpool_node, 9, "", true, 2},
};

}  // namespace

std::span<const Operator> pool_operators() { return kOperators; }

}  // namespace dlb::graph
