#include "dlb/data/image_folder.h"

#include <algorithm>

#include "dlb/base/files.h"
#include "dlb/data/image_decode.h"

namespace dlb::data {

namespace {

class LabelledImages final : public Dataset {
 public:
  LabelledImages(SampleSpec spec, std::shared_ptr<const ImageFiles> images,
                 std::vector<std::pair<size_t, int64_t>> samples)
      : spec_(std::move(spec)), images_(std::move(images)), samples_(std::move(samples)) {}
  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    const auto& [file, label] = samples_[static_cast<size_t>(index)];
    images_->read(file, static_cast<uint8_t*>(columns[0]));
    *static_cast<int64_t*>(columns[1]) = label;
  }

 private:
  SampleSpec spec_;
  std::shared_ptr<const ImageFiles> images_;
  std::vector<std::pair<size_t, int64_t>> samples_;
};

/// The name before the first '/', and what follows; nothing where there is none.
std::pair<std::string_view, std::string_view> split_first(std::string_view path) {
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Fields ImageFolderSource::fields() {
  static const std::vector<Field> list = with_common({
      required<&ImageFolderSource::path>("path",
                                         "the folder, or a .zip archive, or a folder in one (a.zip/b)"),
      field<&ImageFolderSource::train>("train",
                                       "folder below it with the training classes, where there is one"),
      field<&ImageFolderSource::val>("val", "folder with validation pictures, where there is one"),
      field<&ImageFolderSource::test>("test", "folder with test pictures, where there is one"),
      field<&ImageFolderSource::classes>(
          "classes", "the classes to use, in order of their numbers; not given: all, sorted"),
  });
  return list;
}

void ImageFolderSource::bind(const SourceOptions& options) {
  place_ = files::join(options.dir.empty() ? files::parent(options.config_file) : options.dir, path);
}

void ImageFolderSource::scan() const {
  if (tree_ == nullptr) tree_ = FileTree::open(place_);
  if (splits_.empty()) read_splits();
}

void ImageFolderSource::read_splits() const {
  const auto& list = tree_->files();
  const bool in_splits = std::any_of(list.begin(), list.end(), [&](const FileTree::File& f) {
    return f.path.starts_with(train + "/") && is_image_name(f.path);
  });
  const std::string_view folders[] = {in_splits ? std::string_view(train) : std::string_view(), val, test};
  constexpr const char* kNames[] = {"train", "val", "test"};
  names_ = classes;
  for (size_t s = 0; s < (in_splits ? 3 : 1); ++s) {
    std::vector<std::vector<Sample>> by_class(names_.size());
    for (size_t i = 0; i < list.size(); ++i) {
      if (!is_image_name(list[i].path)) continue;
      std::string_view rest = list[i].path;
      if (in_splits) {
        const auto [top, below] = split_first(rest);
        if (top != folders[s]) continue;
        rest = below;
      }
      const std::string_view name = split_first(rest).first;
      if (name.empty()) continue;  // a picture beside the class folders
      auto found = std::find(names_.begin(), names_.end(), name);
      if (found == names_.end()) {
        if (!classes.empty()) continue;
        if (s > 0) {
          fail(ErrorKind::kData, "'{}' is of class '{}', which the folder '{}' of training pictures has not",
               tree_->name(i), name, train);
        }
        // Files are sorted by path, but '/' sorts after some characters of names: the order is made below.
        names_.emplace_back(name);
        by_class.emplace_back();
        found = names_.end() - 1;
      }
      const int64_t label = found - names_.begin();
      by_class[static_cast<size_t>(label)].push_back({i, label});
    }
    if (s == 0) {
      if (classes.empty()) {
        std::vector<std::string> sorted = names_;
        std::sort(sorted.begin(), sorted.end());
        std::vector<std::vector<Sample>> moved(sorted.size());
        for (size_t c = 0; c < names_.size(); ++c) {
          const size_t to =
              static_cast<size_t>(std::lower_bound(sorted.begin(), sorted.end(), names_[c]) - sorted.begin());
          moved[to] = std::move(by_class[c]);
          for (Sample& sample : moved[to]) sample.label = static_cast<int64_t>(to);
        }
        by_class = std::move(moved);
        names_ = std::move(sorted);
      }
      if (names_.empty()) {
        fail(ErrorKind::kData,
             "'{}' has no pictures in class folders: expected {}/CLASS/*.jpg (or .png, .bmp), or "
             "CLASS/*.jpg",
             tree_->path(), train);
      }
      for (size_t c = 0; c < names_.size(); ++c) {
        if (by_class[c].empty())
          fail(ErrorKind::kData, "class '{}' has no pictures in '{}'", names_[c], tree_->path());
      }
    }
    if (!in_splits && test_fraction > 0) {
      divide(std::move(by_class));
      return;
    }
    std::vector<Sample> all;
    for (const auto& part : by_class) all.insert(all.end(), part.begin(), part.end());
    if (all.empty()) continue;
    std::vector<Sample> mixed;
    for (const int64_t i : mixed_order(static_cast<int64_t>(all.size()), seed, s))
      mixed.push_back(all[static_cast<size_t>(i)]);
    splits_.emplace_back(kNames[s], std::move(mixed));
  }
  if (in_splits && test_fraction > 0) {
    fail(ErrorKind::kConfig, "image_folder: test_fraction is for folders without a folder '{}'; '{}' has one",
         train, tree_->path());
  }
}

void ImageFolderSource::divide(std::vector<std::vector<Sample>> by_class) const {
  std::vector<Sample> parts[2];
  for (size_t c = 0; c < by_class.size(); ++c) {
    const int64_t n = static_cast<int64_t>(by_class[c].size()), held = share_of(test_fraction, n);
    const std::vector<int64_t> order = mixed_order(n, seed, 100 + c);
    for (int64_t i = 0; i < n; ++i)
      parts[i < held ? 1 : 0].push_back(by_class[c][static_cast<size_t>(order[static_cast<size_t>(i)])]);
  }
  constexpr const char* kNames[] = {"train", "test"};
  for (size_t s = 0; s < 2; ++s) {
    std::vector<Sample> mixed;
    for (const int64_t i : mixed_order(static_cast<int64_t>(parts[s].size()), seed, s))
      mixed.push_back(parts[s][static_cast<size_t>(i)]);
    if (!mixed.empty()) splits_.emplace_back(kNames[s], std::move(mixed));
  }
}

const std::vector<ImageFolderSource::Sample>& ImageFolderSource::samples(const std::string& split) const {
  scan();
  for (const auto& [name, list] : splits_) {
    if (name == split) return list;
  }
  fail(ErrorKind::kInternal, "image_folder has no split '{}'", split);
}

std::vector<std::string> ImageFolderSource::splits() const {
  scan();
  std::vector<std::string> names;
  for (const auto& [name, list] : splits_) names.push_back(name);
  return names;
}

SampleSpec ImageFolderSource::spec() {
  scan();
  if (images_ == nullptr) {
    const ImageForm made = form("image_folder", *tree_, splits_.front().second.front().file);
    images_ = std::make_shared<const ImageFiles>(tree_, made, exact(), cache_bytes());
  }
  return labelled(images_->form().spec(), static_cast<int64_t>(names_.size()));
}

int64_t ImageFolderSource::size(const std::string& split) {
  return static_cast<int64_t>(samples(split).size());
}

std::shared_ptr<const Dataset> ImageFolderSource::open(const std::string& split) {
  std::vector<std::pair<size_t, int64_t>> list;
  for (const Sample& sample : samples(split)) list.emplace_back(sample.file, sample.label);
  return std::make_shared<LabelledImages>(
      labelled(images_->form().spec(), static_cast<int64_t>(names_.size())), images_, std::move(list));
}

std::map<std::string, std::string> ImageFolderSource::checksums() const {
  if (tree_ == nullptr) return {};
  return {{tree_->path(), tree_->digest()}};
}

}  // namespace dlb::data
