#include "dlb/ops/create.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/base/threads.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {
namespace {

TEST_CASE("constants and ranges") {
  CHECK(full({2, 2}, 1.5).to_vector<double>() == std::vector<double>{1.5, 1.5, 1.5, 1.5});
  CHECK(full({2}, 0x1p53 + 2, DType::kInt64).to_vector<int64_t>()[0] == (int64_t{1} << 53) + 2);
  CHECK(full({1}, 2, DType::kBool).to_vector<int64_t>()[0] == 1);
  CHECK(std::signbit(full({}, -0.0).item()));
  CHECK(arange(0, 5).to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 3, 4});
  CHECK(arange(1, 0, -0.25, DType::kFloat32).to_vector<double>() == std::vector<double>{1, 0.75, 0.5, 0.25});
  CHECK(arange(3, 0).numel() == 0);
  CHECK_THROWS_AS(arange(0, 1, 0), Error);
  CHECK_THROWS_AS(arange(0, 1e300), Error);
  CHECK(eye(2).to_vector<double>() == std::vector<double>{1, 0, 0, 1});
  CHECK_THROWS_AS(zeros({-1}), Error);
  const Tensor image = contiguous(ones({1, 2, 3, 3}, DType::kFloat16), Layout::kChannelsLast);
  CHECK(zeros_like(image).is_channels_last());
  CHECK(full_like(image, 3).dtype() == DType::kFloat16);
  CHECK(zeros_like(expand(ones({1, 1}), {3, 3})).is_contiguous());
  CHECK(zeros({2}, DType::kFloat32, kMeta).is_meta());
}

TEST_CASE("philox is the published generator") {
  // Random123's known answers for philox4x32-10: counter and key all 0, all 1s, digits of pi.
  constexpr uint32_t kPurpose = static_cast<uint32_t>(RngPurpose::kUser) * 0x9E3779B9U;
  const auto words = [&](uint64_t counter, uint64_t step, uint32_t k0, uint32_t k1) {
    return philox({.seed = static_cast<uint64_t>(k0 ^ kPurpose) | (uint64_t{k1} << 32),
                   .purpose = RngPurpose::kUser,
                   .step = step,
                   .index = 0},
                  counter);
  };
  CHECK(words(0, 0, 0, 0) == std::array<uint32_t, 4>{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  CHECK(words(~uint64_t{0}, ~uint64_t{0}, 0xffffffffU, 0xffffffffU) ==
        std::array<uint32_t, 4>{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(words(0x85a308d3243f6a88U, 0x0370734413198a2eU, 0xa4093822U, 0x299f31d0U) ==
        std::array<uint32_t, 4>{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

const RngKey kKey{.seed = 0x123456789abcdefU, .purpose = RngPurpose::kInit, .step = 77, .index = 5};

TEST_CASE("element i of a random tensor comes from fixed words of the stream") {
  for (const int64_t n : {1, 5, 63, 64, 65, 1000, 70001}) {
    const std::vector<float> u = uniform({n}, 0, 1, kKey).to_vector<float>();
    const std::vector<float> b = bernoulli({n}, 0.25, kKey).to_vector<float>();
    const std::vector<float> z = normal({n}, 2, 3, kKey).to_vector<float>();
    RandomStream stream(kKey);
    RandomStream pairs(kKey);
    for (size_t i = 0; i < u.size(); ++i) {
      const float expected = stream.uniform();
      if (u[i] != expected) FAIL("uniform differs at " << i);
      if (b[i] != (expected < 0.25F ? 1.0F : 0.0F)) FAIL("bernoulli differs at " << i);
      const float gauss = 2 + 3 * pairs.normal();
      if (std::abs(z[i] - gauss) > 2e-5F) FAIL("normal differs at " << i << ": " << z[i] << " " << gauss);
    }
  }
}

TEST_CASE("random tensors have the right distribution") {
  constexpr int64_t kCount = 1000000;
  const auto moments = [](const Tensor& t) {
    double m1 = 0, m2 = 0, m4 = 0;
    const std::vector<float> v = t.to_vector<float>();
    for (const float x : v) m1 += static_cast<double>(x);
    m1 /= kCount;
    for (const float x : v) {
      const double d = static_cast<double>(x) - m1;
      m2 += d * d;
      m4 += d * d * d * d;
    }
    return std::array<double, 3>{m1, m2 / kCount, m4 / kCount};
  };
  const auto u = moments(uniform({kCount}, -1, 3, kKey));
  CHECK(std::abs(u[0] - 1) < 0.006);  // five standard errors
  CHECK(std::abs(u[1] - 16.0 / 12) < 0.006);
  const auto z = moments(normal({kCount}, 1, 2, kKey));
  CHECK(std::abs(z[0] - 1) < 0.01);
  CHECK(std::abs(z[1] - 4) < 0.03);
  CHECK(std::abs(z[2] / 16 - 3) < 0.05);  // the tails of a normal distribution
  CHECK(std::abs(moments(bernoulli({kCount}, 0.3, kKey))[0] - 0.3) < 0.0025);
}

TEST_CASE("uniform stays below its upper end in every dtype") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBFloat16, DType::kFloat16}) {
    const std::vector<double> v = uniform({100000}, 0, 1, kKey, dtype).to_vector<double>();
    for (const double x : v) {
      if (!(x >= 0 && x < 1)) FAIL(dtype_name(dtype) << ": " << x);
    }
    const std::vector<double> narrow = uniform({10000}, 100, 100.5, kKey, dtype).to_vector<double>();
    for (const double x : narrow) {
      if (!(x >= 100 && x < 100.5)) FAIL(dtype_name(dtype) << ": " << x);
    }
  }
  CHECK(uniform({3}, 2, 2, kKey).to_vector<double>() == std::vector<double>{2, 2, 2});
  CHECK(bernoulli({1000}, 0, kKey).to_vector<int64_t>() == std::vector<int64_t>(1000, 0));
  CHECK(bernoulli({1000}, 1, kKey).to_vector<int64_t>() == std::vector<int64_t>(1000, 1));
  CHECK_THROWS_AS(uniform({3}, 0, 1, kKey, DType::kInt64), Error);
}

TEST_CASE("random tensors do not depend on threads, but on every part of the key") {
  const int before = threads();
  set_threads(1);
  const std::vector<float> one = normal({300001}, 0, 1, kKey).to_vector<float>();
  set_threads(2);
  CHECK(normal({300001}, 0, 1, kKey).to_vector<float>() == one);
  set_threads(before);
  for (int part = 0; part < 4; ++part) {
    RngKey other = kKey;
    if (part == 0) other.seed ^= uint64_t{1} << 40;
    if (part == 1) other.purpose = RngPurpose::kUser;
    if (part == 2) other.step += 1;
    if (part == 3) other.index += 1;
    CHECK(normal({300001}, 0, 1, other).to_vector<float>() != one);
  }
}

}  // namespace
}  // namespace dlb
