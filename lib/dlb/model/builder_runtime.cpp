// loop, scan and if: programs inside layers, whose steps run as often as the data say.

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/builder.h"
#include "dlb/ops/join.h"
#include "dlb/ops/view.h"

namespace dlb::model {

using config::Node;

Builder::List Builder::around(const List& list, Value input) const {
  List view;
  view.outer = &list;
  view.prefix = list.prefix;
  view.depth = list.depth;
  view.current = input;
  if (input != kNone) view.values["input"] = {input};
  return view;
}

std::vector<Builder::Carry> Builder::read_carries(const Item& item, const Node& carry, List& around,
                                                  const Env& env, Wants& wants, std::vector<Tensor>& starts,
                                                  bool& good) {
  std::vector<Carry> carries;
  if (!carry.is_null() && !carry.is_map()) {
    record(
        carry.error("carry must be a map from names to expressions for their start, got " + carry.found()));
    good = false;
    return carries;
  }
  for (const Node::Entry& entry : carry.entries()) {
    Carry c;
    c.name = entry.key;
    c.at = entry.value;
    if (!is_identifier(c.name) || c.name == "input" || c.name == "it") {
      record(Error(ErrorKind::kConfig,
                   fmt::format("'{}' cannot name what {} carries", c.name, item.choice.name),
                   entry.key_mark.str()));
      good = false;
      c.name.clear();
    }
    c.start = formula(entry.value, around, env, wants);
    if (c.start) {
      try {
        const NoGrad no_grad;
        Outputs start = c.start->tensors(context_, metas(wants.values));
        if (start.size() != 1)
          throw entry.value.error(fmt::format("'{}' must start as one tensor, got {}", c.name, start.size()));
        starts.push_back(std::move(start[0]));
      } catch (Error& e) {
        e.at(entry.value.mark().str());
        record(std::move(e));
        c.start.reset();
      }
    }
    if (!c.start) {
      good = false;
      starts.emplace_back();
    }
    carries.push_back(std::move(c));
  }
  return carries;
}

void Builder::carry_values(std::vector<Carry>& carries, const std::vector<Tensor>& starts, List& body) {
  for (size_t i = 0; i < carries.size(); ++i) {
    Carry& c = carries[i];
    c.value = starts[i].defined() ? new_value(starts[i]) : kUnknown;
    if (c.value >= 0) frame_->inputs.push_back(c.value);
    if (!c.name.empty()) body.values[c.name] = {c.value};
  }
}

bool Builder::carry_results(std::vector<Carry>& carries, const List& body, const std::string& construct) {
  bool good = true;
  for (Carry& c : carries) {
    if (c.name.empty()) {
      c.result = body.current;
    } else {
      const std::vector<Value>& found = body.values.at(c.name);
      c.result = found.front();
      if (c.result == c.value && c.value >= 0) {
        record(c.at.error(fmt::format("the body of the {} never sets '{}'", construct, c.name),
                          fmt::format("a step of the body says `as: {}`", c.name)));
        good = false;
        continue;
      }
    }
    if (c.result < 0 || c.value < 0) {
      good = false;
      continue;
    }
    const TensorSpec& before = meta(c.value).spec();
    const TensorSpec& after = meta(c.result).spec();
    if (same_form(before, after)) continue;
    good = false;
    const std::string what = c.name.empty() ? "its input" : fmt::format("'{}'", c.name);
    Error e = c.at.error(fmt::format("{} carries {} on, but it starts as {} and the body makes it {}",
                                     construct, what, spec_text(before), spec_text(after)));
    e.kind = before.shape == after.shape ? ErrorKind::kDtype : ErrorKind::kShape;
    record(std::move(e));
  }
  return good;
}

void Builder::loop(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "loop", list, env);
  Loop fields;
  Env facts(&env);
  set_facts(facts, item.inputs.front());
  const Status status = read_fields(item.choice.body, Loop::fields(), &fields, "loop", facts);
  bool good = status == Status::kGood;
  if (item.inputs.size() != 1) {
    record(item.in->error(fmt::format("loop takes 1 input, got {}", item.inputs.size()),
                          "name further values by `carry`"));
    good = false;
    item.inputs = {kUnknown};
  }
  const bool unnamed = fields.carry.is_null();
  if (unnamed && needs_input(item)) item.inputs.front() = kUnknown;
  const size_t row = add_row(item, name, "loop", list.depth);

