#include "dlb/tensor/row_sparse.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "dlb/base/threads.h"

namespace dlb {

namespace {

constexpr int64_t kGrain = 16384;

int64_t row_width(const Tensor& rows) {
  int64_t width = 1;
  for (size_t d = 1; d < rows.shape().size(); ++d) width *= rows.shape()[d];
  return width;
}

Tensor sparse_of(const Tensor& like, Tensor indices, Tensor rows, bool coalesced) {
  Ref<RowSparse> content = make_ref<RowSparse>();
  content->indices = std::move(indices);
  content->rows = std::move(rows);
  content->coalesced = coalesced;
  return Tensor::with_rows(make_spec(like.shape(), like.dtype(), like.device()), content);
}

/// [first; second] along dimension 0.
Tensor joined(const Tensor& first, const Tensor& second) {
  Shape shape = first.shape();
  shape[0] += second.shape()[0];
  Tensor out = Tensor::empty(shape, first.dtype(), first.device());
  const size_t bytes = first.spec().bytes();
  std::memcpy(out.raw(), first.raw(), bytes);
  std::memcpy(static_cast<char*>(out.raw()) + bytes, second.raw(), second.spec().bytes());
  return out;
}

/// Adds the rows to a row-major dense tensor, in their order.
void add_rows(const Tensor& dense, const RowSparse& sparse) {
  const int64_t* const index = sparse.indices.data<int64_t>();
  const int64_t count = sparse.indices.numel();
  const int64_t width = row_width(sparse.rows);
  dispatch_floating(dense.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const to = dense.data<T>();
    const T* const from = sparse.rows.data<T>();
    for (int64_t k = 0; k < count; ++k) {
      T* const row = to + index[k] * width;
      for (int64_t c = 0; c < width; ++c) {
        row[c] = T(static_cast<compute_t<T>>(row[c]) + static_cast<compute_t<T>>(from[k * width + c]));
      }
    }
  });
}

/// An entry of a row-sparse tensor: its row of the whole tensor, and its number.
struct Entry {
  int64_t index;
  int64_t number;
};

/// The entries in the order of their index, equal ones in the order in which they stand: by digits of the
/// index, the lowest first.
std::vector<Entry> stable_order(const int64_t* index, size_t count) {
  constexpr int kBits = 11;
  std::vector<Entry> order(count);
  std::vector<Entry> next(count);
  int64_t largest = 0;
  for (size_t i = 0; i < count; ++i) {
    order[i] = {index[i], static_cast<int64_t>(i)};
    largest = std::max(largest, index[i]);
  }
  for (int shift = 0; shift < 63 && (largest >> shift) > 0; shift += kBits) {
    const auto digit = [&](const Entry& e) {
      return static_cast<size_t>(e.index >> shift) & ((1U << kBits) - 1);
    };
    std::vector<size_t> place(size_t{1} << kBits, 0);
    for (const Entry& e : order) ++place[digit(e)];
    size_t before = 0;
    for (size_t& p : place) before += std::exchange(p, before);
    for (const Entry& e : order) next[place[digit(e)]++] = e;
    order.swap(next);
  }
  return order;
}

}  // namespace

Tensor make_row_sparse(Shape shape, Tensor indices, Tensor rows) {
  DLB_CHECK(!shape.empty() && indices.rank() == 1 && rows.rank() == static_cast<int>(shape.size()));
  DLB_CHECK(indices.dtype() == DType::kInt64 && indices.is_contiguous() && rows.is_contiguous());
  DLB_CHECK(is_floating(rows.dtype()) && rows.shape()[0] == indices.shape()[0]);
  const int64_t* const index = indices.data<int64_t>();
  DLB_CHECK(std::all_of(index, index + indices.numel(), [&](int64_t i) { return i >= 0 && i < shape[0]; }));
  Ref<RowSparse> content = make_ref<RowSparse>();
  TensorSpec spec = make_spec(std::move(shape), rows.dtype(), rows.device());
  content->indices = std::move(indices);
  content->rows = std::move(rows);
  return Tensor::with_rows(spec, content);
}

