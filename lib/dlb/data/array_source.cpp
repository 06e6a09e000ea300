#include "dlb/data/array_source.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "dlb/base/files.h"
#include "dlb/base/random_file.h"
#include "dlb/data/checksum.h"
#include "dlb/data/table.h"
#include "dlb/io/arrays.h"

namespace dlb::data {

namespace {

/// Splits up to this size are read into memory when they are opened.
constexpr double kInMemory = 1.0 * (1ULL << 30);
/// Larger files are not read a second time for the record of a run.
constexpr uint64_t kMaxChecksummed = 4ULL << 30;

/// A column of a split: an array, and how its rows become samples.
struct ArrayColumn {
  io::Array array;
  DType dtype = DType::kFloat32;
  bool permute = false;  ///< channels stand first in the file; images are stored with channels last

  void read(int64_t row, std::vector<char>& scratch, void* out, const TensorSpec& spec) const {
    const size_t bytes = array.row_bytes();
    const int64_t count = spec.numel();
    const uint64_t offset = static_cast<uint64_t>(row) * bytes;
    const io::ElementType& type = array.type;
    const bool same = type.natural() == dtype && static_cast<size_t>(type.bytes) == dtype_size(dtype) &&
                      !type.swapped && type.kind != 'b' && type.kind != 'g';
    if (same && !permute) {
      array.bytes->read(out, bytes, offset);
      return;
    }
    const size_t result = static_cast<size_t>(count) * dtype_size(dtype);
    scratch.resize(bytes + (permute ? result : 0));
    array.bytes->read(scratch.data(), bytes, offset);
    char* to = permute ? scratch.data() + bytes : static_cast<char*>(out);
    io::convert_elements(type, scratch.data(), dtype, to, count);
    if (!permute) return;
    const int64_t channels = spec.dim(0), pixels = count / std::max<int64_t>(channels, 1);
    const size_t element = dtype_size(dtype);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) {
        std::memcpy(static_cast<char*>(out) + static_cast<size_t>(p * channels + c) * element,
                    to + static_cast<size_t>(c * pixels + p) * element, element);
      }
    }
  }
};

class ArrayDataset final : public Dataset {
 public:
  ArrayDataset(SampleSpec spec, std::vector<ArrayColumn> columns, int64_t size)
      : spec_(std::move(spec)), columns_(std::move(columns)), size_(size) {}
  int64_t size() const override { return size_; }
  const SampleSpec& spec() const override { return spec_; }
  bool constant() const override { return true; }
  void read(int64_t index, void* const* out) const override {
    thread_local std::vector<char> scratch;
    for (size_t c = 0; c < columns_.size(); ++c) {
      try {
        columns_[c].read(index, scratch, out[c], spec_.columns[c].spec);
      } catch (Error& e) {
        e.message = fmt::format("column '{}', row {}: {}", spec_.columns[c].name, index, e.message);
        throw;
      }
    }
  }

 private:
  SampleSpec spec_;
  std::vector<ArrayColumn> columns_;
  int64_t size_;
};

std::string names_of(const std::vector<io::Array>& arrays) {
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(arrays.size(), 20); ++i)
    out += (i > 0 ? ", " : "") + arrays[i].name;
  return arrays.size() > 20 ? out + ", ..." : out;
}

}  // namespace

struct ArraySource::Files {
  struct Split {
    std::vector<io::Array> arrays;
    std::vector<std::string> paths;
    std::string text;  ///< what messages call it
    int64_t rows = 0;
  };
  std::map<std::string, Split> splits;
  SampleSpec spec;
  std::vector<ArrayColumn> columns;  ///< as those of train
  std::vector<int64_t> order;        ///< of the rows of train, where it gives the test split too
  int64_t tested = 0;
  std::map<std::string, std::string> checksums;

  const Split& split_of(const std::string& name) const {
    return splits.at(tested > 0 && name == "test" ? "train" : name);
  }
};

