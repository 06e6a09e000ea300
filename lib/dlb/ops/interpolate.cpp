#include "dlb/ops/interpolate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dlb/ops/cubic_convolution.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/interpolate_defs.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {

Fields ResampleAttrs::fields() {
  static const Field list[] = {
      field<&ResampleAttrs::dim>("dim", "dimension that is resampled"),
      field<&ResampleAttrs::in>("in", "its size in the image", at_least(1)),
      field<&ResampleAttrs::out>("out", "its size in the resized image", at_least(1)),
      field<&ResampleAttrs::mode>("mode", "nearest, nearest-exact, linear or cubic"),
      field<&ResampleAttrs::scale_factor>("scale_factor", "factor that positions follow, 0 for out / in"),
      field<&ResampleAttrs::align_corners>("align_corners", "the outermost elements stay where they are"),
      field<&ResampleAttrs::antialias>("antialias", "widen the filter when shrinking"),
      field<&ResampleAttrs::transposed>("transposed", "the gradient: from out elements to in")};
  return list;
}

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

/// Distance in the input between neighbours of the output.
double step_of(const ResampleAttrs& a) {
  if (a.align_corners) {
    return a.out > 1 ? static_cast<double>(a.in - 1) / static_cast<double>(a.out - 1) : 0.0;
  }
  if (a.scale_factor > 0) return 1 / a.scale_factor;
  return static_cast<double>(a.in) / static_cast<double>(a.out);
}

double position_of(const ResampleAttrs& a, double step, int64_t i) {
  const double at = static_cast<double>(i);
  return a.align_corners ? step * at : step * (at + 0.5) - 0.5;
}

void add_tap(ResampleTaps& t, int64_t index, double weight) {
  t.index.push_back(index);
  t.weight.push_back(weight);
}

void add_nearest(ResampleTaps& t, const ResampleAttrs& a, double step, int64_t i) {
  const double at = static_cast<double>(i);
  const double position = a.mode == "nearest" ? step * at : step * (at + 0.5);
  // Rounded to float32 first: 2.9999999999999996, which stands for 3, must not become 2.
  const auto index = static_cast<int64_t>(std::floor(static_cast<float>(position)));
  add_tap(t, std::clamp<int64_t>(index, 0, a.in - 1), 1);
}

void add_linear(ResampleTaps& t, const ResampleAttrs& a, double step, int64_t i) {
  if (a.in == a.out) return add_tap(t, i, 1);
  const double position = std::max(position_of(a, step, i), 0.0);
  const int64_t index = std::min(static_cast<int64_t>(position), a.in - 1);
  const double beyond = std::clamp(position - static_cast<double>(index), 0.0, 1.0);
  add_tap(t, index, 1 - beyond);
  add_tap(t, std::min(index + 1, a.in - 1), beyond);
}

void add_cubic(ResampleTaps& t, const ResampleAttrs& a, double step, int64_t i) {
  const double position = position_of(a, step, i);
  const int64_t index = std::min(static_cast<int64_t>(std::floor(position)), a.in - 1);
  const CubicWeights w = cubic_weights(std::clamp(position - static_cast<double>(index), 0.0, 1.0));
  for (int64_t k = 0; k < 4; ++k) add_tap(t, std::clamp<int64_t>(index - 1 + k, 0, a.in - 1), w.value[k]);
}

double filter(bool cubic, double x) {
  x = std::abs(x);
  if (!cubic) return x < 1 ? 1 - x : 0;
  if (x < 1) return cubic_near(x, kCubicAntialiasA);
  return x < 2 ? cubic_far(x, kCubicAntialiasA) : 0;
}

/// The filter, stretched over the input elements that one output element stands for; weights add up to 1.
void add_antialiased(ResampleTaps& t, const ResampleAttrs& a, double step, int64_t i) {
  const bool cubic = a.mode == "cubic";
  const double stretch = std::max(step, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * stretch;
  const double center = step * (static_cast<double>(i) + 0.5);
  const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
  const int64_t last = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), a.in);
  const size_t start = t.weight.size();
  double total = 0;
  for (int64_t k = first; k < last; ++k) {
    const double w = filter(cubic, (static_cast<double>(k) - center + 0.5) / stretch);
    add_tap(t, k, w);
    total += w;
  }
  for (size_t k = start; total != 0 && k < t.weight.size(); ++k) t.weight[k] /= total;
}

/// The same weights seen from the input: for each element of x, the outputs it goes to.
ResampleTaps transpose_taps(const ResampleTaps& t, int64_t in) {
  ResampleTaps r;
  r.begin.assign(static_cast<size_t>(in) + 1, 0);
  for (const int64_t i : t.index) ++r.begin[static_cast<size_t>(i) + 1];
  std::partial_sum(r.begin.begin(), r.begin.end(), r.begin.begin());
  r.index.resize(t.index.size());
  r.weight.resize(t.weight.size());
  std::vector<int64_t> next(r.begin.begin(), r.begin.end() - 1);
  for (size_t o = 0; o + 1 < t.begin.size(); ++o) {
    for (int64_t k = t.begin[o]; k < t.begin[o + 1]; ++k) {
      const auto from = static_cast<size_t>(k);
      const auto to = static_cast<size_t>(next[static_cast<size_t>(t.index[from])]++);
      r.index[to] = static_cast<int64_t>(o);
      r.weight[to] = t.weight[from];
    }
  }
  return r;
}

}  // namespace

