#include "dlb/ops/bilinear.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {

Tensor bilinear(const Tensor& a, const Tensor& b, const Tensor& weight, const Tensor& bias) {
  const bool fits =
      weight.rank() == 3 && a.rank() >= 1 && b.rank() == a.rank() && a.dim(-1) == weight.dim(1) &&
      b.dim(-1) == weight.dim(2) &&
      Shape(a.shape().begin(), a.shape().end() - 1) == Shape(b.shape().begin(), b.shape().end() - 1);
  if (!fits) {
    fail(ErrorKind::kShape,
         "bilinear expects inputs [*, I] and [*, J] and weight [O, I, J], got {}, {} and {}",
         shape_text(a.shape()), shape_text(b.shape()), shape_text(weight.shape()));
  }
  if (bias.defined() && !(bias.shape() == Shape{weight.dim(0)})) {
    fail(ErrorKind::kShape, "bilinear expects bias [{}], got {}", weight.dim(0), shape_text(bias.shape()));
  }
  for (const Tensor* t : {&b, &weight, &bias}) {
    if (t->defined() && t->dtype() != a.dtype()) {
      fail(ErrorKind::kDtype, "bilinear expects one dtype, got {} and {}", dtype_name(a.dtype()),
           dtype_name(t->dtype()));
    }
  }
  Shape shape = a.shape();
  shape.pop_back();
  const int64_t rows = numel(shape);
  const int64_t outputs = weight.dim(0), from = weight.dim(1), to = weight.dim(2);
  // [rows, O, J]: a against the weight; then each row against its b.
  const Tensor by_input = reshape(permute(weight, {1, 0, 2}), {from, outputs * to});
  const Tensor half = reshape(matmul(reshape(a, {rows, from}), by_input), {rows, outputs, to});
  shape.push_back(outputs);
  const Tensor y = reshape(matmul(half, reshape(b, {rows, to, 1})), shape);
  return bias.defined() ? add(y, bias) : y;
}

}  // namespace dlb
