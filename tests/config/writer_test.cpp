// to_yaml and to_json.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "config/config_support.h"

using namespace dlb;
using namespace dlb::config;
using test::parse;

namespace {

using Random = std::mt19937_64;

std::string random_text(Random& random) {
  static const std::string pieces[] = {"a",
                                       "B9",
                                       " ",
                                       ":",
                                       ": ",
                                       " #",
                                       "'",
                                       "\"",
                                       "\\",
                                       "\n",
                                       "\t",
                                       "-",
                                       "- ",
                                       "[",
                                       "]",
                                       "{",
                                       "}",
                                       ",",
                                       "&a",
                                       "*a",
                                       "!",
                                       "|",
                                       ">",
                                       "%",
                                       "@",
                                       "`",
                                       "$",
                                       "$(x)",
                                       "null",
                                       "~",
                                       "true",
                                       "no",
                                       "1",
                                       "1e5",
                                       ".inf",
                                       "0x1F",
                                       "<<",
                                       "---",
                                       "...",
                                       "\x01",
                                       "\x7f",
                                       "?",
                                       "=",
                                       "\r",
                                       "",
                                       "  x",
                                       "\xc3\xa9",
                                       "\xf0\x9f\x98\x80",
                                       "\xe2\x80\xa8",
                                       "\xc2\x85",
                                       ".",
                                       "99999999999999999999"};
  std::string out;
  const size_t count = random() % 4;
  for (size_t i = 0; i < count; ++i) out += pieces[random() % std::size(pieces)];
  if (random() % 200 == 0) out += std::string(3000, 'k');
  return out;
}

double random_real(Random& random) {
  switch (random() % 6) {
    case 0:
      return std::numeric_limits<double>::infinity();
    case 1:
      return -std::numeric_limits<double>::infinity();
    case 2:
      return std::nan("");
    case 3:
      return static_cast<double>(random() % 100);
    case 4:
      return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 1800) - 900);
    default:
      return -1.0 / static_cast<double>(random() % 1000 + 1);
  }
}

Node random_node(Random& random, int depth) {
  switch (random() % (depth > 0 ? 8 : 5)) {
    case 0:
      return {};
    case 1:
      return Node::boolean(random() % 2 == 0);
    case 2:
      return Node::integer(static_cast<int64_t>(random() >> (random() % 64)) * (random() % 2 == 0 ? 1 : -1));
    case 3:
      return Node::real(random_real(random));
    case 4:
      return Node::string(random_text(random));
    case 5: {
      std::vector<Node> items;
      for (size_t i = random() % 5; i > 0; --i) items.push_back(random_node(random, depth - 1));
      return Node::list(std::move(items));
    }
    default:
      break;
  }
  std::vector<Node::Entry> entries;
  for (size_t i = random() % 5; i > 0; --i) {
    const std::string key = random_text(random) + std::to_string(i);
    entries.push_back({key, {}, random_node(random, depth - 1)});
  }
  return Node::map(std::move(entries));
}

}  // namespace

TEST_CASE("what to_yaml writes reads back to the same value") {
  Random random(7);
  for (int i = 0; i < 3000; ++i) {
    const Node value = Node::map({{"v", {}, random_node(random, 4)}});
    const std::string text = to_yaml(value);
    INFO(text);
    Node back;
    const std::string report = test::report_of([&] { back = parse(text); });
    REQUIRE(report == "no error");
    REQUIRE(same_value(back, value));
  }
}

TEST_CASE("to_yaml is block style that people would write") {
  const std::string text =
      "name: fashion-cnn\n"
      "model:\n"
      "  - conv2d:\n"
      "      out: 32\n"
      "      kernel: [3, 3]\n"
      "  - relu\n"
      "  - linear: $(4 * dim)\n"
      "  - [1, 2]\n"
      "  - - a: 1\n"
      "      b: []\n"
      "    - c: {}\n"
      "lr: 0.0001\n"
      "scale: 1.0\n"
      "note: \"no\\n\"\n"
      "\"no: \": null\n"
      "quoted: \"2\"\n";
  const Node root = parse(text);
  CHECK(to_yaml(root) == text);
  CHECK(to_yaml(Node::integer(3)) == "3\n");
  CHECK(to_yaml(Node::list({Node::string("a"), Node()})) == "[a, null]\n");
  CHECK(to_yaml(Node::map({})) == "{}\n");
}

