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
};

/// Called after each layer with its name, place and outputs.
using LayerHook =
    std::function<void(const std::string& name, const std::string& where, const Outputs& outputs)>;

/// Layers, the variables they own, and how values flow between them.
///
/// Names: a step is called by its `id`, else by its type and its number among the steps of that type in its
/// list, from 1
/// ("conv2d_2"); containers join with dots ("residual_1.body.conv2d_1.weight"). `repeat`, `foreach` and
/// `when` put their steps into the list around them; `use` groups them under the block's name and number
/// ("basic_3").
class Model {
 public:
  /// Builds from a list of steps or `{inputs, steps, outputs}`. `blocks` may be null. `inputs` are the specs
  /// of a batch, images in channels-last order; `dtype` is that of the parameters. Shapes are checked by
  /// running every layer on meta tensors. Records everything wrong in `reader.errors()` and returns nullptr
  /// then.
  static std::unique_ptr<Model> build(config::Reader& reader, const config::Node& model,
                                      const config::Node* blocks, const std::vector<TensorSpec>& inputs,
                                      DType dtype = DType::kFloat32);
  static std::unique_ptr<Model> build(config::Reader& reader, const config::Node& model,
                                      const config::Node* blocks, const TensorSpec& input,
                                      DType dtype = DType::kFloat32) {
    return build(reader, model, blocks, std::vector<TensorSpec>{input}, dtype);
  }
  /// Records what is wrong with the steps themselves, where the input is not known because the data has
  /// errors. `facts` are names of values that the data would have given.
  static void check_steps(config::Reader& reader, const config::Node& model, const config::Node* blocks,
                          const std::vector<std::string>& facts);
  ~Model();

  /// Runs all layers; each value is dropped after its last use. An Error gets the layer's place and path.
  Outputs forward(nn::Context& context, Inputs inputs);
  Tensor forward(nn::Context& context, const Tensor& input);

  /// All parameters and running statistics, in order of building, with full names.
  std::vector<nn::Variable>& variables() { return variables_; }
  const std::vector<nn::Variable>& variables() const { return variables_; }
  /// Gives every variable its initial value: number i from the stream (seed, kInit, 0, i).
  void materialize(uint64_t seed, Device device = kCpu);
  /// Trainable numbers.
  int64_t parameter_count() const;

  const std::vector<LayerReport>& report() const { return report_; }
  const std::vector<TensorSpec>& output_specs() const { return output_specs_; }
  const TensorSpec& output_spec() const { return output_specs_.front(); }
  /// Finds out which layer made a value, for instance the first NaN. An empty hook turns it off.
  void set_layer_hook(LayerHook hook) { hook_ = std::move(hook); }

 private:
  friend class Builder;
  struct Step;
  Model();
  void finish(const std::vector<int>& input_slots, const std::vector<int>& output_slots);

  std::vector<std::unique_ptr<nn::Layer>> layers_;
  std::vector<Step> steps_;
  std::vector<int> input_slots_;
  std::vector<int> output_slots_;
  size_t slot_count_ = 0;
  std::vector<nn::Variable> variables_;
  std::vector<LayerReport> report_;
  std::vector<TensorSpec> output_specs_;
  LayerHook hook_;
};

}  // namespace dlb::model
