#pragma once
/// \file The operator behind distance.h, for backends.

#include "dlb/ops/distance.h"

namespace dlb {

struct CdistAttrs {
  double p = 2;
  bool by_product = false;  ///< only for p = 2
  static Fields fields();
};

namespace op {
const OpDef& cdist();  ///< a [*, n, d], b [*, m, d] with equal batch dimensions
}  // namespace op

}  // namespace dlb
