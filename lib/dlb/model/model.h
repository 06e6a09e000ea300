#pragma once
/// \file A model: layers in the order of running, made from the config's `model` and `blocks`.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/nn/layer.h"

namespace dlb::model {

/// One line of `check`: a layer or a container. A container's figures are its own work (the addition of a
/// residual), not that of its body, so columns can be summed.
struct LayerReport {
  std::string name;             ///< "conv2d_1", "residual_1.body.conv2d_1"
  std::string type;             ///< "conv2d", "residual", or the block's name
  std::string where;            ///< "file:line"
  std::string output;           ///< "[32, 64, 12, 12]"
  int64_t params = 0;           ///< trainable numbers
  double flops = 0;             ///< of one forward pass over the batch; a multiply-add counts as two
  size_t activation_bytes = 0;  ///< memory that its operators allocate in a forward pass, views excluded
  int depth = 0;                ///< number of containers around it
  bool fused = false;           ///< done by the layer before it (Layer::absorb)
  size_t program = 0;           ///< what first runs it
};

/// Called after each layer with its name (of fused ones all, "conv2d_1 + relu_1"), place and outputs.
using LayerHook =
    std::function<void(const std::string& name, const std::string& where, const Outputs& outputs)>;

/// An input of the model: a column of the data.
struct NamedSpec {
  std::string name;
  TensorSpec spec;  ///< of a batch, images in channels-last order
};

/// A value that a loss or a metric reads: any `as:` name of the steps' outermost list, or an input's name.
struct ValueRef {
  std::string name;
  config::Node at;  ///< where the name stands, for messages
};

/// Further steps over the same inputs, such as what a training phase runs.
struct ProgramSource {
  std::string name;                     ///< of the phase
  const config::Node* steps = nullptr;  ///< as `model`: a list of steps or {inputs, steps, outputs}
  std::vector<ValueRef> wanted;
};

/// The sections of a config that make a model; all but `model` may be null.
struct ModelSource {
  const config::Node* model = nullptr;
  const config::Node* models = nullptr;  ///< named networks
  const config::Node* blocks = nullptr;
  std::vector<ValueRef> wanted;  ///< of the main program, beside its outputs
  std::vector<ProgramSource> programs;
  bool incomplete = false;  ///< some programs are missing for their errors: what nothing calls is no news
};

class Program;
struct Instance;
struct Trace;

/// Layers, the variables they own, and how values flow between them.
///
/// Program 0 is `model`, the others are those of the source, in order; all take the same inputs. Steps see
/// each input by its name, the first also as "input".
///
/// Names: a step is called by its `id`, else by its type and its number among the steps of that type in its
/// list, from 1
/// ("conv2d_2"); containers join with dots ("residual_1.body.conv2d_1.weight"). `repeat`, `foreach` and
/// `when` put their steps into the list around them; `use` groups them under the block's name and number
/// ("basic_3").
class Model {
 public:
  /// Builds from a list of steps or `{inputs, steps, outputs}`. `dtype` is that of the parameters. Shapes are
  /// checked by running every layer on meta tensors. Records everything wrong in `reader.errors()` and
  /// returns nullptr then.
  static std::unique_ptr<Model> build(config::Reader& reader, const ModelSource& source,
                                      const std::vector<NamedSpec>& inputs, DType dtype = DType::kFloat32);
  /// Records what is wrong with the steps themselves, where the input is not known because the data has
  /// errors. `facts` are names of values that the data would have given.
  static void check_steps(config::Reader& reader, const ModelSource& source,
                          const std::vector<std::string>& facts);
  ~Model();

  /// Runs all layers of a program on one tensor for each input of the model; each value is dropped after its
  /// last use. Gives the program's outputs, then its wanted values. An Error gets the layer's place and path.
  Outputs forward(nn::Context& context, Inputs inputs, size_t program = 0);
  /// The first output of a model with one input.
  Tensor forward(nn::Context& context, const Tensor& input);
  size_t programs() const { return programs_.size(); }
  /// Names and specs of what forward() gives; an output without a name is called "output".
  const std::vector<std::string>& output_names(size_t program = 0) const { return names_[program]; }
  const std::vector<TensorSpec>& output_specs(size_t program = 0) const { return specs_[program]; }
  const TensorSpec& output_spec() const { return specs_[0].front(); }
  /// How many of them are outputs; the others are the wanted values.
  size_t outputs(size_t program = 0) const { return output_counts_[program]; }
  /// The model's inputs.
  const std::vector<NamedSpec>& inputs() const { return inputs_; }

  /// All parameters and running statistics, in order of building, with full names.
  std::vector<nn::Variable>& variables() { return variables_; }
  const std::vector<nn::Variable>& variables() const { return variables_; }
  /// Gives every variable its initial value: number i from the stream (seed, kInit, 0, i).
  void materialize(uint64_t seed, Device device = kCpu);
  /// Trainable numbers.
  int64_t parameter_count() const;

  const std::vector<LayerReport>& report() const;
  /// Finds out which layer made a value, for instance the first NaN. An empty hook turns it off.
  void set_layer_hook(LayerHook hook);

 private:
  friend class Builder;
  Model();

  std::unique_ptr<Trace> trace_;
  std::vector<std::unique_ptr<nn::Layer>> layers_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::vector<std::unique_ptr<Instance>> instances_;
  std::vector<std::vector<std::string>> names_;  ///< by program
  std::vector<std::vector<TensorSpec>> specs_;   ///< by program
  std::vector<size_t> output_counts_;            ///< by program
  std::vector<NamedSpec> inputs_;
  std::vector<nn::Variable> variables_;
};

}  // namespace dlb::model
