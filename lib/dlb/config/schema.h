#pragma once
/// \file Help, JSON schema and reference pages, generated from field descriptors.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"

namespace dlb::config {

/// JSON schema (draft 2020-12) of one field's value. Every value but a subtree may also be a `$` expression.
Node field_schema(const Field& field, void* defaults);

/// JSON schema of a map with the described fields. `also` are further properties, such as in, as, id of a
/// layer.
Node struct_schema(Fields fields, void* defaults, std::string_view doc = {},
                   std::span<const Node::Entry> also = {});

/// JSON schema of a choice among `types`: a name, or a map from one name to its fields or to its first field
/// alone. `modifiers` are properties that may stand beside the name, `also` such that may stand among the
/// fields.
Node choice_schema(std::span<const Described> types, std::span<const Node::Entry> modifiers = {},
                   std::span<const Node::Entry> also = {});

/// As choice_schema, with the properties among the fields of each type.
Node choice_schema(std::span<const Described> types, std::span<const Node::Entry> modifiers,
                   const std::function<std::vector<Node::Entry>(const Described&)>& also);

/// Help on one type for a terminal: name, purpose, then each field with type, default and meaning.
std::string help_text(const Described& type);

/// A Markdown section: the category's title and purpose, then each type with a table of its fields.
std::string reference_markdown(std::string_view title, std::string_view doc,
                               std::span<const Described> types);

}  // namespace dlb::config
