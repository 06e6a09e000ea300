#include <fmt/format.h>

#include <algorithm>

#include "dlb/config/field_types.h"
#include "dlb/config/reader.h"
#include "dlb/config/schema.h"

namespace dlb::config {
namespace {

/// One line of help: a field, or one inside it as "outer.inner".
struct Row {
  std::string name;
  std::string type;
  std::string value;  ///< "required" or "default 3"
  std::string doc;
};

void add_rows(std::vector<Row>& rows, Fields fields, void* defaults, const std::string& prefix) {
  for (const Field& field : fields) {
    Row row{prefix + field.name, type_text(field), {}, field.doc};
    if (field.required) {
      row.value = "required";
    } else if (field.type != FieldType::kStruct) {
      row.value = "default " + default_text(field, defaults);
    }
    rows.push_back(std::move(row));
    if (field.type == FieldType::kStruct)
      add_rows(rows, field.nested(), field.at(defaults), prefix + field.name + ".");
  }
}

std::vector<Row> rows_of(const Described& type) {
  std::vector<Row> rows;
  add_rows(rows, type.fields, type.defaults_base, "");
  return rows;
}

/// A table cell: a bar would end it.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code_cell(const std::string& text) {
  return text.empty() ? std::string() : fmt::format("`{}`", cell(text));
}

}  // namespace

std::string help_text(const Described& type) {
  const std::vector<Row> rows = rows_of(type);
  std::string out = fmt::format("{}: {}\n", type.name, type.doc);
  if (rows.empty()) return out + "  takes no fields\n";
  size_t name_width = 0;
  size_t type_width = 0;
  size_t value_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, row.name.size());
    type_width = std::max(type_width, row.type.size());
    value_width = std::max(value_width, row.value.size());
  }
  for (const Row& row : rows) {
    out += fmt::format("  {:<{}}  {:<{}}  {:<{}}  {}\n", row.name, name_width, row.type, type_width,
                       row.value, value_width, row.doc);
  }
  return out;
}

std::string reference_markdown(std::string_view title, std::string_view doc,
                               std::span<const Described> types) {
  std::string out = fmt::format("## {}\n\n{}\n", title, doc);
  for (const Described& type : types) {
    out += fmt::format("\n### {}\n\n{}\n", type.name, type.doc);
    const std::vector<Row> rows = rows_of(type);
    if (rows.empty()) continue;
    out += "\n| field | type | value | meaning |\n| --- | --- | --- | --- |\n";
    for (const Row& row : rows) {
      out += fmt::format("| {} | {} | {} | {} |\n", code_cell(row.name), cell(row.type), code_cell(row.value),
                         cell(row.doc));
    }
  }
  return out;
}

}  // namespace dlb::config
