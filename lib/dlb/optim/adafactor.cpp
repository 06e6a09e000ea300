#include "dlb/optim/adafactor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/ops/create.h"
#include "dlb/optim/block_sums.h"
#include "dlb/optim/state.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

/// A batch of matrices in memory, cut into blocks of rows.
struct Matrices {
  explicit Matrices(const Tensor& value) : spec(value.spec()) {
    const int rank = spec.rank();
    rows = spec.dim(rank - 2);
    columns = spec.dim(rank - 1);
    row_stride = spec.strides[static_cast<size_t>(rank - 2)];
    column_stride = spec.strides[static_cast<size_t>(rank - 1)];
    count = spec.numel() / (rows * columns);
    // The cut depends on the shape alone, and with it the order of additions.
    blocks = std::clamp<int64_t>(rows / 64, 1, 16);
    block_rows = (rows + blocks - 1) / blocks;
  }
  int64_t offset(int64_t matrix) const {
    int64_t at = 0;
    for (int i = spec.rank() - 3; i >= 0; --i) {
      at += matrix % spec.dim(i) * spec.strides[static_cast<size_t>(i)];
      matrix /= spec.dim(i);
    }
    return at;
  }
  /// Calls f(block, matrix, first row, end of rows), in parallel.
  template <class F>
  void for_each_block(const F& f) const {
    const int64_t grain = std::max<int64_t>(1, kFusedGrain / (block_rows * columns));
    parallel_for(count * blocks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b % blocks * block_rows;
        f(b, b / blocks, std::min(first, rows), std::min(first + block_rows, rows));
      }
    });
  }

  TensorSpec spec;
  int64_t rows, columns, row_stride, column_stride, count, blocks, block_rows;
};

/// Adds the squares of a row to those of the columns, and sums them; sums the squares of w beside.
template <class T, bool kDense>
struct RowSquares {
  const T* g;
  const T* w;
  int64_t n, stride;
  double scale;
  double* of_columns;
  double* of_row;
  double* of_w;

  [[gnu::always_inline]] void operator()() const {
    const RowSquares s = *this;
    const T* __restrict gradient = g;
    const T* __restrict value = w;
    double* __restrict columns = of_columns;
    double row[kSumLanes] = {}, norm[kSumLanes] = {};
    int64_t i = 0;
    for (; i + kSumLanes <= s.n; i += kSumLanes) {
      for (int64_t j = 0; j < kSumLanes; ++j) one(s, gradient, value, columns, i + j, row[j], norm[j]);
    }
    for (int64_t j = 0; i + j < s.n; ++j) one(s, gradient, value, columns, i + j, row[j], norm[j]);
    double row_sum = 0, norm_sum = 0;
    for (int j = 0; j < kSumLanes; ++j) {
      row_sum += row[j];
      norm_sum += norm[j];
    }
    *of_row = row_sum;
    *of_w += norm_sum;
  }

  [[gnu::always_inline]] static void one(const RowSquares& s, const T* gradient, const T* value,
                                         double* columns, int64_t i, double& row, double& norm) {
    const int64_t at = kDense ? i : i * s.stride;
    const double d = static_cast<double>(gradient[at]) * s.scale, x = static_cast<double>(value[at]);
    columns[i] += d * d;
    row += d * d;
    norm += x * x;
  }
};

/// The quotient u of a row: its squares summed, or w taken along it.
template <class T, bool kDense, bool kApply>
struct RowQuotient {
  T* w;
  const T* g;
  const T* columns;
  int64_t n, stride;
  T scale, row, least, shrink, rate;
  double* sum;

  [[gnu::always_inline]] void operator()() const {
    const RowQuotient s = *this;
    T* __restrict value = w;
    const T* __restrict gradient = g;
    const T* __restrict column = columns;
    double lanes[kSumLanes] = {};
    int64_t i = 0;
    for (; i + kSumLanes <= s.n; i += kSumLanes) {
      for (int64_t j = 0; j < kSumLanes; ++j) one(s, value, gradient, column, i + j, lanes[j]);
    }
    for (int64_t j = 0; i + j < s.n; ++j) one(s, value, gradient, column, i + j, lanes[j]);
    if constexpr (!kApply) {
      double total = 0;
      for (int j = 0; j < kSumLanes; ++j) total += lanes[j];
      *sum += total;
    }
  }

