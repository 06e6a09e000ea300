#pragma once
/// \file Layers that rearrange elements.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// The input itself.
struct Identity : Layer {
  static Fields fields() { return {}; }
  Tensor forward(Context&, const Tensor& x) override { return x; }
};

/// Joins dimensions start to end into one. Shapes: [N, A, B, ...] -> [N, A B ...] by default.
struct Flatten : Layer {
  int64_t start = 1;
  int64_t end = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Gives each sample another shape with as many elements; one size may be -1. Shapes: [N, *] -> [N, *shape].
struct Reshape : Layer {
  std::vector<int64_t> shape;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// One dimension as several of `sizes`, of which one may be -1. Shapes: [*, n, *] -> [*, sizes..., *].
struct Unflatten : Layer {
  int64_t dim = 1;
  std::vector<int64_t> sizes;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Reorders the dimensions; `order` names all of them, the batch included.
struct Permute : Layer {
  std::vector<int64_t> order;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Removes a dimension of size 1. Errors: shape for any other size.
struct Squeeze : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Inserts a dimension of size 1.
struct Unsqueeze : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

}  // namespace dlb::nn
