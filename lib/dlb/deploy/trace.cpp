#include "dlb/deploy/trace.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "dlb/base/error.h"
#include "dlb/deploy/draws.h"
#include "dlb/model/control_flow.h"
#include "dlb/ops/recording.h"

namespace dlb::deploy {

namespace {

class Tracer : public SizingRecorder, public model::ControlFlow {
 public:
  /// `other`: the streams of all draws in a pass at another step, nullptr where this is such a pass, which
  /// refuses no draw.
  Tracer(Trace& trace, bool (*known)(const OpDef&), size_t number, bool may_draw,
         const std::vector<RngKey>* other)
      : trace_(trace),
        known_(known),
        number_(number),
        may_draw_(may_draw),
        other_(other),
        block_(&trace.top) {}

  /// The streams of the draws, in their order.
  const std::vector<RngKey>& streams() const { return streams_; }

  /// A value that nobody in the trace makes.
  int add_value(const Tensor& t, std::string name, bool constant) {
    const int id = static_cast<int>(trace_.values.size());
    trace_.values.push_back({t.spec(), constant ? t : Tensor(), std::move(name)});
    ids_[t.impl()] = id;
    if (!t.is_meta()) data_ids_.try_emplace(data_key(t), id);
    kept_.push_back(t);  // an address stands for the tensor as long as it lives
    return id;
  }

  int id_of(const Tensor& t) {
    if (!t.defined()) return -1;
    if (const auto known = ids_.find(t.impl()); known != ids_.end()) return known->second;
    // Other handles of a variable's data, such as a layer that uses another one's weight transposed.
    if (!t.is_meta()) {
      if (const auto known = data_ids_.find(data_key(t)); known != data_ids_.end()) return known->second;
    }
    if (t.is_meta())
      fail(ErrorKind::kUnsupported, "a value {} is made in a way that cannot be exported",
           spec_text(t.spec()));
    return add_value(t, "", true);
  }

  Outputs record(const OpDef& op, Inputs inputs, const void* attrs,
                 std::span<const Infer::Output> specs) override {
    bool random = does_draw(op, attrs);
    if (random && !is_drawn(op) && op.reference != nullptr)
      return op.attrs->call_reference(op.reference, inputs, attrs);
    bool meta = !specs.empty() && specs[0].spec.device.kind == DeviceKind::kMeta;
    for (const Tensor& t : inputs) meta = meta || (t.defined() && t.is_meta());
    if (random) {
      streams_.push_back(key_of(op, attrs));
      // With a seed of its own it gives the same numbers in each pass: a constant.
      random = is_new() || meta;
      if (random) check_draw(op);
    }
    meta = meta || random;
    if (meta && !random && !known_(op) && op.reference != nullptr)
      return op.attrs->call_reference(op.reference, inputs, attrs);
    TracedNode node;
    node.op = &op;
    node.attrs = std::shared_ptr<void>(op.attrs->copy(attrs), op.attrs->destroy);
    for (const Tensor& t : inputs) node.inputs.push_back(id_of(t));
    const bool view = !specs.empty() && specs[0].offset >= 0;
    node.of_variable = view && !inputs.empty() && is_named(inputs[0]);
    Outputs outputs;
    if (random) {
      for (const Infer::Output& o : specs) outputs.push_back(on_meta(o.spec));
    } else {
      outputs = run(op, inputs, attrs);
    }
    for (const Tensor& t : outputs) node.outputs.push_back(add_value(t, "", !meta));
    block_->nodes.push_back(std::move(node));
    return outputs;
  }

  /// Not constant, and of sizes that change from trace to trace by f and 2 f + 1 no multiple, part or sum:
  /// what follows from it is said by the tensors that have it.
  int64_t unknown_size(int64_t most) override {
    trace_.unknown_sizes = true;
    return std::max<int64_t>(most - (number_ == 2 ? 2 : 0), 0);
  }

  Outputs loop(const Loop& loop) override {
    TracedNode node;
    node.kind = TracedNode::Kind::kLoop;
    node.conditional = static_cast<bool>(loop.condition);
    node.most = loop.most;
    for (const Tensor& t : loop.start) node.inputs.push_back(id_of(t));
    TracedBlock condition;
    if (loop.condition) {
      Outputs carries = placeholders(loop.start, condition);
      Outputs result;
      const bool outer = std::exchange(in_condition_, true);
      inside(condition, [&] {
        result.push_back(loop.condition({carries.data(), carries.size()}));
        return result;
      });
      in_condition_ = outer;
    }
    TracedBlock body;
    Outputs carries = placeholders(loop.start, body);
    inside(body, [&] { return loop.body({carries.data(), carries.size()}); });
    Outputs outputs = stand_ins(loop.start);
    return finish(std::move(node), {std::move(condition), std::move(body)}, std::move(outputs));
  }

