#include "dlb/data/table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dlb/tensor/random.h"

namespace dlb::data {

class Table final : public Dataset {
 public:
  explicit Table(TableBuilder builder) : table_(std::move(builder)) {}
  int64_t size() const override { return table_.size_; }
  const SampleSpec& spec() const override { return table_.spec_; }
  bool constant() const override { return true; }
  void lengths(int64_t index, int64_t* out) const override {
    const size_t i = static_cast<size_t>(index);
    for (const auto& column : table_.values_) {
      if (!column.starts.empty()) *out++ = column.starts[i + 1] - column.starts[i];
    }
  }
  void read(int64_t index, void* const* columns) const override {
    const size_t i = static_cast<size_t>(index);
    for (size_t c = 0; c < table_.values_.size(); ++c) {
      const auto& column = table_.values_[c];
      const bool ragged = !column.starts.empty();
      const size_t first = ragged ? static_cast<size_t>(column.starts[i]) : i;
      const size_t rows = ragged ? static_cast<size_t>(column.starts[i + 1]) - first : 1;
      if (rows * column.row_bytes == 0) continue;
      std::memcpy(columns[c], column.bytes.data() + first * column.row_bytes, rows * column.row_bytes);
    }
  }

 private:
  TableBuilder table_;
};

TableBuilder::TableBuilder(SampleSpec spec, int64_t samples) : spec_(std::move(spec)) {
  for (const Column& column : spec_.columns) {
    Values values;
    values.row_bytes = column.spec.bytes();
    if (column.collate != Collate::kStack) {
      values.row_bytes = dtype_size(column.spec.dtype);
      for (int d = 1; d < column.spec.rank(); ++d)
        values.row_bytes *= static_cast<size_t>(column.spec.dim(d));
      values.starts.push_back(0);
    } else {
      values.bytes.reserve(values.row_bytes * static_cast<size_t>(samples));
    }
    values_.push_back(std::move(values));
  }
}

void* TableBuilder::add(size_t c, int64_t rows) {
  Values& values = values_[c];
  if (values.starts.empty()) {
    rows = 1;
  } else {
    DLB_CHECK(rows >= 0 && rows <= spec_.columns[c].spec.dim(0));
    values.starts.push_back(values.starts.back() + rows);
  }
  const size_t begin = values.bytes.size();
  values.bytes.resize(begin + static_cast<size_t>(rows) * values.row_bytes);
  return values.bytes.data() + begin;
}

void TableBuilder::end_sample() {
  ++size_;
  for (const Values& values : values_) {
    if (values.starts.empty()) {
      DLB_CHECK(values.bytes.size() == static_cast<size_t>(size_) * values.row_bytes);
    } else {
      DLB_CHECK(values.starts.size() == static_cast<size_t>(size_) + 1);
    }
  }
}

std::shared_ptr<const Dataset> TableBuilder::build() { return std::make_shared<Table>(std::move(*this)); }

std::shared_ptr<const Dataset> make_table(SampleSpec spec, std::vector<std::vector<char>> values,
                                          int64_t size) {
  TableBuilder table(std::move(spec));
  for (size_t c = 0; c < values.size(); ++c) {
    DLB_CHECK(values[c].size() == table.values_[c].row_bytes * static_cast<size_t>(size));
    table.values_[c].bytes = std::move(values[c]);
  }
  table.size_ = size;
  return table.build();
}

std::shared_ptr<const Dataset> in_memory(const Dataset& dataset) {
  TableBuilder table(dataset.spec(), dataset.size());
  const std::vector<Column>& columns = dataset.spec().columns;
  std::vector<int64_t> lengths(columns.size());
  std::vector<void*> at(columns.size());
  for (int64_t i = 0; i < dataset.size(); ++i) {
    dataset.lengths(i, lengths.data());
    size_t ragged = 0;
    for (size_t c = 0; c < columns.size(); ++c)
      at[c] = table.add(c, columns[c].collate == Collate::kStack ? -1 : lengths[ragged++]);
    dataset.read(i, at.data());
    table.end_sample();
  }
  return table.build();
}

std::vector<int64_t> sample_order(int64_t n, bool shuffle, int64_t seed) {
  if (shuffle)
    return RandomStream({static_cast<uint64_t>(seed), RngPurpose::kShuffle, ~0ULL, 0}).permutation(n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

int64_t test_count(int64_t n, double fraction, std::string_view what) {
  if (fraction == 0) return 0;
  const int64_t count = std::llround(fraction * static_cast<double>(n));
  if (count < 1 || count >= n) {
    fail(ErrorKind::kConfig, "{}: test_fraction {} of {} samples leaves {} for training and {} for the test",
         what, fraction, n, n - count, count);
  }
  return count;
}

}  // namespace dlb::data
