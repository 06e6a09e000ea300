#pragma once
/// \file The `data:` section: its fields, and the data sets and loaders that come of it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/data/dataset.h"
#include "dlb/data/environment.h"
#include "dlb/data/loader.h"
#include "dlb/data/pipeline.h"

namespace dlb::data {

/// `data.val`: samples held out of a split. One of last, first, fraction; `val: 5000` is last, `val: 0.1` is
/// fraction.
struct HoldOut {
  std::optional<int64_t> last;
  std::optional<int64_t> first;
  std::optional<double> fraction;
  std::string from = "train";
  static Fields fields();
};

struct DataConfig {
  config::Node source;
  std::string dir;
  config::Node val;
  std::vector<std::string> inputs;
  int64_t batch = 64;
  std::optional<int64_t> eval_batch;
  config::Node augment;
  config::Node transforms;
  bool shuffle = true;
  bool drop_last = false;
  std::optional<int64_t> limit_train;
  std::optional<int64_t> limit_val;
  std::optional<int64_t> limit_test;
  int64_t threads = 1;
  int64_t prefetch = 4;
  int64_t bucket = 0;
  int64_t pad_to = 1;
  static Fields fields();
};

/// The data of an experiment: planned from headers, opened when work starts.
class DataModule {
 public:
  /// Reads the section and the headers of its files. Relative paths are relative to the folder of
  /// `config_file`. Records every error (config, io, data, shape) and then returns nullptr.
  static std::unique_ptr<DataModule> plan(config::Reader& reader, const config::Node& node,
                                          const std::string& config_file);

  /// The module of data sets that a program has made itself, by split ("train" must be there, all with the
  /// same columns); of `config` only what concerns batches counts.
  static std::unique_ptr<DataModule> of(std::map<std::string, std::shared_ptr<const Dataset>> splits,
                                        const DataConfig& config);

  /// The environment whose episodes are the samples, nullptr where the data are no such.
  const EnvironmentSource* environment() const {
    return dynamic_cast<const EnvironmentSource*>(source_.get());
  }
  /// One sample as the model sees it, after the transforms, with lengths rounded up as `pad_to` says.
  const SampleSpec& spec() const { return spec_; }
  const DataConfig& config() const { return config_; }
  /// The columns that the model sees, in order: those that `inputs` names, else the first ones.
  const std::vector<size_t>& input_columns() const { return input_columns_; }
  /// "train", "val", "test", as far as there are such.
  std::vector<std::string> splits() const;
  bool has(const std::string& split) const { return parts_.contains(split); }
  int64_t size(const std::string& split) const;
  int64_t batch() const { return config_.batch; }
  int64_t eval_batch() const { return config_.eval_batch.value_or(config_.batch); }
  int64_t steps_per_epoch() const;

  /// Reads and verifies every file, splits side by side. Errors: io, data.
  void open();
  /// Batches of a split; `training`: shuffled and augmented as the section says, else in order, all of them.
  /// open() comes first.
  std::unique_ptr<Loader> loader(const std::string& split, bool training, uint64_t seed) const;
  /// One sample as the source gives it, before any transform.
  const SampleSpec& raw_spec() const { return raw_spec_; }
  /// What becomes of samples in evaluation, and why inputs of the source are not what its files hold ("":
  /// they are).
  const Pipeline& evaluation() const { return pipelines_.evaluation; }
  std::string changes_inputs() const { return source_->changes_inputs(); }
  std::string unchanged_by() const { return source_->unchanged_by(); }
  /// How inputs follow from numbers of the files, by input column of the source; empty where they do not.
  std::vector<std::vector<RawNumber>> raw_numbers() const { return source_->raw_numbers(); }
  /// The batches of an evaluation, samples as the source gives them, with the numbers of the files where
  /// inputs are made of such.
  std::unique_ptr<Loader> raw_loader(const std::string& split, uint64_t seed) const;
  /// What run.json records: path -> checksum of the files that open() has read.
  std::map<std::string, std::string> checksums() const { return source_->checksums(); }
  /// What a number of that column stands for, "" where it has no name; see Source::name_of().
  std::string name_of(std::string_view column, int64_t number) const {
    return source_->name_of(column, number);
  }
  /// Sets what the source says ($vocab, $users, ...), $classes (of a classification), $channels, $height,
  /// $width (of images), $length (the largest one of samples that are padded), $target_length (that of a
  /// second input), $features (values of a sample, of one row where lengths differ) and $train_size.
  void facts(config::Scope& scope) const;
  /// All names that facts() may set.
  static const std::vector<std::string>& fact_names();

 private:
  /// A split: samples [begin, end) of a split of the source. What is held out lies at an end, so the rest is
  /// a range too.
  struct Part {
    std::string from;
    int64_t begin = 0;
    int64_t end = 0;
  };
  DataModule() = default;
  bool plan_parts(config::Reader& reader, const config::Node& node);
  bool hold_out(config::Reader& reader, const config::Node& node);

  LoaderOptions loader_options(bool training, uint64_t seed) const;
  bool plan_inputs(config::Reader& reader, const config::Node& node);
  static std::shared_ptr<const Dataset> part_of(const std::shared_ptr<const Dataset>& whole,
                                                const Part& part);

  DataConfig config_;
  std::unique_ptr<Source> source_;
  std::vector<size_t> input_columns_;
  SampleSpec raw_spec_;
  SampleSpec spec_;
  Pipelines pipelines_;
  std::map<std::string, Part> parts_;
  std::map<std::string, std::shared_ptr<const Dataset>> open_;
};

}  // namespace dlb::data
