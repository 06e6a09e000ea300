#include <algorithm>
#include <vector>

#include "dlb/ops/families.h"

namespace dlb {

std::span<const OpDef* const> all_ops() {
  static const std::vector<const OpDef*> ops = [] {
    std::vector<const OpDef*> all;
    for (const auto family :
         {create_ops(),    unary_ops(), binary_ops(),  pointwise_ops(),   reduce_ops(),
          scan_ops(),      sort_ops(),  search_ops(),  distance_ops(),    scatter_reduce_ops(),
          shape_ops(),     index_ops(), matmul_ops(),  linalg_ops(),      fft_ops(),
          sparse_ops(),    conv_ops(),  pool_ops(),    interpolate_ops(), grid_sample_ops(),
          fold_ops(),      norm_ops(),  softmax_ops(), loss_ops(),        attention_ops(),
          recurrent_ops(), ctc_ops(),   random_ops()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }();
  return ops;
}

const OpDef* find_op(std::string_view name) {
  static const std::vector<const OpDef*> by_name = [] {
    std::vector<const OpDef*> sorted(all_ops().begin(), all_ops().end());
    std::sort(sorted.begin(), sorted.end(), [](const OpDef* a, const OpDef* b) { return a->name < b->name; });
    return sorted;
  }();
  const auto it = std::lower_bound(by_name.begin(), by_name.end(), name,
                                   [](const OpDef* op, std::string_view n) { return op->name < n; });
  return it != by_name.end() && (*it)->name == name ? *it : nullptr;
}

}  // namespace dlb
