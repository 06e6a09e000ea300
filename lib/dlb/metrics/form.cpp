#include "dlb/metrics/form.h"

namespace dlb::metrics {

bool check_equal_shapes(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!(prediction.shape() == target.shape())) {
    fail(ErrorKind::kShape, "metric {} expects prediction and target of equal shape, got {} and {}", name,
         shape_text(prediction.shape()), shape_text(target.shape()));
  }
  if (!is_floating(prediction.dtype())) {
    fail(ErrorKind::kDtype, "metric {} expects a floating prediction, got {}", name,
         dtype_name(prediction.dtype()));
  }
  return !prediction.is_meta() && !target.is_meta();
}

}  // namespace dlb::metrics
