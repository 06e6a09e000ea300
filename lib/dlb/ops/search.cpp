#include "dlb/ops/search.h"

#include <cmath>
#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/search_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields SearchAttrs::fields() {
  static const Field list[] = {field<&SearchAttrs::right>("right", "count equal elements too"),
                               field<&SearchAttrs::out_int32>("out_int32", "give int32, not int64")};
  return list;
}

namespace {

void infer_searchsorted(Infer& c, const SearchAttrs& a) {
  c.same_dtype(0, 1);
  const Shape& sequence = c.input(0).shape;
  const Shape& values = c.input(1).shape;
  if (sequence.empty()) c.fail_shape("expects a sequence with dimensions, got a 0-d tensor");
  bool fits = sequence.size() == 1 || sequence.size() == values.size();
  for (size_t i = 0; fits && sequence.size() > 1 && i + 1 < sequence.size(); ++i) {
    fits = sequence[i] == values[i];
  }
  if (!fits) {
    c.fail_shape(
        "expects a sequence [n], or one that agrees with values {} but for the last dimension; got {}",
        shape_text(values), shape_text(sequence));
  }
  if (c.has(2)) {
    if (c.input(2).dtype != DType::kInt64) {
      c.fail_dtype("expects a sorter of dtype int64, got {}", dtype_name(c.input(2).dtype));
    }
    if (!(c.input(2).shape == sequence)) {
      c.fail_shape("expects a sorter of the sequence's shape {}, got {}", shape_text(sequence),
                   shape_text(c.input(2).shape));
    }
  }
  c.output(values, a.out_int32 ? DType::kInt32 : DType::kInt64);
}

void infer_row_order(Infer& c, const NoAttrs&) {
  c.rank(0, 2);
  c.output({c.input(0).shape[0]}, DType::kInt64);
}

double comparisons(const Tensor& x) { return std::log2(static_cast<double>(x.numel()) + 1); }

void needs_data(const Tensor& x, std::string_view function) {
  if (x.is_meta()) {
    fail(ErrorKind::kUnsupported, "{} needs the data of its input to know the shape of its result", function);
  }
}

/// Runs of equal neighbours among `size` things, from changed [size - 1], whether each but the first differs
/// from the one before.
struct Runs {
  Tensor run;     ///< int64 [size]: which run each belongs to
  Tensor starts;  ///< int64 [runs]
  Tensor counts;  ///< int64 [runs]
};
Runs runs_of(const Tensor& changed, int64_t size) {
  Runs runs;
  if (size == 0) {
    runs.run = runs.starts = runs.counts = zeros({0}, DType::kInt64);
    return runs;
  }
  runs.run = cumsum(cat({zeros({1}, DType::kInt64), cast(changed, DType::kInt64)}, 0), 0);
  const auto count = static_cast<int64_t>(select(runs.run, 0, size - 1).item()) + 1;
  runs.starts = searchsorted(runs.run, arange(0, static_cast<double>(count)));
  runs.counts = diff(runs.starts, 1, 0, {}, full({1}, static_cast<double>(size), DType::kInt64));
  return runs;
}

/// Which of x's rows [n, m] differ from the one before: [n - 1].
Tensor changed_rows(const Tensor& rows) {
  const int64_t left = std::max<int64_t>(rows.dim(0) - 1, 0);
  return any(ne(narrow(rows, 0, rows.dim(0) - left, left), narrow(rows, 0, 0, left)), {1});
}

/// The slices of x along dim as rows.
Tensor slices(const Tensor& x, int64_t dim, std::string_view function) {
  if (x.rank() == 0) fail(ErrorKind::kShape, "{} along a dim expects dimensions, got a 0-d tensor", function);
  const int d = normalize_dim(dim, x.rank());
  Shape rows = {x.dim(d), 1};
  Dims order = {d};
  for (int i = 0; i < x.rank(); ++i) {
    if (i == d) continue;
    if (x.dim(i) == 0) {
      fail(ErrorKind::kShape, "{} expects no other dimension than dim {} to be empty, got {}", function, dim,
           shape_text(x.shape()));
    }
    rows[1] *= x.dim(i);
    order.push_back(i);
  }
  return reshape(permute(x, order), rows);
}

/// The inverse permutation's effect: y[order[i]] = x[i].
Tensor put_back(const Tensor& x, const Tensor& order) { return scatter_add(zeros_like(x), 0, order, x); }

}  // namespace