  Wants wants;
  List outside = around(list, item.inputs.front());
  std::vector<Tensor> starts;
  std::vector<Carry> carries = read_carries(item, fields.carry, outside, facts, wants, starts, good);
  if (unnamed) {
    Carry c;
    c.at = item.choice.name_node;
    c.start = formula(Node::string("it").placed_at(item.choice.name_node), outside, facts, wants);
    starts.push_back(c.start ? meta(item.inputs.front()) : Tensor());
    good = good && c.start.has_value();
    carries.push_back(std::move(c));
  } else if (carries.empty() && good) {
    record(fields.carry.error("carry names no value"));
    good = false;
  }

  Frame frame;
  std::optional<Formula> condition;
  inside(frame, frame_, [&] {
    List body = inner(list, name, "", kUnknown);
    if (item.inputs.front() != kNone) body.values["input"] = {item.inputs.front()};
    carry_values(carries, starts, body);
    if (!carries.empty()) body.current = carries.front().value;
    if (!fields.condition.is_null()) {
      condition = formula(fields.condition, body, env, [&](Value v) {
        const Value own = here(v);
        const auto found = std::find(frame.inputs.begin(), frame.inputs.end(), own);
        return static_cast<int>(found - frame.inputs.begin());
      });
      if (!condition) good = false;
      if (condition) {
        try {
          condition->holds(context_, metas(frame.inputs));
        } catch (Error& e) {
          e.at(fields.condition.mark().str());
          record(std::move(e));
          good = false;
        }
      }
    }
    const size_t before = recorded_;
    required_steps(fields.body, status, body, env);
    good = recorded_ == before && carry_results(carries, body, "loop") && good;
  });
  std::vector<Value> outputs(std::max<size_t>(carries.size(), 1), kUnknown);
  if (good) {
    std::vector<Value> results;
    std::vector<std::string> names;
    std::vector<Formula> start;
    for (Carry& c : carries) {
      results.push_back(c.result);
      names.push_back(c.name.empty() ? "its input" : c.name);
      start.push_back(std::move(*c.start));
    }
    Inner body = inner_program(frame, results, wants);
    repeat_rows(row + 1, fields.max);
    outputs = add_step(std::make_unique<LoopLayer>(name, std::move(start), std::move(condition), fields.max,
                                                   std::move(body), names),
                       wants.values, starts, row, item);
  }
  for (size_t i = 0; i < carries.size(); ++i) {
    if (!carries[i].name.empty()) list.values[carries[i].name] = {outputs[i]};
  }
  bind_outputs(item, outputs, list, env);
}

