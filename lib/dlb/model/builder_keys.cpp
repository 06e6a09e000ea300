// Keys of a layer's body that are no fields: inputs by name, and parameters that are another layer's.

#include <fmt/format.h>

#include <algorithm>

#include "dlb/model/builder.h"

namespace dlb::model {

using config::Node;

namespace {

bool is_reference(const Node& node) { return node.is_string() && node.as_string().starts_with('@'); }

/// The body without the entries that `taken` says.
template <class F>
Node without(const Node& body, const F& taken) {
  std::vector<Node::Entry> left;
  for (const Node::Entry& entry : body.entries()) {
    if (!taken(entry)) left.push_back(entry);
  }
  return Node::map(std::move(left)).placed_at(body);
}

}  // namespace

bool Builder::named_inputs(Item& item, std::span<const std::string_view> names, Fields fields,
                           const List& list, const Env& env) {
  const Node body = item.choice.body;
  if (!body.is_map()) return false;
  const auto index_of = [&](const std::string& key) {
    return static_cast<size_t>(std::find(names.begin(), names.end(), key) - names.begin());
  };
  std::vector<Value> inputs = item.inputs;
  bool any = false;
  for (const Node::Entry& entry : body.entries()) {
    const size_t i = index_of(entry.key);
    if (i == names.size()) continue;
    // The previous step's output is the first input, unless that one is given by its name.
    const bool given = item.in != nullptr && i < item.inputs.size();
    if (given) {
      record(entry.value.error(fmt::format("input '{}' is given twice for this step", entry.key),
                               "`in:` gives the inputs in order"));
    }
    while (inputs.size() <= i) inputs.push_back(kLeftOut);
    const std::vector<Value> found = reference(entry.value, list, env);
    if (found.size() != 1)
      record(entry.value.error(
          fmt::format("'{}' is a list of {} values, one is needed", entry.value.brief(), found.size())));
    inputs[i] = found.size() == 1 ? found[0] : kUnknown;
    any = true;
  }
  if (!any) return false;
  item.inputs = std::move(inputs);
  item.choice.body = without(body, [&](const Node::Entry& entry) {
    return index_of(entry.key) < names.size() &&
           std::none_of(fields.begin(), fields.end(), [&](const Field& f) { return f.name == entry.key; });
  });
  return true;
}

std::vector<nn::Build::Tie> Builder::read_ties(Item& item, const List& list, bool& good) {
  std::vector<nn::Build::Tie> ties;
  const Node body = item.choice.body;
  if (!body.is_map()) return ties;
  const auto tied = [](const Node::Entry& entry) { return is_reference(entry.value); };
  if (std::none_of(body.entries().begin(), body.entries().end(), tied)) return ties;
  for (const Node::Entry& entry : body.entries()) {
    if (!tied(entry)) continue;
    nn::Build::Tie tie;
    tie.name = entry.key;
    tie.source = entry.value.as_string().substr(1);
    tie.place = entry.value.mark().str();
    if (tie.source.ends_with(".T")) {
      tie.transposed = true;
      tie.source.resize(tie.source.size() - 2);
    }
    const nn::Variable* found = nullptr;
    for (std::string prefix = list.prefix; found == nullptr;) {
      const std::string full = prefix.empty() ? tie.source : prefix + "." + tie.source;
      for (const nn::Variable& v : model_->variables_) {
        if (v.name == full) found = &v;
      }
      if (prefix.empty()) break;
      const size_t dot = prefix.rfind('.');
      prefix.resize(dot == std::string::npos ? 0 : dot);
    }
    if (found != nullptr && !found->buffer) {
      if (tie.transposed && found->value.rank() != 2) {
        record(entry.value.error(
            fmt::format("{} of shape {} has no transpose", tie.source, shape_text(found->value.shape()))));
        good = false;
      }
      tie.value = found->value;
      ties.push_back(std::move(tie));
      continue;
    }
    good = false;
    // After an error the step that has it may not have been built.
    if (recorded_ > 0 || blind_) continue;
    if (found != nullptr) {
      record(entry.value.error(fmt::format("'{}' is a running statistic, not a parameter", tie.source)));
      continue;
    }
    std::vector<std::string> valid;
    for (const nn::Variable& v : model_->variables_) {
      if (!v.buffer) valid.push_back(v.name);
    }
    const std::string near = nearest_name(tie.source, valid);
    record(entry.value.error(
        fmt::format("there is no parameter '{}'{}", tie.source,
                    near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
        near.empty() ? "a parameter is named by its step and itself, such as @wte.weight, and belongs to an "
                       "earlier step"
                     : ""));
  }
  item.choice.body = without(body, tied);
  return ties;
}

bool Builder::check_ties(nn::Build& build, const std::string& type, const Item& item) {
  bool good = true;
  for (const nn::Build::Tie& tie : build.ties()) {
    if (tie.used) continue;
    good = false;
    std::vector<std::string> valid;
    for (const nn::Variable& v : build.variables()) {
      if (!v.buffer) valid.push_back(v.name);
    }
    const std::string near = nearest_name(tie.name, valid);
    std::string hint;
    for (const std::string& name : valid) hint += (hint.empty() ? "its parameters: " : ", ") + name;
    Error e(ErrorKind::kConfig,
            fmt::format("{} has no parameter '{}'{}", type, tie.name,
                        near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
            tie.place, near.empty() ? hint : "");
    if (!item.node.path().empty()) e.in("in " + item.node.path());
    record(std::move(e));
  }
  return good;
}

}  // namespace dlb::model
