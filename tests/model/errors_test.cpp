// Messages and places of errors, all of them at once, and bounds on what a config may expand to.

#include <catch2/catch.hpp>

#include "model/support.h"

using namespace dlb;
using namespace dlb::model;
using Catch::Matchers::Contains;

TEST_CASE("a shape error names layer, place and path") {
  CHECK(errors_of(R"(
model:
  - flatten
  - linear: 10
  - conv2d: {out: 4, kernel: 3}
)",
                  {32, 1, 28, 28}) ==
        "x.yaml:5:5: error: conv2d expects input [N, C, H, W], got [32, 10]\n  in model[2]");
}

TEST_CASE("inside containers and blocks the path and the uses are told") {
  CHECK(errors_of(R"(
blocks:
  outer: {params: {k: int}, steps: [use: {inner: $k}]}
  inner:
    params: {kernel: int}
    steps:
      - residual:
          body: [conv2d: {out: 3, kernel: $kernel}]
model:
  - relu
  - use: {outer: 30}
)",
                  {2, 3, 28, 28})
            .ends_with("\n  in blocks.inner.steps[0].residual.body[0]\n  in block inner used at x.yaml:3\n  "
                       "in block outer used at x.yaml:11"));
}

TEST_CASE("residual and parallel name both shapes") {
  CHECK(errors_of("model:\n  - residual: [linear: 4]\n", {5, 3}) ==
        "x.yaml:2:5: error: residual adds equal shapes, but its body gives [5, 4] and its input is [5, 3]\n  "
        "in model[0]\n"
        "  hint: give it a `shortcut` with the body's output shape");
  CHECK_THAT(errors_of("model:\n  - residual: {body: [linear: 4], shortcut: [linear: 6]}\n", {5, 3}),
             Contains("its body gives [5, 4] and its shortcut gives [5, 6]"));
  CHECK_THAT(errors_of("model: [parallel: {branches: [[linear: 4], [linear: 6]], merge: add}]", {5, 3}),
             Contains("parallel adds equal shapes, but branch 1 gives [5, 4] and branch 2 [5, 6]"));
  CHECK_THAT(errors_of("model: [parallel: [[flatten], []]]", {5, 3, 2, 2}),
             Contains("parallel concatenates shapes equal but for dim 1, but branch 1 gives [5, 12] and "
                      "branch 2 [5, 3, 2, 2]"));
  CHECK_THAT(errors_of("model: [parallel: {branches: [[], []], dim: 5}]", {5, 3}),
             Contains("cannot concatenate [5, 3] along dim 5"));
}

TEST_CASE("unknown layers, with the nearest name") {
  CHECK(errors_of("model:\n  - conv2dd: {out: 3, kernel: 3}\n", {2, 3, 8, 8}) ==
        "x.yaml:2:5: error: unknown layer 'conv2dd'; did you mean 'conv2d'?\n  in model[0].conv2dd");
  CHECK_THAT(errors_of("model: [residul: [relu]]", {2, 3}), Contains("did you mean 'residual'?"));
  CHECK_THAT(errors_of("blocks: {mine: {steps: [relu]}}\nmodel: [mine]", {2, 3}),
             Contains("hint: it is a block: write `use: mine`"));
}

TEST_CASE("all errors of a model are reported together, and only real ones") {
  const std::string text = errors_of(R"(
blocks:
  b:
    params: {c: int, unused: 1}
    steps: [linear: $c, linaer: 3]
model:
  - conv2d: {out: -4, kernel: 3}
  - relu: {as: x, colour: red}
  - linear: $(in.features // 0 + in.channels)
  - linear: {out: $nothing}
  - when: {cond: $(in.channels == 3), then: [lineer: 3], else: [linear: "3"]}
  - repeat: {times: $(in.rank), index: i, body: [linear: $(i + 1), linear: {ouut: 3}]}
  - residual: {body: [linear: 2.5]}
  - add: {in: [x, y]}
  - use: {b: {c: 1.5}}
  - use: {bb: 1}
)",
                                     {2, 3, 8, 8});
  for (const char* expected :
       {"x.yaml:4:22: error: parameter 'unused' of block b is never used",
        "x.yaml:7:19: error: conv2d.out must be an int > 0, got -4",
        "x.yaml:8:19: error: unknown key 'colour' in relu", "unknown name 'nothing'",
        "unknown layer 'lineer'; did you mean 'linear'?", "linear.out must be an int > 0, got '3' (a string)",
        "unknown key 'ouut' in linear; did you mean 'out'?", "missing required key 'out' in linear",
        "linear.out must be an int > 0, got 2.5", "unknown value 'y'",
        "parameter 'c' of block b must be an int, got 1.5", "unknown block 'bb'; did you mean 'b'?"}) {
    CHECK_THAT(text, Contains(expected));
  }
  size_t count = 0;
  for (size_t at = text.find("error: "); at != std::string::npos; at = text.find("error: ", at + 1)) ++count;
  CHECK(count == 12);  // nothing about what follows from the first errors
}

