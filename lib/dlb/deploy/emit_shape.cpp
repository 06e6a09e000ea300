// Views, joins and indexing in ONNX.
#include <cmath>
#include <limits>
#include <map>

#include "dlb/deploy/emit.h"
#include "dlb/ops/create_defs.h"
#include "dlb/ops/index_defs.h"
#include "dlb/ops/scatter_reduce_defs.h"
#include "dlb/ops/shape_defs.h"

namespace dlb::deploy {

namespace {

constexpr int64_t kToTheEnd = std::numeric_limits<int64_t>::max();

std::vector<Size> out_sizes(const Emit& e, size_t i = 0) {
  std::vector<Size> sizes;
  for (int64_t d = 0; d < e.out_spec(i).rank(); ++d) sizes.push_back(e.out_dim(i, d));
  return sizes;
}

/// Sizes that are those of the input at the same place are 0, one other may be -1: so most reshapes need no
/// arithmetic on shapes.
void reshape(Emit& e) {
  const std::vector<Size> sizes = out_sizes(e);
  std::vector<int64_t> plain;
  size_t open = 0;
  bool empty = false;
  for (size_t d = 0; d < sizes.size(); ++d) {
    const bool kept = static_cast<int>(d) < e.spec(0).rank() && e.dim(0, static_cast<int64_t>(d)) == sizes[d];
    if (is_constant(sizes[d])) {
      plain.push_back(sizes[d][0]);
      empty = empty || sizes[d][0] == 0;
    } else if (kept) {
      plain.push_back(0);
    } else {
      plain.push_back(-1);
      ++open;
    }
  }
  if (open <= 1 && !empty) return e.output(e.add("Reshape", {e.in(0), e.ints(plain)}));
  e.output(e.add("Reshape", {e.in(0), e.sizes(sizes)}));
}

void permute(Emit& e) {
  e.output(e.add("Transpose", {e.in(0)}, {attribute("perm", e.attrs<PermuteAttrs>().dims)}));
}
void expand(Emit& e) { e.output(e.add("Expand", {e.in(0), e.sizes(out_sizes(e))})); }
void same(Emit& e) { e.output(e.in(0)); }

std::string sliced(Emit& e, const std::string& x, int64_t dim, const std::string& start,
                   const std::string& end, int64_t step) {
  return e.add("Slice", {x, start, end, e.ints({dim}), e.ints({step})});
}
void slice(Emit& e) {
  const auto& a = e.attrs<SliceAttrs>();
  const Size start = e.size<SliceAttrs>([](const SliceAttrs& s) { return s.start; });
  const Size end = e.size<SliceAttrs>([](const SliceAttrs& s) { return s.end; });
  const Size length = e.dim(0, a.dim);
  Size from_end;
  for (size_t k = 0; k < end.size(); ++k) from_end.push_back(end[k] - length[k]);
  // Counted from the end where that is the constant: "all but the last".
  std::string stop;
  if (end == length) {
    stop = e.ints({kToTheEnd});
  } else if (!is_constant(end) && is_constant(from_end)) {
    stop = e.ints({from_end[0]});
  } else {
    stop = e.sizes({end});
  }
  Size start_from_end;
  for (size_t k = 0; k < start.size(); ++k) start_from_end.push_back(start[k] - length[k]);
  const std::string first =
      !is_constant(start) && is_constant(start_from_end) ? e.ints({start_from_end[0]}) : e.sizes({start});
  e.output(sliced(e, e.in(0), a.dim, first, stop, a.step));
}

void split(Emit& e) {
  const auto& a = e.attrs<SplitAttrs>();
  std::vector<Size> sizes;
  for (size_t i = 0; i < a.sizes.size(); ++i)
    sizes.push_back(e.size<SplitAttrs>([i](const SplitAttrs& s) { return s.sizes[i]; }));
  const std::vector<std::string> parts =
      e.add_many("Split", {e.in(0), e.sizes(sizes)}, a.sizes.size(), {attribute("axis", a.dim)});
  for (size_t i = 0; i < parts.size(); ++i) e.output(parts[i], i);
}

void cat(Emit& e) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < e.inputs(); ++i) parts.push_back(e.in_as(i, e.out_spec().dtype));
  e.output(e.add("Concat", parts, {attribute("axis", e.attrs<CatAttrs>().dim)}));
}

