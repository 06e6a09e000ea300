#include <fmt/format.h>

#include <cmath>

#include "dlb/config/field_types.h"
#include "dlb/config/reader.h"
#include "dlb/config/scalar.h"
#include "dlb/config/yaml_writer.h"

namespace dlb::config {

bool is_list_type(FieldType type) {
  return type == FieldType::kIntList || type == FieldType::kFloatList || type == FieldType::kStringList;
}

bool is_optional_type(FieldType type) {
  switch (type) {
    case FieldType::kOptBool:
    case FieldType::kOptInt:
    case FieldType::kOptFloat:
    case FieldType::kOptString:
    case FieldType::kOptDuration:
      return true;
    default:
      return false;
  }
}

FieldType element_type(FieldType type) {
  switch (type) {
    case FieldType::kIntList:
    case FieldType::kOptInt:
      return FieldType::kInt;
    case FieldType::kFloatList:
    case FieldType::kOptFloat:
      return FieldType::kFloat;
    case FieldType::kStringList:
    case FieldType::kOptString:
      return FieldType::kString;
    case FieldType::kOptBool:
      return FieldType::kBool;
    case FieldType::kOptDuration:
      return FieldType::kDuration;
    default:
      return type;
  }
}

namespace {

/// A bound without needless digits: "0", "0.5".
std::string bound_text(double value) { return fmt::format("{}", value); }

/// " > 0", " >= 1", " in [0, 1)"; "" when there is no bound.
std::string range_text(const Constraint& c) {
  const bool low = std::isfinite(c.min);
  const bool high = std::isfinite(c.max);
  if (low && high) {
    return fmt::format(" in {}{}, {}{}", c.min_open ? '(' : '[', bound_text(c.min), bound_text(c.max),
                       c.max_open ? ')' : ']');
  }
  if (low) return fmt::format(" {} {}", c.min_open ? ">" : ">=", bound_text(c.min));
  if (high) return fmt::format(" {} {}", c.max_open ? "<" : "<=", bound_text(c.max));
  return {};
}

}  // namespace

std::string scalar_type_text(FieldType type, const Constraint& constraint) {
  switch (element_type(type)) {
    case FieldType::kBool:
      return "bool";
    case FieldType::kInt:
      return "int" + range_text(constraint);
    case FieldType::kFloat:
      return "float" + range_text(constraint);
    case FieldType::kDuration:
      return "duration" + range_text(constraint);
    case FieldType::kStruct:
      return "map";
    case FieldType::kNode:
      return "any";
    default:
      break;
  }
  if (constraint.choices.empty()) return "string";
  std::string choices;
  for (const std::string& choice : constraint.choices) choices += (choices.empty() ? "" : ", ") + choice;
  return "one of " + choices;
}

std::string item_count_text(const Constraint& c) {
  const bool bounded = c.max_items != std::numeric_limits<size_t>::max();
  if (c.min_items == 0 && !bounded) return {};
  if (!bounded) return fmt::format("at least {} item{}", c.min_items, c.min_items == 1 ? "" : "s");
  if (c.min_items == c.max_items) return fmt::format("{} item{}", c.max_items, c.max_items == 1 ? "" : "s");
  if (c.min_items == 0) return fmt::format("at most {} item{}", c.max_items, c.max_items == 1 ? "" : "s");
  return fmt::format("{} to {} items", c.min_items, c.max_items);
}

std::string type_text(const Field& field) {
  const std::string element = scalar_type_text(field.type, field.constraint);
  if (is_list_type(field.type)) {
    const std::string count = item_count_text(field.constraint);
    return "list of " + element + (count.empty() ? "" : ", " + count);
  }
  return element + (is_optional_type(field.type) ? " or null" : "");
}

namespace {

template <class T>
Node list_node(const std::vector<T>& values, Node (*make)(T, Mark)) {
  std::vector<Node> items;
  for (const T& value : values) items.push_back(make(value, {}));
  return Node::list(std::move(items));
}

Node text_node(std::string value, Mark mark) { return Node::string(std::move(value), std::move(mark)); }

Node duration_node(const Duration& d) {
  if (d.epochs) return Node::string(fmt::format("{} epoch{}", d.count, d.count == 1 ? "" : "s"));
  return d.count == std::floor(d.count) && std::abs(d.count) < 1e15
             ? Node::integer(static_cast<int64_t>(d.count))
             : Node::real(d.count);
}

template <class T, class F>
Node optional_node(const void* at, const F& make) {
  const auto& value = *static_cast<const std::optional<T>*>(at);
  return value ? make(*value) : Node();
}

}  // namespace

Node field_value(const Field& field, void* object) {
  const void* at = field.at(object);
  const auto integer = [](int64_t v) { return Node::integer(v); };
  const auto real = [](double v) { return Node::real(v); };
  const auto boolean = [](bool v) { return Node::boolean(v); };
  const auto text = [](const std::string& v) { return Node::string(v); };
  switch (field.type) {
    case FieldType::kBool:
      return boolean(*static_cast<const bool*>(at));
    case FieldType::kInt:
      return integer(*static_cast<const int64_t*>(at));
    case FieldType::kFloat:
      return real(*static_cast<const double*>(at));
    case FieldType::kString:
      return text(*static_cast<const std::string*>(at));
    case FieldType::kIntList:
      return list_node(*static_cast<const std::vector<int64_t>*>(at), &Node::integer);
    case FieldType::kFloatList:
      return list_node(*static_cast<const std::vector<double>*>(at), &Node::real);
    case FieldType::kStringList:
      return list_node(*static_cast<const std::vector<std::string>*>(at), &text_node);
    case FieldType::kDuration:
      return duration_node(*static_cast<const Duration*>(at));
    case FieldType::kNode:
      return *static_cast<const Node*>(at);
    case FieldType::kOptBool:
      return optional_node<bool>(at, boolean);
    case FieldType::kOptInt:
      return optional_node<int64_t>(at, integer);
    case FieldType::kOptFloat:
      return optional_node<double>(at, real);
    case FieldType::kOptString:
      return optional_node<std::string>(at, text);
    case FieldType::kOptDuration:
      return optional_node<Duration>(at, duration_node);
    case FieldType::kStruct:
      break;
  }
  std::vector<Node::Entry> entries;
  for (const Field& inner : field.nested())
    entries.push_back({inner.name, {}, field_value(inner, field.at(object))});
  return Node::map(std::move(entries));
}

std::string default_text(const Field& field, void* default_object) {
  return to_flow_yaml(field_value(field, default_object));
}

}  // namespace dlb::config
