#pragma once
/// \file The operators behind index.h, scatter.h and embedding.h, for backends.

#include <string>

#include "dlb/ops/embedding.h"
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
struct FlatIndexAttrs {
  std::vector<int64_t> sizes;
  static Fields fields();
};
struct NonzeroAttrs {
  int64_t count = 0;
  static Fields fields();
};
struct EmbeddingAttrs {
  int64_t padding_idx = -1;  ///< < 0: none
  bool scale_grad_by_freq = false;
  bool sparse = false;
  static Fields fields();
};
struct BagAttrs {
  int64_t padding_idx = -1;
  bool include_last_offset = false;
  static Fields fields();
};
struct BagMaxAttrs {
  int64_t bags = 0;
  static Fields fields();
};

namespace op {
const OpDef& gather();
const OpDef& scatter();
const OpDef& scatter_add();
const OpDef& index_select();
const OpDef& index_add();
const OpDef& index_copy();
const OpDef& flat_index();
const OpDef& one_hot();
const OpDef& nonzero();
const OpDef& mask_rank();
const OpDef& embedding();
const OpDef& bag_of();
const OpDef& bag_max();
}  // namespace op

}  // namespace dlb
