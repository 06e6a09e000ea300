#pragma once
/// \file Graphs rewritten for running: the same values, up to rounding, with less work.

#include "dlb/graph/graph.h"

namespace dlb::graph {

/// The model with
///  - patterns of nodes that say one operator replaced by it: gelu, silu, attention,
///  - recurrent networks with constant weights given these in the kernels' order, and the products of a small
///    table's rows where they read such rows,
///  - batch normalisation folded into the convolution before it,
///  - convolutions and products with constant weights taking in what follows them: a bias, a residual, an
///    activation,
///  - nodes and constants that nobody reads left out.
/// A rewrite for whose constants an AllocationLimit has no room is left out. Constants must have been folded.
/// Inputs, outputs and their names stay. The operators that it brings in are of the domain kFusedDomain.
Model optimize(Model model);

inline constexpr const char* kFusedDomain = "dlbench";

}  // namespace dlb::graph
