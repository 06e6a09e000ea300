// LAPACK is column-major and tensors are row-major: each matrix is transposed into scratch memory and back,
// except where the routine does not mind. Matrices of a batch are spread over the threads; one alone is left
// to OpenBLAS' own threads.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/lapack.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/base/threads.h"
#include "dlb/ops/linalg_defs.h"

namespace dlb::backend::cpu {
namespace {

/// f(T{}) for the two types that LAPACK knows; infer() lets no other through.
template <class F>
void dispatch(DType t, const F& f) {
  t == DType::kFloat64 ? f(double{}) : f(float{});
}

int narrowed(int64_t size) {
  if (size > std::numeric_limits<int>::max() / 64) {
    fail(ErrorKind::kUnsupported, "matrices of {} rows or columns are too large to decompose", size);
  }
  return static_cast<int>(size);
}

/// The matrices of a row-major tensor.
template <class T>
struct Matrices {
  explicit Matrices(const Tensor& tensor)
      : rows(narrowed(tensor.dim(-2))),
        cols(narrowed(tensor.dim(-1))),
        kept(row_major(tensor)),
        data(kept.numel() > 0 ? kept.data<T>() : nullptr),
        count(numel(std::span(kept.shape().begin(), kept.shape().size() - 2))) {}

  T* at(int64_t i) const { return data == nullptr ? nullptr : data + i * rows * cols; }

  int64_t rows, cols;
  Tensor kept;
  T* data;
  int64_t count;
};

/// LAPACK counts the words of its workspaces in 32 bits, and does not notice when it runs over.
void check_work(double words, int64_t rows, int64_t cols) {
  if (words >= std::numeric_limits<int>::max()) {
    fail(ErrorKind::kUnsupported, "matrices of {} rows and {} columns are too large to decompose", rows,
         cols);
  }
}

/// LAPACK wants leading dimensions of at least 1.
int leading(int rows) { return std::max(rows, 1); }

/// Row-major [rows, cols] -> column-major with that leading dimension.
template <class T>
void to_columns(const T* from, int64_t rows, int64_t cols, T* to, int64_t lead) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) to[j * lead + i] = from[i * cols + j];
  }
}
template <class T>
void from_columns(const T* from, int64_t lead, int64_t rows, int64_t cols, T* to) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) to[i * cols + j] = from[j * lead + i];
  }
}

template <class T>
std::vector<T> scratch(int64_t n) {
  return std::vector<T>(static_cast<size_t>(std::max<int64_t>(n, 1)));
}

/// Calls f(i) for each of `count` matrices of about `side` rows.
template <class F>
void each(int64_t count, int64_t side, const F& f) {
  const int64_t grain = std::max<int64_t>(1, 20000 / std::max<int64_t>(1, side * side * side));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

std::string which(int64_t i, int64_t count) {
  return count == 1 ? std::string("the matrix") : fmt::format("matrix {} of the batch", i);
}

/// Some routines never end on NaN or infinity.
template <class T>
void require_finite(const T* a, int64_t n, const char* op, int64_t i, int64_t count) {
  if (!std::all_of(a, a + n, [](T x) { return std::isfinite(x); })) {
    fail(ErrorKind::kNumeric, "{}: {} has values that are not finite", op, which(i, count));
  }
}

[[noreturn]] void no_convergence(const char* op, int64_t i, int64_t count) {
  fail(ErrorKind::kNumeric, "{}: the iteration did not converge on {}", op, which(i, count));
}

void cholesky_kernel(const KernelArgs& args, const CholeskyAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    T* out = args.out(0).data<T>();
    const int n = narrowed(a.rows);
    if (n == 0) return;
    each(a.count, n, [&](int64_t i) {
      const T* from = a.at(i);
      T* to = out + i * n * n;
      // The lower triangle of rows is the upper one of columns, which gives the transposed factor.
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t c = 0; c < n; ++c) {
          const bool kept = attrs.upper ? c >= r : c <= r;
          to[r * n + c] = kept ? from[r * n + c] : T(0);
        }
      }
      int info = lapack::potrf(attrs.upper ? "L" : "U", n, to, n);
      // OpenBLAS lets NaN pass, which reaches the diagonal wherever it was.
      for (int64_t r = 0; info == 0 && r < n; ++r) {
        if (std::isnan(to[r * (n + 1)])) info = static_cast<int>(r + 1);
      }
      if (info > 0) {
        fail(ErrorKind::kNumeric,
             "linalg.cholesky: {} is not positive definite (its leading minor of order {})",
             which(i, a.count), info);
      }
    });
  });
}

