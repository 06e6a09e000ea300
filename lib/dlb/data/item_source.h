#pragma once
/// \file What sources of separate pieces of text have in common: lines, labelled lines, pairs, tagged
/// sequences.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/data/text_files.h"
#include "dlb/data/token_store.h"
#include "dlb/data/tokenizer.h"

namespace dlb::data {

/// One piece of text with what belongs to it, as it stands in a file.
struct TextItem {
  std::string_view first;   ///< the line, the text of a label, the source of a pair, words joined by "\n"
  std::string_view second;  ///< the label, the target of a pair, tags joined by "\n"
};

/// A column made of the lists of one store.
struct ListColumn {
  Column column;
  size_t store = 0;
  int64_t skip_front = 0;  ///< tokens left out at the start of each list
  int64_t skip_back = 0;   ///< and at its end
  bool length = false;     ///< the length of the list instead of the list
  bool minus_one = false;  ///< v - 1, and -100 for 0
};

/// Items from files or made up, cut into splits, tokenized and kept as token numbers. The vocabulary is that
/// of the training items. Derived sources say how files are cut into items and what columns come of them.
struct ItemSource : Source {
  std::vector<std::string> train;
  std::vector<std::string> val;
  std::vector<std::string> test;
  double val_fraction = 0;
  double test_fraction = 0;
  std::string split = "random";
  int64_t seed = 0;
  config::Node tokenizer;
  int64_t max_length = 0;
  std::string encoding = "utf-8";

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& name) override;
  std::shared_ptr<const Dataset> open(const std::string& name) override;
  std::map<std::string, std::string> checksums() const override { return checksums_; }
  std::string name_of(std::string_view column, int64_t number) const override;
  std::string changes_inputs() const override { return "text becomes tokens"; }
  const Tokenizer& tokens();

 protected:
  using ItemVisit = std::function<void(const TextItem&)>;

  /// Own fields, then those that all such sources have.
  static std::vector<Field> with_common(std::vector<Field> own);
  /// What stands in messages before a colon: the source's name.
  virtual std::string_view name() const = 0;
  /// Hands out the items of a file in order. Errors: io; data, with file and line.
  virtual void read_items(const std::string& path, const ItemVisit& visit) const = 0;
  /// The files that an entry of train, val or test stands for.
  virtual std::vector<std::string> files_of(const std::string& path) const { return {path}; }
  /// Number of made-up items of a split, for sources that can make them; -1: items come from files.
  virtual int64_t made_up(const std::string& /*split*/) const { return -1; }
  virtual void make_items(const std::string& /*split*/, const ItemVisit& /*visit*/) const {}
  /// The special tokens that the columns need.
  virtual std::vector<std::string> special_tokens() const { return {"<pad>"}; }
  /// The text of an item that the vocabulary is made of.
  virtual void vocabulary_text(const TextItem& item,
                               const std::function<void(std::string_view)>& take) const = 0;
  /// Called with each training item before any is encoded: for the names of classes.
  virtual void learn(const TextItem& /*item*/) {}
  /// Called after the last learn(), before any is encoded.
  virtual void finish_learning() {}
  /// Number limits of the stores: all lists hold numbers below them.
  virtual std::vector<int64_t> store_limits() const = 0;
  /// The item's lists, one per store. Errors: data.
  virtual void encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const = 0;
  /// The columns, with specs whose first size is filled in later; and facts and classes.
  virtual std::vector<ListColumn> columns() const = 0;
  virtual size_t input_count() const { return 1; }
  virtual void describe(SampleSpec& /*spec*/) const {}

  const Tokenizer& tokenizer_made() const { return *tokenizer_; }
  /// A column of tokens, filled up with <pad>.
  Column padded(const std::string& column) const;
  /// The tokens of text, cut to max_length; `begin` and `end` are added when not negative.
  void encode_text(std::string_view text, int32_t begin, int32_t end, std::vector<int32_t>& out) const;

 private:
  void load();
  void each_item(const std::function<void(size_t split, const TextItem&)>& f) const;
  void assign_splits();

  std::unique_ptr<TokenizerBuilder> builder_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<uint8_t> split_of_;  ///< of the items of the training files; empty: all are train
  std::map<std::string, std::shared_ptr<const Dataset>> made_;
  std::map<std::string, std::string> checksums_;
};

}  // namespace dlb::data
