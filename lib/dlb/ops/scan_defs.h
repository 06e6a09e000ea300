#pragma once
/// \file The operators behind scan.h, for backends.

#include "dlb/ops/scan.h"

namespace dlb {

struct ScanAttrs {
  int64_t dim = 0;
  bool reverse = false;
  static Fields fields();
};

namespace op {
const OpDef& cumsum();
const OpDef& cumprod();
const OpDef& logcumsumexp();       ///< not in reverse
const OpDef& cummax();             ///< -> values, indices; not in reverse
const OpDef& cummin();             ///< -> values, indices; not in reverse
const OpDef& linear_recurrence();  ///< a, b
}  // namespace op

}  // namespace dlb
