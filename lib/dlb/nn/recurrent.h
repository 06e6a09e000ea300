#pragma once
/// \file Recurrent layers and their cells; the formulas stand in ops/recurrent.h, names of parameters and
/// initial weights are PyTorch's.

#include "dlb/nn/layer.h"
#include "dlb/ops/recurrent.h"

namespace dlb::nn {

/// Whole sequences. Shapes: x [N, T, F], initial states [layers D, N, P] (or [N, P] where there is one),
/// lengths [N] -> output [N, T, D P], final states [layers D, N, P]; D directions, P = size unless projected.
struct RecurrentBase : Layer {
  int64_t size = 0;
  int64_t layers = 1;
  bool bidirectional = false;
  double dropout = 0;
  bool bias = true;
  Outputs run(Context& c, Inputs inputs) override { return run_rows(c, inputs, {}); }
  /// As run(), of embedding(table, inputs[0]); an undefined table stands for the inputs themselves.
  virtual Outputs run_rows(Context& c, Inputs inputs, const Tensor& table) const = 0;

 protected:
  void declare(Build& b, std::string_view layer, int64_t gates, int64_t proj, size_t states);
  RecurrentOptions options(Context& c, const Tensor& lengths, const Tensor& table) const;
  /// An initial state with the dimension of layers.
  static Tensor state(const Tensor& s) { return s.defined() && s.rank() == 2 ? unsqueeze_first(s) : s; }
  static Tensor unsqueeze_first(const Tensor& s);
  std::vector<RecurrentWeights> weights_;
};

struct Rnn : RecurrentBase {
  std::string nonlinearity = "tanh";
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 3}; }
  void build(Build& b) override { declare(b, "rnn", 1, 0, 1); }
  Outputs run_rows(Context& c, Inputs inputs, const Tensor& table) const override;
};

struct Gru : RecurrentBase {
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 3}; }
  void build(Build& b) override { declare(b, "gru", 3, 0, 1); }
  Outputs run_rows(Context& c, Inputs inputs, const Tensor& table) const override;
};

/// Outputs: the sequence, final h, final cells c.
struct Lstm : RecurrentBase {
  std::optional<int64_t> proj;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 4}; }
  void build(Build& b) override;
  Outputs run_rows(Context& c, Inputs inputs, const Tensor& table) const override;
};

/// One step. Shapes: x [N, F], h (and c) [N, size], zeros when not given -> the next h (and c).
struct CellBase : Layer {
  int64_t size = 0;
  bool bias = true;

 protected:
  void declare(Build& b, std::string_view layer, int64_t gates, size_t states);
  Tensor state(Inputs inputs, size_t i) const;
  RecurrentWeights weights_;
};

struct RnnCell : CellBase {
  std::string nonlinearity = "tanh";
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 2}; }
  void build(Build& b) override { declare(b, "rnn_cell", 1, 1); }
  Outputs run(Context& c, Inputs inputs) override;
};

struct GruCell : CellBase {
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 2}; }
  void build(Build& b) override { declare(b, "gru_cell", 3, 1); }
  Outputs run(Context& c, Inputs inputs) override;
};

/// Outputs: h, c.
struct LstmCell : CellBase {
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 3}; }
  void build(Build& b) override { declare(b, "lstm_cell", 4, 2); }
  Outputs run(Context& c, Inputs inputs) override;
};

}  // namespace dlb::nn
