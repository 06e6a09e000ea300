#include "dlb/data/colour_transforms.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

Field p_field() { return field<&Adjustment::p>("p", "probability that it is done", between(0, 1)); }

void check_bytes(const char* name, const TensorSpec& in) {
  if (in.dtype == DType::kUInt8) return;
  Error error(ErrorKind::kDtype, fmt::format("{} expects uint8 values, got {}", name, spec_text(in)));
  error.hint = "put it before to_float, or into augment";
  throw error;
}

}  // namespace

TensorSpec Adjustment::prepare(const TensorSpec& in) {
  in_ = image_of(name(), in);
  if (in_.channels != 1 && in_.channels != 3)
    fail(ErrorKind::kShape, "{} expects an image of 1 or 3 channels, got {}", name(), spec_text(in));
  type_ = in.dtype;
  check(in);
  return in;
}

void Adjustment::apply(const void* in, void* out, RandomStream& random) const {
  const PixelRun run{type_, in_, in, out};
  if (p < 1 && !(random.uniform_double() < p)) {
    std::memcpy(out, in, run.bytes());
  } else {
    adjust(run, random);
  }
}

Fields ColorJitter::fields() {
  static const Field list[] = {
      field<&ColorJitter::brightness>("brightness",
                                      "change of brightness: b for factors 1 - b to 1 + b, or [low, high]",
                                      items(non_negative(), 1, 2)),
      field<&ColorJitter::contrast>("contrast", "change of contrast, likewise", items(non_negative(), 1, 2)),
      field<&ColorJitter::saturation>("saturation", "change of saturation, likewise",
                                      items(non_negative(), 1, 2)),
      field<&ColorJitter::hue>("hue",
                               "turn of hue: h for -h to h, or [low, high]; 0.5 is half the colour circle",
                               items(between(-0.5, 0.5), 1, 2)),
      p_field(),
  };
  return list;
}

namespace {

/// The range of factors that the field means; empty when it leaves the image alone.
std::vector<double> factors(const std::vector<double>& given) {
  if (given.size() == 2) return given;
  if (given[0] == 0) return {};
  return {std::max(0.0, 1 - given[0]), 1 + given[0]};
}

std::vector<double> turns(const std::vector<double>& given) {
  if (given.size() == 2) return given;
  if (given[0] == 0) return {};
  return {-given[0], given[0]};
}

}  // namespace

void ColorJitter::check(const TensorSpec&) const {
  const std::pair<const char*, const std::vector<double>*> ranges[] = {
      {"brightness", &brightness}, {"contrast", &contrast}, {"saturation", &saturation}, {"hue", &hue}};
  for (const auto& [key, range] : ranges) {
    if (range->front() > range->back())
      fail(ErrorKind::kConfig, "color_jitter: {} must give the smaller value first", key);
  }
  if (hue.size() == 1 && hue[0] < 0)
    fail(ErrorKind::kConfig, "color_jitter: hue is {}; expected 0 to 0.5, or [low, high]", hue[0]);
}

void ColorJitter::adjust(const PixelRun& run, RandomStream& random) const {
  using Change = void (*)(const PixelRun&, double);
  struct Step {
    Change change;
    double amount;
  };
  std::array<Step, 4> steps{};
  size_t count = 0;
  const std::pair<std::vector<double>, Change> all[] = {{factors(brightness), &adjust_brightness},
                                                        {factors(contrast), &adjust_contrast},
                                                        {factors(saturation), &adjust_saturation},
                                                        {turns(hue), &adjust_hue}};
  for (const auto& [range, change] : all) {
    if (!range.empty()) steps[count++] = {change, draw(range, random)};
  }
  for (size_t i = count; i > 1; --i) std::swap(steps[i - 1], steps[random.below(i)]);

  if (count == 0) std::memcpy(run.out, run.in, run.bytes());
  Scratch scratch(run.bytes());
  PixelRun now = run;
  for (size_t i = 0; i < count; ++i) {
    // Back and forth, so that the last step writes to the result.
    now.out = (count - 1 - i) % 2 == 0 ? run.out : scratch.data();
    steps[i].change(now, steps[i].amount);
    now.in = now.out;
  }
}

Fields Invert::fields() {
  static const Field list[] = {p_field()};
  return list;
}

Fields Posterize::fields() {
  static const Field list[] = {field<&Posterize::bits>("bits", "high bits that are kept", between(0, 8)),
                               p_field()};
  return list;
}

void Posterize::check(const TensorSpec& in) const { check_bytes("posterize", in); }

Fields Solarize::fields() {
  static const Field list[] = {
      field<&Solarize::threshold>("threshold",
                                  "smallest value that is inverted: of bytes 0 to 255, of floats 0 to 1",
                                  between(0, 255)),
      p_field()};
  return list;
}

void Solarize::check(const TensorSpec& in) const {
  if (in.dtype != DType::kUInt8 && threshold > 1)
    fail(ErrorKind::kConfig, "solarize: threshold {} is above 1, the largest value of {}", threshold,
         spec_text(in));
}

Fields AdjustSharpness::fields() {
  static const Field list[] = {
      required<&AdjustSharpness::factor>("factor", "0 smooth, 1 as it is, 2 twice as sharp", non_negative()),
      p_field()};
  return list;
}

Fields Autocontrast::fields() {
  static const Field list[] = {p_field()};
  return list;
}

Fields Equalize::fields() {
  static const Field list[] = {p_field()};
  return list;
}

void Equalize::check(const TensorSpec& in) const { check_bytes("equalize", in); }

Fields GaussianBlur::fields() {
  static const Field list[] = {
      required<&GaussianBlur::kernel_size>("kernel_size",
                                           "pixels that are averaged, odd: one for both, or [height, width]",
                                           items(between(1, 255), 1, 2)),
      field<&GaussianBlur::sigma>("sigma", "standard deviation in pixels: one, or [low, high]",
                                  items(positive(), 1, 2)),
      p_field(),
  };
  return list;
}

void GaussianBlur::check(const TensorSpec& in) const {
  if (first_of(kernel_size) % 2 == 0 || second_of(kernel_size) % 2 == 0)
    fail(ErrorKind::kConfig, "gaussian_blur: kernel_size must be odd");
  if (sigma.front() > sigma.back())
    fail(ErrorKind::kConfig, "gaussian_blur: sigma must give the smaller value first");
  if (first_of(kernel_size) / 2 >= in_.height || second_of(kernel_size) / 2 >= in_.width) {
    fail(ErrorKind::kShape, "gaussian_blur: a kernel of {}x{} is too large for the image {}",
         first_of(kernel_size), second_of(kernel_size), spec_text(in));
  }
}

void GaussianBlur::adjust(const PixelRun& run, RandomStream& random) const {
  gaussian_blur(run, first_of(kernel_size), second_of(kernel_size), draw(sigma, random));
}

Fields RandomGrayscale::fields() {
  static const Field list[] = {p_field()};
  return list;
}

}  // namespace dlb::data
