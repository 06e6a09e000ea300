#include "dlb/report/curve.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace dlb::report;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Point at(int64_t step, double value) { return {step, 0, value}; }

}  // namespace

TEST_CASE("a short curve is kept as it is", "[curve]") {
  Curve curve(8);
  for (int64_t i = 0; i < 8; ++i) curve.add(at(10 * i, i == 3 ? kNan : static_cast<double>(i * i)));
  const std::vector<Point> points = curve.points();
  REQUIRE(points.size() == 8);
  for (size_t i = 0; i < 8; ++i) {
    CHECK(points[i].step == static_cast<int64_t>(10 * i));
    CHECK((i == 3 ? std::isnan(points[i].value) : points[i].value == static_cast<double>(i * i)));
  }
  CHECK_FALSE(curve.thinned());
  CHECK(curve.size() == 8);
  CHECK(curve.last()->value == 49);
  CHECK(curve.lowest()->step == 0);
  CHECK(curve.highest()->step == 70);
}

TEST_CASE("of a long curve every peak stays, in order, within the bound", "[curve]") {
  const size_t most = 64;
  for (const int64_t count : {65, 127, 128, 129, 1000, 100'000}) {
    for (const int64_t peak : {int64_t{0}, int64_t{1}, count / 2, count - 2, count - 1}) {
      Curve curve(most);
      for (int64_t i = 0; i < count; ++i)
        curve.add(at(i, i == peak ? 1e6 : i == count / 3 ? -1e6 : std::sin(0.1 * static_cast<double>(i))));
      const std::vector<Point> points = curve.points();
      CAPTURE(count, peak);
      CHECK(points.size() <= 2 * most);
      CHECK(points.size() > most / 2);
      CHECK(curve.thinned());
      CHECK(curve.size() == count);
      CHECK(std::is_sorted(points.begin(), points.end(),
                           [](const Point& a, const Point& b) { return a.step < b.step; }));
      const auto has = [&](int64_t step) {
        return std::any_of(points.begin(), points.end(), [&](const Point& p) { return p.step == step; });
      };
      CHECK(has(peak));
      if (count / 3 != peak) CHECK(has(count / 3));
    }
  }
}

TEST_CASE("what is not finite is seen in a thinned curve and counts for nothing", "[curve]") {
  Curve curve(16);
  for (int64_t i = 0; i < 1000; ++i) curve.add(at(i, i == 500 ? kNan : i == 501 ? INFINITY : 1.0));
  const std::vector<Point> points = curve.points();
  CHECK(std::any_of(points.begin(), points.end(),
                    [](const Point& p) { return std::isnan(p.value) || std::isinf(p.value); }));
  CHECK(curve.highest()->value == 1);
  Curve nothing;
  nothing.add(at(1, kNan));
  CHECK_FALSE(nothing.last());
  CHECK_FALSE(nothing.lowest());
  CHECK(nothing.points().size() == 1);
}
