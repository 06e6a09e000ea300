#include "dlb/data/interactions.h"

#include <algorithm>
#include <unordered_map>

#include "dlb/base/files.h"
#include "dlb/data/checksum.h"
#include "dlb/data/csv_reader.h"
#include "dlb/data/table.h"

namespace dlb::data {

struct InteractionsSource::Ratings {
  struct Row {
    int64_t user;
    int64_t item;
    float rating;
  };
  using Numbers = std::unordered_map<std::string, int64_t>;
  Numbers users;
  Numbers items;
  std::vector<Row> train;
  std::vector<Row> test;
  std::map<std::string, std::string> checksums;

  static int64_t number_of(Numbers& numbers, std::string_view name) {
    return numbers.try_emplace(std::string(name), std::ssize(numbers)).first->second;
  }

  std::vector<Row> rows_of(const InteractionsSource& source, const std::string& path) {
    CsvReader reader(ByteStream::open(path),
                     {csv_delimiter(source.delimiter), true, source.delimiter == ","});
    std::vector<Row> rows;
    const size_t needed = static_cast<size_t>(std::max({source.user, source.item, source.rating})) + 1;
    if (source.header) reader.next();
    while (reader.next()) {
      const auto fields = reader.fields();
      if (fields.size() < needed) {
        throw Error(ErrorKind::kData,
                    fmt::format("'{}' line {}: {}; expected at least {}", path, reader.line(),
                                field_count(fields.size()), needed),
                    {}, fields.size() == 1 ? "is `delimiter` right?" : "");
      }
      const auto at = [&](int64_t column) { return fields[static_cast<size_t>(column)]; };
      double value = 0;
      if (!parse_number(at(source.rating), value)) {
        throw Error(
            ErrorKind::kData,
            fmt::format("'{}' line {}: rating '{}' is no number", path, reader.line(), at(source.rating)), {},
            reader.line() == 1 ? "a first line with names needs `header: true`" : "");
      }
      if (source.threshold) value = value >= *source.threshold ? 1 : 0;
      rows.push_back(
          {number_of(users, at(source.user)), number_of(items, at(source.item)), static_cast<float>(value)});
    }
    if (rows.empty()) fail(ErrorKind::kData, "'{}' has no ratings", path);
    checksums[path] = "sha256:" + sha256_of_file(path);
    return rows;
  }
};

Fields InteractionsSource::fields() {
  constexpr double kMaxColumn = 1000;
  static const Field list[] = {
      required<&InteractionsSource::ratings>("ratings", "file of ratings, one a line, plain or gzip"),
      field<&InteractionsSource::test>("test", "file of test ratings"),
      field<&InteractionsSource::test_fraction>("test_fraction", "share of the ratings taken as test samples",
                                                fraction()),
      field<&InteractionsSource::shuffle>(
          "shuffle", "ratings in a random order before any are taken for test or validation"),
      field<&InteractionsSource::seed>("seed", "seed of that order", non_negative()),
      field<&InteractionsSource::delimiter>(
          "delimiter", "what stands between fields; also tab, space, or whitespace for runs of them"),
      field<&InteractionsSource::header>("header", "the first line has names, not a rating"),
      field<&InteractionsSource::user>("user", "column of the user, from 0", between(0, kMaxColumn)),
      field<&InteractionsSource::item>("item", "column of the item", between(0, kMaxColumn)),
      field<&InteractionsSource::rating>("rating", "column of the rating", between(0, kMaxColumn)),
      field<&InteractionsSource::threshold>("threshold",
                                            "the target is 1 where the rating reaches it, else 0"),
  };
  return list;
}

void InteractionsSource::bind(const SourceOptions& options) {
  if (test_fraction > 0 && !test.empty())
    throw field_error(options, "test_fraction",
                      "interactions takes test samples from a test file or by test_fraction, not both");
  check_delimiter(options, delimiter);
  folder_ = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  read_.reset();
}

std::vector<std::string> InteractionsSource::splits() const {
  if (test.empty() && test_fraction == 0) return {"train"};
  return {"train", "test"};
}

InteractionsSource::Ratings& InteractionsSource::read() {
  if (read_) return *read_;
  auto fresh = std::make_shared<Ratings>();
  const std::vector<Ratings::Row> rows = fresh->rows_of(*this, files::join(folder_, ratings));
  const int64_t count = std::ssize(rows);
  const int64_t tested = test_count(count, test_fraction, "interactions");
  const std::vector<int64_t> order = sample_order(count, shuffle, seed);
  for (int64_t i = 0; i < count; ++i) {
    auto& part = i < count - tested ? fresh->train : fresh->test;
    part.push_back(rows[static_cast<size_t>(order[static_cast<size_t>(i)])]);
  }
  if (!test.empty()) fresh->test = fresh->rows_of(*this, files::join(folder_, test));
  read_ = std::move(fresh);
  return *read_;
}

SampleSpec InteractionsSource::spec() {
  const Ratings& r = read();
  SampleSpec spec;
  spec.columns = {{"user", make_spec({}, DType::kInt64)},
                  {"item", make_spec({}, DType::kInt64)},
                  {"rating", make_spec({}, DType::kFloat32)}};
  spec.inputs = 2;
  spec.facts = {{"users", std::ssize(r.users)}, {"items", std::ssize(r.items)}};
  return spec;
}

int64_t InteractionsSource::size(const std::string& split) {
  return std::ssize(split == "test" ? read().test : read().train);
}

std::shared_ptr<const Dataset> InteractionsSource::open(const std::string& split) {
  const std::vector<Ratings::Row>& rows = split == "test" ? read().test : read().train;
  TableBuilder table(spec(), std::ssize(rows));
  for (const Ratings::Row& row : rows) {
    *table.row<int64_t>(0) = row.user;
    *table.row<int64_t>(1) = row.item;
    *table.row<float>(2) = row.rating;
    table.end_sample();
  }
  return table.build();
}

std::map<std::string, std::string> InteractionsSource::checksums() const {
  return read_ ? read_->checksums : std::map<std::string, std::string>();
}

}  // namespace dlb::data
