#pragma once
/// \file What the tests of this folder share: a temporary folder, small configs, and ways to run and compare
/// them.

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/train/trainer.h"
#include "support/temp_folder.h"

namespace dlb::train {

/// In memory where that is possible: some of these tests make thousands of checkpoints, each of them synced.
class TempFolder : public test::TempFolder {
 public:
  TempFolder() : test::TempFolder(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") {
    log::set_level(log::Level::kError);
  }
};

/// A config on the embedded digits: 120 samples, batches of 16, so 8 steps an epoch, the last one short.
inline std::string digits_config(const std::string& model, const std::string& rest) {
  return R"(name: small
seed: 3
data:
  source: digits
  batch: 16
  limit_train: 120
  limit_test: 60
  val: {from: train, last: 60}
  transforms: [to_float: {max: 16}]
model:
)" + model +
         R"(
loss: cross_entropy
metrics: [accuracy]
)" + rest;
}

inline const char* const kMlp = "  [flatten, linear: 24, relu, linear: $classes]";
inline const char* const kBnDropout =
    "  [conv2d: {out: 6, kernel: 3}, batch_norm, relu, max_pool2d: 2, flatten, dropout: 0.3, linear: "
    "$classes]";

inline TrainOptions options(const std::string& config, const std::string& out) {
  TrainOptions o;
  o.config = config;
  o.out = out;
  o.threads = 1;
  return o;
}

/// The records of a run without what depends on the clock.
inline std::vector<nlohmann::json> records(const std::string& run) {
  std::vector<nlohmann::json> out;
  std::ifstream file(files::join(run, "metrics.jsonl"));
  for (std::string line; std::getline(file, line);) {
    auto record = nlohmann::json::parse(line);
    record.erase("samples_per_s");
    out.push_back(std::move(record));
  }
  return out;
}

inline nlohmann::json run_json(const std::string& run) {
  return nlohmann::json::parse(files::read_all(files::join(run, "run.json")));
}

}  // namespace dlb::train
