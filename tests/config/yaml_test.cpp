// How YAML text becomes values, with their places.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "config/config_support.h"

using namespace dlb;
using namespace dlb::config;
using test::parse;
using test::parse_report;

namespace {

Node value_of(const std::string& text) { return *parse("a: " + text + "\n").find("a"); }

}  // namespace

TEST_CASE("plain scalars follow YAML 1.2's core schema") {
  struct Case {
    const char* text;
    Node value;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {
      {"no", Node::string("no")},
      {"yes", Node::string("yes")},
      {"on", Node::string("on")},
      {"Off", Node::string("Off")},
      {"y", Node::string("y")},
      {"true", Node::boolean(true)},
      {"True", Node::boolean(true)},
      {"TRUE", Node::boolean(true)},
      {"tRUE", Node::string("tRUE")},
      {"false", Node::boolean(false)},
      {"False", Node::boolean(false)},
      {"FALSE", Node::boolean(false)},
      {"null", Node()},
      {"Null", Node()},
      {"NULL", Node()},
      {"~", Node()},
      {"", Node()},
      {"'null'", Node::string("null")},
      {"''", Node::string("")},
      {"0", Node::integer(0)},
      {"-7", Node::integer(-7)},
      {"+7", Node::integer(7)},
      {"007", Node::integer(7)},
      {"0x1F", Node::integer(31)},
      {"0o17", Node::integer(15)},
      {"-0x1F", Node::string("-0x1F")},
      {"0b1", Node::string("0b1")},
      {"1_000", Node::string("1_000")},
      {"12:30:45", Node::string("12:30:45")},
      {"9223372036854775807", Node::integer(std::numeric_limits<int64_t>::max())},
      {"-9223372036854775808", Node::integer(std::numeric_limits<int64_t>::min())},
      {"1e-4", Node::real(1e-4)},
      {"1e3", Node::real(1000)},
      {"1E+3", Node::real(1000)},
      {"1.", Node::real(1)},
      {".5", Node::real(0.5)},
      {"-.5e1", Node::real(-5)},
      {"+1.5", Node::real(1.5)},
      {"0.1", Node::real(0.1)},
      {".inf", Node::real(infinity)},
      {"-.INF", Node::real(-infinity)},
      {".nan", Node::real(std::nan(""))},
      {"inf", Node::string("inf")},
      {"nan", Node::string("nan")},
      {".", Node::string(".")},
      {"1e", Node::string("1e")},
      {"e5", Node::string("e5")},
      {"1.2.3", Node::string("1.2.3")},
      {"-", Node::list({Node()})},
      {"\"2\"", Node::string("2")},
      {"'true'", Node::string("true")},
      {"! 5", Node::string("5")},
      {"!!str 5", Node::string("5")},
      {"2 epochs", Node::string("2 epochs")},
      {"$(a + 1)", Node::string("$(a + 1)")},
      {"|\n  x\n  y\n", Node::string("x\ny\n")},
      {">\n  x\n  y\n", Node::string("x y\n")},
      {"\"a\\tb\\x41\\u00e9\"", Node::string("a\tbA\xc3\xa9")},
  };
  for (const Case& c : cases) {
    INFO("text: " << c.text);
    if (std::string(c.text) == "-") {
      CHECK(same_value(parse("a:\n  -\n").find("a")->items().at(0), Node()));
    } else {
      CHECK(same_value(value_of(c.text), c.value));
    }
  }
}

TEST_CASE("numbers that do not fit are errors") {
  CHECK(parse_report("a: 9223372036854775808") ==
        "c.yaml:1:4: error: the number 9223372036854775808 does not fit a 64-bit int\n"
        "  hint: put it in quotes if it is meant as a text");
  CHECK(parse_report("a: 0xFFFFFFFFFFFFFFFF").find("does not fit a 64-bit int") != std::string::npos);
  CHECK(parse_report("a: 1e999").find("does not fit a 64-bit float") != std::string::npos);
  CHECK(parse_report("a: 1e-999").find("does not fit a 64-bit float") != std::string::npos);
}

TEST_CASE("values and keys know their places, counted in characters") {
  const Node root = parse(
      "\xef\xbb\xbf# comment\r\na: {\xc3\xa9\xc3\xa9: 1, b: \"x\"}\r\nlist:\n  - one\n  -   two: {k: 3}\n");
  const Node& a = *root.find("a");
  CHECK(a.mark().str() == "c.yaml:2:4");
  CHECK(a.find_entry("b")->key_mark.str() == "c.yaml:2:12");
  CHECK(a.find("b")->mark().str() == "c.yaml:2:15");
  const Node& two = root.find("list")->items().at(1);
  CHECK(two.find("two")->find("k")->mark().str() == "c.yaml:5:16");
  CHECK(two.find("two")->find("k")->path() == "list[1].two.k");
  CHECK(root.path().empty());
}

TEST_CASE("places in a long line are exact") {
  std::string text = "a: [";
  for (int i = 0; i < 3000; ++i) text += "\xc3\xa9, ";
  const Node root = parse(text + "end]");
  CHECK(root.find("a")->items().at(0).mark().col == 5);
  CHECK(root.find("a")->items().at(1500).mark().col == 5 + 3 * 1500);
  CHECK(root.find("a")->items().back().mark().col == 5 + 3 * 3000);
}

TEST_CASE("all duplicate keys of a file are reported") {
  CHECK(parse_report("a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\n'a': 3\n") ==
        "c.yaml:2:17: error: duplicate key 'x'; it is already set on line 2\n"
        "c.yaml:3:1: error: duplicate key 'a'; it is already set on line 1\n"
        "c.yaml:4:1: error: duplicate key 'a'; it is already set on line 1");
}

TEST_CASE("syntax errors say what to do, and where") {
  struct Case {
    const char* text;
    const char* report;
  };
  const Case cases[] = {
      {"a: b: c",
       "c.yaml:1:5: error: unexpected ':'\n  hint: check the indentation; a text that contains ': ' must be "
       "in quotes"},
      {"a: 1\n b: 2",
       "c.yaml:2:3: error: unexpected ':'\n  hint: check the indentation; a text that contains ': ' must be "
       "in quotes"},
      {"a:\n  b: 1\n\tc: 2", "c.yaml:3:1: error: a tab cannot indent YAML; use spaces"},
      {"a:\n\t- b", "c.yaml:2:2: error: a tab cannot indent YAML; use spaces"},
      {"a:\n\tb: 1\n", "c.yaml:2:3: error: a tab cannot indent YAML; use spaces"},
      {"a: [1, 2\nb: 3", "c.yaml:1:4: error: this '[' is not closed, or a comma is missing inside it"},
      {"a: [1, 2", "c.yaml:1:4: error: this '[' is not closed, or a comma is missing inside it"},
      {"a: {b: [1}",
       "c.yaml:1:10: error: this bracket closes nothing, or another one than the last that was opened"},
      {"x: 1\na: {b: 1\nc: 3", "c.yaml:2:4: error: this '{' is not closed, or a comma is missing inside it"},
      {"\"a\": 'x\nb: 1\n", "c.yaml:1:6: error: this quote is not closed"},
      {"\"a\": 'x\nb: 1", "c.yaml:1:6: error: this quote is not closed"},
      {"a: !!str \"it's\\\"\n", "c.yaml:1:10: error: this quote is not closed"},
      {"a: 'it''s'\nb: 'c''\n", "c.yaml:2:4: error: this quote is not closed"},
      {"a: @x",
       "c.yaml:1:4: error: a value cannot start with this character\n  hint: put the text in quotes"},
      {"a: - b",
       "c.yaml:1:4: error: unexpected '-'\n  hint: a list starts on a line of its own, or is written [a, b]"},
      {"a: *x", "c.yaml:1:4: error: this alias names an anchor that is not defined before it"},
      {"a: 1\n--- \nb: 2", "c.yaml:2:1: error: a second YAML document starts here; a config is one document"},
      {"a: \"x\" y",
       "c.yaml:1:8: error: unexpected text\n"
       "  hint: check the indentation and the quotes of this line and of the line before it"},
      {": 1",
       "c.yaml:1:1: error: a key is missing before ':'\n  hint: put a key that is named null or ~ in quotes"},
      {"a: 1\n<<: {b: 1}",
       "c.yaml:2:1: error: merge keys ('<<') are not part of YAML 1.2\n"
       "  hint: write the keys out, or put them in a file and use include"},
      {"? [a]\n: 1", "c.yaml:1:3: error: a key must be a text, got a list"},
      {"{a: 1}: 2", "c.yaml:1:1: error: a key must be a text, got a map"},
      {"x: &k a\n*k : 2", "c.yaml:2:1: error: an alias cannot be a key"},
      {"a: !apend [1]", "c.yaml:1:4: error: unknown tag '!apend'; did you mean '!append'?"},
      {"a: !!python/object 1",
       "c.yaml:1:4: error: unknown tag '!!python/object'\n"
       "  hint: valid tags: !append, !prepend, !delete, !replace"},
      {"- a", "c.yaml:1:1: error: a config must be a map of keys, got a list"},
      {"just text", "c.yaml:1:1: error: a config must be a map of keys, got 'just text' (a string)"},
      {"a: {b: $(max(1, 2))}",
       "c.yaml:1:8: error: '$(max(1' has no closing parenthesis\n"
       "  hint: put an expression with a comma in quotes when it stands inside { } or [ ]"},
      {"a: \"\\q\"", "c.yaml:1:7: error: YAML syntax: unknown escape character: q"},
  };
  for (const Case& c : cases) {
    INFO("text: " << c.text);
    CHECK(parse_report(c.text) == c.report);
  }
  CHECK(parse_report("- a\nb: c").find("c.yaml:2:1: error: this does not belong to the value before it") ==
        0);
  CHECK(parse_report(", ") != "no error");
}

TEST_CASE("text that is not UTF-8 or has control characters is refused with its place") {
  CHECK(parse_report(std::string("a: 1\nb: \0x", 10)) ==
        "c.yaml:2:4: error: control character 0x00 in the text");
  CHECK(parse_report("a: \x04") == "c.yaml:1:4: error: control character 0x04 in the text");
  CHECK(parse_report("a: 1\rb: 2") == "c.yaml:1:5: error: a carriage return without a line feed");
  for (const char* bad : {"\xff\xfe", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3",
                          "\x80", "\xf0\x9f\x98"}) {
    CHECK(parse_report(std::string("a: ") + bad)
              .find("c.yaml:1:4: error: the text is not UTF-8: unexpected byte 0x") == 0);
  }
  CHECK(value_of("\xf0\x9f\x98\x80").as_string() == "\xf0\x9f\x98\x80");
}

TEST_CASE("every escape is a whole character") {
  CHECK(value_of("\"q\\N\\u00e9\\_\\L\\x85\\e\"").as_string() ==
        "q\xc2\x85\xc3\xa9\xc2\xa0\xe2\x80\xa8\xc2\x85\x1b");
  CHECK(value_of("\xc3\x85\xe1\x85\xa0").as_string() == "\xc3\x85\xe1\x85\xa0");
  CHECK(parse("\"\\_k\": 1").entries()[0].key == "\xc2\xa0k");
}

TEST_CASE("an empty config is an empty map") {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "{}", "null", "---\n...\n"}) {
    const Node root = parse(text);
    CHECK(root.is_map());
    CHECK(root.entries().empty());
  }
}

TEST_CASE("aliases repeat values at their own place") {
  const Node root = parse("a: &x {k: [1, 2]}\nb: *x\nc: [*x, &n 5, *n]\n");
  CHECK(same_value(*root.find("a"), *root.find("b")));
  CHECK(root.find("b")->mark().str() == "c.yaml:2:4");
  CHECK(root.find("b")->find("k")->items().at(1).path() == "b.k[1]");
  CHECK(root.find("c")->items().at(2).as_int() == 5);
  CHECK(root.find("c")->items().at(2).mark().str() == "c.yaml:3:15");
  CHECK(parse_report("a: &x [1, *x]") ==
        "c.yaml:1:11: error: an alias cannot stand inside the value that it names");
}