/// Elimination without row swaps, column-major.
template <class T>
void eliminate(int64_t m, int64_t n, T* a) {
  for (int64_t k = 0; k < std::min(m, n); ++k) {
    for (int64_t i = k + 1; i < m; ++i) a[k * m + i] /= a[k * m + k];
    for (int64_t j = k + 1; j < n; ++j) {
      for (int64_t i = k + 1; i < m; ++i) a[j * m + i] -= a[k * m + i] * a[j * m + k];
    }
  }
}

void lu_kernel(const KernelArgs& args, const LuAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    T* out = args.out(0).data<T>();
    int32_t* pivots = args.out(1).data<int32_t>();
    const int m = narrowed(a.rows);
    const int n = narrowed(a.cols);
    const int k = std::min(m, n);
    if (k == 0) return;
    each(a.count, std::max(m, n), [&](int64_t i) {
      std::vector<T> work = scratch<T>(int64_t{m} * n);
      to_columns(a.at(i), m, n, work.data(), m);
      int32_t* swaps = pivots + i * k;
      if (attrs.pivot) {
        lapack::getrf(m, n, work.data(), m, swaps);
      } else {
        eliminate<T>(m, n, work.data());
        for (int j = 0; j < k; ++j) swaps[j] = j + 1;
      }
      from_columns(work.data(), int64_t{m}, m, n, out + i * m * n);
    });
  });
}

void permutation_kernel(const KernelArgs& args, const PermutationAttrs& attrs) {
  const Tensor pivots = row_major(args.in(0));
  const int64_t k = pivots.dim(-1);
  const int64_t rows = attrs.rows;
  if (args.out(0).numel() == 0) return;
  const int64_t count = args.out(0).numel() / rows;
  const int32_t* from = k > 0 ? pivots.data<int32_t>() : nullptr;
  int64_t* out = args.out(0).data<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    int64_t* order = out + i * rows;
    for (int64_t r = 0; r < rows; ++r) order[r] = r;
    for (int64_t r = 0; r < k; ++r) {
      const int64_t other = from[i * k + r];
      if (other < 1 || other > rows) {
        fail(ErrorKind::kData, "pivots: row {} is swapped with row {}, expected 1 to {}", r + 1, other, rows);
      }
      std::swap(order[r], order[other - 1]);
    }
  }
}

void qr_kernel(const KernelArgs& args, const QrAttrs& attrs) {
  dispatch(args.out(1).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const int m = narrowed(a.rows);
    const int n = narrowed(a.cols);
    const int k = std::min(m, n);
    const bool vectors = attrs.mode != "r";
    const int64_t q_cols = vectors ? args.out(0).dim(-1) : 0;
    const int64_t r_rows = args.out(1).dim(-2);
    T* q = vectors ? args.out(0).data<T>() : nullptr;
    T* r = args.out(1).data<T>();
    each(a.count, std::max(m, n), [&](int64_t i) {
      std::vector<T> work = scratch<T>(m * std::max<int64_t>(n, q_cols));
      std::vector<T> tau = scratch<T>(k);
      to_columns(a.at(i), m, n, work.data(), m);
      if (k > 0) lapack::geqrf(m, n, work.data(), leading(m), tau.data());
      for (int64_t row = 0; row < r_rows; ++row) {
        for (int64_t c = 0; c < n; ++c) {
          r[(i * r_rows + row) * n + c] = c >= row ? work[static_cast<size_t>(c * m + row)] : T(0);
        }
      }
      if (!vectors || m == 0 || q_cols == 0) return;
      lapack::orgqr(m, static_cast<int>(q_cols), k, work.data(), leading(m), tau.data());
      from_columns(work.data(), int64_t{m}, m, q_cols, q + i * m * q_cols);
    });
  });
}

