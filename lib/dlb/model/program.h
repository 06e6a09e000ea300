#pragma once
/// \file A list of steps that is ready to run, with the slots that values live in between.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "dlb/model/model.h"

namespace dlb::model {

/// What all programs of one model share.
struct Trace {
  std::vector<LayerReport> report;
  LayerHook hook;
};

/// One step: a layer, the slots it reads and writes, and its place in the config.
struct Step {
  nn::Layer* layer = nullptr;
  struct Arg {
    int slot = -1;      ///< -1: this input is left out
    bool last = false;  ///< nothing reads the slot after this
  };
  InlineVector<Arg, 2> args;
  InlineVector<int, 2> outs;  ///< -1: the output is not used
  size_t row = 0;             ///< in the report
  std::string name;           ///< of the layer, and of those it has absorbed: "conv2d_1 + relu_1"
  std::string place;          ///< "file:line:col"
  std::vector<std::string>
      frames;  ///< context lines of an error: "in model[3]", then the uses of blocks around it
  /// Parameters of the layer that are transposes of others, made anew for each run: (handle, source).
  std::vector<std::pair<Tensor, Tensor>> transposes;
};

/// Adds a context line unless it is there: of a recursion each line is told once.
void add_frame(Error& error, const std::string& frame);

/// Steps in the order of running.
class Program {
 public:
  explicit Program(const Trace& trace) : trace_(&trace) {}
  /// Runs all steps; each value is dropped after its last use. The inputs are `own`, which are taken, then
  /// `shared`. An Error gets the step's place and path.
  Outputs run(nn::Context& context, std::span<Tensor> own, Inputs shared) const;
  size_t inputs() const { return input_slots_.size(); }
  bool empty() const { return steps_.empty(); }

  /// Is told of a step that has absorbed that of the row `absorbed`, its slots being values still.
  using OnFused = std::function<void(const Step& step, size_t absorbed)>;
  /// Makes the program of steps whose slots are values 0 ... `values` - 1: fuses neighbours (marked in the
  /// report), finds last uses, and numbers slots anew so that few are needed.
  void finish(std::vector<Step> steps, size_t values, const std::vector<int>& inputs,
              const std::vector<int>& outputs, std::vector<LayerReport>& report, const OnFused& on_fused);

 private:
  const Trace* trace_;
  std::vector<Step> steps_;
  std::vector<int> input_slots_;  ///< -1: nothing reads the input
  std::vector<int> output_slots_;
  size_t slot_count_ = 0;
};

}  // namespace dlb::model
