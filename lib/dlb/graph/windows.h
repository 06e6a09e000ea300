#pragma once
/// \file Sliding windows as the attributes of ONNX's convolutions and poolings give them.

#include "dlb/graph/operator.h"

namespace dlb::graph {

/// One number per spatial dimension each.
struct Windows {
  Dims kernel, stride, dilation;
  Dims before, after;  ///< padding
  bool ceil_mode = false;

  /// Elements from the first to the last of a window.
  int64_t reach(size_t i) const { return dilation[i] * (kernel[i] - 1) + 1; }
  /// Whether each dimension is padded alike on both sides.
  bool symmetric() const { return before == after; }
};

/// The windows of a node over an input [N, C, *spatial]: `kernel` of a convolution's weight, empty for
/// poolings; the attributes kernel_shape, strides, dilations, pads, auto_pad and ceil_mode. Errors: config
/// where numbers are missing, not positive or too large, or differ from the weight's.
Windows read_windows(const Call& c, const Shape& input, const Dims& kernel = {});

/// Numbers of an attribute, `count` of them from `least` to 2^30; absent: all `otherwise`.
Dims read_sizes(const Call& c, std::string_view name, size_t count, int64_t least, int64_t otherwise);

/// Number of windows in each dimension. Errors: config where there is none.
Dims window_counts(const Call& c, const Shape& input, const Windows& w);

/// x padded (or cropped at the end) so that the windows fit exactly, without padding of their own.
Tensor padded_to_windows(const Tensor& x, const Windows& w, const Dims& counts, double value);

}  // namespace dlb::graph
