#pragma once
/// \file Exporting a trained model, and making sure that what was exported is the model.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dlb/deploy/draws.h"
#include "dlb/graph/graph.h"
#include "dlb/model/model.h"

namespace dlb::deploy {

struct ExportOptions {
  std::string target;                  ///< a config, a run folder or a checkpoint folder
  std::vector<std::string> overrides;  ///< for a config
  std::string to;                      ///< "onnx", "program", "safetensors"
  std::string out;                     ///< "": the config's name with the format's suffix
  std::string weights;                 ///< a file or a checkpoint folder, instead of the target's
  std::string split;                   ///< of the batches that are compared; "": test, else val, else train
  int64_t batches = 3;                 ///< how many are compared
  double rtol = 1e-5;                  ///< of the largest difference to the largest value of an output
  std::string names;                   ///< safetensors: a file with other names for the variables
  bool preprocessing = false;          ///< the graph takes what the data files hold: onnx, program
  std::string draws;                   ///< what random numbers become: "" (refused), "inputs", "operators"
  int threads = 0;
};

/// How one output of the exported model compares with the model's own.
struct OutputCheck {
  std::string name;
  double largest = 0;   ///< largest |exported - own|
  double relative = 0;  ///< that, divided by the largest |own|
};

struct ExportResult {
  std::string file;
  int64_t bytes = 0;
  int64_t opset = 0;    ///< ONNX, program
  int64_t nodes = 0;    ///< ONNX, program
  int64_t tensors = 0;  ///< safetensors
  bool trained = true;  ///< false: the weights are initial ones
  std::vector<graph::Declared> inputs;
  std::vector<graph::Declared> outputs;
  std::optional<std::vector<std::string>> preprocessing;   ///< transforms that are in the graph, if asked for
  std::vector<std::pair<std::string, std::string>> draws;  ///< of the model: name, "normal(mean=0, std=1)"
  std::vector<OutputCheck> compared;
  int64_t batches = 0;  ///< that were compared, of different sizes where those are open
};

/// The model as an ONNX graph in evaluation mode. The first size of each input is open, and so are lengths of
/// sequences where the model takes any. Random numbers that it draws become inputs behind its own, which
/// `draws` then are. Errors: unsupported, with every layer that ONNX cannot say, and where the model draws
/// and nobody asks for `draws`.
graph::Model to_graph(model::Model& model, const std::string& name, std::vector<DrawInput>* draws = nullptr);

/// Exports, runs the result on batches of the data and compares it with the model; the file appears only if
/// they agree. Errors: config, unsupported (all that cannot be exported, with its line); numeric where they
/// differ.
ExportResult export_model(const ExportOptions& options);

}  // namespace dlb::deploy
