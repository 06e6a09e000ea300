#include "dlb/io/program.h"

#include <catch2/catch.hpp>
#include <functional>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/version.h"
#include "dlb/io/onnx.h"
#include "dlb/io/safetensors.h"
#include "dlb/io/weights.h"
#include "graph/graphs.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string file_of(const std::string& header, const std::string& data) {
  std::string out;
  for (size_t i = 0; i < 8; ++i) out.push_back(static_cast<char>(header.size() >> (8 * i)));
  return out + header + data;
}

/// y = if c: x * w else: x + w, with constants inside of the branches, and initializers that nobody reads.
Model small_model() {
  Graph then = graph_of({}, {node("Mul", {"x", "w"}, {"t"})}, {"t"});
  Graph other = graph_of({}, {node("Add", {"x", "inner"}, {"e"})}, {"e"});
  other.initializers["inner"] = floats({10, 20, 30});
  Graph g = graph_of(
      {"x", "c"},
      {node("If", {"c"}, {"y"}, {attribute("then_branch", then), attribute("else_branch", other)})}, {"y"});
  g.name = "small";
  g.inputs[0].element = Element::kFloat32;
  g.inputs[0].shape = std::vector<graph::Dim>{{std::nullopt, "n"}, {3, ""}};
  g.inputs[1].element = Element::kBool;
  g.outputs[0].element = Element::kFloat32;
  g.initializers["w"] = floats({2, 3, 4});
  g.initializers["axes"] = integers({0, -1});
  g.initializers["flags"] = of_type({1, 0, 1}, Element::kBool);
  g.initializers["words"] = texts({"one", "two"});
  g.initializers["narrow"] = of_type({1, -2, 3}, Element::kInt4);
  Model m = model_of(std::move(g));
  m.metadata["note"] = "kept";
  return m;
}

/// The file with its tensors or metadata changed.
std::string changed(const std::string& program, const std::function<void(io::Safetensors&)>& change) {
  io::Safetensors file = io::parse_safetensors(program, "program");
  change(file);
  return io::to_safetensors(file.tensors, file.metadata);
}
std::string of_version(const std::string& program, const std::string& version) {
  return changed(program, [&](io::Safetensors& file) { file.metadata["version"] = version; });
}
void drop(io::Safetensors& file, const std::string& name) {
  std::erase_if(file.tensors, [&](const io::NamedTensor& t) { return t.name == name; });
}
void replace(io::Safetensors& file, const std::string& name, const Tensor& value) {
  for (io::NamedTensor& t : file.tensors) {
    if (t.name == name) t.value = value;
  }
}

ErrorKind kind_of_error(const std::string& bytes) {
  try {
    io::parse_program(bytes, "x.dlb");
  } catch (const Error& e) {
    return e.kind;
  }
  FAIL("no error");
  return ErrorKind::kInternal;
}

}  // namespace

TEST_CASE("a program that was written reads and runs as it was") {
  const Model before = small_model();
  const Model after = io::parse_program(io::to_program(before), "small.dlb");
  CHECK(after.graph.name == "small");
  CHECK(after.opsets == before.opsets);
  CHECK(after.metadata == before.metadata);
  REQUIRE(after.graph.inputs.size() == 2);
  CHECK(describe(after.graph.inputs[0]) == "float32[n, 3]");
  CHECK(after.graph.inputs[1].name == "c");
  REQUIRE(after.graph.initializers.size() == before.graph.initializers.size());
  for (const auto& [name, value] : before.graph.initializers) {
    INFO(name);
    REQUIRE(after.graph.initializers.count(name) == 1);
    CHECK(compare(after.graph.initializers.at(name), value, 0, 0).equal);
  }
  const Session session(after);
  const Value x = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(numbers(session.run({{"x", x}, {"c", truth(true)}})[0]) == std::vector<double>{2, 6, 12, 8, 15, 24});
  CHECK(numbers(session.run({{"x", x}, {"c", truth(false)}})[0]) ==
        std::vector<double>{11, 22, 33, 14, 25, 36});
  CHECK(io::to_program(after) == io::to_program(before));
}

