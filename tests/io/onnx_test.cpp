#include "dlb/io/onnx.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/sanitizers.h"
#include "graph/graphs.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

// The bytes of messages, written by hand: hostile files are no output of an honest writer.
std::string varint(uint64_t n) {
  std::string out;
  for (; n >= 128; n >>= 7) out += static_cast<char>(n | 128);
  return out + static_cast<char>(n);
}
std::string number(int field, uint64_t value) {
  return varint(static_cast<uint64_t>(field) << 3) + varint(value);
}
std::string bytes(int field, const std::string& value) {
  std::string out = varint(static_cast<uint64_t>(field) << 3 | 2);
  out += varint(value.size());
  return out + value;
}

std::string entry(const std::string& key, const std::string& value) {
  return bytes(13, bytes(1, key) + bytes(2, value));
}

/// A TensorProto of float32 with those sizes.
std::string tensor(const std::vector<uint64_t>& sizes, const std::string& rest, uint64_t type = 1) {
  std::string out = number(2, type) + bytes(8, "w");
  for (const uint64_t size : sizes) out += number(1, size);
  return out + rest;
}
std::string external(const std::vector<uint64_t>& sizes, const std::string& entries) {
  return tensor(sizes, entries + number(14, 1));
}
std::string model(const std::string& graph) {
  return number(1, 8) + bytes(8, number(2, 20)) + bytes(7, graph);
}
std::string with_initializer(const std::string& proto) { return model(bytes(5, proto)); }

/// A model with a node, a subgraph, an initializer of each kind of list and declared shapes.
std::string small_model() {
  Graph branch = graph_of({}, {node("Neg", {"x"}, {"y"})}, {"y"});
  Graph g = graph_of(
      {"x", "c"},
      {node("If", {"c"}, {"z"}, {attribute("then_branch", branch), attribute("else_branch", branch)}),
       node("Scaler", {"z"}, {"s"},
            {attribute("scale", std::vector<float>{2}),
             attribute("words", std::vector<std::string>{"a", "b"})},
            "ai.onnx.ml"),
       node("ReduceSum", {"s", "axes"}, {"r"}, {attribute("keepdims", 0)})},
      {"r"});
  g.inputs[0].element = Element::kFloat32;
  g.inputs[0].shape = std::vector<graph::Dim>{{std::nullopt, "n"}, {3, ""}};
  g.inputs[1].element = Element::kBool;
  g.outputs[0].element = Element::kFloat32;
  g.initializers["axes"] = integers({0});
  g.initializers["words"] = texts({"one", "two"});
  g.initializers["narrow"] = of_type({1, -2, 3}, Element::kInt4);
  return io::to_onnx(model_of(std::move(g)));
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

TEST_CASE("A model that was written reads as it was") {
  const Model m = io::parse_onnx(small_model(), "small.onnx");
  REQUIRE(m.graph.nodes.size() == 3);
  CHECK(m.graph.nodes[0].op == "If");
  CHECK(m.graph.nodes[1].domain == "ai.onnx.ml");
  CHECK(m.opsets.at("") == 24);
  CHECK(graph::describe(m.graph.inputs[0]) == "float32[n, 3]");
  CHECK(wholes(m.graph.initializers.at("narrow")) == std::vector<int64_t>{1, -2, 3});
  CHECK(m.graph.initializers.at("words").texts->items == std::vector<std::string>{"one", "two"});
}

TEST_CASE("A model cut off anywhere, or with any byte changed, is an error or a model, no crash") {
  const std::string whole = small_model();
  size_t refused = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    try {
      const Session session(io::parse_onnx(whole.substr(0, length), "cut.onnx"));
    } catch (const Error& e) {
      ++refused;
    }
  }
  // What is left after a whole field at the end, such as the last opset, is still a model.
  CHECK(refused > whole.size() * 9 / 10);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(static_cast<uint8_t>(changed[at]) ^ flip);
      try {
        const Session session(io::parse_onnx(changed, "changed.onnx"));
      } catch (const Error& e) {
        CHECK(std::string(e.what()).size() > 0);
      }
    }
  }
}

