#pragma once
/// \file The source `image_folder`: pictures in a folder or archive, one folder per class.

#include <map>
#include <string>
#include <vector>

#include "dlb/data/image_files.h"

namespace dlb::data {

/// PATH/train/CLASS/*.jpg with PATH/test/... and PATH/val/... where they are; or PATH/CLASS/*.jpg, of which
/// `test_fraction` of each class is the test split. Classes are the names of the training folders in order.
/// **Shapes**: image [channels, H, W] uint8; label [].
struct ImageFolderSource final : ImageSource {
  std::string path;
  std::string train = "train";
  std::string val = "val";
  std::string test = "test";
  std::vector<std::string> classes;
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

 private:
  struct Sample {
    size_t file;
    int64_t label;
  };
  void scan() const;
  void read_splits() const;
  void divide(std::vector<std::vector<Sample>> by_class) const;
  const std::vector<Sample>& samples(const std::string& split) const;

  std::string place_;
  mutable std::shared_ptr<const FileTree> tree_;
  mutable std::vector<std::string> names_;  ///< of the classes
  mutable std::vector<std::pair<std::string, std::vector<Sample>>> splits_;
  mutable std::shared_ptr<const ImageFiles> images_;
};

}  // namespace dlb::data
