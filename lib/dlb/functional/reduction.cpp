#include "dlb/functional/define.h"
#include "dlb/ops/reduce.h"

namespace dlb::functional {

std::vector<Function> reduction_functions() {
  return {
      define("amax", "largest over dims; the gradient is shared equally among ties",
             {"input", "dim = []", "keepdim = false"}, &amax, {.dtypes = DTypes::kAll}),
  };
}

}  // namespace dlb::functional
