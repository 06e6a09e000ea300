#include "dlb/ops/create.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/join.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields FullAttrs::fields() {
  static const Field list[] = {field<&FullAttrs::fill_value>("fill_value", "value of every element")};
  return list;
}
Fields ArangeAttrs::fields() {
  static const Field list[] = {field<&ArangeAttrs::start>("start", "first value"),
                               field<&ArangeAttrs::step>("step", "difference of neighbours")};
  return list;
}
Fields LinspaceAttrs::fields() {
  static const Field list[] = {field<&LinspaceAttrs::start>("start", "first value"),
                               field<&LinspaceAttrs::end>("end", "last value"),
                               field<&LinspaceAttrs::base>("base", "whose powers to take; 0 for none")};
  return list;
}
Fields UniformAttrs::fields() {
  static const Field list[] = {field<&UniformAttrs::low>("low", "smallest value"),
                               field<&UniformAttrs::high>("high", "limit that is not reached")};
  return list;
}
Fields NormalAttrs::fields() {
  static const Field list[] = {field<&NormalAttrs::mean>("mean", "mean"),
                               field<&NormalAttrs::std>("std", "standard deviation", non_negative())};
  return list;
}
Fields BernoulliAttrs::fields() {
  static const Field list[] = {field<&BernoulliAttrs::p>("p", "probability of 1", between(0, 1))};
  return list;
}

namespace {

/// Of every definition here: the spec is given, and nothing is differentiable because there are no inputs.
template <class A>
void infer_given(Infer& c, const A& a) {
  c.output(a.spec);
}

void infer_uniform(Infer& c, const UniformAttrs& a) {
  if (!(a.low <= a.high)) {
    fail(ErrorKind::kConfig, "uniform expects low <= high, got {} and {}", a.low, a.high);
  }
  if (!is_floating(a.spec.dtype)) c.fail_dtype("expects a floating dtype, got {}", dtype_name(a.spec.dtype));
  c.output(a.spec);
}
void infer_normal(Infer& c, const NormalAttrs& a) {
  if (!(a.std >= 0)) {
    fail(ErrorKind::kConfig, "normal expects a deviation of at least 0, got {}", a.std);
  }
  if (!is_floating(a.spec.dtype)) c.fail_dtype("expects a floating dtype, got {}", dtype_name(a.spec.dtype));
  c.output(a.spec);
}

void infer_bernoulli(Infer& c, const BernoulliAttrs& a) {
  if (!(a.p >= 0 && a.p <= 1)) {
    fail(ErrorKind::kConfig, "bernoulli expects a probability from 0 to 1, got {}", a.p);
  }
  c.output(a.spec);
}

template <class A>
Definition<A> creation(std::string_view name, std::string_view doc, OnnxMapping onnx = {}) {
  Definition<A> d;
  d.name = name;
  d.doc = doc;
  d.infer = infer_given<A>;
  d.saves = Saves::kNothing;
  d.cost = per_element<0, A>;
  d.onnx = onnx;
  return d;
}
template <class A>
Definition<A> random_creation(std::string_view name, std::string_view doc, void (*infer)(Infer&, const A&)) {
  Definition<A> d = creation<A>(name, doc);
  d.infer = infer;
  d.cost = per_element<20, A>;
  d.random = true;
  return d;
}

Tensor full_like_spec(const TensorSpec& like, double value) {
  FullAttrs attrs{like, value};
  if (!is_dense(like.shape, like.strides)) attrs.spec.strides = contiguous_strides(like.shape);
  return apply1(op::full(), {}, attrs);
}

}  // namespace

const OpDef& op::full() {
  static const OpDef op = define(creation<FullAttrs>("full", "a constant", {"ConstantOfShape", 9}));
  return op;
}
const OpDef& op::arange() {
  static const OpDef op = define(creation<ArangeAttrs>("arange", "start, start + step, ...", {"Range", 11}));
  return op;
}
const OpDef& op::eye() {
  static const OpDef op = define(creation<EyeAttrs>("eye", "identity matrix", {"EyeLike", 9}));
  return op;
}
const OpDef& op::linspace() {
  static const OpDef op = define(creation<LinspaceAttrs>("linspace", "evenly spaced from start to end"));
  return op;
}
const OpDef& op::uniform() {
  static const OpDef op =
      define(random_creation<UniformAttrs>("uniform", "uniform in [low, high)", infer_uniform));
  return op;
}
const OpDef& op::normal() {
  static const OpDef op =
      define(random_creation<NormalAttrs>("normal", "normally distributed", infer_normal));
  return op;
}
const OpDef& op::bernoulli() {
  static const OpDef op =
      define(random_creation<BernoulliAttrs>("bernoulli", "1 with probability p", infer_bernoulli));
  return op;
}

std::span<const OpDef* const> create_ops() {
  static const OpDef* const ops[] = {&op::full(),    &op::arange(), &op::eye(),      &op::linspace(),
                                     &op::uniform(), &op::normal(), &op::bernoulli()};
  return ops;
}

