#include "dlb/ops/fold.h"

#include "dlb/ops/conv.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/fold_defs.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {

Fields FoldAttrs::fields() {
  static const Field list[] = {field<&FoldAttrs::size>("size", "height and width of the image"),
                               field<&FoldAttrs::kernel>("kernel", "height and width of a window"),
                               field<&FoldAttrs::dilation>("dilation", "distance of a window's elements"),
                               field<&FoldAttrs::padding>("padding", "zeros on each side of the image"),
                               field<&FoldAttrs::stride>("stride", "distance of windows")};
  return list;
}

int64_t fold_windows_along(const FoldAttrs& a, size_t i) {
  return window_output_size(a.size[i], a.kernel[i], a.stride[i], a.padding[i], a.padding[i], a.dilation[i]);
}

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

void check_pair(const Infer& c, const std::vector<int64_t>& values, int64_t least, const char* what) {
  if (values.size() != 2) c.fail_shape("expects 2 numbers for {}, got {}", what, values.size());
  for (const int64_t v : values) {
    if (v < least || v > kLargest) c.fail_shape("expects {} from {} to {}, got {}", what, least, kLargest, v);
  }
}

/// Number of windows; raises every error of the attributes.
int64_t window_count(const Infer& c, const FoldAttrs& a) {
  check_pair(c, a.size, 0, "an image size");
  check_pair(c, a.kernel, 1, "a kernel");
  check_pair(c, a.dilation, 1, "a dilation");
  check_pair(c, a.padding, 0, "a padding");
  check_pair(c, a.stride, 1, "a stride");
  int64_t count = 1;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t along = fold_windows_along(a, i);
    if (along < 1) {
      c.fail_shape("with kernel {} (dilation {}) and padding {} finds no window in an image [{}, {}]",
                   a.kernel[i], a.dilation[i], a.padding[i], a.size[0], a.size[1]);
    }
    count *= along;
  }
  return count;
}

void infer_unfold(Infer& c, const FoldAttrs& a) {
  c.floating(0);
  const Shape& x = c.input(0).shape;
  if (x.size() != 4) c.fail_shape("expects input [N, C, H, W], got {}", shape_text(x));
  const int64_t windows = window_count(c, a);
  const Shape out{x[0], numel(Shape{x[1], a.kernel[0], a.kernel[1]}), windows};
  static_cast<void>(numel(out));
  c.output(out, c.input(0).dtype);
}

void infer_fold(Infer& c, const FoldAttrs& a) {
  c.floating(0);
  const Shape& x = c.input(0).shape;
  if (x.size() != 3) c.fail_shape("expects input [N, C * KH * KW, L], got {}", shape_text(x));
  const int64_t windows = window_count(c, a);
  const int64_t taps = a.kernel[0] * a.kernel[1];
  if (x[1] % taps != 0 || x[2] != windows) {
    c.fail_shape("expects input [N, C * {}, {}] for an image [{}, {}], got {}", taps, windows, a.size[0],
                 a.size[1], shape_text(x));
  }
  const Shape out{x[0], x[1] / taps, a.size[0], a.size[1]};
  static_cast<void>(numel(out));
  c.output(out, c.input(0).dtype);
}

void vjp_unfold(Vjp& c, const FoldAttrs& a) {
  if (c.needs(0)) c.input_grad(0, apply1(op::fold_windows(), {contiguous(c.grad(0))}, a));
}
void vjp_fold(Vjp& c, const FoldAttrs& a) {
  if (c.needs(0)) c.input_grad(0, apply1(op::unfold_windows(), {contiguous(c.grad(0))}, a));
}

Cost cost_copy(Inputs in, Inputs out, const FoldAttrs&) { return {0, moved_bytes(in, out)}; }
Cost cost_add(Inputs in, Inputs out, const FoldAttrs&) {
  return {static_cast<double>(in[0].numel()), moved_bytes(in, out)};
}

std::vector<int64_t> pair_of(const Dims& values, const char* what) {
  if (values.size() != 1 && values.size() != 2) {
    fail(ErrorKind::kShape, "sliding windows expect 1 or 2 numbers for {}, got {}", what, values.size());
  }
  return {values.front(), values.back()};
}

FoldAttrs complete(const WindowAttrs& w, std::vector<int64_t> size) {
  return {std::move(size), pair_of(w.kernel, "the kernel"), pair_of(w.dilation, "the dilation"),
          pair_of(w.padding, "the padding"), pair_of(w.stride, "the stride")};
}

}  // namespace

namespace op {

const OpDef& unfold_windows() {
  static const OpDef def = define<FoldAttrs>({.name = "unfold_windows",
                                              .doc = "sliding windows of an image as columns",
                                              .infer = infer_unfold,
                                              .vjp = vjp_unfold,
                                              .saves = Saves::kNothing,
                                              .cost = cost_copy});
  return def;
}

const OpDef& fold_windows() {
  static const OpDef def = define<FoldAttrs>({.name = "fold_windows",
                                              .doc = "columns added to an image where their windows lie",
                                              .infer = infer_fold,
                                              .vjp = vjp_fold,
                                              .saves = Saves::kNothing,
                                              .cost = cost_add,
                                              .onnx = {"Col2Im", 18}});
  return def;
}

}  // namespace op

std::span<const OpDef* const> fold_ops() {
  static const OpDef* const list[] = {&op::unfold_windows(), &op::fold_windows()};
  return list;
}

Tensor unfold_windows(const Tensor& x, const WindowAttrs& attrs) {
  if (x.rank() != 4) {
    fail(ErrorKind::kShape, "unfold_windows expects input [N, C, H, W], got {}", shape_text(x.shape()));
  }
  return apply1(op::unfold_windows(), {contiguous(x)}, complete(attrs, {x.dim(2), x.dim(3)}));
}

Tensor fold_windows(const Tensor& x, const Dims& output, const WindowAttrs& attrs) {
  return apply1(op::fold_windows(), {contiguous(x)}, complete(attrs, pair_of(output, "the output size")));
}

}  // namespace dlb
