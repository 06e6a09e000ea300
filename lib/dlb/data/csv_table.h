#pragma once
/// \file What a set of CSV files holds: learned by reading them once or twice, then used to decode rows.

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "dlb/data/csv_reader.h"
#include "dlb/data/csv_source.h"

namespace dlb::data {

/// Where a row stands in its file.
struct CsvRow {
  uint64_t offset = 0;
  uint32_t bytes = 0;
};

/// One column of the files that is an input or a target.
struct CsvColumn {
  std::string name;
  size_t index = 0;                      ///< within a row
  bool numeric = true;                   ///< all values seen are numbers
  bool declared = false;                 ///< a category because the config says so
  std::vector<std::string> values = {};  ///< of a category, sorted (as numbers when all are)
  std::unordered_map<std::string, int64_t> ids = {};
  double mean = 0;   ///< of training rows
  double scale = 1;  ///< what a number is divided by after `mean` is subtracted
  double shift = 0;  ///< what is subtracted
  size_t place = 0;  ///< in x, or in categories
  int64_t first_id = 0;
};

/// The files of a CsvSource.
class CsvTable {
 public:
  /// Scans the training file, then checks the headers of the others. Errors: io, data, config.
  CsvTable(const CsvSource& source, std::string folder);

  const SampleSpec& spec() const { return spec_; }
  int64_t size(const std::string& split) const { return static_cast<int64_t>(splits_.at(split).rows.size()); }
  /// As spec(), but with the numbers of the files, NaN where they are missing, as inputs.
  const SampleSpec& raw_spec() const { return raw_spec_; }
  /// The rows of a split, `raw`: as raw_spec() has them; `table` lives as long as they do.
  static std::shared_ptr<const Dataset> open(const std::shared_ptr<CsvTable>& table, const std::string& split,
                                             bool raw);
  std::map<std::string, std::string> checksums() const;

  /// Writes the fields of a row as a sample. Errors: data, without a place.
  void decode(std::span<const std::string_view> fields, bool raw, void* const* columns) const;
  /// What the inputs are made of; empty where they are the numbers of the files as these are.
  std::vector<std::vector<RawNumber>> raw_numbers() const;
  /// Says of an input that is a category that its values cannot be told apart as numbers; "" where they can.
  std::string text_categories() const;
  const CsvFormat& format() const { return format_; }
  /// The values of the target of a classification, in the order of their numbers.
  const std::vector<std::string>& label_values() const { return targets_.front().values; }

 private:
  struct Split {
    std::string path;
    std::vector<CsvRow> rows;  ///< in order of samples
  };

  std::string path_of(const std::string& file) const;
  void learn_header(const std::string& path);
  size_t find_column(const config::Node& name, std::string_view what) const;
  std::vector<size_t> find_columns(const config::Node& node, std::string_view what) const;
  void choose_columns();
  bool is_missing(std::string_view field) const;
  std::string label_text(std::string_view field) const;
  /// Calls f(reader) for each row that is not dropped. Errors: data.
  template <class F>
  void each_row(const std::string& path, const F& f) const;
  std::vector<CsvRow> find_kinds(const std::string& path);
  std::vector<CsvRow> find_rows(const std::string& path) const;
  void learn_values(const std::string& path, const std::vector<bool>& in_training);
  void number_values(CsvColumn& column) const;
  void make_spec_of();
  void decode_numbers(std::span<const std::string_view> fields, float* x, int64_t* ids) const;
  void decode_raw(std::span<const std::string_view> fields, double* x, double* categories) const;
  void decode_target(std::span<const std::string_view> fields, void* out) const;
  bool is_id(const CsvColumn& column) const { return !column.numeric && source_.categories == "ids"; }

  const CsvSource source_;  ///< its fields
  std::string folder_;
  CsvFormat format_;
  std::vector<std::string> names_;
  std::vector<CsvColumn> inputs_;
  std::vector<CsvColumn> targets_;
  std::map<std::string, Split> splits_;
  SampleSpec spec_;
  SampleSpec raw_spec_;
  size_t width_ = 0;                       ///< values of x
  std::array<bool, 256> missing_start_{};  ///< by first byte: whether a missing value may begin so
  mutable std::mutex mutex_;
  std::map<std::string, std::string> checksums_;
};

}  // namespace dlb::data
