#include "dlb/data/spectrum_transforms.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "dlb/base/error.h"
#include "dlb/data/pixels.h"
#include "dlb/data/scratch.h"
#include "dlb/data/sound_transforms.h"

namespace dlb::data {

namespace {

/// The position that is seen at `i` when the ends are mirrors.
int64_t reflected(int64_t i, int64_t size) {
  if (i < 0) i = -i;
  return i < size ? i : 2 * (size - 1) - i;
}

double to_mel(double f) { return 2595 * std::log10(1 + f / 700); }
double from_mel(double mel) { return 700 * (std::pow(10.0, mel / 2595) - 1); }

}  // namespace

std::vector<Field> Spectrogram::common_fields() {
  return {
      field<&Spectrogram::n_fft>("n_fft", "values of a frame that is transformed", between(2, 65536)),
      field<&Spectrogram::win_length>("win_length", "values under the window; n_fft when not given",
                                      between(1, 65536)),
      field<&Spectrogram::hop_length>(
          "hop_length", "values from frame to frame; half of win_length when not given", between(1, 1e9)),
      field<&Spectrogram::power>("power", "exponent of the magnitude", between(0.01, 10)),
      field<&Spectrogram::scale>("scale", "values as they are, log(x + 1e-6), or decibels (10 log10 x)",
                                 one_of({"power", "log", "db"})),
      field<&Spectrogram::top_db>("top_db", "of db: values further below the loudest are raised to it",
                                  positive()),
  };
}

Fields Spectrogram::fields() {
  static const std::vector<Field> list = common_fields();
  return list;
}

void Spectrogram::plan(const char* name, const TensorSpec& in) {
  length_ = sound_length(name, in);
  const int64_t window = win_length.value_or(n_fft);
  if (window > n_fft)
    fail(ErrorKind::kConfig, "{}: win_length is {}; expected at most n_fft, {}", name, window, n_fft);
  if (n_fft / 2 >= length_) {
    fail(ErrorKind::kShape, "{}: half of n_fft ({}) must be less than the length of the sound {}", name,
         n_fft / 2, spec_text(in));
  }
  hop_ = hop_length.value_or(std::max<int64_t>(window / 2, 1));
  frames_ = (length_ - n_fft % 2) / hop_ + 1;  // those that the mirrored sound holds whole
  constexpr int64_t kMaxValues = int64_t{1} << 28;
  if (frames_ > kMaxValues / bins())
    fail(ErrorKind::kShape, "{}: {} frames of {} values are too many", name, frames_, bins());
  window_.assign(static_cast<size_t>(n_fft), 0.0F);
  for (int64_t i = 0; i < window; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(window);
    window_[static_cast<size_t>((n_fft - window) / 2 + i)] = static_cast<float>(0.5 - 0.5 * std::cos(angle));
  }
  fourier_ = std::make_shared<const Fourier>(n_fft);
}

TensorSpec Spectrogram::result(const TensorSpec& in, int64_t rows) const {
  return in.rank() == 1 ? make_spec({rows, frames_}, in.dtype) : image_spec(1, rows, frames_, in.dtype);
}

template <class F>
void Spectrogram::each_frame(const float* sound, const F& take) const {
  using Complex = std::complex<float>;
  const size_t n = static_cast<size_t>(n_fft);
  Scratch scratch(2 * n * sizeof(Complex) + static_cast<size_t>(bins()) * sizeof(float));
  Complex* in = scratch.as<Complex>();
  Complex* out = in + n;
  float* spectrum = reinterpret_cast<float*>(out + n);
  const bool squared = power == 2;
  const float half_power = static_cast<float>(power / 2);
  const auto value = [&](int64_t t, int64_t i) {
    const int64_t at = t * hop_ + i - n_fft / 2;
    const bool inside = at >= 0 && at < length_;
    return sound[inside ? at : reflected(at, length_)] * window_[static_cast<size_t>(i)];
  };
  for (int64_t t = 0; t < frames_; t += 2) {
    // Two real frames are one complex one: their spectra are its even and odd parts.
    const bool two = t + 1 < frames_;
    for (int64_t i = 0; i < n_fft; ++i) in[i] = {value(t, i), two ? value(t + 1, i) : 0.0F};
    fourier_->transform(in, out);
    for (int64_t which = 0; which < (two ? 2 : 1); ++which) {
      for (int64_t k = 0; k < bins(); ++k) {
        const Complex a = out[k], b = std::conj(out[k == 0 ? 0 : n_fft - k]);
        const Complex x = (which == 0 ? a + b : a - b) * 0.5F;
        const float square = x.real() * x.real() + x.imag() * x.imag();
        spectrum[k] = squared ? square : std::pow(square, half_power);
      }
      take(t + which, spectrum);
    }
  }
}

void Spectrogram::rescale(float* values, int64_t rows) const {
  const int64_t count = rows * frames_;
  if (scale == "log") {
    for (int64_t i = 0; i < count; ++i) values[i] = std::log(values[i] + 1e-6F);
  } else if (scale == "db") {
    float loudest = -std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < count; ++i) {
      values[i] = 10 * std::log10(std::max(values[i], 1e-10F));
      loudest = std::max(loudest, values[i]);
    }
    const float least = loudest - static_cast<float>(top_db);
    for (int64_t i = 0; i < count; ++i) values[i] = std::max(values[i], least);
  }
}

