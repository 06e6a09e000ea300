#include "dlb/functional/define.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

using OptionalDims = std::optional<Dims>;
using OptionalType = std::optional<DType>;
using Pair = std::pair<Tensor, Tensor>;

Tensor converted(const Tensor& x, const OptionalType& dtype) { return dtype ? cast(x, *dtype) : x; }

bool narrows(const Tensor& x, const OptionalType& dtype) {
  return dtype && is_floating(*dtype) && is_floating(x.dtype()) && dtype_size(*dtype) < dtype_size(x.dtype());
}

/// Computed in `dtype`, which is also that of the result; but where that is narrower than the input's, values
/// and gradients are rounded at the end only.
template <Tensor (*kReduce)(const Tensor&, Dims, bool)>
Tensor reduce_as(const Tensor& x, const OptionalDims& dims, bool keepdim, const OptionalType& dtype) {
  const Tensor from = narrows(x, dtype) ? x : converted(x, dtype);
  return converted(kReduce(from, dims.value_or(Dims{}), keepdim), dtype);
}
template <Tensor (*kReduce)(const Tensor&, Dims, bool)>
Tensor reduce_over(const Tensor& x, const OptionalDims& dims, bool keepdim) {
  return kReduce(x, dims.value_or(Dims{}), keepdim);
}
/// Of no dims at all, unlike all other reductions, each element by itself.
template <Tensor (*kReduce)(const Tensor&, Dims, bool)>
Tensor test_over(const Tensor& x, const OptionalDims& dims, bool keepdim) {
  if (dims && dims->empty()) return cast(ne(x, 0), x.dtype() == DType::kUInt8 ? DType::kUInt8 : DType::kBool);
  return kReduce(x, dims.value_or(Dims{}), keepdim);
}
template <Tensor (*kScan)(const Tensor&, int64_t, bool)>
Tensor scan_as(const Tensor& x, int64_t dim, const OptionalType& dtype) {
  return converted(kScan(narrows(x, dtype) ? x : converted(x, dtype), dim, false), dtype);
}

Tensor nothing_else(const Tensor& x, std::string_view function) {
  if (x.numel() == 0) {
    fail(ErrorKind::kShape, "{} of nothing: {}; name a dim", function, shape_text(x.shape()));
  }
  return x;
}

std::vector<Function> scans() {
  constexpr Traits kAll = {.dtypes = DTypes::kAll};
  constexpr Traits kNumeric = {.dtypes = DTypes::kNumeric};
  return {
      define("cumsum", "running sum along dim", {"input", "dim", "dtype = none"}, &scan_as<cumsum>, kAll),
      define("cumprod", "running product along dim", {"input", "dim", "dtype = none"}, &scan_as<cumprod>,
             kAll),
      define("logcumsumexp", "logarithm of the running sum of exponentials along dim", {"input", "dim"},
             &logcumsumexp),
      define("cummax", "running largest value along dim and its index", {"input", "dim"}, &cummax, kAll),
      define("cummin", "running smallest value along dim and its index", {"input", "dim"}, &cummin, kAll),
      define("diff", "differences of neighbours along dim, n times over",
             {"input", "n = 1", "dim = -1", "prepend = none", "append = none"}, &diff, kAll),
      define(
          "trapezoid", "integral along dim by the trapezoid rule, at points x", {"y", "x", "dim = -1"},
          +[](const Tensor& y, const Tensor& x, int64_t dim) { return trapezoid(y, x, dim); }, kNumeric),
      define(
          "trapezoid", "integral along dim by the trapezoid rule, at spacing dx", {"y", "dx = 1", "dim = -1"},
          +[](const Tensor& y, double dx, int64_t dim) { return trapezoid(y, dx, dim); }, kNumeric),
      define(
          "cumulative_trapezoid", "running integral along dim by the trapezoid rule, at points x",
          {"y", "x", "dim = -1"},
          +[](const Tensor& y, const Tensor& x, int64_t dim) { return cumulative_trapezoid(y, x, dim); },
          kNumeric),
      define(
          "cumulative_trapezoid", "running integral along dim by the trapezoid rule, at spacing dx",
          {"y", "dx = 1", "dim = -1"},
          +[](const Tensor& y, double dx, int64_t dim) { return cumulative_trapezoid(y, dx, dim); },
          kNumeric),
      define(
          "scatter_reduce", "input with elements of src reduced into it at index along dim",
          {"input", "dim", "index", "src", "reduce", "include_self = true"},
          +[](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const std::string& reduce,
              bool include_self) {
            return scatter_reduce(x, dim, index, src, scatter_reduction_from_name(reduce), include_self);
          },
          kAll),
      define(
          "segment_reduce", "reductions of consecutive segments along axis",
          {"data", "reduce", "lengths = none", "offsets = none", "axis = 0", "unsafe = false",
           "initial = none"},
          +[](const Tensor& x, const std::string& reduce, const Tensor& lengths, const Tensor& offsets,
              int64_t axis, bool unsafe, std::optional<double> initial) {
            return segment_reduce(x, segment_reduction_from_name(reduce), lengths, offsets, axis, initial,
                                  unsafe);
          }),
  };
}

}  // namespace

