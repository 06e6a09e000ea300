#pragma once
/// \file Tokens kept in as few bytes as their vocabulary allows.

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace dlb::data {

/// A growing list of numbers 0 to limit - 1, in 1, 2 or 4 bytes each.
class TokenStore {
 public:
  TokenStore() = default;
  explicit TokenStore(int64_t limit);
  void append(std::span<const int32_t> tokens);
  int64_t size() const;
  /// Writes tokens [at, at + count) to `out`.
  void copy(int64_t at, int64_t count, int64_t* out) const;
  void shrink_to_fit();  ///< gives back what growing has taken beside
  int64_t bytes() const;

 private:
  std::variant<std::vector<uint8_t>, std::vector<uint16_t>, std::vector<int32_t>> tokens_;
};

/// Lists of tokens of different lengths.
class TokenLists {
 public:
  TokenLists() = default;
  explicit TokenLists(int64_t limit) : tokens_(limit) {}
  void append(std::span<const int32_t> list);
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  int64_t length(int64_t index) const { return end(index) - end(index - 1); }
  int64_t longest() const { return longest_; }
  /// Writes `count` tokens of list `index` from its token `first` on.
  void copy(int64_t index, int64_t first, int64_t count, int64_t* out) const;
  void shrink_to_fit();

 private:
  int64_t end(int64_t index) const { return index < 0 ? 0 : ends_[static_cast<size_t>(index)]; }
  TokenStore tokens_;
  std::vector<int64_t> ends_;
  int64_t longest_ = 0;
};

}  // namespace dlb::data
