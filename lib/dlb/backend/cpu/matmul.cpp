#include "dlb/ops/matmul.h"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/onednn.h"
#include "dlb/backend/cpu/packed_linear.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/ops/matmul_defs.h"

namespace dlb::backend::cpu {
namespace {

/// Multiply-adds up to which a plain loop beats the call of a library.
constexpr int64_t kTiny = 8192;

/// One factor: matrices [rows, cols] with batch strides, one of the two matrix strides being 1.
struct Operand {
  Tensor tensor;  // keeps a copy alive
  void* data = nullptr;
  int64_t row_stride = 0;
  int64_t col_stride = 0;
  Strides batch;  // one for each batch dimension of the result, 0 where broadcast

  /// Whether it lies row by row, not transposed.
  bool plain() const { return col_stride == 1; }
  /// The stride that is not 1.
  int64_t leading() const { return plain() ? row_stride : col_stride; }
};

/// Libraries want one of the strides of a matrix to be 1 and the other not to overlap; strides of size-1
/// dimensions are set to fit.
bool usable_strides(int64_t rows, int64_t cols, int64_t& row_stride, int64_t& col_stride) {
  if (cols == 1 && rows == 1) {
    row_stride = col_stride = 1;
  } else if (cols == 1) {
    if (row_stride == 1) {
      col_stride = rows;
    } else {
      col_stride = 1;
    }
  } else if (rows == 1) {
    if (col_stride == 1) {
      row_stride = cols;
    } else {
      row_stride = 1;
    }
  }
  return (col_stride == 1 && row_stride >= cols) || (row_stride == 1 && col_stride >= rows);
}

Operand operand(const Tensor& t, size_t batch_rank) {
  Operand o;
  o.tensor = t;
  o.row_stride = t.strides()[t.shape().size() - 2];
  o.col_stride = t.strides().back();
  if (!usable_strides(t.dim(-2), t.dim(-1), o.row_stride, o.col_stride)) {
    const NoGrad guard;
    // contiguous() would return an expanded tensor with zero strides as a fresh copy, which is what is wanted
    // here.
    o.tensor = contiguous(t);
    o.row_stride = std::max<int64_t>(t.dim(-1), 1);
    o.col_stride = 1;
  }
  o.data = o.tensor.raw();
  const size_t own = t.shape().size() - 2;
  o.batch = Strides(batch_rank, 0);
  for (size_t i = 0; i < own; ++i) {
    if (t.shape()[i] != 1) o.batch[batch_rank - own + i] = o.tensor.strides()[i];
  }
  return o;
}

struct Problem {
  DType dtype = DType::kFloat32;
  int64_t n = 0, m = 0, k = 0;
  Shape batch;
  Operand a, b;
  Tensor out;
  Tensor bias;

