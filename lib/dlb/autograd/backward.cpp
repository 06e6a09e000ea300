#include <algorithm>
#include <vector>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/op.h"
#include "dlb/ops/work_observer.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb {

namespace {

/// One backward pass. Gradients gathered for a node wait in OpNode::pending until every consumer has run;
/// consumers were recorded later, so running nodes by falling sequence number is a topological order.
class Pass {
 public:
  Pass(bool retain_graph, bool create_graph)
      : retain_(retain_graph || create_graph), create_graph_(create_graph) {}
  ~Pass() {
    for (const Ref<GradNode>& node : heap_) as_op(node).pending.clear();  // only after an error
  }

  /// When set, leaves and nodes collect into `found` instead of Tensor::grad().
  void collect_for(const std::vector<Tensor>& inputs) {
    wanted_ = &inputs;
    found.resize(inputs.size());
  }
  std::vector<Tensor> found;

  void feed(const Tensor& t, Tensor g) {
    if (t.grad_node()) {
      add_to_node(t.grad_node(), t.grad_index(), std::move(g));
    } else if (t.requires_grad()) {
      add_to_leaf(t, std::move(g));
    }
  }

  void run() {
    const GradMode mode(create_graph_);
    WorkObserver* const observer = work_observer();
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), before);
      const Ref<GradNode> node = std::move(heap_.back());
      heap_.pop_back();
      const WorkScope scope(observer, as_op(node).sequence);
      run_node(node);
    }
  }

 private:
  static OpNode& as_op(const Ref<GradNode>& node) { return static_cast<OpNode&>(*node); }
  static bool before(const Ref<GradNode>& a, const Ref<GradNode>& b) {
    return as_op(a).sequence < as_op(b).sequence;
  }

  /// Row-sparse gradients are for leaves: what comes before an inner node wants a dense one.
  void add_to_node(const Ref<GradNode>& ref, int index, Tensor g) {
    if (g.is_row_sparse()) g = to_dense(g);
    OpNode& node = as_op(ref);
    if (node.pending.empty()) {
      node.pending.resize(node.outputs.empty() ? 1 : node.outputs.size());
      heap_.push_back(ref);
      std::push_heap(heap_.begin(), heap_.end(), before);
    }
    if (static_cast<size_t>(index) >= node.pending.size())
      node.pending.resize(static_cast<size_t>(index) + 1);
    accumulate(node.pending[static_cast<size_t>(index)], std::move(g));
  }

  void add_to_leaf(const Tensor& leaf, Tensor g) {
    if (wanted_ == nullptr) {
      Tensor sum = leaf.grad();
      accumulate(sum, std::move(g));
      leaf.set_grad(sum);
      return;
    }
    for (size_t i = 0; i < wanted_->size(); ++i) {
      if (same((*wanted_)[i], leaf)) accumulate(found[i], g);
    }
  }

  static void accumulate(Tensor& into, Tensor g) {
    if (!into.defined()) {
      into = std::move(g);
    } else if (g.is_row_sparse() || into.is_row_sparse()) {
      into = add_row_sparse(into, g);
    } else {
      into = add(into, g);
    }
  }

  void check_usable(const OpNode& node) const {
    if (node.released) {
      fail(ErrorKind::kUnsupported,
           "the graph behind operator {} was freed by an earlier backward pass; pass retain_graph to the "
           "first one",
           node.op.name);
    }
    size_t v = 0;
    const auto check = [&](const Tensor& t) {
      const uint32_t saved = node.versions[v++];
      if (t.defined() && t.version() != saved) {
        fail(ErrorKind::kUnsupported,
             "a tensor {} saved for the gradient of {} was changed in place after it was used",
             spec_text(t.spec()), node.op.name);
      }
    };
    if (node.op.saves == Saves::kInputs || node.op.saves == Saves::kBoth) {
      for (const Tensor& t : node.inputs) check(t);
    }
    if (node.op.saves == Saves::kOutputs || node.op.saves == Saves::kBoth) {
      for (const Tensor& t : node.outputs) check(t);
    }
  }

  void run_node(const Ref<GradNode>& ref) {
    OpNode& node = as_op(ref);
    const InlineVector<Tensor, 2> grads = std::move(node.pending);
    node.pending.clear();
    if (wanted_ != nullptr) {
      for (size_t i = 0; i < wanted_->size(); ++i) {
        const Tensor& t = (*wanted_)[i];
        const auto index = static_cast<size_t>(t.grad_index());
        if (t.grad_node() == ref && index < grads.size() && grads[index].defined()) found[i] = grads[index];
      }
    }
    check_usable(node);
    InlineVector<Tensor, 2> outputs = node.outputs;
    if (create_graph_ && (node.op.saves == Saves::kOutputs || node.op.saves == Saves::kBoth)) {
      for (size_t i = 0; i < outputs.size(); ++i) {
        outputs[i] = outputs[i].detach();
        outputs[i].set_history(ref, static_cast<int>(i));
      }
    }
    InlineVector<Tensor, 3> result(node.inputs.size());
    Vjp context({node.inputs.data(), node.inputs.size()}, {outputs.data(), outputs.size()},
                {grads.data(), grads.size()}, {result.data(), result.size()},
                {node.needs.data(), node.needs.size()});
    node.op.attrs->call_vjp(node.op.vjp, context, node.attrs);
    outputs.clear();

    auto edges = retain_ ? node.edges : std::move(node.edges);
    auto shapes = retain_ ? InlineVector<Tensor, 3>() : std::move(node.inputs);
    const auto& input_specs = retain_ ? node.inputs : shapes;
    for (size_t i = 0; i < result.size(); ++i) {
      if (result[i].defined()) DLB_CHECK(result[i].shape() == input_specs[i].shape());
    }
    if (!retain_) {  // what this node alone kept alive is free before the next node runs
      shapes.clear();
      node.edges.clear();
      node.inputs.clear();
      node.outputs.clear();
      node.released = true;
    }
    for (size_t i = 0; i < result.size(); ++i) {
      if (!result[i].defined() || !node.needs[i]) continue;
      if (edges[i].node) {
        add_to_node(edges[i].node, edges[i].index, std::move(result[i]));
      } else if (edges[i].leaf.defined()) {
        add_to_leaf(edges[i].leaf, std::move(result[i]));
      }
    }
  }

  bool retain_;
  bool create_graph_;
  const std::vector<Tensor>* wanted_ = nullptr;
  std::vector<Ref<GradNode>> heap_;
};

Tensor seed_for(const Tensor& root, const Tensor& seed) {
  if (!root.requires_grad())
    fail(ErrorKind::kUnsupported, "backward from {}, which needs no gradient", spec_text(root.spec()));
  if (seed.defined()) {
    if (seed.shape() != root.shape()) {
      fail(ErrorKind::kShape, "the gradient of {} has shape {}", shape_text(root.shape()),
           shape_text(seed.shape()));
    }
    return seed;
  }
  if (root.numel() != 1) {
    fail(ErrorKind::kShape, "backward starts from one number, got {}; give its gradient otherwise",
         shape_text(root.shape()));
  }
  return ones_like(root);
}

}  // namespace

void backward(const Tensor& root, const Tensor& seed, bool retain_graph, bool create_graph) {
  Pass pass(retain_graph, create_graph);
  pass.feed(root, seed_for(root, seed));
  pass.run();
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const std::vector<Tensor>& seeds, bool retain_graph, bool create_graph) {
  Pass pass(retain_graph, create_graph);
  pass.collect_for(inputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    pass.feed(outputs[i], seed_for(outputs[i], i < seeds.size() ? seeds[i] : Tensor()));
  }
  pass.run();
  return std::move(pass.found);
}

}  // namespace dlb
