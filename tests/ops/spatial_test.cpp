// Pools by name, resizing, sampling and folding: PyTorch's numbers, identities and refusals.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <set>

#include "dlb/functional/function.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/fold.h"
#include "dlb/ops/fractional_pool.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

using Doubles = std::vector<double>;
using functional::List;
using functional::NamedValues;
using functional::Value;

Tensor tensor(const Doubles& v, Shape shape) { return Tensor::from(v, std::move(shape)); }
Tensor call(const char* name, const std::vector<Value>& args, const NamedValues& more = {}) {
  return functional::call(name, args, more).as<Tensor>();
}
Value sizes(std::initializer_list<int64_t> v) { return List(v.begin(), v.end()); }

void check_close(const Tensor& got, const Doubles& expected, double tolerance = 1e-12) {
  const Doubles v = got.to_vector<double>();
  REQUIRE(v.size() == expected.size());
  for (size_t i = 0; i < v.size(); ++i) {
    INFO("element " << i << ": got " << v[i] << ", expected " << expected[i]);
    CHECK(std::abs(v[i] - expected[i]) <= tolerance);
  }
}

/// k^2 / 10 for k = 0 to 11.
Tensor squares() {
  Doubles v(12);
  for (size_t i = 0; i < 12; ++i) v[i] = static_cast<double>(i * i) / 10;
  return tensor(v, {1, 1, 3, 4});
}

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST_CASE("norms of windows: PyTorch's numbers") {
  const Tensor x = tensor({1, -2, 3, 0.5, 4, -1}, {1, 1, 6});
  const Tensor magnitudes = tensor({1, 2, 3, 0.5, 4, 1}, {1, 1, 6});
  check_close(call("lp_pool1d", {x, kInf, int64_t{2}}), {2, 3, 4});
  check_close(call("lp_pool1d", {magnitudes, 3.0, int64_t{4}, int64_t{3}, true}),
              {3.30574450922897, 4.42821628058936});
  check_close(call("lp_pool2d", {reshape(x, {1, 1, 2, 3}), 2.0, int64_t{2}, int64_t{1}}),
              {4.60977222864644, 5.47722557505166});
  CHECK_THROWS_WITH(call("lp_pool1d", {x, 0.0, int64_t{2}}), Catch::Contains("a norm other than 0"));
}

TEST_CASE("adaptive pooling to more and to fewer elements") {
  Doubles v(8);
  for (size_t i = 0; i < 8; ++i) v[i] = static_cast<double>(i);
  const Tensor x = tensor(v, {1, 1, 2, 2, 2});
  check_close(call("adaptive_avg_pool3d", {x, sizes({1, 3, 1})}), {2.5, 3.5, 4.5});
  check_close(call("adaptive_max_pool3d", {x, sizes({1, 3, 1})}), {5, 7, 7});
  CHECK(call("adaptive_avg_pool3d", {x, sizes({0, 1, 2})}).shape() == Shape{1, 1, 0, 1, 2});
  CHECK_THROWS_WITH(call("adaptive_avg_pool3d", {x, sizes({2, -1, 2})}),
                    Catch::Contains("output sizes from 0, got -1"));
  CHECK_THROWS_WITH(call("adaptive_max_pool3d", {x, int64_t{1} << 40}),
                    Catch::Contains("output size must be"));
}

TEST_CASE("unpooling puts values where they were, or refuses") {
  const Tensor x = tensor({1, -2, 3, 0.5, 4, -1}, {1, 1, 6});
  const MaxPoolResult r = max_pool_with_indices(x, {{2}, {2}, {}, {}});
  check_close(call("max_unpool1d", {r.y, r.indices, int64_t{2}}, {{"output_size", sizes({7})}}),
              {1, 0, 3, 0, 4, 0, 0});
  check_close(call("max_unpool1d", {r.y, r.indices, int64_t{2}}), {1, 0, 3, 0, 4, 0});
  const Tensor outside = Tensor::from(std::vector<int64_t>{0, 2, 6}, {1, 1, 3});
  CHECK_THROWS_WITH(call("max_unpool1d", {r.y, outside, int64_t{2}}),
                    Catch::Contains("index 6 is out of range"));
  CHECK_THROWS_WITH(call("max_unpool1d", {r.y, affine(outside, 1, -3), int64_t{2}}),
                    Catch::Contains("index -3 is out of range"));
}