  int64_t matrices() const { return numel(batch); }
};

/// Merges batch dimensions that lie in memory like one.
void merge_batch(Problem& p) {
  Shape shape;
  Strides sa;
  Strides sb;
  for (size_t i = 0; i < p.batch.size(); ++i) {
    if (p.batch[i] == 1) continue;
    if (!shape.empty() && sa.back() == p.a.batch[i] * p.batch[i] && sb.back() == p.b.batch[i] * p.batch[i]) {
      shape.back() *= p.batch[i];
      sa.back() = p.a.batch[i];
      sb.back() = p.b.batch[i];
      continue;
    }
    shape.push_back(p.batch[i]);
    sa.push_back(p.a.batch[i]);
    sb.push_back(p.b.batch[i]);
  }
  p.batch = shape;
  p.a.batch = sa;
  p.b.batch = sb;
}

/// Calls f(offset in a, offset in b, matrix number) for each matrix of the result, in order.
template <class F>
void for_each_matrix(const Problem& p, const F& f) {
  const int64_t count = p.matrices();
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    int64_t offset_a = 0;
    int64_t offset_b = 0;
    for (size_t d = p.batch.size(); d-- > 0;) {
      const int64_t at = rest % p.batch[d];
      rest /= p.batch[d];
      offset_a += at * p.a.batch[d];
      offset_b += at * p.b.batch[d];
    }
    f(offset_a, offset_b, i);
  }
}

template <class T>
void multiply_loop(const Problem& p, const T* a, const T* b, T* y, const T* bias) {
  const int64_t m = p.m;
  for (int64_t i = 0; i < p.n; ++i) {
    T* row = y + i * m;
    if (p.b.col_stride == 1) {
      for (int64_t j = 0; j < m; ++j) row[j] = bias != nullptr ? bias[j] : T(0);
      for (int64_t l = 0; l < p.k; ++l) {
        const T factor = a[i * p.a.row_stride + l * p.a.col_stride];
        const T* b_row = b + l * p.b.row_stride;
        for (int64_t j = 0; j < m; ++j) row[j] += factor * b_row[j];
      }
    } else {
      for (int64_t j = 0; j < m; ++j) {
        T sum = bias != nullptr ? bias[j] : T(0);
        const T* b_column = b + j * p.b.col_stride;
        for (int64_t l = 0; l < p.k; ++l) sum += a[i * p.a.row_stride + l * p.a.col_stride] * b_column[l];
        row[j] = sum;
      }
    }
  }
}

template <class T>
void multiply_loops(const Problem& p) {
  const T* bias = p.bias.defined() ? p.bias.data<T>() : nullptr;
  T* y = p.out.data<T>();
  const T* a = static_cast<const T*>(p.a.data);
  const T* b = static_cast<const T*>(p.b.data);
  simd([&] {
    for_each_matrix(p, [&](int64_t offset_a, int64_t offset_b, int64_t i) {
      multiply_loop<T>(p, a + offset_a, b + offset_b, y + i * p.n * p.m, bias);
    });
  });
}

/// Whether the sizes and strides of the matrices fit BLAS' integers.
bool fits_blas(const Problem& p) {
  const auto fits = [](int64_t v) { return v <= std::numeric_limits<blasint>::max(); };
  return fits(p.n) && fits(p.m) && fits(p.k) && fits(std::max(p.a.row_stride, p.a.col_stride)) &&
         fits(std::max(p.b.row_stride, p.b.col_stride));
}

void multiply_double(const Problem& p) {
  const double* a = static_cast<const double*>(p.a.data);
  const double* b = static_cast<const double*>(p.b.data);
  double* y = p.out.data<double>();
  const auto side = [](const Operand& o) { return o.plain() ? CblasNoTrans : CblasTrans; };
  const auto leading = [](const Operand& o) { return static_cast<blasint>(o.leading()); };
  const double* bias = p.bias.defined() ? p.bias.data<double>() : nullptr;
  for_each_matrix(p, [&](int64_t offset_a, int64_t offset_b, int64_t i) {
    double* c = y + i * p.n * p.m;
    if (bias != nullptr) {
      for (int64_t row = 0; row < p.n; ++row) std::copy(bias, bias + p.m, c + row * p.m);
    }
    cblas_dgemm(CblasRowMajor, side(p.a), side(p.b), static_cast<blasint>(p.n), static_cast<blasint>(p.m),
                static_cast<blasint>(p.k), 1.0, a + offset_a, leading(p.a), b + offset_b, leading(p.b),
                bias != nullptr ? 1.0 : 0.0, c, static_cast<blasint>(p.m));
  });
}

dnnl::memory::desc operand_desc(const Problem& p, const Operand& o, int64_t rows, int64_t cols,
                                bool batched) {
  dnnl::memory::dims dims;
  dnnl::memory::dims strides;
  if (batched) {
    for (size_t i = 0; i < p.batch.size(); ++i) {
      const bool broadcast = o.batch[i] == 0;
      dims.push_back(broadcast ? 1 : p.batch[i]);
      strides.push_back(broadcast ? std::max(rows * cols, std::max(o.row_stride * rows, o.col_stride * cols))
                                  : o.batch[i]);
    }
  }
  dims.insert(dims.end(), {rows, cols});
  strides.insert(strides.end(), {o.row_stride, o.col_stride});
  return {dims, onednn::data_type(p.dtype), strides};
}

dnnl::memory::desc row_major_desc(const Problem& p, bool batched) {
  dnnl::memory::dims dims;
  if (batched) dims.assign(p.batch.begin(), p.batch.end());
  dims.insert(dims.end(), {p.n, p.m});
  dnnl::memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * dims[i + 1];
  return {dims, onednn::data_type(p.dtype), strides};
}

/// The plan of a product that `made` describes, with the arguments in the order of run_plan().
template <class Primitive, class Desc>
onednn::Plan product_plan(const Problem& p, const Desc& made) {
  onednn::Plan plan = onednn::start_plan<Primitive>(made);
  plan.input(DNNL_ARG_SRC, made.src_desc(), made.src_desc());
  plan.input(DNNL_ARG_WEIGHTS, made.weights_desc(), made.weights_desc());
  if (p.bias.defined()) plan.input(DNNL_ARG_BIAS, made.bias_desc(), made.bias_desc());
  plan.output(DNNL_ARG_DST, made.dst_desc(), made.dst_desc());
  return plan;
}

std::shared_ptr<const onednn::Plan> matmul_plan(const Problem& p, bool batched) {
  onednn::Key key(onednn::Kind::kMatmul);
  key.add(static_cast<int64_t>(p.dtype));
  for (const int64_t v : {p.n, p.m, p.k, p.a.row_stride, p.a.col_stride, p.b.row_stride, p.b.col_stride,
                          int64_t{p.bias.defined()}, int64_t{batched}}) {
    key.add(v);
  }
  if (batched) {
    key.add(p.batch);
    key.add(p.a.batch);
    key.add(p.b.batch);
  }
  return onednn::plan(key, p.n * p.m * p.k * (batched ? p.matrices() : 1), [&] {
    const dnnl::memory::desc a = operand_desc(p, p.a, p.n, p.k, batched);
    const dnnl::memory::desc b = operand_desc(p, p.b, p.k, p.m, batched);
    const dnnl::memory::desc y = row_major_desc(p, batched);
    dnnl::memory::desc bias;
    if (p.bias.defined()) {
      dnnl::memory::dims dims(y.dims().size(), 1);
      dims.back() = p.m;
      dnnl::memory::dims strides(dims.size(), p.m);
      strides.back() = 1;
      bias = {dims, onednn::data_type(p.dtype), strides};
    }
    const dnnl::matmul::desc desc =
        p.bias.defined() ? dnnl::matmul::desc(a, b, bias, y) : dnnl::matmul::desc(a, b, y);
    const dnnl::matmul::primitive_desc made(desc, onednn::attributes(), onednn::engine());
    // The reference implementation, which oneDNN falls back to for some batches, is hundreds of times slower.
    if (batched && std::string_view(made.impl_info_str()).starts_with("ref")) {
      throw dnnl::error(dnnl_unimplemented, "only the reference implementation");
    }
    return product_plan<dnnl::matmul>(p, made);
  });
}

void run_plan(const Problem& p, const onednn::Plan& plan, void* a, void* b, void* y) {
  if (p.bias.defined()) {
    onednn::execute(plan, {a, b, p.bias.raw(), y});
  } else {
    onednn::execute(plan, {a, b, y});
  }
}

/// Whether the product is one that oneDNN's routine for whole matrices (sgemm) does faster than its matmul
/// primitive: with AVX-512 gradients of weights by 8 to 15 %, other large ones by 5 to 10 %. A transposed b
/// is read with long strides, which pays only where each element is used often. For other processors the
/// primitive itself calls sgemm.
bool suits_gemm(const Problem& p) {
  if (instruction_set() != InstructionSet::kAvx512 || p.dtype != DType::kFloat32 || !p.batch.empty())
    return false;
  if (p.n < 64 || p.m < 64 || p.k < 96 || p.n * p.m * p.k < (int64_t{1} << 22)) return false;
  if (!p.b.plain()) return p.a.plain() && p.n >= 512 && p.k <= 384 && p.m >= 2 * p.k;
  return !p.bias.defined() && (!p.a.plain() || p.n >= 256);
}

/// sgemm splits long sums over threads when there are many threads for few results. Pieces this long it does
/// not split, so that the bits do not depend on the number of threads.
constexpr int64_t kGemmDepth = 256;

void multiply_gemm(const Problem& p) {
  const auto side = [](const Operand& o) { return o.plain() ? 'N' : 'T'; };
  for (int64_t l = 0; l < p.k; l += kGemmDepth) {
    const dnnl_status_t status =
        dnnl_sgemm(side(p.a), side(p.b), p.n, p.m, std::min(kGemmDepth, p.k - l), 1.0F,
                   static_cast<const float*>(p.a.data) + l * p.a.col_stride, p.a.leading(),
                   static_cast<const float*>(p.b.data) + l * p.b.row_stride, p.b.leading(),
                   l == 0 ? 0.0F : 1.0F, p.out.data<float>(), p.m);
    if (status != dnnl_success) {
      fail(status == dnnl_out_of_memory ? ErrorKind::kDevice : ErrorKind::kInternal,
           "oneDNN: sgemm: status {}", static_cast<int>(status));
    }
  }
}

/// sgemm takes a bias only as an inner product, whose sums are short enough here not to be split.
std::shared_ptr<const onednn::Plan> gemm_bias_plan(const Problem& p) {
  onednn::Key key(onednn::Kind::kInnerProduct);
  for (const int64_t v : {p.n, p.m, p.k, p.a.row_stride, p.b.col_stride}) key.add(v);
  return onednn::plan(key, p.n * p.m * p.k, [&] {
    using Strides = dnnl::memory::dims;
    const auto type = onednn::data_type(p.dtype);
    const dnnl::memory::desc a = operand_desc(p, p.a, p.n, p.k, false);
    const dnnl::memory::desc b({p.m, p.k}, type, Strides{p.b.col_stride, 1});
    const dnnl::memory::desc bias({p.m}, type, Strides{1});
    const dnnl::memory::desc y = row_major_desc(p, false);
    const dnnl::inner_product_forward::primitive_desc made(
        dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_inference, a, b, bias, y),
        onednn::attributes(), onednn::engine());
    if (!std::string_view(made.impl_info_str()).ends_with("gemm:jit"))
      throw dnnl::error(dnnl_unimplemented, "another implementation");
    return product_plan<dnnl::inner_product_forward>(p, made);
  });
}

