#include "dlb/config/schema.h"
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

/// A step of a model: a layer, a construct, or `use`.
Node step_schema() {
  const Node name = Node::map({{"type", {}, text("string")}});
  const Entries modifiers = {{"in", {}, any_of({name, list_of(name)})}, {"as", {}, name}, {"id", {}, name}};
  std::vector<Described> types = types_of("layer");
  for (const Described& d : types_of("construct")) {
    if (d.name != "use") types.push_back(d);
  }
  const Node block =
      any_of({name, Node::map({{"type", {}, text("object")}, {"minProperties", {}, Node::integer(1)}})});
  Entries beside = modifiers;
  beside.push_back({"use", {}, block});
  // A step by its name with its modifiers, or `use` with the name of a block and theirs.
  const Node use = Node::map({{"type", {}, text("object")},
                              {"properties", {}, Node::map(std::move(beside))},
                              {"required", {}, Node::list({text("use")})},
                              {"additionalProperties", {}, Node::boolean(false)}});
  return any_of({config::choice_schema(types, modifiers, modifiers), use});
}

/// A metric, which may say `as: name` beside its name or among its fields.
Node metric_schema() {
  const Entries as = {{"as", {}, Node::map({{"type", {}, text("string")}})}};
  return config::choice_schema(types_of("metric"), as, as);
}

}  // namespace

Node config_schema() {
  const Node transforms = any_of({reference("transform"), list_of(reference("transform"))});
  const Node steps = list_of(reference("step"));
  const Node anything = Node::map({});
  const Node model = any_of(
      {steps,
       Node::map({{"type", {}, text("object")},
                  {"properties",
                   {},
                   Node::map({{"inputs", {}, anything}, {"steps", {}, steps}, {"outputs", {}, anything}})},
                  {"required", {}, Node::list({text("steps")})},
                  {"additionalProperties", {}, Node::boolean(false)}})});
  const Node source =
      any_of({Node::map({{"type", {}, text("string")}}), config::choice_schema(types_of("source"))});
  const Node metrics = any_of({reference("metric"), list_of(reference("metric"))});

  Node root = section_schema(
      "config",
      {{"data",
        {},
        section_schema(
            "data", {{"source", {}, source}, {"transforms", {}, transforms}, {"augment", {}, transforms}})},
       {"model", {}, model},
       {"loss", {}, config::choice_schema(types_of("loss"))},
       {"optimizer", {}, config::choice_schema(types_of("optimizer"))},
       {"schedule", {}, config::choice_schema(types_of("schedule"))},
       {"metrics", {}, metrics},
       {"train", {}, section_schema("train", {})},
       {"weights", {}, section_schema("weights", {})}});
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
                            {"transform", {}, config::choice_schema(types_of("transform"))},
                            {"metric", {}, metric_schema()}})});
  return Node::map(std::move(out));
}

}  // namespace dlb::train
