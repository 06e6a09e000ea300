#include "dlb/config/expression.h"

#include <catch2/catch.hpp>
#include <limits>

#include "config/config_support.h"

using namespace dlb;
using namespace dlb::config;
using test::parse;
using test::repeated;

namespace {

Scope sample_scope() {
  Scope scope;
  scope.set("dim", Node::integer(64));
  scope.set("half", Node::real(0.5));
  scope.set("mode", Node::string("fast"));
  scope.set("on", Node::boolean(true));
  scope.set("nothing", Node());
  scope.set("in.channels", Node::integer(3));
  scope.set("enc", parse("{dim: 128, deep: {er: 7}}"));
  scope.set("dims", parse("v: [1, 2]").find("v")->placed_at(Node()));
  scope.set("big", Node::integer(std::numeric_limits<int64_t>::max()));
  scope.set("low", Node::integer(std::numeric_limits<int64_t>::min()));
  return scope;
}

/// The value as YAML, or the first error's message.
std::string value_of(const std::string& text) {
  try {
    return to_yaml(evaluate(Node::string(text), sample_scope()));
  } catch (const Error& e) {
    return e.message;
  }
}

}  // namespace

TEST_CASE("expressions compute") {
  struct Case {
    const char* text;
    const char* value;
  };
  const Case cases[] = {
      {"$dim", "64"},
      {"$in.channels", "3"},
      {"$enc.dim", "128"},
      {"$enc.deep.er", "7"},
      {"$dims", "[1, 2]"},
      {"$mode", "fast"},
      {"$$dim", "$dim"},
      {"$$", "$"},
      {"plain", "plain"},
      {"$(dim)", "64"},
      {"$( 4*dim )", "256"},
      {"$(4 * (dim + 2) - 1)", "263"},
      {"$(1 + 2 * 3 ** 2)", "19"},
      {"$(2 ** 3 ** 2)", "512"},
      {"$(-2 ** 2)", "-4"},
      {"$(2 ** -1)", "0.5"},
      {"$((-2) ** 3)", "-8"},
      {"$(2 ** 62)", "4611686018427387904"},
      {"$(1 ** 9223372036854775807)", "1"},
      {"$(0 ** 0)", "1"},
      {"$(2.0 ** 3)", "8.0"},
      {"$(dim / 4)", "16.0"},
      {"$(7 / 2)", "3.5"},
      {"$(7 // 2)", "3"},
      {"$(-7 // 2)", "-4"},
      {"$(7 // -2)", "-4"},
      {"$(-7 // -2)", "3"},
      {"$(7.5 // 2)", "3.0"},
      {"$(7 % 3)", "1"},
      {"$(-7 % 3)", "2"},
      {"$(7 % -3)", "-2"},
      {"$(-7.5 % 2)", "0.5"},
      {"$(low % -1)", "0"},
      {"$(6 - 2 - 1)", "3"},
      {"$(12 / 3 / 2)", "2.0"},
      {"$(--3)", "3"},
      {"$(+3)", "3"},
      {"$(half * dim)", "32.0"},
      {"$(1e-4 + .5)", "0.5001"},
      {"$(1 == 1.0)", "true"},
      {"$(mode == 'fast')", "true"},
      {"$(mode != \"slow\")", "true"},
      {"$(on == true)", "true"},
      {"$(nothing == 3)", "false"},
      {"$(nothing == nothing)", "true"},
      {"$(dims == dims)", "true"},
      {"$(1 < 2)", "true"},
      {"$(2 <= 2)", "true"},
      {"$(3 > 4)", "false"},
      {"$(big >= 1e3)", "true"},
      {"$(big > low)", "true"},
      {"$(not on)", "false"},
      {"$(not 1 == 2)", "true"},
      {"$(not not on)", "true"},
      {"$(on and 1 < 2 or false)", "true"},
      {"$(true or false and false)", "true"},
      {"$(false and false or true)", "true"},
      {"$(false or 1 == 1)", "true"},
      {"$(false and 1 // 0 == 1)", "false"},
      {"$(true or 1 // 0 == 1)", "true"},
      {"$(true or (1 // 0 == 1 and -(1 % 0) > sqrt(-1)))", "true"},
      {"$(in.channels != 3 or dim == 64)", "true"},
      {"$(min(3, 1, 2))", "1"},
      {"$(max(1, 2.5))", "2.5"},
      {"$(max(dim))", "64"},
      {"$(ceil(2.1) + floor(2.9))", "5"},
      {"$(ceil(3) * floor(-0.5))", "-3"},
      {"$(sqrt(16))", "4.0"},
      {"$(log(1))", "0.0"},
      {"$(int(-2.9))", "-2"},
      {"$(int(dim / 3))", "21"},
      {"$(ordinary)", "unknown name 'ordinary' in '$(ordinary)'"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    std::string value = value_of(c.text);
    if (!value.empty() && value.back() == '\n') value.pop_back();
    CHECK(value == c.value);
  }
}

TEST_CASE("wrong expressions say why") {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"$dmi", "unknown name 'dmi' in '$dmi'; did you mean 'dim'?"},
      {"$(dmi + 1)", "unknown name 'dmi' in '$(dmi + 1)'; did you mean 'dim'?"},
      {"$enc.dmi", "unknown name 'enc.dmi' in '$enc.dmi'"},
      {"$(true or zzzzzzzz)", "unknown name 'zzzzzzzz' in '$(true or zzzzzzzz)'"},
      {"$", "expected a name after '$' in '$'"},
      {"$5", "expected a name after '$' in '$5'"},
      {"$dim + 1", "unexpected ' + 1' after $dim in '$dim + 1'"},
      {"$()", "unexpected ')' in '$()'"},
      {"$(", "the expression ends too early in '$('"},
      {"$(1 +", "the expression ends too early in '$(1 +'"},
      {"$(1", "')' is missing at the end in '$(1'"},
      {"$(1 2)", "expected ')' before '2)' in '$(1 2)'"},
      {"$(1) x", "unexpected 'x' after the expression in '$(1) x'"},
      {"$(1 < 2 < 3)", "comparisons do not chain in '$(1 < 2 < 3)'"},
      {"$(dim = 3)", "expected ')' before '= 3)' in '$(dim = 3)'"},
      {"$(mode + 1)", "'+' needs numbers, got 'fast' (a string) in '$(mode + 1)'"},
      {"$(on + 1)", "'+' needs numbers, got true (a bool) in '$(on + 1)'"},
      {"$(-mode)", "'-' needs numbers, got 'fast' (a string) in '$(-mode)'"},
      {"$(nothing * 2)", "'*' needs numbers, got null in '$(nothing * 2)'"},
      {"$(mode == 3)", "'==' cannot compare 'fast' (a string) with 3 in '$(mode == 3)'"},
      {"$(mode < 'x')", "'<' needs numbers, got 'fast' (a string) in '$(mode < 'x')'"},
      {"$(1 and true)", "'and' needs true or false, got 1 in '$(1 and true)'"},
      {"$(true and 1)", "'and' needs true or false, got 1 in '$(true and 1)'"},
      {"$(not 1)", "'not' needs true or false, got 1 in '$(not 1)'"},
      {"$(1 // 0)", "division by zero in 1 // 0 in '$(1 // 0)'"},
      {"$(1 / 0.0)", "division by zero in 1 / 0.0 in '$(1 / 0.0)'"},
      {"$(1 % 0)", "division by zero in 1 % 0 in '$(1 % 0)'"},
      {"$(big + 1)", "9223372036854775807 + 1 does not fit a 64-bit int in '$(big + 1)'"},
      {"$(low - 1)", "-9223372036854775808 - 1 does not fit a 64-bit int in '$(low - 1)'"},
      {"$(big * 2)", "9223372036854775807 * 2 does not fit a 64-bit int in '$(big * 2)'"},
      {"$(low // -1)", "-9223372036854775808 // -1 does not fit a 64-bit int in '$(low // -1)'"},
      {"$(-low)", "0 - -9223372036854775808 does not fit a 64-bit int in '$(-low)'"},
      {"$(2 ** 63)", "2 ** 63 does not fit a 64-bit int in '$(2 ** 63)'"},
      {"$(3 ** 9223372036854775807)",
       "3 ** 9223372036854775807 does not fit a 64-bit int in '$(3 ** 9223372036854775807)'"},
      {"$(1e300 * 1e300)", "1e+300 * 1e+300 is not a finite number in '$(1e300 * 1e300)'"},
      {"$((-1) ** 0.5)", "-1 ** 0.5 is not a finite number in '$((-1) ** 0.5)'"},
      {"$(0.0 ** -1)", "0 ** -1 is not a finite number in '$(0.0 ** -1)'"},
      {"$(99999999999999999999)",
       "the number 99999999999999999999 does not fit a 64-bit int in '$(99999999999999999999)'"},
      {"$(1.2.3)", "'1.2.3' is not a number in '$(1.2.3)'"},
      {"$(3x)", "'3x' is not a number in '$(3x)'"},
      {"$(int(1e30))", "int(1e+30) does not fit a 64-bit int in '$(int(1e30))'"},
      {"$(ceil(9223372036854775808.0))",
       "ceil(9.223372036854776e+18) does not fit a 64-bit int in '$(ceil(9223372036854775808.0))'"},
      {"$(sqrt(-1))", "sqrt of -1, a negative number in '$(sqrt(-1))'"},
      {"$(log(0))", "log of 0, which is not positive in '$(log(0))'"},
      {"$(min())", "unexpected ')' in '$(min())'"},
      {"$(sqrt(1, 2))", "sqrt takes one number, got 2 arguments in '$(sqrt(1, 2))'"},
      {"$(max('a'))", "'max' needs numbers, got 'a' (a string) in '$(max('a'))'"},
      {"$(flor(1))", "unknown function 'flor' in '$(flor(1))'"},
      {"$('x)", "this quote is not closed in '$('x)'"},
      {"$(and)", "unexpected 'and' in '$(and)'"},
      {"$(dim; 1)", "expected ')' before '; 1)' in '$(dim; 1)'"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    std::string message = value_of(c.text);
    if (std::string(c.text) == "$(min())") {
      CHECK(message == "min takes one or more numbers, got 0 arguments in '$(min())'");
    } else {
      CHECK(message == c.message);
    }
  }
}

