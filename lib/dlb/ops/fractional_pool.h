#pragma once
/// \file Max pooling with windows of random places.

#include "dlb/ops/pool.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// The largest value in windows of a fixed size that are spread over the image at uneven distances, drawn for
/// each sample and channel. Shapes: x [N, C, *spatial] -> [N, C, *output], 2 or 3 spatial dimensions.
/// Errors: shape when the windows do not fit; dtype.
///
/// **Source**: Graham, "Fractional max-pooling", 2014.
MaxPoolResult fractional_max_pool(const Tensor& x, const Dims& kernel, const Dims& output, const RngKey& key);

}  // namespace dlb
