/// \file Whatever is read as an ONNX model can be planned or is refused; what is read as a tensor is written
/// and read back the same.

#include "dlb/io/onnx.h"

#include "dlb/graph/session.h"
#include "fuzz.h"

namespace {

using namespace dlb;

void model(std::string_view bytes) {
  graph::Model model;
  if (!fuzz::taken([&] { model = io::parse_onnx(bytes, "input"); })) return;
  // Writing gives up on what is not written at all (attributes without a type); what it writes is read again.
  std::string written;
  if (fuzz::taken([&] { written = io::to_onnx(model); })) {
    graph::Model again;
    if (fuzz::taken([&] { again = io::parse_onnx(written, "again"); }))
      FUZZ_REQUIRE(again.graph.nodes.size() == model.graph.nodes.size());
  }
  fuzz::taken([&] { graph::inline_functions(std::move(model)); });
}

void tensor(std::string_view bytes) {
  graph::Declared declared;
  graph::Value value;
  if (!fuzz::taken([&] { value = io::parse_onnx_value(bytes, "input", declared); })) return;
  const graph::Value again = io::parse_onnx_value(io::to_onnx_tensor(value, "x"), "again", declared);
  FUZZ_REQUIRE(graph::compare(again, value, 0, 0).equal);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  model(bytes);
  tensor(bytes);
  return 0;
}
