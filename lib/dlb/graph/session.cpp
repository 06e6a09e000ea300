#include "dlb/graph/session.h"

#include <algorithm>
#include <set>

#include "dlb/graph/optimize.h"
#include "dlb/graph/plan.h"
#include "dlb/ops/op.h"
#include "dlb/tensor/allocation_limit.h"

namespace dlb::graph {

namespace {

/// Values of a running graph, by slot. Constants stay in the plan unless something stands in for them.
struct Frame {
  explicit Frame(const Plan& p) : plan(p), values(p.slots()), unknown(p.slots(), false) {}
  const Value& at(int slot) const {
    const Value& own = values[static_cast<size_t>(slot)];
    return own.none() ? plan.constants[static_cast<size_t>(slot)] : own;
  }
  const Plan& plan;
  std::vector<Value> values;
  std::vector<bool> unknown;  ///< depends on data that inference does not have
};

/// Constants that are computed when a model is loaded, and weights brought into another order, may take this
/// much for each byte of the file's own (4-bit weights as float32: eight times), and so much beside them
/// (masks and tables of positions, made of a few numbers). What would take more is computed when the graph
/// runs.
constexpr size_t kFoldedPerByte = 8;
constexpr size_t kLeastFolded = size_t{16} << 20;
/// What inferring shapes may take on top: it computes what depends on shapes, and keeps all of it.
constexpr size_t kInferred = size_t{1} << 30;
/// Elements of an input that inference keeps where the whole is too much: sizes and axes.
constexpr int64_t kFewElements = 1024;

size_t bytes_of(const Value& v) {
  return v.is_tensor() ? static_cast<size_t>(v.tensor.numel()) * dtype_size(v.tensor.dtype()) : 0;
}

/// Bytes that what is computed of the plan's constants may take.
size_t folding_limit(const Plan& plan) {
  std::set<const Storage*> counted;
  size_t bytes = 0;
  const auto count = [&](const Value& v) {
    if (!v.is_tensor() || v.tensor.is_meta()) return;
    const Storage* storage = v.tensor.storage().get();
    if (counted.insert(storage).second) bytes += storage->bytes();
  };
  for (const Value& v : plan.constants) count(v);
  for (const PlanStep& step : plan.steps) {
    for (const Attribute& a : step.node->attributes) {
      if (const auto* v = std::get_if<Value>(&a.value)) count(*v);
    }
  }
  return std::min(bytes, SIZE_MAX / 4 / kFoldedPerByte) * kFoldedPerByte + kLeastFolded;
}

/// Whether a step can be computed beforehand. Of texts and sequences the memory cannot be foreseen.
bool folds(const Plan& plan, const PlanStep& step) {
  if (!step.op->folds) return false;
  for (const Attribute& a : step.node->attributes) {
    if (std::holds_alternative<Attribute::Subgraph>(a.value)) return false;
  }
  for (const int slot : step.inputs) {
    if (slot >= 0 && !plan.constants[static_cast<size_t>(slot)].is_tensor()) return false;
  }
  return true;
}

/// Whether what a step gave is kept as a constant. A view can stand for far more elements than it has memory,
/// and whoever reads it would go through all of them.
bool is_kept(const PlanStep& step, const Value& v, size_t most) {
  return v.none() || step.node->op == "Constant" || (v.is_tensor() && bytes_of(v) <= most);
}

class Runner {
 public:
  /// `inferring`: the limit on what inference allocates, of which every value is asked for; nullptr for a
  /// run.
  Runner(const Plan& plan, RandomState& random, AllocationLimit* inferring = nullptr)
      : plan_(plan), random_(random), inferring_(inferring), frame_(plan) {}

  Frame& frame() { return frame_; }

  void run_all() {
    for (const PlanStep& step : plan_.steps) {
      if (step.done) continue;
      run(step);
      if (inferring_ != nullptr) continue;
      for (const int slot : step.last_use) frame_.values[static_cast<size_t>(slot)] = Value();
    }
  }

  void run(const PlanStep& step) {
    inputs_.clear();
    bool unknown = false;
    for (const int slot : step.inputs) {
      inputs_.push_back(slot < 0 ? Value() : frame_.at(slot));
      unknown = unknown || (slot >= 0 && frame_.unknown[static_cast<size_t>(slot)]);
    }
    std::vector<Value> outputs(step.outputs.size());
    unknown = unknown || !compute(step, outputs);
    if (unknown) outputs.assign(outputs.size(), Value());
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      if (step.outputs[i] < 0) continue;
      const size_t slot = static_cast<size_t>(step.outputs[i]);
      frame_.values[slot] = std::move(outputs[i]);
      frame_.unknown[slot] = unknown;
    }
  }

