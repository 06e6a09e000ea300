#include "dlb/config/schema.h"
#include "dlb/data/manifest.h"
#include "dlb/nn/layer.h"
#include "dlb/train/catalog.h"

namespace dlb::train {

namespace {

using config::Node;
using Entries = std::vector<Node::Entry>;

Node text(std::string value) { return Node::string(std::move(value)); }
Node reference(const std::string& name) { return Node::map({{"$ref", {}, text("#/$defs/" + name)}}); }
Node list_of(Node item) { return Node::map({{"type", {}, text("array")}, {"items", {}, std::move(item)}}); }
Node any_of(std::vector<Node> alternatives) {
  return Node::map({{"anyOf", {}, Node::list(std::move(alternatives))}});
}

Node number_schema() { return Node::map({{"type", {}, text("number")}}); }
Node expression_schema() { return Node::map({{"type", {}, text("string")}, {"pattern", {}, text("^\\$")}}); }

/// `schema` with the properties named in `replacements` described by those instead.
Node with_properties(const Node& schema, const Entries& replacements) {
  Entries out;
  for (const Node::Entry& entry : schema.entries()) {
    if (entry.key != "properties") {
      out.push_back(entry);
      continue;
    }
    Entries properties;
    for (Node::Entry property : entry.value.entries()) {
      for (const Node::Entry& r : replacements) {
        if (r.key == property.key) property.value = r.value;
      }
      properties.push_back(std::move(property));
    }
    out.push_back({entry.key, {}, Node::map(std::move(properties))});
  }
  return Node::map(std::move(out));
}

const std::vector<Described>& types_of(std::string_view category) { return find_category(category)->types; }

Node section_schema(std::string_view name, const Entries& replacements) {
  for (const Described& d : types_of("section")) {
    if (d.name == name)
      return with_properties(config::struct_schema(d.fields, d.defaults_base, d.doc), replacements);
  }
  return Node::map({});
}

Node name_schema() { return Node::map({{"type", {}, text("string")}}); }

/// A map of which one of `names` must be a key.
Node with_one_of(const Entries& properties, const std::vector<std::string>& names) {
  std::vector<Node> alternatives;
  for (const std::string& name : names)
    alternatives.push_back(Node::map({{"required", {}, Node::list({text(name)})}}));
  return Node::map({{"type", {}, text("object")},
                    {"properties", {}, Node::map(properties)},
                    {"anyOf", {}, Node::list(std::move(alternatives))},
                    {"additionalProperties", {}, Node::boolean(false)}});
}

/// The inputs that a step of that layer may name by key.
Entries input_entries(const Described& type) {
  const nn::LayerType* layer = find_type(nn::layer_types(), type.name);
  if (layer == nullptr) return {};
  Entries entries;
  const auto made = layer->make();
  for (const std::string_view input : made.object->input_names())
    entries.push_back({std::string(input), {}, name_schema()});
  return entries;
}

/// A schema of a map whose further keys are parameters of other layers, "@wte.weight".
Node with_ties(const Node& schema) {
  const Node tie = Node::map({{"type", {}, text("string")}, {"pattern", {}, text("^@")}});
  if (schema.is_list()) {
    std::vector<Node> items;
    for (const Node& item : schema.items()) items.push_back(with_ties(item));
    return Node::list(std::move(items));
  }
  if (!schema.is_map()) return schema;
  const Node* properties = schema.find("properties");
  const bool fields =
      properties != nullptr && properties->find("in") != nullptr && schema.find("oneOf") == nullptr;
  Entries out;
  for (const Node::Entry& e : schema.entries()) {
    const bool closed = fields && e.key == "additionalProperties";
    out.push_back({e.key, {}, closed ? tie : e.key == "description" ? e.value : with_ties(e.value)});
  }
  return Node::map(std::move(out));
}

/// A step of a model: a layer, a construct, `use` or `call`.
Node step_schema() {
  const Node name = name_schema();
  const Node names = any_of({name, list_of(name)});
  const Entries modifiers = {{"in", {}, names}, {"as", {}, names}, {"id", {}, name}};
  const auto inside = [&](const Described& type) {
    Entries entries = input_entries(type);
    entries.insert(entries.end(), modifiers.begin(), modifiers.end());
    return entries;
  };
  std::vector<Described> types = types_of("layer");
  for (const Described& d : types_of("construct")) {
    if (d.name != "use" && d.name != "call") types.push_back(d);
  }
  // A block or a network by its name with its parameters.
  const Node block =
      any_of({name, Node::map({{"type", {}, text("object")}, {"minProperties", {}, Node::integer(1)}})});
  Entries beside = modifiers;
  beside.push_back({"use", {}, block});
  beside.push_back({"call", {}, block});
  return any_of(
      {with_ties(config::choice_schema(types, modifiers, inside)), with_one_of(beside, {"use", "call"})});
}

/// A loss or metric, which may say where its values come from beside its name or among its fields.
Node measure_schema(std::string_view category, bool weighted) {
  const Node name = name_schema();
  const Node names = any_of({name, list_of(name)});
  const Node target = any_of({name, number_schema(), list_of(any_of({name, number_schema()}))});
  Entries beside = {{"as", {}, name}, {"in", {}, names}, {"target", {}, target}};
  Entries inside = beside;
  if (weighted) {
    beside.push_back({"weight", {}, any_of({number_schema(), expression_schema()})});
    inside.push_back(
        {"weight", {}, any_of({number_schema(), expression_schema(), list_of(number_schema())})});
  }
  return config::choice_schema(types_of(category), beside, inside);
}

/// A data set by its name with fields of its source that are to differ.
Node changed_set_schema() {
  Entries sets;
  for (const std::string& name : data::manifest_names())
    sets.push_back({name, {}, Node::map({{"type", {}, text("object")}})});
  return Node::map({{"type", {}, text("object")},
                    {"properties", {}, Node::map(std::move(sets))},
                    {"minProperties", {}, Node::integer(1)},
                    {"maxProperties", {}, Node::integer(1)},
                    {"additionalProperties", {}, Node::boolean(false)}});
}

/// `section` or a list of such.
Node one_or_list(const Node& section) { return any_of({section, list_of(section)}); }

/// The steps of a network: a list, or a map with inputs, steps and outputs.
Node network_schema() {
  const Node steps = list_of(reference("step"));
  const Node anything = Node::map({});
  return any_of(
      {steps,
       Node::map({{"type", {}, text("object")},
                  {"properties",
                   {},
                   Node::map({{"inputs", {}, anything}, {"steps", {}, steps}, {"outputs", {}, anything}})},
                  {"required", {}, Node::list({text("steps")})},
                  {"additionalProperties", {}, Node::boolean(false)}})});
}

Node map_to(Node values) {
  return Node::map({{"type", {}, text("object")}, {"additionalProperties", {}, std::move(values)}});
}

Node train_schema() {
  const Node names = any_of({name_schema(), list_of(name_schema())});
  const Node phase = section_schema("phase", {{"run", {}, reference("network")},
                                              {"loss", {}, one_or_list(reference("loss"))},
                                              {"update", {}, names},
                                              {"optimizer", {}, reference("optimizer")},
                                              {"schedule", {}, reference("schedule")}});
  return section_schema("train", {{"phases", {}, list_of(phase)}});
}

}  // namespace

Node config_schema() {
  const Node transforms = one_or_list(reference("transform"));
  const Node names = any_of({name_schema(), list_of(name_schema())});
  const Node source =
      any_of({name_schema(), config::choice_schema(types_of("source")), changed_set_schema()});
  const Entries match = {{"match", {}, names}};
  Node root = section_schema(
      "config",
      {{"data",
        {},
        section_schema(
            "data", {{"source", {}, source}, {"transforms", {}, transforms}, {"augment", {}, transforms}})},
       {"model", {}, reference("network")},
       {"models", {}, map_to(reference("network"))},
       {"loss", {}, one_or_list(reference("loss"))},
       {"optimizer", {}, reference("optimizer")},
       {"schedule", {}, reference("schedule")},
       {"metrics", {}, one_or_list(reference("metric"))},
       {"train", {}, train_schema()},
       {"init", {}, list_of(config::choice_schema(types_of("initializer"), match))},
       {"freeze", {}, names},
       {"weights", {}, one_or_list(section_schema("weights", {{"map", {}, map_to(name_schema())}}))},
       {"expect", {}, map_to(section_schema("expect", {}))}});
  Entries out = {{"$schema", {}, text("https://json-schema.org/draft/2020-12/schema")},
                 {"title", {}, text("dlbench config")}};
  for (Node::Entry entry : root.entries()) {
    // A file that includes others may leave required sections to them.
    if (entry.key == "required") continue;
    if (entry.key == "properties") {
      Entries properties = entry.value.entries();
      properties.push_back({"include",
                            {},
                            any_of({Node::map({{"type", {}, text("string")}}),
                                    list_of(Node::map({{"type", {}, text("string")}}))})});
      entry.value = Node::map(std::move(properties));
    }
    out.push_back(std::move(entry));
  }
  out.push_back({"$defs",
                 {},
                 Node::map({{"step", {}, step_schema()},
                            {"network", {}, network_schema()},
                            {"loss", {}, measure_schema("loss", true)},
                            {"metric", {}, measure_schema("metric", false)},
                            {"optimizer", {}, config::choice_schema(types_of("optimizer"))},
                            {"schedule", {}, config::choice_schema(types_of("schedule"))},
                            {"transform", {}, config::choice_schema(types_of("transform"))}})});
  return Node::map(std::move(out));
}

}  // namespace dlb::train
