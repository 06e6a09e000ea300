// Operators of ONNX that reduce, accumulate or rank elements along dimensions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What a reduction works on.
struct Reduction {
  Tensor x;
  Dims dims;  ///< at least one, unless x is 0-d
  bool keep = true;
  bool nothing = false;  ///< over no axes: x has a first dimension of 1 too many, which is the one reduced
  int64_t count = 1;     ///< elements behind each result
};

Reduction reduction_of(Call& c) {
  Reduction r;
  r.x = c.tensor(0);
  r.keep = c.attribute("keepdims", int64_t{1}) != 0;
  const std::vector<int64_t> axes = c.axes("axes", 1);
  if (axes.empty() && c.attribute("noop_with_empty_axes", int64_t{0}) != 0) {
    r.x = unsqueeze(r.x, 0);
    r.dims = {0};
    r.keep = false;
    r.nothing = true;
    return r;
  }
  for (const int64_t axis : axes) r.dims.push_back(c.axis(axis, r.x.rank()));
  if (axes.empty()) {
    for (int64_t i = 0; i < r.x.rank(); ++i) r.dims.push_back(i);
  }
  for (const int64_t d : r.dims) r.count *= r.x.dim(d);
  return r;
}

Shape reduced_shape(const Reduction& r) {
  Shape shape;
  for (int64_t i = 0; i < r.x.rank(); ++i) {
    if (std::find(r.dims.begin(), r.dims.end(), i) == r.dims.end()) {
      shape.push_back(r.x.dim(i));
    } else if (r.keep) {
      shape.push_back(1);
    }
  }
  return shape;
}

/// As wide as a sum of squares or exponentials needs: small floats as float32, whole numbers as float64.
Tensor widened(const Tensor& x) {
  if (!is_floating(x.dtype())) return cast(x, DType::kFloat64);
  return x.dtype() == DType::kFloat64 ? x : cast(x, DType::kFloat32);
}

void give(Call& c, const Tensor& y) { c.same_type(cast(y, carrier(c.element(0)))); }

void reduce_sum(Call& c) {
  const Reduction r = reduction_of(c);
  give(c, sum(r.x, r.dims, r.keep));
}

void reduce_mean(Call& c) {
  const Reduction r = reduction_of(c);
  if (is_floating(r.x.dtype())) return give(c, mean(r.x, r.dims, r.keep));
  if (r.count == 0) c.fail("there is no mean of no whole numbers");
  const Tensor count = Tensor::from(std::vector<int64_t>{r.count}, {});
  give(c, trunc_divide(sum(r.x, r.dims, r.keep), count));
}

void reduce_prod(Call& c) {
  const Reduction r = reduction_of(c);
  give(c, prod(r.x, r.dims, r.keep));
}

/// The smallest (largest) number of a type.
double limit_of(Element e, bool largest) {
  if (e == Element::kBool) return largest ? 1 : 0;
  if (is_float(e)) {
    if (is_float8(e)) return largest ? static_cast<double>(round_to(3e38F, e)) : -limit_of(e, true);
    return largest ? kInfinity : -kInfinity;
  }
  const int width = bits(e);
  if (is_signed_integer(e)) return largest ? std::ldexp(1.0, width - 1) - 1 : -std::ldexp(1.0, width - 1);
  return largest ? std::ldexp(1.0, width) - 1 : 0;
}

template <bool kLargest>
void reduce_extreme(Call& c) {
  const Reduction r = reduction_of(c);
  const Element e = c.element(0);
  if (r.count == 0) {
    if (bits(e) == 64 && is_integer(e)) {
      const int64_t limit = e == Element::kUInt64 ? (kLargest ? 0 : -1)
                            : kLargest            ? std::numeric_limits<int64_t>::min()
                                                  : std::numeric_limits<int64_t>::max();
      const Tensor one = Tensor::from(std::vector<int64_t>{limit}, {});
      return c.output(Value(expand(one, reduced_shape(r)), e));
    }
    return c.output(Value(full(reduced_shape(r), limit_of(e, !kLargest), carrier(e)), e));
  }
  if (e == Element::kBool) return give(c, (kLargest ? any : all)(r.x, r.dims, r.keep));
  const Tensor x = ordered(r.x, e);
  give(c, ordered(kLargest ? amax(x, r.dims, r.keep) : amin(x, r.dims, r.keep), e));
}

void reduce_l1(Call& c) {
  const Reduction r = reduction_of(c);
  give(c, sum(abs(r.x), r.dims, r.keep));
}

void reduce_l2(Call& c) {
  const Reduction r = reduction_of(c);
  const Tensor x = widened(r.x);
  give(c, sqrt(sum(mul(x, x), r.dims, r.keep)));
}

void reduce_sum_square(Call& c) {
  const Reduction r = reduction_of(c);
  const Tensor x = is_floating(r.x.dtype()) ? widened(r.x) : cast(r.x, DType::kInt64);
  give(c, sum(mul(x, x), r.dims, r.keep));
}

