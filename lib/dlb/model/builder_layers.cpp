// Leaf layers: fields, variables, and the run on meta tensors that gives shapes and costs.

#include <fmt/format.h>

#include "dlb/model/builder.h"
#include "dlb/model/cost_observer.h"

namespace dlb::model {

using config::Node;

namespace {

const std::vector<std::string> kModifiers = {"in", "as", "id"};

bool has_expression(const Node& node) {
  if (config::is_expression(node)) return true;
  if (node.is_list()) {
    for (const Node& item : node.items()) {
      if (has_expression(item)) return true;
    }
  } else if (node.is_map()) {
    for (const Node::Entry& entry : node.entries()) {
      if (has_expression(entry.value)) return true;
    }
  }
  return false;
}

/// Replaces expressions of unknown value in and below `node` by a number, whose complaints are to be ignored
/// at `places`.
Node replaced(const Node& node, const Env& env, std::set<std::string>& places) {
  if (env.unknown(node)) {
    places.insert(node.mark().str());
    return Node::integer(1).placed_at(node);
  }
  if (node.is_list()) {
    std::vector<Node> items;
    for (const Node& item : node.items()) items.push_back(replaced(item, env, places));
    return Node::list(std::move(items)).placed_at(node);
  }
  if (node.is_map()) {
    std::vector<Node::Entry> entries = node.entries();
    for (Node::Entry& entry : entries) entry.value = replaced(entry.value, env, places);
    return Node::map(std::move(entries)).placed_at(node);
  }
  return node;
}

/// Whether the reader evaluates a field's value; steps in a construct see other names and are left alone.
bool is_value(const Field& field) { return field.type != FieldType::kNode || field.evaluated; }

/// A body of fields with its unknown values replaced.
Node prepared(const Node& body, Fields fields, const Env& env, std::set<std::string>& places) {
  if (!has_expression(body)) return body;
  if (!body.is_map()) return !fields.empty() && is_value(fields.front()) ? replaced(body, env, places) : body;
  std::vector<Node::Entry> entries = body.entries();
  for (Node::Entry& entry : entries) {
    for (const Field& field : fields) {
      if (field.name == entry.key && is_value(field)) entry.value = replaced(entry.value, env, places);
    }
  }
  return Node::map(std::move(entries)).placed_at(body);
}

}  // namespace

Builder::Status Builder::read_fields(const Node& body, Fields fields, void* object, std::string_view what,
                                     const Env& env) {
  std::set<std::string> places;
  const Node values = prepared(body, fields, env, places);
  const size_t before = recorded_;
  reading(
      env.scope(), [&](config::Reader& r) { return r.read(values, fields, object, what, kModifiers); },
      places);
  if (recorded_ > before) return Status::kWrong;
  return places.empty() ? Status::kGood : Status::kUnknown;
}

void Builder::layer(Item& item, List& list, const Env& env) {
  const std::string& type_name = item.choice.name;
  const nn::LayerType* type = find_type(nn::layer_types(), type_name);
  if (type == nullptr) {
    if (blocks_.contains(type_name)) {
      record(item.choice.name_node.error(fmt::format("unknown layer '{}'", type_name),
                                         fmt::format("it is a block: write `use: {}`", type_name)));
    } else {
      std::vector<std::string> valid = type_names(nn::layer_types());
      for (const Described& construct : construct_types()) valid.push_back(construct.name);
      reading(env.scope(), [&](config::Reader& r) {
        r.unknown_name(item.choice.name_node, type_name, valid, "layer");
        return true;
      });
    }
    return bind_outputs(item, {kUnknown}, list, env);
  }
  const std::string name = name_step(item, type_name, list, env);
  auto made = type->make();
  bool good = true;
  std::vector<nn::Build::Tie> ties = read_ties(item, list, good);
  const std::span<const std::string_view> names = made.object->input_names();
  if (item.in == nullptr && made.object->inputs_allowed().second == 0) item.inputs.clear();
  const bool by_key = !names.empty() && named_inputs(item, names, type->fields(), list, env);
  if (needs_input(item)) item.inputs.front() = kUnknown;
  Env inner(&env);
  set_facts(inner, item.inputs.empty() ? kNone : item.inputs.front());
  const Status status = read_fields(item.choice.body, type->fields(), made.fields_base, type_name, inner);

  good = count_inputs(item, *made.object, by_key) && good;
  if (!good || status != Status::kGood || !known(item.inputs))
    return bind_outputs(item, {kUnknown}, list, env);
  while (item.inputs.size() < names.size()) item.inputs.push_back(kLeftOut);
  const size_t row = add_row(item, name, type_name, list.depth);
  bind_outputs(item, emit(std::move(made.object), item.inputs, row, item, std::move(ties)), list, env);
}

bool Builder::count_inputs(Item& item, const nn::Layer& layer, bool by_key) {
  const std::string& type = item.choice.name;
  const auto [least, most] = layer.inputs_allowed();
  if (by_key) {
    const std::span<const std::string_view> names = layer.input_names();
    for (size_t i = 0; i < static_cast<size_t>(least); ++i) {
      if (i < item.inputs.size() && item.inputs[i] != kLeftOut) continue;
      record(item.choice.name_node.error(fmt::format("{} needs input '{}'", type, names[i])));
      return false;
    }
    return true;
  }
  const auto count = static_cast<int>(std::min<size_t>(item.inputs.size(), 1 << 24));
  if (count >= least && count <= most) return true;
  const Node& at = item.in != nullptr ? *item.in : item.choice.name_node;
  if (most == 0) {
    record(at.error(fmt::format("{} takes no input", type)));
    return false;
  }
  const int bound = count < least ? least : most;
  const std::string range = least == most
                                ? fmt::format("{}", least)
                                : fmt::format("{} {}", count < least ? "at least" : "at most", bound);
  record(
      at.error(fmt::format("{} takes {} input{}, got {}", type, range, bound == 1 ? "" : "s", count),
               count < least ? "name them with `in: [a, b]`; a step's output gets a name by `as: a`" : ""));
  return false;
}

std::vector<Builder::Value> Builder::emit(std::unique_ptr<nn::Layer> layer, const std::vector<Value>& given,
                                          size_t row, const Item& item, std::vector<nn::Build::Tie> ties) {
  std::vector<Value> inputs;
  for (const Value v : given) inputs.push_back(here(v));
  Outputs outputs;
  LayerReport& report = model_->trace_->report[row];
  std::vector<std::pair<Tensor, Tensor>> transposes;
  try {
    InlineVector<Tensor, 4> args;
    std::vector<TensorSpec> specs;
    for (const Value v : inputs) {
      args.push_back(v == kLeftOut ? Tensor() : meta(v));
      specs.push_back(v == kLeftOut ? TensorSpec() : meta(v).spec());
    }
    nn::Build build(std::move(specs), dtype_);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == kLeftOut) build.leave_out(i);
    }
    for (nn::Build::Tie& tie : ties) build.tie(std::move(tie));
    layer->build(build);
    if (!check_ties(build, report.type, item)) return {kUnknown};
    for (const nn::Build::Tie& tie : build.ties()) {
      if (tie.transposed) transposes.emplace_back(tie.handle, tie.value);
    }
    for (nn::Variable& v : build.variables()) {
      if (v.trainable) {
        int64_t& total = parameters_;
        if (__builtin_add_overflow(total, v.value.numel(), &total))
          fail(ErrorKind::kShape, "the model has too many parameters to count");
        report.params += v.value.numel();
      }
      v.name = report.name + "." + v.name;
      model_->variables_.push_back(std::move(v));
    }
    const NoGrad no_grad;
    CostObserver cost;
    outputs = layer->run(context_, args);
    report.flops = cost.flops;
    report.activation_bytes = cost.bytes;
  } catch (Error& e) {
    if (e.kind == ErrorKind::kDtype && e.hint.empty() && !inputs.empty() && inputs[0] >= 0 &&
        meta(inputs[0]).dtype() == DType::kUInt8) {
      e.hint = "the data are bytes: add `to_float` to data.transforms";
    }
    if (e.context.empty() && !item.node.path().empty()) e.in("in " + item.node.path());
    e.at(item.mark().str());
    record(std::move(e));
    return {kUnknown};
  }
  DLB_CHECK(!outputs.empty());
  return add_step(std::move(layer), inputs, {outputs.begin(), outputs.end()}, row, item,
                  std::move(transposes));
}

std::string Builder::place_of(const Item& item) {
  const config::Mark mark = item.mark();
  if (mark.source == nullptr) return "";
  return mark.line > 0 ? fmt::format("{}:{}", *mark.source, mark.line) : *mark.source;
}

size_t Builder::add_row(const Item& item, const std::string& name, const std::string& type, int depth) {
  LayerReport row;
  row.name = name;
  row.type = type;
  row.where = place_of(item);
  row.depth = depth;
  row.program = model_->programs_.size();
  model_->trace_->report.push_back(std::move(row));
  return model_->trace_->report.size() - 1;
}

void Builder::finish_row(size_t row, Value output) {
  if (output >= 0) model_->trace_->report[row].output = shape_text(meta(output).shape());
}

}  // namespace dlb::model