  Outputs scan(const Scan& scan) override {
    TracedNode node;
    node.kind = TracedNode::Kind::kScan;
    node.reverse = scan.reverse;
    node.carries = scan.start.size();
    node.axis = scan.axis < 0 ? scan.axis + scan.sequences[0].rank() : scan.axis;
    for (const Tensor& t : scan.start) node.inputs.push_back(id_of(t));
    for (const Tensor& t : scan.sequences) node.inputs.push_back(id_of(t));
    TracedBlock body;
    Outputs own = placeholders(scan.start, body);
    Outputs slices;
    for (const Tensor& t : scan.sequences) slices.push_back(on_meta(select_spec(t, node.axis)));
    for (const Tensor& t : placeholders(slices, body)) own.push_back(t);
    const int64_t steps = scan.sequences[0].dim(node.axis);
    const Outputs results = inside(body, [&] { return scan.body({own.data(), own.size()}); });
    Outputs outputs;
    for (size_t i = node.carries; i < results.size(); ++i) {
      Shape shape = results[i].shape();
      Shape stacked;
      const int64_t at = std::min<int64_t>(node.axis, results[i].rank());
      for (int64_t d = 0; d <= results[i].rank(); ++d) {
        if (d == at) stacked.push_back(steps);
        if (d < results[i].rank()) stacked.push_back(shape[static_cast<size_t>(d)]);
      }
      outputs.push_back(on_meta(make_spec(stacked, results[i].dtype())));
    }
    for (const Tensor& t : stand_ins(scan.start)) outputs.push_back(t);
    return finish(std::move(node), {std::move(body)}, std::move(outputs));
  }

  Outputs branch(const Branch& branch) override {
    TracedNode node;
    node.kind = TracedNode::Kind::kBranch;
    node.inputs.push_back(id_of(branch.condition));
    TracedBlock then, otherwise;
    const Outputs a = inside(then, branch.then);
    inside(otherwise, branch.otherwise);
    return finish(std::move(node), {std::move(then), std::move(otherwise)}, stand_ins(a));
  }

  /// Nodes since the last call are the layer's.
  void layer_done(const std::string& name, const std::string& where) {
    for (size_t i = marked_; i < block_->nodes.size(); ++i) {
      TracedNode& node = block_->nodes[i];
      if (!node.layer.empty()) continue;
      node.layer = name;
      node.where = where;
    }
    marked_ = block_->nodes.size();
  }

 private:
  /// Whether the last draw gives other numbers at another step.
  bool is_new() const {
    const size_t last = streams_.size() - 1;
    return other_ == nullptr || last >= other_->size() || (*other_)[last] != streams_.back();
  }

  /// Errors: unsupported, where a draw cannot be exported.
  void check_draw(const OpDef& op) const {
    if (other_ == nullptr) return;
    if (!is_new()) {
      fail(ErrorKind::kUnsupported,
           "it draws random numbers ({}) with a fixed seed for values of the model, which cannot be exported",
           op.name);
    }
    if (!may_draw_) {
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("it draws random numbers in evaluation ({}), which needs `--draws` to be "
                              "exported",
                              op.name),
                  "",
                  "`--draws inputs` makes them inputs of the graph, `--draws operators` lets the graph draw");
    }
    if (!is_drawn(op)) {
      fail(ErrorKind::kUnsupported,
           "it draws random numbers ({}) by values that the model computes, which cannot be exported",
           op.name);
    }
    if (in_condition_)
      fail(ErrorKind::kUnsupported, "the condition of a loop draws random numbers, which cannot be exported");
  }

  static Outputs run(const OpDef& op, Inputs inputs, const void* attrs) {
    const EagerScope eager;
    return apply(op, inputs, attrs);
  }

  bool is_named(const Tensor& t) const {
    const auto id = ids_.find(t.impl());
    return id != ids_.end() && !trace_.values[static_cast<size_t>(id->second)].name.empty();
  }

  using DataKey = std::tuple<const Storage*, int64_t, DType, std::vector<int64_t>, std::vector<int64_t>>;
  static DataKey data_key(const Tensor& t) {
    return {t.storage().get(),
            t.offset(),
            t.dtype(),
            {t.shape().begin(), t.shape().end()},
            {t.strides().begin(), t.strides().end()}};
  }

