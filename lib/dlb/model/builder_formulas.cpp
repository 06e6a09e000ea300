// Expressions on tensors, and the steps that are one: eval, print, assert; and detach.

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/builder.h"

namespace dlb::model {

using config::Node;

std::optional<Formula> Builder::formula(const Node& text, const List& list, const Env& env,
                                        const std::function<int(Value)>& input) {
  bool unknown = false;
  FormulaNames names;
  names.valid = value_names(list);
  names.valid.emplace_back("it");
  names.value = [&](const std::string& name) {
    const std::vector<Value>* found = find_value(name, list);
    Value value = kUnknown;
    if (name == "it") {
      value = list.current;
      if (value == kNone)
        fail(ErrorKind::kConfig, "'it' is the previous step's output, and this is the first");
    } else if (found == nullptr) {
      if (!names_lost_) return -1;
    } else if (found->size() != 1) {
      fail(ErrorKind::kConfig, "'{}' is a list of {} values, one is needed", name, found->size());
    } else {
      value = found->front();
    }
    if (value < 0) {
      unknown = true;
      return 0;
    }
    return input(value);
  };
  names.read = [&](const config::Expression& read) {
    if (env.unknown(read)) {
      unknown = true;
      return Node::integer(1);
    }
    return config::evaluate(read, text, env.scope());
  };
  try {
    Formula made(text, config::parse_tensor_expression(text), names);
    if (unknown) return std::nullopt;
    return made;
  } catch (Error& e) {
    if (e.where.empty()) e.at(text.mark().str());
    record(std::move(e));
    return std::nullopt;
  }
}

std::optional<Formula> Builder::formula(const Node& text, const List& list, const Env& env, Wants& wants) {
  return formula(text, list, env, [&](Value v) { return static_cast<int>(wants.of(here(v))); });
}

std::vector<Tensor> Builder::metas(const std::vector<Value>& values) const {
  std::vector<Tensor> out;
  for (const Value v : values) out.push_back(meta(v));
  return out;
}

Builder::Status Builder::read_formula_fields(Item& item, Fields fields, void* object, std::string_view first,
                                             const Env& env) {
  // A lone text is the expression: it is not for the reader, which would take "$a * b" for one of its own.
  const Node body = item.choice.body;
  if (!body.is_map() && !body.is_null()) {
    item.choice.body = Node::map({{std::string(first), body.mark(), body}}).placed_at(body);
  }
  Env facts(&env);
  set_facts(facts, item.inputs.empty() ? kNone : item.inputs.front());
  return read_fields(item.choice.body, fields, object, item.choice.name, facts);
}

void Builder::eval(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "eval", list, env);
  Eval fields;
  const Status status = read_formula_fields(item, Eval::fields(), &fields, "expr", env);
  if (item.inputs.size() > 1)
    record(item.in->error("eval takes 1 input, `it`", "the expression names further values itself"));
  if (status == Status::kWrong || item.inputs.size() > 1) return bind_outputs(item, {kUnknown}, list, env);
  List view = around(list, item.inputs.front());
  view.values.erase("input");
  Env facts(&env);
  set_facts(facts, item.inputs.front());
  Wants wants;
  std::optional<Formula> made = formula(fields.expr, view, facts, wants);
  if (!made) return bind_outputs(item, {kUnknown}, list, env);
  const size_t row = add_row(item, name, "eval", list.depth);
  bind_outputs(item, emit(std::make_unique<EvalLayer>(std::move(*made)), wants.values, row, item), list, env);
}

void Builder::print(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "print", list, env);
  Print fields;
  fields.expr = Node::string("it").placed_at(item.choice.name_node);
  const Status status = read_formula_fields(item, Print::fields(), &fields, "expr", env);
  if (status != Status::kGood || !known(item.inputs)) return bind_outputs(item, {kUnknown}, list, env);
  List view = around(list, item.inputs.front());
  view.values.erase("input");
  Wants wants;
  wants.of(here(item.inputs.front()));
  std::vector<Formula> values;
  const std::vector<Node> all = fields.expr.is_list() ? fields.expr.items() : std::vector<Node>{fields.expr};
  for (const Node& text : all) {
    std::optional<Formula> made = formula(text, view, env, wants);
    if (!made) return bind_outputs(item, {kUnknown}, list, env);
    values.push_back(std::move(*made));
  }
  const size_t row = add_row(item, name, "print", list.depth);
  auto layer = std::make_unique<PrintLayer>(std::move(values), fields.label, fields.every);
  bind_outputs(item, emit(std::move(layer), wants.values, row, item), list, env);
}

void Builder::assertion(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "assert", list, env);
  Assert fields;
  const Status status = read_formula_fields(item, Assert::fields(), &fields, "cond", env);
  if (status != Status::kGood || !known(item.inputs)) return bind_outputs(item, {kUnknown}, list, env);
  List view = around(list, item.inputs.front());
  view.values.erase("input");
  Wants wants;
  wants.of(here(item.inputs.front()));
  std::optional<Formula> made = formula(fields.cond, view, env, wants);
  if (!made) return bind_outputs(item, {kUnknown}, list, env);
  const size_t row = add_row(item, name, "assert", list.depth);
  auto layer = std::make_unique<AssertLayer>(std::move(*made), fields.message);
  bind_outputs(item, emit(std::move(layer), wants.values, row, item), list, env);
}

void Builder::detach(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "detach", list, env);
  Detach fields;
  const Status status = read_fields(item.choice.body, Detach::fields(), &fields, "detach", env);
  if (status != Status::kGood || !known(item.inputs)) return bind_outputs(item, {kUnknown}, list, env);
  const size_t row = add_row(item, name, "detach", list.depth);
  bind_outputs(item, emit(std::make_unique<DetachLayer>(), {here(item.inputs[0])}, row, item), list, env);
}

}  // namespace dlb::model
