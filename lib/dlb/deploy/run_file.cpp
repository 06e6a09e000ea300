#include "dlb/deploy/run_file.h"

#include <chrono>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/threads.h"
#include "dlb/deploy/draws.h"
#include "dlb/deploy/open_sizes.h"
#include "dlb/io/array_value.h"
#include "dlb/io/onnx.h"
#include "dlb/io/program.h"
#include "dlb/io/safetensors.h"
#include "dlb/ops/create.h"
#include "dlb/ops/random.h"
#include "dlb/ops/unary.h"

namespace dlb::deploy {

using graph::Declared;
using graph::Value;

namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// NAME=FILE as a name and a path, FILE with an empty name. A path may have a '=' of its own.
std::pair<std::string, std::string> split_name(const std::string& argument,
                                               const std::vector<Declared>& declared) {
  const size_t at = argument.find('=');
  if (at == std::string::npos || files::exists(argument)) return {"", argument};
  std::string name = argument.substr(0, at);
  std::string names;
  for (const Declared& d : declared) {
    if (d.name == name) return {name, argument.substr(at + 1)};
    names += (names.empty() ? "" : ", ") + d.name;
  }
  throw Error(ErrorKind::kConfig, fmt::format("the model has no value '{}', as in '{}'", name, argument), "",
              fmt::format("there are: {}", names));
}

/// The values of files, by the names that `declared` gives.
std::vector<NamedValue> read_values(const std::vector<std::string>& arguments,
                                    const std::vector<Declared>& declared, const char* what) {
  std::vector<NamedValue> values;
  size_t next = 0;
  const auto take_next = [&](const std::string& path) -> const Declared& {
    if (next >= declared.size())
      fail(ErrorKind::kConfig, "'{}' is one more than the {} {} that the model has", path, declared.size(),
           what);
    return declared[next++];
  };
  const auto find = [&](const std::string& name, const std::string& path) -> const Declared& {
    for (const Declared& d : declared) {
      if (d.name == name) return d;
    }
    fail(ErrorKind::kConfig, "{}: '{}' is none of the model's {}", path, name, what);
  };
  for (const std::string& argument : arguments) {
    const auto [name, path] = split_name(argument, declared);
    if (path.ends_with(".pb")) {
      const Declared& d = name.empty() ? take_next(path) : find(name, path);
      values.push_back({d.name, io::read_onnx_value(path, d)});
      continue;
    }
    const std::vector<io::Array> arrays = io::open_arrays(path);
    if (arrays.size() == 1) {
      const bool named = name.empty() && !arrays[0].name.empty();
      const Declared& d = !name.empty() ? find(name, path)
                          : named       ? find(arrays[0].name, path)
                                        : take_next(path);
      values.push_back({d.name, io::to_value(arrays[0])});
      continue;
    }
    if (!name.empty())
      fail(ErrorKind::kConfig, "{}: it has {} arrays, '{}' is one value", path, arrays.size(), name);
    for (const io::Array& array : arrays)
      values.push_back({find(array.name, path).name, io::to_value(array)});
  }
  return values;
}

/// Values for an input that nobody gives: of its distribution where the model says one, else floats in [0, 1)
/// and whole numbers 0 and 1.
Value random_value(const Declared& d, const Distribution* distribution,
                   const std::map<std::string, int64_t>& sizes, uint64_t seed, uint32_t index) {
  if (d.kind != Value::Kind::kTensor || !d.shape || d.element == graph::Element::kUndefined)
    fail(ErrorKind::kConfig, "input '{}' ({}) is not of a kind that can be random; give it", d.name,
         describe(d));
  const Shape shape = closed_shape(d, sizes);
  RngKey key;
  key.seed = seed;
  key.index = index;
  const DType dtype = graph::carrier(d.element);
  if (distribution != nullptr)
    return {graph::fit(sample(*distribution, shape, dtype, key), d.element), d.element};
  if (graph::is_float(d.element)) return {graph::fit(uniform(shape, 0, 1, key, dtype), d.element), d.element};
  return {cast(randint(0, 2, shape, key), dtype), d.element};
}

void write_outputs(const std::vector<NamedValue>& outputs, const std::string& path) {
  std::vector<io::NamedTensor> tensors;
  for (const NamedValue& output : outputs) {
    if (!output.value.is_tensor())
      fail(ErrorKind::kUnsupported, "output '{}' is {}, which a safetensors file cannot hold", output.name,
           describe(output.value));
    tensors.push_back({output.name, output.value.tensor});
  }
  files::write_atomic(path, io::to_safetensors(tensors));
}

}  // namespace

bool RunFileResult::passed() const {
  for (const Compared& c : compared) {
    if (!c.difference.equal) return false;
  }
  return true;
}

ModelSummary summarize(const std::string& path) {
  const graph::Model model = io::read_model(path);
  ModelSummary summary;
  summary.producer = model.producer;
  summary.opsets = model.opsets;
  summary.parameters = parameter_count(model.graph);
  for (const Declared& input : model.graph.inputs) {
    if (model.graph.initializers.count(input.name) == 0) summary.inputs.push_back(input);
  }
  summary.outputs = model.graph.outputs;
  for (const graph::Node& node : model.graph.nodes) ++summary.operators[node.op];
  return summary;
}

RunFileResult run_file(const RunFileOptions& options) {
  set_threads(options.threads);
  RunFileResult result;
  const auto start = std::chrono::steady_clock::now();
  const graph::Session session(io::read_model(options.model));
  result.load_ms = milliseconds_since(start);

  const graph::Graph& graph = session.model().graph;
  const std::vector<Declared> required = session.required_inputs();
  // Files without a name are for the inputs that must be given, names may also be those of defaults.
  result.inputs = read_values(options.inputs,
                              options.inputs.size() > required.size() ? graph.inputs : required, "inputs");
  std::map<std::string, Value> inputs;
  for (const NamedValue& input : result.inputs) inputs[input.name] = input.value;
  const std::map<std::string, int64_t> sizes = read_sizes(options.sizes);
  std::map<std::string, Distribution> draws;
  if (options.random) draws = read_draws(session.model());
  for (size_t i = 0; i < required.size() && options.random; ++i) {
    if (inputs.count(required[i].name) > 0) continue;
    const auto draw = draws.find(required[i].name);
    inputs[required[i].name] = random_value(required[i], draw == draws.end() ? nullptr : &draw->second, sizes,
                                            *options.random, static_cast<uint32_t>(i));
    result.inputs.push_back({required[i].name, inputs[required[i].name]});
  }
  const std::vector<NamedValue> expected = read_values(options.expected, graph.outputs, "outputs");

  std::vector<Value> outputs;
  for (int64_t i = 0; i < std::max<int64_t>(options.repeat, 1); ++i) {
    const auto run_start = std::chrono::steady_clock::now();
    outputs = session.run(inputs, options.seed);
    result.run_ms.push_back(milliseconds_since(run_start));
  }
  for (size_t i = 0; i < outputs.size(); ++i) result.outputs.push_back({graph.outputs[i].name, outputs[i]});
  for (const NamedValue& e : expected) {
    for (const NamedValue& output : result.outputs) {
      if (output.name == e.name)
        result.compared.push_back(
            {e.name, graph::compare(output.value, e.value, options.rtol, options.atol)});
    }
  }
  if (!options.out.empty()) write_outputs(result.outputs, options.out);
  return result;
}

}  // namespace dlb::deploy
