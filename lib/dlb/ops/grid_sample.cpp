#include "dlb/ops/grid_sample.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/grid_sample_defs.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields GridSampleAttrs::fields() {
  static const Field list[] = {
      field<&GridSampleAttrs::mode>("mode", "0 bilinear, 1 nearest, 2 bicubic"),
      field<&GridSampleAttrs::padding_mode>("padding_mode", "0 zeros, 1 border, 2 reflection"),
      field<&GridSampleAttrs::align_corners>("align_corners", "-1 and 1 are the centres of the corners")};
  return list;
}

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

/// Shape of y; raises every error of x and grid.
Shape sampled_shape(const TensorSpec& x, const TensorSpec& grid, const GridSampleAttrs& a) {
  const size_t rank = x.shape.size();
  if (rank != 4 && rank != 5) {
    fail(ErrorKind::kShape, "grid_sample expects input [N, C, H, W] or [N, C, D, H, W], got {}",
         shape_text(x.shape));
  }
  const int64_t spatial = static_cast<int64_t>(rank) - 2;
  if (grid.shape.size() != rank || grid.dim(0) != x.dim(0) || grid.dim(-1) != spatial) {
    fail(ErrorKind::kShape, "grid_sample of {} expects a grid [{}, {}, {}], got {}", shape_text(x.shape),
         x.dim(0), spatial == 2 ? "H, W" : "D, H, W", spatial, shape_text(grid.shape));
  }
  if (a.mode < 0 || a.mode > 2 || a.padding_mode < 0 || a.padding_mode > 2) {
    fail(ErrorKind::kUnsupported, "grid_sample: there is no mode {} with padding {}", a.mode, a.padding_mode);
  }
  Shape out{x.dim(0), x.dim(1)};
  for (size_t i = 2; i < rank; ++i) {
    if (x.shape[i] < 1 || x.shape[i] > kLargest) {
      fail(ErrorKind::kShape, "grid_sample expects an image with sizes from 1 to {}, got {}", kLargest,
           shape_text(x.shape));
    }
    out.push_back(grid.shape[i - 1]);
  }
  if (!is_floating(x.dtype) || grid.dtype != x.dtype) {
    fail(ErrorKind::kDtype, "grid_sample expects an input and a grid of one floating dtype, got {} and {}",
         dtype_name(x.dtype), dtype_name(grid.dtype));
  }
  static_cast<void>(numel(out));
  return out;
}

void output_image(Infer& c, const Shape& shape) {
  c.output(TensorSpec{c.input(0).dtype, c.input(0).device, shape, channels_last_strides(shape)});
}

void infer_grid_sample(Infer& c, const GridSampleAttrs& a) {
  output_image(c, sampled_shape(c.input(0), c.input(1), a));
}

void infer_grid_sample_grad(Infer& c, const GridSampleAttrs& a) {
  const Shape out = sampled_shape(c.input(1), c.input(2), a);
  c.same_dtype(0, 1);
  if (!(out == c.input(0).shape)) {
    c.fail_shape("expects gradient {}, got {}", shape_text(out), shape_text(c.input(0).shape));
  }
  output_image(c, c.input(1).shape);
  c.output(c.input(2).shape, c.input(2).dtype);
}

Tensor channels_last(const Tensor& x) { return contiguous(x, Layout::kChannelsLast); }

void vjp_grid_sample(Vjp& c, const GridSampleAttrs& a) {
  const Outputs grads = apply(op::grid_sample_grad(), {channels_last(c.grad(0)), c.input(0), c.input(1)}, a);
  if (c.needs(0)) c.input_grad(0, grads[0]);
  if (c.needs(1)) c.input_grad(1, grads[1]);
}

double taps_of(const GridSampleAttrs& a, size_t rank) {
  if (a.mode == static_cast<int64_t>(SampleMode::kNearest)) return 1;
  if (a.mode == static_cast<int64_t>(SampleMode::kBicubic)) return rank == 4 ? 16 : 64;
  return rank == 4 ? 4 : 8;
}

Cost cost_grid_sample(Inputs in, Inputs out, const GridSampleAttrs& a) {
  return {2 * taps_of(a, in[0].shape().size()) * static_cast<double>(out[0].numel()), moved_bytes(in, out)};
}
Cost cost_grid_sample_grad(Inputs in, Inputs out, const GridSampleAttrs& a) {
  return {6 * taps_of(a, in[0].shape().size()) * static_cast<double>(in[0].numel()), moved_bytes(in, out)};
}

}  // namespace