std::vector<Function> reduction_functions() {
  constexpr Traits kAll = {.dtypes = DTypes::kAll};
  constexpr Traits kTest = {.dtypes = DTypes::kAll, .differentiable = false};
  std::vector<Function> list = {
      define("sum", "sum over dims, all by default",
             {"input", "dim = none", "keepdim = false", "dtype = none"}, &reduce_as<sum>, kAll),
      define("nansum", "sum of what is not NaN", {"input", "dim = none", "keepdim = false", "dtype = none"},
             &reduce_as<nansum>, kAll),
      define("mean", "mean over dims", {"input", "dim = none", "keepdim = false", "dtype = none"},
             &reduce_as<mean>),
      define("nanmean", "mean of what is not NaN", {"input", "dim = none", "keepdim = false", "dtype = none"},
             &reduce_as<nanmean>),
      define("prod", "product over dims", {"input", "dim = none", "keepdim = false", "dtype = none"},
             &reduce_as<prod>, kAll),
      define(
          "count_nonzero", "how many elements are not zero", {"input", "dim = none"},
          +[](const Tensor& x, const OptionalDims& dims) {
            return count_nonzero(x, dims.value_or(Dims{}), false);
          },
          kTest),
      define("any", "whether an element is not zero", {"input", "dim = none", "keepdim = false"},
             &test_over<any>, kTest),
      define("all", "whether no element is zero", {"input", "dim = none", "keepdim = false"}, &test_over<all>,
             kTest),
      define("amax", "largest over dims; the gradient is shared equally among ties",
             {"input", "dim = []", "keepdim = false"}, &amax, kAll),
      define("amin", "smallest over dims; the gradient is shared equally among ties",
             {"input", "dim = []", "keepdim = false"}, &amin, kAll),
      define(
          "aminmax", "smallest and largest", {"input", "dim = none", "keepdim = false"},
          +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
            return aminmax(x, dim ? Dims{*dim} : Dims{}, keepdim);
          },
          kAll),
      define(
          "max", "the larger element of each pair", {"input", "other"},
          +[](const Tensor& x, const Tensor& other) { return maximum(x, other); }, kAll),
      define(
          "max", "the largest element; the gradient is shared equally among ties", {"input"},
          +[](const Tensor& x) { return max(nothing_else(x, "max")); }, kAll),
      define(
          "max", "largest along dim and the index of the first", {"input", "dim", "keepdim = false"},
          +[](const Tensor& x, int64_t dim, bool keepdim) -> Pair { return max(x, dim, keepdim); }, kAll),
      define(
          "min", "the smaller element of each pair", {"input", "other"},
          +[](const Tensor& x, const Tensor& other) { return minimum(x, other); }, kAll),
      define(
          "min", "the smallest element; the gradient is shared equally among ties", {"input"},
          +[](const Tensor& x) { return min(nothing_else(x, "min")); }, kAll),
      define(
          "min", "smallest along dim and the index of the first", {"input", "dim", "keepdim = false"},
          +[](const Tensor& x, int64_t dim, bool keepdim) -> Pair { return min(x, dim, keepdim); }, kAll),
      define("logsumexp", "logarithm of the sum of exponentials over dims",
             {"input", "dim", "keepdim = false"}, &logsumexp, kAll),
      define("equal", "whether two tensors have the same shape and elements", {"input", "other"},
             +[](const Tensor& x, const Tensor& other) {
               return x.shape() == other.shape() && all(eq(x, other)).item() != 0;
             },
             {.dtypes = DTypes::kAll, .differentiable = false, .data_dependent = true}),
  };
  for (Function& f : scans()) list.push_back(std::move(f));
  return list;
}

}  // namespace dlb::functional
