/// \file Whatever is read as a program can be planned or is refused, and is written and read back the same.

#include "dlb/io/program.h"

#include "dlb/graph/session.h"
#include "fuzz.h"

namespace {

using namespace dlb;

void compare(const graph::Model& a, const graph::Model& b) {
  FUZZ_REQUIRE(a.graph.nodes.size() == b.graph.nodes.size());
  FUZZ_REQUIRE(a.graph.inputs.size() == b.graph.inputs.size());
  FUZZ_REQUIRE(a.graph.outputs.size() == b.graph.outputs.size());
  FUZZ_REQUIRE(a.graph.initializers.size() == b.graph.initializers.size());
  for (const auto& [name, value] : a.graph.initializers) {
    const auto other = b.graph.initializers.find(name);
    FUZZ_REQUIRE(other != b.graph.initializers.end());
    FUZZ_REQUIRE(graph::compare(other->second, value, 0, 0).equal);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  graph::Model model;
  if (!fuzz::taken([&] { model = io::parse_model(bytes, "input"); })) return 0;
  // Writing gives up on functions and on attributes that are not written; what it writes is read again.
  std::string written;
  if (fuzz::taken([&] { written = io::to_program(model); })) {
    FUZZ_REQUIRE(io::is_program(written, "again"));
    graph::Model again;
    if (fuzz::taken([&] { again = io::parse_program(written, "again"); })) {
      compare(model, again);
      // A graph without a name gets one.
      if (!model.graph.name.empty()) FUZZ_REQUIRE(io::to_program(again) == written);
    }
  }
  fuzz::taken([&] { graph::inline_functions(std::move(model)); });
  return 0;
}
