/// \file A config: what is read writes as YAML that reads back to the same values.

#include "dlb/config/document.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dlb;
  // The limits as they are, but for the number of values: thousands show as much as hundreds of thousands.
  config::Limits limits;
  limits.nodes = 3000;
  config::Document document;
  if (!fuzz::taken(
          [&] { document = config::Document::parse(fuzz::text_of(data, size), "input", {}, limits); }))
    return 0;
  FUZZ_REQUIRE(document.root().is_map());
  fuzz::touch(config::to_json(document.root()));
  const std::string text = config::to_yaml(document.root());
  config::Document again;
  if (!fuzz::taken([&] { again = config::Document::parse(text, "again"); }))
    fuzz::broken("what is written can be read");
  FUZZ_REQUIRE(config::to_yaml(again.root()) == text);
  return 0;
}
