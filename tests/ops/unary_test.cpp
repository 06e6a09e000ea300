#include "dlb/ops/unary.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Tensor doubles(const std::vector<double>& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }

/// Error of float32 `f` in units in the last place, the largest over many arguments in [low, high].
double worst_ulp(Tensor (*f)(const Tensor&), double (*exact)(double), double low, double high) {
  constexpr int64_t kCount = 100003;  // not a multiple of any vector length
  const Tensor x =
      cast(affine(arange(0, kCount, 1, DType::kFloat64), (high - low) / kCount, low), DType::kFloat32);
  const std::vector<float> in = x.to_vector<float>();
  const std::vector<float> out = f(x).to_vector<float>();
  double worst = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    const double y = exact(static_cast<double>(in[i]));
    const double ulp = std::ldexp(1.0, std::max(std::ilogb(y), -126) - 23);
    worst = std::max(worst, std::abs(static_cast<double>(out[i]) - y) / ulp);
  }
  return worst;
}

TEST_CASE("float32 functions are accurate to a few units in the last place") {
  CHECK(worst_ulp(exp, std::exp, -87, 88.7) < 1.5);
  CHECK(worst_ulp(expm1, std::expm1, -20, 88) < 2);
  CHECK(worst_ulp(expm1, std::expm1, -1e-3, 1e-3) < 2);
  CHECK(worst_ulp(log, std::log, 1e-30, 3) < 1.5);
  CHECK(worst_ulp(log1p, std::log1p, -0.999, 5) < 2.5);
  CHECK(worst_ulp(tanh, std::tanh, -10, 10) < 3);
  CHECK(worst_ulp(erf, std::erf, -5, 5) < 2);
  CHECK(worst_ulp(
            sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80) < 3);
  CHECK(worst_ulp([](const Tensor& x) { return softplus(x); },
                  [](double x) { return std::log1p(std::exp(x)); }, -80, 20) < 3);
  for (const double limit : {1e-3, 3.0, 50.0, 1e6, 1e9, 1e30}) {
    CHECK(worst_ulp(sin, std::sin, -limit, limit) < 2);
    CHECK(worst_ulp(cos, std::cos, -limit, limit) < 2);
    CHECK(worst_ulp(tan, std::tan, -limit, limit) < 3);
  }
  CHECK(worst_ulp(exp2, std::exp2, -126, 127.9) < 1.5);
  CHECK(worst_ulp(
            mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -20, 30) < 4);
  CHECK(worst_ulp(sqrt, std::sqrt, 0, 100) <= 0.5);
}

TEST_CASE("infinities, NaN and signed zeros follow IEEE 754") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Tensor x = cast(doubles({kInf, -kInf, kNaN, 0.0, -0.0}), dtype);
    const auto check = [&](const Tensor& y, const std::vector<double>& expected) {
      const std::vector<double> got = y.to_vector<double>();
      for (size_t i = 0; i < expected.size(); ++i) {
        INFO("element " << i << " got " << got[i] << " expected " << expected[i]);
        CHECK((std::isnan(expected[i])
                   ? std::isnan(got[i])
                   : got[i] == expected[i] && std::signbit(got[i]) == std::signbit(expected[i])));
      }
    };
    check(exp(x), {kInf, 0, kNaN, 1, 1});
    check(expm1(x), {kInf, -1, kNaN, 0, -0.0});
    check(log(x), {kInf, kNaN, kNaN, -kInf, -kInf});
    check(log1p(x), {kInf, kNaN, kNaN, 0, -0.0});
    check(tanh(x), {1, -1, kNaN, 0, -0.0});
    check(erf(x), {1, -1, kNaN, 0, -0.0});
    check(sigmoid(x), {1, 0, kNaN, 0.5, 0.5});
    check(relu(x), {kInf, 0, kNaN, 0, -0.0});
    check(abs(x), {kInf, kInf, kNaN, 0, 0});
    check(neg(x), {-kInf, kInf, kNaN, -0.0, 0});
    check(mul(x, 2.0), {kInf, -kInf, kNaN, 0, -0.0});
    check(clamp(x, -1, 1), {1, -1, kNaN, 0, -0.0});
    check(isnan(x), {0, 0, 1, 0, 0});
    check(isinf(x), {1, 1, 0, 0, 0});
    check(isfinite(x), {0, 0, 0, 1, 1});
    check(logical_not(x), {0, 0, 0, 1, 1});
    check(sign(x), {1, -1, 0, 0, 0});
    check(sin(x), {kNaN, kNaN, kNaN, 0, -0.0});
    check(cos(x), {kNaN, kNaN, kNaN, 1, 1});
    check(tan(x), {kNaN, kNaN, kNaN, 0, -0.0});
    check(exp2(x), {kInf, 0, kNaN, 1, 1});
    check(signbit(x), {0, 1, std::signbit(kNaN) ? 1.0 : 0.0, 0, 1});
    check(isposinf(x), {1, 0, 0, 0, 0});
    check(isneginf(x), {0, 1, 0, 0, 0});
  }
}

