/// The random side of colour transforms, containers and automatic augmentation; their pixels are in
/// torchvision_test.cpp.

#include <cmath>
#include <map>
#include <set>

#include "data/transform_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

RngKey sample_key(uint32_t i) { return {5, RngPurpose::kAugment, 3, i}; }
const TensorSpec kBytes = data::image_spec(3, 6, 7, DType::kUInt8);
const TensorSpec kFloats = data::image_spec(3, 6, 7, DType::kFloat32);

/// How often `yaml` changes a picture, of `n`.
int changed(const std::string& yaml, int n = 400) {
  const Picture p = noise_picture(3, 6, 7);
  int count = 0;
  for (uint32_t i = 0; i < static_cast<uint32_t>(n); ++i)
    count += apply(yaml, p, DType::kUInt8, sample_key(i)).values == p.values ? 0 : 1;
  return count;
}

}  // namespace

TEST_CASE("changes happen with their probability") {
  CHECK(changed("invert") == 400);
  CHECK(changed("{invert: 0}") == 0);
  CHECK(std::abs(changed("{invert: 0.3}") - 120) < 40);
  CHECK(std::abs(changed("random_grayscale") - 40) < 25);
  CHECK(std::abs(changed("{random_apply: {transforms: [invert, {posterize: 2}], p: 0.25}}") - 100) < 40);
  CHECK(std::abs(changed("{random_perspective: {p: 0.5}}") - 200) < 45);
  CHECK(changed("color_jitter") == 0);
  CHECK(changed("{rand_augment: {num_ops: 0}}") == 0);
}

TEST_CASE("color_jitter draws its factors evenly from their ranges") {
  const Picture p = picture(1, 1, 1, [](auto, auto, auto) { return 0.5; });
  double low = 1, high = 0, sum = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    const double v =
        static_cast<double>(
            apply("{color_jitter: {brightness: 0.4}}", p, DType::kFloat32, sample_key(i)).values[0]) /
        0.5;
    low = std::min(low, v);
    high = std::max(high, v);
    sum += v / 1000;
  }
  CHECK(low >= 0.6 - 1e-6);
  CHECK(low < 0.61);
  CHECK(high <= 1.4 + 1e-6);
  CHECK(high > 1.39);
  CHECK(std::abs(sum - 1) < 0.03);
  // All four at once keep to the range of values.
  const Picture noise = noise_picture(3, 6, 7);
  for (uint32_t i = 0; i < 50; ++i) {
    const Picture out = apply("{color_jitter: {brightness: 0.9, contrast: 0.9, saturation: 0.9, hue: 0.5}}",
                              noise, DType::kUInt8, sample_key(i));
    for (const float v : out.values) REQUIRE((v >= 0 && v <= 255));
  }
}

TEST_CASE("random_resized_crop is a crop and a resize of the numbers drawn") {
  const Picture p = noise_picture(3, 20, 31);
  int inside = 0;
  for (uint32_t i = 0; i < 50; ++i) {
    RandomStream random(sample_key(i));
    int64_t height = 0, width = 0, top = 0, left = 0;
    for (int k = 0; k < 10 && height == 0; ++k) {
      const double area = 20 * 31 * (0.08 + 0.92 * random.uniform_double());
      const double low = std::log(0.75), high = std::log(4.0 / 3);
      const double ratio = std::exp(low + (high - low) * random.uniform_double());
      const int64_t w = std::lrint(std::sqrt(area * ratio)), h = std::lrint(std::sqrt(area / ratio));
      if (w < 1 || h < 1 || w > 31 || h > 20) continue;
      height = h;
      width = w;
      top = static_cast<int64_t>(random.below(static_cast<uint64_t>(20 - h + 1)));
      left = static_cast<int64_t>(random.below(static_cast<uint64_t>(31 - w + 1)));
    }
    if (height == 0) continue;
    ++inside;
    const Picture window =
        picture(3, height, width, [&](auto y, auto x, auto c) { return p.at(y + top, x + left, c); });
    for (const char* kind : {"bilinear", "nearest"}) {
      const std::string how = fmt::format("size: [9, 8], interpolation: {}", kind);
      CHECK(apply("{random_resized_crop: {" + how + "}}", p, DType::kUInt8, sample_key(i)).values ==
            dlb::test::apply("{resize: {" + how + "}}", window).values);
    }
  }
  CHECK(inside > 40);
  // Where no window of the area fits, the middle: of a line, what the ratio allows.
  const Picture line = noise_picture(1, 2, 90);
  const Picture middle = picture(1, 2, 3, [&](auto y, auto x, auto c) { return line.at(y, x + 43, c); });
  CHECK(apply("{random_resized_crop: {size: [2, 3], scale: [1, 1]}}", line).values == middle.values);
}

