// Matrix products and softmaxes of ONNX.
#include "dlb/graph/operator.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scatter.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

void matmul_node(Call& c) { c.same_type(matmul(c.tensor(0), c.tensor(1))); }

/// alpha A B + beta C, with A and B transposed or not.
void gemm(Call& c) {
  const bool trans_a = c.attribute("transA", int64_t{0}) != 0,
             trans_b = c.attribute("transB", int64_t{0}) != 0;
  const double alpha = c.attribute("alpha", 1.0), beta = c.attribute("beta", 1.0);
  Tensor a = c.tensor(0), b = c.tensor(1);
  if (a.rank() != 2 || b.rank() != 2)
    c.fail("expects two matrices, got {} and {}", shape_text(a.shape()), shape_text(b.shape()));
  const Tensor bias = c.optional_tensor(2);
  if (trans_a) a = transpose(a, 0, 1);
  const bool row = bias.defined() && bias.rank() == 1 && bias.dim(0) == b.dim(trans_b ? 0 : 1);
  if (trans_b && alpha == 1 && beta == 1 && is_floating(a.dtype()) && (row || !bias.defined()))
    return c.same_type(linear(a, b, bias));
  if (trans_b) b = transpose(b, 0, 1);
  Tensor y = matmul(a, b);
  if (alpha != 1) y = cast(affine(y, alpha, 0), a.dtype());
  if (bias.defined() && beta != 0) {
    const Tensor addend = beta == 1 ? bias : cast(affine(bias, beta, 0), bias.dtype());
    if (!(broadcast_shapes(y.shape(), bias.shape()) == y.shape()))
      c.fail("C {} does not broadcast to {}", shape_text(bias.shape()), shape_text(y.shape()));
    y = add(y, addend);
  }
  c.same_type(y);
}

/// f along `axis`; before opset 13 along all dimensions from there on, as if they were one.
template <class F>
Tensor along_axis(const Call& c, const Tensor& x, F&& f) {
  if (c.opset() >= 13) return f(x, c.axis(c.attribute("axis", int64_t{-1}), std::max(x.rank(), 1)));
  const int64_t given = c.attribute("axis", int64_t{1});
  const int64_t axis = given == x.rank() ? given : c.axis(given, x.rank());
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? rows : columns) *= x.dim(i);
  return reshape(f(reshape(x, {rows, columns}), 1), x.shape());
}

template <Tensor (*F)(const Tensor&, int64_t)>
void softmax_node(Call& c) {
  c.same_type(along_axis(c, c.tensor(0), F));
}

/// 1 for the first largest element, else 0.
Tensor one_of_largest(const Tensor& x, int64_t axis) {
  const Tensor best = argmax(x, axis, kKeepDim);
  return scatter(zeros(x.shape(), x.dtype(), x.device()), axis, best,
                 ones(best.shape(), x.dtype(), x.device()));
}
void hardmax(Call& c) { c.same_type(along_axis(c, c.tensor(0), one_of_largest)); }

constexpr Operator kOperators[] = {
    {"MatMul", &matmul_node, 1, "", true, 2},
    {"Gemm", &gemm, 1, "", true, 2},
    {"Softmax", &softmax_node<softmax>, 1, "", true, 1},
    {"LogSoftmax", &softmax_node<log_softmax>, 1, "", true, 1},
    {"Hardmax", &hardmax, 1, "", true, 1},
};

}  // namespace

std::span<const Operator> matrix_operators() { return kOperators; }

}  // namespace dlb::graph
