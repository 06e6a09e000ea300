#pragma once
/// \file What functions that are composed of operators check before they begin.

#include <string_view>

#include "dlb/tensor/tensor.h"

namespace dlb {

/// Errors: dtype, naming the function, unless x is floating.
inline void require_floating(const Tensor& x, std::string_view function) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "{} expects a floating dtype, got {}", function, dtype_name(x.dtype()));
  }
}

}  // namespace dlb
