#include "dlb/config/reader.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "config/config_support.h"
#include "config/sample_types.h"

using namespace dlb;
using namespace dlb::config;
using test::parse;
using test::Sample;

namespace {

/// Reads the map under `s:` of the text into a Sample; returns the report, "" when all was well.
std::string read_report(const std::string& text, Sample& sample, const std::vector<std::string>& also = {}) {
  const Node root = parse(text);
  ErrorList errors;
  Scope scope;
  scope.set("dim", Node::integer(64));
  scope.set("sizes", *parse("v: [3, 4]").find("v"));
  Reader reader(errors, scope);
  const bool good = reader.read(*root.find("s"), Sample::fields(), &sample, "sample", also);
  CHECK(good == errors.empty());
  const std::string report = test::report_of([&] { errors.throw_if_any(); });
  return report == "no error" ? std::string() : report;
}

std::string field_report(const std::string& body) {
  Sample sample;
  return read_report(fmt::format("s: {{out: 1, {}}}", body), sample);
}

}  // namespace

TEST_CASE("every field type is read") {
  Sample s;
  CHECK(read_report("s:\n  out: 1e3\n  rate: 1\n  flag: true\n  name: x\n  mode: valid\n  sizes: [1, 2.0]\n  "
                    "scales: [1, .5]\n"
                    "  names: [a, b]\n  every: 2 epochs\n  inner: {depth: 4}\n  tree: {any: [thing]}\n  "
                    "opt_flag: false\n  opt_int: 5\n"
                    "  opt_rate: 2\n  opt_name: y\n  opt_every: 500 steps\n",
                    s) == "");
  CHECK(s.out == 1000);
  CHECK(s.rate == 1.0);
  CHECK(s.flag);
  CHECK(s.name == "x");
  CHECK(s.mode == "valid");
  CHECK(s.sizes == std::vector<int64_t>{1, 2});
  CHECK(s.scales == std::vector<double>{1, 0.5});
  CHECK(s.names == std::vector<std::string>{"a", "b"});
  CHECK((s.every.count == 2 && s.every.epochs));
  CHECK(s.inner.depth == 4);
  CHECK(s.tree.find("any")->items().at(0).path() == "s.tree.any[0]");
  CHECK(s.opt_flag == false);
  CHECK(s.opt_int == 5);
  CHECK(s.opt_rate == 2.0);
  CHECK(s.opt_name == "y");
  CHECK((s.opt_every->count == 500 && !s.opt_every->epochs));
}

TEST_CASE("defaults stay, null clears an optional, scalars are lists of one") {
  Sample s;
  s.opt_int = 3;
  s.opt_flag = true;
  s.opt_rate = 1;
  s.opt_name.emplace("x");
  s.opt_every = Duration{};
  CHECK(read_report("s: {out: 1, sizes: 7, names: a, scales: 2, opt_int: null, opt_flag: ~, opt_rate: , "
                    "opt_name: null, opt_every: null, inner: }",
                    s) == "");
  CHECK(s.rate == 0.1);
  CHECK(s.sizes == std::vector<int64_t>{7});
  CHECK(s.names == std::vector<std::string>{"a"});
  CHECK(s.scales == std::vector<double>{2});
  CHECK((!s.opt_int && !s.opt_flag && !s.opt_rate && !s.opt_name && !s.opt_every));
  CHECK(s.inner.depth == 1);
}