namespace op {

const OpDef& grid_sample() {
  static const OpDef def = define<GridSampleAttrs>({.name = "grid_sample",
                                                    .doc = "images interpolated at given points",
                                                    .infer = infer_grid_sample,
                                                    .vjp = vjp_grid_sample,
                                                    .saves = Saves::kInputs,
                                                    .cost = cost_grid_sample,
                                                    .onnx = {"GridSample", 20}});
  return def;
}

const OpDef& grid_sample_grad() {
  static const OpDef def = define<GridSampleAttrs>({.name = "grid_sample_grad",
                                                    .doc = "gradients of grid_sample",
                                                    .infer = infer_grid_sample_grad,
                                                    .cost = cost_grid_sample_grad});
  return def;
}

}  // namespace op

std::span<const OpDef* const> grid_sample_ops() {
  static const OpDef* const list[] = {&op::grid_sample(), &op::grid_sample_grad()};
  return list;
}

Tensor grid_sample(const Tensor& x, const Tensor& grid, SampleMode mode, SamplePadding padding,
                   bool align_corners) {
  return apply1(op::grid_sample(), {channels_last(x), contiguous(grid)},
                GridSampleAttrs{static_cast<int64_t>(mode), static_cast<int64_t>(padding), align_corners});
}

namespace {

/// Positions of n elements from -1 to 1: their centres within n equal cells, or including both ends.
Tensor positions(int64_t n, bool align_corners, const Tensor& like) {
  const Tensor i = arange(0, static_cast<double>(n), 1, like.dtype(), like.device());
  if (n == 1) return mul(i, 0);
  const double count = static_cast<double>(n);
  if (align_corners) return affine(i, 2 / (count - 1), -1);
  return affine(i, 2 / count, 1 / count - 1);
}

}  // namespace

Tensor affine_grid(const Tensor& theta, const Dims& size, bool align_corners) {
  const int64_t spatial = static_cast<int64_t>(size.size()) - 2;
  if (spatial != 2 && spatial != 3) {
    fail(ErrorKind::kShape, "affine_grid expects a size [N, C, H, W] or [N, C, D, H, W], got {}",
         shape_text(size));
  }
  if (theta.rank() != 3 || theta.dim(0) != size[0] || theta.dim(1) != spatial ||
      theta.dim(2) != spatial + 1) {
    fail(ErrorKind::kShape, "affine_grid to {} expects theta [{}, {}, {}], got {}", shape_text(size), size[0],
         spatial, spatial + 1, shape_text(theta.shape()));
  }
  if (!is_floating(theta.dtype())) {
    fail(ErrorKind::kDtype, "affine_grid expects a floating dtype, got {}", dtype_name(theta.dtype()));
  }
  if (size[1] < 1) fail(ErrorKind::kShape, "affine_grid expects positive sizes, got {}", shape_text(size));
  Shape plane;
  for (int64_t i = 0; i < spatial; ++i) {
    const int64_t s = size[static_cast<size_t>(i) + 2];
    if (s < 1) fail(ErrorKind::kShape, "affine_grid expects positive sizes, got {}", shape_text(size));
    plane.push_back(s);
  }
  const int64_t points = numel(plane);
  // Columns x, y, (z,) 1: the last dimension of the image comes first.
  std::vector<Tensor> columns;
  for (int64_t i = spatial; i-- > 0;) {
    Shape along(static_cast<size_t>(spatial), 1);
    along[static_cast<size_t>(i)] = plane[static_cast<size_t>(i)];
    const Tensor p = reshape(positions(plane[static_cast<size_t>(i)], align_corners, theta), along);
    columns.push_back(reshape(expand(p, plane), {points}));
  }
  columns.push_back(ones({points}, theta.dtype(), theta.device()));
  const Tensor grid = matmul(stack(columns, 1), transpose(theta, 1, 2));
  Shape shape{size[0]};
  for (const int64_t s : plane) shape.push_back(s);
  shape.push_back(spatial);
  return reshape(grid, shape);
}

}  // namespace dlb
