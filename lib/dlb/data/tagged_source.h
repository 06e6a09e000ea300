#pragma once
/// \file The source `tagged`.

#include <map>
#include <string>
#include <vector>

#include "dlb/data/item_source.h"

namespace dlb::data {

/// Sequences with a tag per token, by `task`:
///  - columns: one word per line, its columns separated by white space or tabs, an empty line between
///    sentences (CoNLL); the word is column `token_column`, its tag column `tag_column` (negative: from the
///    end). Lines that begin with "-DOCSTART-" or "#" and a space are left out;
///  - capitals: lines of text in lower case, each letter tagged lower or upper;
///  - vowels: lines of text in lower case with "_" for each of a, e, i, o, u, which are the tags.
/// Columns tokens (padded with <pad>) and tags (-100 for fillers and for characters without a tag). The
/// tokenizer must make one token of each word or character: word with punctuation kept is the default for
/// columns, char for the others.
/// **Facts**: vocab, classes (the tags of the training items in the order of their bytes), length.
struct TaggedSource final : ItemSource {
  std::string task = "columns";
  int64_t token_column = 0;
  int64_t tag_column = -1;
  static Fields fields();
  const std::vector<std::string>& classes() const { return classes_; }
  void bind(const SourceOptions& options) override;

 protected:
  std::string_view name() const override { return "tagged"; }
  void read_items(const std::string& path, const ItemVisit& visit) const override;
  void vocabulary_text(const TextItem& item,
                       const std::function<void(std::string_view)>& take) const override;
  void learn(const TextItem& item) override;
  void finish_learning() override;
  std::vector<int64_t> store_limits() const override;
  void encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const override;
  std::vector<ListColumn> columns() const override;
  void describe(SampleSpec& spec) const override { spec.classes = static_cast<int64_t>(classes_.size()); }

 private:
  void read_columns(const std::string& path, const ItemVisit& visit) const;
  void read_derived(const std::string& path, const ItemVisit& visit) const;
  std::map<std::string, int32_t, std::less<>> numbers_;  ///< of the tags
  std::vector<std::string> classes_;
};

}  // namespace dlb::data