/// Whether oneDNN could do it on this processor.
bool multiply_onednn(const Problem& p) {
  if (suits_gemm(p)) {
    if (!p.bias.defined()) {
      multiply_gemm(p);
      return true;
    }
    if (const auto plan = gemm_bias_plan(p)) {
      run_plan(p, *plan, p.a.data, p.b.data, p.out.raw());
      return true;
    }
  }
  if (!p.batch.empty()) {
    if (const auto plan = matmul_plan(p, true)) {
      run_plan(p, *plan, p.a.data, p.b.data, p.out.raw());
      return true;
    }
  }
  const auto plan = matmul_plan(p, false);
  if (!plan) return false;
  const int64_t size = static_cast<int64_t>(dtype_size(p.dtype));
  for_each_matrix(p, [&](int64_t offset_a, int64_t offset_b, int64_t i) {
    run_plan(p, *plan, static_cast<char*>(p.a.data) + offset_a * size,
             static_cast<char*>(p.b.data) + offset_b * size,
             static_cast<char*>(p.out.raw()) + i * p.n * p.m * size);
  });
  return true;
}

void multiply(const Tensor& a, const Tensor& b, const Tensor& bias, const Tensor& out);

/// 16-bit types that the processor cannot multiply itself.
void multiply_as_float(const Tensor& a, const Tensor& b, const Tensor& bias, const Tensor& out) {
  const Tensor wide = Tensor::empty(out.shape());
  multiply(as_dtype(a, DType::kFloat32), as_dtype(b, DType::kFloat32),
           bias.defined() ? as_dtype(bias, DType::kFloat32) : Tensor{}, wide);
  out.assign(wide);
}

