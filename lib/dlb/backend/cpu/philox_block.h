#pragma once
/// \file Random words of a stream, many at a time.

#include <cstdint>

#include "dlb/tensor/random.h"

namespace dlb::backend::cpu {

/// philox() makes this many words for each of its counters.
inline constexpr int64_t kPhiloxWords = 4;

/// Writes philox(key, counter), philox(key, counter + 1), ... one after the other: `words` words in all, best
/// in the thousands. Runs in the calling thread, with the best instruction set of this processor.
void philox_fill(const RngKey& key, uint64_t counter, uint32_t* out, int64_t words);

struct DropRule {
  uint32_t threshold;  ///< an element whose word's upper 24 bits are below it is dropped
  float scale;         ///< of the others
  bool streamed;       ///< past the caches (stream.h); y must be aligned to 64 bytes then
};
/// As philox_fill(), each word used at once on an element of x: drawing and memory overlap. `counter` is that
/// of the first element.
void philox_drop(const RngKey& key, uint64_t counter, const float* x, float* y, int64_t n,
                 const DropRule& rule);

/// A block of a fixed size: 16 counters.
inline constexpr int64_t kPhiloxBlock = 64;
inline void philox_block(const RngKey& key, uint64_t counter, uint32_t* words) {
  philox_fill(key, counter, words, kPhiloxBlock);
}

}  // namespace dlb::backend::cpu
