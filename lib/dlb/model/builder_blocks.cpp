// use and call: steps from `blocks` and `models`, with weights of their own or the same ones again.

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/builder.h"
#include "dlb/model/input_type.h"

namespace dlb::model {

using config::Node;

const Block* Builder::find_block(const Item& item, const Env& env, bool call) {
  const std::string& name = item.choice.name;
  const auto found = blocks_.find(name);
  if (found != blocks_.end() && !found->second.network) return &found->second;
  if (found != blocks_.end() && call) return &found->second;
  if (found != blocks_.end()) {
    record(item.choice.name_node.error(fmt::format("'{}' is a network, not a block", name),
                                       fmt::format("its weights are there once: write `call: {}`", name)));
    return nullptr;
  }
  std::vector<std::string> valid;
  for (const auto& entry : blocks_) {
    if (call || !entry.second.network) valid.push_back(entry.first);
  }
  reading(env.scope(), [&](config::Reader& r) {
    r.unknown_name(item.choice.name_node, name, valid, call ? "block or network" : "block");
    return true;
  });
  return nullptr;
}

bool Builder::block_inputs(Item& item, const Block& block, const List& list, const Env& env) {
  std::vector<std::string_view> names;
  for (const Block::Input& input : block.inputs) names.push_back(input.name);
  named_inputs(item, names, {}, list, env);
  const bool missing = needs_input(item);
  const size_t count = item.inputs.size();
  std::string message;
  for (size_t i = 0; i < std::min(count, names.size()); ++i) {
    if (item.inputs[i] == kLeftOut) message = fmt::format("{} needs input '{}'", block.what(), names[i]);
  }
  if (message.empty() && count < names.size())
    message = fmt::format("{} needs input '{}'", block.what(), names[count]);
  if (message.empty() && count != block.input_count()) {
    message = fmt::format("{} takes {} input{}, got {}", block.what(), block.input_count(),
                          block.input_count() == 1 ? "" : "s", count);
  }
  if (!message.empty()) {
    const Node& at = item.in != nullptr ? *item.in : item.choice.name_node;
    record(
        at.error(message, count < names.size() ? fmt::format("`in: [a, b]`, or `{}: b`", names[count]) : ""));
  }
  return !missing && message.empty();
}

bool Builder::bind_block(const Item& item, const Block& block, const Env& env, Env& parameters) {
  Env facts(&env);
  set_facts(facts, item.inputs.empty() ? kNone : item.inputs.front());
  lose_facts(parameters);
  return reading(facts.scope(), [&](config::Reader& r) {
    return bind_parameters(r, block, item.choice.name_node, item.choice.body, {"in", "as", "id", "max"},
                           facts, parameters);
  });
}

std::vector<Builder::Value> Builder::block_steps(const Block& block, const std::vector<Value>& inputs,
                                                 bool good, List& body, const Env& parameters) {
  body.outer = nullptr;  // a block sees its own values only
  const Value first = good && !inputs.empty() ? inputs.front() : kUnknown;
  body.current = first;
  body.values["input"] = {first};
  std::map<std::string, int64_t> sizes;
  for (size_t i = 0; i < block.inputs.size(); ++i) {
    const Value v = good && i < inputs.size() ? inputs[i] : kUnknown;
    body.values[block.inputs[i].name] = {v};
    const Node& type = block.inputs[i].type;
    if (v < 0 || type.is_null()) continue;
    try {
      check_input_type(block.inputs[i].name, type, meta(v).spec(), fmt::format("{} gets", block.what()),
                       sizes);
    } catch (Error& e) {
      record(std::move(e));
      body.values[block.inputs[i].name] = {kUnknown};
      if (i == 0) body.current = kUnknown;
    }
  }
  steps(block.steps, body, parameters);
  if (block.outputs.is_null()) return {body.current};
  std::vector<std::string> names;
  return read_outputs(&block.outputs, body, names);
}

void Builder::use(Item& item, List& list, const Env& env) {
  const Block* block = find_block(item, env, false);
  if (block == nullptr) return bind_outputs(item, {kUnknown}, list, env);
  blocks_used_.insert(block->name);
  if (std::find(in_use_.begin(), in_use_.end(), block->name) != in_use_.end()) {
    std::string chain;
    for (const std::string& name : in_use_) chain += name + " -> ";
    record(item.choice.name_node.error(
        fmt::format("block {} uses itself: {}{}", block->name, chain, block->name)));
    return bind_outputs(item, {kUnknown}, list, env);
  }
  bool good = block_inputs(item, *block, list, env);
  const std::string name = name_step(item, block->name, list, env);
  Env parameters(reader_.scope());
  good = bind_block(item, *block, env, parameters) && good;
  if (!block->valid) return bind_outputs(item, {kUnknown}, list, env);

  const size_t row = add_row(item, name, block->name, list.depth);
  List body = inner(list, name, "", kUnknown);
  std::vector<Value> inputs;
  for (const Value v : item.inputs) inputs.push_back(v >= 0 ? here(v) : v);
  chain_.push_back(fmt::format("in block {} used at {}", block->name, model_->trace_->report[row].where));
  in_use_.push_back(block->name);
  const std::vector<Value> outputs = block_steps(*block, inputs, good, body, parameters);
  in_use_.pop_back();
  chain_.pop_back();
  finish_row(row, outputs.front());
  bind_outputs(item, outputs, list, env);
}

void Builder::call(Item& item, List& list, const Env& env) {
  const Block* block = find_block(item, env, true);
  if (block == nullptr) return bind_outputs(item, {kUnknown}, list, env);
  blocks_used_.insert(block->name);
  bool good = block_inputs(item, *block, list, env);
  Env parameters(reader_.scope());
  good = bind_block(item, *block, env, parameters) && good;
  std::string name = block->name;
  if (item.id != nullptr) {
    const std::string id = text_of(*item.id, env, "id");
    if (!id.empty()) name = id;
  }
  if (!block->valid) return bind_outputs(item, {kUnknown}, list, env);

  const auto found = callees_.find(name);
  if (found == callees_.end()) {
    const auto [taken, fresh] = root_names_.emplace(name, item.mark().str());
    if (!fresh) {
      record(item.mark_node().error(fmt::format("the name '{}' is taken already, at {}", name, taken->second),
                                    "an `id` gives what is called another one"));
      return bind_outputs(item, {kUnknown}, list, env);
    }
    Callee& callee = callees_[name];
    callee.block = block;
    return bind_outputs(item, first_call(callee, item, good, parameters, name, list), list, env);
  }
  Callee& callee = found->second;
  if (callee.block != block) {
    record(item.mark_node().error(fmt::format("'{}' was called first, at {}, as {}, and is {} here", name,
                                              root_names_[name], callee.block->what(), block->what())));
    good = false;
  }
  if (!good || callee.failed || !known(item.inputs) || !same_parameters(item, callee, parameters))
    return bind_outputs(item, {kUnknown}, list, env);
  const bool open = std::find(open_.begin(), open_.end(), &callee) != open_.end();
  if (open) return bind_outputs(item, call_within(callee, item, name, list), list, env);
  const size_t row = add_row(item, name, "call", list.depth);
  bind_outputs(item, emit(call_layer(callee, item), item.inputs, row, item), list, env);
}

std::unique_ptr<nn::Layer> Builder::call_layer(const Callee& callee, const Item& item) {
  std::optional<int64_t> most;
  if (item.max != nullptr && item.max->kind() == config::Kind::kInt) most = item.max->as_int();
  return std::make_unique<CallLayer>(
      *callee.instance, most, fmt::format("in {} called at {}", callee.instance->what, place_of(item)));
}

bool Builder::same_parameters(const Item& item, const Callee& callee, const Env& parameters) {
  for (const auto& [name, before] : callee.parameters) {
    const Node* now = parameters.scope().find(name);
    if (now == nullptr || config::same_value(before, *now)) continue;
    record(item.mark_node().error(
        fmt::format("{} was called first, at {}, with {}: {}, and has {}: {} here", callee.block->what(),
                    callee.instance->place, name, before.brief(), name, now->brief()),
        "calls share their weights, so their parameters must be equal; an `id` of its own makes another "
        "one"));
    return false;
  }
  return true;
}

std::vector<Builder::Value> Builder::first_call(Callee& callee, const Item& item, bool good,
                                                const Env& parameters, const std::string& name,
                                                const List& list) {
  const Block& block = *callee.block;
  model_->instances_.push_back(std::make_unique<Instance>());
  Instance& instance = *model_->instances_.back();
  callee.instance = &instance;
  instance.name = name;
  instance.what = block.what();
  instance.place = place_of(item);
  for (const Param& param : block.params) {
    if (const Node* value = parameters.scope().find(param.name)) callee.parameters[param.name] = *value;
  }
  const size_t row = add_row(item, name, block.name, list.depth);
  List body;
  body.prefix = name;
  body.depth = list.depth + 1;
  Frame frame;
  const bool lost = names_lost_;
  std::vector<Value> outputs;
  open_.push_back(&callee);
  in_use_.push_back(block.name);
  chain_.push_back(fmt::format("in {} called at {}", block.what(), instance.place));
  good = good && known(item.inputs);
  const size_t before = recorded_;
  inside(frame, nullptr, [&] {
    std::vector<Value> inputs;
    for (const Value v : item.inputs) {
      if (!good) break;
      inputs.push_back(new_value(meta(v)));
      frame.inputs.push_back(inputs.back());
      instance.inputs.push_back(meta(v).spec());
    }
    outputs = block_steps(block, inputs, good, body, parameters);
    for (Value& v : outputs) v = v >= 0 ? here(v) : v;
  });
  open_.pop_back();
  in_use_.pop_back();
  names_lost_ = lost;
  good = good && recorded_ == before && known(outputs);
  if (good && !callee.unchecked.empty()) {
    std::vector<TensorSpec> specs;
    for (const Value v : outputs) specs.push_back(meta(v).spec());
    const auto& taken = instance.outputs;
    if (specs.size() != taken.size() || !std::equal(specs.begin(), specs.end(), taken.begin(), same_form)) {
      Error e = item.choice.name_node.error(
          fmt::format("{} gives {}, but its calls of itself were taken to give {}", block.what(),
                      spec_text(specs.front()), spec_text(taken.front())),
          "what a block that calls itself gives is the result of the if around the call");
      e.kind = ErrorKind::kShape;
      record(std::move(e));
      good = false;
    }
  }
  std::vector<Value> results(std::max<size_t>(outputs.size(), 1), kUnknown);
  if (good) {
    std::vector<Tensor> out = metas(outputs);
    instance.outputs.clear();
    for (const Tensor& t : out) instance.outputs.push_back(t.spec());
    instance.program = std::make_unique<Program>(finished(frame, outputs));
    check_unchecked(callee);
    good = recorded_ == before;
    chain_.pop_back();
    if (good) results = add_step(call_layer(callee, item), item.inputs, std::move(out), row, item);
  } else {
    chain_.pop_back();
  }
  callee.failed = !good;
  return results;
}

std::vector<Builder::Value> Builder::call_within(Callee& callee, const Item& item, const std::string& name,
                                                 const List& list) {
  std::string message;
  std::string hint;
  if (item.max == nullptr) {
    std::string chain;
    for (const Callee* c : open_) chain += c->block->name + " -> ";
    message =
        fmt::format("{} calls itself ({}{}) without `max`", callee.block->what(), chain, callee.block->name);
    hint = "say how deep it may go: `call: {" + callee.block->name + ": {...}, max: 20}`";
  } else if (item.max->kind() != config::Kind::kInt || item.max->as_int() < 1 ||
             item.max->as_int() > kMostDepth) {
    message = fmt::format("max must be an int from 1 to {}, got {}", kMostDepth, item.max->found());
  } else if (callee.instance->outputs.empty()) {
    message = fmt::format("{} calls itself before it is known what it gives", callee.block->what());
    hint = "the call must stand in one branch of an `if` whose other branch does without it";
  }
  if (!message.empty()) {
    record((hint.empty() ? *item.max : item.choice.name_node).error(message, hint));
    return {kUnknown};
  }
  std::vector<TensorSpec> specs;
  for (const Value v : item.inputs) specs.push_back(meta(v).spec());
  callee.unchecked.emplace_back(std::move(specs), item.choice.name_node);
  const size_t row = add_row(item, name, "call", list.depth);
  std::vector<Tensor> out;
  for (TensorSpec spec : callee.instance->outputs) {
    spec.device = kMeta;
    out.push_back(Tensor::empty(std::move(spec)));
  }
  return add_step(call_layer(callee, item), item.inputs, std::move(out), row, item);
}

/// Runs each call of itself whose inputs have another form than those of the first call on meta tensors.
void Builder::check_unchecked(Callee& callee) {
  Instance& instance = *callee.instance;
  for (const auto& [specs, at] : callee.unchecked) {
    if (std::equal(specs.begin(), specs.end(), instance.inputs.begin(), instance.inputs.end(), same_form))
      continue;
    try {
      std::vector<Tensor> args;
      for (TensorSpec spec : specs) {
        spec.device = kMeta;
        args.push_back(Tensor::empty(std::move(spec)));
      }
      const NoGrad no_grad;
      const Outputs out = CallLayer(instance, std::nullopt, "").run(context_, args);
      for (size_t i = 0; i < out.size(); ++i) {
        if (same_form(out[i].spec(), instance.outputs[i])) continue;
        fail(ErrorKind::kShape, "{} gives {} for an input of shape {}, but {} for {}", instance.what,
             spec_text(out[i].spec()), shape_text(specs[0].shape), spec_text(instance.outputs[i]),
             shape_text(instance.inputs[0].shape));
      }
    } catch (Error& e) {
      if (e.where.empty() && !at.path().empty()) e.in("in " + at.path());
      e.at(at.mark().str());
      record(std::move(e));
      return;
    }
  }
}

void Builder::uncalled_networks() {
  if (recorded_ > 0 || blind_) return;
  for (const auto& [name, block] : blocks_) {
    if (!block.network || blocks_used_.contains(name)) continue;
    record(block.steps.error(fmt::format("network {} is never called", name),
                             fmt::format("run it by `call: {}`", name)));
  }
}

}  // namespace dlb::model