void pad(Emit& e) {
  const auto& a = e.attrs<PadAttrs>();
  const size_t rank = static_cast<size_t>(e.spec(0).rank());
  // Ours begins with the last dimension, before and after; ONNX has all before, then all after.
  std::vector<Size> pads(2 * rank, Size(e.builder().traces(), 0));
  for (size_t i = 0; i < a.pad.size() / 2; ++i) {
    const size_t d = rank - 1 - i;
    pads[d] = e.size<PadAttrs>([i](const PadAttrs& p) { return p.pad[2 * i]; });
    pads[rank + d] = e.size<PadAttrs>([i](const PadAttrs& p) { return p.pad[2 * i + 1]; });
  }
  e.output(e.add("Pad", {e.in(0), e.sizes(pads), e.number(a.value, e.spec(0).dtype)}));
}

void flip(Emit& e) {
  const std::vector<int64_t>& dims = e.attrs<FlipAttrs>().dims;
  const size_t n = dims.size();
  e.output(e.add("Slice", {e.in(0), e.ints(std::vector<int64_t>(n, -1)),
                           e.ints(std::vector<int64_t>(n, -std::numeric_limits<int64_t>::max())),
                           e.ints(dims), e.ints(std::vector<int64_t>(n, -1))}));
}

void gather(Emit& e) {
  e.output(e.add("GatherElements", {e.in(0), e.in(1)}, {attribute("axis", e.attrs<IndexAttrs>().dim)}));
}
void index_select(Emit& e) {
  e.output(e.add("Gather", {e.in(0), e.in(1)}, {attribute("axis", e.attrs<IndexAttrs>().dim)}));
}
void embedding(Emit& e) { e.output(e.add("Gather", {e.in(0), e.in(1)}, {attribute("axis", int64_t{0})})); }
void scatter(Emit& e) {
  e.output(e.add("ScatterElements", {e.in(0), e.in(1), e.in_as(2, e.spec(0).dtype)},
                 {attribute("axis", e.attrs<IndexAttrs>().dim)}));
}
void scatter_add(Emit& e) {
  e.output(e.add("ScatterElements", {e.in(0), e.in(1), e.in_as(2, e.spec(0).dtype)},
                 {attribute("axis", e.attrs<IndexAttrs>().dim), attribute("reduction", "add")}));
}
/// Rows of input 2 added at, or copied to, places along a dimension: the index stretched over the others.
template <bool kAdd>
void index_write(Emit& e) {
  const int64_t dim = e.attrs<IndexAttrs>().dim;
  std::vector<int64_t> around(static_cast<size_t>(e.spec(0).rank()), 1);
  around[static_cast<size_t>(dim)] = -1;
  std::vector<Size> full;
  for (int64_t d = 0; d < e.spec(2).rank(); ++d) full.push_back(e.dim(2, d));
  const std::string index = e.add("Expand", {e.add("Reshape", {e.in(1), e.ints(around)}), e.sizes(full)});
  std::vector<graph::Attribute> attributes = {attribute("axis", dim)};
  if (kAdd) attributes.push_back(attribute("reduction", "add"));
  e.output(e.add("ScatterElements", {e.in(0), index, e.in_as(2, e.spec(0).dtype)}, attributes));
}

int64_t opset_of_scatter_reduce(const TracedNode& node) {
  const std::string& how = static_cast<const ScatterReduceAttrs*>(node.attrs.get())->reduce;
  return how == "amax" || how == "amin" ? 18 : 16;
}

