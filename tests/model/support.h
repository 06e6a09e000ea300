#pragma once
/// \file Builds models from YAML text for the tests.

#include <memory>
#include <string>

#include "dlb/backend/cpu/install.h"
#include "dlb/config/document.h"
#include "dlb/model/model.h"
#include "dlb/ops/create.h"

namespace dlb::model {

struct Built {
  std::unique_ptr<Model> model;
  std::string errors;               ///< the report, "" when all was well
  std::vector<std::string> unused;  ///< names in `vars` that nothing used
};

inline TensorSpec batch_spec(Shape shape, DType dtype = DType::kFloat32) {
  TensorSpec spec = make_spec(std::move(shape), dtype);
  if (spec.rank() == 4) spec.strides = channels_last_strides(spec.shape);
  return spec;
}

/// Builds from a document with `model`, and perhaps `models`, `blocks`, `vars`, `wanted` (values of the main
/// program) and `phases` (names of programs to their steps); $classes is 10.
inline Built try_build(const std::string& yaml, const std::vector<NamedSpec>& inputs) {
  Built built;
  const config::Document document = config::Document::parse(yaml, "x.yaml");
  const config::Node& root = document.root();
  config::Scope scope;
  if (const config::Node* vars = root.find("vars")) {
    for (const auto& entry : vars->entries()) scope.set(entry.key, config::evaluate(entry.value, scope));
  }
  config::Scope facts(&scope);
  facts.set("classes", config::Node::integer(10));
  ErrorList errors;
  config::Reader reader(errors, facts);
  ModelSource source;
  source.model = root.find("model");
  source.models = root.find("models");
  source.blocks = root.find("blocks");
  if (const config::Node* wanted = root.find("wanted")) {
    for (const config::Node& name : wanted->items()) source.wanted.push_back({name.as_string(), name});
  }
  if (const config::Node* phases = root.find("phases")) {
    for (const auto& phase : phases->entries()) source.programs.push_back({phase.key, &phase.value, {}});
  }
  built.model = Model::build(reader, source, inputs);
  built.unused = scope.unused();
  try {
    errors.throw_if_any();
  } catch (const Error& e) {
    built.errors = e.report();
  }
  return built;
}
inline Built try_build(const std::string& yaml, Shape shape) {
  return try_build(yaml, std::vector<NamedSpec>{{"input", batch_spec(std::move(shape))}});
}

/// As try_build, for a model that must be right.
inline std::unique_ptr<Model> build(const std::string& yaml, Shape shape) {
  Built built = try_build(yaml, std::move(shape));
  if (!built.model || !built.errors.empty()) throw std::runtime_error("no model:\n" + built.errors);
  return std::move(built.model);
}

/// As try_build, for a model that must be wrong: the report.
inline std::string errors_of(const std::string& yaml, Shape shape) {
  Built built = try_build(yaml, std::move(shape));
  if (built.model) throw std::runtime_error("the model was built");
  return built.errors;
}

inline std::vector<std::string> names(const Model& model) {
  std::vector<std::string> out;
  for (const nn::Variable& v : model.variables()) out.push_back(v.name);
  return out;
}

}  // namespace dlb::model
