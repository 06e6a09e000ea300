#include "dlb/ops/fractional_pool.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

void check(const Tensor& x, const Dims& kernel, const Dims& output) {
  const size_t spatial = kernel.size();
  if (spatial < 1 || spatial > 3 || output.size() != spatial || x.shape().size() != spatial + 2) {
    fail(ErrorKind::kShape, "fractional_max_pool with kernel {} does not fit input {}", shape_text(kernel),
         shape_text(x.shape()));
  }
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "fractional_max_pool expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t in = x.shape()[i + 2];
    if (kernel[i] < 1 || output[i] < 1 || kernel[i] > in || output[i] > in - kernel[i] + 1) {
      fail(ErrorKind::kShape, "fractional_max_pool: {} windows of {} do not fit into {}", output[i],
           kernel[i], in);
    }
  }
}

/// Where the windows begin along one dimension, [N, C, output]: the last one at the end, the others at steps
/// of floor or ceil of the mean distance. `u` [N, C, 1] from [0, 1) moves them.
Tensor starts(const Tensor& u, int64_t in, int64_t kernel, int64_t output) {
  const double last = static_cast<double>(in - kernel);
  const Tensor end = full({u.dim(0), u.dim(1), 1}, last, DType::kInt64, u.device());
  if (output == 1) return end;
  const double distance = last / static_cast<double>(output - 1);
  const Tensor i = arange(0, static_cast<double>(output - 1), 1, u.dtype(), u.device());
  const Tensor moved = cast(mul(add(i, u), distance), DType::kInt64);
  return cat({sub(moved, cast(mul(u, distance), DType::kInt64)), end}, 2);
}

/// `t` [N, C, n] with its last dimension at place `at` of `count` dimensions after N and C.
Tensor placed(const Tensor& t, size_t at, size_t count) {
  Shape shape(count + 2, 1);
  shape[0] = t.dim(0);
  shape[1] = t.dim(1);
  shape[at + 2] = t.dim(2);
  return reshape(t, shape);
}

}  // namespace

MaxPoolResult fractional_max_pool(const Tensor& x, const Dims& kernel, const Dims& output,
                                  const RngKey& key) {
  check(x, kernel, output);
  const size_t spatial = kernel.size();
  const int64_t n = x.dim(0), c = x.dim(1);
  const Tensor u = uniform({n, c, static_cast<int64_t>(spatial)}, 0, 1, key, DType::kFloat64, x.device());
  // Positions in the plane of all elements of all windows: [N, C, *output, *kernel].
  Tensor positions;
  int64_t scale = 1;
  for (size_t i = spatial; i-- > 0;) {
    const int64_t in = x.shape()[i + 2];
    const Tensor first =
        placed(starts(narrow(u, 2, static_cast<int64_t>(i), 1), in, kernel[i], output[i]), i, 2 * spatial);
    const Tensor within =
        reshape(arange(0, static_cast<double>(kernel[i]), 1, DType::kInt64, x.device()), {1, 1, kernel[i]});
    const Tensor along =
        mul(add(first, placed(within, spatial + i, 2 * spatial)), static_cast<double>(scale));
    positions = positions.defined() ? add(positions, along) : along;
    scale *= in;
  }
  Shape pooled{n, c};
  for (const int64_t o : output) pooled.push_back(o);
  const int64_t windows = numel(output), elements = numel(kernel);
  const Tensor rows = reshape(contiguous(positions), {n, c, windows, elements});
  const Tensor plane = flatten(contiguous(x), 2);
  Tensor indices;
  {
    const NoGrad no_grad;
    const Tensor values = reshape(gather(plane, 2, flatten(rows, 2)), rows.shape());
    indices = squeeze(gather(rows, 3, argmax(values, 3, kKeepDim)), 3);
  }
  return {reshape(gather(plane, 2, indices), pooled), reshape(indices, pooled)};
}

}  // namespace dlb
