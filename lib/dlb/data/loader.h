#pragma once
/// \file The loader: batches in a fixed order, prepared ahead by threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/data/pipeline.h"
#include "dlb/data/transform.h"

namespace dlb::data {

/// `size` samples: one tensor per column.
struct Batch {
  std::vector<Tensor> columns;  ///< as Collate says; images channels-last
  size_t inputs_count = 1;
  int64_t size = 0;
  int64_t index = 0;                                           ///< number of the batch within its epoch
  std::shared_ptr<const std::vector<std::string>> names = {};  ///< of the columns

  std::span<const Tensor> inputs() const { return std::span(columns).first(inputs_count); }
  std::span<const Tensor> targets() const { return std::span(columns).subspan(inputs_count); }
  const Tensor& input() const { return columns.front(); }            ///< the first one
  const Tensor& target() const { return columns.at(inputs_count); }  ///< the first one
  /// The column of that name. Errors: internal, when there is none.
  const Tensor& column(std::string_view name) const;
};

struct LoaderOptions {
  int64_t batch = 64;
  bool shuffle = false;  ///< permutation by RngKey{seed, kShuffle, epoch}
  bool drop_last = false;
  uint64_t seed = 0;
  int threads = 1;  ///< 0: in the caller's thread
  /// Batches are made in the caller's thread until several in a row have taken longer than this: for less,
  /// handing them over costs more than making them. 0: by `threads` from the start.
  double alone_s = 100e-6;
  int64_t prefetch = 4;  ///< batches prepared ahead, at most
  int64_t bucket = 0;    ///< windows of that many batches are sorted by the length of the first kPad column
  int64_t pad_to = 1;    ///< padded lengths are multiples of it
};

/// Batches of one split. The sequence follows from (options, epoch) alone; threads only prepare them earlier.
class Loader {
 public:
  /// An augmenting transform of `pipeline` draws from RngKey{seed, kAugment, epoch, index of the sample in
  /// `dataset`}.
  Loader(std::shared_ptr<const Dataset> dataset, Pipeline pipeline, LoaderOptions options);
  ~Loader();
  int64_t batches() const;  ///< in an epoch
  int64_t samples() const;  ///< in an epoch
  /// Starts an epoch at batch `first` (resume); drops what was prepared before.
  void start(int64_t epoch, int64_t first = 0);
  /// The next batch, or nothing at the end of the epoch. Rethrows an error met while the batch was prepared.
  std::optional<Batch> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dlb::data
