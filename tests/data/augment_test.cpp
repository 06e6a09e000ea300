#include <cmath>
#include <numbers>
#include <set>

#include "data/transform_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

RngKey sample_key(uint32_t i) { return {5, RngPurpose::kAugment, 3, i}; }

/// Inverse mapping with bilinear sampling, pixel by pixel in double precision; 0 outside. Counter-clockwise
/// degrees.
Picture naive_affine(const Picture& p, double degrees, double scale, double shift_x, double shift_y) {
  const double a = degrees * std::numbers::pi / 180;
  const double cx = static_cast<double>(p.width - 1) / 2, cy = static_cast<double>(p.height - 1) / 2;
  const auto get = [&](double y, double x, int64_t c) {
    const int64_t yi = static_cast<int64_t>(y), xi = static_cast<int64_t>(x);
    return p.inside(yi, xi) ? static_cast<double>(p.at(yi, xi, c)) : 0.0;
  };
  return picture(p.channels, p.height, p.width, [&](auto row, auto column, auto c) {
    const double u = (static_cast<double>(column) - cx - shift_x) / scale,
                 v = (static_cast<double>(row) - cy - shift_y) / scale;
    const double x = std::cos(a) * u - std::sin(a) * v + cx, y = std::sin(a) * u + std::cos(a) * v + cy;
    const double fx = std::floor(x), fy = std::floor(y), wx = x - fx, wy = y - fy;
    return (1 - wy) * ((1 - wx) * get(fy, fx, c) + wx * get(fy, fx + 1, c)) +
           wy * ((1 - wx) * get(fy + 1, fx, c) + wx * get(fy + 1, fx + 1, c));
  });
}

double symmetric(RandomStream& random, double limit) { return (2 * random.uniform_double() - 1) * limit; }

}  // namespace

TEST_CASE("random_crop takes every place of the padded image and no other") {
  const Picture p = picture(3, 4, 5, [](auto y, auto x, auto c) { return 1 + 60 * c + 10 * y + x; });
  std::set<std::pair<int64_t, int64_t>> seen;
  for (uint32_t i = 0; i < 600; ++i) {
    const Picture out =
        apply("{random_crop: {size: [4, 5], padding: [2, 1], value: 250}}", p, DType::kUInt8, sample_key(i));
    RandomStream random(sample_key(i));
    const int64_t top = static_cast<int64_t>(random.below(5)) - 2,
                  left = static_cast<int64_t>(random.below(3)) - 1;
    seen.insert({top, left});
    const Picture expected = picture(3, 4, 5, [&](auto y, auto x, auto c) {
      return p.inside(y + top, x + left) ? p.at(y + top, x + left, c) : 250.0F;
    });
    REQUIRE(out.values == expected.values);
  }
  CHECK(seen.size() == 15);
  CHECK_THAT(prepare_report("{random_crop: {size: 7, padding: 1}}", data::image_spec(1, 4, 9, DType::kUInt8)),
             Contains("7x7 is larger") && Contains("6x11"));
  CHECK_THAT(prepare_report("random_crop", data::image_spec(1, 4, 9, DType::kUInt8)), Contains("size"));
}

TEST_CASE("random_flip mirrors with probability p") {
  const Picture p = noise_picture(3, 4, 5);
  const Picture across = picture(3, 4, 5, [&](auto y, auto x, auto c) { return p.at(y, 4 - x, c); });
  const Picture down = picture(3, 4, 5, [&](auto y, auto x, auto c) { return p.at(3 - y, x, c); });
  CHECK(apply("{random_flip: 1}", p).values == across.values);
  CHECK(apply("{random_flip: {p: 1, axis: vertical}}", p, DType::kFloat32).values == down.values);
  CHECK(apply("{random_flip: 0}", p).values == p.values);
  int flipped = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    const Picture out = apply("{random_flip: 0.3}", p, DType::kUInt8, sample_key(i));
    if (out.values == across.values) {
      ++flipped;
    } else {
      REQUIRE(out.values == p.values);
    }
  }
  CHECK(std::abs(flipped - 300) < 60);
  CHECK_THAT(prepare_report("{random_flip: 2}", data::image_spec(1, 4, 9, DType::kUInt8)), Contains("p"));
  CHECK_THAT(prepare_report("{random_flip: {axis: up}}", data::image_spec(1, 4, 9, DType::kUInt8)),
             Contains("axis"));
}

