#pragma once
/// \file The sources `pairs` and `triplets`: samples of another source put beside each other by their class.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/data/dataset.h"

namespace dlb::data {

/// Common part: the labelled source that samples are taken from. Training samples are drawn anew in each
/// epoch, those of other splits are always the same.
struct MatchedSource : Source {
  config::Node of;
  int64_t seed = 0;

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override { return source_->splits(); }
  SampleSpec spec() override;
  int64_t size(const std::string& split) override { return source_->size(split); }
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override { return source_->checksums(); }
  std::string changes_inputs() const override;
  std::string unchanged_by() const override {
    return source_->changes_inputs().empty() ? "" : source_->unchanged_by();
  }

 protected:
  virtual const char* name() const = 0;
  /// The columns for samples of that spec.
  virtual SampleSpec columns(const Column& input) const = 0;
  virtual std::shared_ptr<const Dataset> make(std::shared_ptr<const Dataset> from, SampleSpec spec,
                                              bool training) const = 0;

 private:
  std::unique_ptr<Source> source_;
};

/// Each sample and another one, of the same class with probability `same`. **Columns**: a, b as the source's
/// input; target `same`: 1 or 0 as float32 [1], or 1 or -1 as float32 [] with `sign`, or int64 [] with
/// `class`.
struct PairsSource final : MatchedSource {
  double same = 0.5;
  std::string target = "binary";
  static Fields fields();

 protected:
  const char* name() const override { return "pairs"; }
  SampleSpec columns(const Column& input) const override;
  std::shared_ptr<const Dataset> make(std::shared_ptr<const Dataset> from, SampleSpec spec,
                                      bool training) const override;
};

/// Each sample, another one of its class, and one of another class. **Columns**: anchor, positive, negative
/// as the source's input; target label [] of the anchor.
struct TripletsSource final : MatchedSource {
  static Fields fields();

 protected:
  const char* name() const override { return "triplets"; }
  SampleSpec columns(const Column& input) const override;
  std::shared_ptr<const Dataset> make(std::shared_ptr<const Dataset> from, SampleSpec spec,
                                      bool training) const override;
};

}  // namespace dlb::data
