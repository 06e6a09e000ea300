#include "dlb/train/exported_model.h"

#include <algorithm>

#include "dlb/base/error.h"
#include "dlb/io/program.h"
#include "dlb/ops/join.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::train {

namespace {

/// For each wanted name the number of the value with that name, or of the value at that place.
std::vector<size_t> matched(const std::vector<std::string>& wanted,
                            const std::vector<graph::Declared>& have) {
  std::vector<size_t> by_name, by_place;
  for (size_t i = 0; i < wanted.size(); ++i) {
    by_place.push_back(i);
    for (size_t k = 0; k < have.size(); ++k) {
      if (have[k].name == wanted[i]) by_name.push_back(k);
    }
  }
  return by_name.size() == wanted.size() ? by_name : by_place;
}

}  // namespace

ExportedModel::ExportedModel(const std::string& path, const Experiment& experiment)
    : path_(path), session_(io::read_model(path)) {
  const model::Model& own = *experiment.model;
  // Its inputs may fit by their shapes, but batches have been through the transforms.
  if (session_.model().metadata.contains("dlbench.preprocessing")) {
    Error error(ErrorKind::kConfig,
                fmt::format("'{}' includes preprocessing: it takes what data files hold, not batches", path));
    error.hint = "export the model without --preprocessing to measure it";
    throw error;
  }
  if (session_.model().metadata.contains("dlbench.draws")) {
    Error error(
        ErrorKind::kConfig,
        fmt::format("'{}' takes the random numbers of the model as inputs, which no data have", path));
    error.hint = "export the model with `--draws operators` to measure it";
    throw error;
  }
  const std::vector<graph::Declared> inputs = session_.required_inputs();
  const std::vector<graph::Declared>& outputs = session_.model().graph.outputs;
  if (inputs.size() != own.inputs().size() || outputs.size() < own.outputs()) {
    fail(ErrorKind::kConfig, "'{}' has {} inputs and {} outputs, the model of '{}' has {} and {}", path,
         inputs.size(), outputs.size(), experiment.file, own.inputs().size(), own.outputs());
  }
  if (own.output_names().size() > own.outputs())
    fail(ErrorKind::kConfig, "a loss or metric of '{}' reads '{}', a value within the model", experiment.file,
         own.output_names()[own.outputs()]);
  std::vector<std::string> names;
  for (const model::NamedSpec& input : own.inputs()) names.push_back(input.name);
  for (const size_t i : matched(names, inputs)) inputs_.push_back(inputs[i]);
  names.assign(own.output_names().begin(),
               own.output_names().begin() + static_cast<ptrdiff_t>(own.outputs()));
  outputs_ = matched(names, outputs);
  for (const graph::Declared& d : inputs_) {
    if (d.kind != graph::Value::Kind::kTensor)
      fail(ErrorKind::kConfig, "'{}': input '{}' is {}, expected a tensor", path, d.name, describe(d));
    if (d.shape && !d.shape->empty() && d.shape->front().size) samples_ = *d.shape->front().size;
  }
}

std::vector<graph::Value> ExportedModel::run(const std::vector<Tensor>& inputs, int64_t first,
                                             int64_t count) const {
  std::map<std::string, graph::Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor part =
        first == 0 && count == inputs[i].dim(0) ? inputs[i] : narrow(inputs[i], 0, first, count);
    const graph::Element e = inputs_[i].element == graph::Element::kUndefined
                                 ? graph::element_of(part.dtype())
                                 : inputs_[i].element;
    values[inputs_[i].name] = graph::Value(graph::convert(part, graph::element_of(part.dtype()), e), e);
  }
  return session_.run(values, runs_++);
}

Outputs ExportedModel::forward(const std::vector<Tensor>& inputs) const {
  const int64_t batch = inputs[0].dim(0);
  const int64_t each = samples_ == 0 ? batch : samples_;
  if (each == 0 || batch % each != 0)
    fail(ErrorKind::kData, "'{}' takes {} samples at a time, a batch has {}", path_, samples_, batch);
  std::vector<std::vector<Tensor>> parts(outputs_.size());
  for (int64_t first = 0; first < batch; first += each) {
    const std::vector<graph::Value> values = run(inputs, first, each);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const graph::Value& value = values[outputs_[i]];
      if (!value.is_tensor())
        fail(ErrorKind::kConfig, "'{}': output {} is {}, expected a tensor", path_, outputs_[i],
             describe(value));
      parts[i].push_back(value.tensor);
    }
  }
  Outputs out;
  for (std::vector<Tensor>& p : parts) out.push_back(p.size() == 1 ? p[0] : cat(p, 0));
  return out;
}

}  // namespace dlb::train
