#pragma once
/// \file What the readers and the generators of documentation share about the types of fields.

#include <string>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"

namespace dlb::config {

bool is_list_type(FieldType type);
bool is_optional_type(FieldType type);
/// The type of a list's items or of an optional's value; any other type itself.
FieldType element_type(FieldType type);

/// "int > 0", "one of same, valid", "bool": one value, list and optional left aside.
std::string scalar_type_text(FieldType type, const Constraint& constraint);
/// "2 items", "1 to 3 items", "" when any number will do.
std::string item_count_text(const Constraint& constraint);

/// The present value of a field as a node.
Node field_value(const Field& field, void* object);

}  // namespace dlb::config