TEST_CASE("initializers of all types, and of all shapes, survive a program") {
  Graph g = graph_of({"x"}, {node("Identity", {"x"}, {"y"})}, {"y"});
  for (int i = 1; i < graph::kElementCount; ++i) {
    const Element e = static_cast<Element>(i);
    const std::string name(graph::element_name(e));
    if (e == Element::kString) {
      g.initializers[name] = Value(Texts{{2, 1}, {std::string("a\0b", 3), "\xff"}});
    } else if (e == Element::kComplex64 || e == Element::kComplex128) {
      const DType dtype = graph::carrier(e);
      g.initializers[name] = Value(
          graph::convert(floats({1, 2, 3, 4}, {2, 2}).tensor, Element::kFloat32, graph::element_of(dtype)),
          e);
    } else {
      const std::vector<float> values =
          graph::is_signed_integer(e) ? std::vector<float>{1, -2, 0} : std::vector<float>{1, 2, 1};
      g.initializers[name] = Value(graph::convert(floats(values).tensor, Element::kFloat32, e), e);
    }
  }
  g.initializers["scalar"] = integer(-7);
  g.initializers["none"] = floats({}, {0, 5});
  g.initializers["a \"name\"\n\xc3\xa9"] = floats({NAN, INFINITY, -0.0F});
  const std::string bytes = io::to_program(model_of(g));
  const Model back = io::parse_program(bytes, "all.dlb");
  REQUIRE(back.graph.initializers.size() == g.initializers.size());
  for (const auto& [name, value] : g.initializers) {
    INFO(name);
    const Value& found = back.graph.initializers.at(name);
    CHECK(found.element == value.element);
    CHECK(graph::compare(found, value, 0, 0).equal);
  }
}

TEST_CASE("whoever reads safetensors sees the weights of a program, aligned") {
  const TempFolder folder;
  const std::string bytes = io::to_program(small_model());
  const io::Safetensors file = io::parse_safetensors(bytes, "small.dlb");
  CHECK(file.metadata == std::map<std::string, std::string>{
                             {"format", "dlbench.program"},
                             {"name", "small"},
                             {"producer", "dlbench " + std::string(version())},
                             {"version", "1"},
                         });
  std::vector<std::string> names;
  for (const io::NamedTensor& t : file.tensors) names.push_back(t.name);
  CHECK(names == std::vector<std::string>{"axes", "w", "flags", "dlbench.graph"});
  CHECK(file.find("w")->to_vector<double>() == std::vector<double>{2, 3, 4});
  files::write_atomic(folder / "small.dlb", bytes);
  for (const io::TensorPlace& t : io::index_safetensors(files::RandomFile(folder / "small.dlb"))) {
    INFO(t.name);
    CHECK(t.offset % dtype_size(t.dtype) == 0);
  }
  // Without the file around it the graph says that something is missing.
  const Tensor* graph = file.find("dlbench.graph");
  CHECK_THROWS_WITH(io::parse_onnx({static_cast<const char*>(graph->raw()), graph->spec().bytes()}, "g"),
                    Contains("external data is not allowed"));
}

TEST_CASE("a program cut off anywhere is an error, one with any byte changed an error or a model") {
  const std::string whole = io::to_program(small_model());
  for (size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    const std::string_view cut(exact.data(), exact.size());
    CHECK_THROWS_AS(io::parse_program(cut, "cut.dlb"), Error);
    CHECK_THROWS_AS(io::parse_model(cut, "cut.dlb"), Error);
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(static_cast<uint8_t>(bytes[at]) ^ flip);
      try {
        const Session session(io::parse_program(bytes, "changed.dlb"));
      } catch (const Error& e) {
        CHECK(e.kind != ErrorKind::kInternal);
      }
    }
  }
}

