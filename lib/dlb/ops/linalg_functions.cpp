// Functions of matrices that are made of products and factors.
#include <algorithm>
#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/linalg_check.h"
#include "dlb/ops/linalg_defs.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

using matrix::identity;
using matrix::transposed;

namespace {

/// The exponential by the [13/13] Pade approximant of a / 2^s, squared s times (Higham, "The scaling and
/// squaring method for the matrix exponential revisited"). Each matrix of the batch has its own s.
Outputs reference_matrix_exp(Inputs in, const NoAttrs&) {
  const Tensor& a = in[0];
  if (a.numel() == 0) return {a};
  constexpr double kLargest =
      5.371920351148152;  // 1-norm up to which the approximant is exact to double precision
  const std::vector<double> norms = amax(sum(abs(a), {-2}), {-1}).to_vector<double>();
  std::vector<double> scales;
  std::vector<int64_t> squarings;
  int64_t most = 0;
  for (const double norm : norms) {
    const bool usable = norm > kLargest && std::isfinite(norm);
    const auto s = usable ? static_cast<int64_t>(std::ceil(std::log2(norm / kLargest))) : int64_t{0};
    squarings.push_back(s);
    scales.push_back(std::ldexp(1.0, static_cast<int>(-s)));
    most = std::max(most, s);
  }
  Shape each = matrix::batch_of(a.shape());
  each.push_back(1);
  each.push_back(1);
  const Tensor x = a * cast(Tensor::from(scales, each), a.dtype());
  const Tensor count = Tensor::from(squarings, each);

  constexpr double b[] = {64764752532480000.,
                          32382376266240000.,
                          7771770303897600.,
                          1187353796428800.,
                          129060195264000.,
                          10559470521600.,
                          670442572800.,
                          33522128640.,
                          1323241920.,
                          40840800.,
                          960960.,
                          16380.,
                          182.,
                          1.};
  const Tensor one = identity(a.dim(-1), a);
  const Tensor x2 = matmul(x, x);
  const Tensor x4 = matmul(x2, x2);
  const Tensor x6 = matmul(x4, x2);
  const auto low = [&](int i) { return x6 * b[i + 6] + x4 * b[i + 4] + x2 * b[i + 2] + one * b[i]; };
  const auto high = [&](int i) { return matmul(x6, x6 * b[i + 12] + x4 * b[i + 10] + x2 * b[i + 8]); };
  const Tensor odd = matmul(x, high(1) + low(1));
  const Tensor even = high(0) + low(0);
  // (even - odd)^-1 (even + odd), written so that what is 0 beside the identity stays 0: errors of the
  // diagonal would double with each squaring.
  Tensor y = one + linalg::solve(even - odd, odd) * 2.0;
  for (int64_t i = 0; i < most; ++i) y = where(gt(count, static_cast<double>(i)), matmul(y, y), y);
  return {y};
}

/// The exponential of [[a^T, g], [0, a^T]] holds the gradient in its upper right block.
void vjp_matrix_exp(Vjp& c, const NoAttrs&) {
  const Tensor at = transposed(c.input(0));
  const int64_t n = at.dim(-1);
  const Tensor upper = cat({at, c.grad(0)}, -1);
  const Tensor lower = cat({zeros_like(c.grad(0)), at}, -1);
  const Tensor y = linalg::matrix_exp(cat({upper, lower}, -2));
  c.input_grad(0, narrow(narrow(y, -2, 0, n), -1, n, n));
}

}  // namespace

const OpDef& op::matrix_exp() {
  static const OpDef op =
      define<NoAttrs>({.name = "matrix_exp",
                       .doc = "exponential of a matrix",
                       .infer =
                           [](Infer& c, const NoAttrs&) {
                             check_square(c, 0);
                             c.output(c.input(0).shape, c.input(0).dtype);
                           },
                       .vjp = vjp_matrix_exp,
                       .saves = Saves::kInputs,
                       .reference = reference_matrix_exp,
                       .cost = [](Inputs in, Inputs out, const NoAttrs&) -> Cost {
                         return {20 * static_cast<double>(in[0].numel()) * static_cast<double>(in[0].dim(-1)),
                                 moved_bytes(in, out)};
                       }});
  return op;
}

