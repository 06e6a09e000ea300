#include "dlb/backend/cpu/install.h"

#include "dlb/backend/cpu/kernels.h"

namespace dlb::backend::cpu {

void install() {
  install_create();
  install_unary();
  install_binary();
  install_reduce();
  install_scan();
  install_sort();
  install_search();
  install_distance();
  install_scatter_reduce();
  install_shape_ops();
  install_index();
  install_matmul();
  install_linalg();
  install_fft();
  install_sparse();
  install_conv();
  install_pool();
  install_interpolate();
  install_grid_sample();
  install_fold();
  install_norm();
  install_softmax();
  install_loss();
  install_attention();
  install_pair_products();
  install_recurrent();
  install_ctc();
  install_random();
}

}  // namespace dlb::backend::cpu
