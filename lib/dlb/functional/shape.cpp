#include "dlb/functional/define.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

std::vector<Function> shape_functions() {
  return {
      define("flatten", "dims start to end become one", {"input", "start_dim = 0", "end_dim = -1"}, &flatten,
             {.dtypes = DTypes::kAll}),
      define("cat", "joins tensors along dim", {"tensors", "dim = 0"}, &cat, {.dtypes = DTypes::kAll}),
  };
}

}  // namespace dlb::functional
