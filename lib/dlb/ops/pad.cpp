#include "dlb/ops/pad.h"

#include <algorithm>

#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/shape_defs.h"

namespace dlb {

namespace {

void infer_pad(Infer& c, const PadAttrs& a) {
  TensorSpec spec = c.input(0);
  if (a.pad.size() % 2 != 0 || a.pad.size() > 2 * spec.shape.size()) {
    c.fail_shape("expects pairs of amounts for at most {} dimensions, got {}", spec.rank(),
                 shape_text(a.pad));
  }
  for (size_t i = 0; i < a.pad.size(); ++i) {
    int64_t& size = spec.shape[spec.shape.size() - 1 - i / 2];
    if (__builtin_add_overflow(size, a.pad[i], &size)) size = -1;
  }
  for (const int64_t size : spec.shape) {
    if (size < 0)
      c.fail_shape("by {} crops more than there is of {}", shape_text(a.pad), shape_text(c.input(0).shape));
  }
  numel(spec.shape);
  const bool channels_last = is_channels_last(c.input(0).shape, c.input(0).strides) &&
                             !is_contiguous(c.input(0).shape, c.input(0).strides);
  spec.strides = channels_last ? channels_last_strides(spec.shape) : contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

void vjp_pad(Vjp& c, const PadAttrs& a) {
  Dims back;  // padding back by the negative amounts crops what was added, and pads with zeros what was
              // cropped
  for (const int64_t amount : a.pad) back.push_back(-amount);
  c.input_grad(0, pad(c.grad(0), back));
}

/// Where element `at` of the padded dimension comes from, `at` counted from the first element of x.
int64_t source_of(int64_t at, int64_t size, PadMode mode) {
  switch (mode) {
    case PadMode::kReflect:
      at = at < 0 ? -at : at;
      return at < size ? at : 2 * (size - 1) - at;
    case PadMode::kReplicate:
      return std::clamp<int64_t>(at, 0, size - 1);
    default:
      return at < 0 ? at + size : at >= size ? at - size : at;
  }
}

}  // namespace

const OpDef& op::pad() {
  static const OpDef op = define<PadAttrs>({.name = "pad",
                                            .doc = "a constant around the tensor",
                                            .infer = infer_pad,
                                            .vjp = vjp_pad,
                                            .saves = Saves::kNothing,
                                            .cost =
                                                [](Inputs in, Inputs out, const PadAttrs&) {
                                                  return Cost{0, moved_bytes(in, out)};
                                                },
                                            .onnx = {"Pad", 13}});
  return op;
}

Tensor pad(const Tensor& x, Dims amounts, double value) {
  return apply1<PadAttrs>(op::pad(), {x}, {list_of(amounts), value});
}

Tensor pad(const Tensor& x, const Dims& amounts, PadMode mode) {
  if (amounts.size() % 2 != 0 || amounts.size() > 2 * x.shape().size()) {
    fail(ErrorKind::kShape, "pad expects pairs of amounts for at most {} dimensions, got {}", x.rank(),
         shape_text(amounts));
  }
  Tensor y = x;
  for (size_t i = 0; i < amounts.size() / 2; ++i) {
    const size_t dim = x.shape().size() - 1 - i;
    int64_t before = amounts[2 * i];
    int64_t after = amounts[2 * i + 1];
    if (mode == PadMode::kCircular && (before < 0 || after < 0)) {
      // What is cropped is not part of the circle.
      Dims crop(2 * (i + 1), 0);
      crop[2 * i] = std::min<int64_t>(before, 0);
      crop[2 * i + 1] = std::min<int64_t>(after, 0);
      y = pad(y, crop);
      before = std::max<int64_t>(before, 0);
      after = std::max<int64_t>(after, 0);
    }
    if (before == 0 && after == 0) continue;
    const int64_t size = y.shape()[dim];
    const int64_t limit = mode == PadMode::kReflect ? size - 1 : size;
    int64_t padded = 0;
    bool ok = !__builtin_add_overflow(before, after, &padded) &&
              !__builtin_add_overflow(padded, size, &padded) && padded >= 0 && size > 0 &&
              before > -padded - size && after > -padded - size;
    if (mode != PadMode::kReplicate) ok = ok && before <= limit && after <= limit;
    if (!ok) {
      fail(ErrorKind::kShape, "pad by ({}, {}) does not fit dim {} of {}{}", before, after, dim,
           shape_text(x.shape()),
           mode == PadMode::kReflect    ? ": reflection takes amounts below the size"
           : mode == PadMode::kCircular ? ": a circle takes amounts up to the size"
                                        : "");
    }
    numel(Shape{padded});
    std::vector<int64_t> from(static_cast<size_t>(padded));
    for (int64_t at = 0; at < padded; ++at) {
      from[static_cast<size_t>(at)] = source_of(at - before, size, mode);
    }
    y = index_select(y, static_cast<int64_t>(dim), Tensor::from(from, {padded}));
  }
  return y;
}

}  // namespace dlb