  [[gnu::always_inline]] static void one(const RowQuotient& s, T* value, const T* gradient, const T* column,
                                         int64_t i, double& lane) {
    const int64_t at = kDense ? i : i * s.stride;
    T v = s.row * column[i];
    v = v < s.least ? s.least : v;
    const T u = gradient[at] * s.scale / std::sqrt(v);
    if constexpr (kApply) {
      value[at] = value[at] * s.shrink - s.rate * u;
    } else {
      lane += static_cast<double>(u) * static_cast<double>(u);
    }
  }
};

double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum;
}

}  // namespace

Fields Adafactor::fields() {
  Constraint not_positive = between(-std::numeric_limits<double>::infinity(), 0);
  static const std::vector<Field> list = optimizer_fields({
      field<&Adafactor::beta2_decay>("beta2_decay", "the means of squares take in t^beta2_decay at update t",
                                     not_positive),
      field<&Adafactor::eps1>("eps1", "least root of the mean square; the dtype's epsilon when not given",
                              non_negative()),
      field<&Adafactor::eps2>("eps2", "least scale of a parameter, by which its rate is multiplied",
                              non_negative()),
      field<&Adafactor::d>("d", "steps of a larger root mean square are scaled down to it", at_least(1)),
      field<&Adafactor::weight_decay>("weight_decay", "pull of each parameter towards 0", non_negative()),
  });
  return list;
}

void Adafactor::make_state() {
  rows_.assign(params_.size(), {});
  columns_.assign(params_.size(), {});
  variance_.assign(params_.size(), {});
  for (size_t i = 0; i < params_.size(); ++i) {
    const Tensor& value = params_[i].value;
    if (value.rank() < 2) {
      variance_[i] = zeros(value.shape(), value.dtype(), value.device());
      continue;
    }
    Shape shape = value.shape();
    const int64_t columns = shape.back();
    shape.back() = 1;
    rows_[i] = zeros(shape, value.dtype(), value.device());
    shape[shape.size() - 2] = 1;
    shape.back() = columns;
    columns_[i] = zeros(shape, value.dtype(), value.device());
  }
}

template <class T>
double Adafactor::smallest() const {
  return eps1.value_or(static_cast<double>(std::numeric_limits<T>::epsilon()));
}

template <class T>
void Adafactor::update_matrix(const Update& u, double scale) {
  const Tensor& value = u.value;
  const Matrices m(value);
  const auto t = static_cast<double>(steps_);
  const double take = std::pow(t, beta2_decay), least = smallest<T>();
  T* const w = value.data<T>();
  const T* const g = u.gradient.data<T>();
  T* const rows = rows_[u.index].data<T>();
  T* const columns = columns_[u.index].data<T>();
  const bool dense = m.column_stride == 1;

  std::vector<double> column_parts(static_cast<size_t>(m.count * m.blocks * m.columns), 0.0);
  std::vector<double> norms(static_cast<size_t>(m.count * m.blocks), 0.0);
  m.for_each_block([&](int64_t block, int64_t matrix, int64_t first, int64_t end) {
    for (int64_t r = first; r < end; ++r) {
      const int64_t at = m.offset(matrix) + r * m.row_stride;
      double of_row = 0;
      const auto run = [&](auto is_dense) {
        run_wide(RowSquares<T, is_dense.value>{g + at, w + at, m.columns, m.column_stride, scale,
                                               column_parts.data() + block * m.columns, &of_row,
                                               norms.data() + block});
      };
      dense ? run(std::true_type{}) : run(std::false_type{});
      T& mean = rows[matrix * m.rows + r];
      mean += static_cast<T>(take) * (static_cast<T>(of_row / static_cast<double>(m.columns)) - mean);
    }
  });
  std::vector<T> row_scale(static_cast<size_t>(m.count));
  parallel_for(m.count, 1 + kFusedGrain / (m.blocks * m.columns + m.rows), [&](int64_t begin, int64_t end) {
    for (int64_t matrix = begin; matrix < end; ++matrix) {
      for (int64_t c = 0; c < m.columns; ++c) {
        double sum = 0;
        for (int64_t b = 0; b < m.blocks; ++b)
          sum += column_parts[static_cast<size_t>((matrix * m.blocks + b) * m.columns + c)];
        T& mean = columns[matrix * m.columns + c];
        mean += static_cast<T>(take) * (static_cast<T>(sum / static_cast<double>(m.rows)) - mean);
      }
      double sum = 0;
      for (int64_t r = 0; r < m.rows; ++r) sum += static_cast<double>(rows[matrix * m.rows + r]);
      row_scale[static_cast<size_t>(matrix)] =
          static_cast<T>(1 / std::max(sum / static_cast<double>(m.rows), least));
    }
  });

  const auto numel = static_cast<double>(value.numel());
  const double alpha = std::max(eps2, std::sqrt(sum_of(norms) / numel)) * std::min(u.lr, 1 / std::sqrt(t));
  const auto walk = [&](auto is_dense, auto apply, double rate) {
    std::fill(norms.begin(), norms.end(), 0.0);
    m.for_each_block([&](int64_t block, int64_t matrix, int64_t first, int64_t end) {
      for (int64_t r = first; r < end; ++r) {
        const int64_t at = m.offset(matrix) + r * m.row_stride;
        run_wide(RowQuotient<T, is_dense.value, apply.value>{
            w + at, g + at, columns + matrix * m.columns, m.columns, m.column_stride, static_cast<T>(scale),
            rows[matrix * m.rows + r] * row_scale[static_cast<size_t>(matrix)], static_cast<T>(least * least),
            static_cast<T>(1 - u.lr * u.weight_decay), static_cast<T>(rate), norms.data() + block});
      }
    });
  };
  const auto both = [&](auto is_dense) {
    walk(is_dense, std::false_type{}, 0);
    const double rms = std::sqrt(sum_of(norms) / numel);
    walk(is_dense, std::true_type{}, alpha / std::max(1.0, rms / d));
  };
  dense ? both(std::true_type{}) : both(std::false_type{});
}

