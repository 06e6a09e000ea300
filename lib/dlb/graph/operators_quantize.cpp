// Quantized operators of ONNX: scales, zero points, and products of small whole numbers. Products are summed
// exactly, in floating point: in float32 where no sum can pass 2^24, in float64 else.
#include <algorithm>
#include <array>
#include <cmath>

#include "dlb/graph/windows.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

/// The lowest and highest number of a type of whole numbers.
std::pair<double, double> range(Element e) {
  const double count = std::ldexp(1.0, bits(e));
  return is_signed_integer(e) ? std::pair(-count / 2, count / 2 - 1) : std::pair(0.0, count - 1);
}

/// A scale or zero point as it applies to x: one number, one per slice along `axis`, or one per block.
Tensor spread(const Call& c, const Tensor& v, const Shape& shape, int64_t axis, int64_t block) {
  if (v.numel() == 1 && v.rank() <= 1) return reshape(v, {});
  const int rank = static_cast<int>(shape.size());
  const int64_t along = c.axis(axis, rank);
  const size_t at = static_cast<size_t>(along);
  if (block == 0) {
    if (v.rank() != 1 || v.dim(0) != shape[at])
      c.fail("a scale or zero point {} for dimension {} of {}", shape_text(v.shape()), axis,
             shape_text(shape));
    Shape around(shape.size(), 1);
    around[at] = v.dim(0);
    return reshape(v, around);
  }
  if (block < 0) c.fail("block_size must not be negative, got {}", block);
  Shape expected = shape;
  expected[at] = shape[at] / block + (shape[at] % block != 0 ? 1 : 0);
  if (!(v.shape() == expected))
    c.fail("blocks of {} along dimension {} of {} need a scale {}, got {}", block, axis, shape_text(shape),
           shape_text(expected), shape_text(v.shape()));
  return narrow(repeat_interleave(v, std::min(block, shape[at]), along), along, 0, shape[at]);
}

/// round(x / scale) + zero, brought into the range of a type. x and scale have one floating dtype.
Tensor quantize(const Tensor& x, const Tensor& scale, const Tensor& zero, Element to) {
  const auto [low, high] = range(to);
  Tensor q = round(div(x, scale));
  if (zero.defined()) q = add(q, cast(zero, q.dtype()));
  return cast(clamp(q, low, high), carrier(to));
}

void quantize_linear(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t axis = c.attribute("axis", int64_t{1}), block = c.attribute("block_size", int64_t{0});
  const int64_t wanted = c.attribute("output_dtype", int64_t{0});
  Element to = c.has(2) ? c.element(2) : Element::kUInt8;
  if (wanted != 0) {
    const Element e = element_from_number(wanted);
    if (c.has(2) && e != to)
      c.fail("output_dtype {} differs from the zero point's {}", element_name(e), element_name(to));
    to = e;
  }
  const bool small_float = is_float8(to) && to != Element::kFloat8E8M0;
  if (!small_float && (!is_integer(to) || bits(to) > 16)) c.unsupported("quantizing to {}", element_name(to));
  // What float32 cannot hold exactly is rounded as the precision asked for has it.
  const int64_t precision = c.attribute("precision", int64_t{0});
  DType dtype = x.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  if (precision != 0) {
    const Element e = element_from_number(precision);
    if (!is_float(e) || !is_native(e)) c.fail("precision {} is no floating type", element_name(e));
    dtype = carrier(e);
  } else if (is_native(c.element(1)) && x.dtype() == c.tensor(1).dtype() && is_floating(x.dtype())) {
    dtype = x.dtype();
  }
  const Tensor scale = cast(spread(c, c.tensor(1), x.shape(), axis, block), dtype);
  const Tensor zero = c.has(2) ? spread(c, c.tensor(2), x.shape(), axis, block) : Tensor();
  const DType wide = dtype == DType::kFloat64 ? dtype : DType::kFloat32;
  const Tensor ratio = cast(div(cast(x, dtype), scale), wide);
  if (small_float) {
    const Tensor shifted = zero.defined() ? add(ratio, cast(zero, wide)) : ratio;
    const bool saturate = c.attribute("saturate", int64_t{1}) != 0;
    return c.output(Value(convert(shifted, element_of(wide), to, saturate), to));
  }
  c.output(Value(quantize(ratio, ones({}, wide, x.device()), zero, to), to));
}

