#include "dlb/ops/fft.h"

#include <algorithm>
#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/fft_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields FftAttrs::fields() {
  static const Field list[] = {field<&FftAttrs::dims>("dim", "dimensions that are transformed"),
                               field<&FftAttrs::inverse>("inverse", "the sign of the exponent is +"),
                               field<&FftAttrs::scale>("scale", "factor on the result")};
  return list;
}
Fields RealFftAttrs::fields() {
  static const Field list[] = {field<&RealFftAttrs::dim>("dim", "dimension that is transformed"),
                               field<&RealFftAttrs::scale>("scale", "factor on the result")};
  return list;
}
Fields InverseRealFftAttrs::fields() {
  static const Field list[] = {
      field<&InverseRealFftAttrs::dim>("dim", "dimension that is transformed"),
      field<&InverseRealFftAttrs::n>("n", "size of the result along it", at_least(1)),
      field<&InverseRealFftAttrs::scale>("scale", "factor on the result")};
  return list;
}

namespace {

void check_signal(Infer& c) {
  const TensorSpec& x = c.input(0);
  if (x.dtype != DType::kFloat32 && x.dtype != DType::kFloat64) {
    c.fail_dtype("expects float32 or float64, got {}", spec_text(x));
  }
  if (!c.has(1)) return;
  c.same_dtype(0, 1);
  if (c.input(1).shape != x.shape) {
    c.fail_shape("expects real and imaginary parts of one shape, got {} and {}", shape_text(x.shape),
                 shape_text(c.input(1).shape));
  }
}

/// The dimension, for tensors that have one of size at least 1.
size_t transformed(const Infer& c, int64_t d) {
  const Shape& x = c.input(0).shape;
  if (x.empty()) c.fail_shape("expects at least 1 dimension");
  const auto dim = static_cast<size_t>(c.dim(0, d));
  if (x[dim] < 1) c.fail_shape("expects at least 1 element along dim {}, got {}", d, shape_text(x));
  return dim;
}

double fft_flops(double elements, double n) { return 5 * elements * std::log2(std::max(n, 2.0)); }

void infer_fft(Infer& c, const FftAttrs& a) {
  check_signal(c);
  for (const int64_t d : a.dims) transformed(c, d);
  c.output(c.input(0).shape, c.input(0).dtype);
  c.output(c.input(0).shape, c.input(0).dtype);
}

Cost cost_fft(Inputs in, Inputs out, const FftAttrs& a) {
  double flops = 0;
  for (const int64_t d : a.dims) {
    flops += fft_flops(static_cast<double>(in[0].numel()), static_cast<double>(in[0].dim(d)));
  }
  return {flops, moved_bytes(in, out)};
}

Tensor defined_or_zero(const Tensor& t, const Tensor& like) { return t.defined() ? t : zeros_like(like); }

/// The transform is linear: its transposed conjugate runs the other way.
void vjp_fft(Vjp& c, const FftAttrs& a) {
  const Tensor re = defined_or_zero(c.grad(0), c.input(0));
  FftAttrs back = a;
  back.inverse = !a.inverse;
  Outputs g = apply(op::fft(), {re, c.grad(1)}, back);
  c.input_grad(0, g[0]);
  if (c.needs(1)) c.input_grad(1, g[1]);
}

void infer_rfft(Infer& c, const RealFftAttrs& a) {
  check_signal(c);
  Shape out = c.input(0).shape;
  const size_t dim = transformed(c, a.dim);
  out[dim] = out[dim] / 2 + 1;
  c.output(out, c.input(0).dtype);
  c.output(out, c.input(0).dtype);
}

/// Pairs for pad(): zeros behind dimension `dim`, negative amounts cut.
Dims amounts_behind(const Tensor& x, int64_t dim, int64_t size) {
  Dims amounts;
  for (int64_t d = x.rank() - 1; d >= dim; --d) {
    amounts.push_back(0);
    amounts.push_back(d == dim ? size - x.dim(dim) : 0);
  }
  return amounts;
}

/// Zeros behind, or cut, to `size` along dim.
Tensor resized(const Tensor& x, int64_t dim, int64_t size) {
  if (!x.defined() || x.dim(dim) == size) return x;
  return x.dim(dim) > size ? narrow(x, dim, 0, size) : pad(x, amounts_behind(x, dim, size));
}

void vjp_rfft(Vjp& c, const RealFftAttrs& a) {
  const Tensor& x = c.input(0);
  const int64_t dim = normalize_dim(a.dim, x.rank());
  const Tensor& some = c.grad(0).defined() ? c.grad(0) : c.grad(1);
  const Tensor re = resized(defined_or_zero(c.grad(0), some), dim, x.dim(dim));
  Outputs g = apply(op::fft(), {re, resized(c.grad(1), dim, x.dim(dim))}, FftAttrs{{dim}, true, a.scale});
  c.input_grad(0, g[0]);
}

void infer_irfft(Infer& c, const InverseRealFftAttrs& a) {
  check_signal(c);
  Shape out = c.input(0).shape;
  const size_t dim = transformed(c, a.dim);
  if (a.n < 1) c.fail_shape("expects a result of at least 1 element, got {}", a.n);
  if (out[dim] != a.n / 2 + 1) {
    c.fail_shape("expects {} frequencies along dim {} for {} values, got {}", a.n / 2 + 1, a.dim, a.n,
                 shape_text(c.input(0).shape));
  }
  out[dim] = a.n;
  numel(out);
  c.output(out, c.input(0).dtype);
}

/// Each frequency but 0 and n / 2 stands for its conjugate too.
void vjp_irfft(Vjp& c, const InverseRealFftAttrs& a) {
  const Tensor& g = c.grad(0);
  const int64_t dim = normalize_dim(a.dim, g.rank());
  Outputs y = apply(op::rfft(), {g}, RealFftAttrs{dim, a.scale});
  const int64_t m = a.n / 2 + 1;
  Shape shape(static_cast<size_t>(g.rank()), 1);
  shape[static_cast<size_t>(dim)] = m;
  const Tensor place = arange(0, static_cast<double>(m), 1, DType::kInt64, g.device());
  const Tensor single =
      a.n % 2 == 0 ? logical_or(eq(place, 0), eq(place, static_cast<double>(m - 1))) : eq(place, 0);
  const Tensor w = reshape(affine(cast(single, g.dtype()), -1, 2), shape);
  c.input_grad(0, y[0] * w);
  if (c.needs(1)) c.input_grad(1, y[1] * w);
}

template <class A>
Cost cost_real(Inputs in, Inputs out, const A& a) {
  const Tensor& longer = in[0].numel() > out[0].numel() ? in[0] : out[0];
  return {fft_flops(static_cast<double>(longer.numel()), static_cast<double>(longer.dim(a.dim))) / 2,
          moved_bytes(in, out)};
}

}  // namespace

