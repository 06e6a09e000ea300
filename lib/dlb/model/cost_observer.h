#pragma once
/// \file The work of operators while they run, or while their shapes are inferred.

#include <span>

#include "dlb/ops/op.h"

namespace dlb::model {

/// Adds up the work and the new memory of the operators that this thread applies during its lifetime.
class CostObserver : public Observer {
 public:
  CostObserver() : previous_(set_observer(this)) {}
  ~CostObserver() override { set_observer(previous_); }
  CostObserver(const CostObserver&) = delete;
  CostObserver& operator=(const CostObserver&) = delete;

  void before(const OpDef& /*op*/, Inputs /*inputs*/, const void* /*attrs*/) override {}
  void after(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs) override {
    if (op.cost != nullptr)
      flops += op.attrs->call_cost(op.cost, inputs, Inputs(outputs.data(), outputs.size()), attrs).flops;
    for (const Infer::Output& out : infer(op, inputs, attrs)) {
      size_t size = dtype_size(out.spec.dtype);
      bool overflow = out.offset >= 0;  // a view takes no memory
      for (const int64_t s : out.spec.shape)
        overflow = overflow || __builtin_mul_overflow(size, static_cast<size_t>(s), &size);
      if (!overflow) bytes += size;
    }
  }

  double flops = 0;
  size_t bytes = 0;

 private:
  Observer* previous_;
};

}  // namespace dlb::model
