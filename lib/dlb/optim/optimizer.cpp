#include "dlb/optim/optimizer.h"

#include "dlb/config/reader.h"
#include "dlb/ops/op.h"
#include "dlb/ops/unary.h"
#include "dlb/optim/groups.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb::optim {

void Optimizer::attach(std::vector<Param> params) {
  for (const Param& p : params) {
    if (p.value.dtype() != DType::kFloat32 && p.value.dtype() != DType::kFloat64) {
      fail(ErrorKind::kUnsupported, "optimizers update float32 and float64 parameters, '{}' is {}", p.name,
           dtype_name(p.value.dtype()));
    }
  }
  params_ = std::move(params);
  assign_groups(groups, params_);
  steps_ = 0;
  make_state();
}

void Optimizer::step(double lr_now, double scale) {
  DLB_CHECK(!needs_closure());
  ++steps_;
  update(lr_now, maximize ? -scale : scale);
}

void Optimizer::step(double lr_now, const Evaluation& first, const Closure& again) {
  if (!needs_closure()) return step(lr_now, first.scale);
  ++steps_;
  update_with(lr_now, first, again);
}

void Optimizer::update_with(double lr_now, const Evaluation& first, const Closure& /*again*/) {
  update(lr_now, maximize ? -first.scale : first.scale);
}

void clip_grad_value(std::span<const Param> params, double limit) {
  const NoGrad no_grad;
  for (const Param& p : params) {
    const Tensor g = p.value.grad();
    if (!g.defined()) continue;
    if (g.is_row_sparse()) {
      const Tensor whole = coalesce(g);
      const RowSparse& content = row_sparse(whole);
      p.value.set_grad(make_row_sparse(g.shape(), content.indices, clamp(content.rows, -limit, limit)));
    } else {
      p.value.set_grad(clamp(g, -limit, limit));
    }
  }
}

}  // namespace dlb::optim
