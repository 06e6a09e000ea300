// Operators of ONNX on signals: Fourier transforms, windows and mel filters. Complex numbers are the two
// elements of a last dimension.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/fft.h"
#include "dlb/ops/index.h"
#include "dlb/ops/join.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

/// A size from an input: at least 1, and no more than 2^40, beyond which products would overflow.
int64_t size_of(const Call& c, size_t i, const char* what) {
  const int64_t n = c.integer(i);
  if (n < 1 || n > (int64_t{1} << 40)) c.fail("{} is {}", what, n);
  return n;
}

/// Real and imaginary parts without the last dimension. Forward transforms work in float64: what cancels must
/// come out as near 0. The inverse is divided by n and needs no more than float32.
Complex parts_of(const Call& c, const Tensor& x, bool inverse = false) {
  if (x.rank() < 2 || (x.dim(-1) != 1 && x.dim(-1) != 2))
    c.fail("input 0 is {}, expected a last dimension of 1 (real) or 2 (complex)", describe(c.value(0)));
  const Tensor wide = cast(x, inverse && x.dtype() != DType::kFloat64 ? DType::kFloat32 : DType::kFloat64);
  Complex parts;
  parts.re = select(wide, -1, 0);
  if (x.dim(-1) == 2) parts.im = select(wide, -1, 1);
  return parts;
}

Tensor interleaved(const Complex& y) { return stack({y.re, y.im.defined() ? y.im : zeros_like(y.re)}, -1); }

void dft(Call& c) {
  const Tensor x = c.tensor(0);
  const bool inverse = c.attribute("inverse", int64_t{0}) != 0,
             onesided = c.attribute("onesided", int64_t{0}) != 0;
  int64_t axis = c.opset() < 20 ? c.attribute("axis", int64_t{1}) : c.has(2) ? c.integer(2) : -2;
  axis = c.axis(axis, x.rank());
  if (axis == x.rank() - 1) c.fail("axis {} is that of real and imaginary parts", axis);
  const Complex parts = parts_of(c, x, inverse);
  int64_t n = c.has(1) ? size_of(c, 1, "dft_length") : x.dim(axis);
  if (onesided && inverse) {
    // Half of the frequencies of a real signal.
    if (!c.has(1)) n = 2 * (x.dim(axis) - 1);
    if (n < 1) c.fail("{} frequencies stand for no signal", x.dim(axis));
    return c.same_type(cast(unsqueeze(fft::irfft(parts, n, axis), -1), x.dtype()));
  }
  if (onesided && parts.im.defined())
    c.fail("onesided needs a real signal, input 0 is {}", describe(c.value(0)));
  if (n < 1) c.fail("dimension {} of {} is empty", axis, describe(c.value(0)));
  const Complex y = inverse    ? fft::ifft(parts, n, axis)
                    : onesided ? fft::rfft(parts.re, n, axis)
                               : fft::fft(parts, n, axis);
  c.same_type(cast(interleaved(y), x.dtype()));
}

void stft(Call& c) {
  Tensor x = c.tensor(0);
  if (x.rank() == 2) x = unsqueeze(x, -1);
  if (x.rank() != 3) c.fail("input 0 is {}, expected [batch, length, 1 or 2]", describe(c.value(0)));
  const int64_t step = size_of(c, 1, "frame_step");
  const bool onesided = c.attribute("onesided", int64_t{1}) != 0;
  if (!c.has(2) && !c.has(3)) c.fail("neither window nor frame_length is given");
  const int64_t length = c.has(3) ? size_of(c, 3, "frame_length") : c.tensor(2).numel();
  if (length < 1 || length > x.dim(1)) c.fail("frames of {} in a signal of {}", length, x.dim(1));
  const int64_t frames = (x.dim(1) - length) / step + 1;
  constexpr int64_t kMost = int64_t{1} << 31;
  if (frames > kMost / length) c.unsupported("{} frames of {}", frames, length);
  const Tensor index = Tensor::empty({frames * length}, DType::kInt64);
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t i = 0; i < length; ++i) index.data<int64_t>()[f * length + i] = f * step + i;
  }
  const Complex parts = parts_of(c, x);
  if (onesided && parts.im.defined())
    c.fail("onesided needs a real signal, input 0 is {}", describe(c.value(0)));
  const auto framed = [&](const Tensor& part) {
    Tensor y = reshape(index_select(part, 1, index), {x.dim(0), frames, length});
    if (!c.has(2)) return y;
    if (c.tensor(2).shape() != Shape{length})
      c.fail("window is {}, frames have {} elements", describe(c.value(2)), length);
    return mul(y, cast(c.tensor(2), y.dtype()));
  };
  const Tensor re = framed(parts.re);
  const Complex y = onesided ? fft::rfft(re, length, 2)
                             : fft::fft({re, parts.im.defined() ? framed(parts.im) : Tensor()}, length, 2);
  c.same_type(cast(interleaved(y), x.dtype()));
}

