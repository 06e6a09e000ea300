#include "dlb/config/schema.h"

#include <cmath>
#include <limits>

#include "dlb/config/field_types.h"

namespace dlb::config {
namespace {

using Entries = std::vector<Node::Entry>;

Node map_of(Entries entries) { return Node::map(std::move(entries)); }
Node::Entry entry(std::string key, Node value) { return {std::move(key), {}, std::move(value)}; }
Node text(std::string value) { return Node::string(std::move(value)); }

Node typed(std::string type) { return map_of({entry("type", text(std::move(type)))}); }

Node string_list(const std::vector<std::string>& values) {
  std::vector<Node> items;
  for (const std::string& value : values) items.push_back(text(value));
  return Node::list(std::move(items));
}

Node bound(FieldType type, double value) {
  const bool whole = type == FieldType::kInt && std::abs(value) < 1e15 && value == std::floor(value);
  return whole ? Node::integer(static_cast<int64_t>(value)) : Node::real(value);
}

Node number_schema(FieldType type, const Constraint& c) {
  Entries out{entry("type", text(type == FieldType::kInt ? "integer" : "number"))};
  if (std::isfinite(c.min))
    out.push_back(entry(c.min_open ? "exclusiveMinimum" : "minimum", bound(type, c.min)));
  if (std::isfinite(c.max))
    out.push_back(entry(c.max_open ? "exclusiveMaximum" : "maximum", bound(type, c.max)));
  return map_of(std::move(out));
}

Node expression_schema() { return map_of({entry("type", text("string")), entry("pattern", text("^\\$"))}); }

/// The schema of one scalar of an element type.
Node scalar_schema(FieldType type, const Constraint& c) {
  switch (type) {
    case FieldType::kBool:
      return typed("boolean");
    case FieldType::kInt:
    case FieldType::kFloat:
      return number_schema(type, c);
    default:
      break;
  }
  if (!c.choices.empty()) return map_of({entry("enum", string_list(c.choices))});
  return typed("string");
}

Node any_of(std::vector<Node> choices) {
  if (choices.size() == 1) return choices.front();
  return map_of({entry("anyOf", Node::list(std::move(choices)))});
}

Node list_schema(const Node& item, const Constraint& c) {
  Entries list{entry("type", text("array")), entry("items", any_of({item, expression_schema()}))};
  if (c.min_items > 0) list.push_back(entry("minItems", Node::integer(static_cast<int64_t>(c.min_items))));
  if (c.max_items != std::numeric_limits<size_t>::max()) {
    list.push_back(entry("maxItems", Node::integer(static_cast<int64_t>(c.max_items))));
  }
  return map_of(std::move(list));
}

/// The values a field takes, without its description and default.
Node value_schema(const Field& field, void* defaults) {
  const FieldType element = element_type(field.type);
  if (field.type == FieldType::kNode) return map_of({});
  if (field.type == FieldType::kStruct) return struct_schema(field.nested(), field.at(defaults));
  std::vector<Node> choices;
  if (element == FieldType::kDuration) {
    const Node pattern = text("^[0-9.]+([eE][-+]?[0-9]+)? +(steps?|epochs?)$");
    Constraint steps = field.constraint;
    if (!std::isfinite(steps.min)) steps.min = 0;
    choices = {number_schema(FieldType::kInt, steps),
               map_of({entry("type", text("string")), entry("pattern", pattern)})};
  } else {
    choices = {scalar_schema(element, field.constraint)};
  }
  if (is_list_type(field.type)) choices.push_back(list_schema(choices.front(), field.constraint));
  if (is_optional_type(field.type)) choices.push_back(typed("null"));
  choices.push_back(expression_schema());
  return any_of(std::move(choices));
}

/// What may stand after `name:`: a map of fields, the first field's value alone, or nothing when no field is
/// required.
Node body_schema(const Described& type, std::span<const Node::Entry> also) {
  std::vector<Node> forms;
  forms.reserve(3);
  forms.push_back(struct_schema(type.fields, type.defaults_base, type.doc, also));
  bool needs_more = false;
  for (const Field& field : type.fields)
    needs_more = needs_more || (field.required && &field != &type.fields.front());
  if (!type.fields.empty() && !needs_more)
    forms.push_back(value_schema(type.fields.front(), type.defaults_base));
  if (!needs_more && (type.fields.empty() || !type.fields.front().required)) forms.push_back(typed("null"));
  return any_of(std::move(forms));
}

bool usable_by_name(const Described& type) {
  for (const Field& field : type.fields) {
    if (field.required) return false;
  }
  return true;
}

}  // namespace

Node field_schema(const Field& field, void* defaults) {
  Entries out = value_schema(field, defaults).entries();
  out.insert(out.begin(), entry("description", text(field.doc)));
  const bool has_default =
      !field.required && field.type != FieldType::kStruct && field.type != FieldType::kNode;
  if (has_default) out.push_back(entry("default", field_value(field, defaults)));
  return map_of(std::move(out));
}

Node struct_schema(Fields fields, void* defaults, std::string_view doc, std::span<const Node::Entry> also) {
  Entries properties;
  std::vector<std::string> required;
  for (const Field& field : fields) {
    properties.push_back(entry(field.name, field_schema(field, defaults)));
    if (field.required) required.push_back(field.name);
  }
  properties.insert(properties.end(), also.begin(), also.end());
  Entries out;
  if (!doc.empty()) out.push_back(entry("description", text(std::string(doc))));
  out.push_back(entry("type", text("object")));
  out.push_back(entry("properties", map_of(std::move(properties))));
  if (!required.empty()) out.push_back(entry("required", string_list(required)));
  out.push_back(entry("additionalProperties", Node::boolean(false)));
  return map_of(std::move(out));
}

Node choice_schema(std::span<const Described> types, std::span<const Node::Entry> modifiers,
                   std::span<const Node::Entry> also) {
  return choice_schema(types, modifiers, [&](const Described&) { return Entries(also.begin(), also.end()); });
}

Node choice_schema(std::span<const Described> types, std::span<const Node::Entry> modifiers,
                   const std::function<Entries(const Described&)>& also) {
  std::vector<std::string> names;
  std::vector<Node> one_name;
  Entries properties;
  for (const Described& type : types) {
    if (usable_by_name(type)) names.push_back(type.name);
    properties.push_back(entry(type.name, body_schema(type, also(type))));
    one_name.push_back(map_of({entry("required", string_list({type.name}))}));
  }
  properties.insert(properties.end(), modifiers.begin(), modifiers.end());
  Entries map{entry("type", text("object")), entry("properties", map_of(std::move(properties))),
              entry("additionalProperties", Node::boolean(false))};
  if (modifiers.empty()) {
    map.push_back(entry("minProperties", Node::integer(1)));
    map.push_back(entry("maxProperties", Node::integer(1)));
  } else {
    map.push_back(entry("oneOf", Node::list(std::move(one_name))));
  }
  std::vector<Node> forms;
  if (!names.empty()) forms.push_back(map_of({entry("enum", string_list(names))}));
  forms.push_back(map_of(std::move(map)));
  forms.push_back(expression_schema());
  return any_of(std::move(forms));
}

}  // namespace dlb::config
