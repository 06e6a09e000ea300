#pragma once
/// \file One function for each kernel file: enters its kernels into the operators' tables.

namespace dlb::backend::cpu {

void install_create();
void install_unary();
void install_unary_math();
void install_activation();
void install_special();
void install_binary();
void install_reduce();
void install_arg_reduce();
void install_scan();
void install_sort();
void install_search();
void install_distance();
void install_scatter_reduce();
void install_shape_ops();
void install_index();
void install_scatter();
void install_matmul();
void install_linalg();
void install_fft();
void install_sparse();
void install_conv();
void install_pool();
void install_interpolate();
void install_grid_sample();
void install_fold();
void install_norm();
void install_softmax();
void install_loss();
void install_dropout();
void install_batch_norm();
void install_layer_norm();
void install_group_norm();
void install_attention();
void install_pair_products();
void install_recurrent();
void install_recurrent_grad();
void install_ctc();
void install_random();

}  // namespace dlb::backend::cpu