template <class T>
std::vector<Field> ArraySource::common_fields(const char* files) {
  return {
      evaluated(required<&T::train>("train", std::string("training samples: ") + files)),
      evaluated(field<&T::val>("val", "validation samples, as train")),
      evaluated(field<&T::test>("test", "test samples, as train")),
      field<&T::test_fraction>("test_fraction", "share of the training samples taken for test", fraction()),
      field<&T::shuffle>("shuffle", "with test_fraction: samples in a random order before any are taken"),
      field<&T::seed>("seed", "seed of that order", non_negative()),
      field<&T::inputs>("inputs", "arrays that are inputs; all but the targets by default"),
      field<&T::targets>("targets", "arrays that are targets; the last one by default, if there are several"),
      field<&T::images>("images", "how images are stored: [N, H, W, C] or [N, H, W], or [N, C, H, W]",
                        one_of({"none", "channels_last", "channels_first"})),
      field<&T::classes>(
          "classes",
          "number of classes; 0: the target is none; by default the largest value of an integer "
          "target [N] plus one",
          between(-1, 1e9)),
  };
}

Fields NumpySource::fields() {
  static const std::vector<Field> list =
      common_fields<NumpySource>("an npz file, or npy files by column: {x: x.npy, y: y.npy}");
  return list;
}

Fields SafetensorsSource::fields() {
  static const std::vector<Field> list = common_fields<SafetensorsSource>("a safetensors file");
  return list;
}

void ArraySource::bind(const SourceOptions& options) {
  if (test_fraction > 0 && !test.is_null())
    throw field_error(options, "test_fraction",
                      fmt::format("{} takes test samples from test or by test_fraction, not both", name()));
  for (const config::Node* node : {&train, &val, &test}) {
    bool good = node->is_null() || node->is_string();
    if (node->is_map()) {
      good = std::all_of(node->entries().begin(), node->entries().end(),
                         [](const auto& e) { return e.value.is_string(); });
    }
    if (!good) {
      throw node->error(
          fmt::format("{}: expected a file, or files by column, got {}", name(), node->found()));
    }
  }
  folder_ = options.dir.empty() ? dlb::files::parent(options.config_file) : options.dir;
  files_.reset();
}

std::vector<std::string> ArraySource::splits() const {
  std::vector<std::string> names = {"train"};
  if (!val.is_null()) names.emplace_back("val");
  if (!test.is_null() || test_fraction > 0) names.emplace_back("test");
  return names;
}

namespace {

/// A label column's number of classes: its largest value plus one.
int64_t count_classes(const ArrayColumn& column, int64_t rows, const std::string& text) {
  constexpr int64_t kRows = 1 << 16;
  std::vector<char> raw;
  std::vector<int64_t> values;
  int64_t largest = -1;
  const size_t bytes = column.array.row_bytes();
  for (int64_t at = 0; at < rows; at += kRows) {
    const int64_t count = std::min(kRows, rows - at);
    raw.resize(static_cast<size_t>(count) * bytes);
    values.resize(static_cast<size_t>(count));
    column.array.bytes->read(raw.data(), raw.size(), static_cast<uint64_t>(at) * bytes);
    io::convert_elements(column.array.type, raw.data(), DType::kInt64, values.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t v = values[static_cast<size_t>(i)];
      if (v < 0 || v > 1'000'000) {
        throw Error(ErrorKind::kData,
                    fmt::format("{}: '{}' has the value {} in row {}; classes are 0 to 1000000", text,
                                column.array.name, v, at + i),
                    {}, "`classes: 0` says that the target is no class");
      }
      largest = std::max(largest, v);
    }
  }
  return largest + 1;
}

}  // namespace