Tensor full(Shape shape, double value, DType dtype, Device device) {
  return apply1<FullAttrs>(op::full(), {}, {make_spec(std::move(shape), dtype, device), value});
}
Tensor zeros(Shape shape, DType dtype, Device device) { return full(std::move(shape), 0, dtype, device); }
Tensor ones(Shape shape, DType dtype, Device device) { return full(std::move(shape), 1, dtype, device); }
Tensor zeros_like(const Tensor& x) { return full_like_spec(x.spec(), 0); }
Tensor ones_like(const Tensor& x) { return full_like_spec(x.spec(), 1); }
Tensor full_like(const Tensor& x, double value) { return full_like_spec(x.spec(), value); }

Tensor arange(double start, double end, double step, DType dtype, Device device) {
  const double count = std::ceil((end - start) / step);
  if (step == 0 || !std::isfinite(count) || count > 0x1p52) {
    fail(ErrorKind::kShape, "arange cannot go from {} to {} in steps of {}", start, end, step);
  }
  const Shape shape{count > 0 ? static_cast<int64_t>(count) : 0};
  return apply1<ArangeAttrs>(op::arange(), {}, {make_spec(shape, dtype, device), start, step});
}
Tensor eye(int64_t n, DType dtype, Device device) { return eye(n, n, dtype, device); }
Tensor eye(int64_t n, int64_t m, DType dtype, Device device) {
  return apply1<EyeAttrs>(op::eye(), {}, {make_spec({n, m}, dtype, device)});
}
Tensor linspace(double start, double end, int64_t count, DType dtype, Device device) {
  return apply1<LinspaceAttrs>(op::linspace(), {}, {make_spec({count}, dtype, device), start, end, 0});
}
Tensor logspace(double start, double end, int64_t count, double base, DType dtype, Device device) {
  if (base == 0) fail(ErrorKind::kUnsupported, "logspace of base 0 is not defined");
  return apply1<LinspaceAttrs>(op::linspace(), {}, {make_spec({count}, dtype, device), start, end, base});
}

namespace {

/// Positions (row, column) with low <= column - row <= high.
Tensor band_indices(int64_t n, int64_t m, int64_t low, int64_t high) {
  numel(Shape{n, m});
  // Diagonals that there are, which also bounds the sums below; a size is below 2^62 if the other is not 0.
  if (n == 0 || m == 0) return Tensor::empty({2, 0}, DType::kInt64);
  low = std::clamp(low, -n, m);
  high = std::clamp(high, -n, m);
  const auto first = [&](int64_t i) { return std::clamp<int64_t>(i + low, 0, m); };
  const auto last = [&](int64_t i) { return std::clamp<int64_t>(i + high + 1, first(i), m); };
  // Rows outside have nothing between the diagonals.
  const int64_t begin = std::clamp<int64_t>(-high, 0, n);
  const int64_t end = std::clamp<int64_t>(m - low, begin, n);
  int64_t count = 0;
  for (int64_t i = begin; i < end; ++i) count += last(i) - first(i);
  const Tensor positions = Tensor::empty({2, count}, DType::kInt64);
  int64_t* row = positions.data<int64_t>();
  int64_t* column = row + count;
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t j = first(i); j < last(i); ++j) {
      *row++ = i;
      *column++ = j;
    }
  }
  return positions;
}

}  // namespace

Tensor tril_indices(int64_t n, int64_t m, int64_t diagonal) {
  return band_indices(n, m, std::numeric_limits<int64_t>::min(), diagonal);
}
Tensor triu_indices(int64_t n, int64_t m, int64_t diagonal) {
  return band_indices(n, m, diagonal, std::numeric_limits<int64_t>::max());
}

Tensor vander(const Tensor& x, int64_t columns, bool increasing) {
  if (x.rank() != 1 || columns < -1) {
    fail(ErrorKind::kShape, "vander expects a vector and a number of columns, got {} and {}",
         shape_text(x.shape()), columns);
  }
  const int64_t count = columns < 0 ? x.dim(0) : columns;
  const Tensor base = is_floating(x.dtype()) ? x : cast(x, DType::kInt64);
  if (count < 2) return ones({x.dim(0), count}, base.dtype(), x.device());
  const Tensor powers = linalg::vander(base, count);
  return increasing ? powers : flip(powers, {1});
}

Tensor uniform(Shape shape, double low, double high, const RngKey& key, DType dtype, Device device) {
  return apply1<UniformAttrs>(op::uniform(), {},
                              {make_spec(std::move(shape), dtype, device), key, low, high});
}
Tensor normal(Shape shape, double mean, double stddev, const RngKey& key, DType dtype, Device device) {
  return apply1<NormalAttrs>(op::normal(), {},
                             {make_spec(std::move(shape), dtype, device), key, mean, stddev});
}
Tensor bernoulli(Shape shape, double p, const RngKey& key, DType dtype, Device device) {
  return apply1<BernoulliAttrs>(op::bernoulli(), {}, {make_spec(std::move(shape), dtype, device), key, p});
}

}  // namespace dlb
