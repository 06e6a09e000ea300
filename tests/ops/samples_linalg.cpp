// Samples of linear algebra, products and sparse matrices that PyTorch's own samples do not name.
#include <limits>

#include "dlb/functional/function.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sparse.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using In = std::vector<Tensor>;
using functional::NamedValues;
using functional::Value;

/// Matrices far from singular: n on the diagonal and at most 1 beside it.
Tensor regular(const Shape& shape, uint32_t stream) {
  const Tensor x = values(shape, -1, 1, stream);
  return x + eye(shape.back(), DType::kFloat64) * static_cast<double>(shape.back());
}
/// What a Cholesky factor could be; the entries above the diagonal are 0.
Tensor factor(const Shape& shape, uint32_t stream) { return matrix::lower(regular(shape, stream)); }

std::vector<Tensor> tensors_of(const Value& v) {
  if (v.is<Tensor>()) return {v.as<Tensor>()};
  std::vector<Tensor> out;
  for (const Value& item : v.as<functional::List>()) out.push_back(item.as<Tensor>());
  return out;
}

struct Options {
  double tolerance = 30;
  bool gradient = true;
  bool symmetric = false;  ///< one triangle is read: the input is made symmetric
  bool absolute = false;   ///< of each result, where signs are free
  bool large = false;
};

/// A function of the table by name: the inputs, then the other arguments.
void add(SampleTable& t, const std::string& name, In inputs, std::vector<Value> more = {}, Options o = {},
         NamedValues named = {}) {
  Sample s;
  s.inputs = std::move(inputs);
  s.call = [=](const In& in) {
    std::vector<Value> args(in.begin(), in.end());
    if (o.symmetric) args[0] = in[0] + matrix::transposed(in[0]);
    args.insert(args.end(), more.begin(), more.end());
    In out = tensors_of(functional::call(name, args, named));
    if (o.absolute) {
      for (Tensor& y : out) y = abs(y);
    }
    return out;
  };
  s.gradient = o.gradient;
  s.second_order = o.gradient;
  s.tolerance = o.tolerance;
  s.large = o.large;
  t[name].push_back(s);
}

void add_factors(SampleTable& t) {
  const Options symmetric{.symmetric = true};
  add(t, "cholesky", {regular({3, 3}, 130)}, {}, symmetric);
  add(t, "cholesky", {regular({2, 2, 2}, 131)}, {true}, symmetric);
  add(t, "cholesky", {values({2, 0, 0})}, {}, symmetric);
  add(t, "cholesky", {regular({80, 12, 12}, 132)}, {}, {.symmetric = true, .large = true});

  // Of permutations, the first result, there is no gradient.
  for (const Shape& shape : {Shape{3, 3}, Shape{2, 4, 2}, Shape{2, 4}, Shape{0, 2}, Shape{0, 3, 3}}) {
    add(t, "linalg.lu", {values(shape, -2, 2, 133)}, {}, {.tolerance = 100});
  }
  Sample unpack;
  unpack.inputs = {values({2, 3, 3}, -1, 1, 134),
                   Tensor::from(std::vector<int32_t>{3, 2, 3, 1, 3, 3}, {2, 3})};
  unpack.call = [](const In& in) { return tensors_of(functional::call("lu_unpack", {{in[0], in[1]}})); };
  t["lu_unpack"].push_back(unpack);
  unpack.inputs = {values({4, 2}, -1, 1, 135), Tensor::from(std::vector<int32_t>{4, 3}, {2})};
  t["lu_unpack"].push_back(unpack);
  unpack.inputs = {values({0, 2}), Tensor::from(std::vector<int32_t>{}, {0})};
  t["lu_unpack"].push_back(unpack);

  const Options absolute{.tolerance = 100, .absolute = true};
  add(t, "linalg.svd", {values({3, 3}, -2, 2, 136)}, {}, absolute);
  add(t, "linalg.svd", {values({2, 4, 2}, -2, 2, 137)}, {false}, absolute);
  add(t, "linalg.svd", {values({2, 3}, -2, 2, 138)}, {false}, absolute);
  for (const Shape& shape : {Shape{0, 3}, Shape{2, 0}, Shape{0, 2, 2}}) {
    add(t, "linalg.svd", {values(shape)}, {}, absolute);
  }
}

