#pragma once
/// \file The source `text`: running text for language models.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/data/text_files.h"
#include "dlb/data/token_store.h"
#include "dlb/data/tokenizer.h"

namespace dlb::data {

/// Windows of `context` tokens of one or several plain text files, read one after the other. The vocabulary
/// is that of the training text. The last `test_fraction` of the training files is the split test, the
/// `val_fraction` before it val, unless files are given for them. Text is kept as token numbers in as few
/// bytes as they need.
///
/// Next-token mode: columns tokens [T] and target [T], the token behind each.
/// Masked mode (`mask` above 0): each token is chosen with probability `mask` and then becomes <mask> (80 %),
/// any ordinary token (10 %) or stays (10 %); target [T] is the token itself where chosen, else -100.
/// **Source**: Devlin et al., "BERT", NAACL 2019, section 3.1. Drawn anew in each epoch.
///
/// Windows of val and test stand side by side; those of train every `stride` tokens, or at random places.
/// **Facts**: vocab, context.
struct TextSource final : Source {
  std::vector<std::string> train;
  std::vector<std::string> val;
  std::vector<std::string> test;
  double val_fraction = 0;
  double test_fraction = 0;
  config::Node tokenizer;
  int64_t context = 64;
  std::optional<int64_t> stride;
  std::string windows = "strided";
  std::optional<int64_t> samples;
  double mask = 0;
  std::string encoding = "utf-8";
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override { return checksums_; }
  std::string name_of(std::string_view column, int64_t number) const override;
  std::string changes_inputs() const override { return "text becomes tokens"; }
  const Tokenizer& tokens();

 private:
  void load();
  /// Calls f(split, piece) for the text of all splits.
  void each_piece(const std::function<void(const std::string&, std::string_view)>& f) const;

  std::unique_ptr<TokenizerBuilder> builder_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::map<std::string, std::shared_ptr<const Dataset>> splits_;
  std::map<std::string, std::string> checksums_;
  uint64_t train_bytes_ = 0;  ///< of the text of the training files
};

}  // namespace dlb::data
