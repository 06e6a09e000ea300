#include "dlb/data/idx_splits.h"

#include <algorithm>
#include <cstring>
#include <future>

namespace dlb::data {

namespace {

/// The shape of one sample of an image file: [C, H, W] or [F].
Shape sample_shape(const std::string& path, const IdxHeader& header) {
  const Shape& dims = header.dims;
  if (dims.size() < 2) {
    fail(ErrorKind::kData,
         "'{}' holds single values, an array {}; expected images [N, H, W], [N, H, W, C] or vectors [N, F]",
         path, shape_text(dims));
  }
  for (const int64_t size : dims) {
    if (size == 0) fail(ErrorKind::kData, "'{}' holds no samples: an array {}", path, shape_text(dims));
  }
  if (dims.size() == 2) return {dims[1]};
  return {dims.size() == 4 ? dims[3] : 1, dims[1], dims[2]};
}

/// The header of a label file that goes with `images`.
void check_labels(const IdxSplit& split, const IdxHeader& images, const IdxHeader& labels) {
  if (labels.dims.size() != 1) {
    fail(ErrorKind::kData, "'{}' holds an array {}; expected labels [N]", split.labels.path,
         shape_text(labels.dims));
  }
  if (labels.records() != images.records()) {
    fail(ErrorKind::kData, "'{}' has {} labels for the {} images of '{}'", split.labels.path,
         labels.records(), images.records(), split.images.path);
  }
  if (split.samples != 0 && split.samples != images.records()) {
    fail(ErrorKind::kData, "'{}' has {} samples; expected {}", split.images.path, images.records(),
         split.samples);
  }
}

class IdxDataset final : public Dataset {
 public:
  IdxDataset(SampleSpec spec, IdxFile images, IdxFile labels)
      : spec_(std::move(spec)),
        images_(std::move(images)),
        labels_(std::move(labels)),
        bytes_(spec_.input().spec.bytes()) {}

  int64_t size() const override { return images_.header.records(); }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    const size_t i = static_cast<size_t>(index);
    std::memcpy(columns[0], images_.values() + i * bytes_, bytes_);
    const int64_t label = labels_.values()[i];
    std::memcpy(columns[1], &label, sizeof label);
  }

 private:
  SampleSpec spec_;
  IdxFile images_;
  IdxFile labels_;
  size_t bytes_;
};

}  // namespace

std::vector<std::string> IdxSplits::names() const {
  std::vector<std::string> names;
  for (const IdxSplit& split : splits_) names.push_back(split.name);
  return names;
}

const IdxSplit& IdxSplits::find(const std::string& name) const {
  const auto it =
      std::find_if(splits_.begin(), splits_.end(), [&](const IdxSplit& s) { return s.name == name; });
  DLB_CHECK(it != splits_.end());
  return *it;
}

void IdxSplits::read_headers() {
  if (headers_read_) return;
  std::string first_path;
  for (const IdxSplit& split : splits_) {
    ByteStream images = split.images.stream();
    const IdxHeader header = read_idx_header(images);
    const Shape shape = sample_shape(split.images.path, header);
    if (shape_.empty()) {
      shape_ = shape;
      first_path = split.images.path;
    }
    if (!(shape == shape_)) {
      fail(ErrorKind::kData, "'{}' holds samples {}; expected {}{}", split.images.path, shape_text(shape),
           shape_text(shape_), first_path.empty() ? "" : fmt::format(" as in '{}'", first_path));
    }
    ByteStream labels = split.labels.stream();
    check_labels(split, header, read_idx_header(labels));
    sizes_[split.name] = header.records();
  }
  if (classes_ == 0) {
    const IdxFile labels = read_idx(splits_.front().labels.stream());
    classes_ = int64_t{*std::max_element(labels.values(), labels.values() + labels.header.values)} + 1;
  }
  headers_read_ = true;
}

SampleSpec IdxSplits::spec() {
  read_headers();
  const bool vectors = shape_.size() == 1;
  return labelled(
      vectors ? make_spec(shape_, DType::kUInt8) : image_spec(shape_[0], shape_[1], shape_[2], DType::kUInt8),
      classes_, vectors ? "x" : "image");
}

int64_t IdxSplits::size(const std::string& split) {
  read_headers();
  return sizes_.at(find(split).name);
}

IdxFile IdxSplits::load(const IdxPart& part) {
  IdxFile file = read_idx(part.stream());
  if (!part.md5.empty() && file.md5 != part.md5) {
    Error error(ErrorKind::kData,
                fmt::format("'{}' has the wrong content: expected MD5 {} of its uncompressed bytes, found {}",
                            part.path, part.md5, file.md5));
    error.hint =
        "the file is damaged, or belongs to another data set; fetch it again, or point data.dir at the right "
        "folder";
    throw error;
  }
  const std::lock_guard lock(mutex_);
  checksums_[part.path] = "md5:" + file.md5;
  return file;
}

std::shared_ptr<const Dataset> IdxSplits::open(const std::string& name) {
  SampleSpec sample = spec();
  const IdxSplit& split = find(name);
  auto loading = std::async(std::launch::async, [&] { return load(split.images); });
  IdxFile labels = load(split.labels);
  IdxFile images = loading.get();
  // The files may have changed since their headers were read.
  if (!(sample_shape(split.images.path, images.header) == shape_)) {
    fail(ErrorKind::kData, "'{}' changed while it was read", split.images.path);
  }
  check_labels(split, images.header, labels.header);
  for (uint64_t i = 0; i < labels.header.values; ++i) {
    if (labels.values()[i] >= classes_) {
      fail(ErrorKind::kData, "'{}' record {}: label {} is out of range, expected 0 to {}", split.labels.path,
           i, labels.values()[i], classes_ - 1);
    }
  }
  return std::make_shared<IdxDataset>(std::move(sample), std::move(images), std::move(labels));
}

std::map<std::string, std::string> IdxSplits::checksums() const {
  const std::lock_guard lock(mutex_);
  return checksums_;
}

}  // namespace dlb::data
