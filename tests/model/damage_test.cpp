// Damaged model descriptions: an error with a place or a model, never a crash and never an internal error.

#include <catch2/catch.hpp>
#include <random>

#include "model/support.h"

using namespace dlb;
using namespace dlb::model;

namespace {

const std::string kLayers = R"(
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

const std::string kRunning = R"y(
vars: {n: 5, s: 0.5}
blocks:
  halves:
    params: {dim: int}
    inputs: {x: "float[N, T, F]"}
    steps:
      - if:
          cond: "size(x, 1) > 1 and $n > 2"
          then:
            - eval: {expr: "tensor_split(x, 2, dim=1)", as: [a, b]}
            - {call: {halves: $dim}, in: a, max: 8, as: l}
            - {call: {halves: {dim: $dim}}, in: b, max: 8, as: r}
            - add: {in: [l, r]}
            - linear: {out: $dim, id: join}
          else: [eval: "it[:, 0]", linear: $dim]
models:
  head: {inputs: {h: float, g: float}, steps: [concat: {in: [h, g]}, linear: 3, tanh: {as: y}], outputs: [y]}
model:
  inputs: {x: "float[N, 1, T, F]"}
  steps:
    - squeeze: 1
    - scan: {axis: 1, carry: {h: "zeros([rows(it), $n])"}, body: [concat: {in: [item, h]}, linear: {out: $n, id: cell}, tanh: {as: h}], as: states}
    - call: {halves: {dim: 4}, as: t}
    - loop:
        carry: {v: it, k: 0}
        while: "mean(abs(v)) < $(s * 2) and k < 3"
        max: 6
        body:
          - linear: {in: v, out: 4}
          - eval: {expr: "where(it > 0, it, -it) * $s", as: v}
          - eval: {expr: "k + 1", as: k}
          - assert: {cond: "k < 10", message: far}
    - linear: {in: t, out: 4, weight: "@loop_1.linear_1.weight.T", as: u}
    - foreach: {over: [1, 2], var: i, body: [linear: $(2 * i), print: "mean(it)"], collect: list, as: parts}
    - concat: {in: parts, as: c}
    - parameter: {shape: [6], init: ones, as: p}
    - eval: {expr: "detach(c) * p[none, :] + it @ ones(6)", as: w}
    - parallel: {in: w, branches: [[linear: 4], [linear: 4, detach]], merge: max}
    - call: {head: {g: v}, as: y}
  outputs: [y, states]
)y";

}  // namespace

TEST_CASE("damaged descriptions are refused or built") {
  const std::string kWhole = GENERATE(as<std::string>(), kLayers, kRunning);
  const Shape shape = kWhole == kLayers ? Shape{2, 3, 8, 8} : Shape{2, 1, 8, 3};
  INFO(try_build(kWhole, shape).errors);
  REQUIRE(try_build(kWhole, shape).errors.empty());
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
      const Built result = try_build(text, shape);
      CHECK((result.model == nullptr) == !result.errors.empty());
      CHECK(result.errors.find("internal") == std::string::npos);
      if (result.model) ++built;
    } catch (const Error& e) {
      CHECK(e.kind != ErrorKind::kInternal);  // what the YAML reader refuses
    }
  }
  CHECK(built > 10);
}