const OpDef& op::fft() {
  static const OpDef op = define<FftAttrs>({.name = "fft",
                                            .doc = "discrete Fourier transform along dimensions",
                                            .infer = infer_fft,
                                            .vjp = vjp_fft,
                                            .saves = Saves::kNothing,
                                            .cost = cost_fft});
  return op;
}

const OpDef& op::rfft() {
  static const OpDef op = define<RealFftAttrs>({.name = "rfft",
                                                .doc = "Fourier transform of real values, half of it",
                                                .infer = infer_rfft,
                                                .vjp = vjp_rfft,
                                                .saves = Saves::kNothing,
                                                .cost = cost_real<RealFftAttrs>});
  return op;
}

const OpDef& op::irfft() {
  static const OpDef op =
      define<InverseRealFftAttrs>({.name = "irfft",
                                   .doc = "real values of which half a transform is given",
                                   .infer = infer_irfft,
                                   .vjp = vjp_irfft,
                                   .saves = Saves::kNothing,
                                   .cost = cost_real<InverseRealFftAttrs>});
  return op;
}

std::span<const OpDef* const> fft_ops() {
  static const OpDef* const list[] = {&op::fft(), &op::rfft(), &op::irfft()};
  return list;
}

namespace fft {
namespace {

/// The factor on a transform of `count` elements; `divides` where "backward" divides this direction.
double scale_of(const std::string& norm, int64_t count, bool divides) {
  const auto n = static_cast<double>(count);
  if (norm == "ortho") return 1 / std::sqrt(n);
  if (norm != "backward" && norm != "forward") {
    fail(ErrorKind::kConfig, "fft expects norm backward, forward or ortho, got '{}'", norm);
  }
  return (norm == "backward") == divides ? 1 / n : 1;
}

/// 16-bit types are refused rather than widened without a word: results would not fit back into them.
Tensor floating(const Tensor& x) {
  if (!x.defined() || x.dtype() == DType::kFloat32 || x.dtype() == DType::kFloat64) return x;
  if (is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "fft expects float32 or float64, or integers, got {}", spec_text(x.spec()));
  }
  return cast(x, DType::kFloat32);
}
Complex floating(const Complex& x) {
  if (x.im.defined() && x.im.shape() != x.re.shape()) {
    fail(ErrorKind::kShape, "fft expects real and imaginary parts of one shape, got {} and {}",
         shape_text(x.re.shape()), shape_text(x.im.shape()));
  }
  return {floating(x.re), floating(x.im)};
}

int64_t dim_of(const Tensor& x, int64_t dim) {
  if (x.rank() == 0) fail(ErrorKind::kShape, "fft expects at least 1 dimension, got a 0-d tensor");
  return normalize_dim(dim, x.rank(), "fft dim");
}

int64_t size_of(const std::optional<int64_t>& n, int64_t otherwise) {
  const int64_t size = n.value_or(otherwise);
  if (size < 1) fail(ErrorKind::kShape, "fft expects at least 1 point, got {}", size);
  return size;
}

/// The size of a transform over one dimension as those of one over several, where -1 would keep the size.
std::optional<Dims> one_size(std::optional<int64_t> n) {
  if (!n) return std::nullopt;
  return Dims{size_of(n, *n)};
}

/// Dims and sizes of a transform over several dimensions; `half` where the last size is that of a real
/// result.
struct Sizes {
  Dims dims;
  Dims sizes;
  int64_t points = 1;
};
Sizes sizes_of(const Tensor& x, const std::optional<Dims>& s, const std::optional<Dims>& dims,
               bool half = false) {
  Sizes out;
  if (dims) {
    for (const int64_t d : *dims) {
      const int64_t dim = dim_of(x, d);
      if (std::find(out.dims.begin(), out.dims.end(), dim) != out.dims.end()) {
        fail(ErrorKind::kShape, "fft: dim {} is given twice", d);
      }
      out.dims.push_back(dim);
    }
  } else {
    const auto count = s ? static_cast<int64_t>(s->size()) : x.rank();
    if (count > x.rank()) {
      fail(ErrorKind::kShape, "fft over {} dims of {}", count, shape_text(x.shape()));
    }
    for (int64_t d = x.rank() - count; d < x.rank(); ++d) out.dims.push_back(d);
  }
  if (s && s->size() != out.dims.size()) {
    fail(ErrorKind::kShape, "fft expects a size for each of {} dims, got {}", out.dims.size(),
         shape_text(*s));
  }
  if (half && out.dims.empty()) fail(ErrorKind::kShape, "a real fft expects at least 1 dim");
  for (size_t i = 0; i < out.dims.size(); ++i) {
    const int64_t own = x.dim(out.dims[i]);
    const bool last = half && i + 1 == out.dims.size();
    int64_t size = last ? 2 * (own - 1) : own;
    if (s && (*s)[i] != -1) size = (*s)[i];
    out.sizes.push_back(size_of(size, size));
    if (__builtin_mul_overflow(out.points, size, &out.points)) {
      fail(ErrorKind::kShape, "fft of too many points: {} and more", shape_text(out.sizes));
    }
  }
  return out;
}

Complex transform(const Complex& given, const Sizes& sizes, bool inverse, double scale) {
  Complex x = given;
  for (size_t i = 0; i < sizes.dims.size(); ++i) {
    x.re = resized(x.re, sizes.dims[i], sizes.sizes[i]);
    x.im = resized(x.im, sizes.dims[i], sizes.sizes[i]);
  }
  Outputs out =
      apply(op::fft(), {x.re, x.im}, FftAttrs{{sizes.dims.begin(), sizes.dims.end()}, inverse, scale});
  return {out[0], out[1]};
}

Complex transform_n(const Complex& given, const std::optional<Dims>& s, const std::optional<Dims>& dims,
                    const std::string& norm, bool inverse) {
  const Complex x = floating(given);
  const Sizes sizes = sizes_of(x.re, s, dims);
  return transform(x, sizes, inverse, scale_of(norm, sizes.points, inverse));
}

Tensor real_back(const Complex& given, std::optional<int64_t> n, int64_t d, const std::string& norm,
                 bool divides, bool conjugate) {
  const Complex x = floating(given);
  const int64_t dim = dim_of(x.re, d);
  const int64_t size = size_of(n, 2 * (x.re.dim(dim) - 1));
  const Tensor im = resized(x.im, dim, size / 2 + 1);
  return apply1(op::irfft(), {resized(x.re, dim, size / 2 + 1), conjugate && im.defined() ? -im : im},
                InverseRealFftAttrs{dim, size, scale_of(norm, size, divides)});
}

Complex real_forth(const Tensor& given, std::optional<int64_t> n, int64_t d, const std::string& norm,
                   bool divides) {
  const Tensor x = floating(given);
  const int64_t dim = dim_of(x, d);
  const int64_t size = size_of(n, x.dim(dim));
  Outputs out = apply(op::rfft(), {resized(x, dim, size)}, RealFftAttrs{dim, scale_of(norm, size, divides)});
  return {out[0], out[1]};
}

/// x with its last `count` elements along dim in front.
Tensor rolled(const Tensor& x, int64_t dim, int64_t count) {
  const int64_t n = x.dim(dim);
  if (n == 0 || count % n == 0) return x;
  return cat({narrow(x, dim, n - count, count), narrow(x, dim, 0, n - count)}, dim);
}

Tensor shifted(const Tensor& x, const std::optional<Dims>& dims, bool back) {
  Tensor y = x;
  for (int64_t i = 0; i < (dims ? static_cast<int64_t>(dims->size()) : x.rank()); ++i) {
    const int64_t dim = dims ? normalize_dim((*dims)[static_cast<size_t>(i)], x.rank()) : i;
    const int64_t n = x.dim(dim);
    y = rolled(y, dim, back ? n - n / 2 : n / 2);
  }
  return y;
}

void check_count(int64_t n) {
  if (n < 0) fail(ErrorKind::kShape, "fftfreq expects at least 0 points, got {}", n);
}

}  // namespace