void reduce_log_sum(Call& c) {
  const Reduction r = reduction_of(c);
  give(c, log(sum(widened(r.x), r.dims, r.keep)));
}

void reduce_log_sum_exp(Call& c) {
  const Reduction r = reduction_of(c);
  if (r.count == 0) return give(c, full(reduced_shape(r), -kInfinity, widened(r.x).dtype()));
  give(c, r.x.rank() == 0 ? r.x : logsumexp(widened(r.x), r.dims, r.keep));
}

template <bool kLargest>
void arg_extreme(Call& c) {
  Tensor x = ordered(c.tensor(0), c.element(0));
  if (x.rank() == 0) x = reshape(x, {1});
  const int64_t axis = c.axis(c.attribute("axis", int64_t{0}), x.rank());
  const bool keep = c.attribute("keepdims", int64_t{1}) != 0;
  if (x.dim(axis) == 0) c.fail("dimension {} of {} is empty", axis, describe(c.value(0)));
  const auto find = [&](const Tensor& t) { return kLargest ? argmax(t, axis, keep) : argmin(t, axis, keep); };
  if (c.attribute("select_last_index", int64_t{0}) == 0) return c.plain(find(x));
  const Tensor last = Tensor::from(std::vector<int64_t>{x.dim(axis) - 1}, {});
  c.plain(sub(last, find(flip(x, {axis}))));
}

/// A running sum or product, `neutral` before the first element.
void accumulate(Call& c, Tensor (*scan)(const Tensor&, int64_t, bool), double neutral) {
  const Tensor x = c.tensor(0);
  const int64_t axis = c.axis(c.integer(1), x.rank());
  const bool reverse = c.attribute("reverse", int64_t{0}) != 0;
  const int64_t length = x.dim(axis);
  Tensor y = cast(scan(x, axis, reverse), x.dtype());
  if (c.attribute("exclusive", int64_t{0}) != 0 && length > 0) {
    // Moved by one instead of x taken away again, which is inexact, and wrong for infinities.
    Shape shape = x.shape();
    shape[static_cast<size_t>(axis)] = 1;
    const Tensor first = full(shape, neutral, x.dtype(), x.device());
    const Tensor rest = reverse ? slice(y, axis, 1, length) : slice(y, axis, 0, length - 1);
    y = reverse ? cat({rest, first}, axis) : cat({first, rest}, axis);
  }
  c.same_type(y);
}
void cumulative_sum(Call& c) { accumulate(c, &cumsum, 0); }
void cumulative_product(Call& c) { accumulate(c, &cumprod, 1); }

void top_k(Call& c) {
  const Tensor x = ordered(c.tensor(0), c.element(0));
  const int64_t k = c.opset() < 10 ? c.required("k") : c.integer(1);
  const int64_t axis = c.axis(c.attribute("axis", int64_t{-1}), x.rank());
  const bool largest = c.attribute("largest", int64_t{1}) != 0;
  if (k < 0 || k > x.dim(axis)) c.fail("k is {}, dimension {} of {} is not", k, axis, describe(c.value(0)));
  if (k == 0) {
    c.output(0, Value(narrow(x, axis, 0, 0), c.element(0)));
    return c.output(1, Value(cast(narrow(x, axis, 0, 0), DType::kInt64)));
  }
  const auto [values, indices] = topk(x, k, axis, largest);
  c.output(0, Value(ordered(values, c.element(0)), c.element(0)));
  c.plain(indices, 1);
}

constexpr Operator kOperators[] = {
    {"ReduceSum", &reduce_sum, 1, "", true, 1},
    {"ReduceMean", &reduce_mean, 1, "", true, 1},
    {"ReduceProd", &reduce_prod, 1, "", true, 1},
    {"ReduceMax", &reduce_extreme<true>, 1, "", true, 1},
    {"ReduceMin", &reduce_extreme<false>, 1, "", true, 1},
    {"ReduceL1", &reduce_l1, 1, "", true, 1},
    {"ReduceL2", &reduce_l2, 1, "", true, 1},
    {"ReduceSumSquare", &reduce_sum_square, 1, "", true, 1},
    {"ReduceLogSum", &reduce_log_sum, 1, "", true, 1},
    {"ReduceLogSumExp", &reduce_log_sum_exp, 1, "", true, 1},
    {"ArgMax", &arg_extreme<true>, 1, "", true, 1},
    {"ArgMin", &arg_extreme<false>, 1, "", true, 1},
    {"CumSum", &cumulative_sum, 11, "", true, 2},
    {"CumProd", &cumulative_product, 26, "", true, 2},
    {"TopK", &top_k, 1, "", true, 1},
};

}  // namespace

std::span<const Operator> reduction_operators() { return kOperators; }

}  // namespace dlb::graph