/// out = a b + bias for any operands of rank 2 and more.
void multiply(const Tensor& a, const Tensor& b, const Tensor& bias, const Tensor& out) {
  if (out.numel() == 0) return;
  if (out.dtype() == DType::kFloat16) return multiply_as_float(a, b, bias, out);
  Problem p;
  p.dtype = out.dtype();
  p.n = a.dim(-2);
  p.k = a.dim(-1);
  p.m = b.dim(-1);
  p.out = out;
  p.bias = bias.defined() ? row_major(bias) : bias;
  p.batch = Shape(out.shape().begin(), out.shape().end() - 2);
  p.a = operand(a, p.batch.size());
  p.b = operand(b, p.batch.size());
  merge_batch(p);
  const bool tiny = p.matrices() * p.n * p.m * std::max<int64_t>(p.k, 1) <= kTiny || p.k == 0;
  if (p.dtype == DType::kFloat64) {
    tiny || !fits_blas(p) ? multiply_loops<double>(p) : multiply_double(p);
  } else if (tiny && p.dtype == DType::kFloat32) {
    multiply_loops<float>(p);
  } else if ((p.k == 0 && p.dtype == DType::kBFloat16) || !multiply_onednn(p)) {
    // float32 is supported on every processor, so this ends.
    DLB_CHECK(p.dtype == DType::kBFloat16);
    multiply_as_float(a, b, bias, out);
  }
}

