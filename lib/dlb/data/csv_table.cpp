#include "dlb/data/csv_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dlb/base/files.h"
#include "dlb/base/random_file.h"
#include "dlb/data/checksum.h"
#include "dlb/data/table.h"

namespace dlb::data {

namespace {

constexpr size_t kMaxColumns = 1 << 20;
constexpr size_t kMaxValues = 1 << 20;  ///< of one category
constexpr double kInMemory = 1.0 * (1ULL << 30);

[[noreturn]] void row_error(const CsvReader& reader, const std::string& message, std::string hint = {}) {
  throw Error(ErrorKind::kData, fmt::format("'{}' line {}: {}", reader.name(), reader.line(), message), {},
              std::move(hint));
}

}  // namespace

CsvTable::CsvTable(const CsvSource& source, std::string folder)
    : source_(source), folder_(std::move(folder)) {
  format_ = {csv_delimiter(source.delimiter), source.trim, true};
  for (const std::string& text : source.missing_values)
    missing_start_[text.empty() ? 0 : static_cast<uint8_t>(text[0])] = true;
  const std::string train = path_of(source.train);
  learn_header(train);
  choose_columns();
  const std::vector<CsvRow> rows = find_kinds(train);
  if (rows.empty()) fail(ErrorKind::kData, "'{}' has no rows", train);
  const int64_t count = std::ssize(rows);
  const std::vector<int64_t> order = sample_order(count, source.shuffle, source.seed);
  const int64_t tested = test_count(count, source.test_fraction, "csv");

  std::vector<bool> in_training(rows.size());
  for (int64_t i = 0; i < count; ++i) {
    const size_t row = static_cast<size_t>(order[static_cast<size_t>(i)]);
    Split& split = splits_[i < count - tested ? "train" : "test"];
    split.path = train;
    split.rows.push_back(rows[row]);
    in_training[row] = i < count - tested;
  }
  learn_values(train, in_training);
  make_spec_of();
  for (const auto& [name, file] : {std::pair{"val", &source.val}, std::pair{"test", &source.test}}) {
    if (file->empty()) continue;
    const std::string path = path_of(*file);
    splits_[name] = {path, find_rows(path)};
    if (splits_[name].rows.empty()) fail(ErrorKind::kData, "'{}' has no rows", path);
  }
}

std::string CsvTable::path_of(const std::string& file) const { return files::join(folder_, file); }

void CsvTable::learn_header(const std::string& path) {
  CsvReader reader(ByteStream::open(path), format_);
  if (!reader.next()) fail(ErrorKind::kData, "'{}' has no rows", path);
  const size_t width = reader.fields().size();
  if (width > kMaxColumns)
    row_error(reader, fmt::format("{} columns; at most {} are read", width, kMaxColumns));
  if (source_.header) {
    for (const std::string_view name : reader.fields()) names_.emplace_back(name);
  } else if (!source_.names.empty()) {
    names_ = source_.names;
    if (names_.size() != width) {
      row_error(reader, fmt::format("{} columns, but `names` has {}", width, names_.size()),
                "name every column, in order");
    }
  } else {
    for (size_t i = 0; i < width; ++i) names_.push_back(fmt::format("{}", i));
  }
}

size_t CsvTable::find_column(const config::Node& name, std::string_view what) const {
  const int64_t count = std::ssize(names_);
  if (name.kind() == config::Kind::kInt) {
    const int64_t i = name.as_int();
    if (i >= -count && i < count) return static_cast<size_t>(i < 0 ? i + count : i);
    throw name.error(fmt::format("{}: there is no column {}: '{}' has {}", what, i, source_.train, count),
                     fmt::format("columns are counted from 0, or from -1 at the end"));
  }
  if (!name.is_string())
    throw name.error(fmt::format("{}: a column's name or number is expected, got {}", what, name.found()));
  const auto it = std::find(names_.begin(), names_.end(), name.as_string());
  if (it != names_.end()) return static_cast<size_t>(it - names_.begin());
  const std::string near = nearest_name(name.as_string(), names_);
  std::string message = fmt::format("{}: '{}' has no column '{}'", what, source_.train, name.as_string());
  if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
  std::string hint;
  if (near.empty()) {
    hint = "columns:";
    for (size_t i = 0; i < std::min<size_t>(names_.size(), 20); ++i) hint += (i > 0 ? ", " : " ") + names_[i];
    if (names_.size() > 20) hint += ", ...";
    if (!source_.header) hint += " (the file has no header)";
  }
  throw name.error(std::move(message), std::move(hint));
}

std::vector<size_t> CsvTable::find_columns(const config::Node& node, std::string_view what) const {
  std::vector<size_t> found;
  if (node.is_null()) return found;
  const std::vector<config::Node> one = {node};
  for (const config::Node& name : node.is_list() ? node.items() : one) {
    const size_t column = find_column(name, what);
    if (std::find(found.begin(), found.end(), column) != found.end())
      throw name.error(fmt::format("{}: column '{}' is listed twice", what, names_[column]));
    found.push_back(column);
  }
  return found;
}

void CsvTable::choose_columns() {
  const std::vector<size_t> target = find_columns(source_.target, "target");
  std::vector<size_t> input = find_columns(source_.inputs, "inputs");
  const std::vector<size_t> excluded = find_columns(source_.exclude, "exclude");
  const std::vector<size_t> declared = find_columns(source_.category_columns, "category_columns");
  const auto has = [](const std::vector<size_t>& list, size_t column) {
    return std::find(list.begin(), list.end(), column) != list.end();
  };
  if (target.empty()) throw source_.target.error("target: at least one column is needed");
  if (target.size() > 1 && source_.task == "classification") {
    throw source_.target.error(fmt::format("target: a classification has one target, got {}", target.size()),
                               "several columns are for `task: regression`");
  }
  if (source_.inputs.is_null()) {
    input.resize(names_.size());
    std::iota(input.begin(), input.end(), size_t{0});
    std::erase_if(input, [&](size_t c) { return has(target, c); });
  }
  std::erase_if(input, [&](size_t c) { return has(excluded, c); });
  for (const size_t c : input) {
    if (has(target, c))
      throw source_.inputs.error(fmt::format("inputs: column '{}' is the target", names_[c]));
    inputs_.push_back({names_[c], c, !has(declared, c), has(declared, c)});
  }
  if (inputs_.empty()) {
    const config::Node& place = source_.exclude.is_null() ? source_.target : source_.exclude;
    throw place.error("csv: no column is left to be an input",
                      names_.size() == 1 ? "the file has one column: is `delimiter` right?" : "");
  }
  const bool classes = source_.task == "classification";
  for (const size_t c : target) targets_.push_back({names_[c], c, !classes, classes});
}

bool CsvTable::is_missing(std::string_view field) const {
  if (!missing_start_[field.empty() ? 0 : static_cast<uint8_t>(field[0])]) return false;
  return std::find(source_.missing_values.begin(), source_.missing_values.end(), field) !=
         source_.missing_values.end();
}

std::string CsvTable::label_text(std::string_view field) const {
  const std::string& suffix = source_.strip_label;
  if (!suffix.empty() && field.ends_with(suffix)) field.remove_suffix(suffix.size());
  return std::string(field);
}

template <class F>
void CsvTable::each_row(const std::string& path, const F& f) const {
  CsvReader reader(ByteStream::open(path), format_);
  if (source_.header) {
    if (!reader.next()) fail(ErrorKind::kData, "'{}' has no rows", path);
    const auto found = reader.fields();
    if (!std::equal(found.begin(), found.end(), names_.begin(), names_.end()))
      row_error(reader, fmt::format("the header differs from that of '{}'", path_of(source_.train)));
  }
  while (reader.next()) {
    const auto fields = reader.fields();
    if (fields.size() != names_.size()) {
      row_error(reader, fmt::format("{}; expected {}", field_count(fields.size()), names_.size()),
                fields.size() == 1 ? "is `delimiter` right?" : "");
    }
    const CsvColumn* missing = nullptr;
    bool of_target = false;
    for (const auto* list : {&inputs_, &targets_}) {
      for (const CsvColumn& column : *list) {
        if (missing != nullptr || !is_missing(fields[column.index])) continue;
        missing = &column;
        of_target = list == &targets_;
      }
    }
    if (missing != nullptr && source_.missing == "drop") continue;
    if (missing != nullptr && (source_.missing == "error" || of_target)) {
      row_error(reader,
                fmt::format("column '{}' has a missing value ('{}')", missing->name, fields[missing->index]),
                of_target ? "`missing: drop` leaves out such rows"
                          : "`missing: drop` leaves out such rows, `missing: fill` puts in the mean");
    }
    f(reader);
  }
}

std::vector<CsvRow> CsvTable::find_kinds(const std::string& path) {
  std::vector<CsvRow> rows;
  // What is not a number makes the column a category; the first such row is kept for messages.
  std::vector<std::pair<std::string, int64_t>> odd(names_.size());
  each_row(path, [&](const CsvReader& reader) {
    rows.push_back({reader.offset(), static_cast<uint32_t>(reader.record().size())});
    for (auto* list : {&inputs_, &targets_}) {
      for (CsvColumn& column : *list) {
        const std::string_view field = reader.fields()[column.index];
        double value = 0;
        if (!column.numeric || is_missing(field) || parse_number(field, value)) continue;
        column.numeric = false;
        odd[column.index] = {std::string(field), reader.line()};
      }
    }
  });
  for (const CsvColumn& column : targets_) {
    if (column.numeric || column.declared) continue;
    const auto& [text, line] = odd[column.index];
    throw Error(
        ErrorKind::kData,
        fmt::format("'{}' line {}: target '{}' is '{}', which is no number; a regression needs numbers", path,
                    line, column.name, text),
        {}, "for classes say `task: classification`");
  }
  return rows;
}

std::vector<CsvRow> CsvTable::find_rows(const std::string& path) const {
  std::vector<CsvRow> rows;
  std::vector<float> x(width_ + targets_.size());
  std::vector<int64_t> ids(inputs_.size());
  each_row(path, [&](const CsvReader& reader) {
    rows.push_back({reader.offset(), static_cast<uint32_t>(reader.record().size())});
    try {
      decode_numbers(reader.fields(), x.data(), ids.data());
      int64_t label = 0;
      decode_target(reader.fields(), source_.task == "classification"
                                         ? static_cast<void*>(&label)
                                         : static_cast<void*>(x.data() + width_));
    } catch (Error& e) {
      row_error(reader, e.message, e.hint);
    }
  });
  return rows;
}

void CsvTable::number_values(CsvColumn& column) const {
  double ignored = 0;
  const bool numbers = std::all_of(column.values.begin(), column.values.end(),
                                   [&](const std::string& v) { return parse_number(v, ignored); });
  if (numbers) {
    const auto number = [](const std::string& text) {
      double value = 0;
      parse_number(text, value);
      return value;
    };
    // "1" and "1.0" are different texts of one number.
    std::sort(column.values.begin(), column.values.end(), [&](const std::string& a, const std::string& b) {
      return std::pair(number(a), a) < std::pair(number(b), b);
    });
  } else {
    std::sort(column.values.begin(), column.values.end());
  }
  for (size_t i = 0; i < column.values.size(); ++i) column.ids[column.values[i]] = static_cast<int64_t>(i);
}

void CsvTable::learn_values(const std::string& path, const std::vector<bool>& in_training) {
  struct Sums {
    double count = 0, mean = 0, squares = 0;
  };
  std::vector<Sums> sums(names_.size());
  size_t row = 0;
  each_row(path, [&](const CsvReader& reader) {
    const bool training = in_training.at(row++);
    for (auto* list : {&inputs_, &targets_}) {
      for (CsvColumn& column : *list) {
        const std::string_view field = reader.fields()[column.index];
        if (is_missing(field)) continue;
        if (column.numeric) {
          double value = 0;
          if (!training || !parse_number(field, value)) continue;
          Sums& s = sums[column.index];
          const double difference = value - s.mean;
          s.mean += difference / ++s.count;
          s.squares += difference * (value - s.mean);
          continue;
        }
        // Categories are learned from training rows, classes from all of them.
        if (!training && list == &inputs_) continue;
        std::string text = list == &targets_ ? label_text(field) : std::string(field);
        if (column.ids.contains(text)) continue;
        if (column.values.size() >= kMaxValues) {
          row_error(reader,
                    fmt::format("column '{}' has more than {} different values that are no numbers",
                                column.name, kMaxValues),
                    "leave it out with `exclude`");
        }
        column.ids[text] = 0;
        column.values.push_back(std::move(text));
      }
    }
  });
  for (auto* list : {&inputs_, &targets_}) {
    const bool scaled = list == &inputs_ ? source_.standardize : source_.standardize_target;
    for (CsvColumn& column : *list) {
      if (!column.numeric) {
        number_values(column);
        continue;
      }
      const Sums& s = sums[column.index];
      column.mean = s.mean;
      if (!scaled) continue;
      const double deviation = s.count > 0 ? std::sqrt(s.squares / s.count) : 0;
      column.shift = s.mean;
      // A column that is always the same becomes 0.
      column.scale = deviation > 0 ? deviation : 1;
    }
  }
}

void CsvTable::make_spec_of() {
  const bool ids = source_.categories == "ids";
  int64_t total = 0;
  size_t categories = 0, width = 0;
  for (CsvColumn& column : inputs_) {
    if (column.numeric || !ids) {
      column.place = width;
      width += column.numeric ? 1 : column.values.size();
    } else {
      column.place = categories++;
      column.first_id = total;
      total += static_cast<int64_t>(column.values.size()) + 1;
    }
  }
  width_ = width;
  if (width > 0) spec_.columns.push_back({"x", make_spec({static_cast<int64_t>(width)}, DType::kFloat32)});
  if (categories > 0) {
    spec_.columns.push_back({"categories", make_spec({static_cast<int64_t>(categories)}, DType::kInt64)});
    spec_.facts["categories"] = total;
  }
  spec_.inputs = spec_.columns.size();
  const auto numbers = std::ssize(inputs_) - static_cast<int64_t>(categories);
  if (width > 0) raw_spec_.columns.push_back({"x", make_spec({numbers}, DType::kFloat64)});
  if (categories > 0) {
    raw_spec_.columns.push_back(
        {"categories", make_spec({static_cast<int64_t>(categories)}, DType::kFloat64)});
  }
  raw_spec_.inputs = spec_.inputs;
  if (spec_.inputs == 0) fail(ErrorKind::kData, "'{}': the inputs have no values", path_of(source_.train));
  if (source_.task == "classification") {
    spec_.columns.push_back({"label", make_spec({}, DType::kInt64)});
    spec_.classes = std::ssize(targets_[0].values);
  } else {
    spec_.columns.push_back({"y", make_spec({std::ssize(targets_)}, DType::kFloat32)});
    spec_.facts["outputs"] = std::ssize(targets_);
  }
  raw_spec_.columns.push_back(spec_.columns.back());
  raw_spec_.classes = spec_.classes;
}

void CsvTable::decode_numbers(std::span<const std::string_view> fields, float* x, int64_t* ids) const {
  std::fill_n(x, width_, 0.0F);
  for (const CsvColumn& column : inputs_) {
    const std::string_view field = fields[column.index];
    if (column.numeric) {
      double value = column.mean;
      if (!is_missing(field) && !parse_number(field, value)) {
        throw Error(ErrorKind::kData,
                    fmt::format("column '{}' is '{}'; in '{}' it has numbers only", column.name, field,
                                path_of(source_.train)),
                    {}, "list what a missing value is written as in `missing_values`");
      }
      x[column.place] = static_cast<float>((value - column.shift) / column.scale);
      continue;
    }
    const auto found = column.ids.find(std::string(field));
    const bool known = found != column.ids.end();
    if (source_.categories == "ids") {
      ids[column.place] = column.first_id + (known ? found->second : std::ssize(column.values));
    } else if (known) {
      x[column.place + static_cast<size_t>(found->second)] = 1;
    }
  }
}

void CsvTable::decode_raw(std::span<const std::string_view> fields, double* x, double* categories) const {
  for (const CsvColumn& column : inputs_) {
    const std::string_view field = fields[column.index];
    double value = std::numeric_limits<double>::quiet_NaN();
    if (!is_missing(field) && !parse_number(field, value)) value = std::numeric_limits<double>::quiet_NaN();
    *(is_id(column) ? categories++ : x++) = value;
  }
}

std::vector<std::vector<RawNumber>> CsvTable::raw_numbers() const {
  const bool filled = source_.missing == "fill";
  if (!filled && !source_.standardize &&
      std::all_of(inputs_.begin(), inputs_.end(), [](const CsvColumn& c) { return c.numeric; }))
    return {};
  std::vector<std::vector<RawNumber>> all(spec_.inputs);
  for (const CsvColumn& column : inputs_) {
    RawNumber& number = (is_id(column) ? all.back() : all.front()).emplace_back();
    number.name = column.name;
    number.category = !column.numeric;
    if (column.numeric) {
      if (filled) number.fill = column.mean;
      number.shift = column.shift;
      number.scale = column.scale;
      continue;
    }
    if (is_id(column)) number.first_id = column.first_id;
    for (const std::string& text : column.values) parse_number(text, number.values.emplace_back());
  }
  return all;
}

std::string CsvTable::text_categories() const {
  for (const CsvColumn& column : inputs_) {
    if (column.numeric) continue;
    double last = 0;
    for (size_t i = 0; i < column.values.size(); ++i) {
      double value = 0;
      if (!parse_number(column.values[i], value))
        return fmt::format("categories of column '{}' are texts ('{}')", column.name, column.values[i]);
      if (i > 0 && value == last) {
        return fmt::format("'{}' and '{}' are two categories of column '{}'", column.values[i - 1],
                           column.values[i], column.name);
      }
      last = value;
    }
  }
  return "";
}

void CsvTable::decode_target(std::span<const std::string_view> fields, void* out) const {
  if (source_.task == "classification") {
    const CsvColumn& column = targets_[0];
    const std::string text = label_text(fields[column.index]);
    const auto found = column.ids.find(text);
    if (found == column.ids.end()) {
      fail(ErrorKind::kData, "class '{}' of column '{}' does not occur in '{}'", text, column.name,
           path_of(source_.train));
    }
    *static_cast<int64_t*>(out) = found->second;
    return;
  }
  for (size_t t = 0; t < targets_.size(); ++t) {
    const CsvColumn& column = targets_[t];
    double value = 0;
    const std::string_view field = fields[column.index];
    if (!parse_number(field, value))
      fail(ErrorKind::kData, "target '{}' is '{}', which is no number", column.name, field);
    static_cast<float*>(out)[t] = static_cast<float>((value - column.shift) / column.scale);
  }
}

void CsvTable::decode(std::span<const std::string_view> fields, bool raw, void* const* columns) const {
  if (raw) {
    double* const first = static_cast<double*>(columns[0]);
    decode_raw(fields, first, width_ > 0 && spec_.inputs > 1 ? static_cast<double*>(columns[1]) : first);
    return decode_target(fields, columns[spec_.inputs]);
  }
  float none = 0;
  size_t c = 0;
  float* x = width_ > 0 ? static_cast<float*>(columns[c++]) : &none;
  int64_t* ids = c < spec_.inputs ? static_cast<int64_t*>(columns[c]) : nullptr;
  decode_numbers(fields, x, ids);
  decode_target(fields, columns[spec_.inputs]);
}

namespace {

/// Rows that are read from their file as they are needed.
class CsvRows final : public Dataset {
 public:
  CsvRows(std::shared_ptr<const CsvTable> table, std::string path, std::vector<CsvRow> rows, bool raw)
      : table_(std::move(table)), file_(std::move(path)), rows_(std::move(rows)), raw_(raw) {}
  int64_t size() const override { return std::ssize(rows_); }
  const SampleSpec& spec() const override { return raw_ ? table_->raw_spec() : table_->spec(); }
  void read(int64_t index, void* const* columns) const override {
    const CsvRow row = rows_[static_cast<size_t>(index)];
    std::string text(row.bytes, '\0');
    file_.read(text.data(), row.bytes, row.offset);
    std::string scratch;
    std::vector<std::string_view> fields;
    try {
      split_record(table_->format(), text, scratch, fields);
      table_->decode(fields, raw_, columns);
    } catch (Error& e) {
      e.message = fmt::format("'{}' at byte {}: {}", file_.path(), row.offset, e.message);
      throw;
    }
  }

