// Containers, and the constructs that only exist while the model is built.

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/builder.h"
#include "dlb/nn/merge.h"

namespace dlb::model {

using config::Node;

void Builder::construct(Item& item, List& list, const Env& env) {
  const std::string& name = item.choice.name;
  if (name == "repeat") return repeat(item, list, env);
  if (name == "foreach") return foreach (item, list, env);
  if (name == "when") return when(item, list, env);
  if (name == "eval") return eval(item, list, env);
  if (name == "if") return branch(item, list, env);
  if (name == "loop") return loop(item, list, env);
  if (name == "scan") return scan(item, list, env);
  if (needs_input(item)) item.inputs = {kUnknown};
  if (item.inputs.size() != 1) {
    record(item.in->error(fmt::format("{} takes 1 input, got {}", name, item.inputs.size()),
                          "join them first, with `add` or `concat`"));
    item.inputs = {kUnknown};
  }
  if (name == "print") return print(item, list, env);
  if (name == "assert") return assertion(item, list, env);
  if (name == "detach") return detach(item, list, env);
  if (name == "residual") return residual(item, list, env);
  if (name == "parallel") return parallel(item, list, env);
  sequential(item, list, env);
}

void Builder::required_steps(const Node& node, Status status, List& list, const Env& env) {
  if (status == Status::kWrong && node.is_null()) return;  // missing, and said to be so
  steps(node, list, env);
}

void Builder::sequential(const Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "sequential", list, env);
  Sequential fields;
  const Status status = read_fields(item.choice.body, Sequential::fields(), &fields, "sequential", env);
  const size_t row = add_row(item, name, "sequential", list.depth);
  List body = inner(list, name, "", item.inputs[0]);
  required_steps(fields.body, status, body, env);
  finish_row(row, body.current);
  bind_outputs(item, {body.current}, list, env);
}

void Builder::residual(const Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "residual", list, env);
  Residual fields;
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  const Status status = read_fields(item.choice.body, Residual::fields(), &fields, "residual", facts);
  const size_t row = add_row(item, name, "residual", list.depth);
  List body = inner(list, name, "body", item.inputs[0]);
  required_steps(fields.body, status, body, env);
  List shortcut = inner(list, name, "shortcut", item.inputs[0]);
  steps(fields.shortcut, shortcut, env);
  Value result = kUnknown;
  if (status == Status::kGood && body.current >= 0 && shortcut.current >= 0) {
    const TensorSpec& y = meta(body.current).spec();
    const TensorSpec& s = meta(shortcut.current).spec();
    if (y.shape == s.shape) {
      result = emit(std::make_unique<nn::Add>(), {here(body.current), here(shortcut.current)}, row, item)[0];
    } else {
      const bool plain = shortcut.current == item.inputs[0];
      Error e(ErrorKind::kShape,
              fmt::format("residual adds equal shapes, but its body gives {} and its {} {}",
                          shape_text(y.shape), plain ? "input is" : "shortcut gives", shape_text(s.shape)));
      if (plain) e.hint = "give it a `shortcut` with the body's output shape";
      e.at(item.mark().str());
      if (!item.node.path().empty()) e.in("in " + item.node.path());
      record(std::move(e));
    }
  }
  bind_outputs(item, {result}, list, env);
}

void Builder::parallel(const Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "parallel", list, env);
  Parallel fields;
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  Status status = read_fields(item.choice.body, Parallel::fields(), &fields, "parallel", facts);
  if (status == Status::kGood && (!fields.branches.is_list() || fields.branches.items().empty())) {
    record(
        fields.branches.error("branches must be a list of lists of steps, got " + fields.branches.found()));
    status = Status::kWrong;
  }
  const size_t row = add_row(item, name, "parallel", list.depth);
  std::vector<Value> outputs;
  if (!fields.branches.is_list()) fields.branches = Node();
  for (const Node& branch : fields.branches.items()) {
    List child = inner(list, name, fmt::format("branch_{}", outputs.size() + 1), item.inputs[0]);
    steps(branch, child, env);
    outputs.push_back(child.current);
  }
  std::vector<Value> results = {kUnknown};
  if (status == Status::kGood && known(outputs))
    results = merge(item, "parallel", outputs, fields.merge, fields.dim, "branch", row);
  bind_outputs(item, results, list, env);
  if (fields.merge == "list") bind_list(item, results, list, env);
}

