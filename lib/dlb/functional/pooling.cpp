#include <algorithm>

#include "dlb/functional/define.h"
#include "dlb/ops/fractional_pool.h"
#include "dlb/ops/pool.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

std::vector<Function> pool_functions();

namespace {

template <size_t D>
Dims each(const Dims& values, const char* what) {
  if (values.size() != 1 && values.size() != D) {
    fail(ErrorKind::kShape, "pooling over {} dimensions expects 1 or {} numbers for {}, got {}", D, D, what,
         values.size());
  }
  return values.size() == 1 ? Dims(D, values[0]) : values;
}

template <size_t D>
PoolAttrs window(const Dims& kernel, const std::optional<Dims>& stride, const Dims& padding, bool ceil_mode) {
  PoolAttrs a;
  a.kernel = each<D>(kernel, "the kernel");
  a.stride = stride && !stride->empty() ? each<D>(*stride, "the stride") : a.kernel;
  a.padding = each<D>(padding, "the padding");
  a.dilation = Dims(D, 1);
  a.ceil_mode = ceil_mode;
  return a;
}

template <size_t D>
bool is_single(const Tensor& x) {
  return x.rank() == static_cast<int>(D) + 1;
}
/// With a batch dimension, and without it again.
template <size_t D>
Tensor batch_of(const Tensor& x) {
  return is_single<D>(x) ? unsqueeze(x, 0) : x;
}
template <size_t D>
Tensor like_input(const Tensor& x, const Tensor& y) {
  return is_single<D>(x) ? squeeze(y, 0) : y;
}

template <size_t D>
Value max_result(const Tensor& x, const MaxPoolResult& r) {
  return List{like_input<D>(x, r.y), like_input<D>(x, r.indices)};
}

template <size_t D>
Value max_pool_nd(const Tensor& x, const Dims& kernel, const std::optional<Dims>& stride, const Dims& padding,
                  const Dims& dilation, bool ceil_mode, bool return_indices) {
  PoolAttrs a = window<D>(kernel, stride, padding, ceil_mode);
  a.dilation = each<D>(dilation, "the dilation");
  const Tensor batch = batch_of<D>(x);
  if (return_indices) return max_result<D>(x, max_pool_with_indices(batch, a));
  return like_input<D>(x, max_pool(batch, a));
}

Tensor avg_pool_1d(const Tensor& x, const Dims& kernel, const std::optional<Dims>& stride,
                   const Dims& padding, bool ceil_mode, bool count_include_pad) {
  PoolAttrs a = window<1>(kernel, stride, padding, ceil_mode);
  a.count_include_pad = count_include_pad;
  return like_input<1>(x, avg_pool(batch_of<1>(x), a));
}

template <size_t D>
Tensor avg_pool_nd(const Tensor& x, const Dims& kernel, const std::optional<Dims>& stride,
                   const Dims& padding, bool ceil_mode, bool count_include_pad,
                   std::optional<int64_t> divisor_override) {
  PoolAttrs a = window<D>(kernel, stride, padding, ceil_mode);
  a.count_include_pad = count_include_pad;
  if (divisor_override && *divisor_override == 0) {
    fail(ErrorKind::kShape, "avg_pool{}d expects a divisor_override other than 0", D);
  }
  a.divisor = divisor_override.value_or(0);
  return like_input<D>(x, avg_pool(batch_of<D>(x), a));
}

using OptionalDims = std::vector<std::optional<int64_t>>;

/// Sizes of adaptive pooling: none keeps the input's.
template <size_t D>
Dims adaptive_sizes(const char* name, const OptionalDims& sizes) {
  if (sizes.size() != 1 && sizes.size() != D) {
    fail(ErrorKind::kShape, "{}{}d expects 1 or {} output sizes, got {}", name, D, D, sizes.size());
  }
  Dims out;
  for (size_t i = 0; i < D; ++i) {
    const std::optional<int64_t> size = sizes[sizes.size() == 1 ? 0 : i];
    if (size && *size < 0) {
      fail(ErrorKind::kShape, "{}{}d expects output sizes from 0, got {}", name, D, *size);
    }
    out.push_back(size.value_or(-1));
  }
  return out;
}

template <size_t D>
Tensor adaptive_avg_nd(const Tensor& x, const OptionalDims& sizes) {
  return like_input<D>(x, adaptive_avg_pool(batch_of<D>(x), adaptive_sizes<D>("adaptive_avg_pool", sizes)));
}

template <size_t D>
Value adaptive_max_nd(const Tensor& x, const OptionalDims& sizes, bool return_indices) {
  const Dims out = adaptive_sizes<D>("adaptive_max_pool", sizes);
  const Tensor batch = batch_of<D>(x);
  if (return_indices) return max_result<D>(x, adaptive_max_pool_with_indices(batch, out));
  return like_input<D>(x, adaptive_max_pool(batch, out));
}

template <size_t D>
Tensor max_unpool_nd(const Tensor& x, const Tensor& indices, const Dims& kernel,
                     const std::optional<Dims>& stride, const Dims& padding,
                     const std::optional<Dims>& output_size) {
  const PoolAttrs a = window<D>(kernel, stride, padding, false);
  const Tensor batch = batch_of<D>(x);
  if (batch.rank() != static_cast<int>(D) + 2) {
    fail(ErrorKind::kShape, "max_unpool{}d expects input of rank {} or {}, got {}", D, D + 1, D + 2,
         shape_text(x.shape()));
  }
  const Dims usual = max_unpool_sizes(batch, a);
  Dims out = usual;
  if (output_size) {
    if (output_size->size() < D || output_size->size() > D + 2) {
      fail(ErrorKind::kShape, "max_unpool{}d expects {} output sizes, got {}", D, D, output_size->size());
    }
    out = Dims(output_size->end() - D, output_size->end());
    for (size_t i = 0; i < D; ++i) {
      if (out[i] <= usual[i] - a.stride[i] || out[i] >= usual[i] + a.stride[i]) {
        fail(ErrorKind::kShape, "max_unpool{}d expects an output size between {} and {}, got {}", D,
             usual[i] - a.stride[i], usual[i] + a.stride[i], out[i]);
      }
    }
  }
  return like_input<D>(x, max_unpool(batch, batch_of<D>(indices), out));
}

template <size_t D>
Tensor lp_pool_nd(const Tensor& x, double norm_type, const Dims& kernel, const std::optional<Dims>& stride,
                  bool ceil_mode) {
  return like_input<D>(x, lp_pool(batch_of<D>(x), norm_type, window<D>(kernel, stride, {0}, ceil_mode)));
}

template <size_t D>
Value fractional_nd(const Tensor& x, const Dims& kernel, const std::optional<Dims>& output_size,
                    const std::optional<std::vector<double>>& output_ratio, bool return_indices,
                    const RngKey& key) {
  const Tensor batch = batch_of<D>(x);
  if (output_size.has_value() == output_ratio.has_value()) {
    fail(ErrorKind::kShape, "fractional_max_pool{}d expects either output_size or output_ratio", D);
  }
  if (batch.rank() != static_cast<int>(D) + 2) {
    fail(ErrorKind::kShape, "fractional_max_pool{}d expects input of rank {} or {}, got {}", D, D + 1, D + 2,
         shape_text(x.shape()));
  }
  Dims out;
  if (output_size) out = each<D>(*output_size, "the output size");
  if (output_ratio && output_ratio->size() != D && output_ratio->size() != 1) {
    fail(ErrorKind::kShape, "fractional_max_pool{}d expects 1 or {} ratios, got {}", D, D,
         output_ratio->size());
  }
  for (size_t i = 0; output_ratio && i < D; ++i) {
    const double ratio = (*output_ratio)[output_ratio->size() == D ? i : 0];
    if (!(ratio > 0 && ratio < 1)) {
      fail(ErrorKind::kShape, "fractional_max_pool{}d expects ratios between 0 and 1, got {}", D, ratio);
    }
    out.push_back(static_cast<int64_t>(static_cast<double>(batch.shape()[i + 2]) * ratio));
  }
  const MaxPoolResult r = fractional_max_pool(batch, each<D>(kernel, "the kernel"), out, key);
  if (return_indices) return max_result<D>(x, r);
  return like_input<D>(x, r.y);
}

template <size_t D>
void add_pools(std::vector<Function>& all) {
  const auto name = [](const char* one, const char* two, const char* three) {
    return D == 1 ? one : D == 2 ? two : three;
  };
  all.push_back(define(name("max_pool1d", "max_pool2d", "max_pool3d"),
                       "largest value of each window; with return_indices also where it is",
                       {"input", "kernel_size", "stride = none", "padding = 0", "dilation = 1",
                        "ceil_mode = false", "return_indices = false"},
                       &max_pool_nd<D>));
  all.push_back(define(name("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
                       "mean of windows that give a fixed output size", {"input", "output_size"},
                       &adaptive_avg_nd<D>));
  all.push_back(define(name("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
                       "largest value of windows that give a fixed output size",
                       {"input", "output_size", "return_indices = false"}, &adaptive_max_nd<D>));
  all.push_back(
      define(name("max_unpool1d", "max_unpool2d", "max_unpool3d"),
             "values back where max pooling found them, else 0",
             {"input", "indices", "kernel_size", "stride = none", "padding = 0", "output_size = none"},
             &max_unpool_nd<D>));
  all.push_back(define(name("lp_pool1d", "lp_pool2d", "lp_pool3d"), "p-norm of each window",
                       {"input", "norm_type", "kernel_size", "stride = none", "ceil_mode = false"},
                       &lp_pool_nd<D>));
  if constexpr (D == 1) {
    all.push_back(define("avg_pool1d", "mean of each window",
                         {"input", "kernel_size", "stride = none", "padding = 0", "ceil_mode = false",
                          "count_include_pad = true"},
                         &avg_pool_1d));
  } else {
    all.push_back(define(D == 2 ? "avg_pool2d" : "avg_pool3d", "mean of each window",
                         {"input", "kernel_size", "stride = none", "padding = 0", "ceil_mode = false",
                          "count_include_pad = true", "divisor_override = none"},
                         &avg_pool_nd<D>));
    all.push_back(define(D == 2 ? "fractional_max_pool2d" : "fractional_max_pool3d",
                         "largest value of windows of random places",
                         {"input", "kernel_size", "output_size = none", "output_ratio = none",
                          "return_indices = false", "seed = 0"},
                         &fractional_nd<D>));
  }
}

}  // namespace

std::vector<Function> pool_functions() {
  std::vector<Function> all;
  add_pools<1>(all);
  add_pools<2>(all);
  add_pools<3>(all);
  return all;
}

}  // namespace dlb::functional
