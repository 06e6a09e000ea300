#include "dlb/graph/session.h"

#include "dlb/graph/optimize.h"
#include "dlb/graph/plan.h"
#include "dlb/ops/op.h"

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

/// Whether running a step beforehand cannot need more memory than the file's constants justify.
bool folds(const Plan& plan, const PlanStep& step) {
  if (!step.op->folds) return false;
  for (const Attribute& a : step.node->attributes) {
    if (std::holds_alternative<Attribute::Subgraph>(a.value)) return false;
  }
  for (const int slot : step.inputs) {
    if (slot >= 0 && plan.constants[static_cast<size_t>(slot)].none()) return false;
  }
  return true;
}

class Runner {
 public:
  Runner(const Plan& plan, bool infer, RandomState& random)
      : plan_(plan), infer_(infer), random_(random), frame_(plan) {}

  Frame& frame() { return frame_; }

  void run_all() {
    for (const PlanStep& step : plan_.steps) {
      if (step.done) continue;
      run(step);
      if (infer_) continue;  // every value is asked for
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
    if (!unknown) {
      try {
        Call call(*step.node, step.opset, inputs_, outputs);
        call.set_random(random_);
        call.set_subgraph_runner([this](const Graph& graph, std::vector<Value> values) {
          return run_subgraph(graph, std::move(values));
        });
        step.op->run(call);
      } catch (const NeedsData&) {
        unknown = true;
      } catch (Error& e) {
        e.in("in " + describe(*step.node, step.index));
        throw;
      }
    }
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
  std::vector<Value> run_subgraph(const Graph& graph, std::vector<Value> values) {
    const Plan& plan = *plan_.subplans.at(&graph);
    if (values.size() < plan.inputs.size())
      fail(ErrorKind::kConfig, "graph '{}' has {} inputs, got {}", graph.name, plan.inputs.size(),
           values.size());
    Runner inner(plan, infer_, random_);
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
  bool infer_;
  RandomState& random_;
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

/// Computes what depends on constants alone.
void fold_constants(Plan& plan) {
  // A constant that is an input's default can change from run to run.
  std::vector<Value> defaults;
  for (const int slot : plan.inputs) {
    defaults.push_back(plan.constants[static_cast<size_t>(slot)]);
    plan.constants[static_cast<size_t>(slot)] = Value();
  }
  const NoGrad no_grad;
  RandomState random;
  Runner runner(plan, false, random);
  for (PlanStep& step : plan.steps) {
    if (!folds(plan, step)) continue;
    try {
      runner.run(step);
    } catch (const Error&) {
      continue;  // a branch that is never taken may be wrong; one that is taken says so when it runs
    }
    for (const int slot : step.outputs) {
      // Copied: steps to come read the runner's own.
      if (slot >= 0) plan.constants[static_cast<size_t>(slot)] = runner.frame().at(slot);
    }
    step.done = true;
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
  fold_constants(*state_->plan);
  if (optimized) {
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
  Runner runner(*state_->plan, false, random);
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
  RandomState random;
  Runner runner(*state_->plan, true, random);
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