const RowSparse& row_sparse(const Tensor& t) {
  DLB_CHECK(t.is_row_sparse());
  return static_cast<const RowSparse&>(*t.impl()->rows);
}

Tensor coalesce(const Tensor& t) {
  const RowSparse& sparse = row_sparse(t);
  if (sparse.coalesced) return t;
  const int64_t* const index = sparse.indices.data<int64_t>();
  const auto count = static_cast<size_t>(sparse.indices.numel());
  const std::vector<Entry> order = stable_order(index, count);
  std::vector<int64_t> starts;  // of the runs of one index in `order`
  for (size_t i = 0; i < count; ++i) {
    if (i == 0 || order[i].index != order[i - 1].index) starts.push_back(static_cast<int64_t>(i));
  }
  const auto unique = static_cast<int64_t>(starts.size());
  starts.push_back(static_cast<int64_t>(count));

  Tensor indices = Tensor::empty({unique}, DType::kInt64, sparse.indices.device());
  Shape shape = sparse.rows.shape();
  shape[0] = unique;
  Tensor rows = Tensor::empty(shape, sparse.rows.dtype(), sparse.rows.device());
  const int64_t width = row_width(rows);
  int64_t* const unique_index = indices.data<int64_t>();
  dispatch_floating(rows.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const T* const from = sparse.rows.data<T>();
    T* const to = rows.data<T>();
    const int64_t average =
        static_cast<int64_t>(count) * std::max<int64_t>(width, 1) / std::max<int64_t>(unique, 1);
    parallel_for(unique, std::max<int64_t>(kGrain / std::max<int64_t>(average, 1), 1),
                 [&](int64_t begin, int64_t end) {
                   std::vector<C> total(static_cast<size_t>(width));
                   for (int64_t u = begin; u < end; ++u) {
                     const auto first = static_cast<size_t>(starts[static_cast<size_t>(u)]);
                     const auto last = static_cast<size_t>(starts[static_cast<size_t>(u) + 1]);
                     unique_index[u] = order[first].index;
                     std::fill(total.begin(), total.end(), C(0));
                     for (size_t i = first; i < last; ++i) {
                       const T* const row = from + order[i].number * width;
                       for (size_t c = 0; c < total.size(); ++c) total[c] += static_cast<C>(row[c]);
                     }
                     for (size_t c = 0; c < total.size(); ++c)
                       to[u * width + static_cast<int64_t>(c)] = T(total[c]);
                   }
                 });
  });
  return sparse_of(t, std::move(indices), std::move(rows), true);
}

Tensor add_row_sparse(const Tensor& a, const Tensor& b) {
  DLB_CHECK(a.shape() == b.shape() && a.dtype() == b.dtype());
  if (a.is_row_sparse() && b.is_row_sparse()) {
    const RowSparse& first = row_sparse(a);
    const RowSparse& second = row_sparse(b);
    Tensor sum = sparse_of(a, joined(first.indices, second.indices), joined(first.rows, second.rows), false);
    // Many small batches must not take more memory than the table itself.
    return row_sparse(sum).indices.numel() > a.shape()[0] ? coalesce(sum) : sum;
  }
  const Tensor& dense = a.is_row_sparse() ? b : a;
  Tensor out = Tensor::empty(dense.shape(), dense.dtype(), dense.device());
  out.assign(dense.detach());
  add_rows(out, row_sparse(a.is_row_sparse() ? a : b));
  return out;
}

Tensor to_dense(const Tensor& t) {
  Tensor out = Tensor::empty(t.shape(), t.dtype(), t.device());
  std::memset(out.raw(), 0, out.spec().bytes());
  add_rows(out, row_sparse(t));
  return out;
}

}  // namespace dlb