TEST_CASE("activations have the values of their formulas") {
  // Their formulas in float64.
  const Tensor x = doubles({-3, -1, 0, 0.5, 2, 7});
  const auto check = [](const Tensor& y, const std::vector<double>& expected) {
    const std::vector<double> got = y.to_vector<double>();
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(1e-6).margin(1e-9));
  };
  check(relu6(x), {0, 0, 0, 0.5, 2, 6});
  check(leaky_relu(x), {-0.03, -0.01, 0, 0.5, 2, 7});
  check(elu(x), {-0.950212932, -0.632120559, 0, 0.5, 2, 7});
  check(selu(x), {-1.670568728, -1.111330738, 0, 0.525350494, 2.101401971, 7.354906898});
  check(celu(x, 2), {-1.553739680, -0.786938681, 0, 0.5, 2, 7});
  check(logsigmoid(x), {-3.048587352, -1.313261688, -0.693147181, -0.474076984, -0.126928011, -0.000911466});
  check(silu(x), {-0.142277620, -0.268941421, 0, 0.311229666, 1.761594156, 6.993622640});
  check(mish(x), {-0.145647461, -0.303401461, 0, 0.375245260, 1.943958797, 6.999988387});
  check(gelu(x), {-0.004049694, -0.158655254, 0, 0.345731231, 1.954499736, 7});
  check(gelu(x, true), {-0.003637392, -0.158808009, 0, 0.345714010, 1.954597694, 7});
  check(softplus(x), {0.048587352, 0.313261688, 0.693147181, 0.974076984, 2.126928011, 7.000911466});
  check(softplus(x, 2, 4), {0.001237843, 0.063464010, 0.346573590, 0.656630844, 2.009074964, 7});
  check(softsign(x), {-0.75, -0.5, 0, 1.0 / 3, 2.0 / 3, 0.875});
  check(hardtanh(x), {-1, -1, 0, 0.5, 1, 1});
  check(hardsigmoid(x), {0, 1.0 / 3, 0.5, 3.5 / 6, 5.0 / 6, 1});
  check(hardswish(x), {0, -1.0 / 3, 0, 1.75 / 6, 10.0 / 6, 7});
  check(tanhshrink(x), {-2.004945246, -0.238405844, 0, 0.037882843, 1.035972420, 6.000001663});
  check(round(doubles({0.5, 1.5, 2.5, -0.5, -2.6, 1e20})), {0, 2, 2, -0.0, -3, 1e20});
}

TEST_CASE("gradients at kinks are the documented ones") {
  const auto slope = [](const std::function<Tensor(const Tensor&)>& f, double at) {
    Tensor x = Tensor::scalar(at, DType::kFloat64);
    x.set_requires_grad(true);
    return grad({f(x)}, {x})[0].item();
  };
  CHECK(slope(relu, 0) == 0);
  CHECK(slope(abs, 0) == 0);
  CHECK(slope(sign, 0.3) == 0);
  CHECK(slope(floor, 0.3) == 0);
  CHECK(slope([](const Tensor& x) { return clamp(x, 0, 1); }, 0) == 0);
  CHECK(slope([](const Tensor& x) { return clamp(x, 0, 1); }, 1) == 0);
  CHECK(slope([](const Tensor& x) { return clamp(x, 0, 1); }, 0.999) == 1);
  CHECK(slope([](const Tensor& x) { return elu(x); }, 1000) == 1);
  CHECK(slope([](const Tensor& x) { return softplus(x); }, 1000) == 1);
  CHECK(slope([](const Tensor& x) { return pow(x, 0); }, 0) == 0);
}

