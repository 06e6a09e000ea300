#include <algorithm>
#include <cmath>

#include "dlb/functional/define.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/fold.h"
#include "dlb/ops/grid_sample.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

std::vector<Function> pool_functions();
std::vector<Function> interpolate_functions();

namespace {

/// One number for each of D spatial dimensions.
template <size_t D>
Dims each(const char* name, const Dims& values, const char* what) {
  if (values.size() != 1 && values.size() != D) {
    fail(ErrorKind::kShape, "{}{}d expects 1 or {} numbers for {}, got {}", name, D, D, what, values.size());
  }
  return values.size() == 1 ? Dims(D, values[0]) : values;
}

/// Calls f with a batch of one where the input comes without a batch dimension.
template <size_t D, class F>
Tensor in_batches(const Tensor& x, const F& f) {
  return x.rank() == static_cast<int>(D) + 1 ? squeeze(f(unsqueeze(x, 0)), 0) : f(x);
}

template <size_t D>
Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& bias, ConvAttrs attrs) {
  if (weight.rank() != static_cast<int>(D) + 2) {
    fail(ErrorKind::kShape, "conv{}d expects weight [O, C/groups, *kernel] of rank {}, got {}", D, D + 2,
         shape_text(weight.shape()));
  }
  return in_batches<D>(x, [&](const Tensor& batch) { return conv(batch, weight, bias, attrs); });
}

template <size_t D>
Tensor conv_by_number(const Tensor& x, const Tensor& weight, const Tensor& bias, const Dims& stride,
                      const Dims& padding, const Dims& dilation, int64_t groups) {
  const Dims pad = each<D>("conv", padding, "padding");
  return convolve<D>(
      x, weight, bias,
      {each<D>("conv", stride, "stride"), pad, pad, each<D>("conv", dilation, "dilation"), groups, false});
}

template <size_t D>
Tensor conv_by_name(const Tensor& x, const Tensor& weight, const Tensor& bias, const Dims& stride,
                    const std::string& padding, const Dims& dilation, int64_t groups) {
  ConvAttrs a{each<D>("conv", stride, "stride"),     Dims(D, 0), Dims(D, 0),
              each<D>("conv", dilation, "dilation"), groups,     false};
  if (padding == "same") {
    if (std::any_of(a.stride.begin(), a.stride.end(), [](int64_t s) { return s != 1; })) {
      fail(ErrorKind::kUnsupported, "conv{}d: padding 'same' is for stride 1, got {}", D,
           shape_text(a.stride));
    }
    for (size_t i = 0; i < D && weight.rank() == static_cast<int>(D) + 2; ++i) {
      const Dims both = same_padding(weight.shape()[i + 2], std::clamp<int64_t>(a.dilation[i], 1, 1 << 30));
      a.padding[i] = both[0];
      a.padding_after[i] = both[1];
    }
  } else if (padding != "valid") {
    fail(ErrorKind::kUnsupported, "conv{}d expects padding 'same', 'valid' or numbers, got '{}'", D, padding);
  }
  return convolve<D>(x, weight, bias, a);
}

template <size_t D>
Tensor conv_transpose_nd(const Tensor& x, const Tensor& weight, const Tensor& bias, const Dims& stride,
                         const Dims& padding, const Dims& output_padding, int64_t groups,
                         const Dims& dilation) {
  constexpr const char* kName = "conv_transpose";
  if (weight.rank() != static_cast<int>(D) + 2) {
    fail(ErrorKind::kShape, "{}{}d expects weight [C, O/groups, *kernel] of rank {}, got {}", kName, D, D + 2,
         shape_text(weight.shape()));
  }
  const ConvTransposeAttrs a{each<D>(kName, stride, "stride"), each<D>(kName, padding, "padding"),
                             each<D>(kName, output_padding, "output_padding"),
                             each<D>(kName, dilation, "dilation"), groups};
  return in_batches<D>(x, [&](const Tensor& batch) { return conv_transpose(batch, weight, bias, a); });
}

