#pragma once
/// \file Sources for click-through models: `clicks` (made up) and `criteo` (files of that format).

#include <memory>
#include <string>
#include <vector>

#include "dlb/data/generated.h"

namespace dlb::data {

/// Made-up clicks: dense [features] normal, ids [tables] of `rows` categories each, small numbers the more
/// likely; a click has probability sigmoid(w dense + sum of an effect of each id).
/// **Columns**: dense [features] float32, ids [tables] int64; target click [] float32, 0 or 1.
struct ClicksSource final : GeneratedSource {
  int64_t features = 13;
  int64_t tables = 26;
  int64_t rows = 1000;
  static Fields fields();

 protected:
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;
};

/// Lines of the Criteo display advertising data: click, 13 whole numbers and 26 categories, between tabs, any
/// of which but the click may be missing. dense = log(1 + max(number, 0)), 0 where missing; an id is a hash
/// of the category, modulo `rows`. Lines are read from the file as they are needed.
/// **Columns**: as ClicksSource. **Source**: Criteo Labs, Display Advertising Challenge, 2014.
struct CriteoSource final : Source {
  std::string train;
  std::string test;
  int64_t rows = 100000;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::string changes_inputs() const override { return "counts and categories become numbers"; }

 private:
  struct Lines;
  const Lines& lines(const std::string& split);
  std::string folder_;
  std::map<std::string, std::shared_ptr<const Lines>> lines_;
};

}  // namespace dlb::data
