#include "dlb/nn/named_inputs.h"

namespace dlb::nn {

void expect_features(int64_t features, std::string_view layer) {
  if (features > int64_t{1} << 40)
    fail(ErrorKind::kShape, "{} with {} features is too large", layer, features);
}

void expect_whole_numbers(const Build& b, size_t i, std::string_view layer, std::string_view what) {
  if (is_integral(b.input(i).dtype)) return;
  fail(ErrorKind::kDtype, "{} expects {} of whole numbers, got {}", layer, what, spec_text(b.input(i)));
}

void expect_input(bool holds, const Build& b, size_t i, std::string_view layer, std::string_view what,
                  std::string_view form) {
  if (holds) return;
  fail(ErrorKind::kShape, "{} expects {} {}, got {}", layer, what, form, shape_text(b.input(i).shape));
}

}  // namespace dlb::nn
