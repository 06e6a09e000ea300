#pragma once
/// \file Sorting whatever the dtype: elements become unsigned keys of the same order, paired with their
/// index.
///
/// The index is part of the order, so equal keys keep theirs and every algorithm gives the same result.

#include <bit>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

/// float32, bfloat16, float16 -> float; integers up to 32 bits -> int32; the others stay.
template <class T>
using sort_value_t =
    std::conditional_t<sizeof(T) == 8, T, std::conditional_t<std::is_integral_v<T>, int32_t, float>>;

/// An unsigned number in the order of x; all NaN are equal and last, -0 equals 0.
template <class T>
auto order_key(T element) {
  using V = sort_value_t<T>;
  using U = std::conditional_t<sizeof(V) == 8, uint64_t, uint32_t>;
  constexpr U kSign = U(1) << (sizeof(U) * 8 - 1);
  const V x = convert_element<V>(element);
  if constexpr (std::is_integral_v<V>) {
    return static_cast<U>(static_cast<U>(x) ^ kSign);
  } else {
    if (x != x) return ~U(0);
    const U bits = std::bit_cast<U>(x + V(0));  // -0 + 0 is 0
    return (bits & kSign) != 0 ? static_cast<U>(~bits) : static_cast<U>(bits | kSign);
  }
}

/// A 32-bit key with an index below 2^32 in one word.
struct NarrowEntry {
  static constexpr int kKeyBits = 32;
  uint64_t word;
  NarrowEntry() = default;
  NarrowEntry(uint32_t key, int64_t index)
      : word(static_cast<uint64_t>(key) << 32 | static_cast<uint64_t>(index)) {}
  uint64_t key() const { return word >> 32; }
  int64_t index() const { return static_cast<int64_t>(word & 0xffffffffU); }
  friend bool operator<(const NarrowEntry& a, const NarrowEntry& b) { return a.word < b.word; }
};
/// Any other.
struct WideEntry {
  static constexpr int kKeyBits = 64;
  uint64_t word;
  int64_t at;
  WideEntry() = default;
  WideEntry(uint64_t key, int64_t index) : word(key), at(index) {}
  uint64_t key() const { return word; }
  int64_t index() const { return at; }
  friend bool operator<(const WideEntry& a, const WideEntry& b) {
    return a.word != b.word ? a.word < b.word : a.at < b.at;
  }
};

/// Sorts entries whose indices rise; `spare` is scratch. Long lists use the threads unless already within a
/// parallel region.
void sort_entries(std::vector<NarrowEntry>& entries, std::vector<NarrowEntry>& spare);
void sort_entries(std::vector<WideEntry>& entries, std::vector<WideEntry>& spare);

/// Calls f(E*) with a null pointer of the entry type for lines of `size` elements of type T.
template <class T, class F>
void dispatch_entry(int64_t size, const F& f) {
  if constexpr (sizeof(T) == 8) {
    f(static_cast<WideEntry*>(nullptr));
  } else if (size > int64_t{0xffffffff}) {
    f(static_cast<WideEntry*>(nullptr));
  } else {
    f(static_cast<NarrowEntry*>(nullptr));
  }
}

/// The entry of an element; `flip` reverses the order of keys but not that of equal ones.
template <class E, class T>
E make_entry(T x, int64_t index, bool flip) {
  const auto key = order_key(x);
  using U = std::remove_const_t<decltype(key)>;
  return E(flip ? static_cast<U>(~key) : key, index);
}

}  // namespace dlb::backend::cpu