 private:
  std::shared_ptr<const CsvTable> table_;
  files::RandomFile file_;
  std::vector<CsvRow> rows_;
  bool raw_;
};

}  // namespace

std::shared_ptr<const Dataset> CsvTable::open(const std::shared_ptr<CsvTable>& table, const std::string& name,
                                              bool raw) {
  const Split& split = table->splits_.at(name);
  const CsvSource& source = table->source_;
  {
    const std::lock_guard lock(table->mutex_);
    if (!table->checksums_.contains(split.path))
      table->checksums_[split.path] = "sha256:" + sha256_of_file(split.path);
  }
  const SampleSpec& spec = raw ? table->raw_spec_ : table->spec_;
  double bytes = 0;
  for (const Column& column : spec.columns) bytes += static_cast<double>(column.spec.bytes());
  bytes *= static_cast<double>(split.rows.size());
  const bool plain = !ByteStream::open(split.path).compressed();
  if (plain && !source.in_memory.value_or(bytes <= kInMemory))
    return std::make_shared<CsvRows>(table, split.path, split.rows, raw);

  // In the file's order, then into the order of the samples.
  std::unordered_map<uint64_t, size_t> sample_at;
  for (size_t i = 0; i < split.rows.size(); ++i) sample_at[split.rows[i].offset] = i;
  const std::vector<Column>& columns = spec.columns;
  std::vector<std::vector<char>> values;
  for (const Column& column : columns) values.emplace_back(column.spec.bytes() * split.rows.size());
  table->each_row(split.path, [&](const CsvReader& reader) {
    const auto it = sample_at.find(reader.offset());
    if (it == sample_at.end()) return;
    std::vector<void*> at;
    for (size_t c = 0; c < columns.size(); ++c)
      at.push_back(values[c].data() + it->second * columns[c].spec.bytes());
    try {
      table->decode(reader.fields(), raw, at.data());
    } catch (Error& e) {
      row_error(reader, e.message, e.hint);
    }
    sample_at.erase(it);
  });
  if (!sample_at.empty()) fail(ErrorKind::kData, "'{}' changed while it was read", split.path);
  return make_table(spec, std::move(values), std::ssize(split.rows));
}

std::map<std::string, std::string> CsvTable::checksums() const {
  const std::lock_guard lock(mutex_);
  return checksums_;
}

}  // namespace dlb::data
