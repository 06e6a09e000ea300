#pragma once
/// \file A model file in the place of the experiment's model, to be measured on its data.

#include <string>
#include <vector>

#include "dlb/graph/session.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// Runs an ONNX model or a program on what the experiment's model would see. Inputs and outputs go by name
/// where the names are the same, else in their order.
class ExportedModel {
 public:
  /// Errors: io, data, unsupported; config where the inputs or outputs are not those of the experiment's
  /// model, or a loss or metric reads values within the model.
  ExportedModel(const std::string& path, const Experiment& experiment);

  /// The outputs of a batch. A model made for fewer samples than the batch has gets it in parts. Errors: data
  /// where the batch is no multiple of that number, and those of the operators.
  Outputs forward(const std::vector<Tensor>& inputs) const;

 private:
  std::vector<graph::Value> run(const std::vector<Tensor>& inputs, int64_t first, int64_t count) const;

  std::string path_;
  graph::Session session_;
  std::vector<graph::Declared> inputs_;  ///< in the experiment's order
  std::vector<size_t> outputs_;          ///< the model's output for each of the experiment's
  int64_t samples_ = 0;                  ///< that the model takes at a time; 0: any number
  mutable uint64_t runs_ = 0;            ///< so far: each draws other random numbers
};

}  // namespace dlb::train
