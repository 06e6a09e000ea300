#pragma once
/// \file The source `sentence_pairs`.

#include <string>
#include <vector>

#include "dlb/data/item_source.h"

namespace dlb::data {

/// Pairs of texts: lines "SOURCE<tab>TARGET", or made up by a `task`:
///  - dates: "march 7, 1987", "7.3.87", ... to "1987-03-07";
///  - addition: "57+186" to "243", numbers of 1 to `digits` digits;
///  - reverse: 1 to `length` letters to the same letters backwards.
/// Made-up training, validation and test items have no source in common.
/// Columns source (tokens, </s>; padded with <pad>) and target_in (<s>, tokens; padded with <pad>) are
/// inputs, target (tokens, </s>; padded with -100) is the target. Both sides share one vocabulary.
/// **Facts**: vocab, length, target_length.
struct SentencePairsSource final : ItemSource {
  std::string task = "none";
  int64_t samples = 10000;
  int64_t val_samples = 1000;
  int64_t test_samples = 0;
  int64_t digits = 3;
  int64_t length = 10;
  static Fields fields();

 protected:
  std::string_view name() const override { return "sentence_pairs"; }
  void read_items(const std::string& path, const ItemVisit& visit) const override;
  int64_t made_up(const std::string& split) const override;
  void make_items(const std::string& split, const ItemVisit& visit) const override;
  std::vector<std::string> special_tokens() const override { return {"<pad>", "<s>", "</s>"}; }
  void vocabulary_text(const TextItem& item,
                       const std::function<void(std::string_view)>& take) const override;
  std::vector<int64_t> store_limits() const override {
    return {tokenizer_made().size(), tokenizer_made().size()};
  }
  void encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const override;
  std::vector<ListColumn> columns() const override;
  size_t input_count() const override { return 2; }

 private:
  void make_pair(RandomStream& random, std::string& source, std::string& target) const;
};

}  // namespace dlb::data