const OpDef& op::searchsorted() {
  static const OpDef op = define<SearchAttrs>(
      {.name = "searchsorted",
       .doc = "where values would be inserted in a sorted sequence",
       .infer = infer_searchsorted,
       .saves = Saves::kNothing,
       .cost = [](Inputs in, Inputs out, const SearchAttrs&) {
         return Cost{static_cast<double>(out[0].numel()) * comparisons(in[0]), moved_bytes(in, out)};
       }});
  return op;
}
const OpDef& op::row_order() {
  static const OpDef op =
      define({.name = "row_order",
              .doc = "the order that sorts rows lexicographically",
              .infer = infer_row_order,
              .saves = Saves::kNothing,
              .cost = [](Inputs in, Inputs out, const NoAttrs&) {
                return Cost{static_cast<double>(in[0].numel()) * comparisons(out[0]), moved_bytes(in, out)};
              }});
  return op;
}

std::span<const OpDef* const> search_ops() {
  static const OpDef* const ops[] = {&op::searchsorted(), &op::row_order()};
  return ops;
}

Tensor searchsorted(const Tensor& sequence, const Tensor& values, bool right, bool out_int32,
                    const Tensor& sorter) {
  const DType dtype = promote(sequence.dtype(), values.dtype());
  return apply1<SearchAttrs>(op::searchsorted(),
                             {cast(sequence.detach(), dtype), cast(values.detach(), dtype), sorter},
                             {right, out_int32});
}

Tensor bucketize(const Tensor& x, const Tensor& boundaries, bool right, bool out_int32) {
  if (boundaries.rank() != 1) {
    fail(ErrorKind::kShape, "bucketize expects boundaries [n], got {}", shape_text(boundaries.shape()));
  }
  return searchsorted(boundaries, x, right, out_int32);
}

Tensor isin(const Tensor& elements, const Tensor& candidates, bool invert) {
  const DType dtype = promote_operands(std::array{elements, candidates});
  const Tensor x = cast(elements.detach(), dtype);
  if (candidates.numel() == 0) {
    return full(x.shape(), invert ? 1 : 0, DType::kBool, x.device());
  }
  Tensor list = cast(flatten(candidates.detach()), dtype);
  Tensor count = full({}, static_cast<double>(candidates.numel()), DType::kInt64, x.device());
  if (is_floating(dtype)) {
    // A NaN equals nothing, and a search does not find its way past one: they become infinities that do not
    // count.
    const Tensor nan = isnan(list);
    list = where(nan, full({}, std::numeric_limits<double>::infinity(), dtype, x.device()), list);
    count = sub(count, sum(nan));
  }
  const Tensor sorted = sort(list, 0).first;
  const Tensor at = searchsorted(sorted, x);
  const Tensor counts = lt(at, count);
  const Tensor place = where(counts, at, zeros({}, DType::kInt64, x.device()));
  const Tensor found = reshape(index_select(sorted, 0, flatten(place)), x.shape());
  const Tensor in = logical_and(counts, eq(found, x));
  return invert ? logical_not(in) : in;
}

Distinct unique(const Tensor& x) {
  needs_data(x, "unique");
  const auto [sorted, order] = sort(flatten(x.detach()), 0);
  Distinct d = unique_consecutive(sorted);
  d.inverse = reshape(put_back(d.inverse, order), x.shape());
  return d;
}

Distinct unique(const Tensor& x, int64_t dim) {
  needs_data(x, "unique");
  const Tensor order = apply1(op::row_order(), {slices(x.detach(), dim, "unique")});
  Distinct d = unique_consecutive(index_select(x.detach(), dim, order), dim);
  d.inverse = put_back(d.inverse, order);
  return d;
}

Distinct unique_consecutive(const Tensor& x) {
  needs_data(x, "unique_consecutive");
  const Tensor flat = flatten(x.detach());
  const int64_t n = flat.dim(0);
  const Runs runs = runs_of(changed_rows(unsqueeze(flat, 1)), n);
  return {index_select(flat, 0, runs.starts), reshape(runs.run, x.shape()), runs.counts};
}

Distinct unique_consecutive(const Tensor& x, int64_t dim) {
  needs_data(x, "unique_consecutive");
  const Tensor rows = slices(x.detach(), dim, "unique_consecutive");
  const Runs runs = runs_of(changed_rows(rows), rows.dim(0));
  return {index_select(x.detach(), dim, runs.starts), runs.run, runs.counts};
}

}  // namespace dlb
