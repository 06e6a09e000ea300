// Rows are spread over the threads; each sum is one thread's, in the order of the entries.
#include <algorithm>
#include <numeric>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/base/threads.h"
#include "dlb/ops/sparse_defs.h"

namespace dlb::backend::cpu {
namespace {

template <class F>
void dispatch(DType t, const F& f) {
  t == DType::kFloat64 ? f(double{}) : f(float{});
}

template <class T>
const T* data_of(const Tensor& t) {
  return t.numel() > 0 ? t.data<T>() : nullptr;
}

void check_columns(const int64_t* col, int64_t entries, int64_t cols) {
  for (int64_t e = 0; e < entries; ++e) {
    if (col[e] < 0 || col[e] >= cols) {
      fail(ErrorKind::kShape, "sparse entry {} is in column {}, expected 0 to {}", e, col[e], cols - 1);
    }
  }
}

/// Checked row starts and columns.
struct Rows {
  Rows(const Tensor& crow_in, const Tensor& col_in, int64_t cols)
      : crow_kept(row_major(crow_in)),
        col_kept(row_major(col_in)),
        rows(crow_kept.numel() - 1),
        entries(col_kept.numel()),
        crow(data_of<int64_t>(crow_kept)),
        col(data_of<int64_t>(col_kept)) {
    if (crow[0] != 0) fail(ErrorKind::kShape, "sparse row 0 starts at entry {}, expected 0", crow[0]);
    for (int64_t i = 0; i < rows; ++i) {
      if (crow[i + 1] < crow[i] || crow[i + 1] > entries) {
        fail(ErrorKind::kShape, "sparse row {} ends at entry {}, expected {} to {}", i, crow[i + 1], crow[i],
             entries);
      }
    }
    if (crow[rows] != entries) {
      fail(ErrorKind::kShape, "sparse rows end at entry {}, expected {}", crow[rows], entries);
    }
    check_columns(col, entries, cols);
  }

  /// Calls f(row) on the threads; `work` is that of one entry.
  template <class F>
  void each(int64_t work, const F& f) const {
    const int64_t per_row = (entries / std::max<int64_t>(rows, 1) + 1) * std::max<int64_t>(work, 1);
    parallel_for(rows, std::max<int64_t>(1, 32768 / per_row), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(i);
    });
  }

  Tensor crow_kept, col_kept;
  int64_t rows, entries;
  const int64_t* crow;
  const int64_t* col;
};

void spmm_kernel(const KernelArgs& args, const NoAttrs&) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor values_in = row_major(args.in(2));
    const Tensor dense_in = row_major(args.in(3));
    const Rows m(args.in(0), args.in(1), dense_in.dim(0));
    const int64_t k = dense_in.dim(1);
    if (args.out(0).numel() == 0) return;
    const T* values = data_of<T>(values_in);
    const T* dense = data_of<T>(dense_in);
    T* out = args.out(0).data<T>();
    m.each(k, [&](int64_t i) {
      T* y = out + i * k;
      std::fill(y, y + k, T(0));
      for (int64_t e = m.crow[i]; e < m.crow[i + 1]; ++e) {
        const T factor = values[e];
        const T* row = dense + m.col[e] * k;
        for (int64_t j = 0; j < k; ++j) y[j] += factor * row[j];
      }
    });
  });
}

void sampled_dot_kernel(const KernelArgs& args, const NoAttrs&) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor a_in = row_major(args.in(2));
    const Tensor b_in = row_major(args.in(3));
    const Rows m(args.in(0), args.in(1), b_in.dim(0));
    const int64_t k = a_in.dim(1);
    if (m.entries == 0) return;
    const T* a = data_of<T>(a_in);
    const T* b = data_of<T>(b_in);
    T* out = args.out(0).data<T>();
    m.each(k, [&](int64_t i) {
      for (int64_t e = m.crow[i]; e < m.crow[i + 1]; ++e) {
        T sum = 0;
        for (int64_t j = 0; j < k; ++j) sum += a[i * k + j] * b[m.col[e] * k + j];
        out[e] = sum;
      }
    });
  });
}

