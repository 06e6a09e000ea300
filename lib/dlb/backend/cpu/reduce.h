#pragma once
/// \file The one driver of reductions: any dimensions of any layout, in a fixed order.
///
/// The work is cut into groups of about 32768 elements that depend on the shape alone. Threads share out the
/// groups; each group is reduced in order and the groups' results are joined in order. So results do not
/// depend on the number of threads.

#include <algorithm>
#include <memory>
#include <vector>

#include "dlb/backend/cpu/convert.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/base/threads.h"
#include "dlb/ops/reduce_defs.h"

namespace dlb::backend::cpu {

inline constexpr int64_t kReduceLanes = 32;
inline constexpr int64_t kReduceSegment = 4096;  ///< elements in a row that lanes take in
inline constexpr int64_t kReduceColumns = 256;   ///< columns side by side
inline constexpr int64_t kReduceRows = 64;       ///< rows that lanes take in
inline constexpr int64_t kReduceGroup = 32768;

/// A reduction as a loop nest: the dimensions that stay, those that go, and the innermost one, which is
/// either.
struct ReducePlan {
  Nest<2> kept;     ///< strides of input and output
  Nest<2> reduced;  ///< strides of input, zeros
  int64_t inner = 1;
  int64_t inner_in = 1;
  int64_t inner_out = 0;
  bool inner_reduced = true;
  int64_t count = 1;  ///< elements that make one output
};
/// `out_strides` has a 0 for each reduced dimension of `x`.
ReducePlan plan_reduction(const Tensor& x, const ReducedDims& reduced, const Strides& out_strides);

template <class R>
struct ReduceRun {
  using In = typename R::In;
  using Lane = typename R::Lane;
  using Acc = typename R::Acc;

  const ReducePlan& plan;
  const char* in;
  int64_t in_size;
  bool direct;  ///< elements are stored as In, side by side
  Convert load;

  ReduceRun(const ReducePlan& p, const Tensor& x)
      : plan(p),
        in(static_cast<const char*>(x.raw())),
        in_size(static_cast<int64_t>(dtype_size(x.dtype()))),
        direct(x.dtype() == DTypeOf<In>::value && p.inner_in == 1),
        load(converter(x.dtype(), DTypeOf<In>::value)) {}

  /// n elements of the innermost dimension from `offset`, in `buffer` unless they can be read in place.
  DLB_INLINE const In* elements(int64_t offset, int64_t n, In* buffer) const {
    const char* const from = in + offset * in_size;
    if (direct) return reinterpret_cast<const In*>(from);
    load(from, plan.inner_in, buffer, 1, n);
    return buffer;
  }

  static DLB_INLINE Acc reduce_segment(const In* x, int64_t n) {
    if (n < kReduceLanes) {  // filling and joining the lanes would take longer than this
      Acc total = static_cast<Acc>(R::kStart);
      for (int64_t i = 0; i < n; ++i) total = R::join(total, static_cast<Acc>(R::step(R::kStart, x[i])));
      return total;
    }
    // Lanes take in a few elements before they join others: rounding errors of equal elements would otherwise
    // add up.
    constexpr int64_t kSteps = 16;
    Lane upper[kReduceLanes];
    for (int64_t l = 0; l < kReduceLanes; ++l) upper[l] = R::kStart;
    for (int64_t i = 0; i < n;) {
      Lane lanes[kReduceLanes];
      for (int64_t l = 0; l < kReduceLanes; ++l) lanes[l] = R::kStart;
      const int64_t stop = std::min(n, i + kSteps * kReduceLanes);
      for (; i + kReduceLanes <= stop; i += kReduceLanes) {
        for (int64_t l = 0; l < kReduceLanes; ++l) lanes[l] = R::step(lanes[l], x[i + l]);
      }
      for (int64_t l = 0; i < stop; ++i, ++l) lanes[l] = R::step(lanes[l], x[i]);
      for (int64_t l = 0; l < kReduceLanes; ++l) upper[l] = R::merge(upper[l], lanes[l]);
    }
    Acc wide[kReduceLanes];
    for (int64_t l = 0; l < kReduceLanes; ++l) wide[l] = static_cast<Acc>(upper[l]);
    for (int64_t half = kReduceLanes / 2; half > 0; half /= 2) {
      for (int64_t l = 0; l < half; ++l) wide[l] = R::join(wide[l], wide[l + half]);
    }
    return wide[0];
  }