void eigh_kernel(const KernelArgs& args, const EighAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const int n = narrowed(a.rows);
    if (n == 0 || a.count == 0) return;
    check_work(2.0 * n * n + 6.0 * n + 1, n, n);
    T* w = args.out(0).data<T>();
    T* v = args.out(1).data<T>();
    each(a.count, n, [&](int64_t i) {
      require_finite(a.at(i), int64_t{n} * n, "linalg.eigh", i, a.count);
      std::vector<T> work = scratch<T>(int64_t{n} * n);
      to_columns(a.at(i), n, n, work.data(), n);
      if (lapack::syevd(attrs.uplo.c_str(), n, work.data(), n, w + i * n) != 0) {
        no_convergence("linalg.eigh", i, a.count);
      }
      from_columns(work.data(), int64_t{n}, n, n, v + i * n * n);
    });
  });
}

void svd_kernel(const KernelArgs& args, const SvdAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const int m = narrowed(a.rows);
    const int n = narrowed(a.cols);
    const int k = std::min(m, n);
    const int u_cols = attrs.full_matrices ? m : k;
    const int v_rows = attrs.full_matrices ? n : k;
    check_work(4.0 * k * k + 7.0 * k + std::max(m, n), m, n);
    if (a.count == 0) return;
    T* u = args.out(0).data<T>();
    T* s = args.out(1).data<T>();
    T* vh = args.out(2).data<T>();
    each(a.count, std::max(m, n), [&](int64_t i) {
      std::vector<T> left = scratch<T>(int64_t{m} * u_cols);
      std::vector<T> right = scratch<T>(int64_t{v_rows} * n);
      if (k == 0) {  // whatever is asked for is a part of the identity
        for (int j = 0; j < std::min(m, u_cols); ++j)
          left[static_cast<size_t>(j) * static_cast<size_t>(m + 1)] = 1;
        for (int j = 0; j < std::min(n, v_rows); ++j)
          right[static_cast<size_t>(j) * static_cast<size_t>(v_rows + 1)] = 1;
      } else {
        require_finite(a.at(i), int64_t{m} * n, "linalg.svd", i, a.count);
        std::vector<T> work = scratch<T>(int64_t{m} * n);
        to_columns(a.at(i), m, n, work.data(), m);
        if (lapack::gesdd(attrs.full_matrices ? "A" : "S", m, n, work.data(), m, s + i * k, left.data(), m,
                          right.data(), v_rows) != 0) {
          no_convergence("linalg.svd", i, a.count);
        }
      }
      from_columns(left.data(), int64_t{m}, m, u_cols, u + i * m * u_cols);
      from_columns(right.data(), int64_t{v_rows}, v_rows, n, vh + i * v_rows * n);
    });
  });
}

void solve_kernel(const KernelArgs& args, const NoAttrs&) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const Matrices<T> b(args.in(1));
    const int n = narrowed(a.rows);
    const int r = narrowed(b.cols);
    if (n == 0 || a.count == 0) return;
    T* out = args.out(0).data<T>();
    each(a.count, n, [&](int64_t i) {
      std::vector<T> factors = scratch<T>(int64_t{n} * n);
      std::vector<T> x = scratch<T>(int64_t{n} * r);
      std::vector<int> pivots(static_cast<size_t>(n));
      to_columns(a.at(i), n, n, factors.data(), n);
      const int info = lapack::getrf(n, n, factors.data(), n, pivots.data());
      if (info > 0) {
        fail(ErrorKind::kNumeric, "linalg.solve: {} is singular (pivot {} is zero)", which(i, a.count), info);
      }
      if (r == 0) return;
      to_columns(b.at(i), n, r, x.data(), n);
      lapack::getrs(n, r, factors.data(), n, pivots.data(), x.data(), n);
      from_columns(x.data(), int64_t{n}, n, r, out + i * n * r);
    });
  });
}