template <class T>
void Adafactor::update_vector(const Update& u, double scale) {
  const Tensor& value = u.value;
  const auto t = static_cast<double>(steps_);
  const auto take = static_cast<T>(std::pow(t, beta2_decay));
  const double least = smallest<T>();
  T* const w = value.data<T>();
  const T* const g = u.gradient.data<T>();
  T* const variance = variance_[u.index].data<T>();
  const auto quotient = [&](int64_t i) {
    const T v = std::max(variance[i], static_cast<T>(least * least));
    return g[i] * static_cast<T>(scale) / std::sqrt(v);
  };
  double norm = 0, squares = 0;
  for (int64_t i = 0; i < value.numel(); ++i) {
    const T x = g[i] * static_cast<T>(scale);
    variance[i] += take * (x * x - variance[i]);
    norm += static_cast<double>(w[i]) * static_cast<double>(w[i]);
    const auto step = static_cast<double>(quotient(i));
    squares += step * step;
  }
  const auto numel = static_cast<double>(value.numel());
  const double alpha = std::max(eps2, std::sqrt(norm / numel)) * std::min(u.lr, 1 / std::sqrt(t));
  const auto rate = static_cast<T>(alpha / std::max(1.0, std::sqrt(squares / numel) / d));
  const auto shrink = static_cast<T>(1 - u.lr * u.weight_decay);
  for (int64_t i = 0; i < value.numel(); ++i) w[i] = w[i] * shrink - rate * quotient(i);
}

void Adafactor::update(double lr_now, double scale) {
  for (const Update& u : updates(params_, lr_now, weight_decay, SparseRule::kRefused, "adafactor")) {
    const bool wide = u.value.dtype() == DType::kFloat64, matrix = u.value.rank() >= 2;
    const auto run = [&](auto type) {
      using T = decltype(type);
      if (matrix) return update_matrix<T>(u, scale);
      update_vector<T>(u, scale);
    };
    wide ? run(double{}) : run(float{});
    u.value.bump_version();
  }
}

std::vector<State> Adafactor::state() const {
  std::vector<State> out;
  for (size_t i = 0; i < params_.size(); ++i) {
    if (rows_[i].defined()) {
      out.push_back({"row_var/" + params_[i].name, rows_[i]});
      out.push_back({"col_var/" + params_[i].name, columns_[i]});
    } else {
      out.push_back({"variance/" + params_[i].name, variance_[i]});
    }
  }
  return out;
}

}  // namespace dlb::optim
