#include "dlb/nn/resize.h"

#include <cmath>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/nn/spatial.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/grid_sample.h"
#include "dlb/ops/interpolate.h"
#include "dlb/ops/pad.h"
#include "dlb/ops/pool.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

Fields Pad::fields() {
  static const Field list[] = {
      required<&Pad::padding>(
          "padding",
          "pairs (before, after) from the last dimension backwards; one number: each side "
          "of each spatial dimension",
          items({}, 1, 16)),
      field<&Pad::mode>("mode", "what is added: `value`, the mirrored inside, the border, or the other end",
                        one_of({"constant", "reflect", "replicate", "circular"})),
      field<&Pad::value>("value", "what `mode: constant` adds"),
  };
  return list;
}
void Pad::build(Build& b) {
  const int rank = b.input().rank();
  amounts_ = {};
  if (padding.size() == 1) {
    b.expect(rank >= 3, "pad by one number", "[N, C, spatial...]");
    for (int i = 0; i < 2 * (rank - 2); ++i) amounts_.push_back(padding[0]);
    return;
  }
  if (padding.size() % 2 != 0 || padding.size() > 2 * static_cast<size_t>(rank)) {
    fail(ErrorKind::kConfig, "pad.padding takes 1 number or up to {} pairs, got {} numbers", rank,
         padding.size());
  }
  amounts_ = Dims(padding.begin(), padding.end());
}
Tensor Pad::forward(Context& /*c*/, const Tensor& x) {
  if (mode == "constant") return pad(x, amounts_, value);
  return pad(x, amounts_,
             mode == "reflect"     ? PadMode::kReflect
             : mode == "replicate" ? PadMode::kReplicate
                                   : PadMode::kCircular);
}

Fields Upsample::fields() {
  static const Field list[] = {
      field<&Upsample::scale>("scale", "output size over the input's", items(positive(), 0, 3)),
      field<&Upsample::size>("size", "output size", items(positive(), 0, 3)),
      field<&Upsample::mode>(
          "mode", "how elements between others are made; `linear` is bilinear in two dimensions",
          one_of({"nearest", "nearest_exact", "linear", "bilinear", "trilinear", "bicubic", "area"})),
      field<&Upsample::align_corners>("align_corners", "the outermost elements stay where they are"),
      field<&Upsample::antialias>("antialias", "widen the filter when the output is smaller"),
  };
  return list;
}
std::span<const std::string_view> Upsample::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "like"};
  return kNames;
}
void Upsample::build(Build& b) {
  const int rank = b.input().rank();
  b.expect(rank >= 3 && rank <= 5, "upsample", "[N, C, spatial...]");
  const int given = (b.has_input(1) ? 1 : 0) + (scale.empty() ? 0 : 1) + (size.empty() ? 0 : 1);
  if (given != 1) {
    fail(ErrorKind::kConfig, "upsample needs one of `scale`, `size` and an input `like`, got {}", given);
  }
  if (b.has_input(1)) {
    expect_input(b.input(1).rank() == rank, b, 1, "upsample", "like", fmt::format("of {} dimensions", rank));
  }
  const auto spatial = static_cast<size_t>(rank) - 2;
  if (!size.empty()) per_dimension(size, spatial, "upsample", "size");
  if (scale.size() > 1 && scale.size() != spatial) {
    fail(ErrorKind::kConfig, "upsample.scale takes 1 or {} numbers, got {}", spatial, scale.size());
  }
  const bool two = mode == "bilinear" || mode == "bicubic";
  if ((two && spatial != 2) || (mode == "trilinear" && spatial != 3)) {
    fail(ErrorKind::kShape, "upsample with `mode: {}` needs {} spatial dimensions, got input {}", mode,
         two ? 2 : 3, shape_text(b.input().shape));
  }
  const bool filter = mode != "nearest" && mode != "nearest_exact" && mode != "area";
  if (align_corners && !filter) {
    fail(ErrorKind::kConfig, "upsample with `mode: {}` takes no align_corners", mode);
  }
  if (antialias && !two) fail(ErrorKind::kConfig, "upsample takes antialias with bilinear and bicubic only");
}
Outputs Upsample::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  const auto spatial = static_cast<size_t>(x.rank()) - 2;
  InterpolateOptions o;
  o.align_corners = align_corners;
  o.antialias = antialias;
  o.mode = mode == "nearest"         ? InterpolateMode::kNearest
           : mode == "nearest_exact" ? InterpolateMode::kNearestExact
           : mode == "bicubic"       ? InterpolateMode::kCubic
                                     : InterpolateMode::kLinear;
  Dims out;
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t in = x.shape()[i + 2];
    if (!scale.empty()) {
      const double factor = scale[scale.size() == 1 ? 0 : i];
      const double wanted = std::floor(static_cast<double>(in) * factor);
      if (!(wanted >= 1 && wanted <= 0x1p30)) {
        fail(ErrorKind::kShape, "upsample of size {} by {} gives no valid size", in, factor);
      }
      out.push_back(static_cast<int64_t>(wanted));
      o.scale_factors.push_back(factor);
    } else {
      out.push_back(size.empty() ? inputs[1].shape()[i + 2] : size[size.size() == 1 ? 0 : i]);
    }
  }
  return one(mode == "area" ? adaptive_avg_pool(x, out) : interpolate(x, out, o));
}

