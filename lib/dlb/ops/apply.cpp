#include <atomic>

#include "dlb/base/object_pool.h"
#include "dlb/ops/op.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/work_observer.h"

namespace dlb {

namespace {

struct ThreadState {
  bool grad_enabled = true;
  Recorder* recorder = nullptr;
  Observer* observer = nullptr;
  WorkObserver* work_observer = nullptr;
};
thread_local ThreadState state;

std::atomic<uint64_t> next_sequence{1};

bool any_meta(Inputs inputs) {
  for (const Tensor& t : inputs) {
    if (t.defined() && t.is_meta()) return true;
  }
  return false;
}

/// Takes the specs.
Outputs make_outputs(Inputs inputs, std::span<Infer::Output> specs, bool meta) {
  Outputs out;
  for (Infer::Output& o : specs) {
    if (meta || o.spec.device.kind == DeviceKind::kMeta) {
      o.spec.device = kMeta;
      out.push_back(Tensor::empty(std::move(o.spec)));
    } else if (o.offset >= 0) {
      out.push_back(Tensor::wrap(inputs[0].storage(), o.offset, std::move(o.spec)));
    } else {
      out.push_back(Tensor::empty(std::move(o.spec)));
    }
  }
  return out;
}

void run_kernel(const OpDef& op, Inputs inputs, Outputs& out, Device device, const void* attrs) {
  const Kernel& kernel = op.kernels[static_cast<int>(device.kind)];
  if (kernel.fn != nullptr) {
    kernel.call(kernel.fn, {inputs, {out.data(), out.size()}}, attrs);
    return;
  }
  if (op.reference == nullptr) {
    fail(ErrorKind::kUnsupported, "operator {} has no kernel on device {}", op.name, device_name(device));
  }
  const NoGrad guard;
  Outputs composed = op.attrs->call_reference(op.reference, inputs, attrs);
  DLB_CHECK(composed.size() == out.size());
  for (size_t i = 0; i < out.size(); ++i) {
    DLB_CHECK(composed[i].shape() == out[i].shape() && composed[i].dtype() == out[i].dtype());
    out[i] = composed[i].detach();
  }
}

/// Tensors that know the spec alone, for what the backward pass does not read. Neighbours of one spec, as in
/// most elementwise operators, share one.
class StandIns {
 public:
  Tensor of(const Tensor& t) {
    if (!t.defined()) return {};
    const TensorSpec& spec = t.spec();
    if (!last_.defined() || last_.dtype() != spec.dtype || !(last_.shape() == spec.shape) ||
        !(last_.strides() == spec.strides)) {
      TensorSpec meta = spec;
      meta.device = kMeta;
      last_ = Tensor::empty(std::move(meta));
    }
    return last_;
  }

