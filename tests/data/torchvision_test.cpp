/// Transforms beside torchvision's results for the same picture (tests/golden/make_images.py).

#include <set>

#include "data/transform_support.h"
#include "dlb/data/auto_augment.h"
#include "dlb/data/warp.h"
#include "support/golden.h"

using namespace dlb;
using namespace dlb::test;
using golden::Json;

namespace {

/// Values [C, H, W] as a picture, whose channels lie side by side.
Picture from_planes(const std::vector<double>& planes, int64_t channels, int64_t height, int64_t width,
                    double unit = 1) {
  return picture(channels, height, width, [&](auto y, auto x, auto c) {
    return planes[static_cast<size_t>((c * height + y) * width + x)] / unit;
  });
}

Picture golden_picture(const Json& file, bool grey, bool floats) {
  auto values = file["picture"].get<std::vector<double>>();
  const auto shape = file["shape"].get<std::vector<int64_t>>();
  Picture p = from_planes(values, grey ? 1 : shape[0], shape[1], shape[2]);
  if (floats) {
    for (float& v : p.values) v /= 255.0F;
  }
  return p;
}

std::string difference(const Picture& got, const Picture& expected, double most) {
  if (got.channels != expected.channels || got.height != expected.height || got.width != expected.width)
    return fmt::format("shape [{}, {}, {}]", got.channels, got.height, got.width);
  double worst = 0;
  size_t at = 0, count = 0, close = 0;
  for (size_t i = 0; i < got.values.size(); ++i) {
    const double d = std::abs(static_cast<double>(got.values[i]) - static_cast<double>(expected.values[i]));
    if (d > most) ++count;
    if (d >= 1) ++close;
    if (!(d <= worst)) {
      worst = d;
      at = i;
    }
  }
  // Halves that fall to the other side are rare.
  if (worst <= most && close <= got.values.size() / 100 + 1) return "";
  return fmt::format("{} values differ too much and {} at all, value {} most: {}, expected {}", count, close,
                     at, got.values[at], expected.values[at]);
}

std::vector<uint8_t> bytes_of(const Picture& p) {
  std::vector<uint8_t> bytes;
  for (const float v : p.values) bytes.push_back(static_cast<uint8_t>(v));
  return bytes;
}

Picture with_bytes(const Picture& like, const std::vector<uint8_t>& bytes) {
  Picture p = like;
  p.values.assign(bytes.begin(), bytes.end());
  return p;
}

}  // namespace

TEST_CASE("transforms give torchvision's pixels") {
  const Json file = golden::load("transforms.json");
  REQUIRE(file["cases"].size() > 90);
  for (const Json& c : file["cases"]) {
    const bool floats = c["float"];
    const auto shape = c["shape"].get<std::vector<int64_t>>();
    const Picture expected = from_planes(c["out"].get<std::vector<double>>(), shape[0], shape[1], shape[2]);
    const Picture got = apply(c["transform"].dump(), golden_picture(file, c["grey"], floats),
                              floats ? DType::kFloat32 : DType::kUInt8);
    INFO(c["transform"].dump() << (floats ? " float" : " bytes") << (c["grey"] ? " grey" : ""));
    CHECK(difference(got, expected, floats ? 2e-6 : c["most"].get<double>()) == "");
  }
}

TEST_CASE("a perspective given by its corners is torchvision's") {
  const Json file = golden::load("transforms.json");
  const Picture p = golden_picture(file, false, false);
  for (const Json& c : file["perspective"]) {
    const auto k =
        data::perspective_coefficients(c["from"].get<data::Corners>(), c["to"].get<data::Corners>());
    const std::vector<uint8_t> in = bytes_of(p);
    std::vector<uint8_t> out(in.size());
    data::warp_perspective({DType::kUInt8, {p.channels, p.height, p.width}, in.data(), out.data()}, k,
                           {c["nearest"], 0});
    const Picture expected = from_planes(c["out"].get<std::vector<double>>(), p.channels, p.height, p.width);
    INFO(c["to"].dump() << c["nearest"].dump());
    CHECK(difference(with_bytes(p, out), expected, 0) == "");
  }
  // Corners on a line determine no perspective: the image stays.
  const data::Corners line = {{{0, 0}, {1, 1}, {2, 2}, {3, 3}}};
  CHECK(data::perspective_coefficients(line, line) == std::array<double, 8>{1, 0, 0, 0, 1, 0, 0, 0});
}

TEST_CASE("the changes of rand_augment and trivial_augment are torchvision's") {
  const Json file = golden::load("transforms.json");
  const Picture p = golden_picture(file, false, false);
  std::set<int> seen;
  for (const Json& c : file["changes"]) {
    const std::vector<uint8_t> in = bytes_of(p);
    std::vector<uint8_t> out(in.size());
    seen.insert(c["change"].get<int>());
    data::apply_change({DType::kUInt8, {p.channels, p.height, p.width}, in.data(), out.data()},
                       static_cast<data::AutoChange>(c["change"].get<int>()), c["magnitude"], {true, 0});
    const Picture expected = from_planes(c["out"].get<std::vector<double>>(), p.channels, p.height, p.width);
    INFO(c["name"] << c["magnitude"]);
    CHECK(difference(with_bytes(p, out), expected, 0) == "");
  }
  CHECK(seen.size() == data::kAutoChanges);
}