TEST_CASE("Tensors whose sizes lie are refused before memory is taken") {
  const auto parse = [](const std::string& proto) { io::parse_onnx(with_initializer(proto), "t.onnx"); };
  const uint64_t huge = uint64_t{1} << 62, negative = ~uint64_t{0};
  CHECK_THROWS_WITH(parse(tensor({huge, 4}, bytes(9, "abcd"))), Contains("overflow") && Contains("'w'"));
  CHECK_THROWS_WITH(parse(tensor({huge}, bytes(9, "abcd"))), Contains("4 bytes"));
  CHECK_THROWS_WITH(parse(tensor({negative}, bytes(9, "abcd"))), Contains("size of -1"));
  CHECK_THROWS_WITH(parse(tensor({huge}, "")), Contains("0 values"));
  CHECK_THROWS_WITH(parse(tensor({0, huge, huge}, "")), Contains("overflow") && Contains("'w'"));
  CHECK_THROWS_WITH(parse(tensor({2}, bytes(9, "abcd"))), Contains("needs 8"));
  CHECK_THROWS_WITH(parse(tensor({1}, bytes(9, "abcd"), 99)), Contains("number 99"));
  CHECK_THROWS_WITH(parse(tensor({1}, bytes(9, "abcd"), 0)), Contains("number 0"));
  CHECK_THROWS_WITH(parse(tensor({2}, bytes(6, "a"), 8)), Contains("1 texts"));
  CHECK_THROWS_WITH(parse(tensor(std::vector<uint64_t>(65, 1), bytes(9, "abcd"))), Contains("65 dimensions"));
  CHECK_THROWS_WITH(parse(tensor({huge}, bytes(9, "a"), 22)), Contains("1 bytes"));  // int4
  CHECK_NOTHROW(parse(tensor({1}, bytes(9, "abcd"))));
  CHECK_THROWS_WITH(parse(tensor({1}, bytes(9, "abcd")) + number(1, 1) + number(1, huge)), Contains("needs"));
}

TEST_CASE("External data lies below the model's folder and is reached through no link") {
  const TempFolder folder, other;
  files::write_atomic(folder / "data.bin", std::string(12, '\0'));
  files::write_atomic(other / "secret.bin", std::string(12, 'x'));
  std::filesystem::create_symlink(other / "secret.bin", folder / "link.bin");
  std::filesystem::create_directory_symlink(other.path(), folder / "linked");
  std::filesystem::create_directory(folder / "sub");
  files::write_atomic(folder / "sub/data.bin", std::string(12, '\0'));
  const auto read = [&](const std::string& entries) {
    files::write_atomic(folder / "m.onnx", with_initializer(external({2}, entries)));
    return io::read_onnx(folder / "m.onnx");
  };
  CHECK(numbers(read(entry("location", "data.bin")).graph.initializers.at("w")) == std::vector<double>{0, 0});
  CHECK_NOTHROW(read(entry("location", "sub/data.bin") + entry("offset", "4") + entry("length", "8")));
  for (const std::string& bad : std::vector<std::string>{
           "../" + std::filesystem::path(other.path()).filename().string() + "/secret.bin",
           other / "secret.bin", std::string("sub/../../x"), std::string(""), std::string("a\0b", 3),
           std::string("..")}) {
    INFO(bad);
    CHECK_THROWS_WITH(read(entry("location", bad)), Contains("not a path below"));
  }
  CHECK_THROWS_WITH(read(entry("location", "link.bin")), Contains("through a link"));
  CHECK_THROWS_WITH(read(entry("location", "linked/secret.bin")), Contains("through a link"));
  CHECK_THROWS_WITH(read(entry("location", "none.bin")), Contains("no file"));
  CHECK_THROWS_WITH(read(entry("location", "sub")), Contains("no file"));
  CHECK_THROWS_WITH(read(""), Contains("not a path below"));
  CHECK_THROWS_WITH(read(entry("location", "data.bin") + entry("offset", "5")), Contains("has 12 bytes"));
  CHECK_THROWS_WITH(read(entry("location", "data.bin") + entry("offset", "18446744073709551615")),
                    Contains("has 12 bytes"));
  CHECK_THROWS_WITH(read(entry("location", "data.bin") + entry("offset", "-1")), Contains("whole number"));
  CHECK_THROWS_WITH(read(entry("location", "data.bin") + entry("length", "4")), Contains("needs 8"));
  files::write_atomic(folder / "m.onnx",
                      with_initializer(external({uint64_t{1} << 40}, entry("location", "data.bin"))));
  CHECK_THROWS_WITH(io::read_onnx(folder / "m.onnx"), Contains("has 12 bytes"));
  CHECK_THROWS_WITH(io::parse_onnx(with_initializer(external({2}, entry("location", "data.bin"))), "m"),
                    Contains("not allowed"));
}

