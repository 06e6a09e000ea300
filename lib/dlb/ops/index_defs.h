#pragma once
/// \file The operators behind index.h, for backends.

#include <string>

#include "dlb/ops/index.h"

namespace dlb {

struct IndexAttrs {
  int64_t dim = 0;
  static Fields fields();
};
struct OneHotAttrs {
  int64_t num_classes = 1;
  std::string dtype = "float32";
  static Fields fields();
};

namespace op {
const OpDef& gather();
const OpDef& scatter_add();
const OpDef& index_select();
const OpDef& index_add();
const OpDef& one_hot();
}  // namespace op

}  // namespace dlb