void add_equations(SampleTable& t) {
  for (const bool upper : {false, true}) {
    add(t, "cholesky_inverse", {factor({3, 3}, 140)}, {upper});
    add(t, "cholesky_inverse", {factor({2, 2, 2}, 141)}, {upper});
    add(t, "cholesky_solve", {values({3, 2}, -2, 2, 142), factor({3, 3}, 143)}, {upper});
  }
  add(t, "cholesky_inverse", {values({0, 0})});
  add(t, "cholesky_solve", {values({2, 1, 2, 3}, -2, 2, 144), factor({2, 2, 2}, 145)});
  add(t, "cholesky_solve", {values({0, 2}), values({0, 0})});

  for (const bool left : {true, false}) {
    for (const bool adjoint : {false, true}) {
      Sample s;
      s.inputs = {regular({2, 3, 3}, 146), values(left ? Shape{3, 2} : Shape{2, 3}, -2, 2, 147),
                  Tensor::from(std::vector<int32_t>{2, 3, 3, 1, 2, 3}, {2, 3})};
      s.call = [=](const In& in) {
        return tensors_of(functional::call("linalg.lu_solve", {{in[0], in[2], in[1], left, adjoint}}));
      };
      s.tolerance = 30;
      t["linalg.lu_solve"].push_back(s);
    }
  }

  add(t, "inverse", {regular({3, 3}, 148)});
  add(t, "inverse", {regular({3, 3, 3}, 149)});
  add(t, "inverse", {values({0, 0, 0})});
  add(t, "inverse", {regular({60, 10, 10}, 150)}, {}, {.large = true});
}

void add_functions(SampleTable& t) {
  for (const char* name : {"det", "slogdet"}) {
    add(t, name, {regular({3, 3}, 151)});
    add(t, name, {regular({2, 1, 2, 2}, 152)});
    add(t, name, {values({0, 0})});
    add(t, name, {regular({80, 10, 10}, 153)}, {}, {.large = true});
  }
  add(t, "logdet", {regular({2, 3, 3}, 154)});
  add(t, "logdet", {values({2, 0, 0})});

  for (const char* name : {"matrix_exp", "linalg.matrix_exp"}) {
    add(t, name, {values({3, 3}, -1, 1, 155)}, {}, {.tolerance = 10});
    add(t, name, {values({2, 2, 2}, -4, 4, 156)}, {}, {.tolerance = 400});
    add(t, name, {values({2, 0, 0})});
    add(t, name, {values({0, 2, 2})});
  }
  add(t, "matrix_exp", {values({70, 8, 8}, -1, 1, 157)}, {}, {.large = true});
  for (const int64_t n : {0, 1, 2, 3, 6, -1, -2})
    add(t, "matrix_power", {regular({2, 2}, 158)}, {n}, {.tolerance = 60});
  add(t, "matrix_power", {regular({2, 2, 2}, 159)}, {int64_t{-3}});
  add(t, "matrix_power", {values({0, 0})}, {int64_t{5}});

  add(t, "linalg.vander", {values({4}, -2, 2, 160)});
  add(t, "linalg.vander", {values({2, 3}, -2, 2, 161)}, {int64_t{5}});
  add(t, "linalg.vander", {values({0, 3})}, {int64_t{2}});

  const double inf = std::numeric_limits<double>::infinity();
  for (const Value& p :
       {Value(), Value(int64_t{1}), Value(int64_t{-1}), Value(int64_t{2}), Value(int64_t{-2}), Value(inf),
        Value(-inf), Value(std::string("fro")), Value(std::string("nuc"))}) {
    add(t, "linalg.cond", {regular({2, 3, 3}, 162)}, {p}, {.tolerance = 300});
    add(t, "linalg.cond", {values({2, 0, 0})}, {p});
  }
  add(t, "linalg.cond", {values({4, 2}, -2, 2, 163)}, {int64_t{-2}}, {.tolerance = 300});

  const Options none{.gradient = false};
  add(t, "linalg.matrix_rank", {matmul(values({4, 2}, -2, 2, 164), values({2, 5}, -2, 2, 165))}, {1e-3},
      none);
  add(t, "linalg.matrix_rank", {regular({2, 3, 3}, 166)}, {}, {.gradient = false, .symmetric = true},
      {{"hermitian", true}});
  add(t, "linalg.matrix_rank", {values({2, 0, 3})}, {}, none);
}