TEST_CASE("random_choice takes each of its transforms as often as its weight says") {
  const Picture p = picture(1, 1, 1, [](auto, auto, auto) { return 100; });
  const auto counts = [&](const std::string& yaml) {
    std::map<float, int> seen;
    for (uint32_t i = 0; i < 1000; ++i) ++seen[apply(yaml, p, DType::kUInt8, sample_key(i)).values[0]];
    return seen;
  };
  auto seen = counts("{random_choice: [invert, {solarize: 0}, {posterize: 1}, {solarize: 255}]}");
  CHECK(std::abs(seen[155] - 500) < 60);
  CHECK(std::abs(seen[0] - 250) < 50);
  CHECK(std::abs(seen[100] - 250) < 50);
  seen = counts("{random_choice: {transforms: [invert, {posterize: 1}, {solarize: 255}], p: [1, 3, 0]}}");
  CHECK(std::abs(seen[155] - 250) < 50);
  CHECK(std::abs(seen[0] - 750) < 50);
  CHECK(seen[100] == 0);
}

TEST_CASE("rand_augment and trivial_augment make many different pictures of one") {
  const Picture p = noise_picture(3, 16, 16);
  for (const std::string yaml :
       {"rand_augment", "trivial_augment", "{rand_augment: {num_ops: 3, magnitude: 30}}"}) {
    std::set<std::vector<float>> seen;
    for (uint32_t i = 0; i < 200; ++i) seen.insert(apply(yaml, p, DType::kUInt8, sample_key(i)).values);
    CHECK(seen.size() > 90);
    CHECK(apply(yaml, p, DType::kUInt8, sample_key(7)).values ==
          apply(yaml, p, DType::kUInt8, sample_key(7)).values);
  }
}

TEST_CASE("what transforms of colour refuse") {
  CHECK_THAT(prepare_report("equalize", kFloats),
             Contains("equalize expects uint8 values") && Contains("put it before to_float"));
  CHECK_THAT(prepare_report("{posterize: 9}", kBytes), Contains("bits"));
  CHECK_THAT(prepare_report("{solarize: 2}", kFloats), Contains("threshold 2 is above 1"));
  CHECK_THAT(prepare_report("{gaussian_blur: 4}", kBytes), Contains("kernel_size must be odd"));
  CHECK_THAT(prepare_report("{gaussian_blur: 13}", kBytes), Contains("a kernel of 13x13 is too large"));
  CHECK_THAT(prepare_report("{gaussian_blur: {kernel_size: 3, sigma: [2, 1]}}", kBytes),
             Contains("smaller value first"));
  CHECK_THAT(prepare_report("{color_jitter: {contrast: [2, 1]}}", kBytes),
             Contains("contrast must give the smaller value first"));
  CHECK_THAT(prepare_report("{color_jitter: {hue: -0.1}}", kBytes),
             Contains("hue is -0.1; expected 0 to 0.5"));
  CHECK_THAT(prepare_report("invert", data::image_spec(2, 3, 3, DType::kUInt8)), Contains("1 or 3 channels"));
  CHECK_THAT(prepare_report("rand_augment", kFloats), Contains("rand_augment expects uint8 values"));
  CHECK_THAT(prepare_report("{rand_augment: {magnitude: 31}}", kBytes),
             Contains("magnitude is 31; expected 0 to 30"));
  CHECK_THAT(prepare_report("{random_apply: {transforms: [{center_crop: 3}]}}", kBytes),
             Contains("they must keep the shape"));
  CHECK_THAT(prepare_report("{random_apply: {transforms: [{invrt: 3}]}}", kBytes),
             Contains("did you mean 'invert'"));
  CHECK_THAT(prepare_report("{random_apply: []}", kBytes), Contains("at least one transform"));
  CHECK_THAT(prepare_report("{random_choice: [invert, {center_crop: 3}]}", kBytes),
             Contains("number 2 makes"));
  CHECK_THAT(prepare_report("{random_choice: {transforms: [invert], p: [1, 2]}}", kBytes),
             Contains("p has 2 weights"));
  CHECK_THAT(prepare_report("{random_rotation: -3}", kBytes), Contains("degrees is -3"));
  CHECK_THAT(prepare_report("{random_rotation: [3, 1]}", kBytes), Contains("smaller value first"));
  CHECK_THAT(prepare_report("{random_affine: {shear: [1, 2, 3]}}", kBytes), Contains("shear has 3 values"));
  CHECK_THAT(prepare_report("{random_resized_crop: {size: 3, scale: [0.5, 0.1]}}", kBytes),
             Contains("smaller value first"));
  CHECK_THAT(prepare_report("{pad: {padding: 7, mode: reflect}}", kBytes),
             Contains("cannot be wider than the image"));
  CHECK_THAT(prepare_report("{resize: {size: [3, 4], max_size: 9}}", kBytes),
             Contains("max_size needs a size of one value"));
  CHECK_THAT(prepare_report("{grayscale: 2}", kBytes), Contains("channels is 2; expected 1 or 3"));
}
