#pragma once
/// \file OpDef, the one definition of an operator, and apply(), the one entry point.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "dlb/base/fields.h"
#include "dlb/tensor/tensor.h"

namespace dlb {

using Inputs = std::span<const Tensor>;
using Outputs = InlineVector<Tensor, 2>;

struct OpDef;

/// Attributes of operators that have none.
struct NoAttrs {};

/// What infer() works with: input specs in, output specs out, and every user error of the operator.
class Infer {
 public:
  Infer(const OpDef& op, Inputs inputs) : op_(op), inputs_(inputs) {}

  int inputs() const { return static_cast<int>(inputs_.size()); }
  Inputs all() const { return inputs_; }
  /// Optional inputs are undefined tensors.
  bool has(int i) const { return i < inputs() && inputs_[static_cast<size_t>(i)].defined(); }
  const TensorSpec& input(int i) const { return inputs_[static_cast<size_t>(i)].spec(); }
  int64_t input_offset(int i) const {
    return inputs_[static_cast<size_t>(i)].is_meta() ? 0 : inputs_[static_cast<size_t>(i)].offset();
  }

  /// Adds an output with fresh memory.
  void output(TensorSpec spec);
  /// Adds an output of that shape and type, row-major, on the device of input 0.
  void output(Shape shape, DType dtype);
  /// Adds an output that shares the memory of input 0: `offset` in elements from the storage's start.
  void view(Shape shape, Strides strides, int64_t offset);

  /// Checks that raise a named error unless they hold.
  void floating(int i) const;  ///< floating dtype
  void same_dtype(int i, int j) const;
  void rank(int i, int expected) const;
  int dim(int i, int64_t d) const;  ///< normalized dimension of input i
  /// "<op> <message>": shape and dtype errors of this operator.
  template <class... Args>
  [[noreturn]] void fail_shape(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::kShape, "{}", prefix() + fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void fail_dtype(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::kDtype, "{}", prefix() + fmt::format(format, std::forward<Args>(args)...));
  }

  struct Output {
    TensorSpec spec;
    int64_t offset = -1;  ///< >= 0: a view of input 0
  };
  InlineVector<Output, 2>& outputs() { return outputs_; }

 private:
  std::string prefix() const;
  const OpDef& op_;
  Inputs inputs_;
  InlineVector<Output, 2> outputs_;
};

/// What vjp() works with: saved inputs and outputs, gradients of the outputs in, gradients of the inputs out.
class Vjp {
 public:
  Vjp(Inputs inputs, Inputs outputs, Inputs grads, std::span<Tensor> result, std::span<const bool> needs)
      : inputs_(inputs), outputs_(outputs), grads_(grads), result_(result), needs_(needs) {}

  int inputs() const { return static_cast<int>(needs_.size()); }
  /// Whether input i wants a gradient; skip the work otherwise.
  bool needs(int i) const { return static_cast<size_t>(i) < needs_.size() && needs_[static_cast<size_t>(i)]; }
  bool has(int i) const {
    return static_cast<size_t>(i) < inputs_.size() && inputs_[static_cast<size_t>(i)].defined();
  }
  /// Only with Saves::kInputs / kOutputs / kBoth. With other saves the tensor is a meta tensor: its spec is
  /// right.
  const Tensor& input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  const Tensor& output(int i) const { return outputs_[static_cast<size_t>(i)]; }
  /// The gradient of output i; undefined when nothing depends on it (only operators with several outputs see
  /// that).
  const Tensor& grad(int i) const { return grads_[static_cast<size_t>(i)]; }
  void input_grad(int i, Tensor g) { result_[static_cast<size_t>(i)] = std::move(g); }

