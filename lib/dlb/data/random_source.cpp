#include "dlb/data/random_source.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>

namespace dlb::data {

Fields RandomColumn::fields() {
  static const Field list[] = {
      required<&RandomColumn::shape>("shape", "shape of one sample; []: a single value",
                                     items(between(0, 1 << 30), 0, 7)),
      field<&RandomColumn::dtype>("dtype", "type of the values",
                                  one_of({"float32", "float64", "int64", "int32", "uint8"})),
      field<&RandomColumn::distribution>("distribution", "of values that are no integers",
                                         one_of({"uniform", "normal", "bernoulli"})),
      field<&RandomColumn::low>("low", "smallest value, by default 0", between(-1e15, 1e15)),
      field<&RandomColumn::high>("high", "above the largest value, by default 1 (of integers 2)",
                                 between(-1e15, 1e15)),
      field<&RandomColumn::mean>("mean", "mean of a normal distribution"),
      field<&RandomColumn::std>("std", "standard deviation of a normal distribution", non_negative()),
      field<&RandomColumn::p>("p", "probability of a 1 in a bernoulli distribution", between(0, 1)),
      field<&RandomColumn::image>("image", "the shape is [C, H, W], stored as images are"),
      field<&RandomColumn::join>("join", "samples are joined along the first size instead of stacked"),
      field<&RandomColumn::rows_of>("rows_of", "the values are row numbers of that column, with join"),
      field<&RandomColumn::min_length>(
          "min_length",
          "the first size is drawn from this to the shape's; samples are padded, "
          "or joined with join",
          positive()),
      field<&RandomColumn::pad>("pad", "what shorter samples are filled up with"),
  };
  return list;
}

Fields RandomSource::fields() {
  static const std::vector<Field> list = with_sample_fields<RandomSource>({
      evaluated(required<&RandomSource::inputs>(
          "inputs", "columns by name: {tokens: {shape: [64], dtype: int64, high: 65}}")),
      evaluated(field<&RandomSource::targets>("targets", "columns by name, as inputs")),
      field<&RandomSource::classes>("classes", "what $classes is; 0: nothing", between(0, 1e9)),
  });
  return list;
}

namespace {

constexpr double kMaxBytes = 8.0 * (1ULL << 30);
/// Splits up to this size are drawn once, so that a benchmark measures the model alone.
constexpr double kCachedBytes = 256.0 * (1 << 20);

bool is_integer(DType type) { return !is_floating(type); }

/// Writes `count` values of the column.
void fill_column(RandomStream& random, const RandomColumn& column, DType type, int64_t count, void* out) {
  const double low = column.low.value_or(0), high = column.high.value_or(is_integer(type) ? 2 : 1);
  const auto fill = [&](auto* values) {
    using T = std::remove_pointer_t<decltype(values)>;
    if constexpr (std::is_integral_v<T>) {
      const uint64_t range = static_cast<uint64_t>(high - low);
      for (int64_t i = 0; i < count; ++i)
        values[i] = static_cast<T>(static_cast<int64_t>(low) + static_cast<int64_t>(random.below(range)));
    } else if (column.distribution == "normal") {
      for (int64_t i = 0; i < count; ++i)
        values[i] = static_cast<T>(column.mean + column.std * static_cast<double>(random.normal()));
    } else if (column.distribution == "bernoulli") {
      for (int64_t i = 0; i < count; ++i)
        values[i] = static_cast<T>(static_cast<double>(random.uniform()) < column.p ? 1 : 0);
    } else {
      for (int64_t i = 0; i < count; ++i)
        values[i] = static_cast<T>(low + (high - low) * static_cast<double>(random.uniform()));
    }
  };
  switch (type) {
    case DType::kFloat32:
      return fill(static_cast<float*>(out));
    case DType::kFloat64:
      return fill(static_cast<double*>(out));
    case DType::kInt64:
      return fill(static_cast<int64_t*>(out));
    case DType::kInt32:
      return fill(static_cast<int32_t*>(out));
    default:
      return fill(static_cast<uint8_t*>(out));
  }
}

class RandomDataset final : public Dataset {
 public:
  RandomDataset(const SampleSpec& spec, const std::vector<RandomColumn>& columns, int64_t seed, bool test,
                int64_t size)
      : spec_(spec),
        columns_(columns),
        seed_(static_cast<uint64_t>(seed)),
        part_(test ? 2 : 1),
        size_(size) {}
  int64_t size() const override { return size_; }
  const SampleSpec& spec() const override { return spec_; }
  void lengths(int64_t index, int64_t* out) const override {
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (spec_.columns[c].collate != Collate::kStack) *out++ = length(index, c);
    }
  }
  void read(int64_t index, void* const* columns) const override {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const TensorSpec& spec = spec_.columns[c].spec;
      int64_t count = spec.numel();
      if (spec_.columns[c].collate != Collate::kStack)
        count = spec.dim(0) == 0 ? 0 : count / spec.dim(0) * length(index, c);
      RandomStream random = stream(index, 2 * c);
      if (columns_[c].rows_of.empty()) {
        fill_column(random, columns_[c], spec.dtype, count, columns[c]);
        continue;
      }
      // Rows that the sample has.
      const int64_t rows = rows_of(index, static_cast<size_t>(spec_.columns[c].rows_of));
      int64_t* out = static_cast<int64_t*>(columns[c]);
      for (int64_t i = 0; i < count; ++i)
        out[i] = rows == 0 ? 0 : static_cast<int64_t>(random.below(static_cast<uint64_t>(rows)));
    }
  }