TEST_CASE("random_erasing replaces one rectangle of the share asked for") {
  const Picture p = picture(2, 20, 30, [](auto, auto, auto) { return 1; });
  int erased = 0;
  for (uint32_t i = 0; i < 200; ++i) {
    const Picture out =
        apply("{random_erasing: {p: 0.5, scale: [0.1, 0.2], value: 7}}", p, DType::kUInt8, sample_key(i));
    int64_t top = 20, bottom = -1, left = 30, right = -1, count = 0;
    for (int64_t y = 0; y < 20; ++y) {
      for (int64_t x = 0; x < 30; ++x) {
        REQUIRE(out.at(y, x, 0) == out.at(y, x, 1));
        if (out.at(y, x, 0) == 1) continue;
        REQUIRE(out.at(y, x, 0) == 7);
        ++count;
        top = std::min(top, y), bottom = std::max(bottom, y), left = std::min(left, x),
        right = std::max(right, x);
      }
    }
    if (count == 0) continue;
    ++erased;
    REQUIRE(count == (bottom - top + 1) * (right - left + 1));
    // Rounding of the sides moves the area.
    CHECK(count >= 600 / 10 - 15);
    CHECK(count <= 600 / 5 + 25);
  }
  CHECK(std::abs(erased - 100) < 35);
  CHECK_THAT(
      prepare_report("{random_erasing: {scale: [0.5, 0.1]}}", data::image_spec(1, 4, 9, DType::kUInt8)),
      Contains("smaller"));
}

TEST_CASE("the naive rotation of this test is PyTorch's") {
  // torchvision.transforms.functional, bilinear, torchvision 0.29: rotate(arange(20.)**2 as [1, 1, 4, 5], 90)
  // and affine(arange(16.)**2 as [1, 1, 4, 4], angle=30 (clockwise), translate=[1, 0], scale=1.2, shear=0).
  const std::vector<float> rotated = {6.25F,   42.5F,  127.5F,  262.5F, 171.25F, 3.25F,  31.5F,
                                      106.5F,  231.5F, 153.25F, 1.25F,  22.5F,   87.5F,  202.5F,
                                      136.25F, 0.25F,  15.5F,   70.5F,  175.5F,  120.25F};
  const std::vector<float> moved = {2.692373514F, 14.29491806F, 13.10105610F, 7.121352673F,
                                    38.24793243F, 55.84019852F, 43.64450073F, 30.15625191F,
                                    123.1410522F, 115.9384689F, 93.88219452F, 79.02110291F,
                                    57.12916946F, 134.8357697F, 169.9498596F, 147.5801849F};
  const Picture a = picture(1, 4, 5, [](auto y, auto x, auto) { return (y * 5 + x) * (y * 5 + x); });
  const Picture b = picture(1, 4, 4, [](auto y, auto x, auto) { return (y * 4 + x) * (y * 4 + x); });
  CHECK(close(naive_affine(a, 90, 1, 0, 0).values, rotated, 1e-2F));
  CHECK(close(naive_affine(b, -30, 1.2, 1, 0).values, moved, 1e-2F));
}

TEST_CASE("random_rotation and random_affine match the naive map with the numbers drawn") {
  const Picture p = noise_picture(3, 7, 9);
  for (uint32_t i = 0; i < 20; ++i) {
    RandomStream random(sample_key(i));
    const double angle = symmetric(random, 40);
    const Picture rotated =
        apply("{random_rotation: {degrees: 40, interpolation: bilinear}}", p, DType::kFloat32, sample_key(i));
    CHECK(close(rotated.values, naive_affine(p, angle, 1, 0, 0).values, 1e-2F));

    random = RandomStream(sample_key(i));
    const double degrees = symmetric(random, 15), dy = std::nearbyint(symmetric(random, 0.5 * 7)),
                 dx = std::nearbyint(symmetric(random, 0.25 * 9));
    const double scale = 0.5 + 1.5 * random.uniform_double();
    const Picture moved = apply(
        "{random_affine: {degrees: 15, translate: [0.5, 0.25], scale: [0.5, 2], interpolation: bilinear}}", p,
        DType::kFloat32, sample_key(i));
    CHECK(close(moved.values, naive_affine(p, -degrees, scale, dx, dy).values, 1e-2F));
    const Picture bytes = apply(
        "{random_affine: {degrees: 15, translate: [0.5, 0.25], scale: [0.5, 2], interpolation: bilinear}}", p,
        DType::kUInt8, sample_key(i));
    CHECK(close(bytes.values, moved.values, 0.51F));
  }
  CHECK(apply("random_affine", p).values == p.values);
  // Pixels from outside take the value.
  const Picture bright = picture(1, 5, 5, [](auto, auto, auto) { return 9; });
  CHECK(apply("{random_affine: {degrees: 180, translate: 1, value: 9}}", bright, DType::kUInt8, sample_key(1))
            .values == bright.values);
  CHECK_THAT(prepare_report("{random_affine: {scale: [2, 1]}}", data::image_spec(1, 4, 9, DType::kUInt8)),
             Contains("smaller"));
  CHECK_THAT(prepare_report("{random_rotation: 400}", data::image_spec(1, 4, 9, DType::kUInt8)),
             Contains("degrees"));
}
