#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/pool_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields UnpoolAttrs::fields() {
  static const Field list[] = {
      field<&UnpoolAttrs::output_size>("output_size", "spatial sizes of the output")};
  return list;
}

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

void infer_max_unpool(Infer& c, const UnpoolAttrs& a) {
  c.floating(0);
  const Shape& x = c.input(0).shape;
  if (c.input(1).dtype != DType::kInt64) {
    c.fail_dtype("expects indices of dtype int64, got {}", dtype_name(c.input(1).dtype));
  }
  if (!(x == c.input(1).shape)) {
    c.fail_shape("expects indices of input {}'s shape, got {}", shape_text(x), shape_text(c.input(1).shape));
  }
  if (a.output_size.empty() || x.size() != a.output_size.size() + 2) {
    c.fail_shape("to {} spatial sizes expects an input of rank {}, got {}", a.output_size.size(),
                 a.output_size.size() + 2, shape_text(x));
  }
  Shape out{x[0], x[1]};
  for (const int64_t s : a.output_size) out.push_back(s);
  static_cast<void>(numel(out));
  c.output(out, c.input(0).dtype);
}

void vjp_max_unpool(Vjp& c, const UnpoolAttrs&) {
  if (!c.needs(0)) return;
  const Tensor flat = flatten(contiguous(c.grad(0)), 2);
  const Shape& shape = c.input(1).shape();
  c.input_grad(0, reshape(gather(flat, 2, flatten(contiguous(c.input(1)), 2)), shape));
}

Cost cost_copy(Inputs in, Inputs out, const UnpoolAttrs&) { return {0, moved_bytes(in, out)}; }

}  // namespace

namespace op {

const OpDef& max_unpool() {
  static const OpDef def = define<UnpoolAttrs>({.name = "max_unpool",
                                                .doc = "values put back to where max pooling found them",
                                                .infer = infer_max_unpool,
                                                .vjp = vjp_max_unpool,
                                                .saves = Saves::kInputs,
                                                .cost = cost_copy,
                                                .onnx = {"MaxUnpool", 11}});
  return def;
}

}  // namespace op

Tensor max_unpool(const Tensor& x, const Tensor& indices, const Dims& output) {
  UnpoolAttrs a;
  for (const int64_t s : output) {
    if (s < 1 || s > kLargest) {
      fail(ErrorKind::kShape, "max_unpool: output size must be from 1 to {}, got {}", kLargest, s);
    }
    a.output_size.push_back(s);
  }
  return apply1(op::max_unpool(), {x, indices}, a);
}

namespace {

int64_t number(const Dims& values, size_t i, int64_t missing) {
  if (values.empty()) return missing;
  return values[values.size() == 1 ? 0 : i];
}

}  // namespace

Dims max_unpool_sizes(const Tensor& x, const PoolAttrs& a) {
  Dims sizes;
  for (size_t i = 2; i < x.shape().size(); ++i) {
    const int64_t kernel = number(a.kernel, i - 2, 1);
    const int64_t stride = number(a.stride, i - 2, kernel);
    const int64_t padding = number(a.padding, i - 2, 0);
    for (const int64_t v : {kernel, stride, padding, x.shape()[i]}) {
      if (v < 0 || v > kLargest) {
        fail(ErrorKind::kShape, "max_unpool: numbers must be from 0 to {}, got {}", kLargest, v);
      }
    }
    sizes.push_back((x.shape()[i] - 1) * stride - 2 * padding + kernel);
  }
  return sizes;
}

Tensor lp_pool(const Tensor& x, double p, const PoolAttrs& attrs) {
  if (p == 0) fail(ErrorKind::kShape, "lp_pool expects a norm other than 0");
  if (std::isinf(p) && p > 0) {
    PoolAttrs largest = attrs;
    largest.padding = {};
    return max_pool(abs(x), largest);
  }
  const double window = [&] {
    double n = 1;
    const size_t spatial =
        attrs.kernel.size() > 1 || x.rank() < 3 ? attrs.kernel.size() : x.shape().size() - 2;
    for (size_t i = 0; i < spatial; ++i) n *= static_cast<double>(number(attrs.kernel, i, 1));
    return n;
  }();
  PoolAttrs average = attrs;
  average.padding = {};
  average.count_include_pad = true;
  average.divisor = 0;
  const Tensor mean = avg_pool(pow(x, p), average);
  return pow(mul(mul(sign(mean), relu(abs(mean))), window), 1 / p);
}

}  // namespace dlb