std::vector<Builder::Value> Builder::merge(const Item& item, const std::string& name,
                                           const std::vector<Value>& parts, const std::string& how,
                                           int64_t dim, std::string_view part, size_t row) {
  std::vector<Value> inputs;
  for (const Value v : parts) inputs.push_back(here(v));
  if (how == "list" || (inputs.size() == 1 && how != "stack")) {
    finish_row(row, inputs[0]);
    return inputs;
  }
  if (!check_merge(item, name, inputs, how, dim, part)) return {kUnknown};
  std::unique_ptr<nn::Layer> layer;
  if (how == "concat") {
    auto concat = std::make_unique<nn::Concat>();
    concat->dim = dim;
    layer = std::move(concat);
  } else if (how == "add") {
    layer = std::make_unique<nn::Add>();
  } else if (how == "mul") {
    layer = std::make_unique<nn::Mul>();
  } else {
    layer = std::make_unique<MergeLayer>(how, dim);
  }
  return emit(std::move(layer), inputs, row, item);
}

bool Builder::check_merge(const Item& item, const std::string& name, const std::vector<Value>& parts,
                          const std::string& how, int64_t dim, std::string_view part) {
  const Shape& first = meta(parts[0]).shape();
  const auto rank = static_cast<int64_t>(first.size()) + (how == "stack" ? 1 : 0);
  const bool concat = how == "concat";
  std::string message;
  const int64_t at = dim < 0 ? dim + rank : dim;
  if ((concat || how == "stack") && (at < 0 || at >= rank)) {
    message = fmt::format("{} cannot {} {} along dim {}", name, concat ? "concatenate" : "stack",
                          shape_text(first), dim);
  }
  const std::string does = how == "add"    ? "adds"
                           : how == "mul"  ? "multiplies"
                           : how == "max"  ? "takes the largest of"
                           : how == "mean" ? "averages"
                                           : "stacks";
  for (size_t i = 1; i < parts.size() && message.empty(); ++i) {
    Shape other = meta(parts[i]).shape();
    if (concat && other.size() == first.size())
      other[static_cast<size_t>(at)] = first[static_cast<size_t>(at)];
    if (other == first) continue;
    message = fmt::format(
        "{} {}, but {} 1 gives {} and {} {} {}", name,
        concat ? fmt::format("concatenates shapes equal but for dim {}", dim) : does + " equal shapes", part,
        shape_text(first), part, i + 1, shape_text(meta(parts[i]).shape()));
  }
  if (message.empty()) return true;
  Error e(ErrorKind::kShape, message, item.mark().str());
  if (!item.node.path().empty()) e.in("in " + item.node.path());
  record(std::move(e));
  return false;
}

void Builder::bind_list(const Item& item, const std::vector<Value>& values, List& list, const Env& env) {
  if (item.as == nullptr || item.as->is_list()) return;
  const std::string name = text_of(*item.as, env, "as");
  if (!name.empty()) list.values[name] = values;
}

void Builder::no_modifiers(const Item& item) {
  for (const auto& [key, node] :
       {std::pair{"in", item.in}, std::pair{"as", item.as}, std::pair{"id", item.id}}) {
    if (node == nullptr) continue;
    record(
        node->error(fmt::format("{} takes no `{}`", item.choice.name, key), "give it to a step of the body"));
  }
}

void Builder::index_name(const Node& body, const std::string& key, const std::string& name,
                         const Node& steps_inside) {
  const Node* at = body.is_map() ? body.find(key) : nullptr;
  if (name.empty() || at == nullptr) return;
  if (!is_identifier(name)) {
    record(at->error(fmt::format("'{}' cannot be used as a name", name),
                     "a letter, then letters, digits and _"));
  } else if (!mentioned_names(steps_inside).contains(name)) {
    record(at->error(fmt::format("'{}' is never used in the body", name)));
  }
}

