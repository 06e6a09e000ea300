#include "dlb/data/sound_transforms.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "dlb/base/error.h"
#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

constexpr int64_t kMaxLength = int64_t{1} << 28;

/// The spec of sound of another length, of the same rank.
TensorSpec sound_spec(const TensorSpec& in, int64_t length) {
  return in.rank() == 1 ? make_spec({length}, in.dtype) : make_spec({1, length}, in.dtype);
}

}  // namespace

int64_t sound_length(std::string_view transform, const TensorSpec& spec) {
  if (spec.rank() != 1 && !(spec.rank() == 2 && spec.dim(0) == 1))
    fail(ErrorKind::kShape, "{} expects sound [T] or [1, T], got {}", transform, spec_text(spec));
  if (spec.dtype != DType::kFloat32)
    fail(ErrorKind::kDtype, "{} expects float32 values, got {}", transform, spec_text(spec));
  return spec.dim(spec.rank() - 1);
}

Fields ResampleSound::fields() {
  static const Field list[] = {
      required<&ResampleSound::from>("from", "sample rate of the sound", between(1, 1e7)),
      required<&ResampleSound::to>("to", "sample rate of the result", between(1, 1e7)),
      field<&ResampleSound::lowpass_filter_width>(
          "lowpass_filter_width", "zero crossings of the filter on each side", between(1, 1000)),
      field<&ResampleSound::rolloff>(
          "rolloff", "where the filter cuts off, as a share of the highest frequency", between(0.01, 1)),
  };
  return list;
}

TensorSpec ResampleSound::prepare(const TensorSpec& in) {
  length_ = sound_length("resample", in);
  const int64_t common = std::gcd(from, to);
  step_ = from / common;
  phases_ = to / common;
  const double base = static_cast<double>(std::min(step_, phases_)) * rolloff;
  const double reach = static_cast<double>(lowpass_filter_width);
  width_ = static_cast<int64_t>(std::ceil(reach * static_cast<double>(step_) / base));
  const int64_t taps = 2 * width_ + step_;
  constexpr int64_t kMaxTable = 1 << 24;
  if (taps > kMaxTable / phases_) {
    fail(ErrorKind::kConfig,
         "resample: from {} to {} needs a filter of {} times {} values; choose rates with a larger "
         "common divisor",
         from, to, phases_, taps);
  }
  kernel_.resize(static_cast<size_t>(phases_ * taps));
  for (int64_t j = 0; j < phases_; ++j) {
    for (int64_t k = 0; k < taps; ++k) {
      const double offset = static_cast<double>(k - width_) / static_cast<double>(step_);
      double t = (offset - static_cast<double>(j) / static_cast<double>(phases_)) * base;
      t = std::clamp(t, -reach, reach);
      const double window = std::pow(std::cos(t * std::numbers::pi / reach / 2), 2);
      const double x = t * std::numbers::pi;
      const double sinc = x == 0 ? 1 : std::sin(x) / x;
      kernel_[static_cast<size_t>(j * taps + k)] =
          static_cast<float>(sinc * window * base / static_cast<double>(step_));
    }
  }
  if (length_ > kMaxLength / phases_)
    fail(ErrorKind::kShape, "resample: {} is too long for a rate of {}", spec_text(in), to);
  out_length_ = (phases_ * length_ + step_ - 1) / step_;
  return sound_spec(in, out_length_);
}

void ResampleSound::apply(const void* in, void* out, RandomStream&) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  const int64_t taps = 2 * width_ + step_;
  for (int64_t n = 0; n < out_length_; ++n) {
    const float* h = kernel_.data() + n % phases_ * taps;
    const int64_t first = n / phases_ * step_ - width_;
    const int64_t begin = std::max<int64_t>(0, -first), end = std::min(taps, length_ - first);
    float sum = 0;
    for (int64_t k = begin; k < end; ++k) sum += h[k] * x[first + k];
    y[n] = sum;
  }
}

