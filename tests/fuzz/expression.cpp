/// \file Expressions of a config, known while it is read (`$(...)`) or on tensors.

#include "dlb/config/expression.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dlb;
  const std::string text(fuzz::text_of(data, size));
  static const config::Scope scope = [] {
    config::Scope s;
    s.set("n", config::Node::integer(7));
    s.set("rate", config::Node::real(0.5));
    s.set("name", config::Node::string("text"));
    s.set("on", config::Node::boolean(true));
    s.set("sizes", config::Node::list({config::Node::integer(1), config::Node::integer(2)}));
    return s;
  }();
  fuzz::taken([&] { fuzz::touch(config::evaluate(config::Node::string("$(" + text + ")"), scope).brief()); });
  fuzz::taken([&] { fuzz::touch(config::evaluate(config::Node::string("$" + text), scope).brief()); });
  fuzz::taken([&] { fuzz::touch(config::parse_tensor_expression(config::Node::string(text)).text); });
  return 0;
}
