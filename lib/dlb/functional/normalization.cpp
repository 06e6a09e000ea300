#include "dlb/functional/define.h"

namespace dlb::functional {

std::vector<Function> normalization_functions() { return {}; }

}  // namespace dlb::functional
