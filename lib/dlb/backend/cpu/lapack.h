#pragma once
/// \file The LAPACK routines that the kernels call, which OpenBLAS carries: Fortran's symbols, overloaded for
/// float and double. Matrices are column-major; workspaces are asked for and taken inside.

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "dlb/base/error.h"

namespace dlb::backend::cpu::lapack {

extern "C" {
#define DLB_LAPACK_ROUTINES(p, T)                                                                           \
  void p##getrf_(const int* m, const int* n, T* a, const int* lda, int* pivots, int* info);                 \
  void p##getrs_(const char* trans, const int* n, const int* nrhs, const T* a, const int* lda,              \
                 const int* pivots, T* b, const int* ldb, int* info, size_t);                               \
  void p##potrf_(const char* uplo, const int* n, T* a, const int* lda, int* info, size_t);                  \
  void p##geqrf_(const int* m, const int* n, T* a, const int* lda, T* tau, T* work, const int* lwork,       \
                 int* info);                                                                                \
  void p##orgqr_(const int* m, const int* n, const int* k, T* a, const int* lda, const T* tau, T* work,     \
                 const int* lwork, int* info);                                                              \
  void p##syevd_(const char* job, const char* uplo, const int* n, T* a, const int* lda, T* w, T* work,      \
                 const int* lwork, int* iwork, const int* liwork, int* info, size_t, size_t);               \
  void p##gesdd_(const char* job, const int* m, const int* n, T* a, const int* lda, T* s, T* u,             \
                 const int* ldu, T* vt, const int* ldvt, T* work, const int* lwork, int* iwork, int* info,  \
                 size_t);                                                                                   \
  void p##gels_(const char* trans, const int* m, const int* n, const int* nrhs, T* a, const int* lda, T* b, \
                const int* ldb, T* work, const int* lwork, int* info, size_t);                              \
  void p##gelsy_(const int* m, const int* n, const int* nrhs, T* a, const int* lda, T* b, const int* ldb,   \
                 int* jpvt, const T* rcond, int* rank, T* work, const int* lwork, int* info);               \
  void p##gelss_(const int* m, const int* n, const int* nrhs, T* a, const int* lda, T* b, const int* ldb,   \
                 T* s, const T* rcond, int* rank, T* work, const int* lwork, int* info);                    \
  void p##gelsd_(const int* m, const int* n, const int* nrhs, T* a, const int* lda, T* b, const int* ldb,   \
                 T* s, const T* rcond, int* rank, T* work, const int* lwork, int* iwork, int* info);
DLB_LAPACK_ROUTINES(s, float)
DLB_LAPACK_ROUTINES(d, double)
#undef DLB_LAPACK_ROUTINES
}

/// Scratch memory of one call: `call` with size -1 leaves the best size in its first word.
template <class T, class F>
int with_work(const F& call) {
  T best = 0;
  const int info = call(&best, -1);
  if (info != 0) return info;
  // A float may have rounded a large size down; the next one is above it.
  const double size = std::ceil(static_cast<double>(std::nextafter(best, std::numeric_limits<T>::max())));
  if (!(size >= 0 && size < std::numeric_limits<int>::max())) {
    fail(ErrorKind::kUnsupported, "the matrices are too large to decompose");
  }
  std::vector<T> work(static_cast<size_t>(size) + 1);
  return call(work.data(), static_cast<int>(work.size()));
}

#define DLB_LAPACK_OVERLOADS(p, T)                                                                       \
  inline int getrf(int m, int n, T* a, int lda, int* pivots) {                                           \
    int info = 0;                                                                                        \
    p##getrf_(&m, &n, a, &lda, pivots, &info);                                                           \
    return info;                                                                                         \
  }                                                                                                      \
  inline int getrs(int n, int nrhs, const T* a, int lda, const int* pivots, T* b, int ldb) {             \
    int info = 0;                                                                                        \
    p##getrs_("N", &n, &nrhs, a, &lda, pivots, b, &ldb, &info, 1);                                       \
    return info;                                                                                         \
  }                                                                                                      \
  inline int potrf(const char* uplo, int n, T* a, int lda) {                                             \
    int info = 0;                                                                                        \
    p##potrf_(uplo, &n, a, &lda, &info, 1);                                                              \
    return info;                                                                                         \
  }                                                                                                      \
  inline int geqrf(int m, int n, T* a, int lda, T* tau) {                                                \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##geqrf_(&m, &n, a, &lda, tau, work, &size, &info);                                               \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int orgqr(int m, int n, int k, T* a, int lda, const T* tau) {                                   \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##orgqr_(&m, &n, &k, a, &lda, tau, work, &size, &info);                                           \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int syevd(const char* uplo, int n, T* a, int lda, T* w) {                                       \
    std::vector<int> integers(static_cast<size_t>(5 * n + 3));                                           \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      int integer_size = size < 0 ? -1 : static_cast<int>(integers.size());                              \
      p##syevd_("V", uplo, &n, a, &lda, w, work, &size, integers.data(), &integer_size, &info, 1, 1);    \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int gesdd(const char* job, int m, int n, T* a, int lda, T* s, T* u, int ldu, T* vt, int ldvt) { \
    std::vector<int> integers(static_cast<size_t>(8 * (m < n ? m : n) + 1));                             \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##gesdd_(job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &size, integers.data(), &info, 1);    \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int gels(int m, int n, int nrhs, T* a, int lda, T* b, int ldb) {                                \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##gels_("N", &m, &n, &nrhs, a, &lda, b, &ldb, work, &size, &info, 1);                             \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int gelsy(int m, int n, int nrhs, T* a, int lda, T* b, int ldb, T rcond, int* rank) {           \
    std::vector<int> columns(static_cast<size_t>(n), 0);                                                 \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##gelsy_(&m, &n, &nrhs, a, &lda, b, &ldb, columns.data(), &rcond, rank, work, &size, &info);      \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int gelss(int m, int n, int nrhs, T* a, int lda, T* b, int ldb, T* s, T rcond, int* rank) {     \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##gelss_(&m, &n, &nrhs, a, &lda, b, &ldb, s, &rcond, rank, work, &size, &info);                   \
      return info;                                                                                       \
    });                                                                                                  \
  }                                                                                                      \
  inline int gelsd(int m, int n, int nrhs, T* a, int lda, T* b, int ldb, T* s, T rcond, int* rank) {     \
    std::vector<int> integers(1);                                                                        \
    return with_work<T>([&](T* work, int size) {                                                         \
      int info = 0;                                                                                      \
      p##gelsd_(&m, &n, &nrhs, a, &lda, b, &ldb, s, &rcond, rank, work, &size, integers.data(), &info);  \
      if (size < 0) integers.resize(static_cast<size_t>(integers[0]) + 1);                               \
      return info;                                                                                       \
    });                                                                                                  \
  }
DLB_LAPACK_OVERLOADS(s, float)
DLB_LAPACK_OVERLOADS(d, double)
#undef DLB_LAPACK_OVERLOADS

}  // namespace dlb::backend::cpu::lapack
