// Resizing of ONNX, and sampling at points. Each dimension is resampled by itself: an output element is a
// weighted sum of a few input elements along it.
#include <algorithm>
#include <cmath>
#include <optional>

#include "dlb/graph/operator.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/grid_sample.h"
#include "dlb/ops/index.h"
#include "dlb/ops/interpolate.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "dlb/tensor/allocation_limit.h"

namespace dlb::graph {

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

/// How one dimension is resized.
struct Axis {
  int64_t dim, in, out;
  double scale;
  double start = 0, end = 1;  ///< of the region of interest, as parts of the dimension
};

struct Resizing {
  std::string mode = "nearest";
  std::string transform = "asymmetric";
  std::string nearest = "simple";  ///< floor where a dimension grows, ceil where it shrinks: before opset 11
  double cubic = -0.75;
  double outside = 0;  ///< value beyond the region of interest
  bool exclude_outside = false, antialias = false;
  std::vector<Axis> axes;
};

/// Where output element i lies in the input.
double position(const Resizing& r, const Axis& a, int64_t i) {
  const double at = static_cast<double>(i), in = static_cast<double>(a.in), size = a.scale * in;
  if (r.transform == "asymmetric") return at / a.scale;
  if (r.transform == "align_corners") return size == 1 ? 0 : at * (in - 1) / (size - 1);
  if (r.transform == "tf_crop_and_resize") {
    const double span = (a.end - a.start) * (in - 1);
    return a.start * (in - 1) + (size == 1 ? span / 2 : at * span / (size - 1));
  }
  if (r.transform == "pytorch_half_pixel" && size == 1) return -0.5;
  const double half_pixel = (at + 0.5) / a.scale - 0.5;
  if (r.transform != "half_pixel_symmetric") return half_pixel;
  return in / 2 * (1 - static_cast<double>(a.out) / size) + half_pixel;
}

double nearest(const std::string& how, const Axis& a, double x) {
  if (how == "floor" || (how == "simple" && a.scale >= 1)) return std::floor(x);
  if (how == "ceil" || how == "simple") return std::ceil(x);
  return how == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

double cubic_weight(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// The input elements of each output element, tap by tap, and their weights.
struct Taps {
  std::vector<std::vector<int64_t>> index;
  std::vector<std::vector<float>> weight;
};

Taps taps_of(const Resizing& r, const Axis& a) {
  const double stretch = r.antialias && a.scale < 1 ? 1 / a.scale : 1;
  const double support = (r.mode == "cubic" ? 2 : 1) * stretch;
  const size_t count = static_cast<size_t>(2 * std::ceil(support));
  const size_t out = static_cast<size_t>(a.out);
  constexpr size_t kEach = sizeof(int64_t) + sizeof(float);
  require_cpu_memory(std::min(count, SIZE_MAX / kEach / out) * out * kEach);
  Taps taps{std::vector(count, std::vector<int64_t>(out)), std::vector(count, std::vector<float>(out))};
  for (size_t i = 0; i < out; ++i) {
    const double x = position(r, a, static_cast<int64_t>(i));
    const double first = std::floor(x) - std::ceil(support) + 1;
    double total = 0;
    std::vector<double> weights(count);
    for (size_t k = 0; k < count; ++k) {
      const double at = first + static_cast<double>(k), distance = (at - x) / stretch;
      double w = r.mode == "cubic" ? cubic_weight(distance, r.cubic) : std::max(1 - std::abs(distance), 0.0);
      if (r.exclude_outside && (at < 0 || at >= static_cast<double>(a.in))) w = 0;
      weights[k] = w;
      total += w;
      taps.index[k][i] = static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(a.in - 1)));
    }
    for (size_t k = 0; k < count; ++k)
      taps.weight[k][i] = static_cast<float>(total == 0 ? weights[k] : weights[k] / total);
  }
  return taps;
}

Tensor along(const Axis& a, int rank, const Tensor& v) {
  Shape shape(static_cast<size_t>(rank), 1);
  shape[static_cast<size_t>(a.dim)] = a.out;
  return reshape(v, shape);
}

Tensor resampled(const Resizing& r, const Axis& a, const Tensor& x) {
  if (r.mode == "nearest") {
    const Tensor index = Tensor::empty({a.out}, DType::kInt64);
    for (int64_t i = 0; i < a.out; ++i) {
      const double at = nearest(r.nearest, a, position(r, a, i));
      index.data<int64_t>()[i] = static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(a.in - 1)));
    }
    return index_select(x, a.dim, index);
  }
  const Taps taps = taps_of(r, a);
  Tensor y;
  for (size_t k = 0; k < taps.index.size(); ++k) {
    const Tensor weight = along(a, x.rank(), cast(Tensor::from(taps.weight[k], {a.out}), x.dtype()));
    const Tensor part = mul(index_select(x, a.dim, Tensor::from(taps.index[k], {a.out})), weight);
    y = y.defined() ? add(y, part) : part;
  }
  return y;
}