TEST_CASE("hostile expressions end in an error") {
  for (const char* token : {"(", "-", "not ", "1**", "min(", "2 ** -", "(1 + ", "true or (", "+"}) {
    INFO(token);
    CHECK(value_of("$(" + repeated(token, 100'000)) != "no error");
    CHECK(value_of("$(" + repeated(token, 100'000)).find("nested too deeply") != std::string::npos);
  }
  CHECK(value_of("$(" + repeated("1 + ", 1'000) + "1)") == "1001\n");
  CHECK(value_of("$(" + repeated("1 + ", 50'000) + "1)").find("the expression is too long") !=
        std::string::npos);
  CHECK(value_of("$(" + repeated("(", 90) + "1" + repeated(")", 90) + ")") == "1\n");
}

TEST_CASE("an error points into the expression where its place is known") {
  const Scope scope;
  const Node root = parse(
      "a: $(1 + xx)\nb: '$(1 + xx)'\nc: {k: \"$(1 // 0)\"}\nd: >-\n  $(1 +\n  xx)\ne: \"\\x24(1 + xx)\"\n",
      {"f=$(1 + xx)"});
  const auto where = [&](const Node& node) {
    try {
      evaluate(node, scope);
    } catch (const Error& e) {
      return e.where;
    }
    return std::string("no error");
  };
  CHECK(where(*root.find("a")) == "c.yaml:1:10");
  CHECK(where(*root.find("b")) == "c.yaml:2:11");
  CHECK(where(*root.find("c")->find("k")) == "c.yaml:3:13");
  CHECK(where(*root.find("d")) == "c.yaml:4:4");
  CHECK(where(*root.find("e")) == "c.yaml:7:4");
  CHECK(where(*root.find("f")) == "--set f=$(1 + xx)");
  CHECK(test::report_of([&] { evaluate(*root.find("c")->find("k"), scope); }) ==
        "c.yaml:3:13: error: division by zero in 1 // 0 in '$(1 // 0)'\n  in c.k");
}

TEST_CASE("the value stands at the place of the expression") {
  const Node root = parse("a: $dim\n");
  const Node value = evaluate(*root.find("a"), sample_scope());
  CHECK(value.as_int() == 64);
  CHECK(value.mark().str() == "c.yaml:1:4");
  CHECK(value.path() == "a");
}

TEST_CASE("inner scopes see through to outer ones, and use is counted") {
  Scope outer;
  outer.set("a", Node::integer(1));
  outer.set("b", Node::integer(2));
  outer.set("c", Node::integer(3));
  Scope inner(&outer);
  inner.set("a", Node::integer(10));
  inner.set("d", Node::integer(4));
  CHECK(evaluate(Node::string("$(a + b)"), inner).as_int() == 12);
  CHECK(inner.names() == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(inner.unused() == std::vector<std::string>{"d"});
  CHECK(outer.unused() == std::vector<std::string>{"a", "c"});
  CHECK(inner.find("zz") == nullptr);
  CHECK(is_expression(Node::string("$a")));
  CHECK(is_expression(Node::string("$(")));
  CHECK(!is_expression(Node::string("$$a")));
  CHECK(!is_expression(Node::string("a$")));
  CHECK(!is_expression(Node::integer(1)));
}