/// Without include_self what stands where the index leads to is first replaced by what changes nothing.
void scatter_reduce(Emit& e) {
  struct How {
    const char* reduction;
    double neutral;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static const std::map<std::string_view, How> kHow = {{"sum", {"add", 0}},
                                                       {"mean", {"add", 0}},
                                                       {"prod", {"mul", 1}},
                                                       {"amax", {"max", -kInfinity}},
                                                       {"amin", {"min", kInfinity}}};
  const auto& a = e.attrs<ScatterReduceAttrs>();
  const DType t = e.out_spec().dtype;
  const How how = kHow.at(a.reduce);
  if (!is_floating(t) && (a.reduce == "mean" || (std::isinf(how.neutral) && !a.include_self)))
    e.unsupported("scatter_reduce by {} of whole numbers", a.reduce);
  const std::vector<graph::Attribute> plain = {attribute("axis", a.dim)};
  const std::vector<graph::Attribute> reduced = {attribute("axis", a.dim),
                                                 attribute("reduction", how.reduction)};
  const std::string index = e.in(1);
  const auto everywhere = [&](double value) {
    return e.add("Expand", {e.number(value, t), e.add("Shape", {index})});
  };
  std::string self = e.in(0);
  if (!a.include_self) self = e.add("ScatterElements", {self, index, everywhere(how.neutral)}, plain);
  std::string y = e.add("ScatterElements", {self, index, e.in(2)}, reduced);
  if (a.reduce == "mean") {
    const std::string own = e.add("Expand", {e.number(a.include_self ? 1 : 0, t), e.add("Shape", {y})});
    std::string counts = e.add("ScatterElements", {own, index, everywhere(1)}, reduced);
    if (!a.include_self) counts = e.add("Max", {counts, e.number(1, t)});
    y = e.add("Div", {y, counts});
  }
  e.output(y);
}

void nonzero(Emit& e) {
  e.output(
      e.add("Transpose", {e.add("NonZero", {e.in(0)})}, {attribute("perm", std::vector<int64_t>{1, 0})}));
}

/// Row-major position of (index 0, index 1, ...), each of which may count from the end.
void flat_index(Emit& e) {
  const size_t n = e.inputs();
  std::string flat;
  for (size_t i = 0; i < n; ++i) {
    const Size size = e.size<FlatIndexAttrs>([i](const FlatIndexAttrs& a) { return a.sizes[i]; });
    const std::string length = e.sizes({size});
    std::string index = e.in_as(i, DType::kInt64);
    const std::string negative = e.add("Less", {index, e.number(0, DType::kInt64)});
    index = e.add("Where", {negative, e.add("Add", {index, length}), index});
    // Lengths are vectors of one; of an index without dimensions the result must have none either.
    flat = flat.empty() ? index : e.add("Add", {e.add("Mul", {flat, length}), index});
  }
  if (e.out_spec().rank() == 0) flat = e.add("Reshape", {flat, e.ints({})});
  e.output(flat);
}

void one_hot(Emit& e) {
  const DType t = e.out_spec().dtype;
  const Tensor values = Tensor::from(std::vector<float>{0, 1}, {2});
  const std::string depth =
      e.constant(Tensor::scalar(static_cast<double>(e.attrs<OneHotAttrs>().num_classes), DType::kInt64));
  const std::string y =
      e.add("OneHot", {e.in(0), depth, e.constant(values)}, {attribute("axis", int64_t{-1})});
  e.output(t == DType::kFloat32 ? y : e.cast(y, t));
}

void full(Emit& e) {
  const double value = e.attrs<FullAttrs>().fill_value;
  const DType t = e.out_spec().dtype;
  std::string number = e.number(value, t);
  const auto same = [&](size_t k) {
    const double other = e.attrs<FullAttrs>(k).fill_value;
    return other == value || (std::isnan(other) && std::isnan(value));
  };
  bool fixed = true;
  for (size_t k = 1; k < e.builder().traces(); ++k) fixed = fixed && same(k);
  if (!fixed) {
    // A size as a value.
    const Size values = e.size<FullAttrs>([&](const FullAttrs& a) {
      constexpr double kMost = 9007199254740992;
      const bool whole = std::abs(a.fill_value) < kMost && a.fill_value == std::floor(a.fill_value);
      if (!whole) e.unsupported("a constant that depends on the sizes of the inputs");
      return static_cast<int64_t>(a.fill_value);
    });
    number = e.cast(e.size_scalar(values), t);
  }
  if (e.out_spec().rank() == 0) return e.output(number);
  e.output(e.add("Expand", {number, e.sizes(out_sizes(e))}));
}

void arange(Emit& e) {
  const auto& a = e.attrs<ArangeAttrs>();
  const DType t = e.out_spec().dtype;
  for (size_t k = 0; k < e.builder().traces(); ++k) {
    if (e.attrs<ArangeAttrs>(k).start != a.start || e.attrs<ArangeAttrs>(k).step != a.step)
      e.unsupported("a range whose start depends on the sizes of the inputs");
  }
  const std::string zero = e.number(0, DType::kInt64), one = e.number(1, DType::kInt64);
  std::string y = e.add("Range", {zero, e.size_scalar(e.out_dim(0, 0)), one});
  if (t != DType::kInt64) y = e.cast(y, t);
  if (a.step != 1) y = e.add("Mul", {y, e.number(a.step, t)});
  if (a.start != 0) y = e.add("Add", {y, e.number(a.start, t)});
  e.output(y);
}

void eye(Emit& e) {
  const std::string rows = e.add(
      "Range", {e.number(0, DType::kInt64), e.size_scalar(e.out_dim(0, 0)), e.number(1, DType::kInt64)});
  const std::string columns = e.add(
      "Range", {e.number(0, DType::kInt64), e.size_scalar(e.out_dim(0, 1)), e.number(1, DType::kInt64)});
  const std::string equal = e.add("Equal", {e.add("Unsqueeze", {rows, e.ints({1})}), columns});
  e.output(e.cast(equal, e.out_spec().dtype));
}

/// Elements of the diagonal: those that a mask leaves, summed along the second dimension.
void diagonal(Emit& e) {
  const auto& a = e.attrs<DiagonalAttrs>();
  const int64_t rank = e.spec(0).rank();
  if (a.offset != 0 || a.dim1 != rank - 2 || a.dim2 != rank - 1 || e.dim(0, a.dim1) != e.dim(0, a.dim2) ||
      !is_floating(e.spec(0).dtype))
    e.unsupported("a diagonal other than the main one of square matrices");
  const std::string rows = e.add(
      "Range", {e.number(0, DType::kInt64), e.size_scalar(e.dim(0, a.dim1)), e.number(1, DType::kInt64)});
  const std::string index = e.add("Unsqueeze", {rows, e.ints({-1})});
  std::vector<Size> shape;
  for (int64_t d = 0; d < rank - 1; ++d) shape.push_back(e.dim(0, d));
  shape.push_back(Size(e.builder().traces(), 1));
  const std::string stretched = e.add("Expand", {index, e.sizes(shape)});
  e.output(e.add("Squeeze", {e.add("GatherElements", {e.in(0), stretched}, {attribute("axis", rank - 1)}),
                             e.ints({-1})}));
}

/// The bag of each place: how many bags start up to it, less one.
void bag_of(Emit& e) {
  const auto& a = e.attrs<BagAttrs>();
  const std::string one = e.ints({1}), minus_one = e.number(-1, DType::kInt64);
  const std::string starts = e.in_as(1, DType::kInt64);
  // A last bag without places starts behind them all.
  const std::string places = e.add("Add", {e.sizes({e.dim(0, 0)}), one});
  const std::string none = e.add("Expand", {e.number(0, DType::kInt64), places});
  const std::string ones = e.add("Expand", {e.number(1, DType::kInt64), e.add("Shape", {starts})});
  const std::string marks = e.add("ScatterElements", {none, starts, ones},
                                  {attribute("axis", int64_t{0}), attribute("reduction", "add")});
  const std::string started = e.add("CumSum", {marks, e.number(0, DType::kInt64)});
  std::string bag =
      e.add("Add", {e.add("Slice", {started, e.ints({0}), e.ints({-1}), e.ints({0})}), minus_one});
  if (a.include_last_offset) {
    const std::string bags = e.add("Add", {e.add("Shape", {starts}), minus_one});
    bag = e.add("Where", {e.add("Less", {bag, bags}), bag, minus_one});
  }
  if (a.padding_idx >= 0) {
    const std::string padding =
        e.add("Equal",
              {e.in_as(0, DType::kInt64), e.constant(Tensor::from(std::vector<int64_t>{a.padding_idx}, {}))});
    bag = e.add("Where", {padding, minus_one, bag});
  }
  e.output(bag);
}

constexpr EmitterRow kRows[] = {
    {"reshape", &reshape},
    {"permute", &permute},
    {"expand", &expand},
    {"contiguous", &same},
    {"slice", &slice},
    {"split", &split},
    {"cat", &cat},
    {"pad", &pad},
    {"flip", &flip},
    {"gather", &gather},
    {"index_select", &index_select},
    {"embedding", &embedding},
    {"scatter", &scatter},
    {"scatter_add", &scatter_add},
    {"index_add", &index_write<true>},
    {"index_copy", &index_write<false>},
    {"scatter_reduce", &scatter_reduce, &opset_of_scatter_reduce},
    {"nonzero", &nonzero},
    {"flat_index", &flat_index},
    {"one_hot", &one_hot},
    {"full", &full},
    {"arange", &arange},
    {"eye", &eye},
    {"diagonal", &diagonal},
    {"bag_of", &bag_of},
};

}  // namespace

std::span<const EmitterRow> shape_emitters() { return kRows; }

}  // namespace dlb::deploy
