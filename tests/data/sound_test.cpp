/// Transforms of sound beside values computed from the published formulas (tests/golden/make_sound.py), and
/// those that draw numbers.

#include <cmath>
#include <set>

#include "data/transform_support.h"
#include "support/golden.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;
using golden::Json;

namespace {

RngKey sample_key(uint32_t i) { return {5, RngPurpose::kAugment, 3, i}; }
const TensorSpec kSound = make_spec({1, 700}, DType::kFloat32);

std::vector<float> ramp(int64_t n) {
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(i + 1));
  return values;
}

}  // namespace

TEST_CASE("features of sound are those of the published formulas") {
  const Json file = golden::load("sound.json");
  const auto sound = file["sound"].get<std::vector<float>>();
  for (const Json& c : file["cases"]) {
    INFO(c["transform"].dump());
    const auto shape = c["shape"].get<std::vector<int64_t>>();
    Shape expected;
    for (const int64_t size : shape) expected.push_back(size);
    const Result plain = apply(c["transform"].dump(), make_spec({700}, DType::kFloat32), sound);
    CHECK(plain.spec.shape == expected);
    const auto out = c["out"].get<std::vector<double>>();
    REQUIRE(plain.values.size() == out.size());
    double worst = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const double d = std::abs(plain.values[i] - out[i]) / (1 + 1e-3 * std::abs(out[i]));
      if (!(d <= worst)) worst = d;
    }
    CHECK(worst <= c["atol"].get<double>());
    // With a channel in front the values are the same.
    const Result channel = apply(c["transform"].dump(), kSound, sound);
    expected.insert(0, 1);
    CHECK(channel.spec.shape == expected);
    CHECK(channel.values == plain.values);
  }
}

TEST_CASE("pad_or_trim keeps the start, the middle or the end") {
  const auto trimmed = [](const std::string& yaml, int64_t n) {
    return apply(yaml, make_spec({n}, DType::kFloat32), ramp(n)).values;
  };
  CHECK(trimmed("{pad_or_trim: 3}", 5) == std::vector<double>{1, 2, 3});
  CHECK(trimmed("{pad_or_trim: 5}", 3) == std::vector<double>{1, 2, 3, 0, 0});
  CHECK(trimmed("{pad_or_trim: {length: 3, align: center}}", 5) == std::vector<double>{2, 3, 4});
  CHECK(trimmed("{pad_or_trim: {length: 5, align: center, value: 9}}", 3) ==
        std::vector<double>{9, 1, 2, 3, 9});
  CHECK(trimmed("{pad_or_trim: {length: 3, align: end}}", 5) == std::vector<double>{3, 4, 5});
  CHECK(trimmed("{pad_or_trim: {length: 5, align: end}}", 3) == std::vector<double>{0, 0, 1, 2, 3});
  CHECK(trimmed("{pad_or_trim: 4}", 4) == std::vector<double>{1, 2, 3, 4});
  std::set<double> starts;
  for (uint32_t i = 0; i < 200; ++i) {
    const Result r = apply("{pad_or_trim: {length: 3, align: random}}", make_spec({5}, DType::kFloat32),
                           ramp(5), sample_key(i));
    REQUIRE(r.values[2] == r.values[0] + 2);
    starts.insert(r.values[0]);
  }
  CHECK(starts == std::set<double>{1, 2, 3});
  CHECK(apply("{pad_or_trim: 3}", make_spec({1, 5}, DType::kFloat32), ramp(5)).spec.shape == Shape{1, 3});
}

