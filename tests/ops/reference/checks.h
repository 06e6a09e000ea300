#pragma once
/// \file What every reference case must show.

#include <string>
#include <vector>

#include "call.h"

namespace dlb::testing {

/// Checks one case; each returned line says what failed, none: it passes.
///  - float64: results (shape, dtype, values) and gradients agree with PyTorch's;
///  - the same with inputs that are not contiguous;
///  - float32: likewise at float32's tolerance;
///  - shapes and dtypes inferred from inputs without data are those computed;
///  - directional derivatives of first and second order agree with finite differences where the function is
///  smooth;
///  - the first case of a variant: every dtype works, or raises a dtype error, as the function's table entry
///  says;
///  - wrong numbers and wrong shapes of arguments raise an error of ours, whatever they are, and nothing else
///  happens.
std::vector<std::string> check(const Variant& variant, const Case& c, bool first);

}  // namespace dlb::testing
