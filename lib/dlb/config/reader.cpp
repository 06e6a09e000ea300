#include "dlb/config/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "dlb/config/field_types.h"
#include "dlb/config/field_value.h"
#include "dlb/config/likely_name.h"
#include "dlb/config/scalar.h"

namespace dlb::config {
namespace {

/// Names in a hint: a hundred layers would hide the error itself.
constexpr size_t kMostListed = 60;

bool contains(std::span<const std::string> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

/// "; did you mean 'adam'?", or "" when no name is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& valid) {
  const std::string near = likely_name(name, valid);
  return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

/// An error about a key of `map`: at the key, in the context of the map.
Error key_error(const Node& map, const Node::Entry& entry, std::string message, std::string hint) {
  Error e = map.error(std::move(message), std::move(hint));
  e.where = entry.key_mark.str();
  return e;
}

}  // namespace

void Reader::unknown_name(const Node& at, std::string_view name, const std::vector<std::string>& valid,
                          std::string_view what) {
  const std::string near = suggestion(name, valid);
  std::string hint;
  if (near.empty() && valid.size() > kMostListed) {
    hint = fmt::format("`dlbench help {}` lists the {} there are", what, valid.size());
  } else if (near.empty() && !valid.empty()) {
    hint = fmt::format("valid: {}", joined(valid));
  }
  error(at, fmt::format("unknown {} '{}'{}", what, name, near), std::move(hint));
}

namespace {

/// "train.epochs" for `epochs`: the place of a key that was given a level too high; "" when no section has
/// it.
std::string deeper_key(Fields fields, const std::string& key) {
  for (const Field& field : fields) {
    if (field.type != FieldType::kStruct) continue;
    for (const Field& inner : field.nested()) {
      if (inner.name == key) return field.name + "." + key;
    }
    const std::string below = deeper_key(field.nested(), key);
    if (!below.empty()) return field.name + "." + below;
  }
  return {};
}

}  // namespace

bool Reader::known_keys(const Node& map, const std::vector<std::string>& valid, std::string_view what,
                        Fields fields) {
  bool good = true;
  for (const Node::Entry& entry : map.entries()) {
    if (contains(valid, entry.key)) continue;
    std::string near = suggestion(entry.key, valid);
    if (const std::string deeper = deeper_key(fields, entry.key); !deeper.empty())
      near = fmt::format("; did you mean '{}'?", deeper);
    errors_.add(key_error(map, entry, fmt::format("unknown key '{}' in {}{}", entry.key, what, near),
                          near.empty() && !valid.empty() ? "valid keys: " + joined(valid) : ""));
    good = false;
  }
  return good;
}

bool Reader::read(const Node& written, Fields fields, void* object, std::string_view what,
                  std::span<const std::string> also) {
  Node node;
  try {
    node = evaluate(written, scope_);
  } catch (Error& e) {
    errors_.add(std::move(e));
    return false;
  }
  bool good = true;
  bool first_given = false;
  if (node.is_map()) {
    std::vector<std::string> valid;
    for (const Field& field : fields) valid.push_back(field.name);
    valid.insert(valid.end(), also.begin(), also.end());
    good = known_keys(node, valid, what, fields);
    for (const Field& field : fields) {
      const Node* value = node.find(field.name);
      if (value != nullptr && !read_value(*value, field, object, what)) good = false;
    }
  } else if (!node.is_null()) {
    if (fields.empty()) {
      error(node, fmt::format("{} takes no value, got {}", what, node.found()));
      return false;
    }
    first_given = true;
    good = read_value(node, fields.front(), object, what);
  }
  for (const Field& field : fields) {
    if (!field.required || (first_given && &field == &fields.front())) continue;
    if (node.is_map() && node.find(field.name) != nullptr) continue;
    error(node, fmt::format("missing required key '{}' in {}", field.name, what));
    good = false;
  }
  return good;
}

namespace {

/// Reads a list, or a scalar as a list of one, into the vector at `at`; errors go through `report(node,
/// index)`.
template <class T, class F>
bool read_items(const std::vector<Node>& items, const Field& field, void* at, const F& report) {
  std::vector<T> values;
  bool good = true;
  for (size_t i = 0; i < items.size(); ++i) {
    T value{};
    if (assign(items[i], element_type(field.type), field.constraint, &value)) {
      values.push_back(std::move(value));
    } else {
      report(items[i], i);
      good = false;
    }
  }
  if (good) *static_cast<std::vector<T>*>(at) = std::move(values);
  return good;
}

/// Whether a text would have been right without its quotes.
bool is_quoted_number(const Node& node, FieldType type) {
  const FieldType element = element_type(type);
  if (!node.is_string() || (element != FieldType::kInt && element != FieldType::kFloat)) return false;
  try {
    return resolve_plain(node.as_string(), {}).is_number();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

bool Reader::read_value(const Node& written, const Field& field, void* object, std::string_view what) {
  void* const at = field.at(object);
  if (field.type == FieldType::kNode) {
    try {
      *static_cast<Node*>(at) = field.evaluated ? evaluate_all(written, scope_) : written;
      return true;
    } catch (Error& e) {
      errors_.add(std::move(e));
      return false;
    }
  }
  // "the config" and "the manifest" are whole files: what stands in them needs no prefix.
  const std::string name = what.starts_with("the ") ? field.name : fmt::format("{}.{}", what, field.name);
  if (field.type == FieldType::kStruct) return read(written, field.nested(), at, name);
  const auto value_of = [&](const Node& node) -> std::optional<Node> {
    try {
      return evaluate(node, scope_);
    } catch (Error& e) {
      errors_.add(std::move(e));
      return std::nullopt;
    }
  };
  const auto wrong = [&](const Node& node, const std::string& who) {
    const std::string near = node.is_string() ? suggestion(node.as_string(), field.constraint.choices) : "";
    const std::string expected = expected_text(field.type, field.constraint);
    error(node, fmt::format("{} must be {}, got {}{}", who, expected, node.found(), near),
          is_quoted_number(node, field.type) ? "remove the quotes" : "");
    return false;
  };
  const std::optional<Node> node = value_of(written);
  if (!node) return false;
  if (!is_list_type(field.type)) {
    if (node->is_null() && is_optional_type(field.type)) {
      switch (field.type) {
        case FieldType::kOptBool:
          static_cast<std::optional<bool>*>(at)->reset();
          break;
        case FieldType::kOptInt:
          static_cast<std::optional<int64_t>*>(at)->reset();
          break;
        case FieldType::kOptFloat:
          static_cast<std::optional<double>*>(at)->reset();
          break;
        case FieldType::kOptString:
          static_cast<std::optional<std::string>*>(at)->reset();
          break;
        default:
          static_cast<std::optional<Duration>*>(at)->reset();
          break;
      }
      return true;
    }
    return assign(*node, field.type, field.constraint, at) || wrong(*node, name);
  }

  if (node->is_map() || node->is_null()) {
    const std::string element = scalar_type_text(field.type, field.constraint);
    error(*node, fmt::format("{} must be a list of {}, got {}", name, element, node->found()));
    return false;
  }
  std::vector<Node> items;
  bool good = true;
  if (node->is_list()) {
    for (const Node& item : node->items()) {
      const std::optional<Node> value = value_of(item);
      good = good && value.has_value();
      if (value) items.push_back(*value);
    }
  } else {
    items.push_back(*node);
  }
  if (!good) return false;
  if (items.size() < field.constraint.min_items || items.size() > field.constraint.max_items) {
    error(*node,
          fmt::format("{} must have {}, got {}", name, item_count_text(field.constraint), items.size()));
    return false;
  }
  const auto report = [&](const Node& item, size_t index) {
    wrong(item, node->is_list() ? fmt::format("{}[{}]", name, index) : name);
  };
  switch (field.type) {
    case FieldType::kIntList:
      return read_items<int64_t>(items, field, at, report);
    case FieldType::kFloatList:
      return read_items<double>(items, field, at, report);
    default:
      return read_items<std::string>(items, field, at, report);
  }
}

std::optional<Choice> Reader::choice(const Node& written, std::string_view what,
                                     std::span<const std::string> modifiers) {
  Node node;
  try {
    node = evaluate(written, scope_);
  } catch (Error& e) {
    errors_.add(std::move(e));
    return std::nullopt;
  }
  if (node.is_string()) return Choice{node.as_string(), node, Node().placed_at(node)};
  if (!node.is_map()) {
    error(node, fmt::format("{} must be a name or a map of one name, got {}", what, node.found()));
    return std::nullopt;
  }
  const Node::Entry* chosen = nullptr;
  bool good = true;
  for (const Node::Entry& entry : node.entries()) {
    if (contains(modifiers, entry.key)) continue;
    if (chosen == nullptr) {
      chosen = &entry;
      continue;
    }
    const std::vector<std::string> valid(modifiers.begin(), modifiers.end());
    // As other programs have it: {name: adam, lr: 1e-3}.
    const bool names_type = chosen->key == "name" || chosen->key == "type";
    const std::string hint =
        chosen->value.is_null() ? fmt::format("indent the fields of {} further than its name", chosen->key)
        : names_type && chosen->value.is_string()
            ? fmt::format("write {}: {{...}} with its fields inside", chosen->value.as_string())
        : valid.empty() ? fmt::format("{} is a map of one name", what)
                        : "beside the name may stand: " + joined(valid);
    errors_.add(key_error(node, entry,
                          fmt::format("unexpected key '{}' beside '{}'{}", entry.key, chosen->key,
                                      suggestion(entry.key, valid)),
                          hint));
    good = false;
  }
  if (chosen == nullptr) {
    error(node, fmt::format("{} has no name", what));
    return std::nullopt;
  }
  if (!good) return std::nullopt;
  const Node name = Node::string(chosen->key, chosen->key_mark).with_path(chosen->value.path());
  // Without a value of its own, what is missing in the body is reported at the name.
  return Choice{chosen->key, name, chosen->value.is_null() ? Node().placed_at(name) : chosen->value};
}

}  // namespace dlb::config