void dequantize_linear(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t axis = c.attribute("axis", int64_t{1}), block = c.attribute("block_size", int64_t{0});
  const int64_t wanted = c.attribute("output_dtype", int64_t{0});
  const Element to = wanted != 0 ? element_from_number(wanted) : c.element(1);
  if (!is_float(to) || !is_native(to)) c.unsupported("dequantizing to {}", element_name(to));
  Tensor shifted = x;
  if (c.has(2)) {
    if (c.element(2) != c.element(0))
      c.fail("a zero point of type {} for {}", element_name(c.element(2)), element_name(c.element(0)));
    const DType dtype = is_floating(x.dtype()) ? x.dtype() : DType::kInt32;
    shifted = sub(cast(x, dtype), cast(spread(c, c.tensor(2), x.shape(), axis, block), dtype));
  }
  const DType wide = carrier(to) == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  const Tensor scale = cast(spread(c, c.tensor(1), x.shape(), axis, block), wide);
  c.output(Value(cast(mul(cast(shifted, wide), scale), carrier(to)), to));
}

/// To uint8 with the scale and zero point that the range of the data, 0 included, asks for.
void dynamic_quantize_linear(Call& c) {
  const Tensor x = c.tensor(0);
  if (x.numel() == 0) c.fail("there is no range of nothing");
  const Tensor zero = zeros({}, x.dtype(), x.device());
  const Tensor low = minimum(amin(x), zero), high = maximum(amax(x), zero);
  Tensor scale = div(sub(high, low), full({}, 255, x.dtype(), x.device()));
  scale = where(eq(scale, 0.0), ones({}, x.dtype(), x.device()), scale);
  const Tensor offset = round(clamp(sub(zero, div(low, scale)), 0, 255));
  c.output(0, Value(quantize(x, scale, offset, Element::kUInt8), Element::kUInt8));
  c.plain(scale, 1);
  c.output(2, Value(cast(offset, DType::kUInt8), Element::kUInt8));
}

/// Numbers of 8 bits differ from their zero points by less than 256.
DType exact_dtype(int64_t terms) { return terms <= 256 ? DType::kFloat32 : DType::kFloat64; }

void expect_bytes(const Call& c, size_t i) {
  const Element e = c.element(i);
  if (e != Element::kUInt8 && e != Element::kInt8 && !is_float8(e))
    c.fail("input {} must have 8 bits, got {}", i, element_name(e));
}

/// Input i less its zero point: one number, or one per row or column (`axis` of the last two dimensions).
Tensor centred_matrix(const Call& c, size_t i, size_t zero_point, int64_t axis, DType dtype) {
  expect_bytes(c, i);
  const Tensor x = cast(c.tensor(i), dtype);
  if (!c.has(zero_point)) return x;
  Tensor zero = cast(c.tensor(zero_point), dtype);
  if (zero.rank() == 1 && zero.numel() > 1 && axis == -2) zero = unsqueeze(zero, -1);
  if (zero.numel() == 1) zero = reshape(zero, {});
  if (!(broadcast_shapes(x.shape(), zero.shape()) == x.shape()))
    c.fail("a zero point {} for {}", shape_text(zero.shape()), shape_text(x.shape()));
  return sub(x, zero);
}

int64_t inner_size(const Call& c, size_t i) {
  const Tensor& a = c.tensor(i);
  return a.rank() == 0 ? 1 : a.dim(-1);
}

void matmul_integer(Call& c) {
  const DType dtype = exact_dtype(inner_size(c, 0));
  const Tensor y = matmul(centred_matrix(c, 0, 2, -2, dtype), centred_matrix(c, 1, 3, -1, dtype));
  c.plain(cast(y, DType::kInt32));
}

