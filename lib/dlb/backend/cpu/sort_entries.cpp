#include "dlb/backend/cpu/sort_entries.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dlb/base/threads.h"

namespace dlb::backend::cpu {

namespace {

constexpr size_t kRadixFrom = 1024;  ///< shorter lists are sorted by comparing
constexpr int kDigitBits = 11;
constexpr size_t kDigits = size_t{1} << kDigitBits;
constexpr int64_t kChunk = 65536;  ///< entries that make it worth while to wake another thread

using Counts = std::array<size_t, kDigits>;

template <class E>
size_t digit(const E& e, int shift) {
  return static_cast<size_t>(e.key() >> shift) & (kDigits - 1);
}

/// One stable pass by the digit at `shift`: each chunk counts its digits, then moves its entries behind those
/// of the chunks before. Returns whether anything had to move.
template <class E>
bool radix_pass(const std::vector<E>& from, std::vector<E>& to, int shift, std::vector<Counts>& counts) {
  const auto chunks = static_cast<int64_t>(counts.size());
  const size_t length = (from.size() + counts.size() - 1) / counts.size();
  const auto range = [&](int64_t chunk) {
    const size_t first = std::min(from.size(), static_cast<size_t>(chunk) * length);
    return std::pair(first, std::min(from.size(), first + length));
  };
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      Counts& count = counts[static_cast<size_t>(chunk)];
      count.fill(0);
      const auto [first, last] = range(chunk);
      for (size_t i = first; i < last; ++i) ++count[digit(from[i], shift)];
    }
  });
  size_t at = 0;
  for (size_t d = 0; d < kDigits; ++d) {
    size_t total = 0;
    for (const Counts& count : counts) total += count[d];
    if (total == from.size()) return false;
    for (Counts& count : counts) at += std::exchange(count[d], at);
  }
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      Counts& place = counts[static_cast<size_t>(chunk)];
      const auto [first, last] = range(chunk);
      for (size_t i = first; i < last; ++i) to[place[digit(from[i], shift)]++] = from[i];
    }
  });
  return true;
}

template <class E>
void sort_list(std::vector<E>& entries, std::vector<E>& spare) {
  if (entries.size() < kRadixFrom) {
    std::sort(entries.begin(), entries.end());
    return;
  }
  spare.resize(entries.size());
  const int64_t chunks = std::clamp<int64_t>(static_cast<int64_t>(entries.size()) / kChunk, 1, threads());
  std::vector<Counts> counts(static_cast<size_t>(chunks));
  for (int shift = 0; shift < E::kKeyBits; shift += kDigitBits) {
    if (radix_pass(entries, spare, shift, counts)) entries.swap(spare);
  }
}

}  // namespace

void sort_entries(std::vector<NarrowEntry>& entries, std::vector<NarrowEntry>& spare) {
  sort_list(entries, spare);
}
void sort_entries(std::vector<WideEntry>& entries, std::vector<WideEntry>& spare) {
  sort_list(entries, spare);
}

}  // namespace dlb::backend::cpu
