#pragma once
/// \file Byte-level byte-pair encoding.
///
/// **Source**: Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", ACL
/// 2016; over bytes, with the pattern that cuts text into words: Radford et al., "Language models are
/// unsupervised multitask learners", 2019 (GPT-2).

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dlb/data/tokenizer.h"

namespace dlb::data {

/// Calls word(part) for the parts into which GPT-2's pattern
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// cuts `text`; together they are the text. A byte that is no UTF-8 counts as neither letter, number nor
/// space.
void split_gpt2(std::string_view text, const std::function<void(std::string_view)>& word);

/// Two tokens that become one.
struct BpeMerge {
  int32_t left;
  int32_t right;
  int32_t id;  ///< the token that they become
};

/// What a BPE tokenizer consists of.
struct BpeModel {
  std::vector<std::string> tokens;  ///< bytes of each token, by id; for a special token its text
  std::vector<int32_t> byte_ids;    ///< id of each of the 256 bytes
  std::vector<BpeMerge> merges;     ///< in order of preference
  std::vector<std::pair<std::string, int32_t>> specials;  ///< text, id
};

/// Merges the most frequent pair of neighbouring tokens within the words of the training text, of equally
/// frequent ones that of the smallest ids, until there are `size` tokens or no pair occurs `min_count` times.
/// Ids: `specials`, the 256 bytes in GPT-2's order, merged tokens in order. Words above 256 bytes are cut.
/// With the same special tokens the result is that of Hugging Face's BpeTrainer.
BpeModel train_bpe(const TextFeed& training, const std::vector<std::string>& specials, int64_t size,
                   int64_t min_count);

/// The 256 bytes in the order of GPT-2's vocabulary, and the code points that stand for them in its files.
struct ByteAlphabet {
  std::vector<uint8_t> order;  ///< by id
  std::vector<int32_t> codes;  ///< by byte
};
const ByteAlphabet& byte_alphabet();

/// Reads `tokenizer.json` (Hugging Face's format, byte-level BPE with GPT-2's pattern; also what save_bpe
/// writes). Errors: io; data, naming the file and what is wrong; unsupported.
BpeModel load_bpe(const std::string& path);
/// Reads GPT-2's pair of files, vocab.json and merges.txt. Errors: io, data.
BpeModel load_bpe(const std::string& vocab_path, const std::string& merges_path);
/// The text of a `tokenizer.json`. Errors: unsupported, when a special token has the text of another token.
std::string save_bpe(const BpeModel& model);

/// Encodes words by applying merges in order of preference, leftmost first. Takes any bytes and gives them
/// back exactly.
class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(BpeModel model, const TextForm& form);
  ~BpeTokenizer() override;
  int64_t size() const override { return static_cast<int64_t>(model_.tokens.size()); }
  const std::string& token(int32_t id) const override { return model_.tokens[static_cast<size_t>(id)]; }
  std::optional<int32_t> find(std::string_view token) const override;
  const BpeModel& model() const { return model_; }

 protected:
  void encode_plain(std::string_view text, std::vector<int32_t>& out) const override;

 private:
  struct Merges;
  struct Cache;
  void encode_word(std::string_view word, std::vector<int32_t>& out) const;

  BpeModel model_;
  StringMap<int32_t> ids_;
  std::unique_ptr<Merges> merges_;
  std::unique_ptr<Cache> cache_;  ///< tokens of words met before
};

/// Chosen by `bpe`: trained on the training text, or loaded.
struct BpeTokenizerBuilder final : TokenizerBuilder {
  int64_t size = 4096;
  int64_t min_count = 2;
  int64_t train_bytes = int64_t{64} << 20;
  std::string file;
  std::string vocab_file;
  std::string merges_file;
  static Fields fields();
  void bind(const std::string& folder) override;
  std::unique_ptr<Tokenizer> make(const TextFeed& training,
                                  const std::vector<std::string>& needed) const override;
};

}  // namespace dlb::data
