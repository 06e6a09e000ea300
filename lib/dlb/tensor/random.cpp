#include "dlb/tensor/random.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "dlb/base/error.h"

namespace dlb {

std::array<uint32_t, 4> philox(const RngKey& key, uint64_t counter) {
  constexpr uint32_t kM0 = 0xD2511F53U;
  constexpr uint32_t kM1 = 0xCD9E8D57U;
  constexpr uint32_t kW0 = 0x9E3779B9U;
  constexpr uint32_t kW1 = 0xBB67AE85U;
  uint32_t k0 = static_cast<uint32_t>(key.seed) ^ (static_cast<uint32_t>(key.purpose) * kW0);
  uint32_t k1 = static_cast<uint32_t>(key.seed >> 32) ^ key.index;
  std::array<uint32_t, 4> c = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
                               static_cast<uint32_t>(key.step), static_cast<uint32_t>(key.step >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kM0} * c[0];
    const uint64_t p1 = uint64_t{kM1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kW0;
    k1 += kW1;
  }
  return c;
}

uint32_t RandomStream::next_u32() {
  if (used_ == 4) {
    block_ = philox(key_, counter_++);
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t RandomStream::next_u64() {
  const uint64_t low = next_u32();
  return low | (uint64_t{next_u32()} << 32);
}

double RandomStream::uniform_double() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

float RandomStream::normal() {
  // 1 - u lies in (0, 1], so that the logarithm is finite.
  const float u = 1.0F - uniform();
  const float v = uniform();
  return std::sqrt(-2.0F * std::log(u)) * std::cos(2.0F * std::numbers::pi_v<float> * v);
}

uint64_t RandomStream::below(uint64_t n) {
  DLB_CHECK(n > 0);
  // Rejection of the incomplete last interval keeps the result unbiased.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  uint64_t x = next_u64();
  while (x >= limit) x = next_u64();
  return x % n;
}

std::vector<int64_t> RandomStream::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[below(static_cast<uint64_t>(i) + 1)]);
  }
  return order;
}

}  // namespace dlb
