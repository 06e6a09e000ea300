#pragma once
/// \file The source `image_pairs`: pictures that belong to pictures, such as masks.

#include <map>
#include <string>
#include <vector>

#include "dlb/data/image_files.h"

namespace dlb::data {

/// A picture of the folder `inputs` and that of the same name (but for its ending) in `targets`. With target
/// mask the grey values of the second are class numbers, scaled by `nearest`; with target image it is a
/// picture. **Shapes**: image [channels, H, W] uint8; mask [H, W] int64, or target [channels, H, W] uint8.
struct ImagePairsSource final : ImageSource {
  std::string inputs;
  std::string targets;
  std::string target = "mask";
  int64_t classes = 2;
  int64_t divide_by = 1;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;

 private:
  void scan();
  std::pair<std::string, std::string> places_;
  std::vector<std::pair<size_t, size_t>>
      pairs_;  ///< file numbers, in a mixed order; the first are the test split
  std::shared_ptr<const ImageFiles> inputs_, targets_;
};

}  // namespace dlb::data