ResampleTaps resample_taps(const ResampleAttrs& a) {
  const double step = step_of(a);
  ResampleTaps t;
  t.begin.push_back(0);
  for (int64_t i = 0; i < a.out; ++i) {
    if (a.antialias) {
      add_antialiased(t, a, step, i);
    } else if (a.mode == "cubic") {
      add_cubic(t, a, step, i);
    } else if (a.mode == "linear") {
      add_linear(t, a, step, i);
    } else {
      add_nearest(t, a, step, i);
    }
    t.begin.push_back(static_cast<int64_t>(t.index.size()));
  }
  return a.transposed ? transpose_taps(t, a.in) : t;
}

namespace {

void infer_resample(Infer& c, const ResampleAttrs& a) {
  c.floating(0);
  const TensorSpec& x = c.input(0);
  const int dim = c.dim(0, a.dim);
  for (const int64_t s : {a.in, a.out}) {
    if (s < 1 || s > kLargest) c.fail_shape("expects sizes from 1 to {}, got {}", kLargest, s);
  }
  const int64_t from = a.transposed ? a.out : a.in;
  if (x.dim(dim) != from) {
    c.fail_shape("expects size {} in dimension {}, got {}", from, dim, shape_text(x.shape));
  }
  Shape out = x.shape;
  out[static_cast<size_t>(dim)] = a.transposed ? a.in : a.out;
  static_cast<void>(numel(out));
  const bool rows = is_contiguous(x.shape, x.strides);
  c.output(TensorSpec{x.dtype, x.device, out, rows ? contiguous_strides(out) : channels_last_strides(out)});
}

void vjp_resample(Vjp& c, const ResampleAttrs& a) {
  if (!c.needs(0)) return;
  ResampleAttrs back = a;
  back.transposed = !a.transposed;
  c.input_grad(0, apply1(op::resample(), {c.grad(0)}, back));
}

Cost cost_resample(Inputs in, Inputs out, const ResampleAttrs& a) {
  const double taps = a.antialias ? 2 * step_of(a) : a.mode == "cubic" ? 4 : a.mode == "linear" ? 2 : 1;
  return {2 * taps * static_cast<double>((a.transposed ? in : out)[0].numel()), moved_bytes(in, out)};
}

const char* mode_name(InterpolateMode mode) {
  constexpr const char* kNames[] = {"nearest", "nearest-exact", "linear", "cubic"};
  return kNames[static_cast<int64_t>(mode)];
}

}  // namespace

namespace op {

const OpDef& resample() {
  static const OpDef def =
      define<ResampleAttrs>({.name = "resample",
                             .doc = "one dimension brought to another size by interpolation",
                             .infer = infer_resample,
                             .vjp = vjp_resample,
                             .saves = Saves::kNothing,
                             .cost = cost_resample,
                             .onnx = {"Resize", 19}});
  return def;
}

}  // namespace op

std::span<const OpDef* const> interpolate_ops() {
  static const OpDef* const list[] = {&op::resample()};
  return list;
}

Tensor interpolate(const Tensor& x, const Dims& size, const InterpolateOptions& options) {
  if (x.rank() < 3 || x.rank() > 5) {
    fail(ErrorKind::kShape, "interpolate expects input [N, C, *spatial] of rank 3 to 5, got {}",
         shape_text(x.shape()));
  }
  const size_t spatial = x.shape().size() - 2;
  if (size.size() != spatial || (!options.scale_factors.empty() && options.scale_factors.size() != spatial)) {
    fail(ErrorKind::kShape, "interpolate expects {} sizes for input {}, got {}", spatial,
         shape_text(x.shape()), size.size() != spatial ? size.size() : options.scale_factors.size());
  }
  const bool filters = options.mode == InterpolateMode::kLinear || options.mode == InterpolateMode::kCubic;
  Tensor y = contiguous(x, Layout::kChannelsLast);
  for (size_t i = 0; i < spatial; ++i) {
    ResampleAttrs a;
    a.dim = static_cast<int64_t>(i) + 2;
    a.in = x.shape()[i + 2];
    a.out = size[i];
    a.mode = mode_name(options.mode);
    a.scale_factor = options.scale_factors.empty() ? 0 : options.scale_factors[i];
    a.align_corners = filters && options.align_corners;
    a.antialias = filters && options.antialias;
    y = apply1(op::resample(), {y}, a);
  }
  return y;
}

}  // namespace dlb
