#include "dlb/ops/scatter_reduce.h"

#include <array>
#include <limits>
#include <string>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/require.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/scatter_reduce_defs.h"
#include "dlb/ops/search.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

constexpr std::array<std::string_view, 5> kScatterNames = {"sum", "prod", "mean", "amax", "amin"};
constexpr std::array<std::string_view, 5> kSegmentNames = {"sum", "prod", "mean", "max", "min"};

template <class E>
E from_name(const std::array<std::string_view, 5>& names, std::string_view name, std::string_view function) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  fail(ErrorKind::kUnsupported, "{} expects reduce {}, {}, {}, {} or {}, got '{}'", function, names[0],
       names[1], names[2], names[3], names[4], name);
}

}  // namespace

ScatterReduction scatter_reduction_from_name(std::string_view name) {
  return from_name<ScatterReduction>(kScatterNames, name, "scatter_reduce");
}
SegmentReduction segment_reduction_from_name(std::string_view name) {
  return from_name<SegmentReduction>(kSegmentNames, name, "segment_reduce");
}

Fields ScatterReduceAttrs::fields() {
  static const Field list[] = {
      field<&ScatterReduceAttrs::dim>("dim", "dimension that is indexed"),
      field<&ScatterReduceAttrs::reduce>("reduce", "sum, prod, mean, amax or amin",
                                         one_of({"sum", "prod", "mean", "amax", "amin"})),
      field<&ScatterReduceAttrs::include_self>("include_self", "reduce the input's elements too")};
  return list;
}

namespace {

void infer_scatter_reduce(Infer& c, const ScatterReduceAttrs& a) {
  scatter_reduction_from_name(a.reduce);
  const DType index_dtype = c.input(1).dtype;
  if (index_dtype != DType::kInt64 && index_dtype != DType::kInt32) {
    c.fail_dtype("expects an index of dtype int64 or int32, got {}", dtype_name(index_dtype));
  }
  c.same_dtype(0, 2);
  const Shape& x = c.input(0).shape;
  const Shape& index = c.input(1).shape;
  const auto dim = static_cast<size_t>(c.dim(0, a.dim));
  bool fits = x.size() == index.size() && !x.empty();
  for (size_t i = 0; fits && i < x.size(); ++i) fits = i == dim || index[i] <= x[i];
  if (!fits) {
    c.fail_shape("expects an index of input {}'s rank, no larger but along dim {}; got {}", shape_text(x),
                 a.dim, shape_text(index));
  }
  if (!(c.input(2).shape == index)) {
    c.fail_shape("expects a source {}, got {}", shape_text(index), shape_text(c.input(2).shape));
  }
  c.output(x, c.input(0).dtype);
}

/// t moved by one along dim, towards the end or the start, with `edge` moved in.
Tensor moved(const Tensor& t, int64_t dim, bool to_end, double edge) {
  const int64_t n = t.dim(dim);
  Shape shape = t.shape();
  shape[static_cast<size_t>(normalize_dim(dim, t.rank()))] = 1;
  const Tensor entering = full(shape, edge, t.dtype(), t.device());
  if (to_end) return cat({entering, narrow(t, dim, 0, n - 1)}, dim);
  return cat({narrow(t, dim, 1, n - 1), entering}, dim);
}

/// For each element of src the product of the others that go to the same place: elements sorted by place,
/// products of those before times those after. Exact where elements are zero, to any order.
Tensor products_of_others(const Tensor& src, const Tensor& index, int64_t dim) {
  const auto [place, order] = sort(cast(index, DType::kInt64), dim);
  const Tensor sorted = gather(src, dim, order);
  Tensor result = ones(src.shape(), src.dtype(), src.device());
  for (const bool before : {true, false}) {
    const Tensor continued = eq(place, moved(place, dim, before, -1));
    const Tensor zero = full({}, 0, src.dtype(), src.device());
    const Tensor factor = where(continued, moved(sorted, dim, before, 0), zero);
    const Tensor start = cast(logical_not(continued), src.dtype());
    result = result * linear_recurrence(factor, start, dim, !before);
  }
  return scatter_add(zeros(src.shape(), src.dtype(), src.device()), dim, order, result);
}

void vjp_scatter_reduce(Vjp& c, const ScatterReduceAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor& index = c.input(1);
  const Tensor& src = c.input(2);
  const Tensor& g = c.grad(0);
  if (index.numel() == 0) {
    if (c.needs(0)) c.input_grad(0, g);
    if (c.needs(2)) c.input_grad(2, zeros_like(src));
    return;
  }
  const auto at_index = [&](const Tensor& t) { return gather(t, a.dim, index); };
  const auto counts = [&] {
    return scatter_add(zeros(x.shape(), x.dtype(), x.device()), a.dim, index,
                       ones(src.shape(), x.dtype(), x.device()));
  };
  Tensor to_x = g;
  Tensor to_src;
  switch (scatter_reduction_from_name(a.reduce)) {
    case ScatterReduction::kSum:
      to_src = at_index(g);
      break;
    case ScatterReduction::kMean: {
      const Tensor n = counts() + (a.include_self ? 1.0 : 0.0);
      to_x = g / clamp(n, 1, std::numeric_limits<double>::infinity());
      to_src = at_index(to_x);
      break;
    }
    case ScatterReduction::kProd:
      if (c.needs(0) && a.include_self) {
        to_x = g * scatter_reduce(ones(x.shape(), x.dtype(), x.device()), a.dim, index, src,
                                  ScatterReduction::kProd);
      }
      if (c.needs(2)) {
        to_src = at_index(g) * products_of_others(src, index, a.dim);
        if (a.include_self) to_src = to_src * at_index(x);
      }
      break;
    default: {
      const Tensor y = c.output(0).detach();
      const Tensor x_is = cast(eq(x, y), x.dtype());
      const Tensor src_is = cast(eq(src, at_index(y)), x.dtype());
      const Tensor share = g / scatter_add(x_is, a.dim, index, src_is);
      to_x = x_is * share;
      to_src = src_is * at_index(share);
      break;
    }
  }
  if (c.needs(0)) {
    if (!a.include_self) to_x = where(gt(counts(), 0), full({}, 0, g.dtype(), g.device()), to_x);
    c.input_grad(0, to_x);
  }
  if (c.needs(2)) c.input_grad(2, to_src);
}

}  // namespace

