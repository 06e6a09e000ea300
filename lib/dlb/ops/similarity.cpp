// Norms along a dimension and what is made of them.
#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

/// Lengths of which those below eps count as eps, with the gradient of the length itself.
Tensor length_above(const Tensor& x, int64_t dim, double eps) {
  const Tensor length = norm(x, {dim}, kKeepDim);
  const Tensor value = length.detach();
  return length + (clamp(value, eps, HUGE_VAL) - value);
}

}  // namespace

Tensor normalize(const Tensor& x, double p, Dims dim, double eps) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "normalize expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  return x / clamp(lp_norm(x, p, dim, kKeepDim), eps, HUGE_VAL);
}

Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p, double eps, bool keepdim) {
  const Tensor difference = a - b;
  // In the dtype of the difference, which may be integers: then float32.
  const Tensor real = is_floating(difference.dtype()) ? difference : cast(difference, DType::kFloat32);
  return lp_norm(real + eps, p, {-1}, keepdim);
}

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim, double eps) {
  const Tensor operands[] = {a, b};
  const DType dtype = promote_operands(operands);
  if (!is_floating(dtype)) {
    fail(ErrorKind::kDtype, "cosine_similarity expects floating dtypes, got {}", dtype_name(dtype));
  }
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  const int d = normalize_dim(dim, static_cast<int>(shape.size()));
  const Tensor x = expand(cast(a, dtype), shape);
  const Tensor y = expand(cast(b, dtype), shape);
  return sum((x / length_above(x, d, eps)) * (y / length_above(y, d, eps)), {d});
}

}  // namespace dlb
