#include "dlb/data/bpe.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>

#include "dlb/base/error.h"
#include "dlb/base/files.h"

namespace dlb::data {

namespace {

/// The bytes of the contraction ('s, 't, 're, 've, 'm, 'll, 'd) at the start of `text`, or 0.
size_t contraction(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  switch (text[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return text.size() > 2 && text[2] == 'e' ? 3 : 0;
    case 'l':
      return text.size() > 2 && text[2] == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

struct Run {
  size_t bytes = 0;
  size_t last = 0;  ///< bytes of the last character
};

/// The characters of one class at the start of `text`.
Run run_of(std::string_view text, CharClass wanted) {
  Run run;
  while (run.bytes < text.size()) {
    const CodePoint code = decode_utf8(text.substr(run.bytes));
    if (char_class(code.value) != wanted) break;
    run.bytes += code.bytes;
    run.last = code.bytes;
  }
  return run;
}

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

/// Mixes the bits of a pair (the finaliser of SplitMix64): pairs of small ids differ in few bits.
struct PairHash {
  size_t operator()(uint64_t key) const {
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9U;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBU;
    return key ^ (key >> 31);
  }
};

}  // namespace

void split_gpt2(std::string_view text, const std::function<void(std::string_view)>& word) {
  while (!text.empty()) {
    size_t length = contraction(text);
    if (length == 0) {
      const CodePoint first = decode_utf8(text);
      const CharClass kind = char_class(first.value);
      if (kind != CharClass::kSpace) {
        length = run_of(text, kind).bytes;
      } else {
        const Run spaces = run_of(text, CharClass::kSpace);
        const bool at_end = spaces.bytes == text.size();
        if (at_end || spaces.bytes > spaces.last) {
          // The last space before a word is left to that word, or to itself.
          length = at_end ? spaces.bytes : spaces.bytes - spaces.last;
        } else if (first.value == ' ') {
          const CodePoint next = decode_utf8(text.substr(1));
          length = 1 + run_of(text.substr(1), char_class(next.value)).bytes;
        } else {
          length = spaces.bytes;
        }
      }
    }
    word(text.substr(0, length));
    text.remove_prefix(length);
  }
}

const ByteAlphabet& byte_alphabet() {
  static const ByteAlphabet alphabet = [] {
    ByteAlphabet a;
    a.codes.resize(256);
    const auto printable = [](int byte) {
      return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    };
    int32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      if (printable(byte)) a.order.push_back(static_cast<uint8_t>(byte));
      a.codes[static_cast<size_t>(byte)] = printable(byte) ? byte : next++;
    }
    for (int byte = 0; byte < 256; ++byte) {
      if (!printable(byte)) a.order.push_back(static_cast<uint8_t>(byte));
    }
    return a;
  }();
  return alphabet;
}

struct BpeTokenizer::Merges {
  struct Merge {
    int32_t rank;
    int32_t id;
  };
  std::unordered_map<uint64_t, Merge, PairHash> by_pair;

  const Merge* find(int32_t left, int32_t right) const {
    const auto it = by_pair.find(pair_key(left, right));
    return it == by_pair.end() ? nullptr : &it->second;
  }
};

struct BpeTokenizer::Cache {
  static constexpr size_t kMaxWords = 1 << 16;
  static constexpr size_t kMaxBytes = 64;  ///< of a word that is kept
  std::mutex mutex;
  StringMap<std::vector<int32_t>> words;
};

BpeTokenizer::BpeTokenizer(BpeModel model, const TextForm& form)
    : model_(std::move(model)), merges_(std::make_unique<Merges>()), cache_(std::make_unique<Cache>()) {
  form_ = form;
  for (const auto& [text, id] : model_.specials) {
    specials_.add(text, id);
    ids_.emplace(text, id);
  }
  for (size_t i = 0; i < model_.tokens.size(); ++i) ids_.emplace(model_.tokens[i], static_cast<int32_t>(i));
  merges_->by_pair.reserve(model_.merges.size());
  for (size_t rank = 0; rank < model_.merges.size(); ++rank) {
    const BpeMerge& merge = model_.merges[rank];
    merges_->by_pair.emplace(pair_key(merge.left, merge.right),
                             Merges::Merge{static_cast<int32_t>(rank), merge.id});
  }
}

BpeTokenizer::~BpeTokenizer() = default;

std::optional<int32_t> BpeTokenizer::find(std::string_view token) const {
  const auto it = ids_.find(token);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

void BpeTokenizer::encode_plain(std::string_view text, std::vector<int32_t>& out) const {
  const std::lock_guard lock(cache_->mutex);
  split_gpt2(text, [&](std::string_view word) {
    if (word.size() > Cache::kMaxBytes) {
      encode_word(word, out);
      return;
    }
    if (const auto it = cache_->words.find(word); it != cache_->words.end()) {
      out.insert(out.end(), it->second.begin(), it->second.end());
      return;
    }
    const size_t before = out.size();
    encode_word(word, out);
    if (cache_->words.size() < Cache::kMaxWords) {
      cache_->words.emplace(
          word, std::vector<int32_t>(out.begin() + static_cast<std::ptrdiff_t>(before), out.end()));
    }
  });
}

void BpeTokenizer::encode_word(std::string_view word, std::vector<int32_t>& out) const {
  // A list of tokens with links, and a queue of the merges possible in it: n log n for a word of n bytes,
  // which may be a whole file without spaces.
  struct Part {
    int32_t id;
    int64_t previous;
    int64_t next;
  };
  struct Candidate {
    int32_t rank;
    int32_t id;
    int64_t left;
    int32_t left_id;
    int32_t right_id;
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  const auto count = static_cast<int64_t>(word.size());
  std::vector<Part> parts;
  parts.reserve(word.size());
  for (int64_t i = 0; i < count; ++i) {
    const auto byte = static_cast<uint8_t>(word[static_cast<size_t>(i)]);
    parts.push_back({model_.byte_ids[byte], i - 1, i + 1});
  }
  const auto part = [&](int64_t at) -> Part& { return parts[static_cast<size_t>(at)]; };
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int64_t left) {
    if (left < 0 || part(left).next >= count) return;
    const int32_t a = part(left).id, b = part(part(left).next).id;
    if (const Merges::Merge* merge = merges_->find(a, b)) queue.push({merge->rank, merge->id, left, a, b});
  };
  for (int64_t i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Part& left = part(best.left);
    // Stale, unless both tokens are still what they were; a token that was merged away has id -1.
    if (left.id != best.left_id || left.next >= count || part(left.next).id != best.right_id) continue;
    Part& right = part(left.next);
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    if (left.next < count) part(left.next).previous = best.left;
    offer(left.previous);
    offer(best.left);
  }
  for (int64_t i = 0; i < count; i = part(i).next) out.push_back(part(i).id);
}

Fields BpeTokenizerBuilder::fields() {
  static const std::vector<Field> list = with_common({
      field<&BpeTokenizerBuilder::size>(
          "size", "size of a trained vocabulary at most: special tokens, 256 bytes and merged tokens",
          between(256, static_cast<double>(1 << 20))),
      field<&BpeTokenizerBuilder::min_count>("min_count", "how often a pair must occur to be merged",
                                             at_least(1)),
      field<&BpeTokenizerBuilder::train_bytes>(
          "train_bytes", "bytes of the training text, from its start, that merges are learned from",
          positive()),
      field<&BpeTokenizerBuilder::file>(
          "file", "tokenizer.json of a trained byte-level BPE, instead of training one"),
      field<&BpeTokenizerBuilder::vocab_file>("vocab_file", "GPT-2's vocab.json, with merges_file"),
      field<&BpeTokenizerBuilder::merges_file>("merges_file", "GPT-2's merges.txt, with vocab_file"),
  });
  return list;
}

void BpeTokenizerBuilder::bind(const std::string& folder) {
  check_special_tokens(special_tokens);
  if (vocab_file.empty() != merges_file.empty()) {
    fail(ErrorKind::kConfig, "bpe needs vocab_file and merges_file together, or neither");
  }
  if (!file.empty() && !vocab_file.empty()) {
    fail(ErrorKind::kConfig, "bpe takes file, or vocab_file and merges_file, not both");
  }
  for (std::string* path : {&file, &vocab_file, &merges_file}) {
    if (!path->empty()) *path = files::join(folder, *path);
  }
}

std::unique_ptr<Tokenizer> BpeTokenizerBuilder::make(const TextFeed& training,
                                                     const std::vector<std::string>& needed) const {
  const std::vector<std::string> specials = all_specials(needed);
  BpeModel model;
  if (!file.empty() || !vocab_file.empty()) {
    model = file.empty() ? load_bpe(vocab_file, merges_file) : load_bpe(file);
    for (const std::string& token : specials) {
      const auto known = std::find_if(model.specials.begin(), model.specials.end(),
                                      [&](const auto& special) { return special.first == token; });
      if (known != model.specials.end()) continue;
      const auto same = std::find(model.tokens.begin(), model.tokens.end(), token);
      // GPT-2's own <|endoftext|> is an ordinary entry of vocab.json.
      const auto id = static_cast<int32_t>(same - model.tokens.begin());
      if (same == model.tokens.end()) model.tokens.push_back(token);
      model.specials.emplace_back(token, id);
    }
  } else {
    const TextFeed start = [&](const std::function<void(std::string_view)>& take) {
      int64_t left = train_bytes;
      training([&](std::string_view text) {
        if (left <= 0) return;
        const std::string_view part = text.substr(0, static_cast<size_t>(left));
        left -= static_cast<int64_t>(part.size());
        if (form().plain()) {
          take(part);
        } else {
          take(in_form(part.substr(0, std::min(part.size(), find_invalid_utf8(part))), form()));
        }
      });
    };
    model = train_bpe(start, specials, size, min_count);
  }
  return std::make_unique<BpeTokenizer>(std::move(model), form());
}

}  // namespace dlb::data
