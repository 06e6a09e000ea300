#include "dlb/functional/define.h"
#include "dlb/ops/create.h"

namespace dlb::functional {

std::vector<Function> creation_functions() {
  return {
      define("eye", "identity matrix [n, m]", {"n", "dtype = float32"},
             +[](int64_t n, DType dtype) { return eye(n, dtype); },
             {.dtypes = DTypes::kNone, .differentiable = false}),
  };
}

}  // namespace dlb::functional