/// A window a0 - a1 cos(2 pi k / n) + a2 cos(4 pi k / n).
void window(Call& c, double a0, double a1, double a2) {
  const int64_t size = c.integer(0);
  if (size < 0 || size > (int64_t{1} << 28)) c.fail("size is {}", size);
  const Element e = element_from_number(c.attribute("output_datatype", int64_t{1}));
  const int64_t n = c.attribute("periodic", int64_t{1}) != 0 ? size : size - 1;
  const Tensor values = Tensor::empty({size}, DType::kFloat64);
  for (int64_t k = 0; k < size; ++k) {
    const double turn = n == 0 ? 0 : 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    values.data<double>()[k] = a0 - a1 * std::cos(turn) + a2 * std::cos(2 * turn);
  }
  if (n == 0 && size == 1) values.data<double>()[0] = 1;
  c.output(Value(convert(values, Element::kFloat64, e), e));
}
void hann(Call& c) { window(c, 0.5, 0.5, 0); }
void hamming(Call& c) { window(c, 25.0 / 46, 21.0 / 46, 0); }
void blackman(Call& c) { window(c, 0.42, 0.5, 0.08); }

/// Triangles over the frequencies of a transform, evenly spaced on the mel scale.
void mel_weight_matrix(Call& c) {
  const int64_t bins = size_of(c, 0, "num_mel_bins"), length = size_of(c, 1, "dft_length");
  const int64_t rate = size_of(c, 2, "sample_rate");
  const double low = c.number(3), high = c.number(4);
  if (!(low >= 0 && high >= low)) c.fail("edges are {} and {} Hz", low, high);
  const Element e = element_from_number(c.attribute("output_datatype", int64_t{1}));
  const int64_t frequencies = length / 2 + 1;
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double first = mel(low), step = (mel(high) - first) / static_cast<double>(bins + 2);
  const auto bin = [&](int64_t i) {
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + first) / 2595) - 1);
    const double at = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    if (!(at >= 0 && at < static_cast<double>(frequencies)))
      c.fail("{:.1f} Hz is none of the {} frequencies at {} samples a second", hertz, frequencies, rate);
    return static_cast<int64_t>(at);
  };
  numel(Shape{frequencies, bins});  // refuses sizes that overflow
  Tensor out = zeros({frequencies, bins}, DType::kFloat64);
  double* y = out.data<double>();
  for (int64_t i = 0; i < bins; ++i) {
    const int64_t left = bin(i), centre = bin(i + 1), right = bin(i + 2);
    y[centre * bins + i] = 1;
    for (int64_t j = left; j < centre; ++j)
      y[j * bins + i] = static_cast<double>(j - left) / static_cast<double>(centre - left);
    for (int64_t j = centre; j < right; ++j)
      y[j * bins + i] = static_cast<double>(right - j) / static_cast<double>(right - centre);
  }
  c.output(Value(convert(out, Element::kFloat64, e), e));
}

constexpr Operator kOperators[] = {
    {"DFT", &dft, 17, "", true, 1},
    {"STFT", &stft, 17, "", true, 2},
    {"HannWindow", &hann, 17, "", true, 1},
    {"HammingWindow", &hamming, 17, "", true, 1},
    {"BlackmanWindow", &blackman, 17, "", true, 1},
    {"MelWeightMatrix", &mel_weight_matrix, 17, "", true, 5},
};

}  // namespace

std::span<const Operator> signal_operators() { return kOperators; }

}  // namespace dlb::graph
