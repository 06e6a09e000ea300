#include "dlb/model/builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/input_type.h"

namespace dlb::model {

using config::Node;

namespace {

const std::vector<std::string> kModifiers = {"in", "as", "id"};
const std::vector<std::string> kCallModifiers = {"in", "as", "id", "max"};

}  // namespace

std::unique_ptr<Model> Model::build(config::Reader& reader, const ModelSource& source,
                                    const std::vector<NamedSpec>& inputs, DType dtype) {
  return Builder(reader, source, dtype).build(inputs);
}

void Model::check_steps(config::Reader& reader, const ModelSource& source,
                        const std::vector<std::string>& facts) {
  Builder(reader, source, DType::kFloat32).check(facts);
}

Builder::Builder(config::Reader& reader, const ModelSource& source, DType dtype)
    : reader_(reader), source_(source), dtype_(dtype) {
  const size_t before = reader.errors().size();
  blocks_ = read_blocks(reader, source.blocks);
  read_networks(reader, source.models, blocks_);
  recorded_ = reader.errors().size() - before;
  // As in training, so that what only training demands (batch_norm: more than one value) is found too.
  context_.training = true;
  context_.shapes_only = true;
}

std::unique_ptr<Model> Builder::build(const std::vector<NamedSpec>& inputs) {
  model_.reset(new Model);
  inputs_ = inputs;
  for (NamedSpec& input : inputs_) input.spec.device = kMeta;
  model_->inputs_ = inputs;
  program(*source_.model, "", source_.wanted);
  for (const ProgramSource& further : source_.programs)
    program(*further.steps, "phases." + further.name, further.wanted);

  if (!source_.incomplete) uncalled_networks();
  for (const auto& [name, block] : blocks_) {
    if (blocks_used_.contains(name)) continue;
    std::set<std::string> names = mentioned_names(block.steps);
    for (const Param& param : block.params) names.erase(param.name);
    for (const std::string& used : names) reader_.scope().find(used);
  }
  if (recorded_ > 0 || blind_) {
    // Parts may not have been read: no complaints about unused variables on top.
    mark_used(*source_.model, reader_.scope());
    for (const ProgramSource& further : source_.programs) mark_used(*further.steps, reader_.scope());
    return nullptr;
  }
  return std::move(model_);
}

void Builder::check(std::vector<std::string> facts) {
  blind_ = true;
  lost_facts_ = std::move(facts);
  build({});
}

void Builder::program(const Node& node, const std::string& prefix, const std::vector<ValueRef>& wanted) {
  Env root(reader_.scope());
  lose_facts(root);
  names_lost_ = false;
  List top;
  top.prefix = prefix;
  const Node* body = &node;
  const Node* declared = nullptr;
  const Node* outputs = nullptr;
  const bool long_form = node.is_map() && (node.find("steps") != nullptr || node.find("inputs") != nullptr ||
                                           node.find("outputs") != nullptr);
  const std::string what = prefix.empty() ? "model" : node.path();
  if (long_form) {
    reading(reader_.scope(), [&](config::Reader& r) {
      return r.known_keys(node, {"inputs", "steps", "outputs"}, what);
    });
    declared = node.find("inputs");
    outputs = node.find("outputs");
    body = node.find("steps");
    if (body == nullptr) record(node.error(fmt::format("missing required key 'steps' in {}", what)));
  }
  Frame frame;
  std::vector<std::string> names;
  std::vector<Value> results;
  size_t count = 0;
  inside(frame, nullptr, [&] {
    frame.inputs = read_inputs(declared, top);
    if (body != nullptr) steps(*body, top, root);
    results = read_outputs(outputs, top, names);
    count = results.size();
    for (const ValueRef& value : wanted) {
      results.push_back(lookup_one(Node::string(value.name).placed_at(value.at), top));
      names.push_back(value.name);
    }
  });
  if (!blind_ && recorded_ == 0 && frame.steps.empty())
    record(node.error(prefix.empty() ? "the model has no steps" : fmt::format("{} has no steps", what)));
  if (recorded_ > 0 || blind_) return;
  DLB_CHECK(known(results));
  std::vector<TensorSpec> specs;
  for (const Value v : results) specs.push_back(meta(v).spec());
  model_->programs_.push_back(std::make_unique<Program>(finished(frame, results)));
  model_->names_.push_back(std::move(names));
  model_->specs_.push_back(std::move(specs));
  model_->output_counts_.push_back(count);
}

std::vector<Builder::Value> Builder::read_inputs(const Node* declared, List& list) {
  if (blind_) {
    list.current = kUnknown;
    list.values["input"] = {kUnknown};
    names_lost_ = true;  // the names of the data's inputs
    if (declared == nullptr || !declared->is_map()) return {};
    for (const Node::Entry& entry : declared->entries()) list.values[entry.key] = {kUnknown};
    return {};
  }
  std::vector<Value> values;
  std::vector<std::string> valid;
  for (const NamedSpec& input : inputs_) {
    values.push_back(new_value(Tensor::empty(input.spec)));
    valid.push_back(input.name);
  }
  if (declared == nullptr) {
    for (size_t i = 0; i < values.size(); ++i) list.values[inputs_[i].name] = {values[i]};
    if (!values.empty()) list.values["input"] = {values[0]};
    if (values.size() == 1) list.current = values[0];
    return values;
  }
  if (!declared->is_map() || declared->entries().empty()) {
    record(
        declared->error("inputs must be a map of names to types, such as {image: \"float[N, C, H, W]\"}, "
                        "got " +
                        declared->found()));
    names_lost_ = true;
    return values;
  }
  std::vector<Value> chosen;
  std::map<std::string, int64_t> sizes;
  for (const Node::Entry& entry : declared->entries()) {
    auto at = static_cast<size_t>(std::find(valid.begin(), valid.end(), entry.key) - valid.begin());
    // With one input there is no doubt which one is meant: it gets the declared name.
    if (inputs_.size() == 1 && declared->entries().size() == 1) at = 0;
    const Node name = Node::string(entry.key, entry.key_mark).with_path(entry.value.path());
    if (!is_identifier(entry.key)) record(name.error(fmt::format("'{}' cannot name an input", entry.key)));
    if (at == valid.size()) {
      reading(reader_.scope(), [&](config::Reader& r) {
        r.unknown_name(name, entry.key, valid, "input of the data");
        return true;
      });
    }
    chosen.push_back(at < valid.size() ? values[at] : kUnknown);
    list.values[entry.key] = {chosen.back()};
    if (at == valid.size()) continue;
    try {
      check_input_type(entry.key, entry.value, inputs_[at].spec, "the data gives", sizes);
    } catch (Error& e) {
      record(std::move(e));
    }
  }
  list.values["input"] = {chosen[0]};
  if (chosen.size() == 1 || !known(chosen)) list.current = known(chosen) ? chosen[0] : kUnknown;
  return values;
}

std::vector<Builder::Value> Builder::read_outputs(const Node* outputs, const List& list,
                                                  std::vector<std::string>& names) {
  if (outputs == nullptr) {
    names.push_back(list.current_name.empty() ? "output" : list.current_name);
    return {list.current};
  }
  std::vector<Value> values;
  const std::vector<Node> all = outputs->is_list() ? outputs->items() : std::vector<Node>{*outputs};
  for (const Node& name : all) {
    for (const Value v : lookup(name, list)) {
      values.push_back(v);
      names.push_back(name.is_string() ? name.as_string() : "");
    }
  }
  if (values.empty()) record(outputs->error("the model needs at least one output"));
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
  const bool is_call =
      node.is_map() ? node.find("call") != nullptr : node.is_string() && node.as_string() == "call";
  const std::vector<std::string>& beside = is_call ? kCallModifiers : kModifiers;
  auto choose = [&](const Node& from, std::string_view what) {
    return reading(env.scope(), [&](config::Reader& r) { return r.choice(from, what, beside); });
  };
  auto choice = choose(node, "layer");
  if (!choice) return;
  Item item{node, *choice, {}};
  bool good = !node.is_map() || modifiers(item, node, is_call);
  const bool is_use = choice->name == "use";
  if (is_use || is_call) {
    if (choice->body.is_null()) {
      return record(choice->name_node.error(is_call ? "call needs the name of a block or network"
                                                    : "use needs the name of a block"));
    }
    if (env.unknown(choice->body)) return;
    if (choice->body.is_map() && !modifiers(item, choice->body, is_call)) good = false;
    choice = choose(choice->body, is_call ? "block or network" : "block");
    if (!choice) return;
    item.choice = *choice;
  }
  if (item.choice.body.is_map() && !modifiers(item, item.choice.body, is_call)) good = false;
  if (!good) return;

  names_lost_ = lost;
  list.current = before;
  references(item, list, env);
  list.current = kUnknown;
  if (is_use) {
    use(item, list, env);
  } else if (is_call) {
    call(item, list, env);
  } else if (is_construct(item.choice.name)) {
    construct(item, list, env);
  } else {
    layer(item, list, env);
  }
}

bool Builder::modifiers(Item& item, const Node& map, bool call) {
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
  if (call) take("max", item.max);
  return good;
}

void Builder::references(Item& item, const List& list, const Env& env) {
  if (item.in == nullptr) {
    item.inputs = {list.current};
    return;
  }
  const std::vector<Node> names = item.in->is_list() ? item.in->items() : std::vector<Node>{*item.in};
  for (const Node& name : names) {
    for (const Value v : reference(name, list, env)) item.inputs.push_back(v);
  }
  if (item.inputs.empty()) {
    record(item.in->error("`in:` names no value"));
    item.inputs.push_back(kUnknown);
  }
}

std::vector<Builder::Value> Builder::reference(const Node& name, const List& list, const Env& env) {
  if (env.unknown(name)) return {kUnknown};
  try {
    return lookup(config::evaluate(name, env.scope()), list);
  } catch (Error& e) {
    record(std::move(e));
    return {kUnknown};
  }
}

bool Builder::needs_input(const Item& item) {
  if (item.inputs.empty() || item.inputs.front() != kNone) return false;
  record(item.choice.name_node.error(
      fmt::format("{} needs `in:`, because the model has several inputs", item.choice.name)));
  return true;
}

const std::vector<Builder::Value>* Builder::find_value(const std::string& name, const List& list) const {
  for (const List* at = &list; at != nullptr; at = at->outer) {
    const auto found = at->values.find(name);
    if (found != at->values.end()) return &found->second;
  }
  return nullptr;
}

std::vector<std::string> Builder::value_names(const List& list) const {
  std::set<std::string> names;
  for (const List* at = &list; at != nullptr; at = at->outer) {
    for (const auto& entry : at->values) names.insert(entry.first);
  }
  return {names.begin(), names.end()};
}

std::vector<Builder::Value> Builder::lookup(const Node& name, const List& list) {
  if (!name.is_string()) {
    record(name.error("expected the name of a value, got " + name.found()));
    return {kUnknown};
  }
  if (const auto* found = find_value(name.as_string(), list)) return *found;
  if (name.as_string() == "it") {
    if (list.current == kNone)
      record(name.error("'it' is the previous step's output, and this is the first step"));
    return {list.current == kNone ? kUnknown : list.current};
  }
  if (names_lost_) return {kUnknown};
  reading(reader_.scope(), [&](config::Reader& r) {
    r.unknown_name(name, name.as_string(), value_names(list), "value");
    return true;
  });
  return {kUnknown};
}

Builder::Value Builder::lookup_one(const Node& name, const List& list) {
  const std::vector<Value> found = lookup(name, list);
  if (found.size() == 1) return found[0];
  record(name.error(fmt::format("'{}' is a list of {} values, one is needed", name.brief(), found.size())));
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
  auto& names = list.prefix.empty() ? root_names_ : list.taken;
  const auto [taken, fresh] = names.emplace(name, item.mark().str());
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
  list.current_name.clear();
  if (item.as == nullptr) return;
  auto bind = [&](const Node& node, Value value) {
    const std::string name = text_of(node, env, "as");
    if (name == "input")
      return record(node.error("'input' is the model's or the block's input; choose another name"));
    if (name == "it") return record(node.error("'it' is the previous step's output; choose another name"));
    if (!name.empty()) list.values[name] = {value};
    if (list.current_name.empty()) list.current_name = name;
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
  if (input == kLeftOut) return;
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
  return std::all_of(values.begin(), values.end(), [](Value v) { return v >= 0 || v == kLeftOut; });
}

std::vector<std::string> Builder::frames(const Item& item) const {
  std::vector<std::string> frames;
  if (!item.node.path().empty()) frames.push_back("in " + item.node.path());
  const auto around_program = static_cast<ptrdiff_t>(frame_->chain);
  frames.insert(frames.end(), chain_.rbegin(), chain_.rend() - around_program);
  return frames;
}

}  // namespace dlb::model
