#include "dlb/model/builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/input_type.h"

namespace dlb::model {

using config::Node;

namespace {

const std::vector<std::string> kModifiers = {"in", "as", "id"};

/// Constructs whose steps stand in the list around them, where each says itself what it reads.
bool is_inline(const std::string& name) { return name == "repeat" || name == "foreach" || name == "when"; }

}  // namespace

std::unique_ptr<Model> Model::build(config::Reader& reader, const Node& model, const Node* blocks,
                                    const std::vector<TensorSpec>& inputs, DType dtype) {
  return Builder(reader, blocks, dtype).build(model, inputs);
}

void Model::check_steps(config::Reader& reader, const Node& model, const Node* blocks,
                        const std::vector<std::string>& facts) {
  Builder(reader, blocks, DType::kFloat32).check(model, facts);
}

Builder::Builder(config::Reader& reader, const Node* blocks, DType dtype) : reader_(reader), dtype_(dtype) {
  const size_t before = reader.errors().size();
  blocks_ = read_blocks(reader, blocks);
  recorded_ = reader.errors().size() - before;
  // As in training, so that what only training demands (batch_norm: more than one value) is found too.
  context_.training = true;
}

std::unique_ptr<Model> Builder::build(const Node& node, const std::vector<TensorSpec>& inputs) {
  model_.reset(new Model);
  Env root(reader_.scope());
  lose_facts(root);
  List top;
  const Node* body = &node;
  const Node* declared = nullptr;
  const Node* outputs = nullptr;
  const bool long_form = node.is_map() && (node.find("steps") != nullptr || node.find("inputs") != nullptr ||
                                           node.find("outputs") != nullptr);
  if (long_form) {
    reading(reader_.scope(), [&](config::Reader& r) {
      return r.known_keys(node, {"inputs", "steps", "outputs"}, "model");
    });
    declared = node.find("inputs");
    outputs = node.find("outputs");
    body = node.find("steps");
    if (body == nullptr) record(node.error("missing required key 'steps' in model"));
  }
  read_inputs(declared, inputs, top);
  std::vector<int> input_slots;
  for (size_t i = 0; i < inputs.size(); ++i) input_slots.push_back(static_cast<int>(i));
  if (body != nullptr) steps(*body, top, root);
  const std::vector<Value> results = read_outputs(outputs, top);
  if (!blind_ && recorded_ == 0 && model_->steps_.empty()) record(node.error("the model has no steps"));

  for (const auto& [name, block] : blocks_) {
    if (blocks_used_.contains(name)) continue;
    std::set<std::string> names = mentioned_names(block.steps);
    for (const Param& param : block.params) names.erase(param.name);
    for (const std::string& used : names) reader_.scope().find(used);
  }
  if (recorded_ > 0 || blind_) {
    mark_used(node,
              reader_.scope());  // parts may not have been read: no complaints about unused variables on top
    return nullptr;
  }
  DLB_CHECK(known(results));
  for (const Value v : results) model_->output_specs_.push_back(meta(v).spec());
  model_->slot_count_ = metas_.size();
  model_->finish(input_slots, results);
  return std::move(model_);
}

void Builder::check(const Node& node, std::vector<std::string> facts) {
  blind_ = true;
  lost_facts_ = std::move(facts);
  build(node, {});
}

void Builder::read_inputs(const Node* declared, const std::vector<TensorSpec>& inputs, List& list) {
  if (blind_) {
    list.current = list.values["input"] = kUnknown;
    if (declared == nullptr || !declared->is_map()) return;
    for (const Node::Entry& entry : declared->entries()) list.values[entry.key] = kUnknown;
    return;
  }
  std::vector<Value> values;
  for (TensorSpec spec : inputs) {
    spec.device = kMeta;
    values.push_back(new_value(Tensor::empty(spec)));
  }
  if (values.size() == 1) {
    list.current = values[0];
    list.values["input"] = values[0];
  }
  if (declared == nullptr) return;
  if (!declared->is_map() || declared->entries().size() != inputs.size()) {
    record(declared->error(fmt::format("model.inputs must name the {} input{} that the data gives, got {}",
                                       inputs.size(), inputs.size() == 1 ? "" : "s", declared->brief())));
  }
  if (!declared->is_map()) return;
  for (size_t i = 0; i < declared->entries().size(); ++i) {
    const Node::Entry& entry = declared->entries()[i];
    if (!is_identifier(entry.key))
      record(entry.value.error(fmt::format("'{}' cannot name an input", entry.key)));
    list.values[entry.key] = i < values.size() ? values[i] : kUnknown;
    if (i >= inputs.size()) continue;
    try {
      check_input_type(entry.key, entry.value, inputs[i]);
    } catch (Error& e) {
      record(std::move(e));
    }
  }
}

std::vector<Builder::Value> Builder::read_outputs(const Node* outputs, const List& list) {
  if (outputs == nullptr) return {list.current};
  std::vector<Value> values;
  if (outputs->is_list()) {
    for (const Node& name : outputs->items()) values.push_back(lookup(name, list));
    if (values.empty()) record(outputs->error("the model needs at least one output"));
  } else {
    values.push_back(lookup(*outputs, list));
  }
  return values;
}

void Builder::steps(const Node& node, List& list, const Env& env) {
  if (stopped_) return;
  if (depth_ >= kMaxDepth) {
    record(node.error(fmt::format("steps are nested more than {} deep", kMaxDepth)));
    list.current = kUnknown;
    stopped_ = true;
    return;
  }
  ++depth_;
  if (node.is_list()) {
    for (const Node& item : node.items()) step(item, list, env);
  } else if (node.is_null()) {
    record(node.error("expected steps, got null", "an empty list is written []"));
    list.current = kUnknown;
  } else {
    step(node, list, env);
  }
  --depth_;
}

void Builder::step(const Node& written, List& list, const Env& env) {
  if (!spend(written)) return;
  const Value before =
      std::exchange(list.current, kUnknown);  // what remains after any return below that is an error
  Node node = written;
  const bool lost = std::exchange(names_lost_, true);  // as is this step's `as:` then
  if (config::is_expression(node)) {
    if (env.unknown(node)) return;
    try {
      node = config::evaluate(node, env.scope());
    } catch (Error& e) {
      return record(std::move(e));
    }
  }
  auto choose = [&](const Node& from, std::string_view what) {
    return reading(env.scope(), [&](config::Reader& r) { return r.choice(from, what, kModifiers); });
  };
  auto choice = choose(node, "layer");
  if (!choice) return;
  Item item{node, *choice, {}};
  bool good = !node.is_map() || modifiers(item, node, env);
  const bool is_use = choice->name == "use";
  if (is_use) {
    if (choice->body.is_null()) return record(choice->name_node.error("use needs the name of a block"));
    if (env.unknown(choice->body)) return;
    if (choice->body.is_map() && !modifiers(item, choice->body, env)) good = false;
    choice = choose(choice->body, "block");
    if (!choice) return;
    item.choice = *choice;
  }
  if (item.choice.body.is_map() && !modifiers(item, item.choice.body, env)) good = false;
  if (!good) return;

  names_lost_ = lost;
  list.current = before;
  references(item, list, env);
  list.current = kUnknown;
  if (is_use) {
    use(item, list, env);
  } else if (is_construct(item.choice.name)) {
    construct(item, list, env);
  } else {
    layer(item, list, env);
  }
}

bool Builder::modifiers(Item& item, const Node& map, const Env& /*env*/) {
  bool good = true;
  auto take = [&](const char* key, const Node*& slot) {
    const Node* value = map.find(key);
    if (value == nullptr) return;
    if (slot != nullptr) {
      record(value->error(fmt::format("'{}' is given twice for this step", key)));
      good = false;
    }
    slot = value;
  };
  take("in", item.in);
  take("as", item.as);
  take("id", item.id);
  return good;
}

void Builder::references(Item& item, const List& list, const Env& env) {
  if (item.in == nullptr) {
    Value input = list.current;
    if (input == kNone && !is_inline(item.choice.name)) {
      record(item.choice.name_node.error(
          fmt::format("{} needs `in:`, because the model has several inputs", item.choice.name)));
      input = kUnknown;
    }
    item.inputs = {input};
    return;
  }
  auto resolve = [&](const Node& name) {
    if (env.unknown(name)) return kUnknown;
    try {
      return lookup(config::evaluate(name, env.scope()), list);
    } catch (Error& e) {
      record(std::move(e));
      return kUnknown;
    }
  };
  if (item.in->is_list()) {
    for (const Node& name : item.in->items()) item.inputs.push_back(resolve(name));
  } else {
    item.inputs.push_back(resolve(*item.in));
  }
  if (item.inputs.empty()) {
    record(item.in->error("`in:` names no value"));
    item.inputs.push_back(kUnknown);
  }
}

Builder::Value Builder::lookup(const Node& name, const List& list) {
  if (!name.is_string()) {
    record(name.error("expected the name of a value, got " + name.found()));
    return kUnknown;
  }
  std::vector<std::string> valid;
  for (const List* at = &list; at != nullptr; at = at->outer) {
    const auto found = at->values.find(name.as_string());
    if (found != at->values.end()) return found->second;
    for (const auto& entry : at->values) valid.push_back(entry.first);
  }
  if (names_lost_) return kUnknown;
  reading(reader_.scope(), [&](config::Reader& r) {
    r.unknown_name(name, name.as_string(), valid, "value");
    return true;
  });
  return kUnknown;
}

std::string Builder::text_of(const Node& node, const Env& env, std::string_view what) {
  if (env.unknown(node)) return {};
  try {
    const Node value = config::evaluate(node, env.scope());
    if (value.is_string() && is_identifier(value.as_string())) return value.as_string();
    record(node.error(
        fmt::format("{} must be a letter, then letters, digits and _, got {}", what, value.found())));
  } catch (Error& e) {
    record(std::move(e));
  }
  return {};
}

std::string Builder::name_step(const Item& item, const std::string& type, List& list, const Env& env) {
  const int number = ++list.counters[type];
  std::string name = fmt::format("{}_{}", type, number);
  if (item.id != nullptr) {
    const std::string id = text_of(*item.id, env, "id");
    if (!id.empty()) name = id;
  }
  const auto [taken, fresh] = list.taken.emplace(name, item.mark().str());
  if (!fresh) {
    const Node& at = item.id != nullptr ? *item.id : item.choice.name_node;
    const bool itself = taken->second == item.mark().str();
    record(at.error(fmt::format("the name '{}' is taken already{}", name,
                                itself ? " by this step's copy before" : ", at " + taken->second),
                    itself ? "leave the id out: repeated steps are numbered" : ""));
  }
  return list.prefix.empty() ? name : list.prefix + "." + name;
}

void Builder::bind_outputs(const Item& item, const std::vector<Value>& outputs, List& list, const Env& env) {
  list.current = outputs.front();
  if (item.as == nullptr) return;
  auto bind = [&](const Node& node, Value value) {
    const std::string name = text_of(node, env, "as");
    if (name == "input")
      return record(node.error("'input' is the model's or the block's input; choose another name"));
    if (!name.empty()) list.values[name] = value;
  };
  if (!item.as->is_list()) return bind(*item.as, outputs.front());
  const auto& names = item.as->items();
  if (names.size() > outputs.size() && outputs.front() != kUnknown) {
    record(item.as->error(
        fmt::format("`as:` names {} outputs, {} has {}", names.size(), item.choice.name, outputs.size())));
  }
  for (size_t i = 0; i < names.size(); ++i) bind(names[i], i < outputs.size() ? outputs[i] : kUnknown);
}

void Builder::set_facts(Env& env, Value input) const {
  if (input == kNone) return;
  if (input == kUnknown) {
    for (const char* name : {"in.rank", "in.channels", "in.features"}) env.set_unknown(name);
    return;
  }
  const TensorSpec& spec = meta(input).spec();
  env.set("in.rank", Node::integer(spec.rank()));
  env.set("in.channels", spec.rank() >= 2 ? Node::integer(spec.dim(1)) : Node());
  env.set("in.features", spec.rank() >= 1 ? Node::integer(spec.dim(-1)) : Node());
}

void Builder::lose_facts(Env& env) const {
  for (const std::string& name : lost_facts_) env.set_unknown(name);
}

Builder::List Builder::inner(const List& list, const std::string& name, std::string_view part,
                             Value input) const {
  List child;
  child.outer = &list;
  child.prefix = part.empty() ? name : fmt::format("{}.{}", name, part);
  child.depth = list.depth + 1;
  child.current = input;
  return child;
}

void Builder::record(Error error) {
  for (size_t i = chain_.size(); i-- > 0;) error.in(chain_[i]);
  reader_.errors().add(std::move(error));
  if (++recorded_ >= kMaxErrors) stopped_ = true;
}

bool Builder::spend(const Node& node) {
  if (stopped_) return false;
  if (++spent_ > kMaxLayers) {
    record(
        node.error(fmt::format("the model has more than {} steps once everything is repeated", kMaxLayers)));
    stopped_ = true;
    return false;
  }
  return true;
}

bool Builder::known(const std::vector<Value>& values) const {
  return std::all_of(values.begin(), values.end(), [](Value v) { return v >= 0; });
}

Builder::Value Builder::new_value(Tensor meta) {
  metas_.push_back(std::move(meta));
  return static_cast<Value>(metas_.size() - 1);
}

std::vector<std::string> Builder::frames(const Item& item) const {
  std::vector<std::string> frames;
  if (!item.node.path().empty()) frames.push_back("in " + item.node.path());
  frames.insert(frames.end(), chain_.rbegin(), chain_.rend());
  return frames;
}

}  // namespace dlb::model
