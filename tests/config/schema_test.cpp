#include "dlb/config/schema.h"

#include <catch2/catch.hpp>

#include "config/config_support.h"
#include "config/sample_types.h"
#include "dlb/config/reader.h"

using namespace dlb;
using namespace dlb::config;
using namespace dlb::test;

namespace {

const Field& sample_field(std::string_view name) {
  for (const Field& field : Sample::fields()) {
    if (field.name == name) return field;
  }
  throw std::runtime_error("no such field");
}

std::string schema_of(std::string_view name) {
  Sample defaults;
  return to_json(field_schema(sample_field(name), &defaults));
}

}  // namespace

TEST_CASE("types and defaults as text") {
  Sample s;
  s.opt_every = Duration{1, true};
  const auto type = [&](const char* name) { return type_text(sample_field(name)); };
  const auto value = [&](const char* name) { return default_text(sample_field(name), &s); };
  CHECK(type("out") == "int > 0");
  CHECK(type("rate") == "float >= 0");
  CHECK(type("flag") == "bool");
  CHECK(type("name") == "string");
  CHECK(type("mode") == "one of same, valid");
  CHECK(type("drop") == "float in [0, 1)");
  CHECK(type("free") == "float");
  CHECK(type("sizes") == "list of int >= 1, 1 to 2 items");
  CHECK(type("names") == "list of string");
  CHECK(type("every") == "duration");
  CHECK(type("inner") == "map");
  CHECK(type("tree") == "any");
  CHECK(type("opt_int") == "int or null");
  CHECK(value("out") == "0");
  CHECK(value("rate") == "0.1");
  CHECK(value("flag") == "false");
  CHECK(value("name") == "n");
  CHECK(value("sizes") == "[1, 1]");
  CHECK(value("names") == "[]");
  CHECK(value("every") == "1 epoch");
  CHECK(value("inner") == "{depth: 1}");
  CHECK(value("opt_int") == "null");
  CHECK(value("opt_every") == "1 epoch");
  CHECK(value("tree") == "null");
}

TEST_CASE("the JSON schema of each field type") {
  CHECK(
      schema_of("out") ==
      R"({"description":"output features","anyOf":[{"type":"integer","exclusiveMinimum":0},{"type":"string","pattern":"^\\$"}]})");
  CHECK(
      schema_of("drop") ==
      R"({"description":"share","anyOf":[{"type":"number","minimum":0.0,"exclusiveMaximum":1.0},{"type":"string","pattern":"^\\$"}],"default":0.0})");
  CHECK(
      schema_of("mode") ==
      R"({"description":"padding","anyOf":[{"enum":["same","valid"]},{"type":"string","pattern":"^\\$"}],"default":"same"})");
  CHECK(
      schema_of("sizes") ==
      R"({"description":"sizes","anyOf":[{"type":"integer","minimum":1},{"type":"array","items":{"anyOf":[{"type":"integer","minimum":1},{"type":"string","pattern":"^\\$"}]},"minItems":1,"maxItems":2},{"type":"string","pattern":"^\\$"}],"default":[1,1]})");
  CHECK(
      schema_of("opt_flag") ==
      R"({"description":"maybe","anyOf":[{"type":"boolean"},{"type":"null"},{"type":"string","pattern":"^\\$"}],"default":null})");
  CHECK(schema_of("tree") == R"({"description":"anything"})");
  CHECK(schema_of("inner").find(R"("type":"object","properties":{"depth":{)") != std::string::npos);
  CHECK(schema_of("every").find(R"("default":"1 epoch")") != std::string::npos);
}

TEST_CASE("the schema of a described struct lists, requires and closes its keys") {
  Sgd defaults;
  const Node also = Node::map({{"in", {}, Node::map({{"type", {}, Node::string("string")}})}});
  CHECK(
      to_json(struct_schema(Sgd::fields(), &defaults, "gradient descent", also.entries())) ==
      R"({"description":"gradient descent","type":"object","properties":{)"
      R"("lr":{"description":"learning rate","anyOf":[{"type":"number","exclusiveMinimum":0.0},{"type":"string","pattern":"^\\$"}]},)"
      R"("nesterov":{"description":"look ahead","anyOf":[{"type":"boolean"},{"type":"string","pattern":"^\\$"}],"default":false},)"
      R"("in":{"type":"string"}},"required":["lr"],"additionalProperties":false})");
}

TEST_CASE("the schema of a choice offers names alone only where nothing is required") {
  const std::vector<Described> types = describe_types(optimizers());
  const Node schema = choice_schema(types);
  const std::vector<Node>& forms = schema.find("anyOf")->items();
  REQUIRE(forms.size() == 3);
  CHECK(to_json(forms[0]) == R"({"enum":["adam","frozen"]})");
  const Node& map = forms[1];
  CHECK(map.find("maxProperties")->as_int() == 1);
  CHECK(map.find("properties")->entries().size() == 3);
  const Node& frozen = *map.find("properties")->find("frozen");
  CHECK(to_json(frozen.find("anyOf")->items().back()) == R"({"type":"null"})");
  const Node& sgd = *map.find("properties")->find("sgd");
  CHECK(to_json(sgd.find("anyOf")->items().back()).find("exclusiveMinimum") != std::string::npos);

  const Node modifiers = Node::map({{"as", {}, Node::map({})}});
  const Node with = choice_schema(types, modifiers.entries());
  const Node& step = with.find("anyOf")->items()[1];
  CHECK(step.find("properties")->find("as") != nullptr);
  CHECK(step.find("maxProperties") == nullptr);
  CHECK(to_json(*step.find("oneOf")) ==
        R"([{"required":["adam"]},{"required":["sgd"]},{"required":["frozen"]}])");
}

TEST_CASE("help and reference pages") {
  const std::vector<Described> types = describe_types(optimizers());
  CHECK(help_text(types[1]) ==
        "sgd: gradient descent\n"
        "  lr        float > 0  required       learning rate\n"
        "  nesterov  bool       default false  look ahead\n");
  CHECK(help_text(types[2]) == "frozen: does nothing\n  takes no fields\n");
  CHECK(reference_markdown("Optimizers", "How weights change.", types) ==
        "## Optimizers\n\nHow weights change.\n"
        "\n### adam\n\nadaptive moments\n"
        "\n| field | type | value | meaning |\n| --- | --- | --- | --- |\n"
        "| `lr` | float > 0 | `default 0.001` | learning rate \\| step |\n"
        "| `period` | int > 0 or null | `default null` | restart |\n"
        "\n### sgd\n\ngradient descent\n"
        "\n| field | type | value | meaning |\n| --- | --- | --- | --- |\n"
        "| `lr` | float > 0 | `required` | learning rate |\n"
        "| `nesterov` | bool | `default false` | look ahead |\n"
        "\n### frozen\n\ndoes nothing\n");
  const Described sample{"sample", "all types", Sample::fields(), std::make_shared<Sample>(), nullptr};
  Described usable = sample;
  usable.defaults_base = usable.defaults.get();
  CHECK(help_text(usable).find("  inner.depth  int >= 1 ") != std::string::npos);
}
