#include "dlb/data/value_transforms.h"

#include <algorithm>
#include <limits>

#include "dlb/data/pixels.h"

namespace dlb::data {

Fields ToFloat::fields() {
  static const Field list[] = {field<&ToFloat::max>("max", "value that becomes 1", positive())};
  return list;
}

TensorSpec ToFloat::prepare(const TensorSpec& in) {
  check_pixel_type("to_float", in);
  type_ = in.dtype;
  count_ = in.numel();
  TensorSpec out = in;
  out.dtype = DType::kFloat32;
  return out;
}

void ToFloat::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    float* y = static_cast<float*>(out);
    const float divisor = static_cast<float>(max);
    for (int64_t i = 0; i < count_; ++i) y[i] = static_cast<float>(x[i]) / divisor;
  });
}

namespace {

void check_float(std::string_view name, const TensorSpec& in) {
  if (in.dtype == DType::kFloat32) return;
  Error error(ErrorKind::kDtype, fmt::format("{} expects float32 values, got {}", name, spec_text(in)));
  error.hint = "put to_float before it";
  throw error;
}

/// One row of the image with the value of each channel, so that the inner loop runs over a whole row.
std::vector<float> row_of(const std::vector<double>& values, const TensorSpec& in, std::string_view field) {
  if (values.size() == 1) return {static_cast<float>(values[0])};
  if (in.rank() != 3 || static_cast<int64_t>(values.size()) != in.dim(0)) {
    fail(ErrorKind::kShape, "normalize: {} has {} values; expected 1 or one per channel for samples {}",
         field, values.size(), spec_text(in));
  }
  std::vector<float> row;
  for (int64_t x = 0; x < in.dim(2); ++x) {
    for (const double v : values) row.push_back(static_cast<float>(v));
  }
  return row;
}

}  // namespace

Fields Normalize::fields() {
  static const Field list[] = {
      required<&Normalize::mean>("mean", "mean of all values, or one per channel", items({}, 1, 65536)),
      required<&Normalize::std>("std", "standard deviation of all values, or one per channel",
                                items(positive(), 1, 65536)),
  };
  return list;
}

TensorSpec Normalize::prepare(const TensorSpec& in) {
  check_float("normalize", in);
  count_ = in.numel();
  row_mean_ = row_of(mean, in, "mean");
  row_std_ = row_of(std, in, "std");
  // Rows of the same length, unless both are single values.
  const size_t length = std::max(row_mean_.size(), row_std_.size());
  if (row_mean_.size() < length) row_mean_.assign(length, row_mean_[0]);
  if (row_std_.size() < length) row_std_.assign(length, row_std_[0]);
  return in;
}

void Normalize::apply(const void* in, void* out, RandomStream&) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  if (row_mean_.size() == 1) {
    const float m = row_mean_[0], s = row_std_[0];
    for (int64_t i = 0; i < count_; ++i) y[i] = (x[i] - m) / s;
    return;
  }
  const int64_t row = static_cast<int64_t>(row_mean_.size());
  const float* m = row_mean_.data();
  const float* s = row_std_.data();
  for (int64_t at = 0; at < count_; at += row) {
    for (int64_t i = 0; i < row; ++i) y[at + i] = (x[at + i] - m[i]) / s[i];
  }
}

Fields Scale::fields() {
  static const Field list[] = {
      field<&Scale::factor>("factor", "multiplies each value"),
      field<&Scale::offset>("offset", "is added afterwards"),
  };
  return list;
}

TensorSpec Scale::prepare(const TensorSpec& in) {
  check_float("scale", in);
  count_ = in.numel();
  return in;
}

void Scale::apply(const void* in, void* out, RandomStream&) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  const float f = static_cast<float>(factor), o = static_cast<float>(offset);
  for (int64_t i = 0; i < count_; ++i) y[i] = x[i] * f + o;
}

namespace {

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    // Out of range is undefined in C++; the limits themselves may not be exact in float, so compare first.
    if (!(x == x)) return To{0};
    if (x >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (x <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(x);
  } else if constexpr (std::is_same_v<To, BFloat16> || std::is_same_v<To, Float16>) {
    return To(static_cast<float>(x));
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace

Fields Cast::fields() {
  std::vector<std::string> names;
  for (int i = 0; i < kDTypeCount; ++i) names.emplace_back(dtype_name(static_cast<DType>(i)));
  static const Field list[] = {field<&Cast::dtype>("dtype", "type of the result", one_of(names))};
  return list;
}

TensorSpec Cast::prepare(const TensorSpec& in) {
  check_pixel_type("cast", in);
  from_ = in.dtype;
  to_ = dtype_from_name(dtype);
  count_ = in.numel();
  TensorSpec out = in;
  out.dtype = to_;
  return out;
}

void Cast::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(from_, [&]<class From>(From) {
    const From* x = static_cast<const From*>(in);
    dispatch_all(to_, [&]<class To>(To) {
      To* y = static_cast<To*>(out);
      for (int64_t i = 0; i < count_; ++i) y[i] = convert<To>(x[i]);
    });
  });
}

}  // namespace dlb::data
