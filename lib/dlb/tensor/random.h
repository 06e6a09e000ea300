#pragma once
/// \file Counter-based random numbers: Philox 4x32-10, the same on every device.
///
/// **Source**: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dlb {

/// What a stream of random numbers is for. Streams of different purposes are independent; the values are part
/// of the reproducibility contract and never change.
enum class RngPurpose : uint32_t {
  kInit = 1,
  kDropout = 2,
  kShuffle = 3,
  kAugment = 4,
  kSynthetic = 5,
  kSample = 6,
  kUser = 7
};

/// Names one stream: (seed, purpose, step, index). `step` is the training step or epoch, `index` the call
/// within it (layer call, sample).
struct RngKey {
  uint64_t seed = 0;
  RngPurpose purpose = RngPurpose::kUser;
  uint64_t step = 0;
  uint32_t index = 0;
  friend bool operator==(const RngKey&, const RngKey&) = default;
};

/// The four 32-bit words number `counter` of the stream.
///   key = (seed_lo ^ purpose * 0x9E3779B9, seed_hi ^ index), counter words = (counter_lo, counter_hi,
///   step_lo, step_hi)
std::array<uint32_t, 4> philox(const RngKey& key, uint64_t counter);

/// [0, 1) with 24 bits.
constexpr float unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24F; }

/// Sequential reading of one stream.
class RandomStream {
 public:
  explicit RandomStream(const RngKey& key) : key_(key) {}
  uint32_t next_u32();
  uint64_t next_u64();
  float uniform() { return unit_float(next_u32()); }  ///< [0, 1)
  double uniform_double();                            ///< [0, 1), 53 bits
  float normal();                                     ///< Box-Muller, mean 0, variance 1
  uint64_t below(uint64_t n);                         ///< unbiased in [0, n), n > 0
  std::vector<int64_t> permutation(int64_t n);        ///< Fisher-Yates

 private:
  RngKey key_;
  uint64_t counter_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace dlb