TEST_CASE("random changes of sound do what they say") {
  const TensorSpec spec = make_spec({4}, DType::kFloat32);
  std::set<std::vector<double>> seen;
  for (uint32_t i = 0; i < 300; ++i)
    seen.insert(apply("{random_time_shift: 2}", spec, ramp(4), sample_key(i)).values);
  CHECK(seen ==
        std::set<std::vector<double>>{{3, 4, 0, 0}, {2, 3, 4, 0}, {1, 2, 3, 4}, {0, 1, 2, 3}, {0, 0, 1, 2}});
  CHECK(apply("{random_time_shift: 0}", spec, ramp(4), sample_key(1)).values ==
        std::vector<double>{1, 2, 3, 4});

  const TensorSpec large = make_spec({1, 20000}, DType::kFloat32);
  const Result noisy = apply("{random_noise: 0.5}", large, std::vector<float>(20000, 2.0F), sample_key(3));
  double mean = 0, square = 0;
  for (const double v : noisy.values) {
    mean += v / 20000;
    square += (v - 2) * (v - 2) / 20000;
  }
  CHECK(std::abs(mean - 2) < 0.02);
  CHECK(std::abs(std::sqrt(square) - 0.5) < 0.02);

  double low = 100, high = -100;
  for (uint32_t i = 0; i < 300; ++i) {
    const Result r = apply("{random_gain: 6}", spec, ramp(4), sample_key(i));
    CHECK(r.values[3] == Approx(4 * r.values[0]));
    low = std::min(low, 20 * std::log10(r.values[0]));
    high = std::max(high, 20 * std::log10(r.values[0]));
  }
  CHECK(low > -6.001);
  CHECK(low < -5.5);
  CHECK(high < 6.001);
  CHECK(high > 5.5);
}

TEST_CASE("spec_augment blanks out bands and stretches, and nothing else") {
  const TensorSpec spec = data::image_spec(1, 10, 30, DType::kFloat32);
  std::set<size_t> rows, columns;
  for (uint32_t i = 0; i < 200; ++i) {
    const Result r =
        apply("{spec_augment: {freq_masks: 1, freq_width: 4, time_masks: 1, time_width: 9, value: -1}}", spec,
              std::vector<float>(300, 5.0F), sample_key(i));
    size_t blank_rows = 0, blank_columns = 0, other = 0;
    for (size_t y = 0; y < 10; ++y) {
      bool all = true;
      for (size_t x = 0; x < 30; ++x) all = all && r.values[y * 30 + x] == -1;
      blank_rows += all ? 1 : 0;
    }
    for (size_t x = 0; x < 30; ++x) {
      bool all = true;
      for (size_t y = 0; y < 10; ++y) all = all && r.values[y * 30 + x] == -1;
      blank_columns += all ? 1 : 0;
    }
    for (const double v : r.values) other += v == 5 ? 1 : 0;
    REQUIRE(other == (10 - blank_rows) * (30 - blank_columns));
    rows.insert(blank_rows);
    columns.insert(blank_columns);
  }
  CHECK(rows == std::set<size_t>{0, 1, 2, 3});
  CHECK(columns == std::set<size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("what transforms of sound refuse") {
  const TensorSpec bytes = make_spec({1, 700}, DType::kUInt8);
  CHECK_THAT(prepare_report("{mel_spectrogram: {}}", data::image_spec(3, 4, 5, DType::kFloat32)),
             Contains("mel_spectrogram expects sound [T] or [1, T], got"));
  CHECK_THAT(prepare_report("{pad_or_trim: 4}", bytes), Contains("pad_or_trim expects float32 values"));
  CHECK_THAT(prepare_report("{spectrogram: 1400}", kSound),
             Contains("half of n_fft (700) must be less than the length"));
  CHECK_THAT(prepare_report("{spectrogram: {n_fft: 100, win_length: 101}}", kSound),
             Contains("win_length is 101; expected at most n_fft, 100"));
  CHECK_THAT(prepare_report("{mel_spectrogram: {f_min: 9000}}", kSound),
             Contains("f_min is 9000; expected less than f_max, 8000"));
  CHECK_THAT(prepare_report("{mfcc: {n_mfcc: 40, n_mels: 20}}", kSound),
             Contains("n_mfcc is 40; expected at most n_mels, 20"));
  CHECK_THAT(prepare_report("{resample: {from: 9999991, to: 9999973}}", kSound),
             Contains("larger common divisor"));
  CHECK_THAT(prepare_report("{resample: {from: 8000}}", kSound), Contains("to"));
  CHECK_THAT(prepare_report("{spec_augment: {}}", kSound),
             Contains("expects a spectrogram") || Contains("larger than"));
}
