#include "dlb/train/weight_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dlb/config/document.h"

namespace dlb::train {

using config::Node;

namespace {

size_t stars(std::string_view text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '*')); }

}  // namespace

Node read_names_file(const std::string& file) { return config::Document::load(file).root(); }

void check_names(const Node& map, const model::Model* model, ErrorList& errors) {
  for (const Node::Entry& name : map.entries()) {
    if (!name.value.is_string()) {
      errors.add(name.value.error("expected the tensor's name in the file"));
    } else if (stars(name.value.as_string()) > stars(name.key)) {
      errors.add(name.value.error(fmt::format("'{}' has more * than '{}', which says what they stand for",
                                              name.value.as_string(), name.key)));
    } else if (model != nullptr &&
               std::none_of(model->variables().begin(), model->variables().end(), [&](const nn::Variable& v) {
                 return model::renamed(v.name, name.key, "").has_value();
               })) {
      std::vector<std::string> names;
      for (const nn::Variable& v : model->variables()) names.push_back(v.name);
      const std::string near = nearest_name(name.key, names);
      errors.add(
          name.value.error(fmt::format("the model has no variable named '{}'{}", name.key,
                                       near.empty() ? "" : fmt::format("; did you mean '{}'?", near))));
    }
  }
}

model::WeightNames weight_names(const Node& map) {
  model::WeightNames names;
  for (const Node::Entry& entry : map.entries()) names.emplace_back(entry.key, entry.value.as_string());
  return names;
}

std::vector<std::string> names_to_write(const Node& map, const model::Model& model) {
  ErrorList errors;
  check_names(map, &model, errors);
  errors.throw_if_any();
  const model::WeightNames names = weight_names(map);
  struct Taken {
    std::string variable;
    size_t entry = 0;
  };
  std::map<std::string, Taken> taken;
  std::vector<std::string> all;
  for (const nn::Variable& v : model.variables()) {
    const size_t entry = model::entry_for(v.name, names);
    all.push_back(model::name_in_file(v.name, names));
    if (all.back() == "__metadata__")
      errors.add(
          map.entries()[entry].value.error("a safetensors file keeps the name '__metadata__' for itself"));
    const auto [first, fresh] = taken.insert({all.back(), {v.name, entry}});
    if (fresh) continue;
    // One of the two is renamed, since the model's own names differ.
    const size_t cause = entry < names.size() ? entry : first->second.entry;
    errors.add(map.entries()[cause].value.error(fmt::format("two tensors would have the name '{}': {} and {}",
                                                            all.back(), first->second.variable, v.name)));
  }
  errors.throw_if_any();
  return all;
}

}  // namespace dlb::train
