#pragma once
/// \file Transforms of one sample, on the loader's threads.

#include <memory>
#include <span>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/config/reader.h"
#include "dlb/tensor/random.h"
#include "dlb/tensor/tensor.h"

namespace dlb::data {

/// Changes a sample's input. An image is [C, H, W] logically, stored H, W, C.
class Transform {
 public:
  virtual ~Transform() = default;
  /// Called once after the fields are read, by transforms that are made of others. Records errors and then
  /// returns false.
  virtual bool read_parts(config::Reader& reader) {
    static_cast<void>(reader);
    return true;
  }
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

/// Whether samples of both specs have the same type and shape, in whatever order they are stored.
bool same_samples(const TensorSpec& a, const TensorSpec& b);
/// A number from a range of two ends, or its one value, for which nothing is drawn.
double draw(const std::vector<double>& range, RandomStream& random);

/// Reads one transform with all its parts. Records errors and then returns nullptr.
std::unique_ptr<Transform> make_transform(config::Reader& reader, const config::Node& node);

}  // namespace dlb::data
