#pragma once
/// \file Data sets that lie in memory, column by column.

#include <cstring>
#include <memory>
#include <vector>

#include "dlb/data/dataset.h"

namespace dlb::data {

/// Gathers the samples of a split in memory, one after the other.
class TableBuilder {
 public:
  /// `samples`: how many are expected, to take memory once.
  explicit TableBuilder(SampleSpec spec, int64_t samples = 0);
  const SampleSpec& spec() const { return spec_; }

  /// Room for `rows` rows of column `c` in the present sample (all of a kStack column, where `rows` is left
  /// out), filled with zeros. Valid until the column's next row(). Errors: internal, when the spec's largest
  /// size is exceeded or T is not its type.
  template <class T>
  T* row(size_t c, int64_t rows = -1) {
    DLB_CHECK(sizeof(T) == dtype_size(spec_.columns[c].spec.dtype));
    return static_cast<T*>(add(c, rows));
  }
  /// Ends a sample; every column has got its room. Errors: internal.
  void end_sample();
  std::shared_ptr<const Dataset> build();

 private:
  friend class Table;
  friend std::shared_ptr<const Dataset> in_memory(const Dataset& dataset);
  friend std::shared_ptr<const Dataset> make_table(SampleSpec spec, std::vector<std::vector<char>> values,
                                                   int64_t size);
  struct Values {
    size_t row_bytes = 0;
    std::vector<char> bytes;
    std::vector<int64_t> starts;  ///< of ragged columns: rows before each sample, and in all
  };
  void* add(size_t c, int64_t rows);
  SampleSpec spec_;
  std::vector<Values> values_;
  int64_t size_ = 0;
};

/// A table of kStack columns from their values, sample after sample.
std::shared_ptr<const Dataset> make_table(SampleSpec spec, std::vector<std::vector<char>> values,
                                          int64_t size);
/// All samples of a data set, read once.
std::shared_ptr<const Dataset> in_memory(const Dataset& dataset);

/// Numbers 0 to n - 1 in a random order that follows from `seed`, or in order where `shuffle` is not set.
std::vector<int64_t> sample_order(int64_t n, bool shuffle, int64_t seed);
/// How many of `n` samples are the test split's: the last ones of sample_order. Errors: config, when one of
/// the two splits would be empty.
int64_t test_count(int64_t n, double fraction, std::string_view what);

}  // namespace dlb::data
