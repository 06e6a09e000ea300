#pragma once
/// \file The operators behind search.h, for backends.

#include "dlb/ops/search.h"

namespace dlb {

struct SearchAttrs {
  bool right = false;
  bool out_int32 = false;
  static Fields fields();
};

namespace op {
const OpDef& searchsorted();  ///< sequence, values (of one dtype), sorter (int64, may be undefined)
const OpDef& row_order();     ///< x [n, m] -> int64 [n]: rows in lexicographic order, stable, NaN last
}  // namespace op

}  // namespace dlb
