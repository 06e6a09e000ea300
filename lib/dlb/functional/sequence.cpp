#include "dlb/functional/define.h"

namespace dlb::functional {

std::vector<Function> sequence_functions() { return {}; }

}  // namespace dlb::functional
