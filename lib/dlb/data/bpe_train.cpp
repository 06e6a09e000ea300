#include <algorithm>
#include <queue>

#include "dlb/base/error.h"
#include "dlb/data/bpe.h"

namespace dlb::data {

namespace {

constexpr size_t kMaxWord =
    256;  ///< bytes; longer words are cut, so that no merge has to walk through megabytes

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    uint64_t key =
        static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 | static_cast<uint32_t>(pair.second);
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9U;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBU;
    return key ^ (key >> 31);
  }
};

struct Word {
  std::vector<int32_t> tokens;
  int64_t count = 0;
};

struct Occurrences {
  int64_t count = 0;
  std::vector<uint32_t> words;  ///< that have, or had, the pair; may hold a word several times
};

/// How often each word occurs.
std::vector<std::pair<std::string, int64_t>> count_words(const TextFeed& training,
                                                         const std::vector<std::string>& special_tokens) {
  StringMap<int64_t> counts;
  const auto count = [&](std::string_view word) {
    if (const auto it = counts.find(word); it != counts.end()) {
      ++it->second;
    } else {
      counts.emplace(word, 1);
    }
  };
  Specials specials;
  for (const std::string& token : special_tokens) specials.add(token, 0);
  training([&](std::string_view text) {
    const auto plain = [&](std::string_view part) {
      split_gpt2(part, [&](std::string_view word) {
        for (; word.size() > kMaxWord; word.remove_prefix(kMaxWord)) count(word.substr(0, kMaxWord));
        count(word);
      });
    };
    specials.cut(text, plain, [](int32_t) {});
  });
  return {counts.begin(), counts.end()};
}

/// The words of the training text as lists of tokens, and where each pair of neighbours occurs.
class Merger {
 public:
  Merger(const std::vector<std::pair<std::string, int64_t>>& words, const std::vector<int32_t>& byte_ids) {
    words_.reserve(words.size());
    for (const auto& [text, count] : words) {
      Word word;
      word.count = count;
      for (const char c : text) word.tokens.push_back(byte_ids[static_cast<uint8_t>(c)]);
      words_.push_back(std::move(word));
    }
    for (size_t w = 0; w < words_.size(); ++w) {
      const std::vector<int32_t>& tokens = words_[w].tokens;
      for (size_t i = 0; i + 1 < tokens.size(); ++i) {
        Occurrences& at = pairs_[{tokens[i], tokens[i + 1]}];
        at.count += words_[w].count;
        at.words.push_back(static_cast<uint32_t>(w));
      }
    }
    for (const auto& [pair, at] : pairs_) queue_.push({at.count, pair});
  }

  /// The most frequent pair, of equally frequent ones the smallest; nothing when none occurs `least` times.
  std::optional<Pair> best(int64_t least) {
    while (!queue_.empty()) {
      const Entry top = queue_.top();
      queue_.pop();
      const int64_t count = pairs_.at(top.pair).count;
      if (count == top.count) {
        if (count < least) return std::nullopt;
        return top.pair;
      }
      // Counts were lowered since: it goes back to where it belongs now.
      if (count > 0) queue_.push({count, top.pair});
    }
    return std::nullopt;
  }

  /// Makes `id` of each occurrence of the pair, leftmost first.
  void merge(const Pair& pair, int32_t id) {
    std::vector<uint32_t> affected = std::move(pairs_.at(pair).words);
    std::sort(affected.begin(), affected.end());
    affected.erase(std::unique(affected.begin(), affected.end()), affected.end());
    raised_.clear();
    for (const uint32_t w : affected) merge_in(w, pair, id);
    std::sort(raised_.begin(), raised_.end());
    raised_.erase(std::unique(raised_.begin(), raised_.end()), raised_.end());
    for (const Pair& changed : raised_) queue_.push({pairs_.at(changed).count, changed});
  }

 private:
  struct Entry {
    int64_t count;
    Pair pair;
    bool operator<(const Entry& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void merge_in(uint32_t w, const Pair& pair, int32_t id) {
    Word& word = words_[w];
    std::vector<int32_t>& tokens = word.tokens;
    const auto is_pair = [&](size_t i) {
      return i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
    };
    size_t found = 0;
    while (found < tokens.size() && !is_pair(found)) ++found;
    if (found == tokens.size()) return;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) pairs_[{tokens[i], tokens[i + 1]}].count -= word.count;
    size_t to = 0;
    for (size_t i = 0; i < tokens.size(); ++to) {
      const bool merged = is_pair(i);
      tokens[to] = merged ? id : tokens[i];
      i += merged ? 2 : 1;
    }
    tokens.resize(to);
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const Pair now{tokens[i], tokens[i + 1]};
      Occurrences& at = pairs_[now];
      at.count += word.count;
      if (now.first == id || now.second == id) {
        at.words.push_back(w);
        raised_.push_back(now);
      }
    }
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  std::priority_queue<Entry> queue_;
  std::vector<Pair> raised_;
};

}  // namespace

BpeModel train_bpe(const TextFeed& training, const std::vector<std::string>& specials, int64_t size,
                   int64_t min_count) {
  BpeModel model;
  StringMap<int32_t> ids;
  const auto add = [&](const std::string& token) {
    const auto [it, fresh] = ids.emplace(token, static_cast<int32_t>(model.tokens.size()));
    if (fresh) model.tokens.push_back(token);
    return it->second;
  };
  for (const std::string& token : specials) {
    model.specials.emplace_back(token, static_cast<int32_t>(model.tokens.size()));
    model.tokens.push_back(token);
  }
  model.byte_ids.resize(256);
  for (const uint8_t byte : byte_alphabet().order) {
    model.byte_ids[byte] = add(std::string(1, static_cast<char>(byte)));
  }
  Merger merger(count_words(training, specials), model.byte_ids);
  while (static_cast<int64_t>(model.tokens.size()) < size) {
    const std::optional<Pair> pair = merger.best(std::max<int64_t>(min_count, 1));
    if (!pair) break;
    // Different pairs may make the same token ("ab" + "c", "a" + "bc").
    const int32_t id =
        add(model.tokens[static_cast<size_t>(pair->first)] + model.tokens[static_cast<size_t>(pair->second)]);
    model.merges.push_back({pair->first, pair->second, id});
    merger.merge(*pair, id);
  }
  return model;
}

}  // namespace dlb::data