void Builder::scan(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "scan", list, env);
  Scan fields;
  Env facts(&env);
  set_facts(facts, item.inputs.front());
  const Status status = read_fields(item.choice.body, Scan::fields(), &fields, "scan", facts);
  bool good = status == Status::kGood;
  std::vector<Value> over;
  if (fields.over.is_null()) {
    if (needs_input(item)) item.inputs.front() = kUnknown;
    over = item.inputs;
  } else {
    const std::vector<Node> all =
        fields.over.is_list() ? fields.over.items() : std::vector<Node>{fields.over};
    for (const Node& one : all) {
      for (const Value v : reference(one, list, env)) over.push_back(v);
    }
  }
  if (good && fields.var.size() != over.size()) {
    const Node* at = item.choice.body.is_map() ? item.choice.body.find("var") : nullptr;
    record((at != nullptr ? *at : item.choice.name_node)
               .error(fmt::format("scan goes over {} value{}, but `var` names {}", over.size(),
                                  over.size() == 1 ? "" : "s", fields.var.size())));
    good = false;
  }
  const size_t row = add_row(item, name, "scan", list.depth);

  Wants wants;
  std::vector<Tensor> slices;
  int64_t steps = 0;
  for (size_t i = 0; good && i < over.size(); ++i) {
    if (over[i] < 0) {
      good = false;
      break;
    }
    // The layer takes the sequences first, also one that is there twice.
    wants.values.push_back(here(over[i]));
    const TensorSpec& spec = meta(over[i]).spec();
    const int64_t axis = fields.axis < 0 ? fields.axis + spec.rank() : fields.axis;
    std::string message;
    if (axis < 0 || axis >= spec.rank()) {
      message = fmt::format("scan cannot go over {} along axis {}", shape_text(spec.shape), fields.axis);
    } else if (spec.dim(axis) == 0) {
      message =
          fmt::format("scan goes over axis {} of {}, which is empty", fields.axis, shape_text(spec.shape));
    } else if (i > 0 && spec.dim(axis) != steps) {
      message = fmt::format("scan goes over sequences of one length, got {} and {} along axis {}", steps,
                            spec.dim(axis), fields.axis);
    }
    if (!message.empty()) {
      Error e = item.choice.name_node.error(message);
      e.kind = ErrorKind::kShape;
      record(std::move(e));
      good = false;
      break;
    }
    if (i == 0) {
      steps = spec.dim(axis);
      fields.axis = axis;
    }
    const NoGrad no_grad;
    slices.push_back(select(meta(over[i]), axis, 0));
  }
  slices.resize(over.size());
  List outside = around(list, item.inputs.front());
  std::vector<Tensor> starts;
  std::vector<Carry> carries = read_carries(item, fields.carry, outside, facts, wants, starts, good);

  Frame frame;
  std::vector<Value> emitted;
  inside(frame, frame_, [&] {
    List body = inner(list, name, "", kUnknown);
    if (item.inputs.front() != kNone) body.values["input"] = {item.inputs.front()};
    carry_values(carries, starts, body);
    for (size_t i = 0; i < slices.size(); ++i) {
      const Value slice = slices[i].defined() ? new_value(slices[i]) : kUnknown;
      if (slice >= 0) frame.inputs.push_back(slice);
      if (i == 0) body.current = slice;
      if (i < fields.var.size()) body.values[fields.var[i]] = {slice};
    }
    const size_t before = recorded_;
    required_steps(fields.body, status, body, env);
    const Node* at = item.choice.body.is_map() ? item.choice.body.find("emit") : nullptr;
    for (const std::string& one : fields.emit)
      emitted.push_back(lookup_one(Node::string(one).placed_at(*at), body));
    if (fields.emit.empty()) emitted.push_back(body.current);
    good = recorded_ == before && carry_results(carries, body, "scan") && good && known(emitted);
  });
  std::vector<Value> outputs(emitted.size() + carries.size(), kUnknown);
  if (good) {
    std::vector<Value> results;
    std::vector<std::string> names;
    std::vector<Formula> start;
    for (Carry& c : carries) {
      results.push_back(c.result);
      names.push_back(c.name);
      start.push_back(std::move(*c.start));
    }
    std::vector<Tensor> metas_out;
    for (const Value v : emitted) {
      results.push_back(v);
      const NoGrad no_grad;
      const std::vector<Tensor> parts(static_cast<size_t>(steps), meta(v));
      metas_out.push_back(stack(parts, std::min<int64_t>(fields.axis, meta(v).rank())));
      model_->trace_->report[row].activation_bytes += metas_out.back().spec().bytes();
    }
    metas_out.insert(metas_out.end(), starts.begin(), starts.end());
    Inner body = inner_program(frame, results, wants);
    repeat_rows(row + 1, steps);
    outputs = add_step(std::make_unique<ScanLayer>(name, over.size(), fields.axis, fields.reverse,
                                                   std::move(start), std::move(body), names),
                       wants.values, std::move(metas_out), row, item);
  }
  for (size_t i = 0; i < carries.size(); ++i) {
    if (!carries[i].name.empty()) list.values[carries[i].name] = {outputs[emitted.size() + i]};
  }
  outputs.resize(emitted.size());
  bind_outputs(item, outputs, list, env);
}

/// Whether the steps in `node` call a block or network that is being built around them.
bool Builder::calls_open(const Node& node) const {
  if (node.is_list()) {
    return std::any_of(node.items().begin(), node.items().end(),
                       [&](const Node& item) { return calls_open(item); });
  }
  if (!node.is_map()) return false;
  for (const Node::Entry& entry : node.entries()) {
    if (entry.key == "call") {
      for (const Callee* callee : open_) {
        const std::string& name = callee->block->name;
        const bool called = entry.value.is_map() ? entry.value.find(name) != nullptr
                                                 : entry.value.is_string() && entry.value.as_string() == name;
        if (called) return true;
      }
    }
    if (calls_open(entry.value)) return true;
  }
  return false;
}

std::vector<Builder::Value> Builder::branch_values(const Node& steps_of, List& body, const Env& env,
                                                   Value own, const std::vector<Node>& emit, Frame& frame) {
  std::vector<Value> results;
  inside(frame, frame_, [&] {
    if (own >= 0) {
      body.current = new_value(meta(own));
      frame.inputs.push_back(body.current);
    } else {
      body.current = own;
    }
    if (own != kNone) body.values["input"] = {body.current};
    steps(steps_of, body, env);
    if (emit.empty()) results.push_back(body.current);
    for (const Node& name : emit) results.push_back(lookup_one(name, body));
  });
  return results;
}

