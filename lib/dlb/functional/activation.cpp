#include "dlb/functional/define.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

std::vector<Function> activation_functions() {
  return {
      define(
          "gelu", "x * Phi(x), the Gaussian error linear unit", {"input", "approximate = 'none'"},
          +[](const Tensor& x, const std::string& approximate) {
            if (approximate != "none" && approximate != "tanh") {
              fail(ErrorKind::kUnsupported, "gelu expects approximate none or tanh, got '{}'", approximate);
            }
            return gelu(x, approximate == "tanh");
          }),
  };
}

}  // namespace dlb::functional