TEST_CASE("programs of later versions are refused by both versions' names, before all else") {
  const std::string whole = io::to_program(small_model());
  CHECK_THROWS_WITH(io::parse_program(of_version(whole, "2"), "new.dlb"),
                    Contains("new.dlb: this program is of version 2") && Contains("versions up to 1"));
  CHECK(kind_of_error(of_version(whole, "2")) == ErrorKind::kUnsupported);
  for (const std::string bad : {"", "0", "-1", "1.0", "x", " 1", "99999999999999999999"}) {
    INFO(bad);
    CHECK_THROWS_WITH(io::parse_program(of_version(whole, bad), "x.dlb"),
                      Contains("'" + bad + "' is no version"));
  }
  CHECK_THROWS_WITH(
      io::parse_program(changed(whole, [](io::Safetensors& file) { file.metadata.erase("version"); }),
                        "x.dlb"),
      Contains("does not say its version"));
  const std::string later = file_of(R"({"__metadata__":{"format":"dlbench.program","version":"3"},)"
                                    R"("w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})",
                                    "x");
  CHECK_THROWS_WITH(io::parse_program(later, "later.dlb"), Contains("of version 3"));
}

TEST_CASE("a file without a graph") {
  const std::string whole = io::to_program(small_model());
  const auto parse = [&](const std::function<void(io::Safetensors&)>& change) {
    io::parse_program(changed(whole, change), "x.dlb");
  };
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) { drop(file, "dlbench.graph"); }),
                    Contains("x.dlb: this program has no graph: there is no tensor 'dlbench.graph'"));
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) { replace(file, "dlbench.graph", Tensor::scalar(1)); }),
                    Contains("'dlbench.graph' is float32") && Contains("expected the graph as uint8 [N]"));
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) {
                      replace(file, "dlbench.graph", Tensor::empty({0, 2}, DType::kUInt8));
                    }),
                    Contains("expected the graph as uint8 [N]"));
  CHECK_THROWS_WITH(
      parse([](io::Safetensors& file) { replace(file, "dlbench.graph", Tensor::empty({0}, DType::kUInt8)); }),
      Contains("it has no graph"));
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) { file.metadata["format"] = "pt"; }),
                    Contains("holds weights and no graph"));
  CHECK_THROWS_WITH(io::parse_program(io::to_safetensors({}), "x"), Contains("holds weights and no graph"));
}

TEST_CASE("the tensors of a program are those that its graph leaves out") {
  const std::string whole = io::to_program(small_model());
  const auto parse = [&](const std::function<void(io::Safetensors&)>& change) {
    io::parse_program(changed(whole, change), "x.dlb");
  };
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) { drop(file, "w"); }),
                    Contains("x.dlb: initializer 'w': the file has no tensor of that name"));
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) { replace(file, "w", Tensor::scalar(1)); }),
                    Contains("'w': the graph expects float32[3], the tensor in the file is float32[]"));
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) {
                      replace(file, "w", Tensor::from<int64_t>({1, 2, 3}, {3}));
                    }),
                    Contains("the graph expects float32[3], the tensor in the file is int64[3]"));
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) {
                      file.tensors.push_back({"more", Tensor::scalar(1)});
                    }),
                    Contains("tensor 'more' is none that the graph leaves out"));
  // This one is in the message with its elements.
  CHECK_THROWS_WITH(parse([](io::Safetensors& file) {
                      file.tensors.push_back({"narrow", Tensor::scalar(1)});
                    }),
                    Contains("tensor 'narrow' is none that the graph leaves out"));
  const auto sized = [](const std::string& shape) {
    return file_of(
        R"({"__metadata__":{"format":"dlbench.program","version":"1"},)"
        R"("w":{"dtype":"F32","shape":[)" +
            shape +
            R"(],"data_offsets":[0,8]},"dlbench.graph":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}})",
        "12345678");
  };
  CHECK_THROWS_WITH(io::parse_program(sized("4611686018427387904,4"), "x.dlb"),
                    Contains("'w': its shape is too large"));
  CHECK_THROWS_WITH(io::parse_program(sized("3"), "x.dlb"), Contains("needs 12 bytes"));
}

TEST_CASE("a program's graph of empty parts by the million is refused") {
  std::string graph;
  for (int i = 0; i < 2'000'000; ++i) graph += std::string("\x0a\x00", 2);
  std::string message = "\x3a";  // field 7, the graph, of 4,000,000 bytes
  message += "\x80\x92\xf4\x01" + graph;
  const Tensor tensor = Tensor::empty({static_cast<int64_t>(message.size())}, DType::kUInt8);
  std::copy(message.begin(), message.end(), static_cast<char*>(tensor.raw()));
  const std::string bytes = changed(io::to_program(small_model()), [&](io::Safetensors& file) {
    file.tensors = {{"dlbench.graph", tensor}};
  });
  CHECK_THROWS_WITH(io::parse_program(bytes, "bomb.dlb"), Contains("far more empty parts"));
}

