#pragma once
/// \file Transforms of one sample, on the loader's threads.

#include <memory>
#include <span>

#include "dlb/base/fields.h"
#include "dlb/tensor/random.h"
#include "dlb/tensor/tensor.h"

namespace dlb::data {

/// Changes a sample's input. An image is [C, H, W] logically, stored H, W, C.
class Transform {
 public:
  virtual ~Transform() = default;
  /// Spec of the result. Errors: shape, dtype (normalize of uint8, crop larger than the image, ...). Called
  /// once before any apply.
  virtual TensorSpec prepare(const TensorSpec& in) = 0;
  /// `in` has the prepared input spec, `out` room for the prepared output; they do not overlap. `random` is
  /// the sample's own stream: the same for the same (seed, epoch, sample), whatever the threads. Thread-safe.
  virtual void apply(const void* in, void* out, RandomStream& random) const = 0;
  /// Whether it draws random numbers: such belong in `augment`, and are refused in `transforms`.
  virtual bool random() const { return false; }
};
using TransformType = TypeInfo<Transform>;
/// All transforms, those for `data.transforms` first, then those that draw random numbers, for
/// `data.augment`.
std::span<const TransformType> transform_types();

}  // namespace dlb::data