ArraySource::Files& ArraySource::files() {
  if (files_) return *files_;
  auto found = std::make_shared<Files>();
  const auto open_split = [&](const std::string& split, const config::Node& node) {
    Files::Split& s = found->splits[split];
    if (node.is_string()) {
      s.paths = {dlb::files::join(folder_, node.as_string())};
      s.text = "'" + s.paths[0] + "'";
      s.arrays = io::open_arrays(s.paths[0]);
      if (s.arrays.size() == 1 && s.arrays[0].name.empty()) s.arrays[0].name = "x";
    } else {
      for (const auto& entry : node.entries()) {
        s.paths.push_back(dlb::files::join(folder_, entry.value.as_string()));
        std::vector<io::Array> arrays = io::open_arrays(s.paths.back());
        if (arrays.size() != 1) {
          throw entry.value.error(
              fmt::format("'{}' has {} arrays; a column is one", s.paths.back(), arrays.size()),
              fmt::format("arrays of it: {}", names_of(arrays)));
        }
        arrays[0].name = entry.key;
        s.arrays.push_back(std::move(arrays[0]));
      }
      s.text = fmt::format("the files of '{}'", split);
    }
    if (s.arrays.empty()) throw node.error(fmt::format("{}: there are no arrays", name()));
  };
  open_split("train", train);
  if (!val.is_null()) open_split("val", val);
  if (!test.is_null()) open_split("test", test);

  // Which arrays are what is decided by those of train.
  const Files::Split& first = found->splits.at("train");
  std::vector<std::string> in = inputs, out = targets;
  const auto has = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  if (out.empty() && first.arrays.size() > 1) {
    for (const io::Array& a : first.arrays) {
      if (!has(in, a.name)) out = {a.name};
    }
  }
  if (in.empty()) {
    for (const io::Array& a : first.arrays) {
      if (!has(out, a.name)) in.push_back(a.name);
    }
  }
  if (in.empty()) fail(ErrorKind::kConfig, "{}: every array is a target, none an input", name());

  const auto columns_of = [&](const std::string& split) {
    Files::Split& s = found->splits.at(split);
    std::vector<ArrayColumn> columns;
    SampleSpec spec;
    spec.inputs = in.size();
    std::set<std::string> taken;
    for (const auto* list : {&in, &out}) {
      for (const std::string& column : *list) {
        const auto it = std::find_if(s.arrays.begin(), s.arrays.end(),
                                     [&](const io::Array& a) { return a.name == column; });
        if (it == s.arrays.end()) {
          throw Error(ErrorKind::kData, fmt::format("{} has no array '{}'", s.text, column), {},
                      fmt::format("arrays: {}", names_of(s.arrays)));
        }
        if (!taken.insert(column).second)
          fail(ErrorKind::kConfig, "{}: array '{}' is listed twice", name(), column);
        const Shape& shape = it->shape;
        if (shape.empty() || shape.size() > 8)
          fail(ErrorKind::kData, "{}: array '{}' {} has no samples: 1 to 8 sizes are needed", s.text, column,
               shape_text(shape));
        if (columns.empty()) s.rows = shape[0];
        if (shape[0] != s.rows) {
          fail(ErrorKind::kData, "{}: array '{}' has {} samples, '{}' has {}", s.text, column, shape[0],
               columns[0].array.name, s.rows);
        }
        const bool target = list == &out;
        ArrayColumn made{*it};
        made.dtype = it->type.natural();
        if (target && !is_floating(made.dtype)) made.dtype = DType::kInt64;
        Shape sample(shape.begin() + 1, shape.end());
        TensorSpec column_spec = make_spec(sample, made.dtype);
        if (!target && images != "none" && shape.size() >= 3 && shape.size() <= 4) {
          const bool grey = shape.size() == 3;
          made.permute = images == "channels_first" && !grey && shape[1] > 1;
          column_spec = grey                         ? image_spec(1, shape[1], shape[2], made.dtype)
                        : images == "channels_first" ? image_spec(shape[1], shape[2], shape[3], made.dtype)
                                                     : image_spec(shape[3], shape[1], shape[2], made.dtype);
        }
        spec.columns.push_back({column, column_spec});
        columns.push_back(std::move(made));
      }
    }
    if (s.rows == 0) fail(ErrorKind::kData, "{} has no samples", s.text);
    return std::pair(std::move(spec), std::move(columns));
  };
  std::tie(found->spec, found->columns) = columns_of("train");
  for (const auto& [split, files] : found->splits) {
    const SampleSpec other = columns_of(split).first;
    for (size_t c = 0; c < other.columns.size(); ++c) {
      const TensorSpec &a = other.columns[c].spec, &b = found->spec.columns[c].spec;
      if (a.shape == b.shape && a.dtype == b.dtype) continue;
      fail(ErrorKind::kData, "{}: samples of '{}' are {}, those of 'train' {}", files.text,
           other.columns[c].name, spec_text(a), spec_text(b));
    }
  }
  if (!out.empty()) {
    const Column& target = found->spec.columns[in.size()];
    const bool labels = target.spec.rank() == 0 && target.spec.dtype == DType::kInt64;
    found->spec.classes = classes >= 0 ? classes
                          : labels     ? count_classes(found->columns[in.size()], first.rows, first.text)
                                       : 0;
  }
  found->tested = test_count(first.rows, test_fraction, name());
  if (found->tested > 0) found->order = sample_order(first.rows, shuffle, seed);
  files_ = std::move(found);
  return *files_;
}

