#include <algorithm>

#include "dlb/ops/binary.h"
#include "dlb/ops/conv_defs.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {

Dims same_padding(int64_t kernel, int64_t dilation) {
  const int64_t total = dilation * (kernel - 1);
  return {total / 2, total - total / 2};
}

namespace {

using detail::check_range;
using detail::kLargest;

std::string name_of(size_t spatial) { return fmt::format("conv_transpose{}d", spatial); }

void check_channels(const Shape& x, const Shape& w, const Tensor& bias, int64_t groups) {
  const size_t spatial = w.size() - 2;
  const std::string name = name_of(spatial);
  for (const int64_t s : w) {
    if (s < 1 || s > kLargest) fail(ErrorKind::kShape, "{}: weight {} has a size of 0", name, shape_text(w));
  }
  if (x.size() != w.size() || x[1] != w[0]) {
    constexpr const char* kSpace[] = {"L", "H, W", "D, H, W"};
    fail(ErrorKind::kShape, "{} expects input [N, {}, {}], got {}", name, w[0], kSpace[spatial - 1],
         shape_text(x));
  }
  if (groups < 1 || groups > w[0] || w[0] % groups != 0) {
    fail(ErrorKind::kShape, "{}: {} input channels cannot be divided into {} groups", name, w[0], groups);
  }
  if (bias.defined() && (bias.rank() != 1 || bias.dim(0) != w[1] * groups)) {
    fail(ErrorKind::kShape, "{} expects bias [{}], got {}", name, w[1] * groups, shape_text(bias.shape()));
  }
  for (size_t i = 2; i < x.size(); ++i) {
    if (x[i] < 1 || x[i] > kLargest) {
      fail(ErrorKind::kShape, "{} expects an input with sizes from 1 to {}, got {}", name, kLargest,
           shape_text(x));
    }
  }
}

void check_dtypes(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const std::string name = name_of(w.shape().size() - 2);
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "{} expects a floating dtype, got {}", name, dtype_name(x.dtype()));
  }
  for (const Tensor* t : {&w, &bias}) {
    if (t->defined() && t->dtype() != x.dtype()) {
      fail(ErrorKind::kDtype, "{} expects one dtype, got {} and {}", name, dtype_name(x.dtype()),
           dtype_name(t->dtype()));
    }
  }
}

}  // namespace

Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvTransposeAttrs& a) {
  const Shape& w = weight.shape();
  if (w.size() < 3 || w.size() > 5) {
    fail(ErrorKind::kShape, "conv_transpose expects weight [C, O/groups, *kernel] of rank 3 to 5, got {}",
         shape_text(w));
  }
  const size_t spatial = w.size() - 2;
  const std::string name = name_of(spatial);
  check_range(name, a.stride, spatial, 1, "stride");
  check_range(name, a.padding, spatial, 0, "padding");
  check_range(name, a.output_padding, spatial, 0, "output_padding");
  check_range(name, a.dilation, spatial, 1, "dilation");
  check_channels(x.shape(), w, bias, a.groups);
  check_dtypes(x, weight, bias);
  ConvGradAttrs grad{{a.stride, a.padding, a.padding, a.dilation, a.groups, false}, {}, false};
  grad.shape = {x.dim(0), w[1] * a.groups};
  Dims zeros_after;
  for (size_t i = 0; i < spatial; ++i) {
    if (a.output_padding[i] >= std::max(a.stride[i], a.dilation[i])) {
      fail(ErrorKind::kShape, "{}: output_padding {} must be less than the stride {} or the dilation {}",
           name_of(spatial), a.output_padding[i], a.stride[i], a.dilation[i]);
    }
    const int64_t out = (x.shape()[i + 2] - 1) * a.stride[i] - 2 * a.padding[i] +
                        a.dilation[i] * (w[i + 2] - 1) + a.output_padding[i] + 1;
    if (out < 1) {
      fail(ErrorKind::kShape, "{}: input {} with padding {} gives an output of size {} in dimension {}",
           name_of(spatial), shape_text(x.shape()), a.padding[i], out, i + 2);
    }
    grad.shape.push_back(out);
    // A convolution of the result has this many positions more than x: they carry no value.
    zeros_after.push_back(a.output_padding[i] / a.stride[i]);
  }
  static_cast<void>(numel(grad.shape));
  Tensor g = x;
  if (std::any_of(zeros_after.begin(), zeros_after.end(), [](int64_t n) { return n > 0; })) {
    Dims amounts;
    for (size_t i = spatial; i-- > 0;) {
      amounts.push_back(0);
      amounts.push_back(zeros_after[i]);
    }
    g = pad(x, amounts);
  }
  const Tensor y = conv_input_grad(g, weight, grad);
  if (!bias.defined()) return y;
  Shape per_channel(spatial + 2, 1);
  per_channel[1] = bias.dim(0);
  return add(y, reshape(bias, per_channel));
}

}  // namespace dlb