void trsm(CBLAS_UPLO uplo, CBLAS_DIAG diag, int n, int r, const float* a, float* b) {
  cblas_strsm(CblasRowMajor, CblasLeft, uplo, CblasNoTrans, diag, n, r, 1, a, n, b, r);
}
void trsm(CBLAS_UPLO uplo, CBLAS_DIAG diag, int n, int r, const double* a, double* b) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, uplo, CblasNoTrans, diag, n, r, 1, a, n, b, r);
}

void solve_triangular_kernel(const KernelArgs& args, const TriangularAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const Matrices<T> b(args.in(1));
    const int n = narrowed(a.rows);
    const int r = narrowed(b.cols);
    if (n == 0 || r == 0) return;
    T* out = args.out(0).data<T>();
    each(a.count, n, [&](int64_t i) {
      std::copy(b.at(i), b.at(i) + int64_t{n} * r, out + i * n * r);
      trsm(attrs.upper ? CblasUpper : CblasLower, attrs.unitriangular ? CblasUnit : CblasNonUnit, n, r,
           a.at(i), out + i * n * r);
    });
  });
}

/// The factors of one matrix (or its transposed, which has the same determinant), and the sign of its row
/// swaps.
template <class T>
int factors_and_sign(const Matrices<T>& a, int64_t i, std::vector<T>& work) {
  const int n = static_cast<int>(a.rows);
  work.assign(a.at(i), a.at(i) + a.rows * a.rows);
  std::vector<int> pivots(static_cast<size_t>(n));
  lapack::getrf(n, n, work.data(), n, pivots.data());
  int sign = 1;
  for (int j = 0; j < n; ++j) {
    if (pivots[static_cast<size_t>(j)] != j + 1) sign = -sign;
  }
  return sign;
}

void det_kernel(const KernelArgs& args, const NoAttrs&) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const int n = narrowed(a.rows);
    T* out = args.out(0).data<T>();
    each(a.count, n, [&](int64_t i) {
      std::vector<T> work;
      T product = n == 0 ? T(1) : static_cast<T>(factors_and_sign(a, i, work));
      for (int64_t j = 0; j < n; ++j) product *= work[static_cast<size_t>(j * (n + 1))];
      out[i] = product;
    });
  });
}

void slogdet_kernel(const KernelArgs& args, const NoAttrs&) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const int n = narrowed(a.rows);
    T* signs = args.out(0).data<T>();
    T* logs = args.out(1).data<T>();
    each(a.count, n, [&](int64_t i) {
      std::vector<T> work;
      T sign = n == 0 ? T(1) : static_cast<T>(factors_and_sign(a, i, work));
      T log = 0;
      for (int64_t j = 0; j < n; ++j) {
        const T pivot = work[static_cast<size_t>(j * (n + 1))];
        sign *= pivot > 0 ? T(1) : pivot < 0 ? T(-1) : pivot;  // 0 and NaN stay what they are
        log += std::log(std::abs(pivot));
      }
      signs[i] = sign;
      logs[i] = log;
    });
  });
}

