// Norms of vectors and matrices.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/linalg_check.h"
#include "dlb/ops/linalg_norm_defs.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields VectorNormAttrs::fields() {
  static const Field list[] = {field<&VectorNormAttrs::ord>("ord", "order of the norm"),
                               field<&VectorNormAttrs::dims>("dim", "dimensions that are reduced"),
                               field<&VectorNormAttrs::keepdim>("keepdim", "leave them with size 1")};
  return list;
}

namespace {

Dims normalized(const Dims& dims, int rank, const char* function) {
  Dims out;
  for (const int64_t d : dims) {
    const int64_t at = normalize_dim(d, rank, "dim");
    if (std::find(out.begin(), out.end(), at) != out.end()) {
      fail(ErrorKind::kShape, "{}: dim {} is given twice", function, at);
    }
    out.push_back(at);
  }
  return out;
}

Dims dims_of(const VectorNormAttrs& a) { return {a.dims.begin(), a.dims.end()}; }

void infer_vector_norm(Infer& c, const VectorNormAttrs& a) {
  c.floating(0);
  const Shape& x = c.input(0).shape;
  const Dims dims = normalized(dims_of(a), c.input(0).rank(), "vector_norm");
  int64_t count = 1;
  Shape out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::find(dims.begin(), dims.end(), static_cast<int64_t>(i)) == dims.end()) {
      out.push_back(x[i]);
    } else {
      count *= x[i];
      if (a.keepdim) out.push_back(1);
    }
  }
  if (count == 0 && (a.ord < 0 || std::isinf(a.ord)) && numel(out) > 0) {
    c.fail_shape("of order {} needs at least one element, got {}", a.ord, shape_text(x));
  }
  c.output(out, c.input(0).dtype);
}

Outputs reference_vector_norm(Inputs in, const VectorNormAttrs& a) {
  // float32 sums for the 16-bit types.
  const DType dtype = in[0].dtype();
  const bool half = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  const Tensor x = half ? cast(in[0], DType::kFloat32) : in[0];
  const Dims dims = dims_of(a);
  // No dims are all of them to the reductions, but none of a 0-d tensor.
  const auto reduced = [&](const Tensor& y, Tensor (*f)(const Tensor&, Dims, bool)) {
    return y.rank() == 0 ? f(reshape(y, {1}), {0}, false) : f(y, dims, a.keepdim);
  };
  Tensor y;
  if (a.ord == 0) {
    y = reduced(cast(ne(x, 0.0), x.dtype()), sum);
  } else if (a.ord == 1) {
    y = reduced(abs(x), sum);
  } else if (a.ord == 2) {
    y = sqrt(reduced(square(x), sum));
  } else if (a.ord == INFINITY) {
    y = reduced(abs(x), amax);
  } else if (a.ord == -INFINITY) {
    y = reduced(abs(x), amin);
  } else {
    y = pow(reduced(pow(abs(x), a.ord), sum), 1 / a.ord);
  }
  return {half ? cast(y, dtype) : y};
}

void vjp_vector_norm(Vjp& c, const VectorNormAttrs& a) {
  const Tensor& x = c.input(0);
  Tensor norm = c.output(0);
  Tensor g = c.grad(0);
  if (!a.keepdim && x.rank() > 0) {
    Shape kept = x.shape();
    for (const int64_t d : normalized(dims_of(a), x.rank(), "vector_norm")) kept[static_cast<size_t>(d)] = 1;
    norm = reshape(norm, kept);
    g = reshape(g, kept);
  }
  const Tensor zero = full({}, 0, x.dtype(), x.device());
  const Tensor nowhere = eq(norm.detach(), 0.0);
  // Where the norm is 0 its gradient is taken to be 0; the 1 keeps the other branch, and its own gradient,
  // finite.
  const Tensor safe = where(nowhere, full({}, 1, x.dtype(), x.device()), norm);
  const auto masked = [&](const Tensor& gradient) { return where(nowhere, zero, gradient); };
  if (a.ord == 0) return c.input_grad(0, zeros_like(x));
  if (a.ord == 1) return c.input_grad(0, sign(x) * g);
  if (a.ord == 2) return c.input_grad(0, masked(x / safe * g));
  if (std::isinf(a.ord)) {
    const Tensor hit = cast(eq(abs(x).detach(), norm.detach()), x.dtype());
    const Tensor ties = x.rank() == 0 ? hit : sum(hit, dims_of(a), kKeepDim);
    return c.input_grad(0, sign(x) * hit * (g / ties));
  }
  const Tensor size = abs(x);
  if (a.ord < 2) {  // |x|^(ord - 1) is infinite at 0
    const Tensor at_zero = eq(x.detach(), 0.0);
    const Tensor safe_size = where(at_zero, full({}, 1, x.dtype(), x.device()), size);
    const Tensor ratio = pow(safe_size / safe, a.ord - 1);
    return c.input_grad(0, masked(where(at_zero, zero, sign(x) * ratio * g)));
  }
  c.input_grad(0, masked(x / safe * pow(size / safe, a.ord - 2) * g));
}

}  // namespace

