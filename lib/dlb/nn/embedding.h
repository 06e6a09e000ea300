#pragma once
/// \file Tables of vectors looked up by number, and positions.

#include "dlb/nn/layer.h"
#include "dlb/nn/recurrent.h"
#include "dlb/ops/embedding.h"

namespace dlb::nn {

/// What tables have in common; the options are those of ops/embedding.h.
struct EmbeddingBase : Layer {
  int64_t count = 0;
  int64_t dim = 0;
  std::optional<int64_t> padding_idx;
  std::optional<double> max_norm;
  double norm_type = 2;
  bool scale_grad_by_freq = false;
  bool sparse = false;

 protected:
  /// Declares "weight" [count, dim], N(0, 1) but for the row of padding, which is 0.
  void declare(Build& b, std::string_view layer);
  EmbeddingOptions options() const;
  Tensor weight_;
};

/// Rows of a table by number. Shapes: [*] of whole numbers -> [*, dim]; weight [count, dim].
struct Embedding : EmbeddingBase {
  static Fields fields();
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
  /// A recurrent layer: it multiplies each row of a small table once, where the options are PyTorch's
  /// defaults.
  bool absorb(const Layer& next) override;
  bool changes_work() const override { return next_ != nullptr; }

 private:
  const RecurrentBase* next_ = nullptr;
};

/// Rows of a table summed, averaged or maximised over bags. Shapes: [N, L] -> [N, dim], with weights [N, L]
/// for sums; or [M] with the bags' starts [N] -> [N, dim].
struct EmbeddingBag : EmbeddingBase {
  std::string mode = "mean";
  bool include_last_offset = false;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 3}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// One table for each column of numbers, looked up in one step; the tables lie one after the other in one
/// parameter. Shapes: [N, tables] -> [N, tables, dim], or [N, tables, L] with L numbers each, summed or
/// averaged; weight [sum of counts, dim]. Errors: data for a number that its table does not have.
struct EmbeddingTables : Layer {
  std::vector<int64_t> counts;
  int64_t dim = 0;
  std::string mode = "sum";
  bool sparse = false;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor rows(const Tensor& x) const;
  Tensor weight_;
  std::vector<int64_t> first_;  ///< row of each table's first, and of the end
};

/// A learned vector for each position. Shapes: [N, T, *] -> [T, dim]; weight [count, dim], N(0, 1).
struct PositionEmbedding : Layer {
  int64_t count = 0;
  std::optional<int64_t> dim;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_;
};

/// sin(t w_i) and cos(t w_i) side by side for position t, with w_i = base^(-2 i / dim).
/// Shapes: [N, T, *] -> [T, dim]. **Source**: Vaswani et al., "Attention is all you need", 2017.
struct SinusoidalPositions : Layer {
  std::optional<int64_t> dim;
  double base = 10000;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  int64_t size_ = 0;
  DType dtype_ = DType::kFloat32;
  Tensor table_;  ///< of the last length seen
};

}  // namespace dlb::nn