template <size_t D>
void add_conv(std::vector<Function>& all) {
  constexpr const char* kNames[] = {"conv1d", "conv2d", "conv3d"};
  constexpr const char* kTransposed[] = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};
  all.push_back(
      define(kNames[D - 1], "convolution; the input may come without a batch dimension",
             {"input", "weight", "bias = none", "stride = 1", "padding = 0", "dilation = 1", "groups = 1"},
             &conv_by_number<D>));
  all.push_back(define(
      kNames[D - 1], "convolution with padding 'same' or 'valid'",
      {"input", "weight", "bias = none", "stride = 1", "padding = 'valid'", "dilation = 1", "groups = 1"},
      &conv_by_name<D>));
  all.push_back(define(kTransposed[D - 1], "transposed convolution",
                       {"input", "weight", "bias = none", "stride = 1", "padding = 0", "output_padding = 0",
                        "groups = 1", "dilation = 1"},
                       &conv_transpose_nd<D>));
}

template <class E>
E choose(const char* name, const char* what, const std::string& text,
         std::initializer_list<std::pair<const char*, E>> choices) {
  std::string valid;
  for (const auto& [key, value] : choices) {
    if (text == key) return value;
    valid += valid.empty() ? "" : ", ";
    valid += key;
  }
  fail(ErrorKind::kUnsupported, "{} expects {} {}, got '{}'", name, what, valid, text);
}

Tensor grid_sample_named(const Tensor& x, const Tensor& grid, const std::string& mode,
                         const std::string& padding_mode, std::optional<bool> align_corners) {
  const auto how = choose<SampleMode>("grid_sample", "mode", mode,
                                      {{"bilinear", SampleMode::kBilinear},
                                       {"nearest", SampleMode::kNearest},
                                       {"bicubic", SampleMode::kBicubic}});
  const auto padding = choose<SamplePadding>("grid_sample", "padding_mode", padding_mode,
                                             {{"zeros", SamplePadding::kZeros},
                                              {"border", SamplePadding::kBorder},
                                              {"reflection", SamplePadding::kReflection}});
  return grid_sample(x, grid, how, padding, align_corners.value_or(false));
}

Tensor im2col(const Tensor& x, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride) {
  return in_batches<2>(x, [&](const Tensor& batch) {
    return unfold_windows(batch, {kernel, dilation, padding, stride});
  });
}

Tensor col2im(const Tensor& x, const Dims& output_size, const Dims& kernel, const Dims& dilation,
              const Dims& padding, const Dims& stride) {
  return in_batches<1>(x, [&](const Tensor& batch) {
    return fold_windows(batch, output_size, {kernel, dilation, padding, stride});
  });
}

}  // namespace

std::vector<Function> spatial_functions() {
  std::vector<Function> all;
  add_conv<1>(all);
  add_conv<2>(all);
  add_conv<3>(all);
  for (const auto family : {&pool_functions, &interpolate_functions}) {
    for (Function& f : family()) all.push_back(std::move(f));
  }
  all.push_back(
      define("grid_sample", "the input interpolated at the points of a grid",
             {"input", "grid", "mode = 'bilinear'", "padding_mode = 'zeros'", "align_corners = none"},
             &grid_sample_named));
  all.push_back(define(
      "affine_grid", "the grid of an affine map, for grid_sample", {"theta", "size", "align_corners = none"},
      +[](const Tensor& theta, const Dims& size, std::optional<bool> align_corners) {
        return affine_grid(theta, size, align_corners.value_or(false));
      }));
  all.push_back(define("im2col", "sliding windows of an image as columns (nn.functional.unfold)",
                       {"input", "kernel_size", "dilation = 1", "padding = 0", "stride = 1"}, &im2col));
  all.push_back(define("fold", "columns added to an image where their windows lie",
                       {"input", "output_size", "kernel_size", "dilation = 1", "padding = 0", "stride = 1"},
                       &col2im));
  return all;
}

}  // namespace dlb::functional
