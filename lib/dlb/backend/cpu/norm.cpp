#include "dlb/backend/cpu/kernels.h"

namespace dlb::backend::cpu {

void install_norm() {
  install_batch_norm();
  install_layer_norm();
  install_group_norm();
}

}  // namespace dlb::backend::cpu
