#pragma once
/// \file The operators behind sort.h, for backends. All give values and int64 indices.

#include "dlb/ops/sort.h"

namespace dlb {

struct SortAttrs {
  int64_t dim = -1;
  bool descending = false;
  static Fields fields();
};
struct TopkAttrs {
  int64_t k = 1;
  int64_t dim = -1;
  bool largest = true;
  static Fields fields();
};
struct KthValueAttrs {
  int64_t k = 1;
  int64_t dim = -1;
  bool keepdim = false;
  static Fields fields();
};
struct MedianAttrs {
  int64_t dim = -1;
  bool keepdim = false;
  bool ignore_nan = false;
  static Fields fields();
};
struct ModeAttrs {
  int64_t dim = -1;
  bool keepdim = false;
  static Fields fields();
};

namespace op {
const OpDef& sort();
const OpDef& topk();
const OpDef& kthvalue();
const OpDef& median();
const OpDef& mode();
}  // namespace op

}  // namespace dlb