/// Whether interpolate() does the same, and how; it goes through the memory once.
std::optional<InterpolateOptions> as_interpolation(const Resizing& r, const Tensor& x) {
  if (!is_floating(x.dtype()) || x.rank() < 3 || x.rank() > 5 || r.antialias || r.exclude_outside) return {};
  InterpolateOptions options;
  options.scale_factors.assign(static_cast<size_t>(x.rank() - 2), 1.0);
  bool exact = true, whole = true, several = true;
  for (const Axis& a : r.axes) {
    if (a.dim < 2) return {};
    options.scale_factors[static_cast<size_t>(a.dim - 2)] = a.scale;
    exact = exact && a.scale * static_cast<double>(a.in) == static_cast<double>(a.out);
    whole = whole && a.scale == std::floor(a.scale);
    several = several && a.out > 1;
  }
  const bool half = r.transform == "half_pixel" || r.transform == "pytorch_half_pixel";
  if (r.mode == "nearest") {
    // With whole factors no position is half way: all ways of rounding agree.
    if (whole && (half || (r.transform == "asymmetric" && (r.nearest == "floor" || r.nearest == "simple"))))
      return options;
    return {};
  }
  if (r.mode != "linear") return {};
  options.mode = InterpolateMode::kLinear;
  if (half && (several || r.transform == "half_pixel")) return options;
  if (r.transform != "align_corners" || !exact) return {};
  options.align_corners = true;
  return options;
}

void resize(Call& c, const Resizing& r) {
  const Tensor given = c.tensor(0);
  Shape shape = given.shape();
  for (const Axis& a : r.axes) shape[static_cast<size_t>(a.dim)] = a.out;
  static_cast<void>(numel(shape));
  if (given.is_meta()) return c.same_type(Tensor::empty(shape, given.dtype(), given.device()));
  if (given.numel() == 0) c.fail("an input {} has no elements", shape_text(given.shape()));
  if (shape == given.shape() && r.transform != "tf_crop_and_resize" && r.transform != "asymmetric")
    return c.output(c.value(0));
  if (const auto options = as_interpolation(r, given))
    return c.same_type(interpolate(given, Dims(shape.begin() + 2, shape.end()), *options));
  const bool copies = r.mode == "nearest";
  const DType dtype = copies || given.dtype() == DType::kFloat64 ? given.dtype() : DType::kFloat32;
  Tensor x = cast(given, dtype);
  // Dimensions that shrink first: less to do for the others.
  std::vector<Axis> order = r.axes;
  std::stable_sort(order.begin(), order.end(),
                   [](const Axis& a, const Axis& b) { return a.scale < b.scale; });
  for (const Axis& a : order) {
    if (a.in != a.out || a.scale != 1 || r.transform == "tf_crop_and_resize") x = resampled(r, a, x);
  }
  if (r.transform == "tf_crop_and_resize") {
    Tensor beyond = zeros(Shape(shape.size(), 1), DType::kBool);
    for (const Axis& a : r.axes) {
      const Tensor mask = Tensor::empty({a.out}, DType::kBool);
      for (int64_t i = 0; i < a.out; ++i) {
        const double at = position(r, a, i);
        mask.data<bool>()[i] = at < 0 || at > static_cast<double>(a.in - 1);
      }
      beyond = logical_or(beyond, along(a, x.rank(), mask));
    }
    x = where(beyond, full({}, r.outside, x.dtype()), x);
  }
  if (!is_floating(given.dtype()) && !copies) {
    const double limit = std::ldexp(1.0, bits(c.element(0)));
    const bool sign = is_signed_integer(c.element(0));
    x = clamp(x, sign ? -limit / 2 : 0, sign ? limit / 2 - 1 : limit - 1);
  }
  c.same_type(cast(x, given.dtype()));
}