TEST_CASE("expressions are evaluated wherever a value is read") {
  Sample s;
  CHECK(read_report("s: {out: $(2 * dim), rate: $(1 / 4), sizes: [$dim, 1], flag: $(dim == 64), name: $$x, "
                    "inner: {depth: $dim}, mode: \"$('same')\", tree: $(x)}",
                    s) == "");
  CHECK(s.out == 128);
  CHECK(s.rate == 0.25);
  CHECK(s.sizes == std::vector<int64_t>{64, 1});
  CHECK(s.flag);
  CHECK(s.name == "$x");
  CHECK(s.inner.depth == 64);
  CHECK(s.mode == "same");
  CHECK(s.tree.as_string() == "$(x)");
  CHECK(read_report("s: {out: $(dim / 16), sizes: $sizes}", s) == "");
  CHECK(s.out == 4);
  CHECK(s.sizes == std::vector<int64_t>{3, 4});
  CHECK(field_report("rate: $(dmi)") ==
        "c.yaml:1:21: error: unknown name 'dmi' in '$(dmi)'; did you mean 'dim'?\n  in s.rate");
  CHECK(field_report("sizes: [$dmi]").find("unknown name 'dmi'") != std::string::npos);
  CHECK(field_report("opt_int: $(dim / 3)") ==
        "c.yaml:1:22: error: sample.opt_int must be an int or null, got 21.333333333333332\n  in s.opt_int");
}

TEST_CASE("a lone value is the first field") {
  Sample s;
  CHECK(read_report("s: 5", s) == "");
  CHECK(s.out == 5);
  CHECK(read_report("s: $dim", s) == "");
  CHECK(s.out == 64);
  CHECK(read_report("s: x", s) ==
        "c.yaml:1:4: error: sample.out must be an int > 0, got 'x' (a string)\n  in s");
  CHECK(read_report("s: [1]", s) == "c.yaml:1:4: error: sample.out must be an int > 0, got a list\n  in s");
  CHECK(read_report("s:", s) == "c.yaml:1:3: error: missing required key 'out' in sample\n  in s");
}

TEST_CASE("types are strict and ranges hold") {
  struct Case {
    const char* body;
    const char* message;
    const char* hint;
  };
  const Case cases[] = {
      {"rate: '2'", "sample.rate must be a float >= 0, got '2' (a string)", "remove the quotes"},
      {"rate: -1", "sample.rate must be a float >= 0, got -1", nullptr},
      {"rate: .nan", "sample.rate must be a float >= 0, got .nan", nullptr},
      {"rate: true", "sample.rate must be a float >= 0, got true (a bool)", nullptr},
      {"rate: null", "sample.rate must be a float >= 0, got null", nullptr},
      {"rate: {a: 1}", "sample.rate must be a float >= 0, got a map", nullptr},
      {"opt_int: 1.5", "sample.opt_int must be an int or null, got 1.5", nullptr},
      {"opt_int: 1e30", "sample.opt_int must be an int or null, got 1e+30", nullptr},
      {"opt_int: \"3\"", "sample.opt_int must be an int or null, got '3' (a string)", "remove the quotes"},
      {"flag: yes", "sample.flag must be true or false, got 'yes' (a string)", nullptr},
      {"flag: 1", "sample.flag must be true or false, got 1", nullptr},
      {"name: 5", "sample.name must be a string, got 5", nullptr},
      {"mode: smae", "sample.mode must be one of same, valid, got 'smae' (a string); did you mean 'same'?",
       nullptr},
      {"mode: 1", "sample.mode must be one of same, valid, got 1", nullptr},
      {"drop: 1", "sample.drop must be a float in [0, 1), got 1", nullptr},
      {"sizes: {a: 1}", "sample.sizes must be a list of int >= 1, got a map", nullptr},
      {"sizes: null", "sample.sizes must be a list of int >= 1, got null", nullptr},
      {"sizes: [1, 2, 3]", "sample.sizes must have 1 to 2 items, got 3", nullptr},
      {"sizes: []", "sample.sizes must have 1 to 2 items, got 0", nullptr},
      {"sizes: a", "sample.sizes must be an int >= 1, got 'a' (a string)", nullptr},
      {"inner: {depth: 0}", "sample.inner.depth must be an int >= 1, got 0", nullptr},
      {"inner: {dpeth: 1}", "unknown key 'dpeth' in sample.inner; did you mean 'depth'?", nullptr},
      {"every: soon",
       "sample.every must be a number of steps or a text such as '2 epochs', got 'soon' (a string)", nullptr},
      {"every: -3", "sample.every must be a number of steps or a text such as '2 epochs', got -3", nullptr},
      {"every: 1.5", "sample.every must be a number of steps or a text such as '2 epochs', got 1.5", nullptr},
      {"every: 1.5 steps",
       "sample.every must be a number of steps or a text such as '2 epochs', got '1.5 steps' (a string)",
       nullptr},
      {"every: 2epochs",
       "sample.every must be a number of steps or a text such as '2 epochs', got '2epochs' (a string)",
       nullptr},
      {"every: -1 epochs",
       "sample.every must be a number of steps or a text such as '2 epochs', got '-1 epochs' (a string)",
       nullptr},
      {"every: inf epochs",
       "sample.every must be a number of steps or a text such as '2 epochs', got 'inf epochs' (a string)",
       nullptr},
  };
  for (const Case& c : cases) {
    INFO(c.body);
    const std::string report = field_report(c.body);
    CHECK(report.find(fmt::format("error: {}\n", c.message)) != std::string::npos);
    CHECK((report.find("hint: ") != std::string::npos) == (c.hint != nullptr));
    if (c.hint != nullptr) CHECK(report.ends_with(c.hint));
  }
  CHECK(field_report("sizes: [1, x]") ==
        "c.yaml:1:24: error: sample.sizes[1] must be an int >= 1, got 'x' (a string)\n  in s.sizes[1]");
  CHECK(field_report("free: .nan, scales: [.inf]") == "");
}

