#include <algorithm>

#include "dlb/nn/conv.h"
#include "dlb/nn/init.h"
#include "dlb/nn/spatial.h"

namespace dlb::nn {

namespace {

std::vector<Field> transpose_fields(size_t spatial) {
  using T = ConvTransposeBase;
  return {
      required<&T::out>("out", "output channels", positive()),
      required<&T::kernel>("kernel", "window size", items(positive(), 1, spatial)),
      field<&T::stride>("stride", "distance of the windows in the output", items(positive(), 1, spatial)),
      field<&T::padding>("padding", "cut from each side of the output", items(non_negative(), 1, spatial)),
      field<&T::output_padding>("output_padding", "added at the end of the output; less than the stride",
                                items(non_negative(), 1, spatial)),
      field<&T::dilation>("dilation", "distance between the window's elements",
                          items(positive(), 1, spatial)),
      field<&T::groups>("groups", "channel groups that do not mix", positive()),
      field<&T::bias>("bias", "add a bias"),
  };
}

}  // namespace

Fields ConvTranspose1d::fields() {
  static const std::vector<Field> list = transpose_fields(1);
  return list;
}
Fields ConvTranspose2d::fields() {
  static const std::vector<Field> list = transpose_fields(2);
  return list;
}
Fields ConvTranspose3d::fields() {
  static const std::vector<Field> list = transpose_fields(3);
  return list;
}

void ConvTransposeBase::build_spatial(Build& b, size_t spatial, std::string_view name,
                                      std::string_view form) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2 && b.input().dim(1) > 0, name, form);
  const int64_t channels = b.input().dim(1);
  if (channels % groups != 0 || out % groups != 0) {
    fail(ErrorKind::kShape,
         "{} with groups {} needs input and output channels divisible by it, got {} and {}", name, groups,
         channels, out);
  }
  const Dims window = per_dimension(kernel, spatial, name, "kernel");
  attrs_.stride = per_dimension(stride, spatial, name, "stride");
  attrs_.padding = per_dimension(padding, spatial, name, "padding");
  attrs_.output_padding = per_dimension(output_padding, spatial, name, "output_padding");
  attrs_.dilation = per_dimension(dilation, spatial, name, "dilation");
  attrs_.groups = groups;
  Shape shape = {channels, out / groups};
  int64_t fan = out / groups;
  for (size_t i = 0; i < spatial; ++i) {
    if (attrs_.output_padding[i] >= std::max(attrs_.stride[i], attrs_.dilation[i])) {
      fail(ErrorKind::kConfig, "{}.output_padding must be below the stride or the dilation, got {}", name,
           attrs_.output_padding[i]);
    }
    shape.push_back(window[i]);
    if (__builtin_mul_overflow(fan, window[i], &fan))
      fail(ErrorKind::kConfig, "{}.kernel {} is too large", name, shape_text(window));
  }
  // PyTorch takes size(1) of the weight, the output channels, for the fan.
  weight_ = b.parameter("weight", shape, kaiming_uniform());
  if (bias) bias_ = b.parameter("bias", {out}, uniform_fan(fan));
}

Tensor ConvTransposeBase::forward(Context& /*c*/, const Tensor& x) {
  return conv_transpose(x, weight_, bias_, attrs_);
}

}  // namespace dlb::nn