const OpDef& op::scatter_reduce() {
  static const OpDef op =
      define<ScatterReduceAttrs>({.name = "scatter_reduce",
                                  .doc = "x with elements reduced into it at an index",
                                  .infer = infer_scatter_reduce,
                                  .vjp = vjp_scatter_reduce,
                                  .saves = Saves::kBoth,
                                  .cost = [](Inputs in, Inputs out, const ScatterReduceAttrs&) {
                                    return Cost{static_cast<double>(in[2].numel()), moved_bytes(in, out)};
                                  }});
  return op;
}

std::span<const OpDef* const> scatter_reduce_ops() {
  static const OpDef* const ops[] = {&op::scatter_reduce()};
  return ops;
}

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                      ScatterReduction reduction, bool include_self) {
  if (x.rank() == 0 && index.rank() <= 1 && src.rank() <= 1) {
    normalize_dim(dim, 0);
    return reshape(scatter_reduce(reshape(x, {1}), 0, flatten(index), flatten(src), reduction, include_self),
                   {});
  }
  Tensor part = src;
  if (src.rank() == index.rank()) {
    for (int64_t i = 0; i < src.rank(); ++i) {
      if (index.dim(i) < part.dim(i)) part = narrow(part, i, 0, index.dim(i));
    }
  }
  return apply1<ScatterReduceAttrs>(
      op::scatter_reduce(), {x, index, part},
      {dim, std::string(kScatterNames[static_cast<size_t>(reduction)]), include_self});
}

namespace {

/// Bounds of the segments: [*, segments + 1], checked to rise within [0, n].
Tensor segment_bounds(const Tensor& lengths, const Tensor& offsets, int64_t n, bool may_leave_out) {
  Tensor bounds;
  if (lengths.defined()) {
    Shape edge = lengths.shape();
    edge.back() = 1;
    bounds = cat({zeros(edge, DType::kInt64, lengths.device()), cumsum(lengths, -1)}, -1);
  } else {
    bounds = cast(offsets, DType::kInt64);
  }
  if (!bounds.is_meta() && bounds.numel() > 0) {
    const Tensor lengths_found = diff(bounds, 1, -1);
    const bool rises = lengths_found.numel() == 0 || amin(lengths_found).item() >= 0;
    const double most = amax(bounds).item();
    if (!rises || amin(bounds).item() < 0 || most > static_cast<double>(n)) {
      fail(ErrorKind::kData, "segment_reduce expects segments one after the other within {} elements", n);
    }
    if (lengths.defined() && !may_leave_out &&
        (amin(select(bounds, -1, bounds.dim(-1) - 1)).item() < static_cast<double>(n))) {
      fail(ErrorKind::kData, "segment_reduce expects lengths that add up to {}, the size of the axis", n);
    }
  }
  return bounds;
}

}  // namespace