void add_products(SampleTable& t) {
  const In of_two = {values({3, 2}, -2, 2, 170), values({3}, -2, 2, 171), values({2}, -2, 2, 172)};
  add(t, "addr", of_two);
  add(t, "addr", of_two, {}, {}, {{"beta", 0.0}, {"alpha", 2.5}});
  add(t, "addr", {values({}, -2, 2, 173), of_two[1], of_two[2]}, {}, {}, {{"beta", -2.0}});
  add(t, "addr", {values({3, 1}, -2, 2, 174), of_two[1], values({0})});
}

Tensor ints(const std::vector<int64_t>& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }

/// Row starts and columns, with empty rows at both ends, a repeated entry and columns out of order.
struct Pattern {
  Tensor crow, col;
  int64_t rows, cols;
};
Pattern small() { return {ints({0, 0, 2, 5, 5}), ints({1, 0, 2, 1, 2}), 4, 3}; }
Pattern nothing() { return {ints({0, 0, 0}), ints({}), 2, 3}; }
Pattern without_rows() { return {ints({0}), ints({}), 0, 2}; }
Pattern many() {
  std::vector<int64_t> crow = {0};
  std::vector<int64_t> col;
  for (int64_t i = 0; i < 400; ++i) {
    for (int64_t k = 0; k < i % 13; ++k) col.push_back((i * 37 + k * k * 11) % 300);
    crow.push_back(static_cast<int64_t>(col.size()));
  }
  return {ints(crow), ints(col), 400, 300};
}

void add_sparse(SampleTable& t) {
  for (const Pattern& p : {small(), nothing(), without_rows(), many()}) {
    const bool large = p.rows > 10;
    const int64_t k = large ? 70 : 2;
    const Tensor entries = values({p.col.numel()}, -2, 2, 180);
    const auto sample = [&](In inputs, TensorFunction call) {
      Sample s;
      s.inputs = std::move(inputs);
      s.call = std::move(call);
      s.tolerance = 4;
      s.large = large;
      return s;
    };
    t["spmm"].push_back(sample({p.crow, p.col, entries, values({p.cols, k}, -2, 2, 181)},
                               [](const In& in) { return In{spmm(in[0], in[1], in[2], in[3])}; }));
    t["spmm"].push_back(sample({p.crow, p.col, entries, values({p.cols}, -2, 2, 182)},
                               [](const In& in) { return In{spmm(in[0], in[1], in[2], in[3])}; }));
    t["sampled_dot"].push_back(
        sample({p.crow, p.col, values({p.rows, k}, -2, 2, 183), values({p.cols, k}, -2, 2, 184)},
               [](const In& in) { return In{sampled_dot(in[0], in[1], in[2], in[3])}; }));
    t["csr_transpose"].push_back(sample({p.crow, p.col, entries}, [cols = p.cols](const In& in) {
      const Csr m = csr_transpose(in[0], in[1], in[2], cols);
      return In{m.values, m.crow, m.col};
    }));
    t["csr_to_dense"].push_back(sample({p.crow, p.col, entries}, [cols = p.cols](const In& in) {
      return In{csr_to_dense(in[0], in[1], in[2], cols)};
    }));
    // The columns as rows: any list of entries will do.
    t["coo_to_csr"].push_back(sample({p.col, affine(p.col, -1, static_cast<double>(p.cols - 1)), entries},
                                     [cols = p.cols](const In& in) {
                                       const Csr m = coo_to_csr(in[0], in[1], in[2], cols, cols);
                                       return In{m.values, m.crow, m.col};
                                     }));
  }
}

}  // namespace

void add_linalg_samples(SampleTable& table) {
  add_factors(table);
  add_equations(table);
  add_functions(table);
  add_products(table);
  add_sparse(table);
}

}  // namespace dlb::testing
