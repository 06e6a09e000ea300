#pragma once
/// \file Running exported models: files in, values out, compared with what is expected.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dlb/graph/session.h"

namespace dlb::deploy {

struct RunFileOptions {
  std::string model;                  ///< an ONNX file or a program
  std::vector<std::string> inputs;    ///< FILE or NAME=FILE: .pb, .npy, .npz, .safetensors
  std::vector<std::string> expected;  ///< likewise; values without a name are for the outputs in their order
  std::vector<std::string> sizes;     ///< NAME=SIZE of dimensions that the model leaves open
  std::optional<uint64_t> random;     ///< inputs that are not given: random from this seed
  uint64_t seed = 0;                  ///< of what the model itself draws
  double rtol = 1e-3;                 ///< |found - expected| <= atol + rtol |expected|
  double atol = 1e-7;
  int64_t repeat = 1;  ///< runs that are timed
  std::string out;     ///< a safetensors file for the outputs, "" for none
  int threads = 0;     ///< 0: as many as there are processors
};

struct NamedValue {
  std::string name;
  graph::Value value;
};

struct Compared {
  std::string name;
  graph::Difference difference;
};

struct RunFileResult {
  std::vector<NamedValue> inputs;
  std::vector<NamedValue> outputs;
  std::vector<Compared> compared;
  double load_ms = 0;          ///< reading, checking and preparing the model
  std::vector<double> run_ms;  ///< of each run, in their order
  bool passed() const;         ///< whether every comparison is within the tolerances
};

/// What a model file says of itself.
struct ModelSummary {
  std::string producer;
  std::map<std::string, int64_t> opsets;
  std::vector<graph::Declared> inputs;  ///< those that must be given
  std::vector<graph::Declared> outputs;
  std::map<std::string, int64_t> operators;  ///< how many nodes of each
  int64_t parameters = 0;
};
/// Errors: io, data.
ModelSummary summarize(const std::string& path);

/// Loads the model, runs it and compares. Errors: io, data, config, unsupported, and those of the operators.
RunFileResult run_file(const RunFileOptions& options);

}  // namespace dlb::deploy
