#pragma once
/// \file Layers that pick, repeat or reorder parts of a tensor. Dimensions count from 0, the batch, or from
/// the last when negative.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// One index along `dim`, which goes. Shapes: [*, n, *] -> [*, *].
struct Select : Layer {
  int64_t index = 0;
  int64_t dim = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Elements start, start + step, ... below `end` along `dim`, as Python's slices.
struct Slice : Layer {
  int64_t dim = 1;
  int64_t start = 0;
  std::optional<int64_t> end;
  int64_t step = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Parts of given sizes along `dim`, as many outputs; one number gives parts of that size.
struct Split : Layer {
  std::vector<int64_t> sizes;
  int64_t dim = 1;
  static Fields fields();
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// `count` parts of one size (the last may be smaller) along `dim`, as many outputs.
struct Chunk : Layer {
  int64_t count = 2;
  int64_t dim = 1;
  static Fields fields();
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// out[i][j] = x[i][index[i][j]] along `dim`. Shapes: x, index of one rank -> that of index.
struct Gather : Layer {
  int64_t dim = 1;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// Rows of x along `dim` by number. Shapes: index [K] -> `dim` becomes K.
struct IndexSelect : Layer {
  int64_t dim = 0;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// Exchanges two dimensions.
struct Transpose : Layer {
  int64_t dim0 = 1;
  int64_t dim1 = 2;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Dimensions of size 1 repeated without a copy; -1 keeps a size. Shapes: the batch included.
struct Expand : Layer {
  std::vector<int64_t> shape;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// x `times` along each dimension.
struct Repeat : Layer {
  std::vector<int64_t> times;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Flip : Layer {
  std::vector<int64_t> dims;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Elements move on by `shifts` along `dims`, and come back at the other end.
struct Roll : Layer {
  std::vector<int64_t> shifts;
  std::vector<int64_t> dims;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// The k largest along `dim` in falling order. Outputs: values, indices.
struct TopK : Layer {
  int64_t k = 1;
  int64_t dim = -1;
  bool largest = true;
  static Fields fields();
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// A learned vector in front of each sequence, as classifiers of images have. Shapes: [N, T, D] -> [N, T + 1,
/// D]; weight [1, 1, D], 0 at first.
struct ClassToken : Layer {
  static Fields fields() { return {}; }
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_;
};

/// The middle of an image. Shapes: [N, C, *spatial] -> [N, C, *size]; with a second input, of its size.
struct CenterCrop : Layer {
  std::vector<int64_t> size;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

}  // namespace dlb::nn
