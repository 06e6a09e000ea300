#pragma once
/// \file Rows of a table by number. Indices are int64 or int32 in [0, V). Errors: data for an index out of
/// range.

#include <optional>

#include "dlb/ops/op.h"

namespace dlb {

struct EmbeddingOptions {
  /// Index whose row gets no gradient (and does not count in a bag); negative counts from the end of the
  /// table.
  std::optional<int64_t> padding_idx = {};
  /// Rows that are used and longer than this are shortened to it first, in the table itself.
  std::optional<double> max_norm = {};
  double norm_type = 2;             ///< p of that norm
  bool scale_grad_by_freq = false;  ///< divide a row's gradient by how often the batch uses it
  /// The gradient of a table that is a leaf is row-sparse (tensor/row_sparse.h): backward pass and update
  /// take time in proportion to the batch, not to the table.
  bool sparse = false;
};
/// Shapes: table [V, D], index [*] -> [*, D].
Tensor embedding(const Tensor& table, const Tensor& index, const EmbeddingOptions& options = {});

enum class BagMode : uint8_t { kSum, kMean, kMax };
struct BagOptions : EmbeddingOptions {
  BagMode mode = BagMode::kMean;
  Tensor weights = {};               ///< as index, with kSum only: factors of the rows
  bool include_last_offset = false;  ///< offsets ends with the number of indices
};
/// Rows of each bag summed, averaged or their largest elements; an empty bag gives 0. Shapes: table [V, D],
/// index [B, L] -> [B, D]; or index [N] with offsets [B], where each bag starts -> [B, D].
Tensor embedding_bag(const Tensor& table, const Tensor& index, const Tensor& offsets = {},
                     const BagOptions& options = {});

}  // namespace dlb
