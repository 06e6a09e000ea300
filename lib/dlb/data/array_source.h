#pragma once
/// \file The sources `numpy` and `safetensors`: arrays of files as columns, one row a sample.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"

namespace dlb::data {

/// Arrays whose first sizes are the same: their rows are the samples. A split is one file (npz, safetensors),
/// whose arrays are its columns, or a map from column names to npy files. Rows are read from the files as
/// they are needed, unless all arrays together are small.
///
/// **Columns**: the arrays by name, first the inputs, then the targets. Floats become float32, integers
/// int64; uint8 and bool stay as they are in inputs and become int64 in targets.
struct ArraySource : Source {
  config::Node train;
  config::Node val;
  config::Node test;
  double test_fraction = 0;
  bool shuffle = true;
  int64_t seed = 0;
  std::vector<std::string> inputs;
  std::vector<std::string> targets;
  std::string images = "none";
  int64_t classes = -1;

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;

 protected:
  template <class T>
  static std::vector<Field> common_fields(const char* files);
  /// "numpy" or "safetensors", for messages.
  virtual const char* name() const = 0;

 private:
  struct Files;
  Files& files();
  /// Raises unless all class numbers of the split are below the number of classes. Errors: data.
  static void check_labels(const Files& all, const std::string& name_of_split);
  std::string folder_;
  std::shared_ptr<Files> files_;
};

struct NumpySource final : ArraySource {
  static Fields fields();

 protected:
  const char* name() const override { return "numpy"; }
};

struct SafetensorsSource final : ArraySource {
  static Fields fields();

 protected:
  const char* name() const override { return "safetensors"; }
};

}  // namespace dlb::data
