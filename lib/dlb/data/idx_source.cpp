#include "dlb/data/idx_source.h"

#include "dlb/base/files.h"

namespace dlb::data {

Fields IdxSource::fields() {
  static const Field list[] = {
      required<&IdxSource::train_images>("train_images",
                                         "file of training images [N, H, W], [N, H, W, C] or vectors [N, F]"),
      required<&IdxSource::train_labels>("train_labels", "file of training labels [N]"),
      field<&IdxSource::test_images>("test_images", "file of test images"),
      field<&IdxSource::test_labels>("test_labels", "file of test labels"),
      field<&IdxSource::classes>("classes", "number of classes; 0: the largest training label plus one",
                                 between(0, 256)),
  };
  return list;
}

void IdxSource::bind(const SourceOptions& options) {
  if (test_images.empty() != test_labels.empty()) {
    fail(ErrorKind::kConfig, "idx needs test_images and test_labels together, or neither");
  }
  const std::string folder = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  const auto part = [&](const std::string& path) { return IdxPart{files::join(folder, path), {}, {}}; };
  std::vector<IdxSplit> splits = {{"train", part(train_images), part(train_labels)}};
  if (!test_images.empty()) splits.push_back({"test", part(test_images), part(test_labels)});
  files_.emplace(std::move(splits), classes, Shape{});
}

}  // namespace dlb::data