void Builder::repeat(const Item& item, List& list, const Env& env) {
  no_modifiers(item);
  Repeat fields;
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  const Status status = read_fields(item.choice.body, Repeat::fields(), &fields, "repeat", facts);
  index_name(item.choice.body, "index", fields.index, fields.body);
  if (status != Status::kGood) {
    Env inside(&env);
    if (!fields.index.empty()) inside.set_unknown(fields.index);
    list.current = kUnknown;
    return required_steps(fields.body, status, list, inside);
  }
  list.current = item.inputs[0];
  if (fields.times == 0) mark_used(fields.body, env.scope());
  const size_t before = recorded_;
  for (int64_t i = 0; i < fields.times && spend(item.node); ++i) {
    Env inside(&env);
    if (!fields.index.empty()) inside.set(fields.index, Node::integer(i));
    steps(fields.body, list, inside);
    if (recorded_ > before || list.current == kUnknown) break;  // the next copies would repeat the complaints
  }
}

void Builder::foreach (const Item& item, List & list, const Env& env) {
  Foreach fields;
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  Status status = read_fields(item.choice.body, Foreach::fields(), &fields, "foreach", facts);
  const bool collect = fields.collect != "last";
  if (!collect) no_modifiers(item);
  index_name(item.choice.body, "var", fields.var, fields.body);
  if (status == Status::kGood && !fields.over.is_list()) {
    record(fields.over.error("foreach goes over a list, got " + fields.over.found()));
    status = Status::kWrong;
  }
  if (status != Status::kGood) {
    Env inside(&env);
    inside.set_unknown(fields.var);
    list.current = kUnknown;
    return required_steps(fields.body, status, list, inside);
  }
  if (collect) return collected(item, fields, list, env);
  list.current = item.inputs[0];
  if (fields.over.items().empty()) mark_used(fields.body, env.scope());
  const size_t before = recorded_;
  for (const Node& value : fields.over.items()) {
    if (!spend(item.node)) return;
    Env inside(&env);
    inside.set(fields.var, value);
    steps(fields.body, list, inside);
    if (recorded_ > before || list.current == kUnknown) break;
  }
}

void Builder::collected(const Item& item, const Foreach& fields, List& list, const Env& env) {
  if (fields.over.items().empty()) {
    record(fields.over.error("foreach has nothing to collect: the list is empty"));
    return bind_outputs(item, {kUnknown}, list, env);
  }
  const std::string name = name_step(item, "foreach", list, env);
  const size_t row = add_row(item, name, "foreach", list.depth);
  std::vector<Value> outputs;
  const size_t before = recorded_;
  for (const Node& value : fields.over.items()) {
    if (!spend(item.node)) return;
    Env inside(&env);
    inside.set(fields.var, value);
    List child = inner(list, name, fmt::format("item_{}", outputs.size() + 1), item.inputs[0]);
    steps(fields.body, child, inside);
    outputs.push_back(child.current);
    if (recorded_ > before || child.current == kUnknown) break;
  }
  std::vector<Value> results = {kUnknown};
  if (known(outputs)) results = merge(item, "foreach", outputs, fields.collect, fields.dim, "item", row);
  bind_outputs(item, results, list, env);
  if (fields.collect == "list") bind_list(item, results, list, env);
}

void Builder::when(const Item& item, List& list, const Env& env) {
  no_modifiers(item);
  When fields;
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  const Status status = read_fields(item.choice.body, When::fields(), &fields, "when", facts);
  if (status == Status::kGood) {
    list.current = item.inputs[0];
    mark_used(fields.cond ? fields.otherwise : fields.then, env.scope());
    return steps(fields.cond ? fields.then : fields.otherwise, list, env);
  }
  // Which one it is cannot be told: both are read for their own errors.
  for (const Node& branch : {fields.then, fields.otherwise}) {
    list.current = kUnknown;
    required_steps(branch, status, list, env);
  }
  list.current = kUnknown;
}

}  // namespace dlb::model