Complex fft(const Complex& x, std::optional<int64_t> n, int64_t dim, const std::string& norm) {
  return transform_n(x, one_size(n), Dims{dim}, norm, false);
}

Complex ifft(const Complex& x, std::optional<int64_t> n, int64_t dim, const std::string& norm) {
  return transform_n(x, one_size(n), Dims{dim}, norm, true);
}

Complex rfft(const Tensor& x, std::optional<int64_t> n, int64_t dim, const std::string& norm) {
  return real_forth(x, n, dim, norm, false);
}

Tensor irfft(const Complex& x, std::optional<int64_t> n, int64_t dim, const std::string& norm) {
  return real_back(x, n, dim, norm, true, false);
}

Tensor hfft(const Complex& x, std::optional<int64_t> n, int64_t dim, const std::string& norm) {
  return real_back(x, n, dim, norm, false, true);
}

Complex ihfft(const Tensor& x, std::optional<int64_t> n, int64_t dim, const std::string& norm) {
  const Complex y = real_forth(x, n, dim, norm, true);
  return {y.re, -y.im};
}

Complex fftn(const Complex& x, const std::optional<Dims>& s, const std::optional<Dims>& dims,
             const std::string& norm) {
  return transform_n(x, s, dims, norm, false);
}

Complex ifftn(const Complex& x, const std::optional<Dims>& s, const std::optional<Dims>& dims,
              const std::string& norm) {
  return transform_n(x, s, dims, norm, true);
}

