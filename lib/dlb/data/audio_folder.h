#pragma once
/// \file The source `audio_folder`: sound in WAV files of a folder or archive.

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/data/dataset.h"
#include "dlb/data/file_tree.h"

namespace dlb::data {

/// A file name with parts that have names: "{label}_{speaker}_{index}.wav".
class NamePattern {
 public:
  /// Errors: config (no part, parts without text between them, a name twice, a brace that is not closed).
  explicit NamePattern(const std::string& text);
  const std::vector<std::string>& names() const { return names_; }
  /// The parts of a name that fits the pattern, in order; nothing for others. Each part but the last is as
  /// short as can be.
  std::optional<std::vector<std::string>> match(const std::string& name) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::string> texts_;  ///< before, between and behind the parts
};

/// WAV files as sound of one channel and one length. The label is a part of the file's name (`pattern`), or
/// the folder the file is in; classes are the labels of the training files, sorted. Which files are test
/// files is said by `test`, an expression over the parts of the name ("index < 5"), or by `test_fraction`.
/// **Shapes**: sound [1, length] float32; label [].
struct AudioFolderSource final : Source {
  std::string path;
  std::string pattern;
  std::string label = "label";
  config::Node test;
  double test_fraction = 0;
  int64_t length = 0;
  std::string align = "start";
  std::optional<int64_t> sample_rate;
  int64_t seed = 0;
  int64_t cache_mb = 512;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;
  std::string name_of(std::string_view column, int64_t number) const override {
    return column == "label" ? label_among(names_, number) : "";
  }
  std::string changes_inputs() const override { return "sound of any length becomes one length"; }

 private:
  struct Sample {
    size_t file;
    int64_t label;
  };
  void scan() const;
  void divide(const std::vector<size_t>& files, const std::vector<std::string>& labels,
              std::vector<bool> is_test) const;

  std::string place_;
  mutable std::shared_ptr<const FileTree> tree_;
  mutable std::vector<std::string> names_;  ///< of the classes
  mutable std::vector<Sample> train_, test_;
  mutable int64_t rate_ = 0;
};

}  // namespace dlb::data