 private:
  Inputs inputs_, outputs_, grads_;
  std::span<Tensor> result_;
  std::span<const bool> needs_;
};

/// Which tensors the backward pass reads; the rest is freed with the last handle.
enum class Saves : uint8_t { kNothing, kInputs, kOutputs, kBoth };

/// Work of one call, for FLOP counts and rooflines: a multiply-add counts as two FLOPs.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

struct OnnxMapping {
  std::string_view type;
  int since_opset = 0;
};

/// What a kernel gets: inputs with data, outputs allocated.
struct KernelArgs {
  Inputs inputs;
  std::span<Tensor> outputs;
  const Tensor& in(int i) const { return inputs[static_cast<size_t>(i)]; }
  const Tensor& out(int i) const { return outputs[static_cast<size_t>(i)]; }
  bool has(int i) const {
    return static_cast<size_t>(i) < inputs.size() && inputs[static_cast<size_t>(i)].defined();
  }
};

namespace detail {

using AnyFn = void (*)();

/// How to copy, destroy and describe attributes of a type, and how to call typed functions on them.
struct AttrsType {
  void* (*copy)(const void*);
  void (*destroy)(void*);
  Fields (*fields)();
  const void* (*defaults)();
  void (*call_infer)(AnyFn, Infer&, const void*);
  void (*call_vjp)(AnyFn, Vjp&, const void*);
  Outputs (*call_reference)(AnyFn, Inputs, const void*);
  Cost (*call_cost)(AnyFn, Inputs, Inputs, const void*);
  void (*call_kernel)(AnyFn, const KernelArgs&, const void*);
};

template <class A>
Fields attr_fields() {
  if constexpr (requires { A::fields(); }) {
    return A::fields();
  } else {
    return {};
  }
}

template <class A>
const AttrsType* attrs_type() {
  static const AttrsType type = {
      [](const void* a) -> void* {
        if constexpr (std::is_empty_v<A>) {
          static A none;
          return &none;
        } else {
          return new A(*static_cast<const A*>(a));
        }
      },
      [](void* a) {
        if constexpr (!std::is_empty_v<A>) delete static_cast<A*>(a);
      },
      &attr_fields<A>,
      []() -> const void* {
        static const A defaults{};
        return &defaults;
      },
      [](AnyFn f, Infer& c, const void* a) {
        reinterpret_cast<void (*)(Infer&, const A&)>(f)(c, *static_cast<const A*>(a));
      },
      [](AnyFn f, Vjp& c, const void* a) {
        reinterpret_cast<void (*)(Vjp&, const A&)>(f)(c, *static_cast<const A*>(a));
      },
      [](AnyFn f, Inputs in, const void* a) {
        return reinterpret_cast<Outputs (*)(Inputs, const A&)>(f)(in, *static_cast<const A*>(a));
      },
      [](AnyFn f, Inputs in, Inputs out, const void* a) {
        return reinterpret_cast<Cost (*)(Inputs, Inputs, const A&)>(f)(in, out, *static_cast<const A*>(a));
      },
      [](AnyFn f, const KernelArgs& k, const void* a) {
        reinterpret_cast<void (*)(const KernelArgs&, const A&)>(f)(k, *static_cast<const A*>(a));
      },
  };
  return &type;
}

}  // namespace detail

/// A kernel with its typed function behind a common signature.
struct Kernel {
  detail::AnyFn fn = nullptr;
  void (*call)(detail::AnyFn, const KernelArgs&, const void*) = nullptr;
};

/// All that the rest of the system needs to know of an operator. Made by define<Attrs>(); lives for the
/// program's lifetime.
struct OpDef {
  std::string_view name;
  std::string_view doc;
  const detail::AttrsType* attrs = nullptr;
  detail::AnyFn infer = nullptr;
  detail::AnyFn vjp = nullptr;
  detail::AnyFn reference = nullptr;
  detail::AnyFn cost = nullptr;
  Saves saves = Saves::kInputs;
  bool elementwise = false;  ///< can be fused with its neighbours
  bool random = false;       ///< needs an RngKey among its attributes
  OnnxMapping onnx;
  /// The backend tables: filled by backend::*::install(), read by apply().
  mutable Kernel kernels[kDeviceKinds] = {};

