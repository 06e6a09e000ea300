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
  if (needs_input(item)) item.inputs = {kUnknown};
  if (item.inputs.size() != 1) {
    record(item.in->error(fmt::format("{} takes 1 input, got {}", name, item.inputs.size()),
                          "join them first, with `add` or `concat`"));
    item.inputs = {kUnknown};
  }
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
      result = emit(std::make_unique<nn::Add>(), {body.current, shortcut.current}, row, item)[0];
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
  Value result = kUnknown;
  if (status == Status::kGood && known(outputs) && check_merge(item, outputs, fields)) {
    if (outputs.size() == 1) {
      result = outputs[0];
      finish_row(row, result);
    } else if (fields.merge == "concat") {
      auto concat = std::make_unique<nn::Concat>();
      concat->dim = fields.dim;
      result = emit(std::move(concat), outputs, row, item)[0];
    } else if (fields.merge == "add") {
      result = emit(std::make_unique<nn::Add>(), outputs, row, item)[0];
    } else {
      result = emit(std::make_unique<nn::Mul>(), outputs, row, item)[0];
    }
  }
  bind_outputs(item, {result}, list, env);
}

bool Builder::check_merge(const Item& item, const std::vector<Value>& branches, const Parallel& fields) {
  const Shape& first = meta(branches[0]).shape();
  const auto rank = static_cast<int64_t>(first.size());
  const bool concat = fields.merge == "concat";
  std::string message;
  int64_t dim = fields.dim < 0 ? fields.dim + rank : fields.dim;
  if (concat && (dim < 0 || dim >= rank)) {
    message = fmt::format("parallel cannot concatenate {} along dim {}", shape_text(first), fields.dim);
  }
  for (size_t i = 1; i < branches.size() && message.empty(); ++i) {
    Shape other = meta(branches[i]).shape();
    if (concat && other.size() == first.size())
      other[static_cast<size_t>(dim)] = first[static_cast<size_t>(dim)];
    if (other == first) continue;
    message = fmt::format("parallel {} {}, but branch 1 gives {} and branch {} {}",
                          concat ? "concatenates" : fields.merge + "s",
                          concat ? fmt::format("shapes equal but for dim {}", fields.dim) : "equal shapes",
                          shape_text(first), i + 1, shape_text(meta(branches[i]).shape()));
  }
  if (message.empty()) return true;
  Error e(ErrorKind::kShape, message, item.mark().str());
  if (!item.node.path().empty()) e.in("in " + item.node.path());
  record(std::move(e));
  return false;
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
  no_modifiers(item);
  Foreach fields;
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  Status status = read_fields(item.choice.body, Foreach::fields(), &fields, "foreach", facts);
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

void Builder::use(Item& item, List& list, const Env& env) {
  const std::string& block_name = item.choice.name;
  const auto found = blocks_.find(block_name);
  if (found == blocks_.end()) {
    std::vector<std::string> valid;
    for (const auto& entry : blocks_) valid.push_back(entry.first);
    reading(env.scope(), [&](config::Reader& r) {
      r.unknown_name(item.choice.name_node, block_name, valid, "block");
      return true;
    });
    return bind_outputs(item, {kUnknown}, list, env);
  }
  const Block& block = found->second;
  blocks_used_.insert(block_name);
  if (std::find(in_use_.begin(), in_use_.end(), block_name) != in_use_.end()) {
    std::string chain;
    for (const std::string& name : in_use_) chain += name + " -> ";
    record(item.choice.name_node.error(
        fmt::format("block {} uses itself: {}{}", block_name, chain, block_name)));
    return bind_outputs(item, {kUnknown}, list, env);
  }
  if (needs_input(item)) item.inputs = {kUnknown};
  if (item.inputs.size() != 1) {
    record(item.in->error(fmt::format("block {} takes 1 input, got {}", block_name, item.inputs.size())));
    item.inputs = {kUnknown};
  }
  const std::string name = name_step(item, block_name, list, env);
  Env facts(&env);
  set_facts(facts, item.inputs[0]);
  Env parameters(reader_.scope());
  lose_facts(parameters);
  const bool bound = reading(facts.scope(), [&](config::Reader& r) {
    return bind_parameters(r, block, item.choice.name_node, item.choice.body, {"in", "as", "id"}, facts,
                           parameters);
  });
  if (!block.valid) return bind_outputs(item, {kUnknown}, list, env);

  const size_t row = add_row(item, name, block_name, list.depth);
  List body = inner(list, name, "", bound ? item.inputs[0] : kUnknown);
  body.outer = nullptr;  // a block sees its own values only
  body.values["input"] = body.current;
  chain_.push_back(fmt::format("in block {} used at {}", block_name, model_->trace_->report[row].where));
  in_use_.push_back(block_name);
  steps(block.steps, body, parameters);
  in_use_.pop_back();
  chain_.pop_back();
  finish_row(row, body.current);
  bind_outputs(item, {body.current}, list, env);
}

}  // namespace dlb::model
