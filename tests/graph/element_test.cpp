#include "dlb/graph/element.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::graph;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr Element kSmall[] = {Element::kFloat8E4M3FN,   Element::kFloat8E4M3FNUZ, Element::kFloat8E5M2,
                              Element::kFloat8E5M2FNUZ, Element::kFloat4E2M1,     Element::kFloat8E8M0};

}  // namespace

TEST_CASE("Codes of small floats decode and encode to themselves") {
  for (const Element e : kSmall) {
    INFO(element_name(e));
    const int codes = e == Element::kFloat4E2M1 ? 16 : 256;
    int nans = 0;
    for (int code = 0; code < codes; ++code) {
      const float x = decode_small_float(static_cast<uint8_t>(code), e);
      if (std::isnan(x)) {
        ++nans;
        CHECK(std::isnan(decode_small_float(encode_small_float(x, e), e)));
        continue;
      }
      CHECK(int{encode_small_float(x, e)} == code);
      CHECK(round_to(x, e, false) == x);
    }
    const bool two = e == Element::kFloat8E4M3FN, six = e == Element::kFloat8E5M2,
               none = e == Element::kFloat4E2M1;
    CHECK(nans == (none ? 0 : two ? 2 : six ? 6 : 1));
  }
}

TEST_CASE("Small floats have the values that their formats give") {
  CHECK(decode_small_float(0x38, Element::kFloat8E4M3FN) == 1);
  CHECK(decode_small_float(0x7E, Element::kFloat8E4M3FN) == 448);
  CHECK(decode_small_float(0x01, Element::kFloat8E4M3FN) == 0x1p-9F);
  CHECK(decode_small_float(0x40, Element::kFloat8E4M3FNUZ) == 1);
  CHECK(decode_small_float(0x7F, Element::kFloat8E4M3FNUZ) == 240);
  CHECK(std::isnan(decode_small_float(0x80, Element::kFloat8E4M3FNUZ)));
  CHECK(decode_small_float(0x3C, Element::kFloat8E5M2) == 1);
  CHECK(decode_small_float(0x7B, Element::kFloat8E5M2) == 57344);
  CHECK(decode_small_float(0xFC, Element::kFloat8E5M2) == -kInf);
  CHECK(decode_small_float(0x7F, Element::kFloat8E5M2FNUZ) == 57344);
  CHECK(decode_small_float(0x7F, Element::kFloat8E8M0) == 1);
  CHECK(decode_small_float(0x00, Element::kFloat8E8M0) == 0x1p-127F);
  CHECK(std::isnan(decode_small_float(0xFF, Element::kFloat8E8M0)));
  CHECK(decode_small_float(0x7, Element::kFloat4E2M1) == 6);
  CHECK(decode_small_float(0x9, Element::kFloat4E2M1) == -0.5F);
}

TEST_CASE("Rounding to small floats: ties to even, saturation, infinities") {
  const Element e = Element::kFloat8E4M3FN;
  CHECK(round_to(17, e) == 16);
  CHECK(round_to(19, e) == 20);
  CHECK(round_to(-17.5F, e) == -18);
  CHECK(round_to(464, e, false) == 448);  // half a step above the largest, which is even
  CHECK(round_to(465, e) == 448);
  CHECK(std::isnan(round_to(465, e, false)));
  CHECK(round_to(kInf, e) == 448);
  CHECK(std::isnan(round_to(-kInf, e, false)));
  CHECK(round_to(70000, Element::kFloat8E5M2, false) == kInf);
  CHECK(round_to(70000, Element::kFloat8E5M2) == 57344);
  CHECK_FALSE(std::signbit(round_to(-1e-9F, Element::kFloat8E4M3FNUZ)));
  CHECK(std::signbit(round_to(-1e-9F, e)));
  CHECK(round_to(5, Element::kFloat4E2M1) == 4);
  CHECK(round_to(100, Element::kFloat4E2M1, false) == 6);
  CHECK(round_to(kNaN, Element::kFloat4E2M1) == 0);
  CHECK(round_to(1.5F, Element::kFloat8E8M0) == 2);
  CHECK(round_to(0, Element::kFloat8E8M0) == 0x1p-127F);
}

TEST_CASE("Whole numbers wrap into their type") {
  const auto fitted = [](std::vector<int64_t> values, Element e) {
    return fit(test::of_type(values, e).tensor, e).to_vector<int64_t>();
  };
  using Ints = std::vector<int64_t>;
  CHECK(fitted({127, 128, -129, 256}, Element::kInt8) == Ints{127, -128, 127, 0});
  CHECK(fitted({-1, 65536}, Element::kUInt16) == Ints{65535, 0});
  CHECK(fitted({7, 8, -9}, Element::kInt4) == Ints{7, -8, 7});
  CHECK(fitted({15, 16, -1}, Element::kUInt4) == Ints{15, 0, 15});
  CHECK(fitted({1, 2, -3}, Element::kInt2) == Ints{1, -2, 1});
  CHECK(fitted({-1, int64_t{1} << 32}, Element::kUInt32) == Ints{4294967295, 0});
}

TEST_CASE("Conversions between floats and whole numbers") {
  const Tensor x = test::floats({2.7F, -2.7F, 300}).tensor;
  CHECK(convert(x, Element::kFloat32, Element::kInt8).to_vector<int64_t>() ==
        std::vector<int64_t>{2, -2, 44});
  CHECK(convert(x, Element::kFloat32, Element::kBool).to_vector<int64_t>() == std::vector<int64_t>{1, 1, 1});
  const Tensor most = Tensor::from(std::vector<int64_t>{-1}, {});
  CHECK(convert(most, Element::kUInt64, Element::kFloat64).item() == 18446744073709551616.0);
  CHECK(convert(most, Element::kUInt64, Element::kInt64).to_vector<int64_t>()[0] == -1);
  CHECK(convert(convert(most, Element::kUInt64, Element::kFloat64), Element::kFloat64, Element::kInt64)
            .to_vector<int64_t>()[0] == std::numeric_limits<int64_t>::min());
  CHECK_THROWS_AS(convert(x, Element::kFloat32, Element::kComplex64), Error);
  CHECK_THROWS_AS(carrier(Element::kString), Error);
  CHECK_THROWS_AS(element_from_number(27), Error);
  CHECK_THROWS_AS(element_from_number(-1), Error);
  for (int i = 1; i < kElementCount; ++i)
    CHECK(element_from_name(element_name(static_cast<Element>(i))) == static_cast<Element>(i));
}
