#include "dlb/functional/define.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

std::vector<Function> sorting_functions() {
  return {
      define("argmax", "index of the first largest value", {"input", "dim = none", "keepdim = false"},
             +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
               if (dim) return argmax(x, *dim, keepdim);
               const Tensor flat = argmax(reshape(x, {-1}), 0, false);
               return keepdim ? reshape(flat, Shape(static_cast<size_t>(x.rank()), 1)) : flat;
             },
             {.dtypes = DTypes::kNumeric, .differentiable = false}),
  };
}

}  // namespace dlb::functional