TEST_CASE("durations") {
  Sample s;
  for (const auto& [text, count, epochs] :
       std::initializer_list<std::tuple<const char*, double, bool>>{{"500", 500.0, false},
                                                                    {"1e3", 1000.0, false},
                                                                    {"1 epoch", 1.0, true},
                                                                    {"1.5 epochs", 1.5, true},
                                                                    {"1 step", 1.0, false},
                                                                    {"0", 0.0, false}}) {
    CHECK(read_report(fmt::format("s: {{out: 1, every: {}}}", text), s) == "");
    CHECK(s.every.count == count);
    CHECK(s.every.epochs == epochs);
  }
}

TEST_CASE("everything wrong is reported, with place and path") {
  Sample s;
  CHECK(read_report("s:\n  otu: 5\n  rate: fast\n  zzzzzzzzzz: 1\n  inner: {depth: x}\n", s) ==
        "c.yaml:2:3: error: unknown key 'otu' in sample; did you mean 'out'?\n  in s\n"
        "c.yaml:2:3: error: missing required key 'out' in sample\n  in s\n"
        "c.yaml:3:9: error: sample.rate must be a float >= 0, got 'fast' (a string)\n  in s.rate\n"
        "c.yaml:4:3: error: unknown key 'zzzzzzzzzz' in sample\n  in s\n"
        "  hint: valid keys: out, rate, flag, name, mode, drop, free, sizes, scales, names, every, inner, "
        "tree, opt_flag, opt_int, opt_rate, opt_name, opt_every\n"
        "c.yaml:5:18: error: sample.inner.depth must be an int >= 1, got 'x' (a string)\n  in s.inner.depth");
  CHECK(s.rate == 0.1);
}

TEST_CASE("keys that the caller handles are let through, and suggested") {
  Sample s;
  CHECK(read_report("s: {out: 1, in: x, as: y}", s, {"in", "as", "id"}) == "");
  CHECK(read_report("s: {out: 1, idd: x}", s, {"in", "as", "id"}).find("did you mean 'id'?") !=
        std::string::npos);
}

TEST_CASE("the contract's example") {
  const Node root = Document::parse("model: [linear: 10]\ntrain: {epohcs: 3}\n", "bad.yaml").root();
  struct Train {
    int64_t epochs = 1;
    static Fields fields() {
      static const Field list[] = {field<&Train::epochs>("epochs", "passes over the data")};
      return list;
    }
  } train;
  ErrorList errors;
  const Scope scope;
  Reader(errors, scope).read(*root.find("train"), Train::fields(), &train, "train");
  CHECK(test::report_of([&] { errors.throw_if_any(); }) ==
        "bad.yaml:2:9: error: unknown key 'epohcs' in train; did you mean 'epochs'?");
}
