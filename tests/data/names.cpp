// What numbers of columns stand for, as reports show them.
#include <catch2/catch.hpp>

#include "dlb/data/manifest.h"
#include "dlb/data/tokenizer.h"

using namespace dlb::data;

TEST_CASE("the classes of a manifest have names", "[names]") {
  const ManifestSource source(builtin_manifest("fashion-mnist"), {});
  CHECK(source.name_of("label", 9) == "Ankle boot");
  CHECK(source.name_of("label", 0) == "T-shirt/top");
  CHECK(source.name_of("label", 10).empty());
  CHECK(source.name_of("label", -1).empty());
  CHECK(source.name_of("image", 3).empty());
}

TEST_CASE("tokens are named by their text, parts of characters by their bytes", "[names]") {
  const auto builder = read_tokenizer(dlb::config::Node::string("byte"), "");
  const auto tokenizer = builder->make([](const auto& take) { take("abc"); }, {});
  CHECK(token_label(*tokenizer, 'a') == "a");
  CHECK(token_label(*tokenizer, ' ') == " ");
  CHECK(token_label(*tokenizer, 0xe2) == "\\xe2");
  CHECK(token_label(*tokenizer, -1).empty());
  CHECK(token_label(*tokenizer, int64_t{1} << 40).empty());
}
