#include "dlb/ops/sparse.h"

#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/scatter.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sparse_defs.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields CsrAttrs::fields() {
  static const Field list[] = {field<&CsrAttrs::cols>("cols", "columns of the matrix", at_least(0))};
  return list;
}
Fields CooAttrs::fields() {
  static const Field list[] = {field<&CooAttrs::rows>("rows", "rows of the matrix", at_least(0)),
                               field<&CooAttrs::cols>("cols", "columns of the matrix", at_least(0))};
  return list;
}

namespace {

void check_indices(Infer& c, int i) {
  const TensorSpec& t = c.input(i);
  if (t.dtype != DType::kInt64) c.fail_dtype("expects indices of dtype int64, got {}", dtype_name(t.dtype));
  c.rank(i, 1);
}

/// Rows or columns of a matrix; one more is still a size.
void check_size(Infer& c, int64_t size) {
  if (size < 0 || size == std::numeric_limits<int64_t>::max()) {
    c.fail_shape("expects a matrix with at least 0 rows and columns, got {}", size);
  }
}

void check_rows(Infer& c) {
  check_indices(c, 0);
  check_indices(c, 1);
  if (c.input(0).dim(0) < 1) c.fail_shape("expects row starts [n + 1], got {}", shape_text(c.input(0).shape));
}

void check_factor(Infer& c, int i) {
  const DType t = c.input(i).dtype;
  if (t != DType::kFloat32 && t != DType::kFloat64) {
    c.fail_dtype("expects float32 or float64, got {}", spec_text(c.input(i)));
  }
}

void infer_spmm(Infer& c, const NoAttrs&) {
  check_rows(c);
  check_factor(c, 2);
  c.same_dtype(2, 3);
  c.rank(3, 2);
  if (c.input(2).shape != c.input(1).shape) {
    c.fail_shape("expects a value for each of {} columns, got {}", c.input(1).dim(0),
                 shape_text(c.input(2).shape));
  }
  c.output({c.input(0).dim(0) - 1, c.input(3).dim(1)}, c.input(2).dtype);
}

void vjp_spmm(Vjp& c, const NoAttrs&) {
  const Tensor& crow = c.input(0);
  const Tensor& col = c.input(1);
  const Tensor& dense = c.input(3);
  if (c.needs(2)) c.input_grad(2, sampled_dot(crow, col, c.grad(0), dense));
  if (c.needs(3)) {
    const Csr t = csr_transpose(crow, col, c.input(2), dense.dim(0));
    c.input_grad(3, spmm(t.crow, t.col, t.values, c.grad(0)));
  }
}

void infer_sampled_dot(Infer& c, const NoAttrs&) {
  check_rows(c);
  check_factor(c, 2);
  c.same_dtype(2, 3);
  c.rank(2, 2);
  c.rank(3, 2);
  if (c.input(2).dim(0) != c.input(0).dim(0) - 1 || c.input(2).dim(1) != c.input(3).dim(1)) {
    c.fail_shape("expects factors [{}, k] and [m, k], got {} and {}", c.input(0).dim(0) - 1,
                 shape_text(c.input(2).shape), shape_text(c.input(3).shape));
  }
  c.output(c.input(1).shape, c.input(2).dtype);
}

void vjp_sampled_dot(Vjp& c, const NoAttrs&) {
  const Tensor& crow = c.input(0);
  const Tensor& col = c.input(1);
  if (c.needs(2)) c.input_grad(2, spmm(crow, col, c.grad(0), c.input(3)));
  if (c.needs(3)) {
    const Csr t = csr_transpose(crow, col, c.grad(0), c.input(3).dim(0));
    c.input_grad(3, spmm(t.crow, t.col, t.values, c.input(2)));
  }
}

Cost cost_product(Inputs in, Inputs out, const NoAttrs&) {
  return {2 * static_cast<double>(in[1].numel()) * static_cast<double>(in[3].dim(1)), moved_bytes(in, out)};
}
template <class A>
Cost cost_indices(Inputs in, Inputs out, const A&) {
  return {0, moved_bytes(in, out)};
}

}  // namespace

const OpDef& op::spmm() {
  static const OpDef op = define<NoAttrs>({.name = "spmm",
                                           .doc = "sparse matrix in compressed rows times dense matrix",
                                           .infer = infer_spmm,
                                           .vjp = vjp_spmm,
                                           .saves = Saves::kInputs,
                                           .cost = cost_product});
  return op;
}