TEST_CASE("fractional pooling takes windows in order that cover the ends") {
  const Tensor x = reshape(arange(0, 2.0 * 3 * 9 * 11, 1, DType::kFloat64), {2, 3, 9, 11});
  const MaxPoolResult r = fractional_max_pool(x, {3, 2}, {4, 5}, {.seed = 3, .purpose = RngPurpose::kUser});
  CHECK(r.y.shape() == Shape{2, 3, 4, 5});
  const std::vector<int64_t> at = r.indices.to_vector<int64_t>();
  const Doubles y = r.y.to_vector<double>();
  std::set<int64_t> places;
  for (size_t i = 0; i < at.size(); ++i) {
    // Values grow with the position, so the largest one is the window's last.
    const auto plane = static_cast<double>(i / 20 * 99);
    CHECK(y[i] == plane + static_cast<double>(at[i]));
    const int64_t row = at[i] / 11, column = at[i] % 11;
    CHECK((row >= 2 && column >= 1));
    if (i % 20 >= 15) CHECK(row == 8);
    if (i % 5 == 4) CHECK(column == 10);
    if (i % 5 > 0) CHECK(at[i] > at[i - 1]);
    places.insert(at[i]);
  }
  CHECK(places.size() > 20);  // planes have windows of their own
  const MaxPoolResult again =
      fractional_max_pool(x, {3, 2}, {4, 5}, {.seed = 3, .purpose = RngPurpose::kUser});
  check_close(again.y, y, 0);
  CHECK_THROWS_WITH(fractional_max_pool(x, {3, 2}, {8, 5}, {}),
                    Catch::Contains("8 windows of 3 do not fit into 9"));
}

TEST_CASE("resizing: PyTorch's numbers") {
  const Tensor z = squares();
  const Tensor row = reshape(narrow(z, 2, 0, 1), {1, 1, 4});
  const auto resized = [](const Tensor& x, const Value& size, const char* mode,
                          const NamedValues& more = {}) {
    NamedValues all = more;
    all.emplace_back("size", size);
    all.emplace_back("mode", mode);
    return call("interpolate", {x}, all);
  };
  check_close(resized(z, sizes({2, 1}), "bilinear"), {0.95, 7.55});
  check_close(resized(z, sizes({2, 1}), "bilinear", {{"align_corners", true}}), {0, 6.4});
  check_close(resized(z, sizes({2, 1}), "bicubic"), {0.6359375, 7.7515625});
  check_close(resized(z, sizes({2, 1}), "bicubic", {{"align_corners", true}}), {0, 6.4});
  check_close(resized(z, sizes({2, 3}), "bilinear", {{"antialias", true}}),
              {0.72, 1.3, 2.16, 5.02, 6.8, 8.86});
  check_close(resized(z, sizes({1, 3}), "bicubic", {{"antialias", true}}),
              {2.73340961098398, 4.00983258370815, 5.61556064073227});
  // A narrow result is the wide one of the transposed image.
  check_close(
      resized(z, sizes({3, 1}), "bilinear", {{"antialias", true}}),
      resized(transpose(z, 2, 3), sizes({1, 3}), "bilinear", {{"antialias", true}}).to_vector<double>());
  const auto scaled = [&](const char* mode, const NamedValues& more = {}) {
    NamedValues all = more;
    all.emplace_back("scale_factor", 1.7);
    all.emplace_back("mode", mode);
    return call("interpolate", {row}, all);
  };
  check_close(scaled("nearest"), {0, 0, 0.1, 0.1, 0.4, 0.4});
  check_close(scaled("nearest-exact"), {0, 0, 0.1, 0.4, 0.4, 0.9});
  check_close(scaled("linear"), {0, 0.0382352941176471, 0.0970588235294118, 0.267647058823529,
                                 0.473529411764706, 0.767647058823529});
  check_close(scaled("linear", {{"recompute_scale_factor", true}}), {0, 0.05, 0.15, 0.35, 0.65, 0.9});
}

TEST_CASE("sizes that cannot be are refused by name") {
  const Tensor x = squares();
  for (const char* mode : {"nearest", "bilinear", "bicubic"}) {
    const NamedValues m{{"mode", mode}};
    CHECK_THROWS_WITH(call("interpolate", {x, int64_t{0}}, m), Catch::Contains("sizes from 1, got [0]"));
    CHECK_THROWS_WITH(call("interpolate", {x, sizes({2, -1})}, m),
                      Catch::Contains("sizes from 1, got [2, -1]"));
    CHECK_THROWS_WITH(call("interpolate", {x, Value(), 0.1}, m), Catch::Contains("gives no valid size"));
    CHECK_THROWS_WITH(call("interpolate", {x, Value(), std::nan("")}, m),
                      Catch::Contains("gives no valid size"));
    CHECK_THROWS_WITH(call("interpolate", {x, Value(), 1e30}, m), Catch::Contains("gives no valid size"));
  }
  const NamedValues area{{"mode", "area"}};
  CHECK(call("interpolate", {x, Value(), 0.3}, area).shape() == Shape{1, 1, 0, 1});
  CHECK_THROWS_WITH(call("interpolate", {x, int64_t{-1}}, area), Catch::Contains("sizes from 0, got [-1]"));
  CHECK_THROWS_WITH(call("interpolate", {x}), Catch::Contains("either size or scale_factor"));
}