void Builder::branch(Item& item, List& list, const Env& env) {
  const std::string name = name_step(item, "if", list, env);
  If fields;
  Env facts(&env);
  set_facts(facts, item.inputs.front());
  const Status status = read_fields(item.choice.body, If::fields(), &fields, "if", facts);
  bool good = status == Status::kGood;
  if (item.inputs.size() != 1) {
    record(item.in->error(fmt::format("if takes 1 input, got {}", item.inputs.size())));
    good = false;
    item.inputs = {kUnknown};
  }
  const size_t row = add_row(item, name, "if", list.depth);
  const Value own = item.inputs.front() >= 0 ? here(item.inputs.front()) : item.inputs.front();
  Wants wants;
  List outside = around(list, own);
  std::optional<Formula> condition;
  if (!fields.cond.is_null()) condition = formula(fields.cond, outside, facts, wants);
  if (condition) {
    try {
      condition->holds(context_, metas(wants.values));
    } catch (Error& e) {
      e.at(fields.cond.mark().str());
      record(std::move(e));
      good = false;
    }
  } else {
    good = false;
  }
  const Node* emit_node = item.choice.body.is_map() ? item.choice.body.find("emit") : nullptr;
  std::vector<Node> emit;
  for (const std::string& one : fields.emit) emit.push_back(Node::string(one).placed_at(*emit_node));
  const size_t before = recorded_;
  Frame then_frame, else_frame;
  std::vector<Value> then_values, else_values;
  const auto build = [&](bool first) {
    List body = inner(list, name, first ? "then" : "else", kUnknown);
    if (first && fields.then.is_null() && status == Status::kWrong) return;
    (first ? then_values : else_values) = branch_values(first ? fields.then : fields.otherwise, body, env,
                                                        own, emit, first ? then_frame : else_frame);
  };
  // A branch with a call into the block around it needs to know what that gives: the other branch says.
  const bool then_first = !calls_open(fields.then);
  build(then_first);
  const std::vector<Value>& firsts = then_first ? then_values : else_values;
  if (known(firsts) && !firsts.empty()) {
    for (Callee* callee : open_) {
      if (!callee->instance->outputs.empty()) continue;
      for (const Value v : firsts) {
        if (v >= 0) callee->instance->outputs.push_back(meta(v).spec());
      }
    }
  }
  build(!then_first);
  good = good && recorded_ == before;
  std::vector<Value> outputs(std::max<size_t>({then_values.size(), else_values.size(), 1}), kUnknown);
  const auto without = [](const std::vector<Value>& values) {
    return std::find(values.begin(), values.end(), kNone) != values.end();
  };
  if (good && (without(then_values) || without(else_values))) {
    record(item.choice.name_node.error("a branch of the if gives nothing, because the if has no input"));
    good = false;
  }
  good = good && known(then_values) && known(else_values);
  for (size_t i = 0; good && i < then_values.size(); ++i) {
    const TensorSpec& a = meta(then_values[i]).spec();
    const TensorSpec& b = meta(else_values[i]).spec();
    if (same_form(a, b)) continue;
    const bool plain = fields.otherwise.is_list() && fields.otherwise.items().empty();
    const std::string what = emit.empty() ? "" : fmt::format("'{}' as ", fields.emit[i]);
    Error e = item.choice.name_node.error(
        fmt::format("both branches of an if give values of one form, but `then` gives {}{} and {} {}", what,
                    spec_text(a), plain ? "the input is" : "`else` gives", spec_text(b)));
    e.kind = a.shape == b.shape ? ErrorKind::kDtype : ErrorKind::kShape;
    record(std::move(e));
    good = false;
  }
  if (good) {
    std::vector<Tensor> metas_out = metas(then_values);
    std::optional<size_t> own_input;
    if (own >= 0) own_input = wants.of(own);
    Inner then = inner_program(then_frame, then_values, wants);
    Inner otherwise = inner_program(else_frame, else_values, wants);
    outputs = add_step(
        std::make_unique<IfLayer>(std::move(*condition), std::move(then), std::move(otherwise), own_input),
        wants.values, std::move(metas_out), row, item);
  }
  for (size_t i = 0; i < fields.emit.size(); ++i) {
    if (i < outputs.size()) list.values[fields.emit[i]] = {outputs[i]};
  }
  bind_outputs(item, outputs, list, env);
}

}  // namespace dlb::model