TEST_CASE("what a program cannot hold is refused when it is written") {
  const auto write = [](const std::string& name) {
    Model m = small_model();
    m.graph.initializers[name] = floats({1});
    io::to_program(m);
  };
  CHECK_THROWS_WITH(write("dlbench.graph"), Contains("'dlbench.graph' has the name under which a program"));
  CHECK_THROWS_WITH(write("__metadata__"), Contains("__metadata__"));
  CHECK_THROWS_WITH(write("\xff"), Contains("not valid UTF-8"));
  Model m = small_model();
  m.functions.emplace_back();
  m.functions[0].name = "Twice";
  CHECK_THROWS_WITH(io::to_program(m), Contains("function 'Twice'"));
  CHECK_THROWS_WITH(io::to_onnx(m), Contains("function 'Twice'"));
}

TEST_CASE("a model file is told by its content, not by its name") {
  const TempFolder folder;
  const std::string program = io::to_program(small_model()), onnx = io::to_onnx(small_model());
  files::write_atomic(folder / "program.onnx", program);
  files::write_atomic(folder / "onnx.dlb", onnx);
  CHECK(io::read_model(folder / "program.onnx").graph.name == "small");
  CHECK(io::read_model(folder / "onnx.dlb").graph.name == "small");
  CHECK(io::read_program(folder / "program.onnx").graph.name == "small");
  CHECK_THROWS_AS(io::read_program(folder / "onnx.dlb"), Error);
  CHECK_THROWS_WITH(io::parse_model(program.substr(0, 100), "x"), Contains("truncated"));
  CHECK_THROWS_WITH(io::parse_model(io::to_safetensors({{"w", Tensor::scalar(1)}}), "w.safetensors"),
                    Contains("w.safetensors: this safetensors file holds weights and no graph"));
  CHECK_THROWS_WITH(io::parse_model("", "empty"), Contains("no ONNX model"));
  CHECK_THROWS_AS(io::read_model("/nowhere/x.dlb"), Error);
  CHECK(!io::is_program(onnx, "x"));
  CHECK(!io::is_program(io::to_safetensors({}), "x"));
  CHECK(io::is_program(program, "x"));
}

TEST_CASE("the weights of a program are its floats, as of an ONNX file") {
  const TempFolder folder;
  files::write_atomic(folder / "m.dlb", io::to_program(small_model()));
  const io::Safetensors weights = io::read_weights(folder / "m.dlb");
  REQUIRE(weights.tensors.size() == 1);
  CHECK(weights.tensors[0].name == "w");
  CHECK(weights.tensors[0].value.to_vector<double>() == std::vector<double>{2, 3, 4});
}

TEST_CASE("Models are told from text by their bytes") {
  Model tiny = model_of(graph_of({"x"}, {node("Neg", {"x"}, {"y"})}, {"y"}));
  for (const Model& m : {small_model(), tiny}) {
    CHECK(io::is_model(io::to_onnx(m)));
    CHECK(io::is_model(io::to_program(m)));
  }
  CHECK_FALSE(io::is_model(""));
  CHECK_FALSE(io::is_model(std::string_view("name: a\0b", 9)));
  CHECK_FALSE(io::is_model("\xff\x01\x02"));
  CHECK_FALSE(io::is_model("name: x\r\nmodel:\t[relu]  # caf\xc3\xa9\n"));
  const TempFolder temp;
  files::write_atomic(temp / "model", io::to_onnx(tiny));
  files::write_atomic(temp / "text.onnx", "name: x\n");
  CHECK(io::is_model_file(temp / "model"));
  CHECK_FALSE(io::is_model_file(temp / "text.onnx"));
  CHECK_FALSE(io::is_model_file(temp / "none"));
  CHECK_FALSE(io::is_model_file(temp.path()));
}
