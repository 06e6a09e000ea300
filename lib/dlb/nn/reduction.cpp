#include "dlb/nn/reduction.h"

#include <limits>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance.h"
#include "dlb/ops/einsum.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"

namespace dlb::nn {

Tensor sample_variance(const Tensor& x, Dims dims, bool keepdim) {
  return var(x, std::move(dims), 1, keepdim);
}
Tensor sample_deviation(const Tensor& x, Dims dims, bool keepdim) {
  return std_deviation(x, std::move(dims), 1, keepdim);
}
Tensor log_sum_exp(const Tensor& x, Dims dims, bool keepdim) {
  return logsumexp(x, std::move(dims), keepdim);
}

template <Tensor (*F)(const Tensor&, Dims, bool)>
Fields Reduction<F>::fields() {
  static const Field list[] = {
      required<&Reduction::dim>("dim", "dimensions to join; negative counts from the last", items({}, 1, 8)),
      field<&Reduction::keepdim>("keepdim", "keep them with size 1"),
  };
  return list;
}
template <Tensor (*F)(const Tensor&, Dims, bool)>
void Reduction<F>::build(Build& b) {
  for (const int64_t d : dim) normalize_dim(d, b.input().rank(), "dim");
}
template <Tensor (*F)(const Tensor&, Dims, bool)>
Tensor Reduction<F>::forward(Context& /*c*/, const Tensor& x) {
  return F(x, Dims(dim.begin(), dim.end()), keepdim);
}
template struct Reduction<&mean>;
template struct Reduction<&sum>;
template struct Reduction<&prod>;
template struct Reduction<&amax>;
template struct Reduction<&amin>;
template struct Reduction<&norm>;
template struct Reduction<&sample_variance>;
template struct Reduction<&sample_deviation>;
template struct Reduction<&log_sum_exp>;

template <Tensor (*F)(const Tensor&, int64_t, bool)>
Fields ArgReduction<F>::fields() {
  static const Field list[] = {
      field<&ArgReduction::dim>("dim", "dimension to join; negative counts from the last"),
      field<&ArgReduction::keepdim>("keepdim", "keep it with size 1"),
  };
  return list;
}
template <Tensor (*F)(const Tensor&, int64_t, bool)>
void ArgReduction<F>::build(Build& b) {
  normalize_dim(dim, b.input().rank(), "dim");
}
template <Tensor (*F)(const Tensor&, int64_t, bool)>
Tensor ArgReduction<F>::forward(Context& /*c*/, const Tensor& x) {
  return F(x, dim, keepdim);
}
template struct ArgReduction<static_cast<Tensor (*)(const Tensor&, int64_t, bool)>(&argmax)>;
template struct ArgReduction<static_cast<Tensor (*)(const Tensor&, int64_t, bool)>(&argmin)>;

Fields Cumsum::fields() {
  static const Field list[] = {field<&Cumsum::dim>("dim", "dimension; negative counts from the last")};
  return list;
}
void Cumsum::build(Build& b) { normalize_dim(dim, b.input().rank(), "cumsum.dim"); }
Tensor Cumsum::forward(Context& /*c*/, const Tensor& x) { return cumsum(x, dim); }

Fields Scale::fields() {
  static const Field list[] = {
      field<&Scale::factor>("factor", "what x is multiplied with"),
      field<&Scale::shift>("shift", "what is added then"),
  };
  return list;
}
Tensor Scale::forward(Context& /*c*/, const Tensor& x) { return affine(x, factor, shift); }

Fields LayerScale::fields() {
  static const Field list[] = {field<&LayerScale::init>("init", "initial factor")};
  return list;
}
void LayerScale::build(Build& b) {
  b.expect(b.input().rank() >= 1, "layer_scale", "[..., features]");
  weight_ = b.parameter("weight", {b.input().dim(-1)}, constant_init(init));
}
Tensor LayerScale::forward(Context& /*c*/, const Tensor& x) { return mul(x, weight_); }

Fields Clamp::fields() {
  static const Field list[] = {
      field<&Clamp::min>("min", "lower limit"),
      field<&Clamp::max>("max", "upper limit"),
  };
  return list;
}
void Clamp::build(Build& /*b*/) {
  if (!min && !max) fail(ErrorKind::kConfig, "clamp needs `min`, `max` or both");
  if (min && max && *min > *max)
    fail(ErrorKind::kConfig, "clamp needs min not above max, got {} and {}", *min, *max);
}
Tensor Clamp::forward(Context& /*c*/, const Tensor& x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return clamp(x, min.value_or(-kInfinity), max.value_or(kInfinity));
}

Fields Cast::fields() {
  static const Field list[] = {required<&Cast::dtype>(
      "dtype", "type of the result",
      one_of({"float32", "float64", "bfloat16", "float16", "int64", "int32", "bool"}))};
  return list;
}
Tensor Cast::forward(Context& /*c*/, const Tensor& x) { return cast(x, dtype_from_name(dtype)); }

Fields OneHot::fields() {
  static const Field list[] = {required<&OneHot::classes>("classes", "number of classes", positive())};
  return list;
}
void OneHot::build(Build& b) {
  expect_whole_numbers(b, 0, "one_hot", "input");
  dtype_ = b.dtype();
}
Tensor OneHot::forward(Context& /*c*/, const Tensor& x) {
  if (!x.is_meta()) {
    for (const int64_t n : x.to_vector<int64_t>()) {
      if (n < 0 || n >= classes) fail(ErrorKind::kData, "one_hot of {} classes got {}", classes, n);
    }
  }
  return one_hot(x, classes, dtype_);
}

Fields MaskedFill::fields() {
  static const Field list[] = {field<&MaskedFill::value>("value", "what is written there")};
  return list;
}
std::span<const std::string_view> MaskedFill::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "mask"};
  return kNames;
}
Outputs MaskedFill::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  const Tensor mask = inputs[1].dtype() == DType::kBool ? inputs[1] : ne(inputs[1], 0.0);
  return one(where(mask, full({}, value, x.dtype(), x.device()), x));
}

Fields Einsum::fields() {
  static const Field list[] = {
      required<&Einsum::equation>("equation", "subscripts of the inputs and the result: \"nqd,nkd->nqk\"")};
  return list;
}
Outputs Einsum::run(Context& /*c*/, Inputs inputs) {
  return one(einsum(equation, std::vector<Tensor>(inputs.begin(), inputs.end())));
}

Fields Cdist::fields() {
  static const Field list[] = {field<&Cdist::p>("p", "of the norm", non_negative())};
  return list;
}
Outputs Cdist::run(Context& /*c*/, Inputs inputs) { return one(cdist(inputs[0], inputs[1], p)); }

}  // namespace dlb::nn