  std::vector<Value> outputs() const {
    std::vector<Value> values;
    for (const int slot : plan_.outputs) {
      if (frame_.unknown[static_cast<size_t>(slot)]) throw NeedsData{};
      values.push_back(frame_.at(slot));
    }
    return values;
  }

 private:
  /// Runs a step's operator on `inputs_`; false where it needs data that inference does not have.
  bool compute(const PlanStep& step, std::vector<Value>& outputs) {
    for (bool reduced = false;; reduced = true) {
      try {
        Call call(*step.node, step.opset, inputs_, outputs);
        call.set_random(random_);
        call.set_subgraph_runner([this](const Graph& graph, std::vector<Value> values) {
          return run_subgraph(graph, std::move(values));
        });
        step.op->run(call);
        return true;
      } catch (const NeedsData&) {
        return false;
      } catch (Error& e) {
        if (inferring_ == nullptr || !inferring_->refused()) {
          e.in("in " + describe(*step.node, step.index));
          throw;
        }
        if (reduced) return false;
        for (Value& v : inputs_) {  // the shapes may be enough
          if (v.is_tensor() && v.tensor.numel() > kFewElements)
            v.tensor = Tensor::empty(v.tensor.shape(), v.tensor.dtype(), kMeta);
        }
      }
    }
  }

  std::vector<Value> run_subgraph(const Graph& graph, std::vector<Value> values) {
    const Plan& plan = *plan_.subplans.at(&graph);
    if (values.size() < plan.inputs.size())
      fail(ErrorKind::kConfig, "graph '{}' has {} inputs, got {}", graph.name, plan.inputs.size(),
           values.size());
    Runner inner(plan, random_, inferring_);
    for (const auto& [outer, own] : plan.captures) {
      inner.frame().values[static_cast<size_t>(own)] = frame_.at(outer);
      inner.frame().unknown[static_cast<size_t>(own)] = frame_.unknown[static_cast<size_t>(outer)];
    }
    for (size_t i = 0; i < plan.inputs.size(); ++i)
      inner.frame().values[static_cast<size_t>(plan.inputs[i])] = std::move(values[i]);
    inner.run_all();
    return inner.outputs();
  }

  const Plan& plan_;
  RandomState& random_;
  AllocationLimit* inferring_;
  Frame frame_;
  std::vector<Value> inputs_;
};

/// Errors: config, where a value is not what the graph declares.
void check_input(const Declared& declared, const Value& value) {
  const auto refuse = [&] {
    fail(ErrorKind::kConfig, "input '{}' expects {}, got {}", declared.name, describe(declared),
         describe(value));
  };
  if (value.none()) {
    if (!declared.optional) refuse();
    return;
  }
  const bool sequence = declared.kind == Value::Kind::kSequence;
  if (value.is_sequence() != sequence) refuse();
  if (sequence) return;
  if (declared.element != Element::kUndefined && declared.element != value.element) refuse();
  if (!declared.shape) return;
  const Shape shape = value.shape();
  if (shape.size() != declared.shape->size()) refuse();
  for (size_t i = 0; i < shape.size(); ++i) {
    const std::optional<int64_t>& size = (*declared.shape)[i].size;
    if (size && *size != shape[i]) refuse();
  }
}

}  // namespace

struct Session::State {
  Model model;
  std::unique_ptr<Plan> plan;
  size_t most_folded = 0;  ///< bytes

  /// Checks the inputs and puts them into their slots.
  void bind(const std::map<std::string, Value>& inputs, Frame& frame) const {
    const std::vector<Declared>& declared = model.graph.inputs;
    for (const auto& [name, value] : inputs) {
      bool known = false;
      for (const Declared& d : declared) known = known || d.name == name;
      if (known) continue;
      std::string names;
      for (const Declared& d : declared) names += (names.empty() ? "" : ", ") + d.name;
      throw Error(ErrorKind::kConfig, fmt::format("the model has no input '{}'", name), "",
                  fmt::format("its inputs: {}", names));
    }
    for (size_t i = 0; i < declared.size(); ++i) {
      const auto given = inputs.find(declared[i].name);
      Value& slot = frame.values[static_cast<size_t>(plan->inputs[i])];
      if (given == inputs.end()) {
        if (plan->constants[static_cast<size_t>(plan->inputs[i])].none() && !declared[i].optional) {
          fail(ErrorKind::kConfig, "input '{}' ({}) is not given", declared[i].name, describe(declared[i]));
        }
        continue;
      }
      check_input(declared[i], given->second);
      slot = given->second;
    }
  }
};

