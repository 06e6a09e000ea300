#include "dlb/ops/products.h"

#include "dlb/functional/define.h"
#include "dlb/ops/einsum.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/sparse.h"

namespace dlb::functional {

namespace {

using Scaled = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, double, double);

Function scaled(std::string_view name, std::string_view doc, std::initializer_list<std::string_view> params,
                Scaled fn) {
  return define(name, doc, params, fn, {.dtypes = DTypes::kNumeric});
}

constexpr Traits kAny{.dtypes = DTypes::kAll};
constexpr Traits kNumeric{.dtypes = DTypes::kNumeric};
constexpr Traits kSparse{.dtypes = DTypes::kIntegral};

std::tuple<Tensor, Tensor, Tensor> parts(const Csr& m) { return {m.crow, m.col, m.values}; }

}  // namespace

std::vector<Function> product_functions() {
  return {
      define("matmul", "matrix product, broadcast over leading dims", {"input", "other"}, &matmul, kNumeric),
      define("mm", "product of two matrices", {"input", "mat2"}, &mm, kNumeric),
      define("bmm", "product of two batches of matrices", {"input", "mat2"}, &bmm, kNumeric),
      define("mv", "product of a matrix and a vector", {"input", "vec"}, &mv, kNumeric),
      define("dot", "product of two vectors", {"input", "tensor"}, &dot, kNumeric),
      scaled("addmm", "beta input + alpha mat1 mat2", {"input", "mat1", "mat2", "beta = 1", "alpha = 1"},
             &addmm),
      scaled("addmv", "beta input + alpha mat vec", {"input", "mat", "vec", "beta = 1", "alpha = 1"}, &addmv),
      scaled("addr", "beta input + alpha vec1 vec2^T", {"input", "vec1", "vec2", "beta = 1", "alpha = 1"},
             &addr),
      scaled("addbmm", "beta input + alpha times the sum of the products of a batch",
             {"input", "batch1", "batch2", "beta = 1", "alpha = 1"}, &addbmm),
      scaled("baddbmm", "beta input + alpha batch1 batch2",
             {"input", "batch1", "batch2", "beta = 1", "alpha = 1"}, &baddbmm),
      define("outer", "all products of two vectors' elements", {"input", "vec2"}, &outer, kAny),
      define("inner", "products summed over the last dims", {"input", "other"}, &inner, kNumeric),
      define(
          "tensordot", "products summed over the last dims of a and the first of b", {"a", "b", "dims = 2"},
          +[](const Tensor& a, const Tensor& b, int64_t dims) { return tensordot(a, b, dims); }, kNumeric),
      define(
          "tensordot", "products summed over pairs of dims", {"a", "b", "dims"},
          +[](const Tensor& a, const Tensor& b, std::vector<Dims> dims) {
            if (dims.size() != 2) {
              fail(ErrorKind::kConfig, "tensordot expects dims of both inputs, got {} lists", dims.size());
            }
            return tensordot(a, b, dims[0], dims[1]);
          },
          kNumeric),
      define("einsum", "sum of products by labels, such as 'bij,bjk->bik'", {"equation", "*operands"},
             &einsum, kNumeric),
      define("kron", "Kronecker product", {"input", "other"}, &kron, kAny),
      define("trace", "sum of the diagonal", {"input"}, &trace, kAny),
      define("spmm", "sparse matrix in compressed rows times dense matrix",
             {"crow", "col", "values", "dense"}, &spmm, kSparse),
      define("sampled_dot", "dot products of rows of a and b that sparse entries join",
             {"crow", "col", "a", "b"}, &sampled_dot, kSparse),
      define(
          "coo_to_csr", "compressed rows of a list of entries: row starts, columns, values",
          {"row", "col", "values", "rows", "cols"},
          +[](const Tensor& row, const Tensor& col, const Tensor& values, int64_t rows, int64_t cols) {
            return parts(coo_to_csr(row, col, values, rows, cols));
          },
          kSparse),
      define(
          "csr_transpose", "compressed rows of the transposed matrix", {"crow", "col", "values", "cols"},
          +[](const Tensor& crow, const Tensor& col, const Tensor& values, int64_t cols) {
            return parts(csr_transpose(crow, col, values, cols));
          },
          kSparse),
      define("csr_to_dense", "the matrix with its zeros", {"crow", "col", "values", "cols"}, &csr_to_dense,
             kSparse),
  };
}

}  // namespace dlb::functional
