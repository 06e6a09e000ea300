#pragma once
/// \file The backward pass.

#include <vector>

#include "dlb/tensor/tensor.h"

namespace dlb {

/// Adds d root / d leaf to the gradient of each leaf that requires one. `root` has one element unless `seed`
/// (its gradient) is given. Nodes run in reverse order of recording; each node's saved tensors are freed as
/// soon as it has run, unless `retain_graph`. With `create_graph` the gradients carry history and can be
/// differentiated again (it implies retain_graph). Errors: shape (root not a scalar), internal/unsupported
/// when the graph was already freed or a saved tensor was changed in place.
///
/// The gradient of a leaf that an embedding with `sparse` reads is row-sparse (tensor/row_sparse.h): further
/// sparse gradients join it, a dense one makes it dense. With `create_graph` all gradients are dense.
void backward(const Tensor& root, const Tensor& seed = {}, bool retain_graph = false,
              bool create_graph = false);

/// Gradients of sum(outputs * seeds) with respect to `inputs`, without touching their grad(); undefined where
/// nothing depends on one.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const std::vector<Tensor>& seeds = {}, bool retain_graph = false,
                         bool create_graph = false);

}  // namespace dlb
