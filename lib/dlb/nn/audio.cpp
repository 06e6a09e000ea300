#include "dlb/nn/audio.h"

#include <algorithm>
#include <cmath>

#include "dlb/nn/named_inputs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/join.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/signal.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

std::vector<Field> transform_fields() {
  using T = SpectrumBase;
  return {
      field<&T::n_fft>("n_fft", "samples of each transform", between(1, 1 << 20)),
      field<&T::win_length>("win_length", "samples of the window; n_fft when not given", positive()),
      field<&T::hop_length>("hop_length", "samples between frames; half the window when not given",
                            positive()),
      field<&T::window>("window", "shape of the window", one_of({"hann", "hamming", "blackman", "ones"})),
      field<&T::center>("center", "frame t is centred at t hop_length; the ends are mirrored"),
      field<&T::normalized>("normalized", "divide by the root of the window's energy"),
  };
}

std::vector<Field> spectrum_fields() {
  using T = SpectrumBase;
  std::vector<Field> all = transform_fields();
  all.push_back(field<&T::power>("power", "1 for magnitudes, 2 for energies", positive()));
  all.push_back(field<&T::log>("log", "log(x + 1e-6) of the result"));
  return all;
}

// Slaney's scale is linear up to 1000 Hz and logarithmic above.
constexpr double kLinearStep = 200.0 / 3;
constexpr double kLogStart = 1000;
constexpr double kLogMel = kLogStart / kLinearStep;
const double kLogStep = std::log(6.4) / 27;

double to_mel(double hertz, bool slaney) {
  if (!slaney) return 2595 * std::log10(1 + hertz / 700);
  return hertz < kLogStart ? hertz / kLinearStep : kLogMel + std::log(hertz / kLogStart) / kLogStep;
}
double to_hertz(double mel, bool slaney) {
  if (!slaney) return 700 * (std::pow(10.0, mel / 2595) - 1);
  return mel < kLogMel ? mel * kLinearStep : kLogStart * std::exp(kLogStep * (mel - kLogMel));
}

}  // namespace

void SpectrumBase::build_spectrum(Build& b, std::string_view layer) {
  const TensorSpec& x = b.input();
  b.expect(x.rank() == 2 || (x.rank() == 3 && x.dim(1) == 1), layer, "[N, samples] or [N, 1, samples]");
  const int64_t length = win_length.value_or(n_fft);
  if (length > n_fft)
    fail(ErrorKind::kConfig, "{}.win_length must be at most n_fft {}, got {}", layer, n_fft, length);
  window_ = window == "hann"       ? window::hann(length, true, DType::kFloat64)
            : window == "hamming"  ? window::hamming(length, true, 0.54, 0.46, DType::kFloat64)
            : window == "blackman" ? window::blackman(length, true, DType::kFloat64)
                                   : ones({length}, DType::kFloat64);
  if (normalized) {
    double energy = 0;
    for (const double w : window_.to_vector<double>()) energy += w * w;
    window_ = window_ * (1 / std::sqrt(energy));
  }
  window_ = cast(window_, x.dtype);
}

Complex SpectrumBase::transformed(const Tensor& x) const {
  StftOptions o;
  o.n_fft = n_fft;
  o.win_length = win_length.value_or(n_fft);
  o.hop_length = hop_length.value_or(std::max<int64_t>(*o.win_length / 2, 1));
  o.window = window_;
  o.center = center;
  return stft(x.rank() == 3 ? squeeze(x, 1) : x, o);
}

Tensor SpectrumBase::spectrum(const Tensor& x) const {
  const Complex z = transformed(x);
  const Tensor energy = add(square(z.re), square(z.im));
  if (power == 2) return energy;
  // The norm has a gradient at 0 where the root of the energy has none.
  const Tensor magnitude = lp_norm(stack({z.re, z.im}, 0), 2, {0});
  return power == 1 ? magnitude : pow(magnitude, power);
}

Tensor SpectrumBase::scaled(const Tensor& x) const { return log ? dlb::log(add(x, 1e-6)) : x; }

Fields Stft::fields() {
  static const std::vector<Field> list = transform_fields();
  return list;
}
Outputs Stft::run(Context& /*c*/, Inputs inputs) {
  Complex z = transformed(inputs[0]);
  Outputs out;
  out.push_back(std::move(z.re));
  out.push_back(std::move(z.im));
  return out;
}

Fields Spectrogram::fields() {
  static const std::vector<Field> list = spectrum_fields();
  return list;
}
Tensor Spectrogram::forward(Context& /*c*/, const Tensor& x) { return scaled(spectrum(x)); }

Fields MelSpectrogram::fields() {
  static const std::vector<Field> list = [] {
    using T = MelSpectrogram;
    std::vector<Field> all = spectrum_fields();
    all.insert(all.begin(), {field<&T::n_mels>("n_mels", "number of bands", between(1, 1 << 16)),
                             field<&T::sample_rate>("sample_rate", "samples per second", positive())});
    all.push_back(field<&T::f_min>("f_min", "lowest frequency in Hz", non_negative()));
    all.push_back(field<&T::f_max>("f_max", "highest; half the sample rate when not given", positive()));
    all.push_back(field<&T::mel_scale>("mel_scale", "formula of the scale", one_of({"htk", "slaney"})));
    all.push_back(
        field<&T::norm>("norm", "`slaney`: divide each band by its width", one_of({"none", "slaney"})));
    return all;
  }();
  return list;
}

void MelSpectrogram::build(Build& b) {
  build_spectrum(b, "mel_spectrogram");
  const double high = f_max.value_or(static_cast<double>(sample_rate) / 2);
  if (f_min >= high)
    fail(ErrorKind::kConfig, "mel_spectrogram needs f_min below f_max {}, got {}", high, f_min);
  const bool slaney = mel_scale == "slaney";
  const double first = to_mel(f_min, slaney), last = to_mel(high, slaney);
  std::vector<double> edges;
  for (int64_t i = 0; i < n_mels + 2; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(n_mels + 1);
    edges.push_back(to_hertz(first + (last - first) * share, slaney));
  }
  const int64_t bins = n_fft / 2 + 1;
  if (n_mels > (int64_t{1} << 26) / bins) {
    fail(ErrorKind::kConfig, "mel_spectrogram with {} bands of {} frequencies is too large", n_mels, bins);
  }
  std::vector<double> weights;
  for (size_t m = 0; m < static_cast<size_t>(n_mels); ++m) {
    const double left = edges[m], middle = edges[m + 1], right = edges[m + 2];
    for (int64_t k = 0; k < bins; ++k) {
      const double step =
          static_cast<double>(sample_rate / 2) / static_cast<double>(std::max<int64_t>(bins - 1, 1));
      const double f = static_cast<double>(k) * step;
      const double w = std::max(0.0, std::min((f - left) / (middle - left), (right - f) / (right - middle)));
      weights.push_back(norm == "slaney" ? w * 2 / (right - left) : w);
    }
  }
  filters_ = cast(Tensor::from(weights, {n_mels, bins}), b.input().dtype);
}

Tensor MelSpectrogram::forward(Context& /*c*/, const Tensor& x) {
  return scaled(matmul(filters_, spectrum(x)));
}

}  // namespace dlb::nn