void check_modes(const Call& c, const Resizing& r) {
  const auto among = [&](const char* what, const std::string& value,
                         std::initializer_list<const char*> known) {
    std::string names;
    for (const char* name : known) {
      if (value == name) return;
      names += names.empty() ? "" : ", ";
      names += name;
    }
    c.fail("{} must be one of {}; got '{}'", what, names, value);
  };
  among("mode", r.mode, {"nearest", "linear", "cubic"});
  if (c.opset() >= 11)
    among("nearest_mode", r.nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  among("coordinate_transformation_mode", r.transform,
        {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
         "tf_crop_and_resize"});
}

/// Adds a dimension that is scaled by a factor.
void add_scaled(const Call& c, Resizing& r, const Shape& shape, int64_t dim, double scale) {
  if (!(scale > 0) || std::isinf(scale)) c.fail("a scale must be a positive number, got {}", scale);
  const int64_t in = shape[static_cast<size_t>(dim)];
  // In float32, as the scales are: 0.7 of 10 is 7.
  const float out = std::floor(static_cast<float>(in) * static_cast<float>(scale));
  if (out > static_cast<float>(kLargest)) c.fail("{} times a size of {} is too large", scale, in);
  if (out < 1) c.fail("{} times a size of {} leaves nothing", scale, in);
  r.axes.push_back({dim, in, static_cast<int64_t>(out), scale});
}

void upsample_node(Call& c) {
  const Shape shape = c.tensor(0).shape();
  Resizing r;
  r.mode = c.attribute("mode", "nearest");
  if (r.mode == "bilinear") r.mode = "linear";
  check_modes(c, r);
  std::vector<double> scales;
  if (c.opset() >= 9) {
    scales = c.numbers(1);
  } else if (c.opset() >= 7) {
    for (const float s : c.floats("scales")) scales.push_back(static_cast<double>(s));
  } else {
    scales = {1, 1, c.attribute("height_scale", 0.0), c.attribute("width_scale", 0.0)};
  }
  if (scales.size() != shape.size()) c.fail("{} scales for an input {}", scales.size(), shape_text(shape));
  for (size_t i = 0; i < scales.size(); ++i) add_scaled(c, r, shape, static_cast<int64_t>(i), scales[i]);
  resize(c, r);
}

/// The sizes as given, or all scaled alike so that none is larger (smaller) than given.
void add_sized(const Call& c, Resizing& r, const Shape& shape, const std::vector<int64_t>& dims) {
  const std::vector<int64_t> sizes = c.integers(3);
  if (sizes.size() != dims.size()) c.fail("{} sizes for {} dimensions", sizes.size(), dims.size());
  const std::string policy = c.attribute("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    c.fail("keep_aspect_ratio_policy must be stretch, not_larger or not_smaller, got '{}'", policy);
  std::vector<double> scales;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t in = shape[static_cast<size_t>(dims[i])];
    if (sizes[i] < 1 || sizes[i] > kLargest) c.fail("a size of {} is empty or too large", sizes[i]);
    if (in < 1) c.fail("dimension {} of {} has no elements", dims[i], shape_text(shape));
    scales.push_back(static_cast<double>(sizes[i]) / static_cast<double>(in));
  }
  if (policy != "stretch" && !scales.empty()) {
    const auto [least, most] = std::minmax_element(scales.begin(), scales.end());
    const double common = policy == "not_larger" ? *least : *most;
    std::fill(scales.begin(), scales.end(), common);
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t in = shape[static_cast<size_t>(dims[i])];
    const double size = std::floor(scales[i] * static_cast<double>(in) + 0.5);
    if (size < 1 || size > static_cast<double>(kLargest)) c.fail("a size of {} is empty or too large", size);
    r.axes.push_back({dims[i], in, static_cast<int64_t>(size), scales[i]});
  }
}

void resize_node(Call& c) {
  const Shape shape = c.tensor(0).shape();
  const int rank = static_cast<int>(shape.size());
  Resizing r;
  r.mode = c.attribute("mode", "nearest");
  std::vector<int64_t> dims = c.integers("axes");
  if (dims.empty()) {
    for (int64_t i = 0; i < rank; ++i) dims.push_back(i);
  }
  for (int64_t& dim : dims) dim = c.axis(dim, rank);
  const size_t scales_at = c.opset() < 11 ? 1 : 2;
  if (c.opset() >= 11) {
    r.transform = c.attribute("coordinate_transformation_mode", "half_pixel");
    if (r.transform == "tf_half_pixel_for_nn") c.unsupported("tf_half_pixel_for_nn");
    r.nearest = c.attribute("nearest_mode", "round_prefer_floor");
    r.cubic = c.attribute("cubic_coeff_a", -0.75);
    r.outside = c.attribute("extrapolation_value", 0.0);
    r.exclude_outside = c.attribute("exclude_outside", int64_t{0}) != 0;
    r.antialias = c.attribute("antialias", int64_t{0}) != 0;
  }
  check_modes(c, r);
  const bool scaled = c.has(scales_at) && c.tensor(scales_at).numel() > 0;
  const bool sized = c.opset() >= 11 && c.has(3) && c.tensor(3).numel() > 0;
  if (scaled == sized) c.fail("needs either scales or sizes");
  if (scaled) {
    const std::vector<double> scales = c.numbers(scales_at);
    if (scales.size() != dims.size()) c.fail("{} scales for {} dimensions", scales.size(), dims.size());
    for (size_t i = 0; i < dims.size(); ++i) add_scaled(c, r, shape, dims[i], scales[i]);
  } else {
    add_sized(c, r, shape, dims);
  }
  if (r.transform == "tf_crop_and_resize") {
    const std::vector<double> roi = c.numbers(1);
    if (roi.size() != 2 * dims.size())
      c.fail("roi must have {} numbers, got {}", 2 * dims.size(), roi.size());
    for (size_t i = 0; i < dims.size(); ++i) {
      r.axes[i].start = roi[i];
      r.axes[i].end = roi[dims.size() + i];
      if (!std::isfinite(roi[i]) || !std::isfinite(r.axes[i].end)) c.fail("roi must be finite");
    }
  }
  resize(c, r);
}

void grid_sample_node(Call& c) {
  const Tensor x = c.tensor(0);
  const std::string mode = c.attribute("mode", c.opset() < 20 ? "bilinear" : "linear");
  const std::string padding = c.attribute("padding_mode", "zeros");
  SampleMode how = SampleMode::kBilinear;
  if (mode == "nearest") {
    how = SampleMode::kNearest;
  } else if (mode == "cubic" || mode == "bicubic") {
    how = SampleMode::kBicubic;
  } else if (mode != "linear" && mode != "bilinear") {
    c.fail("mode must be linear, nearest or cubic, got '{}'", mode);
  }
  SamplePadding outside = SamplePadding::kZeros;
  if (padding == "border") {
    outside = SamplePadding::kBorder;
  } else if (padding == "reflection") {
    outside = SamplePadding::kReflection;
  } else if (padding != "zeros") {
    c.fail("padding_mode must be zeros, border or reflection, got '{}'", padding);
  }
  const bool align = c.attribute("align_corners", int64_t{0}) != 0;
  const DType dtype = is_floating(x.dtype()) ? x.dtype() : DType::kFloat64;
  c.same_type(cast(grid_sample(cast(x, dtype), cast(c.tensor(1), dtype), how, outside, align), x.dtype()));
}

void affine_grid_node(Call& c) {
  const std::vector<int64_t> size = c.integers(1);
  for (const int64_t s : size) {
    if (s < 1 || s > kLargest) c.fail("a size of {} is empty or too large", s);
  }
  c.same_type(affine_grid(c.tensor(0), Dims(size.begin(), size.end()),
                          c.attribute("align_corners", int64_t{0}) != 0));
}

constexpr Operator kOperators[] = {
    {"Resize", &resize_node, 10, "", true, 1},
    {"Upsample", &upsample_node, 1, "", true, 1},
    {"GridSample", &grid_sample_node, 16, "", true, 2},
    {"AffineGrid", &affine_grid_node, 20, "", true, 2},
};

}  // namespace

std::span<const Operator> resize_operators() { return kOperators; }

}  // namespace dlb::graph