/// Counting sort of entries by `key`: starts [keys + 1], and the entries in order. Stable.
void sort_by(const int64_t* key, int64_t entries, int64_t keys, int64_t* starts, int64_t* order) {
  std::fill(starts, starts + keys + 1, 0);
  for (int64_t e = 0; e < entries; ++e) ++starts[key[e] + 1];
  for (int64_t i = 0; i < keys; ++i) starts[i + 1] += starts[i];
  std::vector<int64_t> next(starts, starts + keys);
  for (int64_t e = 0; e < entries; ++e) order[next[static_cast<size_t>(key[e])]++] = e;
}

void csr_transpose_kernel(const KernelArgs& args, const CsrAttrs& attrs) {
  const Rows m(args.in(0), args.in(1), attrs.cols);
  std::vector<int64_t> none(1);
  int64_t* crow = args.out(0).data<int64_t>();
  int64_t* col = m.entries > 0 ? args.out(1).data<int64_t>() : none.data();
  int64_t* order = m.entries > 0 ? args.out(2).data<int64_t>() : none.data();
  sort_by(m.col, m.entries, attrs.cols, crow, order);
  std::vector<int64_t> row_of(static_cast<size_t>(m.entries));
  for (int64_t i = 0; i < m.rows; ++i) {
    std::fill(row_of.begin() + m.crow[i], row_of.begin() + m.crow[i + 1], i);
  }
  for (int64_t e = 0; e < m.entries; ++e) col[e] = row_of[static_cast<size_t>(order[e])];
}

void coo_to_csr_kernel(const KernelArgs& args, const CooAttrs& attrs) {
  const Tensor row_in = row_major(args.in(0));
  const Tensor col_in = row_major(args.in(1));
  const int64_t entries = row_in.numel();
  const int64_t* row = data_of<int64_t>(row_in);
  const int64_t* col = data_of<int64_t>(col_in);
  for (int64_t e = 0; e < entries; ++e) {
    if (row[e] < 0 || row[e] >= attrs.rows) {
      fail(ErrorKind::kShape, "sparse entry {} is in row {}, expected 0 to {}", e, row[e], attrs.rows - 1);
    }
  }
  check_columns(col, entries, attrs.cols);
  int64_t* crow = args.out(0).data<int64_t>();
  if (entries == 0) {
    std::fill(crow, crow + attrs.rows + 1, 0);
    return;
  }
  // Sorted by column first: a stable sort by row leaves the columns of each row in order.
  std::vector<int64_t> by_column(static_cast<size_t>(entries));
  if (attrs.cols / 8 > entries) {  // memory for the entries, not for the columns
    std::iota(by_column.begin(), by_column.end(), int64_t{0});
    std::stable_sort(by_column.begin(), by_column.end(),
                     [&](int64_t a, int64_t b) { return col[a] < col[b]; });
  } else {
    std::vector<int64_t> starts(static_cast<size_t>(attrs.cols + 1));
    sort_by(col, entries, attrs.cols, starts.data(), by_column.data());
  }
  std::vector<int64_t> rows(static_cast<size_t>(entries));
  for (size_t e = 0; e < rows.size(); ++e) rows[e] = row[by_column[e]];
  int64_t* col_out = args.out(1).data<int64_t>();
  int64_t* order = args.out(2).data<int64_t>();
  sort_by(rows.data(), entries, attrs.rows, crow, order);
  for (int64_t e = 0; e < entries; ++e) {
    order[e] = by_column[static_cast<size_t>(order[e])];
    col_out[e] = col[order[e]];
  }
}

}  // namespace

void install_sparse() {
  set_kernel(op::spmm(), DeviceKind::kCpu, spmm_kernel);
  set_kernel(op::sampled_dot(), DeviceKind::kCpu, sampled_dot_kernel);
  set_kernel(op::csr_transpose(), DeviceKind::kCpu, csr_transpose_kernel);
  set_kernel(op::coo_to_csr(), DeviceKind::kCpu, coo_to_csr_kernel);
}

}  // namespace dlb::backend::cpu
