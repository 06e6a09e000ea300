#pragma once
/// \file Layers of graph neural networks. Nodes are rows of x [V, F], edges are rows (source, target) of
/// edges [E, 2]; messages go from source to target. Sums run in the order of the edges: the same bits for any
/// number of threads.

#include "dlb/nn/layer.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/sparse.h"

namespace dlb::nn {

/// The matrix of a list of edges, one row for each target. It is kept while the same list comes again, as it
/// does in full-batch training.
class EdgeMatrix {
 public:
  enum class Normalize : uint8_t { kNone, kRow, kSymmetric };
  /// With self loops an edge of weight 1 from each node to itself is added. Normalize: values divided by the
  /// sum of their row (kRow), or by the roots of the sums of their row's and their column's node.
  void configure(bool self_loops, Normalize normalize) {
    self_loops_ = self_loops;
    normalize_ = normalize;
  }
  /// Shapes: edges [E, 2], weight [E] or undefined. On kMeta only shapes are right. For a recorder the
  /// entries stay in the order of the edges and there is no crow: all that is done with them is said in
  /// operators. Errors: data for a node that does not exist.
  const Csr& of(const Tensor& edges, const Tensor& weight, int64_t nodes, DType dtype);
  /// Targets of the entries, in their order.
  const Tensor& rows() const { return rows_; }
  /// The matrix, or one with other values [e] at its places, times x. Shapes: x [V, F] -> [V, F].
  Tensor times(const Tensor& x) const { return times(x, csr_.values); }
  Tensor times(const Tensor& x, const Tensor& values) const;
  /// What stands at the entries of each row, joined. Shapes: [e, ...] -> [V, ...]; for kMax [e, k] -> [V, k].
  Tensor joined(const Tensor& entries, SegmentReduction how) const;

 private:
  void take_list(const Tensor& list, const Tensor& weight, int64_t nodes, DType dtype);
  void normalize(int64_t nodes);

  bool self_loops_ = false;
  Normalize normalize_ = Normalize::kNone;
  Tensor edges_, weight_;  ///< copies of what the matrix was made of
  int64_t nodes_ = -1;
  int64_t rows_of_matrix_ = 0;
  Csr csr_;
  Tensor rows_;
};

/// y_i = sum over edges (j, i) of a_ij x_j, a_ij by `normalize`. Shapes: x [V, F], edges [E, 2], edge_weight
/// [E] -> [V, F].
struct GraphPropagate : Layer {
  std::string normalize = "symmetric";
  bool self_loops = true;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 3}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  EdgeMatrix matrix_;
};

/// A x W^T + b with A = D^(-1/2) (A + I) D^(-1/2). Shapes: x [V, F], edges [E, 2], edge_weight [E] -> [V,
/// out]; weight [out, F], bias [out]. **Source**: Kipf & Welling, "Semi-supervised classification with graph
/// convolutional networks", 2017.
struct GcnConv : Layer {
  int64_t out = 0;
  bool bias = true;
  bool normalize = true;
  bool self_loops = true;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 3}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  EdgeMatrix matrix_;
  Tensor weight_, bias_;
};

/// W_n aggregate(x_j of sources j) + W_r x_i + b. Shapes: x [V, F], edges [E, 2] -> [V, out].
/// **Source**: Hamilton et al., "Inductive representation learning on large graphs", 2017.
struct SageConv : Layer {
  int64_t out = 0;
  std::string aggregate = "mean";
  bool root = true;
  bool normalize = false;
  bool bias = true;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  EdgeMatrix matrix_;
  Tensor neighbor_, bias_, root_;
};

/// For each head: sum over edges (j, i) of alpha_ij W x_j, alpha the softmax over the edges to i of
/// leaky_relu(a_s W x_j + a_t W x_i). Shapes: x [V, F], edges [E, 2] -> [V, heads out], or the heads' mean
/// [V, out]. **Source**: Velickovic et al., "Graph attention networks", 2018.
struct GatConv : Layer {
  int64_t out = 0;
  int64_t heads = 1;
  bool concat = true;
  double slope = 0.2;
  double dropout = 0;
  bool self_loops = true;
  bool bias = true;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  EdgeMatrix matrix_;
  Tensor weight_, source_, target_, bias_;
};

/// W2 relu(W1 ((1 + eps) x_i + sum of x_j over sources j) + b1) + b2. Shapes: x [V, F], edges [E, 2] -> [V,
/// out]. **Source**: Xu et al., "How powerful are graph neural networks?", 2019.
struct GinConv : Layer {
  int64_t out = 0;
  std::optional<int64_t> hidden;
  double eps = 0;
  bool train_eps = false;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  EdgeMatrix matrix_;
  Tensor eps_, w1_, b1_, w2_, b2_;
};

/// Nodes of each graph joined. Shapes: x [V, F] with `sizes` [N], the nodes of each graph in order, -> [N,
/// F]; or with `graph` [V], the number of each node's graph, below `count` or the largest there is, -> [N,
/// F]. A graph without nodes gives 0. Without data there are V / `nodes` graphs where no `count` is given.
struct GraphPool : Layer {
  std::string reduce = "mean";
  std::optional<int64_t> nodes;
  std::optional<int64_t> count;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 3}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

}  // namespace dlb::nn
