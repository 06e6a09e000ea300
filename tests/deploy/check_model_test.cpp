#include "dlb/deploy/check_model.h"

#include <catch2/catch.hpp>

#include "dlb/base/error.h"
#include "dlb/io/onnx.h"
#include "graph/graphs.h"
#include "support/temp_folder.h"

namespace dlb::test {

namespace {

using Catch::Contains;
using deploy::CheckedModel;
using deploy::CheckedNode;
using graph::Dim;

/// An input or output; names are open sizes.
Declared port(const std::string& name, std::vector<Dim> shape, Element element = Element::kFloat32) {
  Declared d;
  d.name = name;
  d.element = element;
  d.shape = std::move(shape);
  return d;
}

Dim open(const std::string& name) { return {std::nullopt, name}; }
Dim fixed(int64_t size) { return {size, ""}; }

CheckedModel check(const Model& model, const std::vector<std::string>& sizes = {}) {
  const TempFolder folder;
  return deploy::check_model(folder.write("m.onnx", io::to_onnx(model)), sizes);
}

std::string report_of(const Model& model, const std::vector<std::string>& sizes = {}) {
  const TempFolder folder;
  const std::string path = folder.write("m.onnx", io::to_onnx(model));
  try {
    deploy::check_model(path, sizes);
  } catch (const Error& e) {
    std::string text = e.report();
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path))
      text.replace(at, path.size(), "m.onnx");
    return text;
  }
  return "no error";
}

/// y = relu(x w) w', the two products with one table of weights and its transpose.
Model two_products() {
  Model m = model_of(graph_of({},
                              {node("MatMul", {"x", "w"}, {"h"}), node("Relu", {"h"}, {"r"}),
                               node("Transpose", {"w"}, {"wt"}), node("MatMul", {"r", "wt"}, {"y"})},
                              {}));
  m.graph.inputs = {port("x", {open("batch"), fixed(3)})};
  m.graph.outputs = {port("y", {open("batch"), fixed(3)})};
  m.graph.initializers["w"] = floats({1, 2, 3, 4, 5, 6}, {3, 2});
  return m;
}

}  // namespace

TEST_CASE("A model's shapes, parameters and FLOPs", "[check]") {
  const CheckedModel one = check(two_products());
  CHECK(one.inputs[0].value.value.shape() == Shape{1, 3});
  CHECK(one.outputs[0].value.value.shape() == Shape{1, 3});
  CHECK(one.unknown == 0);
  CHECK(one.warnings.empty());

  const CheckedModel m = check(two_products(), {"batch=5"});
  REQUIRE(m.nodes.size() == 4);
  CHECK(m.nodes[0].name == "h");
  CHECK(m.nodes[0].op == "MatMul");
  CHECK(describe(m.nodes[0].outputs[0].value) == "float32[5, 2]");
  CHECK(describe(m.nodes[2].outputs[0].value) == "float32[2, 3]");
  CHECK(describe(m.outputs[0].value.value) == "float32[5, 3]");
  CHECK(m.parameters == 6);
  CHECK(m.nodes[0].parameters == 6);  // where they are first used
  CHECK(m.nodes[2].parameters == 0);
  CHECK(m.flops == 2 * (5 * 3 * 2) * 2 + 5 * 2);  // two products and the ReLU
}

TEST_CASE("What depends on data is unknown, and so is what follows", "[check]") {
  Model m = model_of(graph_of(
      {}, {node("NonZero", {"x"}, {"places"}), node("Neg", {"places"}, {"after"}), node("Abs", {"x"}, {"y"})},
      {}));
  m.graph.inputs = {port("x", {fixed(2), fixed(4)})};
  m.graph.outputs = {port("y", {fixed(2), fixed(4)}), port("after", {fixed(2), open("n")}, Element::kInt64)};
  const CheckedModel checked = check(m);
  CHECK(checked.unknown == 2);
  CHECK_FALSE(checked.nodes[0].outputs[0].known);
  CHECK_FALSE(checked.outputs[1].value.known);
  CHECK(checked.outputs[0].value.known);
  CHECK(checked.warnings.empty());
}

