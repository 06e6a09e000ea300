#pragma once
/// \file The source `voc_folder`: pictures with boxes in the files of Pascal VOC, as masks.

#include <map>
#include <string>
#include <vector>

#include "dlb/data/image_files.h"

namespace dlb::data {

/// A box of a class, in pixels of the picture.
struct VocBox {
  int64_t label = 0;
  double left = 0, top = 0, right = 0, bottom = 0;
};
/// What an annotation file says of a picture.
struct VocAnnotation {
  double width = 0, height = 0;
  std::vector<VocBox> boxes;
};
/// Reads an annotation; boxes are limited to the picture. `name` stands for the file in messages. Errors:
/// data (no annotation, a tag missing or no number, a class that is not among `classes`, a box without area).
VocAnnotation parse_voc(const std::string& text, const std::vector<std::string>& classes,
                        const std::string& name);

/// PATH/JPEGImages/NAME.jpg with PATH/Annotations/NAME.xml and lists of names PATH/ImageSets/Main/SPLIT.txt.
/// The target is a mask of what is where: 0 ground, else 1 + the number of the class, drawn as the boxes or
/// the ellipses in them, smaller ones over larger ones. Pictures are stretched to `size`.
/// **Shapes**: image [channels, H, W] uint8; mask [H, W] int64.
struct VocFolderSource final : ImageSource {
  std::string path;
  std::vector<std::string> classes;
  std::string form_of_boxes = "box";
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;

 private:
  struct Sample {
    size_t image;
    size_t annotation;
  };
  void scan() const;
  const std::vector<Sample>& samples(const std::string& split) const;
  std::string place_;
  mutable std::shared_ptr<const FileTree> tree_;
  mutable std::vector<std::pair<std::string, std::vector<Sample>>> splits_;
  mutable std::shared_ptr<const ImageFiles> images_;
};

}  // namespace dlb::data
