#include "dlb/data/token_store.h"

#include <algorithm>

namespace dlb::data {

TokenStore::TokenStore(int64_t limit) {
  if (limit > 1 << 16) {
    tokens_ = std::vector<int32_t>();
  } else if (limit > 1 << 8) {
    tokens_ = std::vector<uint16_t>();
  }
}

void TokenStore::append(std::span<const int32_t> tokens) {
  std::visit(
      [&](auto& list) {
        using T = typename std::remove_reference_t<decltype(list)>::value_type;
        const size_t before = list.size();
        list.resize(before + tokens.size());
        std::transform(tokens.begin(), tokens.end(), list.begin() + static_cast<std::ptrdiff_t>(before),
                       [](int32_t token) { return static_cast<T>(token); });
      },
      tokens_);
}

int64_t TokenStore::size() const {
  return std::visit([](const auto& list) { return static_cast<int64_t>(list.size()); }, tokens_);
}

void TokenStore::copy(int64_t at, int64_t count, int64_t* out) const {
  std::visit(
      [&](const auto& list) {
        const auto begin = list.begin() + static_cast<std::ptrdiff_t>(at);
        std::copy(begin, begin + static_cast<std::ptrdiff_t>(count), out);
      },
      tokens_);
}

void TokenStore::shrink_to_fit() {
  std::visit([](auto& list) { list.shrink_to_fit(); }, tokens_);
}

int64_t TokenStore::bytes() const {
  return std::visit([](const auto& list) { return static_cast<int64_t>(list.capacity() * sizeof(list[0])); },
                    tokens_);
}

void TokenLists::append(std::span<const int32_t> list) {
  tokens_.append(list);
  ends_.push_back(tokens_.size());
  longest_ = std::max(longest_, static_cast<int64_t>(list.size()));
}

void TokenLists::copy(int64_t index, int64_t first, int64_t count, int64_t* out) const {
  tokens_.copy(end(index - 1) + first, count, out);
}

void TokenLists::shrink_to_fit() {
  tokens_.shrink_to_fit();
  ends_.shrink_to_fit();
}

}  // namespace dlb::data