  /// Segments [begin, end) of the rows that make the output at input offset `base`.
  Acc reduce_rows(int64_t base, int64_t begin, int64_t end) const {
    In buffer[kReduceSegment];
    const int64_t per_row = (plan.inner + kReduceSegment - 1) / kReduceSegment;
    Odometer<2> row(plan.reduced, plan.reduced.rank, begin / per_row);
    int64_t segment = begin % per_row;
    Acc total = static_cast<Acc>(R::kStart);
    simd([&] {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = segment * kReduceSegment;
        const int64_t n = std::min(kReduceSegment, plan.inner - first);
        const In* const x = elements(base + row.offset[0] + first * plan.inner_in, n, buffer);
        total = R::join(total, reduce_segment(x, n));
        if (++segment == per_row) {
          segment = 0;
          row.next();
        }
      }
    });
    return total;
  }

  /// The next `n` outputs, each of one row that can be read in place.
  void reduce_plain_rows(Odometer<2>& kept, int64_t n, Acc* total) const {
    constexpr int64_t kTogether = 8;
    const In* const first = reinterpret_cast<const In*>(in);
    simd([&] {
      int64_t i = 0;
      if (plan.inner < kReduceLanes) {
        // Short rows one beside the other: each is a chain of operations that wait for each other.
        for (; i + kTogether <= n; i += kTogether) {
          const In* rows[kTogether];
          Acc sums[kTogether];
          for (int64_t r = 0; r < kTogether; ++r, kept.next()) {
            rows[r] = first + kept.offset[0];
            sums[r] = static_cast<Acc>(R::kStart);
          }
          for (int64_t c = 0; c < plan.inner; ++c) {
            for (int64_t r = 0; r < kTogether; ++r)
              sums[r] = R::join(sums[r], static_cast<Acc>(R::step(R::kStart, rows[r][c])));
          }
          for (int64_t r = 0; r < kTogether; ++r)
            total[i + r] = R::join(static_cast<Acc>(R::kStart), sums[r]);
        }
      }
      for (; i < n; ++i, kept.next()) {
        const In* const x = first + kept.offset[0];
        Acc sum = static_cast<Acc>(R::kStart);
        for (int64_t at = 0; at < plan.inner; at += kReduceSegment) {
          sum = R::join(sum, reduce_segment(x + at, std::min(kReduceSegment, plan.inner - at)));
        }
        total[i] = sum;
      }
    });
  }

  /// Rows [begin, end), columns [first, first + n), of the kept dimensions' input offset `base`.
  void reduce_columns(int64_t base, int64_t first, int64_t n, int64_t begin, int64_t end, Acc* total) const {
    In buffer[kReduceColumns];
    Lane lanes[kReduceColumns];
    Odometer<2> row(plan.reduced, plan.reduced.rank, begin);
    std::fill(total, total + n, static_cast<Acc>(R::kStart));
    simd([&] {
      for (int64_t i = begin; i < end;) {
        for (int64_t c = 0; c < n; ++c) lanes[c] = R::kStart;
        const int64_t stop = std::min(end, i + kReduceRows);
        if (direct && plan.reduced.rank == 1) {
          // Four rows at a time; each column still takes them in one after the other.
          const int64_t step = plan.reduced.stride[0][0];
          const In* x = reinterpret_cast<const In*>(in) + base + i * step + first;
          for (; i + 4 <= stop; i += 4, x += 4 * step) {
            const In* __restrict a = x;
            const In* __restrict b = x + step;
            const In* __restrict d = x + 2 * step;
            const In* __restrict e = x + 3 * step;
            for (int64_t c = 0; c < n; ++c)
              lanes[c] = R::step(R::step(R::step(R::step(lanes[c], a[c]), b[c]), d[c]), e[c]);
          }
          for (; i < stop; ++i, x += step) {
            for (int64_t c = 0; c < n; ++c) lanes[c] = R::step(lanes[c], x[c]);
          }
        }
        for (; i < stop; ++i, row.next()) {
          const In* const x = elements(base + row.offset[0] + first * plan.inner_in, n, buffer);
          for (int64_t c = 0; c < n; ++c) lanes[c] = R::step(lanes[c], x[c]);
        }
        for (int64_t c = 0; c < n; ++c) total[c] = R::join(total[c], static_cast<Acc>(lanes[c]));
      }
    });
  }
};

