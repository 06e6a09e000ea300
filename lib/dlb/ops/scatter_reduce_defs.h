#pragma once
/// \file The operator behind scatter_reduce.h, for backends.

#include <string>

#include "dlb/ops/scatter_reduce.h"

namespace dlb {

struct ScatterReduceAttrs {
  int64_t dim = 0;
  std::string reduce = "sum";
  bool include_self = true;
  static Fields fields();
};

namespace op {
const OpDef& scatter_reduce();  ///< x, index, src of index's shape
}  // namespace op

}  // namespace dlb
