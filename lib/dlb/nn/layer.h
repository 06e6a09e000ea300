#pragma once
/// \file What a layer is: a described struct that declares parameters once the input's spec is known, and a
/// forward made of operators.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb::nn {

/// Makes a parameter's initial value; `key` is unique to the parameter (seed, kInit, 0, number of the
/// parameter).
using Init = std::function<Tensor(const Shape& shape, DType dtype, const RngKey& key)>;

/// A trainable tensor (parameter) or a running statistic (buffer) of a layer. Until materialised it lives on
/// kMeta; the handle is shared with the layer that uses it, so filling it in (Tensor::swap_data) is seen
/// there.
struct Variable {
  std::string name;  ///< full, such as "conv1.weight", once the model has placed it
  Tensor value;
  Init init;
  bool trainable = true;  ///< false for buffers and frozen parameters
  bool buffer = false;
};

/// What Layer::build sees: specs of the inputs, and where to declare variables.
class Build {
 public:
  Build(std::vector<TensorSpec> inputs, DType dtype = DType::kFloat32)
      : inputs_(std::move(inputs)), dtype_(dtype) {}
  const TensorSpec& input(size_t i = 0) const { return inputs_.at(i); }
  size_t inputs() const { return inputs_.size(); }
  DType dtype() const { return dtype_; }  ///< of parameters
  /// Whether input i is given; an optional one that is not has an empty spec, and an undefined Tensor in
  /// run().
  bool has_input(size_t i) const { return i < inputs_.size() && (i >= left_out_.size() || !left_out_[i]); }
  /// Declares a parameter of that shape; the returned meta tensor requires a gradient. A tied one is that of
  /// another layer. Errors: shape (a tied parameter of another shape).
  Tensor parameter(std::string name, Shape shape, Init init);
  /// Declares a running statistic, saved in checkpoints and never differentiated.
  Tensor buffer(std::string name, Shape shape, double value);
  std::vector<Variable>& variables() { return variables_; }

  /// A parameter that is to be another layer's, as `weight: "@wte.weight"` says.
  struct Tie {
    std::string name;    ///< "weight"
    std::string source;  ///< "wte.weight"
    Tensor value;
    bool transposed = false;  ///< a matrix: the parameter is the value's transpose
    std::string place;        ///< where it is written
    bool used = false;        ///< the layer has such a parameter
    Tensor handle = {};       ///< of a transposed one: what the layer holds, to be refreshed before each run
  };
  void tie(Tie tie) { ties_.push_back(std::move(tie)); }
  const std::vector<Tie>& ties() const { return ties_; }
  /// Says that input i is not given.
  void leave_out(size_t i);
  /// Raises "<layer> expects input <form>, got [shape of input 0]" unless `holds`.
  void expect(bool holds, std::string_view layer, std::string_view form) const;

 private:
  std::vector<TensorSpec> inputs_;
  std::vector<bool> left_out_;
  DType dtype_;
  std::vector<Variable> variables_;
  std::vector<Tie> ties_;
};

/// State of one forward pass.
struct Context {
  bool training = false;
  uint64_t seed = 0;
  uint64_t step = 0;         ///< counts micro-batches over the whole run: names the random streams
  uint32_t next_index = 0;   ///< counts random calls within this pass
  bool shapes_only = false;  ///< on meta tensors, to check shapes: nothing depends on values
  RngKey next_key(RngPurpose purpose) { return {seed, purpose, step, next_index++}; }
};

/// A layer. Subclasses derive from Layer alone and are listed in nn/registry.cpp with their fields.
class Layer {
 public:
  virtual ~Layer() = default;
  /// Declares variables from the inputs' specs and checks what can be checked. Errors: shape, config; the
  /// model adds the place.
  virtual void build(Build& /*b*/) {}
  /// One input, one output. With kMeta inputs only shapes are computed.
  virtual Tensor forward(Context& c, const Tensor& x);
  /// Any number of inputs; the default demands one and calls forward. Layers that take several override this
  /// and inputs_allowed.
  virtual Outputs run(Context& c, Inputs inputs);
  /// As run(), of tensors that are the layer's to drop as soon as it has no use for them.
  virtual Outputs run_owned(Context& c, std::span<Tensor> inputs) { return run(c, inputs); }
  /// Names of the inputs in order, for layers whose inputs play different parts: a step may give them by key
  /// ("context: enc"). run() then gets at least one tensor for each name, undefined where it is not given.
  virtual std::span<const std::string_view> input_names() const { return {}; }
  /// Least (required) and most number of inputs.
  virtual std::pair<int, int> inputs_allowed() const { return {1, 1}; }
  /// Whether this layer takes over the work of `next`, its only consumer, which then is skipped: conv2d fuses
  /// a following relu.
  virtual bool absorb(const Layer& /*next*/) { return false; }
  /// Whether what it has absorbed is another amount of work than the layers one after the other.
  virtual bool changes_work() const { return false; }
};

using LayerType = TypeInfo<Layer>;
/// Every layer by name, in order of documentation.
std::span<const LayerType> layer_types();

}  // namespace dlb::nn
