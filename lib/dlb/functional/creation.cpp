#include "dlb/functional/define.h"
#include "dlb/ops/create.h"

namespace dlb::functional {

namespace {

constexpr Traits kNothing{.dtypes = DTypes::kNone, .differentiable = false};
constexpr Traits kLike{.dtypes = DTypes::kAll, .differentiable = false};

using MaybeDType = std::optional<DType>;

/// PyTorch's default: int64 for whole numbers, bool for fill values that are one, else float32.
Tensor filled(const Dims& size, const Scalar& value, MaybeDType dtype) {
  return full(size, value.value, dtype.value_or(value.dtype()));
}
/// Like x but for the dtype.
Tensor like(const Tensor& x, double value, MaybeDType dtype) {
  return dtype && *dtype != x.dtype() ? full(x.shape(), value, *dtype, x.device()) : full_like(x, value);
}

Tensor range(const Scalar& start, const Scalar& end, const Scalar& step, MaybeDType dtype) {
  const bool whole = start.kind != Scalar::Kind::kFloat && end.kind != Scalar::Kind::kFloat &&
                     step.kind != Scalar::Kind::kFloat;
  if (step.value == 0 || (end.value - start.value) * step.value < 0) {
    fail(ErrorKind::kShape, "arange cannot go from {} to {} in steps of {}", start.value, end.value,
         step.value);
  }
  return arange(start.value, end.value, step.value, dtype.value_or(whole ? DType::kInt64 : DType::kFloat32));
}

/// A number, also where a 0-d tensor gives it.
double number(const Operand& x, const char* what) {
  if (x.is_scalar()) return x.scalar.value;
  if (x.tensor.rank() != 0) {
    fail(ErrorKind::kShape, "{} expects numbers or 0-d tensors, got {}", what, shape_text(x.tensor.shape()));
  }
  return x.tensor.is_meta() ? 0 : x.tensor.item();
}
Device device_of(const Operand& a, const Operand& b) {
  const bool meta = (!a.is_scalar() && a.tensor.is_meta()) || (!b.is_scalar() && b.tensor.is_meta());
  return meta ? kMeta : kCpu;
}

Tensor spaced(const Operand& start, const Operand& end, int64_t steps, DType dtype) {
  return linspace(number(start, "linspace"), number(end, "linspace"), steps, dtype, device_of(start, end));
}
Tensor spaced_powers(const Operand& start, const Operand& end, int64_t steps, double base, DType dtype) {
  return logspace(number(start, "logspace"), number(end, "logspace"), steps, base, dtype,
                  device_of(start, end));
}

}  // namespace

std::vector<Function> creation_functions() {
  return {
      define(
          "zeros", "all 0", {"*size", "dtype = float32"},
          +[](const Dims& size, DType dtype) { return zeros(size, dtype); }, kNothing),
      define(
          "ones", "all 1", {"*size", "dtype = float32"},
          +[](const Dims& size, DType dtype) { return ones(size, dtype); }, kNothing),
      define("full", "all fill_value", {"size", "fill_value", "dtype = none"}, &filled, kNothing),
      define(
          "zeros_like", "all 0, in the form of input", {"input", "dtype = none"},
          +[](const Tensor& x, MaybeDType dtype) { return like(x, 0, dtype); }, kLike),
      define(
          "ones_like", "all 1, in the form of input", {"input", "dtype = none"},
          +[](const Tensor& x, MaybeDType dtype) { return like(x, 1, dtype); }, kLike),
      define("full_like", "all fill_value, in the form of input", {"input", "fill_value", "dtype = none"},
             &like, kLike),
      define(
          "arange", "0, 1, ... below end", {"end", "dtype = none"},
          +[](const Scalar& end, MaybeDType dtype) {
            return range(Scalar(int64_t{0}), end, Scalar(int64_t{1}), dtype);
          },
          kNothing),
      define("arange", "start, start + step, ... below end", {"start", "end", "step = 1", "dtype = none"},
             &range, kNothing),
      define(
          "eye", "ones on the diagonal [n, m]", {"n", "m = none", "dtype = float32"},
          +[](int64_t n, std::optional<int64_t> m, DType dtype) { return eye(n, m.value_or(n), dtype); },
          kNothing),
      define("linspace", "evenly spaced from start to end", {"start", "end", "steps", "dtype = float32"},
             &spaced, {.dtypes = DTypes::kAll, .differentiable = false}),
      define("logspace", "powers of base, evenly spaced in the exponent",
             {"start", "end", "steps", "base = 10.0", "dtype = float32"}, &spaced_powers,
             {.dtypes = DTypes::kAll, .differentiable = false}),
      define("tril_indices", "rows and columns on and below a diagonal", {"row", "col", "offset = 0"},
             &tril_indices, kNothing),
      define("triu_indices", "rows and columns on and above a diagonal", {"row", "col", "offset = 0"},
             &triu_indices, kNothing),
      define("vander", "powers of a vector as columns", {"x", "N = none", "increasing = false"},
             +[](const Tensor& x, std::optional<int64_t> columns, bool increasing) {
               if (columns && *columns < 0) {
                 fail(ErrorKind::kShape, "vander expects a number of columns, got {}", *columns);
               }
               return vander(x, columns.value_or(-1), increasing);
             },
             {.dtypes = DTypes::kAll}),
  };
}

}  // namespace dlb::functional
