#include "dlb/functional/define.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

std::vector<Function> special_functions() {
  return {
      define("expm1", "exp(x) - 1, accurate near 0", {"input"}, &expm1),
  };
}

}  // namespace dlb::functional
