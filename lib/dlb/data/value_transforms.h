#pragma once
/// \file Transforms of values, whatever the shape: to_float, normalize, scale, cast.

#include <vector>

#include "dlb/data/transform.h"

namespace dlb::data {

/// y = x / max. Shapes: [*] uint8 or float32 -> [*] float32.
struct ToFloat final : Transform {
  double max = 255;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  DType type_ = DType::kUInt8;
  int64_t count_ = 0;
};

/// y = (x - mean) / std, one pair for all or one per channel. Shapes: [*] float32 -> [*] float32.
struct Normalize final : Transform {
  std::vector<double> mean;
  std::vector<double> std;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  int64_t count_ = 0;
  std::vector<float> row_mean_;  ///< one row of the image, or a single value
  std::vector<float> row_std_;
};

/// y = x * factor + offset. Shapes: [*] float32 -> [*] float32.
struct Scale final : Transform {
  double factor = 1;
  double offset = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  int64_t count_ = 0;
};

/// The same values in another type; integers are truncated towards zero and limited to the type's range.
/// Shapes: [*] -> [*].
struct Cast final : Transform {
  std::string dtype = "float32";
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  DType from_ = DType::kUInt8;
  DType to_ = DType::kFloat32;
  int64_t count_ = 0;
};

}  // namespace dlb::data
