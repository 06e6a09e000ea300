#include "data/transform_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

TEST_CASE("flatten gives values channel by channel") {
  const Picture p = picture(3, 2, 2, [](auto y, auto x, auto c) { return 100 * c + 10 * y + x; });
  for (const DType type : {DType::kUInt8, DType::kFloat32}) {
    const Result r = apply("flatten", data::image_spec(3, 2, 2, type), p.values);
    CHECK(r.spec.shape == Shape{12});
    CHECK(r.values == std::vector<double>{0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211});
  }
  CHECK(apply("flatten", make_spec({3}, DType::kUInt8), {3, 2, 1}).values == std::vector<double>{3, 2, 1});
}

TEST_CASE("pad puts a border around the image") {
  for (const int64_t channels : {1, 3}) {
    const Picture p = noise_picture(channels, 3, 4);
    for (const DType type : {DType::kUInt8, DType::kFloat32}) {
      const auto check = [&](const std::string& yaml, int64_t top, int64_t bottom, int64_t left,
                             int64_t right, int value) {
        const Picture expected =
            picture(channels, 3 + top + bottom, 4 + left + right, [&](auto y, auto x, auto c) {
              return p.inside(y - top, x - left) ? p.at(y - top, x - left, c) : static_cast<float>(value);
            });
        const Picture out = apply(yaml, p, type);
        CHECK(out.height == expected.height);
        CHECK(out.values == expected.values);
      };
      check("{pad: 2}", 2, 2, 2, 2, 0);
      check("{pad: {padding: [1, 2], value: 9}}", 1, 1, 2, 2, 9);
      check("{pad: {padding: [1, 2, 3, 0]}}", 1, 2, 3, 0, 0);
    }
  }
  CHECK_THAT(prepare_report("{pad: [1, 2, 3]}", data::image_spec(1, 2, 2, DType::kUInt8)),
             Contains("3 values"));
  CHECK_THAT(prepare_report("{pad: 1}", make_spec({4}, DType::kUInt8)), Contains("expects an image"));
  CHECK_THAT(prepare_report("{pad: -1}", data::image_spec(1, 2, 2, DType::kUInt8)), Contains("padding"));
  CHECK_THAT(prepare_report("{pad: 65536}", data::image_spec(3, 2, 2, DType::kUInt8)), Contains("more than"));
}

TEST_CASE("center_crop cuts out the middle") {
  const Picture p = noise_picture(3, 7, 6);
  // Halves of a pixel go to the even side, as torchvision's do: (7 - 4) / 2 is 2.
  const Picture expected = picture(3, 4, 3, [&](auto y, auto x, auto c) { return p.at(y + 2, x + 2, c); });
  CHECK(apply("{center_crop: {size: [4, 3]}}", p).values == expected.values);
  CHECK(apply("{center_crop: {size: [7, 6]}}", p, DType::kFloat32).values == p.values);
  CHECK_THAT(prepare_report("{center_crop: 8}", data::image_spec(1, 7, 9, DType::kUInt8)),
             Contains("8x8 is larger"));
}

TEST_CASE("resize is PyTorch's bilinear interpolation") {
  // torch.nn.functional.interpolate(torch.arange(20.)**2 as [1, 1, 4, 5], size, mode="bilinear",
  // align_corners=False), PyTorch 2.15.
  const Picture p = picture(1, 4, 5, [](auto y, auto x, auto) { return (y * 5 + x) * (y * 5 + x); });
  const std::vector<float> larger = {0.33333331F, 4.0F,       13.666667F, 10.452382F, 20.071430F, 35.690475F,
                                     26.642857F,  45.785717F, 70.928574F, 67.833344F, 96.500015F, 131.16667F,
                                     116.16669F,  154.35718F, 198.54765F, 189.50003F, 237.21431F, 290.92859F,
                                     235.33333F,  289.0F,     348.66666F};
  const std::vector<float> smaller = {12.5F,      14.5F,  17.833334F, 22.055555F, 26.5F,      32.055557F,
                                      37.833336F, 44.5F,  48.5F,      162.5F,     171.16667F, 185.61111F,
                                      200.94444F, 216.5F, 233.16667F, 250.05556F, 267.83334F, 278.5F};
  CHECK(close(apply("{resize: {size: [7, 3], antialias: false}}", p, DType::kFloat32).values, larger, 2e-3F));
  CHECK(
      close(apply("{resize: {size: [2, 9], antialias: false}}", p, DType::kFloat32).values, smaller, 2e-3F));
  CHECK(apply("{resize: {size: [4, 5]}}", p, DType::kFloat32).values == p.values);
}

TEST_CASE("resize works by channel, and rounds bytes") {
  const Picture p = noise_picture(3, 5, 6);
  const Picture out = apply("{resize: {size: [9, 4]}}", p, DType::kFloat32);
  const Picture bytes = apply("{resize: {size: [9, 4]}}", p, DType::kUInt8);
  for (int64_t c = 0; c < 3; ++c) {
    const Picture one = picture(1, 5, 6, [&](auto y, auto x, auto) { return p.at(y, x, c); });
    const Picture expected = apply("{resize: {size: [9, 4]}}", one, DType::kFloat32);
    for (int64_t y = 0; y < 9; ++y) {
      for (int64_t x = 0; x < 4; ++x) {
        CHECK(out.at(y, x, c) == expected.at(y, x, 0));
        CHECK(bytes.at(y, x, c) == std::nearbyint(expected.at(y, x, 0)));
      }
    }
  }
  CHECK_THAT(prepare_report("{resize: 65536}", data::image_spec(1, 2, 2, DType::kUInt8)),
             Contains("more than"));
}

TEST_CASE("grayscale and to_rgb") {
  const Picture p = noise_picture(3, 4, 5);
  const Picture grey = apply("grayscale", p);
  REQUIRE(grey.channels == 1);
  for (int64_t y = 0; y < 4; ++y) {
    for (int64_t x = 0; x < 5; ++x) {
      const double luma = 0.2989 * static_cast<double>(p.at(y, x, 0)) +
                          0.587 * static_cast<double>(p.at(y, x, 1)) +
                          0.114 * static_cast<double>(p.at(y, x, 2));
      CHECK(std::abs(static_cast<double>(grey.at(y, x, 0)) - std::floor(luma)) < 1e-6);
    }
  }
  CHECK(apply("grayscale", picture(3, 1, 1, [](auto, auto, auto) { return 255; })).values ==
        std::vector<float>{254});  // the weights add up to 0.9999
  CHECK(apply("grayscale", grey).values == grey.values);
  const Picture rgb = apply("to_rgb", grey, DType::kFloat32);
  CHECK(rgb.values == picture(3, 4, 5, [&](auto y, auto x, auto) { return grey.at(y, x, 0); }).values);
  CHECK(apply("to_rgb", p).values == p.values);
  CHECK_THAT(prepare_report("to_rgb", data::image_spec(2, 2, 2, DType::kUInt8)), Contains("1 or 3 channels"));
  CHECK_THAT(prepare_report("grayscale", data::image_spec(4, 2, 2, DType::kFloat32)),
             Contains("1 or 3 channels"));
}
