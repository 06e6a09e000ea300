#pragma once
/// \file Arrays of files as values of graphs.

#include "dlb/graph/value.h"
#include "dlb/io/arrays.h"

namespace dlb::io {

/// The whole array, in its own element type. Errors: io, data; unsupported for big-endian numbers and for
/// sizes that no element type has.
graph::Value to_value(const Array& array);

}  // namespace dlb::io