TEST_CASE("Inputs of unknown shape leave all unknown, with a warning", "[check]") {
  Model m = two_products();
  m.graph.inputs[0].shape.reset();
  const CheckedModel checked = check(m);
  CHECK(checked.unknown == 4);
  REQUIRE(checked.warnings.size() == 1);
  CHECK_THAT(checked.warnings[0], Contains("input 'x' (float32)"));
  CHECK(checked.parameters == 6);
}

TEST_CASE("Outputs that are not what the model declares", "[check]") {
  const auto warnings = [](const Declared& output) {
    Model m = two_products();
    m.graph.outputs = {output};
    return check(m, {"batch=5"}).warnings;
  };
  CHECK(warnings(port("y", {open("other"), open("")})).empty());
  CHECK(warnings(port("y", {open("batch"), fixed(3)}, Element::kUndefined)).empty());
  for (const Declared& wrong :
       {port("y", {open("batch"), fixed(4)}), port("y", {fixed(3), open("batch")}), port("y", {fixed(15)}),
        port("y", {open("batch"), fixed(3)}, Element::kFloat64)}) {
    const std::vector<std::string> found = warnings(wrong);
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], Contains("output 'y' is declared as " + describe(wrong)));
    CHECK_THAT(found[0], Contains("float32[5, 3]"));
  }
}

TEST_CASE("Constants of nodes and of their subgraphs are counted with the node", "[check]") {
  Graph then = graph_of({}, {node("Add", {"x", "w"}, {"t"})}, {"t"});
  Graph other = graph_of({}, {node("Mul", {"x", "two"}, {"e"})}, {"e"});
  other.initializers["two"] = floats({2});
  Model m = model_of(graph_of(
      {},
      {node("Constant", {}, {"yes"}, {attribute("value", truth(true))}),
       node("If", {"yes"}, {"y"}, {attribute("then_branch", then), attribute("else_branch", other)})},
      {}));
  m.graph.inputs = {port("x", {fixed(3)})};
  m.graph.outputs = {port("y", {fixed(3)})};
  m.graph.initializers["w"] = floats({1, 2, 3});
  const CheckedModel checked = check(m);
  CHECK(checked.parameters == 5);
  CHECK(checked.nodes[0].parameters == 1);
  CHECK(checked.nodes[1].parameters == 4);
  CHECK(describe(checked.outputs[0].value.value) == "float32[3]");
}

TEST_CASE("All that is wrong with a model, with its file", "[check]") {
  Model m = two_products();
  m.graph.nodes[0].op = "MatMull";
  m.graph.nodes[1].inputs = {"none"};
  m.graph.nodes[2].inputs = {};
  m.graph.outputs.push_back(port("z", {fixed(1)}));
  const std::string all = report_of(m);
  CHECK_THAT(all, Contains("m.onnx: error: node 0 (MatMull): there is no operator MatMull"));
  CHECK_THAT(all, Contains("m.onnx: error: node 1 (Relu): input 'none' is made by no node before it"));
  CHECK_THAT(all, Contains("m.onnx: error: node 2 (Transpose): it has 0 inputs"));
  CHECK_THAT(all, Contains("m.onnx: error: output 'z' of the graph is made by no node"));

  m = two_products();
  m.graph.initializers["w"] = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK_THAT(report_of(m), Contains("m.onnx: error: ") && Contains("in node 0 (MatMul)"));

  m = two_products();
  m.graph.inputs[0] = port("x", {fixed(INT64_MAX), fixed(INT64_MAX)});
  CHECK_THAT(report_of(m), Contains("m.onnx: error: "));
}

TEST_CASE("Sizes that a model does not have", "[check]") {
  CHECK_THAT(report_of(two_products(), {"bach=3"}),
             Contains("m.onnx: error: no input has an open size 'bach'; did you mean 'batch'?"));
  CHECK_THAT(report_of(two_products(), {"batch"}), Contains("--size expects NAME=SIZE, got 'batch'"));
  CHECK_THAT(report_of(two_products(), {"batch=3x"}), Contains("--size expects NAME=SIZE, got 'batch=3x'"));
  Model m = two_products();
  m.graph.inputs[0] = port("x", {fixed(1), fixed(3)});
  CHECK_THAT(report_of(m, {"batch=3"}), Contains("all sizes are fixed"));
}

}  // namespace dlb::test
