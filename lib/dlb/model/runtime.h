#pragma once
/// \file Layers that hold programs or formulas: what loop, scan, if, call, eval, print and assert become.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/model/formula.h"
#include "dlb/model/program.h"

namespace dlb::model {

/// A program inside a layer. Its inputs are the layer's own values (carries, slices), then some of the
/// layer's inputs: values from around that its steps name.
struct Inner {
  Program program;
  std::vector<size_t> shared;  ///< numbers of layer inputs

  Outputs run(nn::Context& context, std::span<Tensor> own, Inputs inputs) const;
};

/// Values of one or more expressions.
class EvalLayer : public nn::Layer {
 public:
  explicit EvalLayer(Formula formula) : formula_(std::move(formula)) {}
  Outputs run(nn::Context& c, Inputs inputs) override { return formula_.tensors(c, inputs); }

 private:
  Formula formula_;
};

/// Input 0 itself, and a line on stderr for each formula over the inputs.
class PrintLayer : public nn::Layer {
 public:
  PrintLayer(std::vector<Formula> values, std::string label, int64_t every)
      : values_(std::move(values)), label_(std::move(label)), every_(every) {}
  Outputs run(nn::Context& c, Inputs inputs) override;

 private:
  std::vector<Formula> values_;
  std::string label_;
  int64_t every_;
};

/// Input 0 itself. Errors: numeric when the condition does not hold.
class AssertLayer : public nn::Layer {
 public:
  AssertLayer(Formula condition, std::string message)
      : condition_(std::move(condition)), message_(std::move(message)) {}
  Outputs run(nn::Context& c, Inputs inputs) override;

 private:
  Formula condition_;
  std::string message_;
};

/// The largest, the mean or the stack of the inputs.
class MergeLayer : public nn::Layer {
 public:
  MergeLayer(std::string how, int64_t dim) : how_(std::move(how)), dim_(dim) {}
  Outputs run(nn::Context& c, Inputs inputs) override;

 private:
  std::string how_;
  int64_t dim_;
};

/// The input without history.
class DetachLayer : public nn::Layer {
 public:
  Tensor forward(nn::Context& /*c*/, const Tensor& x) override { return x.detach(); }
};

/// carries = body(carries) while the condition holds, at most `most` times. The condition's inputs are the
/// body's: the carries, then shared values. Gives the last carries.
class LoopLayer : public nn::Layer {
 public:
  LoopLayer(std::string name, std::vector<Formula> start, std::optional<Formula> condition, int64_t most,
            Inner body, std::vector<std::string> carries)
      : name_(std::move(name)),
        start_(std::move(start)),
        condition_(std::move(condition)),
        most_(most),
        body_(std::move(body)),
        carries_(std::move(carries)) {}
  Outputs run(nn::Context& c, Inputs inputs) override;
  Outputs run_owned(nn::Context& c, std::span<Tensor> inputs) override;

 private:
  std::string name_;
  std::vector<Formula> start_;
  std::optional<Formula> condition_;
  int64_t most_;
  Inner body_;
  std::vector<std::string> carries_;
};

/// For each slice of the sequences along `axis`: carries, emitted = body(carries, slices). Gives the emitted
/// values stacked along `axis`, then the last carries. Sequences are the layer's first inputs.
class ScanLayer : public nn::Layer {
 public:
  ScanLayer(std::string name, size_t sequences, int64_t axis, bool reverse, std::vector<Formula> start,
            Inner body, std::vector<std::string> carries)
      : name_(std::move(name)),
        sequences_(sequences),
        axis_(axis),
        reverse_(reverse),
        start_(std::move(start)),
        body_(std::move(body)),
        carries_(std::move(carries)) {}
  Outputs run(nn::Context& c, Inputs inputs) override;

 private:
  std::string name_;
  size_t sequences_;
  int64_t axis_;
  bool reverse_;
  std::vector<Formula> start_;
  Inner body_;
  std::vector<std::string> carries_;
};

/// One of two programs; both take the layer's input `own`.
class IfLayer : public nn::Layer {
 public:
  IfLayer(Formula condition, Inner then, Inner otherwise, std::optional<size_t> own)
      : condition_(std::move(condition)), then_(std::move(then)), else_(std::move(otherwise)), own_(own) {}
  Outputs run(nn::Context& c, Inputs inputs) override;

 private:
  Formula condition_;
  Inner then_, else_;
  std::optional<size_t> own_;
};

/// A block or network with weights of its own, which calls run.
struct Instance {
  std::string name;
  std::string what;                  ///< "block tree", "network generator": for messages
  std::string place;                 ///< of the first call
  std::unique_ptr<Program> program;  ///< null while it is built
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;  ///< while it is built: what a call inside itself is taken to give
  int depth = 0;                    ///< calls of it that are running
  int64_t checks = 0;               ///< runs on shapes alone within one outermost call
  std::vector<std::vector<TensorSpec>> checked;  ///< inputs whose shapes are being checked
};

/// How deep a call inside itself may go, whatever its `max`: the stack has an end.
inline constexpr int64_t kMostDepth = 500;

/// Runs an instance on the inputs.
class CallLayer : public nn::Layer {
 public:
  /// `most` is the depth that a call inside itself may reach; errors get the line `frame`.
  CallLayer(Instance& instance, std::optional<int64_t> most, std::string frame)
      : instance_(instance), most_(most), frame_(std::move(frame)) {}
  Outputs run(nn::Context& c, Inputs inputs) override;

 private:
  Outputs inside(nn::Context& c, Inputs inputs);

  Instance& instance_;
  std::optional<int64_t> most_;
  std::string frame_;
};

/// Whether shape and dtype are equal.
bool same_form(const TensorSpec& a, const TensorSpec& b);

}  // namespace dlb::model
