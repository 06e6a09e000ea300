#pragma once
/// \file oneDNN behind the matrix product and convolution kernels: one engine, cached primitives, memory from
/// our allocator.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <vector>

#include "dlb/base/inline_vector.h"
#include "dlb/ops/epilogue.h"
#include "dlb/tensor/tensor.h"

namespace dlb::backend::cpu::onednn {

/// The CPU engine, made at the first use.
const dnnl::engine& engine();

/// float32 or bfloat16.
dnnl::memory::data_type data_type(DType t);

enum class Kind : int64_t { kMatmul, kInnerProduct, kFusedLinear, kConv, kConvInputGrad, kConvWeightGrad };

/// What a cached primitive depends on. The number of its threads is added by plan().
class Key {
 public:
  explicit Key(Kind kind) { add(static_cast<int64_t>(kind)); }
  void add(int64_t v) { words_.push_back(v); }
  void add(std::span<const int64_t> values) {
    add(static_cast<int64_t>(values.size()));
    for (const int64_t v : values) add(v);
  }
  uint64_t hash() const;
  friend bool operator==(const Key&, const Key&) = default;

 private:
  InlineVector<int64_t, 48> words_;
};

class BindingPool;

/// A primitive, the layouts in which its arguments come and those it wants; they are converted on the way
/// where the two differ.
struct Plan {
  struct Argument {
    int id = 0;
    uint64_t number = 0;  ///< no other argument of any plan has it
    bool output = false;
    dnnl::memory::desc given;
    dnnl::memory::desc wanted;
    dnnl::reorder convert;
    dnnl::reorder fill;  ///< of an output that is added to: from the given layout to the wanted one
    bool converts = false;
  };
  dnnl::primitive primitive;
  int threads = 1;  ///< that it was made for
  std::vector<Argument> arguments;
  size_t scratchpad_bytes = 0;
  dnnl::memory::desc scratchpad;
  /// oneDNN's objects for an execution, to be had again: making them takes as long as a small primitive.
  std::shared_ptr<BindingPool> bindings;

  void input(int id, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted) {
    add(id, false, given, wanted);
  }
  /// `adds`: to what the memory holds.
  void output(int id, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted, bool adds = false) {
    add(id, true, given, wanted);
    if (adds && given != wanted) arguments.back().fill = reorder_of(given, wanted);
  }

 private:
  void add(int id, bool output, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted);
  static dnnl::reorder reorder_of(const dnnl::memory::desc& from, const dnnl::memory::desc& to);
};

/// What a primitive does to its result: it is added to what the memory holds, if there is a residual, and the
/// activation is applied.
dnnl::post_ops post_ops(bool residual, const Epilogue& e);
/// Adds to a key what post_ops() depends on.
void add(Key& key, bool residual, const Epilogue& e);

/// A plan without a primitive.
Plan empty_plan();
/// A plan of the primitive that `made` describes, without its arguments.
template <class Primitive, class Desc>
Plan start_plan(const Desc& made) {
  Plan plan = empty_plan();
  plan.primitive = Primitive(made);
  plan.scratchpad = made.scratchpad_desc();
  plan.scratchpad_bytes = plan.scratchpad.get_size();
  return plan;
}

/// Attributes with which every primitive is made: scratch memory comes from us.
dnnl::primitive_attr attributes();

/// The plan of that key, made by `make` when it is not cached (least recently used ones are dropped beyond a
/// bound). Null when oneDNN does not support the case on this processor. `work`: its multiply-adds; few of
/// them are done by the calling thread alone.
std::shared_ptr<const Plan> plan(Key key, int64_t work, const std::function<Plan()>& make);

/// Memory of an argument. That of a frozen tensor (weights of a model that only runs) is converted once.
struct Memory {
  Memory(void* d) : data(d) {}
  explicit Memory(const Tensor& t) : data(t.raw()), owner(t.storage().get()) {}
  /// An output that a residual of the same layout, unless undefined, is added to.
  Memory(const Tensor& y, const Tensor& residual)
      : data(y.raw()), initial(residual.defined() ? residual.raw() : nullptr) {}
  void* data;
  const void* initial = nullptr;
  Storage* owner = nullptr;
};

/// Runs it on the arguments' memory, in the order in which they were added.
void execute(const Plan& plan, std::span<const Memory> memory);
inline void execute(const Plan& plan, std::initializer_list<Memory> memory) {
  execute(plan, std::span(memory.begin(), memory.size()));
}
/// y = x weight (+ bias) (+ residual), for a plan with these arguments; bias and residual may be undefined.
void execute_product(const Plan& plan, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Tensor& residual, const Tensor& y);

}  // namespace dlb::backend::cpu::onednn
