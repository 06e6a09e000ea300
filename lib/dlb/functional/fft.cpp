#include "dlb/functional/define.h"

namespace dlb::functional {

std::vector<Function> fft_functions() { return {}; }

}  // namespace dlb::functional
