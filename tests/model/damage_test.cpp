// Damaged model descriptions: an error with a place or a model, never a crash and never an internal error.

#include <catch2/catch.hpp>
#include <random>

#include "model/support.h"

using namespace dlb;
using namespace dlb::model;

namespace {

const std::string kWhole = R"(
vars: {w: 6, act: relu}
blocks:
  basic:
    params: {c: int, stride: 1, drop: 0.5}
    steps:
      - residual:
          body:
            - conv2d: {out: $c, kernel: 3, stride: $stride, padding: 1, bias: false}
            - batch_norm
            - $act
            - dropout: $drop
          shortcut:
            when: {cond: $(stride != 1 or in.channels != c), then: [conv2d: {out: $c, kernel: 1, stride: $stride}], else: []}
      - relu
model:
  inputs: {x: "float[N, 3, H, W]"}
  steps:
    - conv2d: {in: x, out: 4, kernel: 3, padding: 1, as: first, id: stem}
    - foreach: {over: [{c: 4, s: 1}, {c: 8, s: 2}], var: stage, body: [use: {basic: {c: $stage.c, stride: $stage.s}}]}
    - repeat: {times: 3, index: i, body: [use: {basic: $(8 + i)}]}
    - parallel: {branches: [[max_pool2d: 2], [avg_pool2d: 2]], merge: concat, dim: 1}
    - sequential: [global_avg_pool, linear: {out: $w}, {tanh: {as: t}}, add: {in: [t, t]}]
    - linear: $classes
  outputs: [first]
)";

}  // namespace

TEST_CASE("damaged descriptions are refused or built") {
  REQUIRE(try_build(kWhole, {2, 3, 8, 8}).errors.empty());
  std::vector<std::string> lines;
  for (size_t at = 0; at < kWhole.size();) {
    const size_t end = kWhole.find('\n', at);
    lines.push_back(kWhole.substr(at, end - at + 1));
    at = end + 1;
  }
  const std::string alphabet = "abcinstpd$()[]{}:,-._ 0123459\"'\n#&*!";
  std::mt19937 random(11);
  int built = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    if (i % 3 == 0) {
      std::vector<std::string> shuffled = lines;
      for (int k = 0; k < 2; ++k)
        std::swap(shuffled[random() % lines.size()], shuffled[random() % lines.size()]);
      for (const std::string& line : shuffled) text += line;
    } else {
      text = kWhole;
      for (unsigned k = 0; k <= random() % 3; ++k) {
        const size_t at = random() % text.size();
        if (i % 3 == 1) {
          text[at] = alphabet[random() % alphabet.size()];
        } else {
          text.erase(at, 1 + random() % 6);
        }
      }
    }
    if (text.find("\nmodel:") == std::string::npos) continue;
    INFO(text);
    try {
      const Built result = try_build(text, {2, 3, 8, 8});
      CHECK((result.model == nullptr) == !result.errors.empty());
      CHECK(result.errors.find("internal") == std::string::npos);
      if (result.model) ++built;
    } catch (const Error& e) {
      CHECK(e.kind != ErrorKind::kInternal);  // what the YAML reader refuses
    }
  }
  CHECK(built > 10);
}
