#include "dlb/data/data_config.h"

namespace dlb::data {

Fields HoldOut::fields() {
  static const Field list[] = {
      field<&HoldOut::last>("last", "hold out that many samples from the end", positive()),
      field<&HoldOut::first>("first", "hold out that many samples from the start", positive()),
      field<&HoldOut::fraction>("fraction", "hold out that share of the samples, from the end",
                                [] {
                                  Constraint c = between(0, 1);
                                  c.min_open = c.max_open = true;
                                  return c;
                                }()),
      field<&HoldOut::from>("from", "split that they are taken from"),
  };
  return list;
}

Fields DataConfig::fields() {
  constexpr double kMaxBatch = 1 << 24;
  static const Field list[] = {
      required<&DataConfig::source>(
          "source",
          "a data set by name (fashion-mnist), a manifest's path (sets/mine.yaml) or an inline source "
          "(synthetic, idx: {...})"),
      field<&DataConfig::dir>(
          "dir",
          "folder of the data set's files; otherwise DLBENCH_DATA and the manifest's folders are searched"),
      field<&DataConfig::val>(
          "val", "samples held out for validation: {from: train, last: 5000}, {fraction: 0.1}, 5000"),
      field<&DataConfig::inputs>(
          "inputs", "columns that the model sees, by name; those that the source says when absent"),
      field<&DataConfig::batch>("batch", "samples in a training batch", between(1, kMaxBatch)),
      field<&DataConfig::eval_batch>("eval_batch", "samples in an evaluation batch; as batch when not given",
                                     between(1, kMaxBatch)),
      field<&DataConfig::augment>(
          "augment", "transforms of training samples, applied first, to samples as the source gives them"),
      field<&DataConfig::transforms>("transforms", "transforms of all samples, in order"),
      field<&DataConfig::shuffle>("shuffle", "training samples in a new random order each epoch"),
      field<&DataConfig::drop_last>("drop_last", "leave out the last batch of an epoch when it is short"),
      field<&DataConfig::limit_train>("limit_train", "use only that many training samples, the first",
                                      positive()),
      field<&DataConfig::limit_val>("limit_val", "use only that many validation samples, the first",
                                    positive()),
      field<&DataConfig::limit_test>("limit_test", "use only that many test samples, the first", positive()),
      field<&DataConfig::threads>(
          "threads",
          "threads that prepare batches when that takes longer than 0.1 ms; 0: none but the main thread",
          between(0, 256)),
      field<&DataConfig::prefetch>("prefetch", "batches prepared ahead, at most", between(1, 1024)),
      field<&DataConfig::bucket>("bucket",
                                 "make training batches of samples of like length, sorting that many batches "
                                 "at a time; 0: as they come",
                                 between(0, 1 << 20)),
      field<&DataConfig::pad_to>("pad_to", "fill up samples of different lengths to a multiple of this",
                                 between(1, 1 << 20)),
  };
  return list;
}

}  // namespace dlb::data