TEST_CASE("wrong steps are said to be so") {
  auto one = [](const std::string& steps) { return errors_of("model: " + steps, {4, 3}); };
  CHECK_THAT(one("[3]"), Contains("layer must be a name or a map of one name, got 3"));
  CHECK_THAT(one("[{linear: 3, relu: null}]"), Contains("unexpected key 'relu' beside 'linear'"));
  CHECK_THAT(one("[]"), Contains("the model has no steps"));
  CHECK_THAT(one("{steps: [relu], output: x}"),
             Contains("unknown key 'output' in model; did you mean 'outputs'?"));
  CHECK_THAT(one("{inputs: {x: 'float[N,3]'}}"), Contains("missing required key 'steps' in model"));
  CHECK_THAT(one("{inputs: {x: 'int[N,3]'}, steps: [relu]}"),
             Contains("input 'x' is declared int[N,3], but the data gives float32[4, 3]"));
  CHECK_THAT(one("{inputs: {x: 'float[N,4]'}, steps: [relu]}"), Contains("input 'x' is declared float[N,4]"));
  CHECK_THAT(one("{inputs: {x: 'float[N]'}, steps: [relu]}"), Contains("but the data gives"));
  CHECK_THAT(one("{inputs: {x: 'floot[N,3]'}, steps: [relu]}"),
             Contains("the type of input 'x' must be int, float or bool"));
  CHECK_THAT(one("{inputs: {x: 'float[N,-3]'}, steps: [relu]}"), Contains("'-3' is no size"));
  CHECK_THAT(one("{inputs: {input: float, y: int}, steps: [relu: {in: y}]}"),
             Contains("unknown input of the data 'y'"));
  CHECK_THAT(one("{steps: [relu], outputs: [reluu]}"), Contains("unknown value 'reluu'"));
  CHECK_THAT(one("{steps: [relu], outputs: []}"), Contains("at least one output"));
  CHECK_THAT(one("[{relu: {id: a}}, {tanh: {id: a}}]"),
             Contains("the name 'a' is taken already, at x.yaml:1:10"));
  CHECK_THAT(one("[{relu: {id: a}, id: b}]"), Contains("'id' is given twice"));
  CHECK_THAT(one("[{relu: {id: 'a.b'}}]"),
             Contains("id must be a letter, then letters, digits and _, got 'a.b'"));
  CHECK_THAT(one("[{relu: {as: input}}]"), Contains("'input' is the model's or the block's input"));
  CHECK_THAT(one("[{relu: {as: [a, b]}}]"), Contains("`as:` names 2 outputs, relu has 1"));
  CHECK_THAT(one("[{relu: {in: [input, input]}}]"), Contains("relu takes 1 input, got 2"));
  CHECK_THAT(one("[add]"), Contains("add takes at least 2 inputs, got 1"));
  CHECK_THAT(one("[{relu: {in: []}}]"), Contains("`in:` names no value"));
  CHECK_THAT(one("[{relu: {in: 3}}]"), Contains("expected the name of a value, got 3"));
  CHECK_THAT(one("[{sequential: {body: [relu], in: [input, input]}}]"),
             Contains("sequential takes 1 input, got 2"));
  CHECK_THAT(one("[repeat: {times: 2, body: [{relu: {id: r}}]}]"),
             Contains("leave the id out: repeated steps are numbered"));
  CHECK_THAT(one("[repeat: {times: 2, index: i, body: [relu]}]"), Contains("'i' is never used in the body"));
  CHECK_THAT(one("[repeat: {times: -1, body: [relu]}]"),
             Contains("repeat.times must be an int >= 0, got -1"));
  CHECK_THAT(one("[{repeat: {times: 2, body: [relu]}, id: x}]"), Contains("repeat takes no `id`"));
  CHECK_THAT(one("[foreach: {over: 3, var: x, body: [linear: $x]}]"),
             Contains("foreach goes over a list, got 3"));
  CHECK_THAT(one("[when: {cond: 'in.rank == 2', then: [relu]}]"),
             Contains("when.cond must be true or false"));
  CHECK_THAT(one("[residual: {shortcut: []}]"), Contains("missing required key 'body' in residual"));
  CHECK_THAT(one("[parallel: {branches: 3}]"), Contains("branches must be a list of lists of steps, got 3"));
  CHECK_THAT(one("[sequential: {body: null}, relu]"), !Contains("internal"));
  CHECK_THAT(one("[use]"), Contains("use needs the name of a block"));
}