 private:
  Tensor last_;
};

void attach_node(const OpDef& op, Inputs inputs, Outputs& out, const void* attrs) {
  bool differentiable_output = false;
  for (const Tensor& t : out) differentiable_output |= is_floating(t.dtype());
  if (!differentiable_output) return;
  if (op.vjp == nullptr) {
    Error e(ErrorKind::kUnsupported, fmt::format("operator {} has no gradient", op.name));
    e.hint = "detach its input, or run it without gradients";
    throw e;
  }
  Ref<OpNode> node = make_ref<OpNode>(op, op.attrs->copy(attrs));
  node->sequence = next_sequence.fetch_add(1, std::memory_order_relaxed);
  const bool save_inputs = op.saves == Saves::kInputs || op.saves == Saves::kBoth;
  const bool save_outputs = op.saves == Saves::kOutputs || op.saves == Saves::kBoth;
  StandIns stand_ins;
  for (const Tensor& t : inputs) {
    const bool needs = t.requires_grad();
    node->needs.push_back(needs);
    node->inputs.push_back(save_inputs ? t : stand_ins.of(t));
    if (save_inputs) node->versions.push_back(t.defined() ? t.version() : 0);
    OpNode::Edge edge;
    if (needs) {
      edge.node = t.grad_node();
      edge.index = t.grad_index();
      if (!edge.node) edge.leaf = t;
    }
    node->edges.push_back(std::move(edge));
  }
  for (size_t i = 0; i < out.size(); ++i) {
    // A saved output must not hold its own node: that would be a cycle. Without data it is its spec.
    const bool whole = save_outputs && !out[i].is_meta();
    node->outputs.push_back(whole ? out[i].detach() : stand_ins.of(out[i]));
    if (save_outputs) node->versions.push_back(out[i].version());
    if (is_floating(out[i].dtype())) out[i].set_history(node, static_cast<int>(i));
  }
}

}  // namespace

Outputs apply(const OpDef& op, Inputs inputs, const void* attrs) try {
  Infer context(op, inputs);
  op.attrs->call_infer(op.infer, context, attrs);
  auto& specs = context.outputs();

  Outputs out;
  if (state.recorder != nullptr) {
    out = state.recorder->record(op, inputs, attrs, {specs.data(), specs.size()});
  } else {
    const bool meta = any_meta(inputs);
    if (state.observer != nullptr) state.observer->before(op, inputs, attrs);
    out = make_outputs(inputs, {specs.data(), specs.size()}, meta);
    const bool view = !specs.empty() && specs[0].offset >= 0;
    if (!out.empty() && !out[0].is_meta() && !view) run_kernel(op, inputs, out, out[0].device(), attrs);
    if (state.observer != nullptr) state.observer->after(op, inputs, {out.data(), out.size()}, attrs);
  }

  if (state.grad_enabled) {
    for (const Tensor& t : inputs) {
      if (t.requires_grad()) {
        attach_node(op, inputs, out, attrs);
        break;
      }
    }
  }
  return out;
} catch (const std::bad_alloc&) {
  // Of the scratch memory of a kernel; tensors have a message of their own.
  fail(ErrorKind::kDevice, "{}: out of memory", op.name);
}

RecordScope::RecordScope(Recorder& recorder) : previous_(std::exchange(state.recorder, &recorder)) {}
RecordScope::~RecordScope() { state.recorder = previous_; }

bool recording() { return state.recorder != nullptr; }

int64_t unknown_size(int64_t most) {
  auto* const recorder = dynamic_cast<SizingRecorder*>(state.recorder);
  return recorder == nullptr ? most : recorder->unknown_size(most);
}

EagerScope::EagerScope() : previous_(std::exchange(state.recorder, nullptr)) {}
EagerScope::~EagerScope() { state.recorder = previous_; }

Observer* set_observer(Observer* observer) { return std::exchange(state.observer, observer); }

WorkObserver* work_observer() { return state.work_observer; }
WorkObserver* set_work_observer(WorkObserver* observer) {
  return std::exchange(state.work_observer, observer);
}
uint64_t next_operator_number() { return next_sequence.load(std::memory_order_relaxed); }

bool grad_enabled() { return state.grad_enabled; }
GradMode::GradMode(bool enabled) : previous_(std::exchange(state.grad_enabled, enabled)) {}
GradMode::~GradMode() { state.grad_enabled = previous_; }

using NodePool = ObjectPool<OpNode, sizeof(OpNode)>;
void* OpNode::operator new(size_t) { return NodePool::take(); }
void OpNode::operator delete(void* memory) { NodePool::give(memory); }

OpNode::~OpNode() {
  op.attrs->destroy(attrs);
  // A graph may be a chain of a million nodes. Destroying the first must not recurse through the rest, so
  // nodes whose last reference goes here are queued and destroyed by the outermost destructor in a loop.
  thread_local InlineVector<Ref<GradNode>, 8>* queue = nullptr;
  InlineVector<Ref<GradNode>, 8> local;
  const bool outermost = queue == nullptr;
  if (outermost) queue = &local;
  for (Edge& edge : edges) {
    if (edge.node) queue->push_back(std::move(edge.node));
  }
  inputs.clear();
  outputs.clear();
  if (outermost) {
    while (!local.empty()) {
      const Ref<GradNode> last = std::move(local.back());
      local.pop_back();
    }
    queue = nullptr;
  }
}

}  // namespace dlb
