#include "dlb/data/csv_source.h"

#include "dlb/base/files.h"
#include "dlb/data/csv_table.h"

namespace dlb::data {

Fields CsvSource::fields() {
  static const Field list[] = {
      required<&CsvSource::train>("train", "file of training samples, plain or gzip"),
      field<&CsvSource::test>("test", "file of test samples"),
      field<&CsvSource::val>("val", "file of validation samples"),
      field<&CsvSource::test_fraction>("test_fraction", "share of the training file taken as test samples",
                                       fraction()),
      field<&CsvSource::shuffle>(
          "shuffle", "training samples in a random order before any are taken for test or validation"),
      field<&CsvSource::seed>("seed", "seed of that order", non_negative()),
      field<&CsvSource::delimiter>(
          "delimiter", "what stands between fields; also tab, space, or whitespace for runs of them"),
      field<&CsvSource::header>("header", "the first record has the columns' names"),
      field<&CsvSource::names>("names", "names of the columns, where there is no header"),
      evaluated(field<&CsvSource::inputs>(
          "inputs",
          "columns by name or number (0 is the first, -1 the last); all but the target by default")),
      evaluated(field<&CsvSource::exclude>("exclude", "columns that are no inputs")),
      evaluated(
          required<&CsvSource::target>("target", "column to predict, or a list of them for regression")),
      field<&CsvSource::task>("task", "what the target is", one_of({"classification", "regression"})),
      evaluated(field<&CsvSource::category_columns>("category_columns",
                                                    "columns that are categories although they are numbers")),
      field<&CsvSource::categories>("categories",
                                    "onehot: a 0 or 1 for each value; ids: a number for an embedding",
                                    one_of({"onehot", "ids"})),
      field<&CsvSource::missing>("missing",
                                 "rows with a missing value: error, drop them, or fill in the mean of the "
                                 "training samples (of a category: as a value not seen)",
                                 one_of({"error", "drop", "fill"})),
      field<&CsvSource::missing_values>("missing_values", "what a missing value is written as"),
      field<&CsvSource::standardize>(
          "standardize",
          "numeric inputs less the mean, over the standard deviation, of the training samples"),
      field<&CsvSource::standardize_target>("standardize_target", "the same for the targets of a regression"),
      field<&CsvSource::strip_label>("strip_label", "text left out at the end of a label"),
      field<&CsvSource::trim>("trim", "blanks around fields are left out"),
      field<&CsvSource::in_memory>(
          "in_memory",
          "decode all rows when a split is opened; by default up to 1 GiB, else rows "
          "are read from the file as they are needed"),
  };
  return list;
}

CsvSource::CsvSource() = default;
CsvSource::~CsvSource() = default;

void CsvSource::bind(const SourceOptions& options) {
  if (test_fraction > 0 && !test.empty())
    throw field_error(options, "test_fraction",
                      "csv takes test samples from a test file or by test_fraction, not both");
  if (standardize_target && task == "classification")
    throw field_error(options, "standardize_target",
                      "csv: standardize_target is for regression; labels are class numbers");
  if (header && !names.empty())
    throw field_error(options, "names", "csv: names are for files without a header; add `header: false`");
  check_delimiter(options, delimiter);
  table_.reset();
  const std::string folder = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  folder_ = folder;
}

std::vector<std::string> CsvSource::splits() const {
  std::vector<std::string> names_of = {"train"};
  if (!val.empty()) names_of.emplace_back("val");
  if (!test.empty() || test_fraction > 0) names_of.emplace_back("test");
  return names_of;
}

CsvTable& CsvSource::table() {
  if (!table_) table_ = std::make_shared<CsvTable>(*this, folder_);
  return *table_;
}

SampleSpec CsvSource::spec() { return table().spec(); }
int64_t CsvSource::size(const std::string& split) { return table().size(split); }

std::shared_ptr<const Dataset> CsvSource::open(const std::string& split) {
  table();
  return CsvTable::open(table_, split, false);
}

std::shared_ptr<const Dataset> CsvSource::open_raw(const std::string& split) {
  table();
  return CsvTable::open(table_, split, true);
}

std::map<std::string, std::string> CsvSource::checksums() const {
  return table_ ? table_->checksums() : std::map<std::string, std::string>();
}

std::string CsvSource::changes_inputs() const { return table_ ? table_->text_categories() : ""; }

std::string CsvSource::unchanged_by() const {
  return "`exclude` leaves columns out; categories that are written as numbers can be in the graph";
}

std::vector<std::vector<RawNumber>> CsvSource::raw_numbers() const {
  return table_ ? table_->raw_numbers() : std::vector<std::vector<RawNumber>>();
}

std::string CsvSource::name_of(std::string_view column, int64_t number) const {
  return column == "label" && table_ ? label_among(table_->label_values(), number) : "";
}

}  // namespace dlb::data