TEST_CASE("wrong blocks are said to be so") {
  auto one = [](const std::string& blocks, const std::string& use) {
    return errors_of("blocks: " + blocks + "\nmodel: [" + use + "]", {4, 3});
  };
  CHECK_THAT(one("[1]", "relu"), Contains("blocks must be a map"));
  CHECK_THAT(one("{b: [relu]}", "use: b"), Contains("block b must be {params, inputs, steps, outputs}"));
  CHECK_THAT(one("{b: {steps: [relu], parms: {}}}", "use: b"),
             Contains("unknown key 'parms' in block b; did you mean 'params'?"));
  CHECK_THAT(one("{b: {params: {c: null}, steps: [linear: $c]}}", "use: b"),
             Contains("parameter 'c' of block b needs a type"));
  CHECK_THAT(one("{b: {params: {in: int}, steps: [linear: $in]}}", "use: b"),
             Contains("'in' cannot name a parameter"));
  CHECK_THAT(one("{b: {params: {c: int}, steps: [linear: $c]}}", "use: b"),
             Contains("block b needs parameter 'c' (an int)"));
  CHECK_THAT(one("{b: {params: {c: int}, steps: [linear: $c]}}", "use: {b: {c: 3, d: 4}}"),
             Contains("unknown key 'd' in block b"));
  CHECK_THAT(one("{b: {params: {c: 1}, steps: [linear: $c]}}", "use: {b: {c: true}}"),
             Contains("parameter 'c' of block b must be an int, got true"));
  CHECK_THAT(one("{b: {steps: [relu]}}", "use: {b: 3}"), Contains("block b has no parameters"));
  CHECK_THAT(one("{a: {steps: [use: b]}, b: {steps: [use: c]}, c: {steps: [use: a]}}", "use: a"),
             Contains("block a uses itself: a -> b -> c -> a"));
  CHECK_THAT(one("{b: {steps: [{linear: {in: hidden, out: 3}}]}}", "{relu: {as: hidden}}, use: b"),
             Contains("unknown value 'hidden'"));
}

TEST_CASE("layer errors while building are placed") {
  CHECK_THAT(errors_of("model:\n  - group_norm: 2\n", {4, 3}),
             Contains("x.yaml:2:5: error: group_norm") && Contains("in model[0]"));
}

TEST_CASE("bombs end as errors, quickly") {
  CHECK_THAT(errors_of("model: [repeat: {times: 100001, body: [relu]}]", {1, 2}),
             Contains("the model has more than 100000 steps"));
  CHECK_THAT(errors_of("model: [relu, repeat: {times: 9000000000000000000, body: []}]", {1, 2}),
             Contains("more than 100000 steps"));
  CHECK_THAT(errors_of("model: [repeat: {times: 1000, body: [repeat: {times: 1000, body: [repeat: {times: "
                       "1000, body: [relu]}]}]}]",
                       {1, 2}),
             Contains("more than 100000 steps"));
  std::string doubling = "blocks:\n  b0: {steps: [relu]}\n";
  for (int i = 1; i <= 40; ++i)
    doubling += fmt::format("  b{}: {{steps: [use: b{}, use: b{}]}}\n", i, i - 1, i - 1);
  CHECK_THAT(errors_of(doubling + "model: [use: b40]", {1, 2}), Contains("more than 100000 steps"));
  std::string chain = "blocks:\n  b0: {steps: [relu]}\n";
  for (int i = 1; i <= 3000; ++i) chain += fmt::format("  b{}: {{steps: [use: b{}]}}\n", i, i - 1);
  CHECK_THAT(errors_of(chain + "model: [use: b3000]", {1, 2}),
             Contains("steps are nested more than 200 deep"));
  std::string wrong = "blocks:\n  b0: {steps: [lineer: 3]}\n";
  for (int i = 1; i <= 40; ++i)
    wrong += fmt::format("  b{}: {{steps: [use: b{}, use: b{}]}}\n", i, i - 1, i - 1);
  CHECK_THAT(errors_of(wrong + "model: [use: b40]", {1, 2}), Contains("unknown layer 'lineer'"));
  CHECK_THAT(errors_of("model: [linear: 4000000000000000000, linear: 4000000000000000000]", {1, 2}),
             Contains("error: "));
}
