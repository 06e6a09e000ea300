#pragma once
/// \file Data sets: where samples come from.

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
#include "dlb/tensor/tensor.h"

namespace dlb::data {

/// What is known of samples before reading any: per-sample specs (without batch dimension) and facts for
/// `$classes` etc.
struct SampleSpec {
  TensorSpec input;     ///< images: [C, H, W], stored H, W, C
  TensorSpec target;    ///< class: int64 []
  int64_t classes = 0;  ///< 0 when the target is no class
};

/// Spec of one image: logically [C, H, W], stored H, W, C.
TensorSpec image_spec(int64_t channels, int64_t height, int64_t width, DType dtype);
/// Spec of `count` samples of that spec: a dimension in front, the storage order kept.
TensorSpec batch_spec(const TensorSpec& sample, int64_t count);

/// One split of a data set: random access to samples.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual const SampleSpec& spec() const = 0;
  /// Copies sample `index` into memory of spec().input.bytes() / spec().target.bytes(); thread-safe.
  /// Errors: data, naming file and record.
  virtual void read(int64_t index, void* input, void* target) const = 0;
};

/// Where to look for data, and what paths in a config are relative to.
struct SourceOptions {
  std::string dir;          ///< `data.dir`, may be empty; where given, nowhere else is looked
  std::string config_file;  ///< relative paths in a config are relative to its folder
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
};
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
