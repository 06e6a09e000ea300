#pragma once
/// \file What sources of pictures in files have in common: decoding to one size, and keeping what was
/// decoded.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/data/file_tree.h"
#include "dlb/data/resample.h"

namespace dlb::data {

/// How a picture becomes an image of a given size.
struct ImageForm {
  int64_t channels = 3;
  int64_t height = 0;
  int64_t width = 0;
  bool stretch = false;  ///< both sides scaled by themselves; else to cover the size, and the middle is kept
  Interpolation interpolation = Interpolation::kBilinear;
  bool antialias = true;

  TensorSpec spec() const { return image_spec(channels, height, width, DType::kUInt8); }
};

/// Reads pictures of a tree as images of one form; keeps decoded ones while they fit into `cache_bytes`.
class ImageFiles {
 public:
  /// `exact`: a picture of another size than the form's is an error instead of scaled.
  ImageFiles(std::shared_ptr<const FileTree> tree, ImageForm form, bool exact, int64_t cache_bytes);
  ~ImageFiles();
  ImageFiles(const ImageFiles&) = delete;
  ImageFiles& operator=(const ImageFiles&) = delete;

  const FileTree& tree() const { return *tree_; }
  const ImageForm& form() const { return form_; }
  /// Image of file number `file`, form().spec().bytes() bytes. Thread-safe. Errors: io, data, naming the
  /// file.
  void read(size_t file, uint8_t* out) const;

 private:
  void decode(size_t file, uint8_t* out) const;
  std::shared_ptr<const FileTree> tree_;
  ImageForm form_;
  bool exact_;
  int64_t cache_bytes_;
  mutable std::atomic<int64_t> cached_bytes_ = 0;
  mutable std::vector<std::atomic<uint8_t*>> cache_;
};

/// The source's fields that say the form; derived sources add their own.
struct ImageSource : Source {
  std::vector<int64_t> image_size;
  int64_t channels = 3;
  std::string fit = "crop";
  std::string interpolation = "bilinear";
  bool antialias = true;
  int64_t cache_mb = 512;
  int64_t seed = 0;
  double test_fraction = 0;
  std::string changes_inputs() const override {
    return exact() ? "" : "pictures of any size are scaled to `size`";
  }
  std::string unchanged_by() const override {
    return "where all pictures have one size, `size: []` takes them as they are, and `resize` among "
           "data.transforms scales them in the graph";
  }

 protected:
  /// Own fields, then those that all such sources have.
  static std::vector<Field> with_common(std::vector<Field> own);
  /// The form that the fields say; where no size is given, that of file number `first`, which then is
  /// everybody's. Errors: io, data, config.
  ImageForm form(const char* source, const FileTree& tree, size_t first) const;
  bool exact() const { return image_size.empty(); }
  int64_t cache_bytes() const { return cache_mb << 20; }
};

/// Numbers 0 to n - 1 in an order that follows from (seed, which): parts of it are random samples.
std::vector<int64_t> mixed_order(int64_t n, int64_t seed, uint64_t which);

/// `fraction` of n, of which at least 1 remains on each side where that can be.
int64_t share_of(double fraction, int64_t n);

}  // namespace dlb::data
