#pragma once
/// \file The operators of each family file; together they are all_ops().

#include <span>

#include "dlb/ops/op.h"

namespace dlb {

std::span<const OpDef* const> create_ops();
std::span<const OpDef* const> unary_ops();
std::span<const OpDef* const> binary_ops();
std::span<const OpDef* const> pointwise_ops();
std::span<const OpDef* const> reduce_ops();
std::span<const OpDef* const> scan_ops();
std::span<const OpDef* const> sort_ops();
std::span<const OpDef* const> search_ops();
std::span<const OpDef* const> distance_ops();
std::span<const OpDef* const> scatter_reduce_ops();
std::span<const OpDef* const> shape_ops();
std::span<const OpDef* const> index_ops();
std::span<const OpDef* const> matmul_ops();
std::span<const OpDef* const> linalg_ops();
std::span<const OpDef* const> fft_ops();
std::span<const OpDef* const> sparse_ops();
std::span<const OpDef* const> conv_ops();
std::span<const OpDef* const> pool_ops();
std::span<const OpDef* const> interpolate_ops();
std::span<const OpDef* const> grid_sample_ops();
std::span<const OpDef* const> fold_ops();
std::span<const OpDef* const> norm_ops();
std::span<const OpDef* const> softmax_ops();
std::span<const OpDef* const> loss_ops();
std::span<const OpDef* const> attention_ops();
std::span<const OpDef* const> recurrent_ops();
std::span<const OpDef* const> ctc_ops();
std::span<const OpDef* const> random_ops();

}  // namespace dlb
