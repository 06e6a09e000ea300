#include "dlb/functional/define.h"
#include "dlb/ops/create.h"

namespace dlb::functional {

std::vector<Function> random_functions() {
  return {
      define("uniform", "uniform in [low, high)",
             {"size", "low = 0.0", "high = 1.0", "seed = 0", "dtype = float32"},
             +[](const Dims& size, double low, double high, const RngKey& key, DType dtype) {
               return uniform(size, low, high, key, dtype);
             },
             {.dtypes = DTypes::kNone, .differentiable = false}),
  };
}

}  // namespace dlb::functional
