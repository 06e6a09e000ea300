#include "dlb/data/image_files.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "dlb/data/image_decode.h"
#include "dlb/data/scratch.h"

namespace dlb::data {

ImageFiles::ImageFiles(std::shared_ptr<const FileTree> tree, ImageForm form, bool exact, int64_t cache_bytes)
    : tree_(std::move(tree)),
      form_(form),
      exact_(exact),
      cache_bytes_(cache_bytes),
      cache_(tree_->files().size()) {}

ImageFiles::~ImageFiles() {
  for (auto& slot : cache_) delete[] slot.load();
}

void ImageFiles::read(size_t file, uint8_t* out) const {
  const size_t bytes = form_.spec().bytes();
  std::atomic<uint8_t*>& slot = cache_[file];
  if (const uint8_t* kept = slot.load(std::memory_order_acquire)) {
    std::memcpy(out, kept, bytes);
    return;
  }
  decode(file, out);
  const int64_t size = static_cast<int64_t>(bytes);
  if (cached_bytes_.fetch_add(size) + size > cache_bytes_) {
    cached_bytes_.fetch_sub(size);
    return;
  }
  auto copy = std::make_unique<uint8_t[]>(bytes);
  std::memcpy(copy.get(), out, bytes);
  uint8_t* expected = nullptr;
  if (slot.compare_exchange_strong(expected, copy.get(), std::memory_order_acq_rel)) {
    static_cast<void>(copy.release());
  } else {
    cached_bytes_.fetch_sub(size);  // another thread was faster
  }
}

void ImageFiles::decode(size_t file, uint8_t* out) const {
  const std::string name = tree_->name(file);
  const RawImage image = decode_image(tree_->read(file), name, form_.channels);
  const ImageShape& from = image.shape;
  const ImageShape to{form_.channels, form_.height, form_.width};
  if (from.height == to.height && from.width == to.width) {
    std::memcpy(out, image.pixels.get(), static_cast<size_t>(to.values()));
    return;
  }
  if (exact_) {
    Error error(ErrorKind::kData,
                fmt::format("image '{}' has {} x {} pixels; expected {} x {} as the first one", name,
                            from.width, from.height, to.width, to.height));
    error.hint = "give the source a size: [height, width], which every picture then gets";
    throw error;
  }
  ImageShape scaled = to;
  if (!form_.stretch) {
    // The side that is shorter for the shape asked for fits exactly, as with Resize and CenterCrop.
    if (from.height * to.width >= to.height * from.width) {
      scaled.height = to.width * from.height / from.width;
    } else {
      scaled.width = to.height * from.width / from.height;
    }
    constexpr int64_t kMaxValues = int64_t{1} << 28;
    if (scaled.height * scaled.width > kMaxValues)
      fail(ErrorKind::kData, "image '{}' has {} x {} pixels, too narrow a strip to fill {} x {}", name,
           from.width, from.height, to.width, to.height);
  }
  const Taps rows = make_taps(from.height, scaled.height, form_.interpolation, form_.antialias);
  const Taps columns = make_taps(from.width, scaled.width, form_.interpolation, form_.antialias);
  if (scaled.height == to.height && scaled.width == to.width) {
    resample(DType::kUInt8, image.pixels.get(), from.row(), from, rows, columns, out, to);
    return;
  }
  Scratch whole(static_cast<size_t>(scaled.values()));
  resample(DType::kUInt8, image.pixels.get(), from.row(), from, rows, columns, whole.data(), scaled);
  const auto half = [](int64_t n) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(n) / 2));
  };
  const uint8_t* x = whole.as<uint8_t>() + half(scaled.height - to.height) * scaled.row() +
                     half(scaled.width - to.width) * to.channels;
  for (int64_t y = 0; y < to.height; ++y, x += scaled.row(), out += to.row())
    std::memcpy(out, x, static_cast<size_t>(to.row()));
}

std::vector<Field> ImageSource::with_common(std::vector<Field> own) {
  const Field common[] = {
      field<&ImageSource::image_size>("size",
                                      "height and width that every picture gets: one for both, or [height, "
                                      "width]; not given: all must have the "
                                      "size of the first",
                                      items(between(1, kMaxSide), 0, 2)),
      field<&ImageSource::channels>("channels", "3: colours, 1: grey", between(1, 3)),
      field<&ImageSource::fit>(
          "fit", "crop: scaled to cover the size, the middle is kept; stretch: both sides scaled",
          one_of({"crop", "stretch"})),
      field<&ImageSource::interpolation>("interpolation", "how new pixels are made", interpolation_names()),
      field<&ImageSource::antialias>("antialias", "smooth when shrinking, with bilinear and bicubic"),
      field<&ImageSource::test_fraction>(
          "test_fraction", "share of the samples that is the test split, where no files are", fraction()),
      field<&ImageSource::seed>("seed", "seed of the order of samples and of what test_fraction chooses",
                                non_negative()),
      field<&ImageSource::cache_mb>("cache_mb", "MiB of memory for decoded pictures; 0: decode each time",
                                    between(0, 1 << 20)),
  };
  own.insert(own.end(), std::begin(common), std::end(common));
  return own;
}

ImageForm ImageSource::form(const char* source, const FileTree& tree, size_t first) const {
  if (channels == 2) fail(ErrorKind::kConfig, "{}: channels is 2; expected 1 or 3", source);
  ImageForm form;
  form.channels = channels;
  form.stretch = fit == "stretch";
  form.interpolation = interpolation_from_name(interpolation);
  form.antialias = antialias;
  if (image_size.empty()) {
    const ImageShape shape = image_info(tree.read(first), tree.name(first));
    form.height = shape.height;
    form.width = shape.width;
  } else {
    form.height = first_of(image_size);
    form.width = second_of(image_size);
  }
  image_result(source, {form.channels, form.height, form.width}, DType::kUInt8);
  return form;
}

std::vector<int64_t> mixed_order(int64_t n, int64_t seed, uint64_t which) {
  return RandomStream({static_cast<uint64_t>(seed), RngPurpose::kShuffle, which, 1}).permutation(n);
}

int64_t share_of(double fraction, int64_t n) {
  if (fraction <= 0 || n < 2) return 0;
  return std::clamp<int64_t>(std::llround(fraction * static_cast<double>(n)), 1, n - 1);
}

}  // namespace dlb::data
