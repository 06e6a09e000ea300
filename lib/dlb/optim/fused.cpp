#include "dlb/optim/fused.h"

#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb::optim {

Tensor aligned_gradient(const Tensor& value, const Tensor& gradient) {
  Tensor g = gradient.dtype() == value.dtype() ? gradient : cast(gradient, value.dtype());
  if (value.is_contiguous()) return contiguous(g);
  DLB_CHECK(value.is_channels_last());
  return contiguous(g, Layout::kChannelsLast);
}

std::vector<Update> updates(std::span<const Param> params, double lr_now, double weight_decay,
                            SparseRule rule, std::string_view optimizer) {
  std::vector<Update> list;
  list.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& p = params[i];
    const Tensor g = p.value.grad();
    if (!g.defined() || p.value.numel() == 0) continue;
    const double lr = lr_now * p.lr_scale;
    const double decay = p.weight_decay < 0 ? weight_decay : p.weight_decay;
    if (!g.is_row_sparse()) {
      list.push_back({i, p.value, aligned_gradient(p.value, g), lr, decay, {}});
      continue;
    }
    if (rule == SparseRule::kRefused) {
      Error e(ErrorKind::kUnsupported,
              fmt::format("{} cannot use the row-sparse gradient of '{}'", optimizer, p.name));
      e.hint = "use sgd without momentum, adagrad, adam or adamw, or turn `sparse` off in the embedding";
      throw e;
    }
    const Tensor coalesced = coalesce(g);
    const RowSparse& content = row_sparse(coalesced);
    if (content.rows.numel() == 0) continue;
    if (!p.value.is_contiguous()) {
      fail(ErrorKind::kUnsupported, "a row-sparse gradient needs a row-major parameter, '{}' is strided",
           p.name);
    }
    list.push_back({i, p.value, cast(content.rows, p.value.dtype()), lr, decay, content.indices});
  }
  return list;
}

}  // namespace dlb::optim