TEST_CASE("sampling between and beyond elements: PyTorch's numbers") {
  const Tensor grid = tensor({-1.4, 0.2, 0.3, 1.7}, {1, 1, 2, 2});
  const std::pair<NamedValues, Doubles> expected[] = {
      {{{"mode", "bilinear"}, {"padding_mode", "zeros"}}, {0, 0}},
      {{{"mode", "bilinear"}, {"padding_mode", "border"}}, {3.04, 10.21}},
      {{{"mode", "bilinear"}, {"padding_mode", "reflection"}}, {3.382, 6.646}},
      {{{"mode", "nearest"}, {"padding_mode", "border"}}, {1.6, 10}},
      {{{"mode", "nearest"}, {"padding_mode", "reflection"}}, {1.6, 3.6}},
      {{{"mode", "bicubic"}, {"padding_mode", "zeros"}}, {-0.3768345, -0.866160590625}},
      {{{"mode", "bicubic"}, {"padding_mode", "border"}}, {3.1156, 10.287625}},
      {{{"mode", "bicubic"}, {"padding_mode", "reflection"}}, {3.38689195, 7.0028674937500}},
  };
  for (const auto& [how, values] : expected) {
    INFO(how[0].second.as<std::string>() << ", " << how[1].second.as<std::string>());
    check_close(call("grid_sample", {squares(), grid}, how), values, 1e-10);
  }
  // Places that are no numbers give elements or zeros, and nothing is read outside the image.
  for (const char* mode : {"bilinear", "nearest", "bicubic"}) {
    for (const char* padding : {"zeros", "border", "reflection"}) {
      for (const double at : {std::nan(""), kInf, -kInf, 1e300, -1e300}) {
        const Tensor y = call("grid_sample", {squares(), tensor({at, 0, 0, at}, {1, 1, 2, 2})},
                              {{"mode", mode}, {"padding_mode", padding}});
        for (const double v : y.to_vector<double>()) CHECK((v >= -3 && v <= 15));
      }
    }
  }
}

TEST_CASE("grids of affine maps: PyTorch's numbers") {
  const Tensor theta = tensor({1, 0.5, -1, 0, 2, 0.25}, {1, 2, 3});
  check_close(call("affine_grid", {theta, sizes({1, 1, 2, 3}), false}),
              {-1.91666666666667, -0.75, -1.25, -0.75, -0.583333333333333, -0.75, -1.41666666666667, 1.25,
               -0.75, 1.25, -0.0833333333333334, 1.25});
  check_close(call("affine_grid", {theta, sizes({1, 1, 1, 3}), true}), {-2, 0.25, -1, 0.25, 0, 0.25});
  CHECK_THROWS_WITH(call("affine_grid", {theta, sizes({1, 0, 2, 3})}), Catch::Contains("positive sizes"));
  CHECK_THROWS_WITH(call("affine_grid", {theta, sizes({2, 1, 2, 3})}),
                    Catch::Contains("expects theta [2, 2, 3]"));
}

TEST_CASE("folding adds up what unfolding repeats") {
  Doubles v(16);
  for (size_t i = 0; i < 16; ++i) v[i] = static_cast<double>(i + 1);
  check_close(call("fold", {tensor(v, {1, 4, 4}), sizes({3, 3}), int64_t{2}}),
              {1, 7, 6, 12, 34, 22, 11, 27, 16});
  for (const WindowAttrs& a : {WindowAttrs{{3, 2}, {1, 2}, {2, 1}, {1, 3}}, WindowAttrs{{2}, {2}, {0}, {1}},
                               WindowAttrs{{1}, {1}, {3}, {2}}}) {
    const Tensor x = values({2, 3, 6, 7}, -1, 1, 51);
    const Tensor counts = fold_windows(unfold_windows(ones_like(x), a), {6, 7}, a);
    check_close(fold_windows(unfold_windows(x, a), {6, 7}, a), (x * counts).to_vector<double>());
  }
}

}  // namespace
}  // namespace dlb::testing
