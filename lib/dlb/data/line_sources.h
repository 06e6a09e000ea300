#pragma once
/// \file The sources `lines` and `labelled_lines`.

#include <map>
#include <string>
#include <vector>

#include "dlb/data/item_source.h"

namespace dlb::data {

/// One item per line, such as names: columns tokens (<s>, then the line's tokens) and target (the line's
/// tokens, then </s>), both padded: tokens with <pad> (0), target with -100. Empty lines are left out.
/// **Facts**: vocab, length.
struct LinesSource final : ItemSource {
  static Fields fields();

 protected:
  std::string_view name() const override { return "lines"; }
  void read_items(const std::string& path, const ItemVisit& visit) const override;
  std::vector<std::string> special_tokens() const override { return {"<pad>", "<s>", "</s>"}; }
  void vocabulary_text(const TextItem& item,
                       const std::function<void(std::string_view)>& take) const override;
  std::vector<int64_t> store_limits() const override { return {tokenizer_made().size()}; }
  void encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const override;
  std::vector<ListColumn> columns() const override;
};

/// Texts with a class: lines "LABEL TEXT", or a folder with one file per class (CLASS.txt, a text per line).
/// Columns tokens (padded with <pad>, 0) and label; with `lengths` also length, the second input. Classes are
/// the labels of the training items, in the order of numbers if all are, else of their bytes. Empty lines are
/// left out.
/// **Facts**: vocab, classes, length.
struct LabelledLinesSource final : ItemSource {
  std::string separator = " ";
  bool label_last = false;
  bool lengths = false;
  static Fields fields();
  const std::vector<std::string>& classes() const { return classes_; }
  void bind(const SourceOptions& options) override;
  std::string name_of(std::string_view column, int64_t number) const override {
    return column == "label" ? label_among(classes_, number) : ItemSource::name_of(column, number);
  }

 protected:
  std::string_view name() const override { return "labelled_lines"; }
  std::vector<std::string> files_of(const std::string& path) const override;
  void read_items(const std::string& path, const ItemVisit& visit) const override;
  void vocabulary_text(const TextItem& item,
                       const std::function<void(std::string_view)>& take) const override;
  void learn(const TextItem& item) override;
  void finish_learning() override;
  std::vector<int64_t> store_limits() const override;
  void encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const override;
  std::vector<ListColumn> columns() const override;
  size_t input_count() const override { return lengths ? 2 : 1; }
  void describe(SampleSpec& spec) const override { spec.classes = static_cast<int64_t>(classes_.size()); }

 private:
  void read_class(const std::string& path, const std::string& label, const ItemVisit& visit) const;
  std::map<std::string, int32_t, std::less<>> numbers_;  ///< of the classes
  std::vector<std::string> classes_;
};

}  // namespace dlb::data
