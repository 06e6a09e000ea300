#include "dlb/data/image_pairs.h"

#include <map>

#include "dlb/base/files.h"
#include "dlb/data/image_decode.h"
#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

class Pairs final : public Dataset {
 public:
  Pairs(SampleSpec spec, std::shared_ptr<const ImageFiles> inputs, std::shared_ptr<const ImageFiles> targets,
        std::vector<std::pair<size_t, size_t>> pairs, int64_t divide_by)
      : spec_(std::move(spec)),
        inputs_(std::move(inputs)),
        targets_(std::move(targets)),
        pairs_(std::move(pairs)),
        divide_by_(divide_by) {}
  int64_t size() const override { return static_cast<int64_t>(pairs_.size()); }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    const auto& [input, target] = pairs_[static_cast<size_t>(index)];
    inputs_->read(input, static_cast<uint8_t*>(columns[0]));
    if (spec_.classes == 0) {
      targets_->read(target, static_cast<uint8_t*>(columns[1]));
      return;
    }
    const int64_t pixels = spec_.target().spec.numel();
    Scratch scratch(static_cast<size_t>(pixels));
    uint8_t* values = scratch.as<uint8_t>();
    targets_->read(target, values);
    int64_t* mask = static_cast<int64_t*>(columns[1]);
    for (int64_t i = 0; i < pixels; ++i) {
      mask[i] = values[i] / divide_by_;
      if (mask[i] >= spec_.classes) {
        fail(ErrorKind::kData,
             "mask '{}' has the value {} at row {}, column {}: class {} is out of range, expected 0 to {}",
             targets_->tree().name(target), values[i], i / targets_->form().width, i % targets_->form().width,
             mask[i], spec_.classes - 1);
      }
    }
  }

 private:
  SampleSpec spec_;
  std::shared_ptr<const ImageFiles> inputs_, targets_;
  std::vector<std::pair<size_t, size_t>> pairs_;
  int64_t divide_by_;
};

std::string stem(const std::string& path) { return path.substr(0, path.rfind('.')); }

}  // namespace

Fields ImagePairsSource::fields() {
  static const std::vector<Field> list = with_common({
      required<&ImagePairsSource::inputs>("inputs", "folder or archive of the pictures"),
      required<&ImagePairsSource::targets>("targets",
                                           "folder or archive of what belongs to them, under the same names"),
      field<&ImagePairsSource::target>("target", "mask: grey values are classes; image: a picture",
                                       one_of({"mask", "image"})),
      field<&ImagePairsSource::classes>("classes", "classes of a mask", between(2, 256)),
      field<&ImagePairsSource::divide_by>(
          "divide_by", "grey values of a mask are divided by this: 255 where 255 is class 1",
          between(1, 255)),
  });
  return list;
}

void ImagePairsSource::bind(const SourceOptions& options) {
  const std::string folder = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  places_ = {files::join(folder, inputs), files::join(folder, targets)};
}

void ImagePairsSource::scan() {
  if (inputs_ != nullptr) return;
  const auto pictures = FileTree::open(places_.first), others = FileTree::open(places_.second);
  std::map<std::string, size_t> by_stem;
  for (size_t i = 0; i < others->files().size(); ++i) {
    if (is_image_name(others->files()[i].path)) by_stem[stem(others->files()[i].path)] = i;
  }
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < pictures->files().size(); ++i) {
    const std::string& file = pictures->files()[i].path;
    if (!is_image_name(file)) continue;
    const auto found = by_stem.find(stem(file));
    if (found == by_stem.end())
      fail(ErrorKind::kData, "'{}' has no counterpart '{}.*' in '{}'", pictures->name(i), stem(file),
           others->path());
    pairs.emplace_back(i, found->second);
  }
  if (pairs.empty()) fail(ErrorKind::kData, "'{}' has no pictures", pictures->path());
  for (const int64_t i : mixed_order(static_cast<int64_t>(pairs.size()), seed, 0))
    pairs_.push_back(pairs[static_cast<size_t>(i)]);
  const ImageForm made = form("image_pairs", *pictures, pairs_.front().first);
  ImageForm other = made;
  if (target == "mask") {
    other.channels = 1;
    other.interpolation = Interpolation::kNearest;
  }
  inputs_ = std::make_shared<const ImageFiles>(pictures, made, exact(), cache_bytes() / 2);
  targets_ = std::make_shared<const ImageFiles>(others, other, exact(), cache_bytes() / 2);
}

std::vector<std::string> ImagePairsSource::splits() const {
  if (test_fraction > 0) return {"train", "test"};
  return {"train"};
}

SampleSpec ImagePairsSource::spec() {
  scan();
  SampleSpec spec = labelled(inputs_->form().spec(), 0);
  const ImageForm& form = targets_->form();
  if (target == "mask") {
    spec.columns[1] = {"mask", make_spec({form.height, form.width}, DType::kInt64)};
    spec.classes = classes;
  } else {
    spec.columns[1] = {"target", form.spec()};
  }
  return spec;
}

int64_t ImagePairsSource::size(const std::string& split) {
  scan();
  const int64_t all = static_cast<int64_t>(pairs_.size()), held = share_of(test_fraction, all);
  return split == "test" ? held : all - held;
}

std::shared_ptr<const Dataset> ImagePairsSource::open(const std::string& split) {
  const int64_t held = size("test");
  std::vector<std::pair<size_t, size_t>> part = pairs_;
  if (split == "test") {
    part.erase(part.begin() + held, part.end());
  } else {
    part.erase(part.begin(), part.begin() + held);
  }
  return std::make_shared<Pairs>(spec(), inputs_, targets_, std::move(part), divide_by);
}

std::map<std::string, std::string> ImagePairsSource::checksums() const {
  if (inputs_ == nullptr) return {};
  return {{inputs_->tree().path(), inputs_->tree().digest()},
          {targets_->tree().path(), targets_->tree().digest()}};
}

}  // namespace dlb::data
