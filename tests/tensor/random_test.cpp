#include "dlb/tensor/random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

using namespace dlb;

TEST_CASE("philox gives the published known answers", "[random]") {
  // Random123's kat_vectors for philox4x32-10: counter and key all zero, all ones, and digits of pi. The
  // purpose word is mixed into the key by xor, so a key is reached by undoing the mix.
  const auto key = [](uint32_t k0, uint32_t k1, uint64_t step) {
    RngKey k;
    k.purpose = RngPurpose::kUser;
    const uint32_t mix = static_cast<uint32_t>(RngPurpose::kUser) * 0x9E3779B9U;
    k.seed = (uint64_t{k1} << 32) | (k0 ^ mix);
    k.step = step;
    return k;
  };
  CHECK(philox(key(0, 0, 0), 0) == std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(key(0xffffffff, 0xffffffff, 0xffffffffffffffff), 0xffffffffffffffff) ==
        std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(key(0xa4093822, 0x299f31d0, 0x0370734413198a2e), 0x85a308d3243f6a88) ==
        std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("streams differ in every part of their key", "[random]") {
  const RngKey base{1, RngPurpose::kInit, 2, 3};
  std::set<uint32_t> first;
  for (RngKey k : {base, RngKey{2, RngPurpose::kInit, 2, 3}, RngKey{1, RngPurpose::kDropout, 2, 3},
                   RngKey{1, RngPurpose::kInit, 3, 3}, RngKey{1, RngPurpose::kInit, 2, 4}}) {
    first.insert(RandomStream(k).next_u32());
  }
  CHECK(first.size() == 5);
}

TEST_CASE("uniform, normal and bounded integers have their distributions", "[random]") {
  RandomStream r({42, RngPurpose::kUser, 0, 0});
  const int n = 200'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = r.uniform();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
  }
  CHECK(sum / n == Approx(0.5).margin(0.003));
  sum = 0;
  for (int i = 0; i < n; ++i) {
    const double x = r.normal();
    sum += x;
    squares += x * x;
  }
  CHECK(sum / n == Approx(0).margin(0.01));
  CHECK(squares / n == Approx(1).margin(0.02));
  std::vector<int> counts(7);
  for (int i = 0; i < n; ++i) ++counts[r.below(7)];
  for (const int c : counts) CHECK(c == Approx(n / 7.0).epsilon(0.03));
}

TEST_CASE("permutations are permutations and repeat", "[random]") {
  const RngKey key{7, RngPurpose::kShuffle, 3, 0};
  const auto a = RandomStream(key).permutation(1000);
  CHECK(a == RandomStream(key).permutation(1000));
  CHECK(a != RandomStream({7, RngPurpose::kShuffle, 4, 0}).permutation(1000));
  auto sorted = a;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i) REQUIRE(sorted[static_cast<size_t>(i)] == i);
  CHECK(RandomStream(key).permutation(0).empty());
}