namespace linalg {

Tensor matrix_exp(const Tensor& a) { return apply1(op::matrix_exp(), {a}); }

Tensor matrix_power(const Tensor& a, int64_t n) {
  check_square_shape("linalg.matrix_power", a);
  if (!is_floating(a.dtype())) {
    fail(ErrorKind::kDtype, "linalg.matrix_power expects a floating dtype, got {}", dtype_name(a.dtype()));
  }
  if (n == std::numeric_limits<int64_t>::min()) {
    fail(ErrorKind::kUnsupported, "linalg.matrix_power: power {} is out of range", n);
  }
  if (n < 0) return matrix_power(inv(a), -n);
  if (n == 0) {
    Tensor one = matrix::expand_batch(identity(a.dim(-1), a), matrix::batch_of(a.shape()));
    return a.requires_grad() ? a * 0.0 + one : contiguous(one);
  }
  if (n == 1) return a * 1.0;
  if (n == 3) return matmul(matmul(a, a), a);
  Tensor result;
  for (Tensor power = a;; power = matmul(power, power)) {
    if (n % 2 == 1) result = result.defined() ? matmul(result, power) : power;
    n /= 2;
    if (n == 0) return result;
  }
}

namespace {

/// The matrices [first, last] in the order that takes the fewest multiplications.
Tensor chain(const std::vector<Tensor>& m, const std::vector<std::vector<size_t>>& split, size_t first,
             size_t last) {
  if (first == last) return m[first];
  const size_t at = split[first][last];
  return matmul(chain(m, split, first, at), chain(m, split, at + 1, last));
}

}  // namespace

Tensor multi_dot(const std::vector<Tensor>& matrices) {
  if (matrices.size() < 2) {
    fail(ErrorKind::kShape, "linalg.multi_dot expects at least 2 matrices, got {}", matrices.size());
  }
  std::vector<Tensor> m = matrices;
  const bool row = m.front().rank() == 1;
  const bool column = m.back().rank() == 1;
  if (row) m.front() = unsqueeze(m.front(), 0);
  if (column) m.back() = unsqueeze(m.back(), 1);
  for (size_t i = 0; i < m.size(); ++i) {
    if (m[i].rank() != 2 || (i > 0 && m[i - 1].dim(1) != m[i].dim(0))) {
      fail(ErrorKind::kShape, "linalg.multi_dot: matrix {} of shape {} does not fit", i,
           shape_text(matrices[i].shape()));
    }
  }
  const size_t n = m.size();
  std::vector<std::vector<double>> cost(n, std::vector<double>(n, 0));
  std::vector<std::vector<size_t>> split(n, std::vector<size_t>(n, 0));
  for (size_t length = 1; length < n; ++length) {
    for (size_t first = 0; first + length < n; ++first) {
      const size_t last = first + length;
      cost[first][last] = std::numeric_limits<double>::infinity();
      for (size_t at = first; at < last; ++at) {
        const double product = static_cast<double>(m[first].dim(0)) * static_cast<double>(m[at].dim(1)) *
                               static_cast<double>(m[last].dim(1));
        const double total = cost[first][at] + cost[at + 1][last] + product;
        if (total < cost[first][last]) {
          cost[first][last] = total;
          split[first][last] = at;
        }
      }
    }
  }
  Tensor y = chain(m, split, 0, n - 1);
  if (column) y = squeeze(y, 1);
  if (row) y = squeeze(y, 0);
  return y;
}

Tensor cross(const Tensor& a, const Tensor& b, int64_t dim) {
  if (a.rank() != b.rank()) {
    fail(ErrorKind::kShape, "linalg.cross expects inputs of the same rank, got {} and {}",
         shape_text(a.shape()), shape_text(b.shape()));
  }
  const int64_t d = normalize_dim(dim, a.rank(), "dim");
  if (a.rank() == 0 || a.dim(d) != 3 || b.dim(d) != 3) {
    fail(ErrorKind::kShape, "linalg.cross expects size 3 along dim {}, got {} and {}", dim,
         shape_text(a.shape()), shape_text(b.shape()));
  }
  // Component i is made of the two after it.
  const auto turned = [d](const Tensor& x, int64_t by) {
    return cat({narrow(x, d, by, 3 - by), narrow(x, d, 0, by)}, d);
  };
  return turned(a, 1) * turned(b, 2) - turned(a, 2) * turned(b, 1);
}

Tensor vander(const Tensor& x, std::optional<int64_t> columns) {
  if (x.rank() == 0) fail(ErrorKind::kShape, "linalg.vander expects at least 1 dimension");
  const int64_t n = columns.value_or(x.dim(-1));
  if (n <= 1) fail(ErrorKind::kShape, "linalg.vander expects more than 1 column, got {}", n);
  Shape shape = x.shape();
  shape.push_back(n - 1);
  const Tensor powers = cumprod(expand(unsqueeze(x, -1), shape), -1);
  shape.back() = 1;
  return cat({ones(shape, powers.dtype(), x.device()), powers}, -1);
}

}  // namespace linalg
}  // namespace dlb
