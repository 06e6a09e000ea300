#include "dlb/backend/cpu/install.h"

#include "dlb/backend/cpu/kernels.h"

namespace dlb::backend::cpu {

void install() {
  install_create();
  install_unary();
  install_binary();
  install_reduce();
  install_shape_ops();
  install_index();
  install_matmul();
  install_linalg();
  install_fft();
  install_sparse();
  install_conv();
  install_pool();
  install_norm();
  install_softmax();
  install_loss();
}

}  // namespace dlb::backend::cpu