TensorSpec Spectrogram::prepare(const TensorSpec& in) {
  plan("spectrogram", in);
  return result(in, bins());
}

void Spectrogram::apply(const void* in, void* out, RandomStream&) const {
  float* y = static_cast<float*>(out);
  each_frame(static_cast<const float*>(in), [&](int64_t t, const float* spectrum) {
    for (int64_t k = 0; k < bins(); ++k) y[k * frames_ + t] = spectrum[k];
  });
  rescale(y, bins());
}

std::vector<Field> MelSpectrogram::mel_fields() {
  std::vector<Field> list = {
      field<&MelSpectrogram::sample_rate>("sample_rate", "values per second of the sound", between(1, 1e7)),
      field<&MelSpectrogram::n_mels>("n_mels", "number of bands", between(1, 4096)),
      field<&MelSpectrogram::f_min>("f_min", "lowest frequency in hertz", non_negative()),
      field<&MelSpectrogram::f_max>("f_max", "highest frequency; half of sample_rate when not given",
                                    positive()),
  };
  for (Field& f : common_fields()) list.push_back(std::move(f));
  return list;
}

Fields MelSpectrogram::fields() {
  static const std::vector<Field> list = mel_fields();
  return list;
}

void MelSpectrogram::plan_bands(const char* name, const TensorSpec& in) {
  plan(name, in);
  const double top = f_max.value_or(static_cast<double>(sample_rate / 2));
  if (f_min >= top)
    fail(ErrorKind::kConfig, "{}: f_min is {}; expected less than f_max, {}", name, f_min, top);
  std::vector<double> corners;
  for (int64_t i = 0; i < n_mels + 2; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(n_mels + 1);
    corners.push_back(from_mel(to_mel(f_min) + part * (to_mel(top) - to_mel(f_min))));
  }
  bands_.assign(static_cast<size_t>(n_mels), {});
  const double width =
      static_cast<double>(sample_rate / 2) / static_cast<double>(std::max<int64_t>(bins() - 1, 1));
  for (size_t m = 0; m < bands_.size(); ++m) {
    for (int64_t k = 0; k < bins(); ++k) {
      const double f = width * static_cast<double>(k);
      const double up = (f - corners[m]) / (corners[m + 1] - corners[m]);
      const double down = (corners[m + 2] - f) / (corners[m + 2] - corners[m + 1]);
      const double weight = std::max(0.0, std::min(up, down));
      if (weight > 0) {
        if (bands_[m].weights.empty()) bands_[m].first = k;
        bands_[m].weights.push_back(static_cast<float>(weight));
      }
    }
  }
}

void MelSpectrogram::mel(const float* sound, float* out) const {
  each_frame(sound, [&](int64_t t, const float* spectrum) {
    for (size_t m = 0; m < bands_.size(); ++m) {
      const Band& band = bands_[m];
      float sum = 0;
      for (size_t k = 0; k < band.weights.size(); ++k)
        sum += band.weights[k] * spectrum[static_cast<size_t>(band.first) + k];
      out[static_cast<int64_t>(m) * frames() + t] = sum;
    }
  });
  rescale(out, n_mels);
}

TensorSpec MelSpectrogram::prepare(const TensorSpec& in) {
  plan_bands("mel_spectrogram", in);
  return result(in, n_mels);
}

void MelSpectrogram::apply(const void* in, void* out, RandomStream&) const {
  mel(static_cast<const float*>(in), static_cast<float*>(out));
}

