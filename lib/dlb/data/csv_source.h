#pragma once
/// \file The source `csv`: tables as text, with numbers and categories.

#include <memory>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"

namespace dlb::data {

class CsvTable;

/// Rows of delimited text files as samples. A column whose values are all numbers is numeric, any other one
/// is a category; the values seen in the training file, sorted, are its categories.
///
/// **Columns**: x [F] float32: numeric inputs, and with `categories: onehot` a 0 or 1 for each value of each
/// category; with `categories: ids` a further input categories [K] int64, whose ids are different for each
/// column, so that one embedding of $categories rows serves all. Target: label [] int64 or y [T] float32.
/// Values of a category that the training file has not are all zeros, or an id of their own.
struct CsvSource final : Source {
  std::string train;
  std::string test;
  std::string val;
  double test_fraction = 0;
  bool shuffle = true;
  int64_t seed = 0;
  std::string delimiter = ",";
  bool header = true;
  std::vector<std::string> names;
  config::Node inputs;
  config::Node exclude;
  config::Node target;
  std::string task = "classification";
  config::Node category_columns;
  std::string categories = "onehot";
  std::string missing = "error";
  std::vector<std::string> missing_values = {"", "?", "NA", "N/A", "NaN", "nan", "null"};
  bool standardize = false;
  bool standardize_target = false;
  std::string strip_label;
  bool trim = true;
  std::optional<bool> in_memory;
  static Fields fields();

  CsvSource();
  ~CsvSource() override;
  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;
  std::string changes_inputs() const override;
  std::string unchanged_by() const override;
  std::vector<std::vector<RawNumber>> raw_numbers() const override;
  std::shared_ptr<const Dataset> open_raw(const std::string& split) override;
  std::string name_of(std::string_view column, int64_t number) const override;

 private:
  CsvTable& table();
  std::shared_ptr<CsvTable> table_;
  std::string folder_;
};

}  // namespace dlb::data
