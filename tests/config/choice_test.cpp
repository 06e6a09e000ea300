// Choosing a described type by name.

#include <catch2/catch.hpp>

#include "config/config_support.h"
#include "config/sample_types.h"
#include "dlb/config/reader.h"

using namespace dlb;
using namespace dlb::config;
using namespace dlb::test;

namespace {

struct Made {
  std::unique_ptr<Optimizer> object;
  std::string report;
};

Made make(const std::string& text) {
  const Node root = parse("o: " + text + "\n");
  ErrorList errors;
  Scope scope;
  scope.set("kind", Node::string("adam"));
  Reader reader(errors, scope);
  Made made;
  made.object = reader.make(*root.find("o"), optimizers(), "optimizer");
  made.report = report_of([&] { errors.throw_if_any(); });
  CHECK((made.object != nullptr) == (made.report == "no error"));
  return made;
}

}  // namespace

TEST_CASE("a choice is a name, a name with fields, or a name with its first field") {
  CHECK(dynamic_cast<Adam&>(*make("adam").object).lr == 1e-3);
  CHECK(dynamic_cast<Adam&>(*make("{adam: {lr: 0.5, period: 3}}").object).period == 3);
  CHECK(dynamic_cast<Adam&>(*make("{adam: 0.5}").object).lr == 0.5);
  CHECK(dynamic_cast<Adam&>(*make("{adam: }").object).lr == 1e-3);
  CHECK(dynamic_cast<Adam*>(make("$kind").object.get()) != nullptr);
  CHECK(dynamic_cast<Sgd&>(*make("{sgd: {lr: 1}}").object).lr == 1);
  CHECK(dynamic_cast<Frozen*>(make("frozen").object.get()) != nullptr);
}

TEST_CASE("wrong choices") {
  CHECK(make("adm").report == "c.yaml:1:4: error: unknown optimizer 'adm'; did you mean 'adam'?\n  in o");
  CHECK(make("{adm: {lr: 1}}").report ==
        "c.yaml:1:5: error: unknown optimizer 'adm'; did you mean 'adam'?\n  in o.adm");
  CHECK(make("rmsprop").report ==
        "c.yaml:1:4: error: unknown optimizer 'rmsprop'\n  in o\n  hint: valid: adam, sgd, frozen");
  CHECK(make("5").report ==
        "c.yaml:1:4: error: optimizer must be a name or a map of one name, got 5\n  in o");
  CHECK(make("[adam]").report ==
        "c.yaml:1:4: error: optimizer must be a name or a map of one name, got a list\n  in o");
  CHECK(make("{}").report == "c.yaml:1:4: error: optimizer has no name\n  in o");
  CHECK(make("{adam: 1, sgd: 1}").report ==
        "c.yaml:1:14: error: unexpected key 'sgd' beside 'adam'\n  in o\n  hint: optimizer is a map of one "
        "name");
  CHECK(make("\n  adam:\n  lr: 1").report ==
        "c.yaml:3:3: error: unexpected key 'lr' beside 'adam'\n  in o\n  hint: indent the fields of adam "
        "further than its name");
  CHECK(make("sgd").report == "c.yaml:1:4: error: missing required key 'lr' in sgd\n  in o");
  CHECK(make("{sgd: }").report == "c.yaml:1:5: error: missing required key 'lr' in sgd\n  in o.sgd");
  CHECK(make("{frozen: 3}").report == "c.yaml:1:13: error: frozen takes no value, got 3\n  in o.frozen");
  CHECK(make("{frozen: {a: 3}}").report == "c.yaml:1:14: error: unknown key 'a' in frozen\n  in o.frozen");
  CHECK(make("{adam: {lr: 0, perod: 1}}").report ==
        "c.yaml:1:16: error: adam.lr must be a float > 0, got 0\n  in o.adam.lr\n"
        "c.yaml:1:19: error: unknown key 'perod' in adam; did you mean 'period'?\n  in o.adam");
  CHECK(make("$knid").report ==
        "c.yaml:1:5: error: unknown name 'knid' in '$knid'; did you mean 'kind'?\n  in o");
}

TEST_CASE("modifiers may stand beside the name") {
  const std::vector<std::string> modifiers = {"in", "as", "id"};
  ErrorList errors;
  const Scope scope;
  Reader reader(errors, scope);
  const Node root = parse("a: {as: x, linear: {out: 5}, in: y}\nb: {linear: 5, ass: z}\nc: {as: x}\n");
  const std::optional<Choice> a = reader.choice(*root.find("a"), "layer", modifiers);
  REQUIRE(a);
  CHECK(a->name == "linear");
  CHECK(a->name_node.mark().str() == "c.yaml:1:12");
  CHECK(a->body.find("out")->as_int() == 5);
  CHECK(errors.empty());
  CHECK(!reader.choice(*root.find("b"), "layer", modifiers));
  CHECK(!reader.choice(*root.find("c"), "layer", modifiers));
  CHECK(report_of([&] { errors.throw_if_any(); }) ==
        "c.yaml:2:16: error: unexpected key 'ass' beside 'linear'; did you mean 'as'?\n  in b\n  hint: "
        "beside the name may stand: in, as, id\n"
        "c.yaml:3:4: error: layer has no name\n  in c");
}