void ArraySource::check_labels(const Files& all, const std::string& name_of_split) {
  const Files::Split& split = all.split_of(name_of_split);
  const size_t c = all.spec.inputs;
  const auto integer = [](const TensorSpec& spec) { return spec.dtype == DType::kInt64; };
  if (c >= all.spec.columns.size() || all.spec.columns[c].spec.rank() != 0 ||
      !integer(all.spec.columns[c].spec))
    return;
  const auto it = std::find_if(split.arrays.begin(), split.arrays.end(),
                               [&](const io::Array& a) { return a.name == all.spec.columns[c].name; });
  const int64_t found = count_classes(ArrayColumn{*it}, split.rows, split.text);
  if (found > all.spec.classes) {
    fail(ErrorKind::kData, "{}: '{}' has the class {}; expected 0 to {}", split.text, it->name, found - 1,
         all.spec.classes - 1);
  }
}

SampleSpec ArraySource::spec() { return files().spec; }

int64_t ArraySource::size(const std::string& split) {
  const Files& f = files();
  if (split == "test" && f.tested > 0) return f.tested;
  return f.splits.at(split).rows - (split == "train" ? f.tested : 0);
}

std::shared_ptr<const Dataset> ArraySource::open(const std::string& split) {
  const Files& f = files();
  const Files::Split& s = f.split_of(split);
  std::vector<ArrayColumn> columns = f.columns;
  for (ArrayColumn& column : columns) {
    const auto it = std::find_if(s.arrays.begin(), s.arrays.end(),
                                 [&](const io::Array& a) { return a.name == column.array.name; });
    column.array = *it;
  }
  std::shared_ptr<const Dataset> rows = std::make_shared<ArrayDataset>(f.spec, std::move(columns), s.rows);
  if (f.spec.classes > 0) check_labels(f, split);
  if (f.tested > 0) {
    const auto cut = f.order.end() - static_cast<std::ptrdiff_t>(f.tested);
    rows = subset(rows, split == "test" ? std::vector<int64_t>(cut, f.order.end())
                                        : std::vector<int64_t>(f.order.begin(), cut));
  }
  double bytes = 0;
  for (const Column& column : f.spec.columns) bytes += static_cast<double>(column.spec.bytes());
  return bytes * static_cast<double>(rows->size()) <= kInMemory ? in_memory(*rows) : rows;
}

std::map<std::string, std::string> ArraySource::checksums() const {
  std::map<std::string, std::string> out;
  if (!files_) return out;
  for (const auto& [split, s] : files_->splits) {
    for (const std::string& path : s.paths) {
      if (dlb::files::RandomFile(path).size() <= kMaxChecksummed)
        out[path] = "sha256:" + sha256_of_file(path);
    }
  }
  return out;
}

}  // namespace dlb::data