TEST_CASE("texts that begin like an expression and do not end like one are quoted") {
  for (const std::string text : {"$(", "$(n", "$(a + (b)", "$(f(x) * 2", "$(a b"}) {
    INFO(text);
    const Node value = Node::map({{"v", {}, Node::string(text)},
                                  {"list", {}, Node::list({Node::string(text), Node::integer(1)})},
                                  {text, {}, Node::string("key")}});
    const std::string written = to_yaml(value);
    CHECK(written == fmt::format("v: \"{0}\"\nlist: [\"{0}\", 1]\n\"{0}\": key\n", text));
    Node back;
    REQUIRE(test::report_of([&] { back = parse(written); }) == "no error");
    CHECK(same_value(back, value));
  }
  CHECK(to_yaml(Node::string("$(n)")) == "$(n)\n");
}

TEST_CASE("floats keep every bit and never turn into ints") {
  for (const double value : {0.1, 1.0, -0.0, 1e300, 5e-324, 1e22, 123456789.0, 1.0 / 3}) {
    const Node back = *parse("v: " + to_yaml(Node::real(value))).find("v");
    REQUIRE(back.kind() == Kind::kFloat);
    CHECK(back.as_real() == value);
    CHECK(std::signbit(back.as_real()) == std::signbit(value));
  }
}

TEST_CASE("to_json is compact and always valid") {
  CHECK(to_json(parse("a: [1, 1.0, x, null, true]\nb: {c: \"q\\\"\\n\"}")) ==
        R"({"a":[1,1.0,"x",null,true],"b":{"c":"q\"\n"}})");
  CHECK(to_json(Node::real(std::nan(""))) == "null");
  CHECK(to_json(Node::string("\xff")) == "\"\xef\xbf\xbd\"");
}

TEST_CASE("same_value ignores places and key order but not kinds") {
  CHECK(same_value(parse("{a: 1, b: [x]}"), parse("b:\n - x\na: 1\n")));
  CHECK(!same_value(Node::integer(1), Node::real(1)));
  CHECK(!same_value(parse("a: 1"), parse("b: 1")));
  CHECK(!same_value(parse("a: [1]"), parse("a: [1, 2]")));
  CHECK(!same_value(parse("a: '1'"), parse("a: 1")));
}

TEST_CASE("brief and found show values in messages") {
  const Node root =
      parse("i: 64\ns: adam\nn: null\nl: [1, 2, 3]\none: [1]\nm: {a: 1, b: 2}\nf: 1.0\nb: true");
  const auto brief = [&](const char* key) { return root.find(key)->brief(); };
  CHECK(brief("i") == "64");
  CHECK(brief("s") == "adam");
  CHECK(brief("n") == "null");
  CHECK(brief("l") == "[3 items]");
  CHECK(brief("one") == "[1 item]");
  CHECK(brief("m") == "{a, b}");
  CHECK(brief("f") == "1.0");
  CHECK(root.find("s")->found() == "'adam' (a string)");
  CHECK(root.find("b")->found() == "true (a bool)");
  CHECK(root.find("l")->found() == "a list");
  CHECK(root.find("i")->found() == "64");
  CHECK(Node::string(std::string(59, 'x') + "\xc3\xa9").brief() == std::string(59, 'x') + "...");
}

TEST_CASE("asking a node for another kind is an error at its place") {
  const Node root = parse("a: x\nb: [1]\n");
  CHECK(test::report_of([&] { static_cast<void>(root.find("a")->as_int()); }) ==
        "c.yaml:1:4: error: expected an int, got 'x' (a string)\n  in a");
  CHECK(test::report_of([&] { static_cast<void>(root.find("b")->entries()); }) ==
        "c.yaml:2:4: error: expected a map, got a list\n  in b");
  CHECK(Node::integer(3).as_real() == 3.0);
  CHECK(Node().items().empty());
  CHECK(Node().entries().empty());
}