Fields PixelShuffle::fields() {
  static const Field list[] = {
      required<&PixelShuffle::factor>("factor", "how many times larger the image gets", positive())};
  return list;
}
void PixelShuffle::build(Build& b) { b.expect(b.input().rank() == 4, "pixel_shuffle", "[N, C, H, W]"); }
Tensor PixelShuffle::forward(Context& /*c*/, const Tensor& x) { return pixel_shuffle(x, factor); }

Fields PixelUnshuffle::fields() {
  static const Field list[] = {
      required<&PixelUnshuffle::factor>("factor", "how many times smaller the image gets", positive())};
  return list;
}
void PixelUnshuffle::build(Build& b) { b.expect(b.input().rank() == 4, "pixel_unshuffle", "[N, C, H, W]"); }
Tensor PixelUnshuffle::forward(Context& /*c*/, const Tensor& x) { return pixel_unshuffle(x, factor); }

Fields ChannelShuffle::fields() {
  static const Field list[] = {required<&ChannelShuffle::groups>("groups", "number of groups", positive())};
  return list;
}
void ChannelShuffle::build(Build& b) {
  b.expect(b.input().rank() >= 2, "channel_shuffle", "[N, C, ...]");
  if (b.input().dim(1) % groups != 0) {
    fail(ErrorKind::kShape, "channel_shuffle with groups {} needs channels divisible by it, got {}", groups,
         b.input().dim(1));
  }
}
Tensor ChannelShuffle::forward(Context& /*c*/, const Tensor& x) { return channel_shuffle(x, groups); }

namespace {

std::vector<Field> window_fields() {
  using T = WindowsBase;
  return {
      required<&T::kernel>("kernel", "window size", items(positive(), 1, 2)),
      field<&T::stride>("stride", "step of the window", items(positive(), 1, 2)),
      field<&T::padding>("padding", "zeros on each side", items(non_negative(), 1, 2)),
      field<&T::dilation>("dilation", "distance between the window's elements", items(positive(), 1, 2)),
  };
}

}  // namespace

WindowAttrs WindowsBase::windows(std::string_view layer) const {
  WindowAttrs a;
  a.kernel = per_dimension(kernel, 2, layer, "kernel");
  a.stride = per_dimension(stride, 2, layer, "stride");
  a.padding = per_dimension(padding, 2, layer, "padding");
  a.dilation = per_dimension(dilation, 2, layer, "dilation");
  return a;
}

Fields Unfold::fields() {
  static const std::vector<Field> list = window_fields();
  return list;
}
void Unfold::build(Build& b) {
  b.expect(b.input().rank() == 4, "unfold", "[N, C, H, W]");
  attrs_ = windows("unfold");
}
Tensor Unfold::forward(Context& /*c*/, const Tensor& x) { return unfold_windows(x, attrs_); }

Fields FoldWindows::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> all = window_fields();
    all.insert(all.begin(),
               required<&FoldWindows::output>("output", "size of the image", items(positive(), 1, 2)));
    return all;
  }();
  return list;
}
void FoldWindows::build(Build& b) {
  b.expect(b.input().rank() == 3, "fold", "[N, C KH KW, L]");
  attrs_ = windows("fold");
  size_ = per_dimension(output, 2, "fold", "output");
}
Tensor FoldWindows::forward(Context& /*c*/, const Tensor& x) { return fold_windows(x, size_, attrs_); }