TEST_CASE("integers stay integers and wrap around") {
  const Tensor x = Tensor::from(std::vector<int32_t>{-3, 0, 5}, {3});
  CHECK(neg(x).dtype() == DType::kInt32);
  CHECK(neg(x).to_vector<int32_t>() == std::vector<int32_t>{3, 0, -5});
  CHECK(square(x).to_vector<int32_t>() == std::vector<int32_t>{9, 0, 25});
  CHECK(pow(x, 3).to_vector<int32_t>() == std::vector<int32_t>{-27, 0, 125});
  CHECK(clamp(x, -1, kInf).to_vector<int32_t>() == std::vector<int32_t>{-1, 0, 5});
  CHECK(affine(x, 2, 1).to_vector<int32_t>() == std::vector<int32_t>{-5, 1, 11});
  CHECK(affine(x, 0.5, 0).dtype() == DType::kFloat32);
  CHECK(affine(x, 0.5, 0).to_vector<float>() == std::vector<float>{-1.5F, 0, 2.5F});
  CHECK(square(Tensor::from(std::vector<uint8_t>{16, 17}, {2})).to_vector<int64_t>() ==
        std::vector<int64_t>{0, 33});
  CHECK(neg(full({}, -0x1p63, DType::kInt64)).to_vector<int64_t>()[0] == std::numeric_limits<int64_t>::min());
  CHECK_THROWS_AS(pow(x, -1), Error);
  CHECK_THROWS_WITH(gelu(x),
                    Catch::Contains("gelu") && Catch::Contains("floating") && Catch::Contains("int32[3]"));
  // Functions of real analysis give float32, rounding leaves integers alone.
  CHECK(exp(x).dtype() == DType::kFloat32);
  CHECK(exp(x).to_vector<float>()[1] == 1);
  CHECK(floor(x).dtype() == DType::kInt32);
  CHECK(sign(cast(x, DType::kBool)).dtype() == DType::kBool);
  CHECK(sign(cast(x, DType::kBool)).to_vector<int64_t>() == std::vector<int64_t>{1, 0, 1});
  CHECK(square(cast(x, DType::kBool)).dtype() == DType::kInt64);
}

TEST_CASE("casts truncate, saturate and round to nearest even") {
  const Tensor x = doubles({-1.7, 1.7, 300.5, -1e30, 1e30, kNaN});
  CHECK(cast(x, DType::kInt32).to_vector<int64_t>() ==
        std::vector<int64_t>{-1, 1, 300, -2147483648LL, 2147483647LL, 0});
  CHECK(cast(x, DType::kUInt8).to_vector<int64_t>() == std::vector<int64_t>{0, 1, 255, 0, 255, 0});
  CHECK(cast(x, DType::kBool).to_vector<int64_t>() == std::vector<int64_t>{1, 1, 1, 1, 1, 1});
  CHECK(cast(cast(x, DType::kFloat32), DType::kUInt8).to_vector<int64_t>() ==
        std::vector<int64_t>{0, 1, 255, 0, 255, 0});
  CHECK(cast(doubles({0, -0.0, 0.25}), DType::kBool).to_vector<int64_t>() == std::vector<int64_t>{0, 0, 1});
  const Tensor y = cast(doubles({65519, 65520, 1e-8, 6e-8, kInf, kNaN, -2.5}), DType::kFloat32);
  const std::vector<float> half = cast(y, DType::kFloat16).to_vector<float>();
  CHECK(half[0] == 65504.0F);
  CHECK(std::isinf(half[1]));
  CHECK(half[2] == 0.0F);
  CHECK(half[3] == 0x1p-24F);
  CHECK(std::isinf(half[4]));
  CHECK(std::isnan(half[5]));
  CHECK(half[6] == -2.5F);
}

