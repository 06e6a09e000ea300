#include "dlb/deploy/export.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/threads.h"
#include "dlb/deploy/preprocessing.h"
#include "dlb/graph/session.h"
#include "dlb/io/onnx.h"
#include "dlb/io/program.h"
#include "dlb/io/safetensors.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/train/batches.h"
#include "dlb/train/trained.h"
#include "dlb/train/weight_names.h"

namespace dlb::deploy {

namespace {

std::string split_of(const ExportOptions& options, const train::Experiment& experiment) {
  if (!options.split.empty()) {
    if (!experiment.data->has(options.split))
      fail(ErrorKind::kConfig, "the data of '{}' has no {} split", experiment.file, options.split);
    return options.split;
  }
  return experiment.data->has("test") ? "test" : experiment.data->has("val") ? "val" : "train";
}

/// Inputs of the exported model and of the model itself: the same, unless the exported one does the
/// preprocessing.
struct Compared {
  std::vector<Tensor> given;
  std::vector<Tensor> own;
};

std::vector<Tensor> first_row(const std::vector<Tensor>& batch) {
  std::vector<Tensor> single;
  for (const Tensor& t : batch) single.push_back(narrow(t, 0, 0, std::min<int64_t>(t.dim(0), 1)));
  return single;
}

/// The inputs of the first batches, and where all inputs of the model have one open first size, of a single
/// sample.
std::vector<Compared> real_inputs(train::Experiment& experiment, const ExportOptions& options,
                                  const Preprocessing* preprocessing,
                                  const std::vector<graph::Declared>& declared) {
  experiment.data->open();
  const std::string split = split_of(options, experiment);
  train::Batches batches(experiment, split, false);
  batches.start(0);
  std::unique_ptr<data::Loader> raw;
  if (preprocessing != nullptr) {
    raw = experiment.data->raw_loader(split, experiment.seed);
    raw->start(0);
  }
  std::vector<Compared> all;
  while (static_cast<int64_t>(all.size()) < options.batches) {
    const std::optional<data::Batch> batch = batches.next();
    if (!batch) break;
    Compared both;
    both.own = experiment.inputs_of(*batch);
    both.given = raw == nullptr ? both.own : preprocessing->inputs_of(raw->next().value());
    all.push_back(std::move(both));
  }
  if (all.empty()) fail(ErrorKind::kData, "the data of '{}' has no batch to compare on", experiment.file);
  const auto open = [&](const graph::Declared& d) {
    return d.shape && !d.shape->empty() && !d.shape->front().size && d.shape->front().name == "batch";
  };
  if (std::all_of(declared.begin(), declared.begin() + std::ssize(all[0].given), open))
    all.push_back({first_row(all[0].given), first_row(all[0].own)});
  return all;
}

/// Largest difference, and largest value of the expected one.
void widen(OutputCheck& check, double& scale, const Tensor& found, const Tensor& expected) {
  if (found.shape() != expected.shape() || found.dtype() != expected.dtype()) {
    fail(ErrorKind::kNumeric, "the exported model gives '{}' as {}, the model itself as {}", check.name,
         spec_text(found.spec()), spec_text(expected.spec()));
  }
  const std::vector<double> a = found.to_vector<double>(), b = expected.to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double gap = std::abs(a[i] - b[i]);
    check.largest = std::isnan(gap) ? INFINITY : std::max(check.largest, gap);
  }
  for (const double v : b) {
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  }
}

/// The open sizes of the inputs that are given.
std::map<std::string, int64_t> open_sizes(const std::vector<graph::Declared>& inputs,
                                          const std::vector<Tensor>& given) {
  std::map<std::string, int64_t> sizes;
  for (size_t i = 0; i < given.size(); ++i) {
    for (size_t k = 0; k < inputs[i].shape->size(); ++k)
      sizes[(*inputs[i].shape)[k].name] = given[i].dim(static_cast<int64_t>(k));
  }
  return sizes;
}

using Values = std::map<std::string, graph::Value>;

/// Runs a graph that draws by itself, and gives out what it draws behind its outputs.
graph::Session drawing_session(graph::Model model, const std::vector<DrawInput>& draws,
                               const std::string& file) {
  for (const DrawInput& d : draws) model.graph.outputs.push_back(declared(d, ""));
  return graph::Session(io::parse_onnx(io::to_onnx(model), file));
}

/// Whether it gives for its own draws what the graph that was compared gives for them.
void check_drawing(const graph::Session& drawing, const graph::Session& compared, Values values,
                   const std::vector<DrawInput>& draws, uint64_t seed, double rtol) {
  for (const DrawInput& d : draws) values.erase(d.name);
  const std::vector<graph::Value> found = drawing.run(values, seed);
  const size_t outputs = found.size() - draws.size();
  for (size_t i = 0; i < draws.size(); ++i) values[draws[i].name] = found[outputs + i];
  const std::vector<graph::Value> expected = compared.run(values);
  for (size_t i = 0; i < outputs; ++i) {
    OutputCheck check{compared.model().graph.outputs[i].name, 0, 0};
    double scale = 0;
    widen(check, scale, found[i].tensor, expected[i].tensor);
    if (check.largest > rtol * scale) {
      fail(ErrorKind::kNumeric, "output '{}' of the model that draws by itself differs by {:.3g}", check.name,
           check.largest);
    }
  }
}

void compare(const graph::Session& session, train::Experiment& experiment, const ExportOptions& options,
             const Preprocessing* preprocessing, const std::vector<DrawInput>& draws,
             const graph::Session* drawing, ExportResult& result) {
  const NoGrad no_grad;
  const std::vector<graph::Declared>& inputs = session.model().graph.inputs;
  std::vector<double> scales(result.outputs.size(), 0);
  for (const graph::Declared& d : result.outputs) result.compared.push_back({d.name, 0, 0});
  for (const Compared& batch : real_inputs(experiment, options, preprocessing, inputs)) {
    Values values;
    for (size_t i = 0; i < batch.given.size(); ++i) values[inputs[i].name] = graph::Value(batch.given[i]);
    if (!draws.empty()) {
      const DrawLog log(*experiment.model, batch.own);
      const std::map<std::string, int64_t> open = open_sizes(inputs, batch.given);
      for (const DrawInput& d : draws) values[d.name] = graph::Value(log.value(d, open));
    }
    const std::vector<graph::Value> found = session.run(values);
    nn::Context context;
    const Outputs own = experiment.model->forward(context, batch.own);
    for (size_t i = 0; i < found.size(); ++i) widen(result.compared[i], scales[i], found[i].tensor, own[i]);
    if (drawing != nullptr)
      check_drawing(*drawing, session, std::move(values), draws, static_cast<uint64_t>(result.batches),
                    options.rtol);
    ++result.batches;
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    OutputCheck& check = result.compared[i];
    check.relative = check.largest == 0 ? 0 : check.largest / scales[i];
    if (check.relative <= options.rtol) continue;
    fail(ErrorKind::kNumeric,
         "output '{}' of the exported model differs from the model's by {:.3g}, {:.3g} of its largest value; "
         "at "
         "most {:.3g} is allowed",
         check.name, check.largest, check.relative, options.rtol);
  }
}

std::string default_name(const train::Experiment& experiment, const train::Trained& trained,
                         const char* suffix) {
  const std::string name = experiment.name + suffix;
  return trained.run.empty() ? name : files::join(trained.run, name);
}

/// As an ONNX file or a program.
void export_graph(train::Experiment& experiment, const ExportOptions& options,
                  const Preprocessing* preprocessing, ExportResult& result) {
  std::vector<DrawInput> draws;
  graph::Model model = to_graph(*experiment.model, experiment.name, options.draws.empty() ? nullptr : &draws);
  if (preprocessing != nullptr) {
    preprocessing->prepend(model);
    result.preprocessing = preprocessing->steps();
  }
  const auto written = [&] { return options.to == "program" ? io::to_program(model) : io::to_onnx(model); };
  std::string bytes = written();
  result.outputs = model.graph.outputs;
  // What is compared is what was written, read again.
  const graph::Session session(io::parse_model(bytes, result.file));
  std::optional<graph::Session> drawing;
  if (options.draws == "operators" && !draws.empty()) {
    draw_by_operators(model, draws);
    bytes = written();
    drawing.emplace(drawing_session(model, draws, result.file));
  }
  compare(session, experiment, options, preprocessing, draws, drawing ? &*drawing : nullptr, result);
  for (const DrawInput& d : draws) result.draws.push_back({d.name, describe(d.distribution)});
  result.opset = model.opsets.at("");
  result.nodes = static_cast<int64_t>(model.graph.nodes.size());
  result.inputs = model.graph.inputs;
  files::write_atomic(result.file, bytes);
  result.bytes = static_cast<int64_t>(bytes.size());
}

void export_safetensors(train::Experiment& experiment, const std::vector<std::string>& names,
                        ExportResult& result) {
  std::vector<io::NamedTensor> tensors = model::named_tensors(*experiment.model);
  for (size_t i = 0; i < names.size(); ++i) tensors[i].name = names[i];
  const std::string bytes = io::to_safetensors(tensors, {{"format", "pt"}});
  const io::Safetensors again = io::parse_safetensors(bytes, result.file);
  for (const io::NamedTensor& t : tensors) {
    const Tensor* found = again.find(t.name);
    if (found == nullptr || found->to_vector<double>() != t.value.to_vector<double>())
      fail(ErrorKind::kNumeric, "tensor '{}' does not come back from the file as it was written", t.name);
    result.compared.push_back({t.name, 0, 0});
  }
  files::write_atomic(result.file, bytes);
  result.tensors = static_cast<int64_t>(tensors.size());
  result.bytes = static_cast<int64_t>(bytes.size());
}

}  // namespace