Fields GridSample::fields() {
  static const Field list[] = {
      field<&GridSample::mode>("mode", "how values between elements are made",
                               one_of({"bilinear", "nearest", "bicubic"})),
      field<&GridSample::padding>("padding", "what lies outside", one_of({"zeros", "border", "reflection"})),
      field<&GridSample::align_corners>(
          "align_corners", "-1 and 1 are the centres of the outermost elements, not their edges"),
  };
  return list;
}
std::span<const std::string_view> GridSample::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "grid"};
  return kNames;
}
void GridSample::build(Build& b) {
  const int rank = b.input().rank();
  b.expect(rank == 4 || rank == 5, "grid_sample", "[N, C, H, W] or [N, C, D, H, W]");
  expect_input(b.input(1).rank() == rank && b.input(1).dim(-1) == rank - 2, b, 1, "grid_sample", "grid",
               rank == 4 ? "[N, H, W, 2]" : "[N, D, H, W, 3]");
}
Outputs GridSample::run(Context& /*c*/, Inputs inputs) {
  const auto how = mode == "bilinear"  ? SampleMode::kBilinear
                   : mode == "nearest" ? SampleMode::kNearest
                                       : SampleMode::kBicubic;
  const auto outside = padding == "zeros"    ? SamplePadding::kZeros
                       : padding == "border" ? SamplePadding::kBorder
                                             : SamplePadding::kReflection;
  return one(grid_sample(inputs[0], inputs[1], how, outside, align_corners));
}

Fields AffineGrid::fields() {
  static const Field list[] = {field<&AffineGrid::align_corners>(
      "align_corners", "-1 and 1 are the centres of the outermost elements, not their edges")};
  return list;
}
std::span<const std::string_view> AffineGrid::input_names() const {
  static constexpr std::string_view kNames[] = {"theta", "like"};
  return kNames;
}
void AffineGrid::build(Build& b) {
  const int rank = b.input(1).rank();
  expect_input(rank == 4 || rank == 5, b, 1, "affine_grid", "like", "[N, C, H, W] or [N, C, D, H, W]");
  const int64_t d = rank - 2;
  const Shape& theta = b.input().shape;
  const int64_t n = b.input(1).dim(0);
  b.expect(theta == Shape{n, d, d + 1} || theta == Shape{n, d * (d + 1)}, "affine_grid",
           d == 2 ? "[N, 2, 3] or [N, 6]" : "[N, 3, 4] or [N, 12]");
}
Outputs AffineGrid::run(Context& /*c*/, Inputs inputs) {
  const int64_t d = inputs[1].rank() - 2;
  const Tensor theta = reshape(inputs[0], {inputs[0].dim(0), d, d + 1});
  return one(affine_grid(theta, inputs[1].shape(), align_corners));
}

Fields PatchEmbedding::fields() {
  static const Field list[] = {
      required<&PatchEmbedding::dim>("dim", "length of each vector", positive()),
      required<&PatchEmbedding::patch>("patch", "size of a patch", items(positive(), 1, 2)),
      field<&PatchEmbedding::bias>("bias", "add a bias"),
  };
  return list;
}
void PatchEmbedding::build(Build& b) {
  const TensorSpec& x = b.input();
  b.expect(x.rank() == 4 && x.dim(1) > 0, "patch_embedding", "[N, C, H, W]");
  window_ = per_dimension(patch, 2, "patch_embedding", "patch");
  if (x.dim(2) % window_[0] != 0 || x.dim(3) % window_[1] != 0) {
    fail(ErrorKind::kShape, "patch_embedding needs an image that patches {} fill, got input {}",
         shape_text(window_), shape_text(x.shape));
  }
  int64_t fan = x.dim(1);
  for (const int64_t k : window_) {
    if (__builtin_mul_overflow(fan, k, &fan))
      fail(ErrorKind::kConfig, "patch_embedding.patch {} is too large", shape_text(window_));
  }
  weight_ = b.parameter("proj.weight", {dim, x.dim(1), window_[0], window_[1]}, kaiming_uniform());
  if (bias) bias_ = b.parameter("proj.bias", {dim}, uniform_fan(fan));
}
Tensor PatchEmbedding::forward(Context& /*c*/, const Tensor& x) {
  return transpose(flatten(conv2d(x, weight_, bias_, window_), 2), 1, 2);
}

}  // namespace dlb::nn
