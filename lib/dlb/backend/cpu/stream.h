#pragma once
/// \file Writing large outputs past the caches.
///
/// A store to memory that is not in the caches reads it first. For outputs that are larger than the caches
/// and so are gone from them before anyone reads them, non-temporal stores save that third of the traffic.
/// Kernels compute a block in a buffer that stays in the first-level cache, and stream() moves it out.

#include <cstdint>

namespace dlb::backend::cpu {

/// Whether an output of that size should be streamed.
bool past_caches(int64_t bytes);

/// Copies `bytes` from a buffer to memory past the caches. The calling thread must call end_stream() before
/// others read the memory.
void stream(void* to, const void* from, int64_t bytes);
void end_stream();

/// The same with n elements multiplied on the way.
void stream_scaled(float* to, const float* from, float scale, int64_t n);

}  // namespace dlb::backend::cpu