TEST_CASE("Empty parts by the million do not fill memory") {
  const double before = peak_mib();
  std::string nodes, attributes, nested;
  for (int i = 0; i < 2'000'000; ++i) nodes += std::string("\x0a\x00", 2);
  CHECK_THROWS_AS(io::parse_onnx(model(nodes), "bomb.onnx"), Error);
  for (int i = 0; i < 2'000'000; ++i) attributes += std::string("\x2a\x00", 2);
  CHECK_THROWS_AS(io::parse_onnx(model(bytes(1, bytes(4, "Add") + bytes(2, "y") + attributes)), "bomb.onnx"),
                  Error);
  for (int i = 0; i < 5000; ++i)
    nested = bytes(1, bytes(4, "If") + bytes(2, "y") + bytes(5, bytes(6, nested) + number(20, 5)));
  CHECK_THROWS_AS(io::parse_onnx(model(nested), "deep.onnx"), Error);
  // 4 MB each; parsed without a limit they take up to 150 times that. The sanitizer keeps what is freed.
#ifdef DLB_ADDRESS_SANITIZER
  static_cast<void>(before);
#else
  CHECK(peak_mib() - before < 300);
#endif
}

TEST_CASE("Values of all types survive a file") {
  for (int i = 1; i < graph::kElementCount; ++i) {
    const Element e = static_cast<Element>(i);
    INFO(graph::element_name(e));
    if (e == Element::kString || e == Element::kComplex64 || e == Element::kComplex128) continue;
    const std::vector<float> values =
        graph::is_signed_integer(e) ? std::vector<float>{1, -2, 0} : std::vector<float>{1, 2, 1};
    const Value v(graph::convert(floats(values).tensor, Element::kFloat32, e), e);
    Declared d;
    d.element = e;
    const Value back = io::parse_onnx_value(io::to_onnx_tensor(v, "v"), "v.pb", d);
    CHECK(back.element == e);
    CHECK(graph::compare(back, v, 0, 0).equal);
  }
  Declared d;
  d.kind = Value::Kind::kSequence;
  CHECK_THROWS_AS(io::parse_onnx_value("\xff\xff\xff", "s.pb", d), Error);
  d.optional = true;
  CHECK(io::parse_onnx_value("", "o.pb", d).none());
}

TEST_CASE("What is no model is said to be none") {
  CHECK_THROWS_WITH(io::parse_onnx("", "empty.onnx"), Contains("empty.onnx"));
  CHECK_THROWS_WITH(io::parse_onnx("PK\x03\x04 a zip file", "x.onnx"), Contains("x.onnx"));
  CHECK_THROWS_AS(io::read_onnx("/nowhere/x.onnx"), Error);
  CHECK_THROWS_AS(io::read_onnx("/tmp"), Error);
  CHECK_THROWS_WITH(io::parse_onnx(number(1, 8) + bytes(8, number(2, 0)) + bytes(7, ""), "v.onnx"),
                    Contains("opset 0"));
  CHECK_THROWS_WITH(io::parse_onnx(with_initializer(tensor({1}, bytes(9, "abcd"))) +
                                       bytes(7, bytes(5, tensor({1}, bytes(9, "abcd")))),
                                   "d.onnx"),
                    Contains("there twice"));
}