TEST_CASE("casts to whole numbers saturate at the type's own bounds, in kernels and where the host reads") {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kMost = std::numeric_limits<int64_t>::max();
  const std::vector<double> values = {-kInf, -0x1p63, -0x1p31, -0.9, 0x1p31, 0x1p62, 0x1p63, kInf, kNaN};
  const std::vector<int64_t> wide = {kLeast,           kLeast, -2147483648LL, 0, 2147483648LL,
                                     int64_t{1} << 62, kMost,  kMost,         0};
  const std::vector<int64_t> narrow = {-2147483648LL, -2147483648LL, -2147483648LL, 0, 2147483647LL,
                                       2147483647LL,  2147483647LL,  2147483647LL,  0};
  for (const DType from : {DType::kFloat64, DType::kFloat32, DType::kBFloat16}) {
    const Tensor x = cast(doubles(values), from);
    CHECK(cast(x, DType::kInt64).to_vector<int64_t>() == wide);
    CHECK(cast(x, DType::kInt32).to_vector<int64_t>() == narrow);
    CHECK(x.to_vector<int64_t>() == wide);
    const std::vector<int32_t> read = x.to_vector<int32_t>();
    CHECK(std::vector<int64_t>(read.begin(), read.end()) == narrow);
  }
  // The last floats below 2^31 and 2^63.
  const Tensor below = Tensor::from(std::vector<float>{2147483520.0F, 9223371487098961920.0F}, {2});
  CHECK(cast(below, DType::kInt64).to_vector<int64_t>() ==
        std::vector<int64_t>{2147483520, 9223371487098961920});
  CHECK(cast(below, DType::kInt32).to_vector<int64_t>() == std::vector<int64_t>{2147483520, 2147483647});
}

TEST_CASE("the kernels' 16-bit conversions are those of the element types, for every value") {
  std::vector<int32_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    Tensor x = Tensor::empty({65536}, dtype);
    for (size_t i = 0; i < all.size(); ++i) static_cast<uint16_t*>(x.raw())[i] = static_cast<uint16_t>(i);
    const std::vector<float> expected = x.to_vector<float>();
    const Tensor wide = cast(x, DType::kFloat32);
    const Tensor back = cast(wide, dtype);
    const float* got = wide.data<float>();
    int wrong = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      const bool nan = std::isnan(expected[i]);
      wrong += nan ? !std::isnan(got[i]) : got[i] != expected[i];
      if (!nan) wrong += static_cast<const uint16_t*>(back.raw())[i] != static_cast<uint16_t>(i);
    }
    CHECK(wrong == 0);
    // Values between two neighbours, rounded by the kernel and by the type.
    const Tensor between = mul(wide, 1.0 + 0x1p-10);
    const Tensor rounded = cast(between, dtype);
    const float* b = between.data<float>();
    for (size_t i = 0; i < all.size(); ++i) {
      if (std::isnan(b[i])) continue;
      const uint16_t bits = dtype == DType::kBFloat16 ? BFloat16(b[i]).bits : Float16(b[i]).bits;
      wrong += static_cast<const uint16_t*>(rounded.raw())[i] != bits;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a value does not depend on its place") {
  // Vector body and tail, aligned or not, contiguous or gathered: one result for one input.
  const Tensor x = full({77}, 0.7371F);
  for (const auto f :
       {exp, log, tanh, sigmoid, erf, silu, log1p, expm1, sin, cos, tan, exp2, mish, logsigmoid}) {
    const std::vector<float> y = f(x).to_vector<float>();
    for (const float v : y) CHECK(v == y[0]);
    CHECK(f(slice(x, 0, 1, 77, 3)).to_vector<float>()[5] == y[0]);
    CHECK(f(select(x, 0, 3)).to_vector<float>()[0] == y[0]);
  }
}

TEST_CASE("elementwise results keep the layout of dense inputs") {
  const Tensor x = contiguous(ones({2, 3, 4, 5}), Layout::kChannelsLast);
  CHECK(relu(x).is_channels_last());
  CHECK(cast(x, DType::kFloat64).is_channels_last());
  CHECK(add(x, x).is_channels_last());
  CHECK(add(x, ones({3, 1, 1})).is_channels_last());
  CHECK(gt(x, 0.5).is_channels_last());
  CHECK(add(x, ones({2, 3, 4, 5})).is_contiguous());
  CHECK(relu(select(x, 0, 0)).strides() == select(x, 0, 0).strides());
  CHECK(relu(slice(x, 3, 0, 3)).is_contiguous());
}

}  // namespace
}  // namespace dlb
