// A config that a copy or a full disk has cut off.

#include <catch2/catch.hpp>

#include "config/config_support.h"

using namespace dlb;
using namespace dlb::config;

TEST_CASE("a config cut off at any byte is an error with its place, or a sound config") {
  const std::string whole =
      "# start \xc3\xa9\nname: x\nvars: {dim: 64, 'k': \"q\\n\\x41\"}\nmodel:\n  - conv2d: &c {out: $(4 * "
      "dim), "
      "kernel: [3, 3]}\n  - relu\n  - other: *c\n    as: y\n  - ? z\n    : |\n      text\n      more\n"
      "  - !!str 5\nlist: [1e-4, ~, true, 0x1F, .inf, -.nan]\nend: >\n  folded\n\n  text\n...\n";
  size_t sound = 0, refused = 0;
  for (size_t length = 0; length <= whole.size(); ++length) {
    // A copy of exactly that size, so that the sanitizers see any step behind the end.
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    INFO(std::string(part.begin(), part.end()));
    try {
      const Document document = Document::parse({part.data(), part.size()}, "cut.yaml");
      ++sound;
      const std::string text = to_yaml(document.root());
      CHECK(to_yaml(test::parse(text)) == text);
    } catch (const Error& e) {
      ++refused;
      CHECK(e.kind == ErrorKind::kConfig);
      CHECK(e.where.starts_with("cut.yaml:"));
    }
  }
  CHECK(sound > 20);
  CHECK(refused > 20);
}