const OpDef& op::vector_norm() {
  static const OpDef op =
      define<VectorNormAttrs>({.name = "vector_norm",
                               .doc = "(sum |x|^ord)^(1 / ord) over dimensions",
                               .infer = infer_vector_norm,
                               .vjp = vjp_vector_norm,
                               .saves = Saves::kBoth,
                               .reference = reference_vector_norm,
                               .cost = [](Inputs in, Inputs out, const VectorNormAttrs&) -> Cost {
                                 return {4 * static_cast<double>(in[0].numel()), moved_bytes(in, out)};
                               }});
  return op;
}

std::span<const OpDef* const> linalg_ops() {
  static const OpDef* const list[] = {&op::cholesky(),   &op::lu_factor(),  &op::permutation_of_pivots(),
                                      &op::qr(),         &op::eigh(),       &op::svd(),
                                      &op::solve(),      &op::det(),        &op::solve_triangular(),
                                      &op::slogdet(),    &op::lstsq(),      &op::pinv(),
                                      &op::matrix_exp(), &op::vector_norm()};
  return list;
}

namespace linalg {
namespace {

Dims all_dims(const Tensor& x) {
  Dims dims;
  for (int64_t d = 0; d < x.rank(); ++d) dims.push_back(d);
  return dims;
}

/// The matrix dimensions moved to the end.
Tensor matrices_last(const Tensor& x, const Dims& dims) {
  Dims order;
  for (int64_t d = 0; d < x.rank(); ++d) {
    if (d != dims[0] && d != dims[1]) order.push_back(d);
  }
  order.push_back(dims[0]);
  order.push_back(dims[1]);
  return permute(x, order);
}

/// Sizes 1 put back in the place of the matrix dimensions.
Tensor with_dims(Tensor y, Dims dims) {
  std::sort(dims.begin(), dims.end());
  for (const int64_t d : dims) y = unsqueeze(y, d);
  return y;
}

[[noreturn]] void bad_order(const char* function, const Order& ord) {
  fail(ErrorKind::kConfig, "{} expects order fro, nuc, 1, -1, 2, -2, inf or -inf, got {}", function,
       ord.name.empty() ? fmt::format("{}", ord.number) : "'" + ord.name + "'");
}

}  // namespace

Tensor vector_norm(const Tensor& x, double ord, std::optional<Dims> dims, bool keepdim) {
  const Dims over = dims && !dims->empty() ? *dims : all_dims(x);
  return apply1(op::vector_norm(), {x}, VectorNormAttrs{ord, {over.begin(), over.end()}, keepdim});
}

Tensor matrix_norm(const Tensor& x, const Order& ord, Dims dims, bool keepdim) {
  check_matrix_shape("linalg.matrix_norm", x);
  if (dims.size() != 2) {
    fail(ErrorKind::kShape, "linalg.matrix_norm expects 2 dims, got {}", shape_text(dims));
  }
  dims = normalized(dims, x.rank(), "linalg.matrix_norm");
  if (ord.name == "fro") return vector_norm(x, 2, dims, keepdim);
  const bool singular = ord.name == "nuc" || (ord.name.empty() && std::abs(ord.number) == 2);
  if (singular) {
    if (x.dtype() == DType::kFloat16 || x.dtype() == DType::kBFloat16) {
      return cast(matrix_norm(cast(x, DType::kFloat32), ord, dims, keepdim), x.dtype());
    }
    const Tensor s = svdvals(matrices_last(x, dims));
    Tensor y = ord.name == "nuc"                  ? sum(s, {-1})
               : s.dim(-1) == 0 && ord.number > 0 ? sum(s, {-1})
               : ord.number > 0                   ? amax(s, {-1})
                                                  : amin(s, {-1});
    return keepdim ? with_dims(y, dims) : y;
  }
  if (!ord.name.empty()) bad_order("linalg.matrix_norm", ord);
  const double size = std::abs(ord.number);
  if (size != 1 && !std::isinf(size)) bad_order("linalg.matrix_norm", ord);
  const bool columns = size == 1;
  const int64_t summed = columns ? dims[0] : dims[1];
  const int64_t compared = columns ? dims[1] : dims[0];
  const Tensor sums = vector_norm(x, 1, Dims{summed}, true);
  Tensor y;
  if (sums.dim(compared) == 0 && ord.number > 0) {
    y = sum(sums, {compared}, kKeepDim);  // the largest of nothing that is never negative: 0
  } else {
    y = ord.number > 0 ? amax(sums, {compared}, kKeepDim) : amin(sums, {compared}, kKeepDim);
  }
  if (keepdim) return y;
  const int64_t first = std::max(dims[0], dims[1]);
  return squeeze(squeeze(y, first), std::min(dims[0], dims[1]));
}

Tensor norm(const Tensor& x, const std::optional<Order>& ord, const std::optional<Dims>& dims, bool keepdim) {
  if (!ord) return vector_norm(x, 2, dims, keepdim);
  if (dims) {
    if (dims->size() == 1 && ord->name.empty()) return vector_norm(x, ord->number, dims, keepdim);
    if (dims->size() == 2) return matrix_norm(x, *ord, *dims, keepdim);
    fail(ErrorKind::kShape, "linalg.norm expects 1 or 2 dims, got {}", shape_text(*dims));
  }
  if (x.rank() == 2) return matrix_norm(x, *ord, {-2, -1}, keepdim);
  if (x.rank() > 2 || !ord->name.empty()) {
    fail(ErrorKind::kShape, "linalg.norm of an order but without dims expects 1 or 2 dimensions, got {}",
         shape_text(x.shape()));
  }
  return vector_norm(x, ord->number, {}, keepdim);
}

Tensor cond(const Tensor& a, const std::optional<Order>& ord) {
  check_matrix_shape("linalg.cond", a);
  const Order order = ord.value_or(Order(2.0));
  if (order.name.empty() && std::abs(order.number) == 2) {
    const Tensor s = svdvals(a);
    if (s.dim(-1) == 0) return zeros(matrix::batch_of(a.shape()), a.dtype(), a.device());
    const Tensor largest = select(s, -1, 0);
    const Tensor smallest = select(s, -1, -1);
    return order.number > 0 ? largest / smallest : smallest / largest;
  }
  check_square_shape("linalg.cond", a);
  if (a.numel() == 0) return zeros(matrix::batch_of(a.shape()), a.dtype(), a.device());
  if (order.name == "nuc") {
    const Tensor s = svdvals(a);
    return sum(s, {-1}) * sum(reciprocal(s), {-1});
  }
  // A singular matrix has no inverse but an infinite condition number.
  const Tensor pivots = matrix::diagonal(apply(op::lu_factor(), {a.detach()}, LuAttrs{})[0]);
  const Tensor singular = any(eq(pivots, 0.0), {-1});
  const Tensor regular = where(unsqueeze(unsqueeze(singular, -1), -1), matrix::identity(a.dim(-1), a), a);
  const Tensor infinity = full({}, std::numeric_limits<double>::infinity(), a.dtype(), a.device());
  return where(singular, infinity, matrix_norm(a, order) * matrix_norm(inv(regular), order));
}

}  // namespace linalg

Tensor norm_p(const Tensor& x, const linalg::Order& p, const std::optional<Dims>& dims, bool keepdim) {
  if (p.name == "fro") return linalg::vector_norm(x, 2, dims, keepdim);
  if (p.name == "nuc") {
    if (!dims && x.rank() != 2) {
      fail(ErrorKind::kShape, "norm 'nuc' without dims expects a matrix, got {}", shape_text(x.shape()));
    }
    return linalg::matrix_norm(x, p, dims.value_or(Dims{-2, -1}), keepdim);
  }
  if (!p.name.empty())
    fail(ErrorKind::kConfig, "norm expects p as a number, 'fro' or 'nuc', got '{}'", p.name);
  return linalg::vector_norm(x, p.number, dims, keepdim);
}

}  // namespace dlb
