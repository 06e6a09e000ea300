#pragma once
/// \file Data sets: where samples come from.

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/base/fields.h"
#include "dlb/config/reader.h"
#include "dlb/tensor/random.h"
#include "dlb/tensor/tensor.h"

namespace dlb::data {

/// How samples of different sizes become one tensor of a batch of n.
enum class Collate : uint8_t {
  kStack,  ///< [n, ...]: every sample has the same shape
  kPad,    ///< [n, longest, ...]: the first size differs; shorter samples are filled up with `pad`
  kJoin,   ///< [sum of first sizes, ...]: one after the other along the first dimension
};

/// One named part of a sample: "image", "label", "tokens", "edges". Only kStack may be stored in another
/// order than row-major (images H, W, C).
struct Column {
  std::string name;
  TensorSpec spec;  ///< of one sample; of kPad and kJoin the first size is the largest one
  Collate collate = Collate::kStack;
  double pad = 0;    ///< kPad: the filling value (token 0, target -100, ...)
  int rows_of = -1;  ///< kJoin of int64: counts rows of that column, and is shifted as samples are joined. A
                     ///< kStack or kPad column has one row per sample, so its rows tell samples apart
};

/// What is known of samples before reading any: their columns, and facts for `$classes` etc.
struct SampleSpec {
  std::vector<Column> columns;
  size_t inputs = 1;    ///< the first `inputs` columns are the model's inputs, the rest targets
  int64_t classes = 0;  ///< 0 when no target is a class
  std::map<std::string, int64_t> facts = {};  ///< further names for `$`: vocab, users, nodes, ...

  const Column& input() const { return columns.front(); }      ///< the first input
  const Column& target() const { return columns.at(inputs); }  ///< the first target
  bool has_target() const { return columns.size() > inputs; }
  std::span<const Column> input_columns() const { return std::span(columns).first(inputs); }
  std::span<const Column> target_columns() const { return std::span(columns).subspan(inputs); }
};

/// Spec of one image: logically [C, H, W], stored H, W, C.
TensorSpec image_spec(int64_t channels, int64_t height, int64_t width, DType dtype);
/// Spec of `count` samples of that spec: a dimension in front, the storage order kept.
TensorSpec batch_spec(const TensorSpec& sample, int64_t count);
/// Spec of a column in a batch of `count` samples, each of the largest size. Errors: shape, when that
/// overflows.
TensorSpec batch_spec(const Column& column, int64_t count);
/// An image column and a column of class numbers, the most common pair.
SampleSpec labelled(TensorSpec input, int64_t classes, std::string input_name = "image");

/// One split of a data set: random access to samples.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual const SampleSpec& spec() const = 0;
  /// First sizes of the sample's kPad and kJoin columns, in the order of columns; none is above the spec's.
  virtual void lengths(int64_t /*index*/, int64_t* /*out*/) const {}
  /// Writes sample `index`: columns[c] has room for what spec() and lengths() say, in the spec's storage
  /// order. Thread-safe. Errors: data, naming file and record.
  virtual void read(int64_t index, void* const* columns) const = 0;
  /// As read(), of a data set that draws anew at each epoch (masked tokens, places of windows): `random` is
  /// the sample's own stream, RngKey{seed, kSample, epoch, index}.
  virtual void draw(int64_t index, RandomStream& random, void* const* columns) const;
  /// Whether a sample is known to be the same at every epoch, so that a lone batch may be kept.
  virtual bool constant() const { return false; }
};

/// Where to look for data, and what paths in a config are relative to.
struct SourceOptions {
  std::string dir;          ///< `data.dir`, may be empty; where given, nowhere else is looked
  std::string config_file;  ///< relative paths in a config are relative to its folder
  config::Node body = {};   ///< the source's fields as they are written, for the place of errors
};

/// An error about a field of a source: at its key where the config has it.
Error field_error(const SourceOptions& options, std::string_view key, const std::string& message,
                  const std::string& hint = {});

/// One number of a row as a file has it, NaN where it is missing, and what becomes of it in an input.
struct RawNumber {
  std::string name;  ///< of the column
  bool category = false;
  double fill = std::numeric_limits<double>::quiet_NaN();  ///< in place of a missing number
  double shift = 0, scale = 1;                             ///< a number x becomes (x - shift) / scale
  /// Of a category: it becomes 1 for the value that it is and 0 for the others, or with a `first_id` that
  /// plus the value's place, which is behind all for any other value.
  std::vector<double> values = {};
  std::optional<int64_t> first_id = {};
};

/// A source: opens splits by name. Chosen in `data.source` (a manifest's name, or an inline source).
class Source {
 public:
  virtual ~Source() = default;
  /// Called once after the fields are read, before anything else. Errors: config, when the fields do not go
  /// together.
  virtual void bind(const SourceOptions& options) { static_cast<void>(options); }
  /// Split names it has: "train", "test", perhaps "val".
  virtual std::vector<std::string> splits() const = 0;
  /// Specs, sizes and existence from headers only; fast. Errors: io, data, config.
  virtual SampleSpec spec() = 0;
  virtual int64_t size(const std::string& split) = 0;  ///< from headers only
  /// The split with everything read and verified (checksums, labels in range). Errors: io, data.
  virtual std::shared_ptr<const Dataset> open(const std::string& split) = 0;
  /// What run.json records: file path -> checksum, for the files that open() has read.
  virtual std::map<std::string, std::string> checksums() const { return {}; }
  /// What a number of that column stands for, once open() has been called: the name of a class, the text of a
  /// token; "" where it has no name.
  virtual std::string name_of(std::string_view column, int64_t number) const;
  /// What becomes of inputs between the files, decoded, and the samples: "text becomes tokens"; "" where
  /// samples hold what the files hold, or what raw_numbers() says. Called after spec().
  virtual std::string changes_inputs() const { return {}; }
  /// Which settings would leave them as they are, as a hint; "" where there are none.
  virtual std::string unchanged_by() const { return {}; }
  /// Where inputs are made of numbers of the files: those of each input column; else empty. Called after
  /// spec().
  virtual std::vector<std::vector<RawNumber>> raw_numbers() const { return {}; }
  /// As open(), but with those numbers, float64, as the input columns.
  virtual std::shared_ptr<const Dataset> open_raw(const std::string& split) { return open(split); }
};
/// The name of that number, "" outside the list.
std::string label_among(const std::vector<std::string>& names, int64_t number);
using SourceType = TypeInfo<Source>;
/// Inline sources: idx, synthetic.
std::span<const SourceType> source_types();

/// Makes the source of `data.source`: an inline source (`synthetic`, `idx: {...}`), the name of a manifest
/// that the binary carries
/// (`fashion-mnist`), or the path of one (`my/set.yaml`). Records errors (unknown name with the nearest,
/// wrong fields) and then returns nullptr.
std::unique_ptr<Source> make_source(config::Reader& reader, const config::Node& node,
                                    const SourceOptions& options);

/// Part of a split: `indices` of it, in that order.
std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices);

}  // namespace dlb::data
