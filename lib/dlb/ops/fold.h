#pragma once
/// \file Images as matrices of sliding windows, and back.

#include "dlb/ops/op.h"

namespace dlb {

/// Sliding windows over two dimensions; one number stands for both.
struct WindowAttrs {
  Dims kernel;
  Dims dilation = {1};
  Dims padding = {0};
  Dims stride = {1};
};

/// Column l holds the elements of window l, channel by channel; outside the image they are 0.
/// Shapes: x [N, C, H, W] -> [N, C * KH * KW, L] with L = LH * LW windows, in rows. Errors: shape, dtype.
Tensor unfold_windows(const Tensor& x, const WindowAttrs& attrs);

/// The transpose of unfold_windows: each column added to the image where its window lies.
/// Shapes: x [N, C * KH * KW, L] -> [N, C, *output]. Errors: shape when L is not the number of windows;
/// dtype.
Tensor fold_windows(const Tensor& x, const Dims& output, const WindowAttrs& attrs);

}  // namespace dlb
