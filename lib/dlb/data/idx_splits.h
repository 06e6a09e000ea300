#pragma once
/// \file Splits that are pairs of IDX files: images (or vectors) and labels.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/data/idx.h"

namespace dlb::data {

/// What a file is expected to be.
struct IdxPart {
  std::string path;
  std::string_view embedded;  ///< the bytes themselves, for what the binary carries
  std::string md5;            ///< of the uncompressed bytes; empty: not checked

  ByteStream stream() const {
    return embedded.empty() ? ByteStream::open(path) : ByteStream::memory(path, embedded);
  }
};

struct IdxSplit {
  std::string name;
  IdxPart images;
  IdxPart labels;
  int64_t samples = 0;  ///< expected number; 0: any
};

/// Reads splits of IDX pairs. Images of rank 3 are grey [1, H, W], of rank 4 [C, H, W] stored H, W, C; rank 2
/// is a vector [F].
class IdxSplits {
 public:
  /// `classes` 0: the largest label of the first split, plus one. `shape` empty: any.
  IdxSplits(std::vector<IdxSplit> splits, int64_t classes, Shape shape)
      : splits_(std::move(splits)), classes_(classes), shape_(std::move(shape)) {}

  std::vector<std::string> names() const;
  /// From the headers of every split. Errors: io, data.
  SampleSpec spec();
  int64_t size(const std::string& split);
  /// Reads images and labels side by side, and verifies checksums and labels. Thread-safe after spec().
  /// Errors: io, data.
  std::shared_ptr<const Dataset> open(const std::string& split);
  /// "md5:..." of the uncompressed bytes, by path.
  std::map<std::string, std::string> checksums() const;

 private:
  const IdxSplit& find(const std::string& name) const;
  void read_headers();
  IdxFile load(const IdxPart& part);

  std::vector<IdxSplit> splits_;
  int64_t classes_;
  Shape shape_;
  std::map<std::string, int64_t> sizes_;
  bool headers_read_ = false;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> checksums_;
};

}  // namespace dlb::data