Complex rfftn(const Tensor& given, const std::optional<Dims>& s, const std::optional<Dims>& dims,
              const std::string& norm) {
  const Tensor x = floating(given);
  Sizes sizes = sizes_of(x, s, dims);
  if (sizes.dims.empty()) fail(ErrorKind::kShape, "a real fft expects at least 1 dim");
  const int64_t last = sizes.dims.back();
  Outputs half = apply(op::rfft(), {resized(x, last, sizes.sizes.back())},
                       RealFftAttrs{last, scale_of(norm, sizes.points, false)});
  sizes.dims.pop_back();
  sizes.sizes.pop_back();
  return sizes.dims.empty() ? Complex{half[0], half[1]} : transform({half[0], half[1]}, sizes, false, 1);
}

Tensor irfftn(const Complex& given, const std::optional<Dims>& s, const std::optional<Dims>& dims,
              const std::string& norm) {
  const Complex x = floating(given);
  Sizes sizes = sizes_of(x.re, s, dims, true);
  const int64_t last = sizes.dims.back();
  const int64_t n = sizes.sizes.back();
  const double scale = scale_of(norm, sizes.points, true);
  sizes.dims.pop_back();
  sizes.sizes.pop_back();
  const Complex half{resized(x.re, last, n / 2 + 1), resized(x.im, last, n / 2 + 1)};
  const Complex y = sizes.dims.empty() ? half : transform(half, sizes, true, 1);
  return apply1(op::irfft(), {y.re, y.im}, InverseRealFftAttrs{last, n, scale});
}

Tensor fftfreq(int64_t n, double d, DType dtype) {
  check_count(n);
  const Tensor frequencies = Tensor::empty({n}, DType::kFloat64);
  double* const v = frequencies.data<double>();
  for (int64_t i = 0; i < n; ++i) {
    v[i] = static_cast<double>(i < n - n / 2 ? i : i - n) / (static_cast<double>(n) * d);
  }
  return cast(frequencies, dtype);
}

Tensor rfftfreq(int64_t n, double d, DType dtype) {
  check_count(n);
  const Tensor frequencies = Tensor::empty({n / 2 + 1}, DType::kFloat64);
  double* const v = frequencies.data<double>();
  for (int64_t i = 0; i <= n / 2; ++i) v[i] = static_cast<double>(i) / (static_cast<double>(n) * d);
  return cast(frequencies, dtype);
}

Tensor fftshift(const Tensor& x, const std::optional<Dims>& dims) { return shifted(x, dims, false); }

Tensor ifftshift(const Tensor& x, const std::optional<Dims>& dims) { return shifted(x, dims, true); }

}  // namespace fft
}  // namespace dlb
