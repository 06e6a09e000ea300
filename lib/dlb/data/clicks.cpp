#include "dlb/data/clicks.h"

#include <cmath>

#include "dlb/base/files.h"
#include "dlb/base/random_file.h"
#include "dlb/data/csv_reader.h"

namespace dlb::data {

namespace {

SampleSpec click_spec(int64_t features, int64_t tables, int64_t rows) {
  SampleSpec spec;
  spec.columns = {{"dense", make_spec({features}, DType::kFloat32)},
                  {"ids", make_spec({tables}, DType::kInt64)},
                  {"click", make_spec({}, DType::kFloat32)}};
  spec.inputs = 2;
  spec.facts = {{"features", features}, {"tables", tables}, {"rows", rows}};
  return spec;
}

/// The effect of category `id` of a table, about normal with standard deviation 0.5.
double effect(uint64_t seed, int64_t table, int64_t id) {
  const auto words =
      philox({seed, RngPurpose::kSynthetic, 0, static_cast<uint32_t>(table)}, static_cast<uint64_t>(id));
  double sum = 0;
  for (const uint32_t w : words) sum += static_cast<double>(unit_float(w)) - 0.5;
  return sum * 0.5 / std::sqrt(4.0 / 12);
}

constexpr int64_t kDense = 13, kTables = 26;

}  // namespace

Fields ClicksSource::fields() {
  static const std::vector<Field> list = with_sample_fields<ClicksSource>({
      field<&ClicksSource::features>("features", "dense features", between(1, 10000)),
      field<&ClicksSource::tables>("tables", "categorical features", between(1, 10000)),
      field<&ClicksSource::rows>("rows", "categories of each categorical feature", between(1, 1e9)),
  });
  return list;
}

SampleSpec ClicksSource::sample_spec() const { return click_spec(features, tables, rows); }

void ClicksSource::make(RandomStream& random, TableBuilder& table) const {
  const uint64_t key = static_cast<uint64_t>(seed);
  double score = 0;
  float* dense = table.row<float>(0);
  const double scale = 1 / std::sqrt(static_cast<double>(features));
  for (int64_t f = 0; f < features; ++f) {
    dense[f] = random.normal();
    // The weights: one more table, of which each feature is a row.
    score += static_cast<double>(dense[f]) * effect(key, tables, f) * 4 * scale;
  }
  int64_t* ids = table.row<int64_t>(1);
  for (int64_t t = 0; t < tables; ++t) {
    const double u = random.uniform_double();
    ids[t] = static_cast<int64_t>(u * u * u * static_cast<double>(rows));
    score += effect(key, t, ids[t]) * 4 / std::sqrt(static_cast<double>(tables));
  }
  *table.row<float>(2) = random.uniform_double() < 1 / (1 + std::exp(-score)) ? 1.0F : 0.0F;
}

struct CriteoSource::Lines {
  struct Line {
    uint64_t offset;
    uint32_t bytes;
  };
  std::string path;
  std::vector<Line> at;
};

namespace {

const CsvFormat kFormat = {"\t", false, false};

/// Writes one line as a sample. Errors: data, without a place.
void decode_line(std::span<const std::string_view> fields, int64_t rows, void* const* columns) {
  constexpr size_t kFields = 1 + kDense + kTables;
  if (fields.size() != kFields)
    fail(ErrorKind::kData, "{}; expected {}: a click, 13 numbers and 26 categories",
         field_count(fields.size()), kFields);
  int64_t click = 0;
  if (!parse_whole(fields[0], click) || (click != 0 && click != 1))
    fail(ErrorKind::kData, "click '{}' must be 0 or 1", fields[0]);
  for (size_t f = 0; f < kDense; ++f) {
    double value = 0;
    const std::string_view text = fields[1 + f];
    if (!text.empty() && !parse_number(text, value)) fail(ErrorKind::kData, "'{}' is no number", text);
    static_cast<float*>(columns[0])[f] = static_cast<float>(std::log1p(std::max(value, 0.0)));
  }
  for (size_t t = 0; t < kTables; ++t) {
    uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const char c : fields[1 + kDense + t]) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
    static_cast<int64_t*>(columns[1])[t] = static_cast<int64_t>(hash % static_cast<uint64_t>(rows));
  }
  *static_cast<float*>(columns[2]) = static_cast<float>(click);
}

}  // namespace

Fields CriteoSource::fields() {
  static const Field list[] = {
      required<&CriteoSource::train>("train", "file of training samples"),
      field<&CriteoSource::test>("test", "file of test samples"),
      field<&CriteoSource::rows>("rows", "ids of each categorical feature, into which categories are hashed",
                                 between(1, 1e9)),
  };
  return list;
}

void CriteoSource::bind(const SourceOptions& options) {
  folder_ = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  lines_.clear();
}

std::vector<std::string> CriteoSource::splits() const {
  if (test.empty()) return {"train"};
  return {"train", "test"};
}

SampleSpec CriteoSource::spec() { return click_spec(kDense, kTables, rows); }

const CriteoSource::Lines& CriteoSource::lines(const std::string& split) {
  auto& known = lines_[split];
  if (known) return *known;
  auto found = std::make_shared<Lines>();
  found->path = files::join(folder_, split == "test" ? test : train);
  ByteStream stream = ByteStream::open(found->path);
  if (stream.compressed()) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("'{}' is compressed: lines are read from anywhere in it", found->path), {},
                "decompress it with gunzip");
  }
  CsvReader reader(std::move(stream), kFormat);
  std::vector<float> dense(kDense);
  std::vector<int64_t> ids(kTables);
  float click = 0;
  void* const columns[] = {dense.data(), ids.data(), &click};
  while (reader.next()) {
    try {
      decode_line(reader.fields(), rows, columns);
    } catch (Error& e) {
      e.message = fmt::format("'{}' line {}: {}", found->path, reader.line(), e.message);
      throw;
    }
    found->at.push_back({reader.offset(), static_cast<uint32_t>(reader.record().size())});
  }
  if (found->at.empty()) fail(ErrorKind::kData, "'{}' has no lines", found->path);
  known = std::move(found);
  return *known;
}

int64_t CriteoSource::size(const std::string& split) { return std::ssize(lines(split).at); }

std::shared_ptr<const Dataset> CriteoSource::open(const std::string& split) {
  class LinesOfFile final : public Dataset {
   public:
    LinesOfFile(SampleSpec spec, std::shared_ptr<const Lines> lines, int64_t rows)
        : spec_(std::move(spec)), lines_(std::move(lines)), rows_(rows), file_(lines_->path) {}
    int64_t size() const override { return std::ssize(lines_->at); }
    const SampleSpec& spec() const override { return spec_; }
    void read(int64_t index, void* const* columns) const override {
      const Lines::Line line = lines_->at[static_cast<size_t>(index)];
      std::string text(line.bytes, '\0'), scratch;
      file_.read(text.data(), text.size(), line.offset);
      std::vector<std::string_view> fields;
      split_record(kFormat, text, scratch, fields);
      decode_line(fields, rows_, columns);
    }

   private:
    SampleSpec spec_;
    std::shared_ptr<const Lines> lines_;
    int64_t rows_;
    files::RandomFile file_;
  };
  lines(split);
  return std::make_shared<LinesOfFile>(spec(), lines_.at(split), rows);
}

}  // namespace dlb::data
