#include "dlb/functional/define.h"

namespace dlb::functional {

std::vector<Function> spatial_functions() { return {}; }

}  // namespace dlb::functional