  bool differentiable() const { return vjp != nullptr; }
};

/// What one writes for an operator with attributes of type A.
template <class A>
struct Definition {
  std::string_view name;
  std::string_view doc;
  void (*infer)(Infer&, const A&) = nullptr;
  void (*vjp)(Vjp&, const A&) = nullptr;
  Saves saves = Saves::kInputs;
  Outputs (*reference)(Inputs, const A&) = nullptr;
  Cost (*cost)(Inputs, Inputs, const A&) = nullptr;
  bool elementwise = false;
  bool random = false;
  OnnxMapping onnx = {};
};

template <class A = NoAttrs>
OpDef define(const Definition<A>& d) {
  OpDef op;
  op.name = d.name;
  op.doc = d.doc;
  op.attrs = detail::attrs_type<A>();
  op.infer = reinterpret_cast<detail::AnyFn>(d.infer);
  op.vjp = reinterpret_cast<detail::AnyFn>(d.vjp);
  op.reference = reinterpret_cast<detail::AnyFn>(d.reference);
  op.cost = reinterpret_cast<detail::AnyFn>(d.cost);
  op.saves = d.saves;
  op.elementwise = d.elementwise;
  op.random = d.random;
  op.onnx = d.onnx;
  return op;
}

/// Enters a kernel into a backend's table.
template <class A>
void set_kernel(const OpDef& op, DeviceKind device, void (*fn)(const KernelArgs&, const A&)) {
  DLB_CHECK(op.attrs == detail::attrs_type<A>());
  op.kernels[static_cast<int>(device)] = {reinterpret_cast<detail::AnyFn>(fn), op.attrs->call_kernel};
}

/// Runs an operator: infers output specs (raising every user error), then by mode
///  - meta (any input on kMeta): returns tensors without data;
///  - capture (a Recorder is active): hands the node to it;
///  - eager: allocates outputs, runs the kernel of the inputs' device, or the reference composition where
///  there is no kernel.
/// When gradients are enabled and an input requires one, the outputs remember the node. Raises an unsupported
/// error when such an operator has no gradient.
Outputs apply(const OpDef& op, Inputs inputs, const void* attrs);

template <class A>
Outputs apply(const OpDef& op, std::initializer_list<Tensor> inputs, const A& attrs) {
  DLB_CHECK(op.attrs == detail::attrs_type<A>());
  return apply(op, Inputs(inputs.begin(), inputs.size()), static_cast<const void*>(&attrs));
}
template <class A = NoAttrs>
Tensor apply1(const OpDef& op, std::initializer_list<Tensor> inputs, const A& attrs = {}) {
  return std::move(apply(op, inputs, attrs)[0]);
}

/// Output specs of an operator without running anything.
InlineVector<Infer::Output, 2> infer(const OpDef& op, Inputs inputs, const void* attrs);

/// Receives operators instead of the kernels while it is the active recorder of the thread: the seam for
/// capture.
class Recorder {
 public:
  virtual ~Recorder() = default;
  /// Returns one tensor for each output, without data (on kMeta) or with.
  virtual Outputs record(const OpDef& op, Inputs inputs, const void* attrs,
                         std::span<const Infer::Output> outputs) = 0;
};
/// Makes `recorder` the active one of this thread for the scope's lifetime.
class RecordScope {
 public:
  explicit RecordScope(Recorder& recorder);
  ~RecordScope();
  RecordScope(const RecordScope&) = delete;

 private:
  Recorder* previous_;
};

/// Sees each operator before and after it runs, eagerly or on kMeta: profiler, cost report, NaN search.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void before(const OpDef& op, Inputs inputs, const void* attrs) = 0;
  virtual void after(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs) = 0;
};
/// Sets the thread's observer (nullptr for none) and returns the previous one.
Observer* set_observer(Observer* observer);

/// Whether operators record what a backward pass needs; per thread, on by default.
bool grad_enabled();
/// Turns recording off (or on) for the scope's lifetime.
class GradMode {
 public:
  explicit GradMode(bool enabled);
  ~GradMode();
  GradMode(const GradMode&) = delete;

 private:
  bool previous_;
};
struct NoGrad : GradMode {
  NoGrad() : GradMode(false) {}
};

/// One recorded operator in the autograd graph.
class OpNode final : public GradNode {
 public:
  OpNode(const OpDef& op_def, void* attrs_copy) : op(op_def), attrs(attrs_copy) {}
  ~OpNode() override;
  static void* operator new(size_t bytes);
  static void operator delete(void* memory);

  const OpDef& op;
  void* attrs;
  uint64_t sequence = 0;            ///< grows with time: the backward pass runs in reverse
  InlineVector<Tensor, 3> inputs;   ///< saved, or meta stand-ins where not needed; undefined where optional
  InlineVector<bool, 4> needs;      ///< per input
  InlineVector<Tensor, 2> outputs;  ///< saved without history (their node is this one), or meta stand-ins
  InlineVector<uint32_t, 4> versions;
  /// Where each input's gradient goes: the node that made it, or the leaf itself.
  struct Edge {
    Ref<GradNode> node;
    int index = 0;
    Tensor leaf;
  };
  InlineVector<Edge, 3> edges;
  bool released = false;            ///< saved tensors were freed by a backward pass
  InlineVector<Tensor, 2> pending;  ///< gradients of the outputs gathered so far by the running backward pass
};

/// Every operator, family by family (see ops/registry.cpp, the explicit list).
std::span<const OpDef* const> all_ops();
const OpDef* find_op(std::string_view name);

}  // namespace dlb
