#include "dlb/functional/define.h"
#include "dlb/ops/matmul.h"

namespace dlb::functional {

std::vector<Function> linalg_functions() {
  return {
      define("matmul", "matrix product, broadcast over leading dims", {"input", "other"}, &matmul),
  };
}

}  // namespace dlb::functional
