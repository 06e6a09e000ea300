#pragma once
/// \file The source `interactions`: who has rated what.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"

namespace dlb::data {

/// Ratings of items by users, one a line: `user::movie::rating::time` or CSV. Users and items, whatever their
/// names, are numbered in order of appearance.
///
/// **Columns**: user [] int64, item [] int64; target rating [] float32, or with `threshold` whether the
/// rating reaches it, 0 or 1.
struct InteractionsSource final : Source {
  std::string ratings;
  std::string test;
  double test_fraction = 0;
  bool shuffle = true;
  int64_t seed = 0;
  std::string delimiter = "::";
  bool header = false;
  int64_t user = 0;
  int64_t item = 1;
  int64_t rating = 2;
  std::optional<double> threshold;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;
  std::string changes_inputs() const override { return "users and items become numbers"; }

 private:
  struct Ratings;
  Ratings& read();
  std::string folder_;
  std::shared_ptr<Ratings> read_;
};

}  // namespace dlb::data