namespace {

std::unique_ptr<Plan> checked_plan(const Model& model) {
  std::vector<Error> errors;
  std::unique_ptr<Plan> plan = make_plan(model.graph, model.opsets, errors);
  if (errors.empty()) return plan;
  Error first = std::move(errors.front());
  first.more.assign(std::make_move_iterator(errors.begin() + 1), std::make_move_iterator(errors.end()));
  throw first;
}

/// Computes what depends on constants alone, as far as it takes no more than `most` bytes.
void fold_constants(Plan& plan, size_t most) {
  // A constant that is an input's default can change from run to run.
  std::vector<Value> defaults;
  for (const int slot : plan.inputs) {
    defaults.push_back(plan.constants[static_cast<size_t>(slot)]);
    plan.constants[static_cast<size_t>(slot)] = Value();
  }
  const NoGrad no_grad;
  const AllocationLimit limit(most);
  RandomState random;
  Runner runner(plan, random);
  for (PlanStep& step : plan.steps) {
    if (!folds(plan, step)) continue;
    try {
      runner.run(step);
    } catch (const Error&) {
      // Too much; or a branch that is never taken may be wrong, and one that is taken says so when it runs.
      continue;
    }
    step.done = std::all_of(step.outputs.begin(), step.outputs.end(), [&](int slot) {
      return slot < 0 || is_kept(step, runner.frame().at(slot), most);
    });
    for (const int slot : step.outputs) {
      if (slot < 0) continue;
      Value& value = runner.frame().values[static_cast<size_t>(slot)];
      // Copied: steps to come read the runner's own.
      if (step.done) {
        plan.constants[static_cast<size_t>(slot)] = value;
      } else {
        value = Value();
      }
    }
  }
  for (size_t i = 0; i < defaults.size(); ++i)
    plan.constants[static_cast<size_t>(plan.inputs[i])] = std::move(defaults[i]);
}

/// The model with constants in place of the steps that are done.
Model without_done(Model model, const Plan& plan) {
  std::vector<Node> nodes;
  for (const PlanStep& step : plan.steps) {
    Node& node = model.graph.nodes[step.index];
    if (node.number < 0) node.number = static_cast<int64_t>(step.index);
    bool stays = !step.done;
    for (const int slot : step.outputs) {  // nothing, an empty optional, is no constant
      stays = stays || (slot >= 0 && plan.constants[static_cast<size_t>(slot)].none());
    }
    if (stays) {
      nodes.push_back(std::move(node));
      continue;
    }
    for (const int slot : step.outputs) {
      const auto s = static_cast<size_t>(slot);
      if (slot >= 0) model.graph.initializers[plan.names[s]] = plan.constants[s];
    }
  }
  model.graph.nodes = std::move(nodes);
  return model;
}

/// Lets kernels keep what they make of the constants.
void freeze(const Plan& plan) {
  for (const Value& v : plan.constants) {
    if (v.is_tensor() && !v.tensor.is_meta()) v.tensor.storage()->freeze();
  }
  for (const auto& [graph, sub] : plan.subplans) freeze(*sub);
}

}  // namespace

Session::Session(Model model, bool optimized) : state_(std::make_unique<State>()) {
  state_->model = expand_gradients(inline_functions(std::move(model)));
  state_->plan = checked_plan(state_->model);
  state_->most_folded = folding_limit(*state_->plan);
  fold_constants(*state_->plan, state_->most_folded);
  if (optimized) {
    const AllocationLimit limit(state_->most_folded);
    state_->model = optimize(without_done(std::move(state_->model), *state_->plan));
    state_->plan = checked_plan(state_->model);
  }
  freeze(*state_->plan);
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

const Model& Session::model() const { return state_->model; }

std::vector<Declared> Session::required_inputs() const {
  std::vector<Declared> required;
  for (const Declared& input : state_->model.graph.inputs) {
    if (state_->model.graph.initializers.count(input.name) == 0) required.push_back(input);
  }
  return required;
}

std::vector<Value> Session::run(const std::map<std::string, Value>& inputs, uint64_t seed) const {
  const NoGrad no_grad;
  RandomState random{seed};
  Runner runner(*state_->plan, random);
  state_->bind(inputs, runner.frame());
  try {
    runner.run_all();
    return runner.outputs();
  } catch (const NeedsData&) {
    fail(ErrorKind::kConfig, "the inputs have shapes alone, their elements are needed");
  }
}

std::vector<Inferred> Session::infer(const std::map<std::string, Value>& inputs) const {
  const NoGrad no_grad;
  AllocationLimit limit(kInferred + state_->most_folded);
  RandomState random;
  Runner runner(*state_->plan, random, &limit);
  state_->bind(inputs, runner.frame());
  runner.run_all();
  std::vector<Inferred> all;
  for (size_t slot = 0; slot < state_->plan->slots(); ++slot) {
    all.push_back({state_->plan->names[slot], !runner.frame().unknown[slot],
                   runner.frame().at(static_cast<int>(slot))});
  }
  return all;
}

}  // namespace dlb::graph