Fields Mfcc::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> all = {
        field<&Mfcc::n_mfcc>("n_mfcc", "number of coefficients, at most n_mels", between(1, 4096))};
    for (Field& f : mel_fields()) all.push_back(std::move(f));
    return all;
  }();
  return list;
}

TensorSpec Mfcc::prepare(const TensorSpec& in) {
  plan_bands("mfcc", in);
  if (n_mfcc > n_mels)
    fail(ErrorKind::kConfig, "mfcc: n_mfcc is {}; expected at most n_mels, {}", n_mfcc, n_mels);
  const double n = static_cast<double>(n_mels);
  cosines_.clear();
  for (int64_t k = 0; k < n_mfcc; ++k) {
    for (int64_t m = 0; m < n_mels; ++m) {
      const double angle = std::numbers::pi / n * (static_cast<double>(m) + 0.5) * static_cast<double>(k);
      cosines_.push_back(static_cast<float>(std::cos(angle) * std::sqrt((k == 0 ? 1 : 2) / n)));
    }
  }
  return result(in, n_mfcc);
}

void Mfcc::apply(const void* in, void* out, RandomStream&) const {
  Scratch scratch(static_cast<size_t>(n_mels * frames()) * sizeof(float));
  float* bands = scratch.as<float>();
  mel(static_cast<const float*>(in), bands);
  float* y = static_cast<float*>(out);
  for (int64_t k = 0; k < n_mfcc; ++k, y += frames()) {
    std::fill_n(y, frames(), 0.0F);
    for (int64_t m = 0; m < n_mels; ++m) {
      const float w = cosines_[static_cast<size_t>(k * n_mels + m)];
      const float* from = bands + m * frames();
      for (int64_t t = 0; t < frames(); ++t) y[t] += w * from[t];
    }
  }
}

Fields SpecAugment::fields() {
  static const Field list[] = {
      field<&SpecAugment::freq_masks>("freq_masks", "number of bands of frequencies", between(0, 1000)),
      field<&SpecAugment::freq_width>("freq_width", "rows of a band, fewer than", between(1, 1e6)),
      field<&SpecAugment::time_masks>("time_masks", "number of stretches of time", between(0, 1000)),
      field<&SpecAugment::time_width>("time_width", "columns of a stretch, fewer than", between(1, 1e6)),
      field<&SpecAugment::value>("value", "value that replaces them"),
  };
  return list;
}

TensorSpec SpecAugment::prepare(const TensorSpec& in) {
  if (in.rank() != 2 && !(in.rank() == 3 && in.dim(0) == 1))
    fail(ErrorKind::kShape, "spec_augment expects a spectrogram [F, T] or [1, F, T], got {}", spec_text(in));
  if (in.dtype != DType::kFloat32)
    fail(ErrorKind::kDtype, "spec_augment expects float32 values, got {}", spec_text(in));
  rows_ = in.dim(in.rank() - 2);
  columns_ = in.dim(in.rank() - 1);
  if (freq_width > rows_ || time_width > columns_) {
    fail(ErrorKind::kShape,
         "spec_augment: masks of up to {} rows and {} columns are larger than the spectrogram {}", freq_width,
         time_width, spec_text(in));
  }
  return in;
}

void SpecAugment::apply(const void* in, void* out, RandomStream& random) const {
  const float* x = static_cast<const float*>(in);
  float* y = static_cast<float*>(out);
  std::copy_n(x, rows_ * columns_, y);
  const float fill = static_cast<float>(value);
  const auto draw = [&](int64_t width, int64_t size, int64_t& begin, int64_t& end) {
    const double extent = random.uniform_double() * static_cast<double>(width);
    begin = static_cast<int64_t>(random.uniform_double() * (static_cast<double>(size) - extent));
    end = begin + static_cast<int64_t>(extent);
  };
  int64_t begin = 0, end = 0;
  for (int64_t i = 0; i < freq_masks; ++i) {
    draw(freq_width, rows_, begin, end);
    std::fill(y + begin * columns_, y + end * columns_, fill);
  }
  for (int64_t i = 0; i < time_masks; ++i) {
    draw(time_width, columns_, begin, end);
    for (int64_t row = 0; row < rows_; ++row)
      std::fill(y + row * columns_ + begin, y + row * columns_ + end, fill);
  }
}

}  // namespace dlb::data
