#include "dlb/functional/define.h"
#include "dlb/ops/index.h"

namespace dlb::functional {

std::vector<Function> indexing_functions() {
  return {
      define("gather", "values at index along dim", {"input", "dim", "index"}, &gather,
             {.dtypes = DTypes::kAll}),
  };
}

}  // namespace dlb::functional