/// Reduces `x` into `out`; `x` has elements.
template <class R>
void run_reduction(const ReducePlan& plan, const Tensor& x, const Tensor& out) {
  using Acc = typename R::Acc;
  const ReduceRun<R> run(plan, x);
  const Convert store = converter(DTypeOf<Acc>::value, out.dtype());
  const auto out_size = static_cast<int64_t>(dtype_size(out.dtype()));
  char* const to = static_cast<char*>(out.raw());
  const auto count = static_cast<double>(plan.count);
  const int64_t outputs = plan.kept.numel();

  // Columns side by side (1 when the innermost dimension is reduced), and steps along the reduction: segments
  // or rows.
  const int64_t columns = plan.inner_reduced ? 1 : plan.inner;
  const int64_t width =
      plan.inner_reduced ? std::min(plan.inner, kReduceSegment) : std::min(plan.inner, kReduceColumns);
  const int64_t steps =
      plan.reduced.numel() * (plan.inner_reduced ? (plan.inner + kReduceSegment - 1) / kReduceSegment : 1);
  const int64_t steps_in_group = std::max<int64_t>(kReduceGroup / width, 1);
  const int64_t groups = (steps + steps_in_group - 1) / steps_in_group;
  const int64_t chunks = (columns + kReduceColumns - 1) / kReduceColumns;
  std::unique_ptr<Acc[]> partial;
  if (groups > 1) partial.reset(new Acc[static_cast<size_t>(groups * outputs * columns)]);

  const bool written_in_order = plan.kept.rank == 0 || (plan.kept.rank == 1 && plan.kept.stride[1][0] == 1);
  const auto finish = [&](Acc* values, int64_t out_offset, int64_t first, int64_t n) {
    for (int64_t c = 0; c < n; ++c) values[c] = R::finish(values[c], count);
    store(values, 1, to + (out_offset + first * plan.inner_out) * out_size, plan.inner_out, n);
  };

  const int64_t work = std::min(steps, steps_in_group) * width;
  if (plan.inner_reduced && plan.reduced.rank == 0 && run.direct && groups == 1) {
    parallel_for(outputs, std::max<int64_t>(kReduceGroup / work, 1), [&](int64_t begin, int64_t end) {
      Odometer<2> kept(plan.kept, plan.kept.rank, begin);
      Odometer<2> written(plan.kept, plan.kept.rank, begin);
      Acc local[kReduceColumns];
      while (begin < end) {
        const int64_t n = std::min(end - begin, kReduceColumns);
        run.reduce_plain_rows(kept, n, local);
        for (int64_t i = 0; i < n; ++i) local[i] = R::finish(local[i], count);
        if (written_in_order) {
          store(local, 1, to + begin * out_size, 1, n);
        } else {
          for (int64_t i = 0; i < n; ++i, written.next())
            store(local + i, 1, to + written.offset[1] * out_size, 1, 1);
        }
        begin += n;
      }
    });
    return;
  }
  parallel_for(
      outputs * groups * chunks, std::max<int64_t>(kReduceGroup / work, 1), [&](int64_t begin, int64_t end) {
        Odometer<2> kept(plan.kept, plan.kept.rank, begin / (groups * chunks));
        int64_t at = begin % (groups * chunks);
        Acc local[kReduceColumns];
        for (int64_t task = begin; task < end; ++task) {
          const int64_t group = at / chunks;
          const int64_t first = at % chunks * kReduceColumns;
          const int64_t n = std::min(columns - first, kReduceColumns);
          const int64_t from = group * steps_in_group;
          const int64_t until = std::min(steps, from + steps_in_group);
          const int64_t output = task / (groups * chunks);
          Acc* const total = partial ? partial.get() + (group * outputs + output) * columns + first : local;
          if (plan.inner_reduced) {
            *total = run.reduce_rows(kept.offset[0], from, until);
          } else {
            run.reduce_columns(kept.offset[0], first, n, from, until, total);
          }
          if (!partial) finish(total, kept.offset[1], first, n);
          if (++at == groups * chunks) {
            at = 0;
            kept.next();
          }
        }
      });
  if (!partial) return;
  Odometer<2> kept(plan.kept, plan.kept.rank, 0);
  for (int64_t output = 0; output < outputs; ++output, kept.next()) {
    Acc* const total = partial.get() + output * columns;
    for (int64_t group = 1; group < groups; ++group) {
      const Acc* const next = partial.get() + (group * outputs + output) * columns;
      for (int64_t c = 0; c < columns; ++c) total[c] = R::join(total[c], next[c]);
    }
    finish(total, kept.offset[1], 0, columns);
  }
}

}  // namespace dlb::backend::cpu
