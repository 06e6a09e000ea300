// Hostile configs end in an error, soon and within bounds.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <random>

#include "config/config_support.h"

using namespace dlb;
using namespace dlb::config;
using test::parse_report;
using test::repeated;

namespace {

constexpr size_t kDeep = 100'000;

}  // namespace

TEST_CASE("deep nesting of every kind is an error") {
  std::string indented;
  for (size_t i = 0; i < 2000; ++i) indented += std::string(i, ' ') + "a:\n";
  std::string listed;
  for (size_t i = 0; i < 2000; ++i) listed += std::string(i, ' ') + "-\n";
  const std::string bombs[] = {repeated("[", kDeep),
                               repeated("{", kDeep),
                               repeated("- ", kDeep),
                               repeated("? ", kDeep),
                               repeated("[{", kDeep),
                               repeated("{a: ", kDeep),
                               repeated("[? ", kDeep),
                               repeated(": ", kDeep),
                               repeated("{\"\":", kDeep),
                               indented,
                               listed,
                               repeated("a: [", kDeep),
                               repeated("- ? ", kDeep),
                               "a: " + repeated("[", kDeep) + repeated("]", kDeep),
                               repeated("- - - ", kDeep)};
  for (const std::string& bomb : bombs) {
    INFO(bomb.substr(0, 12));
    CHECK(parse_report(bomb) != "no error");
  }
  CHECK(parse_report("a: " + repeated("[", 150) + repeated("]", 150)) ==
        "c.yaml:1:103: error: values are nested more than 100 deep");
  CHECK(parse_report("a: " + repeated("[", 99) + repeated("]", 99)) == "no error");
  CHECK(parse_report(repeated("- ", 101) + "a") ==
        "c.yaml:1:201: error: values are nested more than 100 deep");
}

TEST_CASE("repeated tokens of every kind end in an error or a value, quickly") {
  const auto start = std::chrono::steady_clock::now();
  for (const char* token :
       {"!a ", "&a ", "*a ", "\"",    "'",     "]",           "}",    ",",         ", ",
        "[,",  "[:",  ":: ", "---\n", "...\n", "%YAML 1.2\n", "|\n",  ">\n",       "#\n",
        "-",   "?",   "a\n", "- a\n", "\\",    "\t",          "&a [", "!append [", "<<: "}) {
    INFO(token);
    const std::string report = parse_report(repeated(token, 20'000));
    CHECK(!report.empty());
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("an alias bomb is stopped by the count of values") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string below = fmt::format("*a{}", i - 1);
    bomb += fmt::format("a{}: &a{} [{}{}]\n", i, i, repeated(below + ", ", 9), below);
  }
  CHECK(parse_report(bomb).find(
            "error: the config has more than 200000 values, aliases and includes expanded") !=
        std::string::npos);
}

TEST_CASE("aliases cannot nest deeper than the limit either") {
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 150; ++i) bomb += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  CHECK(parse_report(bomb).find("error: values are nested more than 100 deep") != std::string::npos);
}

TEST_CASE("nested anchors cannot multiply what is kept") {
  std::string bomb = "a: ";
  for (int i = 0; i < 90; ++i) bomb += fmt::format("&a{} [", i);
  bomb += repeated("x, ", 50'000) + repeated("]", 90);
  CHECK(parse_report(bomb).find("more than 200000 values") != std::string::npos);
}

TEST_CASE("limits are settable") {
  Limits limits;
  limits.file_bytes = 10;
  const auto report = [&](const std::string& text) {
    return test::report_of([&] { Document::parse(text, "c.yaml", {}, limits); });
  };
  CHECK(report("a: 1234567") == "no error");
  CHECK(report("a: 12345678") == "c.yaml: error: the config has 11 bytes, more than the allowed 10");
  limits = {};
  limits.nodes = 4;
  CHECK(report("a: [1]") == "no error");
  CHECK(report("a: [1, 2]") ==
        "c.yaml:1:8: error: the config has more than 4 values, aliases and includes expanded");
  limits = {};
  limits.depth = 1000;
  CHECK(report("a: " + repeated("[", 900)).find("error: ") != std::string::npos);
}

TEST_CASE("many errors and many duplicates do not take long") {
  std::string keys;
  for (int i = 0; i < 50'000; ++i) keys += fmt::format("k{}: 1\n", i);
  const auto start = std::chrono::steady_clock::now();
  CHECK(parse_report(keys + keys) != "no error");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("randomly damaged configs are errors or values that write and read back") {
  const std::string seed =
      "include: []\nname: x\nvars: {dim: 64, 'k': \"q\\n\\x41\"}\nmodel:\n  - conv2d: &c {out: $(4 * dim), "
      "kernel: [3, 3]}\n  - relu\n"
      "  - other: *c\n    as: y\n  - ? z\n    : |\n      text\n      more\n  - !!str 5\nlist: !append [1e-4, "
      "~, true, 0x1F, .inf]\n# end \xc3\xa9\n";
  const std::string noise = "[]{}:,-?&*!|>'\"%@`#\\ \n\t~$()0aZ.\r";
  std::mt19937_64 random(11);
  size_t values = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = seed;
    for (size_t edits = random() % 6 + 1; edits > 0; --edits) {
      const size_t at = random() % text.size();
      switch (random() % 5) {
        case 0:
          text[at] = noise[random() % noise.size()];
          break;
        case 1:
          text.insert(at, 1, noise[random() % noise.size()]);
          break;
        case 2:
          text.erase(at, random() % 8 + 1);
          break;
        case 3:
          text.insert(at, text.substr(random() % text.size(), random() % 30));
          break;
        default:
          text[at] = static_cast<char>(random());
          break;
      }
      if (text.empty()) text.push_back(noise[0]);
    }
    INFO(text);
    Node root;
    const std::string report = test::report_of([&] { root = test::parse(text); });
    if (report != "no error") {
      REQUIRE(report.find("error: ") != std::string::npos);
      continue;
    }
    ++values;
    REQUIRE(same_value(test::parse(to_yaml(root)), root));
  }
  CHECK(values > 200);
}