void matmul_kernel(const KernelArgs& args, const NoAttrs&) {
  multiply(args.in(0), args.in(1), {}, args.out(0));
}

/// A view of a row-major tensor as [rows, last].
Tensor rows_of(const Tensor& t) {
  const int64_t last = t.dim(-1);
  int64_t rows = 1;
  for (int i = 0; i + 1 < t.rank(); ++i) rows *= t.dim(i);
  return Tensor::wrap(t.storage(), t.offset(),
                      {t.dtype(), t.device(), {rows, last}, {std::max<int64_t>(last, 1), 1}});
}

/// A view of the transposed matrix.
Tensor transposed(const Tensor& t) {
  return Tensor::wrap(t.storage(), t.offset(),
                      {t.dtype(), t.device(), {t.dim(1), t.dim(0)}, {t.strides()[1], t.strides()[0]}});
}

void linear_kernel(const KernelArgs& args, const NoAttrs&) {
  multiply(rows_of(row_major(args.in(0))), transposed(args.in(1)), args.has(2) ? args.in(2) : Tensor{},
           rows_of(args.out(0)));
}

/// linear with its weight in oneDNN's own order, which is kept with a frozen one.
std::shared_ptr<const onednn::Plan> fused_linear_plan(int64_t n, int64_t m, int64_t k, bool bias,
                                                      bool residual, const Epilogue& e) {
  onednn::Key key(onednn::Kind::kFusedLinear);
  for (const int64_t v : {n, m, k, int64_t{bias}}) key.add(v);
  onednn::add(key, residual, e);
  return onednn::plan(key, n * m * k, [&] {
    using dnnl::memory;
    const auto type = memory::data_type::f32;
    const memory::desc x({n, k}, type, memory::format_tag::ab);
    const memory::desc weight({m, k}, type, memory::format_tag::ab);
    const memory::desc weight_any({m, k}, type, memory::format_tag::any);
    const memory::desc b({m}, type, memory::format_tag::a);
    const memory::desc y({n, m}, type, memory::format_tag::ab);
    using dnnl::inner_product_forward;
    const auto kind = dnnl::prop_kind::forward_inference;
    const inner_product_forward::desc desc = bias ? inner_product_forward::desc(kind, x, weight_any, b, y)
                                                  : inner_product_forward::desc(kind, x, weight_any, y);
    dnnl::primitive_attr attr = onednn::attributes();
    attr.set_post_ops(onednn::post_ops(residual, e));
    const inner_product_forward::primitive_desc made(desc, attr, onednn::engine());
    onednn::Plan plan = onednn::start_plan<inner_product_forward>(made);
    plan.input(DNNL_ARG_SRC, x, made.src_desc());
    plan.input(DNNL_ARG_WEIGHTS, weight, made.weights_desc());
    if (bias) plan.input(DNNL_ARG_BIAS, b, made.bias_desc());
    plan.output(DNNL_ARG_DST, y, made.dst_desc(), residual);
    return plan;
  });
}

void fused_linear_kernel(const KernelArgs& args, const Epilogue& e) {
  const Tensor& y = args.out(0);
  if (y.numel() == 0) return;
  const int64_t m = args.in(1).dim(0), k = args.in(1).dim(1), n = y.numel() / m;
  const auto input = [&](int i) { return args.has(i) ? row_major(args.in(i)) : Tensor{}; };
  const Tensor w = input(1);
  if (suits_packed_linear(w, n)) return packed_linear(input(0), w, input(2), input(3), e, y);
  const auto plan = y.dtype() == DType::kFloat32 && k > 0
                        ? fused_linear_plan(n, m, k, args.has(2), args.has(3), e)
                        : nullptr;
  if (!plan) {
    const NoGrad no_grad;
    const Tensor product = linear(args.in(0), args.in(1), args.has(2) ? args.in(2) : Tensor{});
    return y.assign(apply_epilogue(product, args.has(3) ? args.in(3) : Tensor{}, e));
  }
  onednn::execute_product(*plan, input(0), w, input(2), input(3), y);
}

}  // namespace

void install_matmul() {
  set_kernel(op::matmul(), DeviceKind::kCpu, matmul_kernel);
  set_kernel(op::fused_linear(), DeviceKind::kCpu, fused_linear_kernel);
  set_kernel(op::linear(), DeviceKind::kCpu, linear_kernel);
}

}  // namespace dlb::backend::cpu