Tensor segment_reduce(const Tensor& x, SegmentReduction reduction, const Tensor& lengths,
                      const Tensor& offsets, int64_t axis, std::optional<double> initial,
                      bool may_leave_out) {
  require_floating(x, "segment_reduce");
  if (lengths.defined() == offsets.defined()) {
    fail(ErrorKind::kUnsupported, "segment_reduce expects either lengths or offsets");
  }
  const Tensor& given = lengths.defined() ? lengths : offsets;
  if (!is_integral(given.dtype())) {
    fail(ErrorKind::kDtype, "segment_reduce expects lengths or offsets of an integer dtype, got {}",
         dtype_name(given.dtype()));
  }
  const auto at = static_cast<size_t>(normalize_dim(axis, x.rank()));
  bool fits = x.rank() > 0 && given.rank() == static_cast<int>(at) + 1 &&
              given.dim(-1) >= (lengths.defined() ? 0 : 1);
  for (size_t i = 0; fits && i < at; ++i) fits = given.shape()[i] == x.shape()[i];
  if (!fits) {
    fail(ErrorKind::kShape,
         "segment_reduce expects lengths or offsets whose dimensions are those of input {} before axis {}, "
         "and "
         "one more; got {}",
         shape_text(x.shape()), axis, shape_text(given.shape()));
  }
  const int64_t n = x.shape()[at];
  const Tensor bounds = segment_bounds(lengths, offsets, n, may_leave_out);
  const int64_t segments = bounds.dim(-1) - 1;

  // Which segment each element belongs to; elements of none go to one more at the end.
  Shape positions_shape = bounds.shape();
  positions_shape.back() = n;
  const Tensor positions =
      expand(arange(0, static_cast<double>(n), 1, DType::kInt64, x.device()), positions_shape);
  const Tensor beyond = full({}, static_cast<double>(segments), DType::kInt64, x.device());
  Tensor segment = searchsorted(narrow(bounds, -1, 1, segments), positions, true);
  segment = where(lt(positions, narrow(bounds, -1, 0, 1)), beyond, segment);
  Shape shape = positions_shape;
  for (size_t i = at + 1; i < x.shape().size(); ++i) shape.push_back(1);
  const Tensor index = expand(reshape(segment, shape), x.shape());

  Shape groups = x.shape();
  groups[at] = segments + 1;
  const auto dim = static_cast<int64_t>(at);
  const auto reduced = [&](ScatterReduction how, double start) {
    const Tensor self = full(groups, start, x.dtype(), x.device());
    return narrow(scatter_reduce(self, dim, index, x, how), dim, 0, segments);
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto number = [&](double v) { return full({}, v, x.dtype(), x.device()); };
  switch (reduction) {
    case SegmentReduction::kSum:
      return reduced(ScatterReduction::kSum, initial.value_or(0));
    case SegmentReduction::kProd:
      return reduced(ScatterReduction::kProd, initial.value_or(1));
    case SegmentReduction::kMean: {
      const Tensor total = reduced(ScatterReduction::kSum, initial.value_or(0));
      Shape counts_shape = bounds.shape();
      counts_shape.back() = segments;
      for (size_t i = at + 1; i < x.shape().size(); ++i) counts_shape.push_back(1);
      const Tensor counts = cast(reshape(diff(bounds, 1, -1), counts_shape), x.dtype());
      const Tensor of_nothing = number(initial.value_or(std::numeric_limits<double>::quiet_NaN()));
      return where(eq(counts, 0), of_nothing, total / clamp(counts, 1, kInfinity));
    }
    default:
      break;
  }
  const bool largest = reduction == SegmentReduction::kMax;
  const Tensor y =
      reduced(largest ? ScatterReduction::kAmax : ScatterReduction::kAmin, largest ? -kInfinity : kInfinity);
  if (!initial) return y;
  const Tensor start_wins = largest ? lt(y, *initial) : gt(y, *initial);
  return where(start_wins, number(*initial), y);
}

}  // namespace dlb