Fields PadOrTrim::fields() {
  static const Field list[] = {
      required<&PadOrTrim::length>("length", "number of values of the result",
                                   between(1, static_cast<double>(kMaxLength))),
      field<&PadOrTrim::value>("value", "value that fills up"),
      field<&PadOrTrim::align>("align",
                               "where the sound lies: its start, middle or end is kept, or a random place",
                               one_of({"start", "center", "end", "random"})),
  };
  return list;
}

TensorSpec PadOrTrim::prepare(const TensorSpec& in) {
  length_ = sound_length("pad_or_trim", in);
  return sound_spec(in, length);
}

void PadOrTrim::apply(const void* in, void* out, RandomStream& random) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  const int64_t spare = std::abs(length - length_);
  const int64_t offset = align == "start"    ? 0
                         : align == "center" ? spare / 2
                         : align == "end"
                             ? spare
                             : static_cast<int64_t>(random.below(static_cast<uint64_t>(spare) + 1));
  if (length_ >= length) {
    std::copy_n(x + offset, length, y);
    return;
  }
  std::fill_n(y, length, static_cast<float>(value));
  std::copy_n(x, length_, y + offset);
}

Fields RandomTimeShift::fields() {
  static const Field list[] = {required<&RandomTimeShift::max>("max", "largest shift in values, either way",
                                                               between(0, static_cast<double>(kMaxLength)))};
  return list;
}

TensorSpec RandomTimeShift::prepare(const TensorSpec& in) {
  length_ = sound_length("random_time_shift", in);
  return in;
}

void RandomTimeShift::apply(const void* in, void* out, RandomStream& random) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  const int64_t drawn = static_cast<int64_t>(random.below(2 * static_cast<uint64_t>(max) + 1)) - max;
  const int64_t shift = std::clamp(drawn, -length_, length_);
  std::fill_n(y, length_, 0.0F);
  if (shift >= 0) {
    std::copy_n(x, length_ - shift, y + shift);
  } else {
    std::copy_n(x - shift, length_ + shift, y);
  }
}

Fields RandomNoise::fields() {
  static const Field list[] = {field<&RandomNoise::std>(
      "std", "standard deviation of the noise: one, or [low, high]", items(non_negative(), 1, 2))};
  return list;
}

TensorSpec RandomNoise::prepare(const TensorSpec& in) {
  if (std.front() > std.back())
    fail(ErrorKind::kConfig, "random_noise: std must give the smaller value first");
  if (in.dtype != DType::kFloat32)
    fail(ErrorKind::kDtype, "random_noise expects float32 values, got {}", spec_text(in));
  length_ = in.numel();
  return in;
}

void RandomNoise::apply(const void* in, void* out, RandomStream& random) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  const float amount = static_cast<float>(draw(std, random));
  for (int64_t i = 0; i < length_; ++i) y[i] = x[i] + amount * random.normal();
}

Fields RandomGain::fields() {
  static const Field list[] = {
      required<&RandomGain::db>("db", "largest change of loudness in decibels either way, or [low, high]",
                                items(between(-200, 200), 1, 2))};
  return list;
}

TensorSpec RandomGain::prepare(const TensorSpec& in) {
  if (db.size() == 1 && db[0] < 0)
    fail(ErrorKind::kConfig, "random_gain: db is {}; expected a value of at least 0, or [low, high]", db[0]);
  if (db.front() > db.back()) fail(ErrorKind::kConfig, "random_gain: db must give the smaller value first");
  length_ = sound_length("random_gain", in);
  return in;
}

void RandomGain::apply(const void* in, void* out, RandomStream& random) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  const double gain = draw(db.size() == 1 ? std::vector<double>{-db[0], db[0]} : db, random);
  const float factor = static_cast<float>(std::pow(10.0, gain / 20));
  for (int64_t i = 0; i < length_; ++i) y[i] = factor * x[i];
}

}  // namespace dlb::data