/// A scale of rows: one number, or one per row.
Tensor row_scale(const Tensor& scale) {
  const Tensor s = cast(scale, DType::kFloat64);
  if (s.numel() == 1) return reshape(s, {});
  return s.rank() == 1 ? unsqueeze(s, -1) : s;
}
Tensor column_scale(const Tensor& scale) {
  const Tensor s = cast(scale, DType::kFloat64);
  return s.numel() == 1 ? reshape(s, {}) : s;
}

void qlinear_matmul(Call& c) {
  const DType dtype = exact_dtype(inner_size(c, 0));
  const Tensor product = matmul(centred_matrix(c, 0, 2, -2, dtype), centred_matrix(c, 3, 5, -1, dtype));
  const Element to = c.element(7);
  expect_bytes(c, 7);
  const Tensor real =
      mul(mul(cast(product, DType::kFloat64), row_scale(c.tensor(1))), column_scale(c.tensor(4)));
  const Tensor zero = row_scale(c.tensor(7));
  if (is_float8(to)) {
    const Tensor q = cast(div(real, row_scale(c.tensor(6))), DType::kFloat32);
    return c.output(Value(convert(q, Element::kFloat32, to, true), to));
  }
  c.output(Value(quantize(real, row_scale(c.tensor(6)), zero, to), to));
}

/// The exact sums of a convolution of bytes: of inputs x and w, each less its zero point. Padding counts as
/// the zero point.
Tensor exact_conv(const Call& c, size_t x, size_t x_zero, size_t w, size_t w_zero) {
  expect_bytes(c, x);
  expect_bytes(c, w);
  const Tensor& weight = c.tensor(w);
  if (weight.rank() < 3) c.fail("expects a weight [O, C, *kernel], got {}", shape_text(weight.shape()));
  const Windows windows =
      read_windows(c, c.tensor(x).shape(), Dims(weight.shape().begin() + 2, weight.shape().end()));
  const DType dtype = exact_dtype(weight.numel() / std::max<int64_t>(weight.dim(0), 1));
  Tensor image = cast(c.tensor(x), dtype), kernel = cast(weight, dtype);
  if (c.has(x_zero)) {
    if (c.tensor(x_zero).numel() != 1) c.fail("the zero point of the input must be one number");
    image = sub(image, cast(reshape(c.tensor(x_zero), {}), dtype));
  }
  if (c.has(w_zero)) kernel = sub(kernel, cast(spread(c, c.tensor(w_zero), weight.shape(), 0, 0), dtype));
  return conv(image, kernel, {},
              {windows.stride, windows.before, windows.after, windows.dilation,
               c.attribute("group", int64_t{1}), false});
}

void conv_integer(Call& c) { c.plain(cast(exact_conv(c, 0, 2, 1, 3), DType::kInt32)); }

void qlinear_conv(Call& c) {
  Tensor sums = cast(exact_conv(c, 0, 2, 3, 5), DType::kFloat64);
  if (c.has(8)) sums = add(sums, cast(spread(c, c.tensor(8), sums.shape(), 1, 0), DType::kFloat64));
  const auto one = [&](size_t i) {
    if (c.tensor(i).numel() != 1) c.fail("input {} must be one number", i);
    return cast(reshape(c.tensor(i), {}), DType::kFloat64);
  };
  const Tensor of_weight = cast(spread(c, c.tensor(4), sums.shape(), 1, 0), DType::kFloat64);
  const Element to = c.element(7);
  if (!is_integer(to)) c.unsupported("quantizing to {}", element_name(to));
  c.output(Value(quantize(mul(mul(sums, one(1)), of_weight), one(6), one(7), to), to));
}

constexpr Operator kOperators[] = {
    {"QuantizeLinear", &quantize_linear, 10, "", true, 2},
    {"DequantizeLinear", &dequantize_linear, 10, "", true, 2},
    {"DynamicQuantizeLinear", &dynamic_quantize_linear, 11, "", true, 1},
    {"MatMulInteger", &matmul_integer, 10, "", true, 2},
    {"QLinearMatMul", &qlinear_matmul, 10, "", true, 8},
    {"ConvInteger", &conv_integer, 10, "", true, 2},
    {"QLinearConv", &qlinear_conv, 10, "", true, 8},
};

}  // namespace

std::span<const Operator> quantize_operators() { return kOperators; }

}  // namespace dlb::graph