void lstsq_kernel(const KernelArgs& args, const LstsqAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Matrices<T> a(args.in(0));
    const Matrices<T> b(args.in(1));
    const int m = narrowed(a.rows);
    const int n = narrowed(a.cols);
    const int r = narrowed(b.cols);
    const int k = std::min(m, n);
    const int lead = leading(std::max(m, n));
    check_work(static_cast<double>(lead) * std::max(r, 1) + 64.0 * lead, m, n);
    const bool has_rank = attrs.driver != "gels";
    const bool has_values = attrs.driver == "gelsd" || attrs.driver == "gelss";
    const T rcond = attrs.rcond < 0 ? std::numeric_limits<T>::epsilon() * static_cast<T>(std::max(m, n))
                                    : static_cast<T>(attrs.rcond);
    T* out = args.out(0).data<T>();
    T* residuals = args.out(1).numel() > 0 ? args.out(1).data<T>() : nullptr;
    int64_t* ranks = has_rank && a.count > 0 ? args.out(2).data<int64_t>() : nullptr;
    each(a.count, std::max(m, n), [&](int64_t i) {
      std::vector<T> left = scratch<T>(int64_t{m} * n);
      std::vector<T> x = scratch<T>(int64_t{lead} * r);
      std::vector<T> values = scratch<T>(k);
      int rank = 0;
      int info = 0;
      if (k > 0) {
        require_finite(a.at(i), int64_t{m} * n, "linalg.lstsq", i, a.count);
        require_finite(b.at(i), int64_t{m} * r, "linalg.lstsq", i, a.count);
        to_columns(a.at(i), m, n, left.data(), m);
        to_columns(b.at(i), m, r, x.data(), lead);
        if (attrs.driver == "gels") {
          info = lapack::gels(m, n, r, left.data(), m, x.data(), lead);
        } else if (attrs.driver == "gelsy") {
          info = lapack::gelsy(m, n, r, left.data(), m, x.data(), lead, rcond, &rank);
        } else if (attrs.driver == "gelss") {
          info = lapack::gelss(m, n, r, left.data(), m, x.data(), lead, values.data(), rcond, &rank);
        } else {
          info = lapack::gelsd(m, n, r, left.data(), m, x.data(), lead, values.data(), rcond, &rank);
        }
        if (info > 0 && attrs.driver == "gels") {
          fail(ErrorKind::kNumeric, "linalg.lstsq: {} has not full rank, which driver gels needs",
               which(i, a.count));
        }
        if (info > 0) no_convergence("linalg.lstsq", i, a.count);
      }
      if (n > 0) from_columns(x.data(), int64_t{lead}, n, r, out + i * n * r);
      if (residuals != nullptr) {
        // Of the equations beyond the unknowns; meaningful at full rank only.
        const bool full = !has_rank || rank == n;
        const T* wanted = b.at(i);
        const T* matrix = a.at(i);
        const T* solution = out + i * n * r;
        for (int64_t c = 0; c < r; ++c) {
          T sum = 0;
          for (int64_t row = 0; full && row < m; ++row) {
            T difference = -wanted[row * r + c];
            for (int64_t j = 0; j < n; ++j) difference += matrix[row * n + j] * solution[j * r + c];
            sum += difference * difference;
          }
          residuals[i * r + c] = sum;
        }
      }
      if (ranks != nullptr) ranks[i] = rank;
      if (has_values && k > 0) std::copy(values.begin(), values.begin() + k, args.out(3).data<T>() + i * k);
    });
  });
}

}  // namespace

void install_linalg() {
  set_kernel(op::cholesky(), DeviceKind::kCpu, cholesky_kernel);
  set_kernel(op::lu_factor(), DeviceKind::kCpu, lu_kernel);
  set_kernel(op::permutation_of_pivots(), DeviceKind::kCpu, permutation_kernel);
  set_kernel(op::qr(), DeviceKind::kCpu, qr_kernel);
  set_kernel(op::eigh(), DeviceKind::kCpu, eigh_kernel);
  set_kernel(op::svd(), DeviceKind::kCpu, svd_kernel);
  set_kernel(op::solve(), DeviceKind::kCpu, solve_kernel);
  set_kernel(op::solve_triangular(), DeviceKind::kCpu, solve_triangular_kernel);
  set_kernel(op::det(), DeviceKind::kCpu, det_kernel);
  set_kernel(op::slogdet(), DeviceKind::kCpu, slogdet_kernel);
  set_kernel(op::lstsq(), DeviceKind::kCpu, lstsq_kernel);
}

}  // namespace dlb::backend::cpu
