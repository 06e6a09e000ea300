#pragma once
/// \file The loader: batches in a fixed order, prepared ahead by threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/data/pipeline.h"
#include "dlb/data/transform.h"

namespace dlb::data {

struct Batch {
  Tensor input;   ///< [n, ...]; images channels-last
  Tensor target;  ///< [n, ...]
  int64_t size = 0;
  int64_t index = 0;  ///< number of the batch within its epoch
};

struct LoaderOptions {
  int64_t batch = 64;
  bool shuffle = false;  ///< permutation by RngKey{seed, kShuffle, epoch}
  bool drop_last = false;
  uint64_t seed = 0;
  int threads = 1;       ///< 0: in the caller's thread
  int64_t prefetch = 4;  ///< batches prepared ahead, at most
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