ExportResult export_model(const ExportOptions& options) {
  backend::cpu::install();
  set_threads(options.threads);
  if (!options.names.empty() && options.to != "safetensors")
    fail(ErrorKind::kConfig, "--names goes with --to safetensors alone");
  const train::Trained trained = train::open_trained({.target = options.target,
                                                      .overrides = options.overrides,
                                                      .weights = options.weights,
                                                      .initial_allowed = true});
  train::Experiment& experiment = *trained.experiment;
  std::vector<std::string> names;
  if (!options.names.empty())
    names = train::names_to_write(train::read_names_file(options.names), *experiment.model);
  if (!options.draws.empty() && options.to == "safetensors")
    fail(ErrorKind::kConfig, "--draws is for onnx and program: safetensors has weights alone");
  std::optional<Preprocessing> preprocessing;
  if (options.preprocessing) {
    if (options.to == "safetensors")
      fail(ErrorKind::kConfig, "preprocessing is for onnx and program: safetensors has weights alone");
    preprocessing.emplace(experiment);
  }
  ExportResult result;
  result.trained = train::load_trained_weights(trained);
  const char* suffix = options.to == "onnx" ? ".onnx" : options.to == "program" ? ".dlb" : ".safetensors";
  result.file = options.out.empty() ? default_name(experiment, trained, suffix) : options.out;
  if (options.to == "safetensors") {
    export_safetensors(experiment, names, result);
  } else {
    export_graph(experiment, options, preprocessing ? &*preprocessing : nullptr, result);
  }
  return result;
}

}  // namespace dlb::deploy