 private:
  RandomStream stream(int64_t index, size_t purpose) const {
    return RandomStream({seed_, RngPurpose::kSynthetic, part_ + 4 * purpose, static_cast<uint32_t>(index)});
  }
  int64_t length(int64_t index, size_t c) const {
    const int64_t most = spec_.columns[c].spec.dim(0);
    if (!columns_[c].min_length) return most;
    // One draw for all columns, so that columns of the same bounds have the same length.
    RandomStream random = stream(index, 1);
    const double u = random.uniform_double();
    const int64_t least = *columns_[c].min_length;
    return least + static_cast<int64_t>(u * static_cast<double>(most - least + 1));
  }
  int64_t rows_of(int64_t index, size_t c) const {
    return spec_.columns[c].collate == Collate::kJoin ? length(index, c) : 1;
  }

  SampleSpec spec_;
  std::vector<RandomColumn> columns_;
  uint64_t seed_;
  uint64_t part_;
  int64_t size_;
};

/// What is wrong with a column, or "".
std::string problem(const RandomColumn& column) {
  const DType type = dtype_from_name(column.dtype);
  const double low = column.low.value_or(0), high = column.high.value_or(is_integer(type) ? 2 : 1);
  if (!(low < high)) return fmt::format("low {} must be below high {}", low, high);
  if (is_integer(type) && column.distribution != "uniform")
    return fmt::format("{} values are uniform; {} is for floating types", column.dtype, column.distribution);
  if (is_integer(type) && (low != std::floor(low) || high != std::floor(high)))
    return fmt::format("{} values need whole bounds, got {} and {}", column.dtype, low, high);
  if (type == DType::kUInt8 && (low < 0 || high > 256))
    return fmt::format("uint8 values lie in 0 to 255, got {} to {}", low, high - 1);
  if (column.image && (column.shape.size() != 3 || column.join || column.min_length))
    return "an image has a shape [C, H, W], and is stacked";
  if ((column.join || column.min_length) && column.shape.empty())
    return "a single value has no first size: samples cannot be joined or padded";
  if (column.min_length && *column.min_length > column.shape[0])
    return fmt::format("min_length {} is above the shape's first size {}", *column.min_length,
                       column.shape[0]);
  if (!column.rows_of.empty() && (!column.join || type != DType::kInt64))
    return "row numbers are int64 values that are joined: add `dtype: int64, join: true`";
  return {};
}

}  // namespace

void RandomSource::bind(const SourceOptions&) {
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  double bytes = 0;
  const auto read_columns = [&](const config::Node& node, std::string_view what) {
    if (node.is_null()) return;
    if (!node.is_map()) {
      reader.error(node, fmt::format("{} must be a map of columns by name, got {}", what, node.found()));
      return;
    }
    for (const auto& entry : node.entries()) {
      RandomColumn column;
      if (!reader.read(entry.value, RandomColumn::fields(), &column, entry.key)) continue;
      if (const std::string wrong = problem(column); !wrong.empty()) {
        reader.error(entry.value, fmt::format("column '{}': {}", entry.key, wrong));
        continue;
      }
      double values = 1;
      for (const int64_t size : column.shape) values *= static_cast<double>(size);
      bytes += values * 8;
      if (bytes > kMaxBytes) {
        reader.error(entry.value, fmt::format("column '{}': a sample would have more than 8 GiB", entry.key));
        bytes = 0;
        continue;
      }
      const DType type = dtype_from_name(column.dtype);
      const Shape shape(column.shape.begin(), column.shape.end());
      Column made{entry.key,
                  column.image ? image_spec(shape[0], shape[1], shape[2], type) : make_spec(shape, type)};
      if (column.join || column.min_length) made.collate = column.join ? Collate::kJoin : Collate::kPad;
      made.pad = column.pad;
      if (!column.rows_of.empty()) {
        const auto of = std::find_if(spec_.columns.begin(), spec_.columns.end(),
                                     [&](const Column& c) { return c.name == column.rows_of; });
        if (of == spec_.columns.end()) {
          std::vector<std::string> before;
          for (const Column& c : spec_.columns) before.push_back(c.name);
          reader.unknown_name(*entry.value.find("rows_of"), column.rows_of, before, "column before this one");
          continue;
        }
        made.rows_of = static_cast<int>(of - spec_.columns.begin());
      }
      spec_.columns.push_back(std::move(made));
      columns_.push_back(std::move(column));
    }
  };
  read_columns(inputs, "inputs");
  spec_.inputs = spec_.columns.size();
  read_columns(targets, "targets");
  if (spec_.inputs == 0 && errors.empty()) reader.error(inputs, "random needs at least one input column");
  std::set<std::string> names;
  for (const Column& column : spec_.columns) {
    if (!names.insert(column.name).second)
      reader.error(targets, fmt::format("column '{}' is an input already", column.name));
  }
  spec_.classes = classes;
  errors.throw_if_any();
}

std::vector<std::string> RandomSource::splits() const {
  if (test_samples == 0) return {"train"};
  return {"train", "test"};
}

std::shared_ptr<const Dataset> RandomSource::open(const std::string& split) {
  auto drawn = std::make_shared<RandomDataset>(spec_, columns_, seed, split == "test", size(split));
  double bytes = 0;
  for (const Column& column : spec_.columns) bytes += static_cast<double>(column.spec.bytes());
  if (bytes * static_cast<double>(drawn->size()) > kCachedBytes) return drawn;
  return in_memory(*drawn);
}

}  // namespace dlb::data
