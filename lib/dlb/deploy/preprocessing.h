#pragma once
/// \file Exported graphs that take what the data files hold, and do the transforms of evaluation themselves.

#include <string>
#include <vector>

#include "dlb/data/loader.h"
#include "dlb/graph/graph.h"
#include "dlb/train/experiment.h"

namespace dlb::deploy {

/// The transforms of an experiment's evaluation, as nodes of a graph. Images are taken as decoders give them,
/// [batch, H, W, C]; the transforms see them as [batch, C, H, W]. Rows of tables are taken as their numbers,
/// float64, where the source scales them, fills them in or takes them as categories.
class Preprocessing {
 public:
  /// Errors: unsupported, with all that a graph cannot say and its line. `experiment` must outlive this.
  explicit Preprocessing(const train::Experiment& experiment);

  /// Puts the transforms before the inputs of the model's graph, which keep their names and become what files
  /// hold.
  void prepend(graph::Model& model) const;
  /// Inputs of such a graph, of a batch as the source gives it.
  std::vector<Tensor> inputs_of(const data::Batch& raw) const;
  /// What is done, in order: "standardize", and the names of the transforms, "to_float".
  const std::vector<std::string>& steps() const { return steps_; }

 private:
  /// An input of the model.
  struct Input {
    size_t column = 0;
    TensorSpec spec;                       ///< of a raw sample
    bool image = false;                    ///< stored with channels last
    bool transformed = false;              ///< by the pipeline
    std::vector<data::RawNumber> numbers;  ///< that it is made of, where those of the files are others
  };
  const data::Pipeline& pipeline_;
  std::vector<Input> inputs_;
  std::vector<std::string> steps_;
};

}  // namespace dlb::deploy
