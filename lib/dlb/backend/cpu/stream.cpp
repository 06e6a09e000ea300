#include "dlb/backend/cpu/stream.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "dlb/backend/cpu/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kLine = 64;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void lines_avx512(char* to, const char* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += kLine) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), _mm512_loadu_si512(from + i));
  }
}

__attribute__((target("avx2"))) void lines_avx2(char* to, const char* from, int64_t bytes) {
  const auto* x = reinterpret_cast<const __m256i*>(from);
  auto* y = reinterpret_cast<__m256i*>(to);
  for (int64_t i = 0; i < bytes; i += kLine, x += 2, y += 2) {
    const __m256i a = _mm256_loadu_si256(x);
    const __m256i b = _mm256_loadu_si256(x + 1);
    _mm256_stream_si256(y, a);
    _mm256_stream_si256(y + 1, b);
  }
}

void lines_sse2(char* to, const char* from, int64_t bytes) {
  const auto* x = reinterpret_cast<const __m128i*>(from);
  auto* y = reinterpret_cast<__m128i*>(to);
  for (int64_t i = 0; i < bytes; i += kLine, x += 4, y += 4) {
    for (int64_t k = 0; k < 4; ++k) _mm_stream_si128(y + k, _mm_loadu_si128(x + k));
  }
}

__attribute__((target("avx512f"))) void scaled_avx512(float* to, const float* from, float scale, int64_t n) {
  const __m512 k = _mm512_set1_ps(scale);
  for (int64_t i = 0; i < n; i += 16) _mm512_stream_ps(to + i, _mm512_mul_ps(_mm512_loadu_ps(from + i), k));
}

__attribute__((target("avx2"))) void scaled_avx2(float* to, const float* from, float scale, int64_t n) {
  const __m256 k = _mm256_set1_ps(scale);
  for (int64_t i = 0; i < n; i += 8) _mm256_stream_ps(to + i, _mm256_mul_ps(_mm256_loadu_ps(from + i), k));
}

void scaled_sse2(float* to, const float* from, float scale, int64_t n) {
  const __m128 k = _mm_set1_ps(scale);
  for (int64_t i = 0; i < n; i += 4) _mm_stream_ps(to + i, _mm_mul_ps(_mm_loadu_ps(from + i), k));
}

void scaled(float* to, const float* from, float scale, int64_t n) {
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return scaled_avx512(to, from, scale, n);
    case InstructionSet::kAvx2:
      return scaled_avx2(to, from, scale, n);
    default:
      return scaled_sse2(to, from, scale, n);
  }
}

void lines(char* to, const char* from, int64_t bytes) {
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return lines_avx512(to, from, bytes);
    case InstructionSet::kAvx2:
      return lines_avx2(to, from, bytes);
    default:
      return lines_sse2(to, from, bytes);
  }
}
#else
void lines(char* to, const char* from, int64_t bytes) { std::memcpy(to, from, static_cast<size_t>(bytes)); }
void scaled(float* to, const float* from, float scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = from[i] * scale;
}
#endif

int64_t last_level_cache() {
#if defined(_SC_LEVEL3_CACHE_SIZE)
  const int64_t size = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (size > 0) return size;
#endif
  return int64_t{32} << 20;
}

}  // namespace

bool past_caches(int64_t bytes) {
  // Inputs come through the caches as well, and large caches are shared with other cores.
  static const int64_t limit = std::clamp(last_level_cache() / 2, int64_t{8} << 20, int64_t{16} << 20);
  return bytes >= limit;
}

void stream(void* to, const void* from, int64_t bytes) {
  char* y = static_cast<char*>(to);
  const char* x = static_cast<const char*>(from);
  const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(y) % kLine);
  const int64_t head = std::min(past == 0 ? 0 : kLine - past, bytes);
  if (head > 0) std::memcpy(y, x, static_cast<size_t>(head));
  const int64_t whole = (bytes - head) / kLine * kLine;
  lines(y + head, x + head, whole);
  const int64_t done = head + whole;
  if (done < bytes) std::memcpy(y + done, x + done, static_cast<size_t>(bytes - done));
}

void stream_scaled(float* to, const float* from, float scale, int64_t n) {
  constexpr int64_t kElements = kLine / 4;
  const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % kLine / 4);
  const int64_t head = std::min(past == 0 ? 0 : kElements - past, n);
  for (int64_t i = 0; i < head; ++i) to[i] = from[i] * scale;
  const int64_t whole = (n - head) / kElements * kElements;
  scaled(to + head, from + head, scale, whole);
  for (int64_t i = head + whole; i < n; ++i) to[i] = from[i] * scale;
}

void end_stream() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace dlb::backend::cpu
