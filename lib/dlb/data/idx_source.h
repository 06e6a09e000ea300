#pragma once
/// \file The inline source `idx`: IDX files named in the config.

#include <optional>
#include <string>
#include <vector>

#include "dlb/data/idx_splits.h"

namespace dlb::data {

/// Images and labels from IDX files, plain or gzip. Relative paths are below `data.dir`, else below the
/// config's folder.
struct IdxSource final : Source {
  std::string train_images;
  std::string train_labels;
  std::string test_images;
  std::string test_labels;
  int64_t classes = 0;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override { return files_->names(); }
  SampleSpec spec() override { return files_->spec(); }
  int64_t size(const std::string& split) override { return files_->size(split); }
  std::shared_ptr<const Dataset> open(const std::string& split) override { return files_->open(split); }
  std::map<std::string, std::string> checksums() const override { return files_->checksums(); }

 private:
  std::optional<IdxSplits> files_;
};

}  // namespace dlb::data