  static Tensor on_meta(TensorSpec spec) {
    spec.device = kMeta;
    return Tensor::empty(std::move(spec));
  }

  static TensorSpec select_spec(const Tensor& t, int64_t axis) {
    Shape shape;
    for (int64_t d = 0; d < t.rank(); ++d) {
      if (d != axis) shape.push_back(t.dim(d));
    }
    return make_spec(shape, t.dtype());
  }

  Outputs placeholders(std::span<const Tensor> like, TracedBlock& block) {
    Outputs out;
    for (const Tensor& t : like) {
      out.push_back(on_meta(make_spec(t.shape(), t.dtype())));
      block.inputs.push_back(add_value(out.back(), "", false));
    }
    return out;
  }
  Outputs placeholders(const Outputs& like, TracedBlock& block) {
    return placeholders(std::span<const Tensor>(like.data(), like.size()), block);
  }

  Outputs stand_ins(const Outputs& like) {
    Outputs out;
    for (const Tensor& t : like) out.push_back(on_meta(make_spec(t.shape(), t.dtype())));
    return out;
  }

  template <class F>
  Outputs inside(TracedBlock& block, F&& f) {
    TracedBlock* outer = std::exchange(block_, &block);
    const size_t marked = std::exchange(marked_, 0);
    Outputs results = f();
    for (const Tensor& t : results) block.outputs.push_back(id_of(t));
    block_ = outer;
    marked_ = marked;
    return results;
  }

  Outputs finish(TracedNode node, std::vector<TracedBlock> blocks, Outputs outputs) {
    node.blocks = std::move(blocks);
    for (const Tensor& t : outputs) node.outputs.push_back(add_value(t, "", false));
    block_->nodes.push_back(std::move(node));
    return outputs;
  }

  Trace& trace_;
  bool (*known_)(const OpDef&);
  size_t number_;
  bool may_draw_;
  const std::vector<RngKey>* other_;
  std::vector<RngKey> streams_;
  bool in_condition_ = false;
  TracedBlock* block_;
  size_t marked_ = 0;
  std::map<const TensorImpl*, int> ids_;
  std::map<DataKey, int> data_ids_;
  std::vector<Tensor> kept_;
};

/// Makes `control` the thread's active one for the scope's lifetime.
class ControlFlowScope {
 public:
  explicit ControlFlowScope(model::ControlFlow& control) : previous_(model::set_control_flow(&control)) {}
  ~ControlFlowScope() { model::set_control_flow(previous_); }
  ControlFlowScope(const ControlFlowScope&) = delete;

 private:
  model::ControlFlow* previous_;
};

/// A pass at that training step; its draws' streams are appended to `streams`.
Trace trace_at(uint64_t step, model::Model& model, const std::vector<TensorSpec>& inputs,
               bool (*known)(const OpDef&), size_t number, bool may_draw, const std::vector<RngKey>* other,
               std::vector<RngKey>& streams) {
  Trace result;
  Tracer tracer(result, known, number, may_draw, other);
  std::vector<Tensor> metas;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TensorSpec spec = inputs[i];
    spec.device = kMeta;
    metas.push_back(Tensor::empty(spec));
    result.top.inputs.push_back(tracer.add_value(metas.back(), model.inputs()[i].name, false));
  }
  for (const nn::Variable& v : model.variables()) tracer.add_value(v.value, v.name, true);
  model.set_layer_hook([&](const std::string& name, const std::string& where, const Outputs&) {
    tracer.layer_done(name, where);
  });
  struct HookGuard {
    model::Model& model;
    ~HookGuard() { model.set_layer_hook({}); }
  } guard{model};
  const NoGrad no_grad;
  const RecordScope recording(tracer);
  const ControlFlowScope control(tracer);
  nn::Context context;
  context.step = step;
  const Outputs outputs = model.forward(context, metas);
  for (size_t i = 0; i < model.outputs(); ++i) result.top.outputs.push_back(tracer.id_of(outputs[i]));
  streams = tracer.streams();
  return result;
}

}  // namespace

Trace trace(model::Model& model, const std::vector<TensorSpec>& inputs, bool (*known)(const OpDef&),
            size_t number, bool may_draw) {
  std::vector<RngKey> first, second;
  Trace result = trace_at(0, model, inputs, known, number, may_draw, nullptr, first);
  return first.empty() ? result : trace_at(1, model, inputs, known, number, may_draw, &first, second);
}

}  // namespace dlb::deploy