const OpDef& op::sampled_dot() {
  static const OpDef op = define<NoAttrs>({.name = "sampled_dot",
                                           .doc = "dot products of the rows that sparse entries join",
                                           .infer = infer_sampled_dot,
                                           .vjp = vjp_sampled_dot,
                                           .saves = Saves::kInputs,
                                           .cost = cost_product});
  return op;
}

const OpDef& op::csr_transpose() {
  static const OpDef op = define<CsrAttrs>({.name = "csr_transpose",
                                            .doc = "indices of the transposed sparse matrix",
                                            .infer =
                                                [](Infer& c, const CsrAttrs& a) {
                                                  check_rows(c);
                                                  check_size(c, a.cols);
                                                  c.output({a.cols + 1}, DType::kInt64);
                                                  c.output(c.input(1).shape, DType::kInt64);
                                                  c.output(c.input(1).shape, DType::kInt64);
                                                },
                                            .cost = cost_indices<CsrAttrs>});
  return op;
}

const OpDef& op::coo_to_csr() {
  static const OpDef op =
      define<CooAttrs>({.name = "coo_to_csr",
                        .doc = "compressed rows of a list of entries",
                        .infer =
                            [](Infer& c, const CooAttrs& a) {
                              check_indices(c, 0);
                              check_indices(c, 1);
                              check_size(c, a.rows);
                              check_size(c, a.cols);
                              if (c.input(0).shape != c.input(1).shape) {
                                c.fail_shape("expects as many rows as columns, got {} and {}",
                                             shape_text(c.input(0).shape), shape_text(c.input(1).shape));
                              }
                              c.output({a.rows + 1}, DType::kInt64);
                              c.output(c.input(1).shape, DType::kInt64);
                              c.output(c.input(1).shape, DType::kInt64);
                            },
                        .cost = cost_indices<CooAttrs>});
  return op;
}

std::span<const OpDef* const> sparse_ops() {
  static const OpDef* const list[] = {&op::spmm(), &op::sampled_dot(), &op::csr_transpose(),
                                      &op::coo_to_csr()};
  return list;
}

Tensor spmm(const Tensor& crow, const Tensor& col, const Tensor& values, const Tensor& dense) {
  if (dense.rank() == 1) return squeeze(spmm(crow, col, values, unsqueeze(dense, 1)), 1);
  return apply1(op::spmm(), {crow, col, values, dense});
}

Tensor sampled_dot(const Tensor& crow, const Tensor& col, const Tensor& a, const Tensor& b) {
  return apply1(op::sampled_dot(), {crow, col, a, b});
}

namespace {

void check_entries(const char* function, const Tensor& col, const Tensor& values) {
  if (values.shape() == col.shape()) return;
  fail(ErrorKind::kShape, "{} expects a value for each of {} entries, got {}", function, col.numel(),
       shape_text(values.shape()));
}

}  // namespace

Csr coo_to_csr(const Tensor& row, const Tensor& col, const Tensor& values, int64_t rows, int64_t cols) {
  Outputs out = apply(op::coo_to_csr(), {row, col}, CooAttrs{rows, cols});
  check_entries("coo_to_csr", col, values);
  return {out[0], out[1], index_select(values, 0, out[2])};
}

Csr csr_transpose(const Tensor& crow, const Tensor& col, const Tensor& values, int64_t cols) {
  Outputs out = apply(op::csr_transpose(), {crow, col}, CsrAttrs{cols});
  check_entries("csr_transpose", col, values);
  return {out[0], out[1], index_select(values, 0, out[2])};
}

Tensor csr_to_dense(const Tensor& crow, const Tensor& col, const Tensor& values, int64_t cols) {
  // The transposed matrix lists the row of each entry, and its kernel checks all indices.
  const Outputs t = apply(op::csr_transpose(), {crow, col}, CsrAttrs{cols});
  check_entries("csr_to_dense", col, values);
  const int64_t rows = crow.dim(0) - 1;
  const Shape shape = {rows, cols};
  const Tensor place = affine(t[1], static_cast<double>(cols), 0) + index_select(col, 0, t[2]);
  const Tensor none = zeros({numel(shape)}, values.dtype(), values.device());
  return reshape(index_add(none, 0, place, index_select(values, 0, t[2])), shape);
}

}  // namespace dlb
