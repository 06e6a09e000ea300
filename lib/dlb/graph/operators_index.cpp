// Operators of ONNX that pick elements by index, write them, or find distinct ones.
#include <algorithm>
#include <map>
#include <numeric>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/join.h"
#include "dlb/ops/scatter.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/search.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

Tensor vector_of(const std::vector<int64_t>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

Shape joined_shape(Shape a, const Shape& b) {
  for (const int64_t size : b) a.push_back(size);
  return a;
}

void gather_node(Call& c) {
  const Value& v = c.value(0);
  const Shape from = v.shape();
  const int64_t axis = c.axis(c.attribute("axis", int64_t{0}), static_cast<int>(from.size()));
  const Tensor index = from_front(c.tensor(1), from[static_cast<size_t>(axis)]);
  const Shape before(from.begin(), from.begin() + axis), after(from.begin() + axis + 1, from.end());
  const Shape shape = joined_shape(joined_shape(before, index.shape()), after);
  numel(shape);  // refuses sizes that overflow
  c.output(moved(c, v, [&](const Tensor& x) {
    return reshape(index_select(x, axis, reshape(index, {index.numel()})), shape);
  }));
}

void gather_elements(Call& c) {
  const Value& v = c.value(0);
  const Shape from = v.shape();
  const int64_t axis = c.axis(c.attribute("axis", int64_t{0}), static_cast<int>(from.size()));
  const Tensor index = from_front(c.tensor(1), from[static_cast<size_t>(axis)]);
  c.output(moved(c, v, [&](const Tensor& x) { return gather(x, axis, index); }));
}

/// Where tuples of indices point to in a tensor seen as [places, rest].
struct Places {
  Tensor index;  ///< int64 [tuples]
  Shape tuples;  ///< sizes of the index without its last
  Shape rest;    ///< sizes behind those that a tuple names
  int64_t places = 1;
};

Places places_of(const Call& c, const Shape& from, const Tensor& index, int64_t batch) {
  const int64_t rank = static_cast<int64_t>(from.size());
  const int64_t depth = index.rank() == 0 ? 0 : index.dim(-1);
  if (index.rank() == 0 || depth < 1 || batch < 0 || batch >= index.rank() || batch + depth > rank) {
    c.fail("indices of shape {} do not fit data of shape {} with {} batch dimensions",
           shape_text(index.shape()), shape_text(from), batch);
  }
  Places p;
  p.tuples = Shape(index.shape().begin(), index.shape().end() - 1);
  p.rest = Shape(from.begin() + batch + depth, from.end());
  for (int64_t i = 0; i < batch; ++i) {
    if (from[static_cast<size_t>(i)] != p.tuples[static_cast<size_t>(i)])
      c.fail("batch dimension {} is {} of data, {} of indices", i, from[static_cast<size_t>(i)],
             p.tuples[static_cast<size_t>(i)]);
  }
  std::vector<Tensor> columns;
  const Shape sizes(from.begin() + batch, from.begin() + batch + depth);
  for (int64_t i = 0; i < depth; ++i) columns.push_back(cast(select(index, -1, i), DType::kInt64));
  Tensor flat = flat_index(columns, sizes);
  const int64_t batches = numel(Shape(from.begin(), from.begin() + batch));
  const int64_t each = numel(sizes);
  if (batch > 0) {
    Shape shape(p.tuples.size(), 1);
    std::copy(from.begin(), from.begin() + batch, shape.begin());
    const Tensor size = Tensor::from(std::vector<int64_t>{each}, {});
    flat = add(flat, reshape(mul(arange(0, static_cast<double>(batches)), size), shape));
  }
  p.index = reshape(flat, {flat.numel()});
  p.places = batches * each;
  return p;
}

void gather_nd(Call& c) {
  const Value& v = c.value(0);
  const Places p = places_of(c, v.shape(), c.tensor(1), c.attribute("batch_dims", int64_t{0}));
  const Shape shape = joined_shape(p.tuples, p.rest);
  numel(shape);  // refuses sizes that overflow
  c.output(moved(c, v, [&](const Tensor& x) {
    return reshape(index_select(reshape(x, {p.places, numel(p.rest)}), 0, p.index), shape);
  }));
}

/// Writes src into x at index along dim, as the attribute `reduction` says.
Tensor written(const Call& c, const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  const std::string how = c.attribute("reduction", "none");
  if (how == "none") return scatter(x, dim, index, src);
  const Element e = c.element(0);
  if (how == "add" && e == Element::kBool) return scatter_reduce(x, dim, index, src, ScatterReduction::kAmax);
  if (how == "mul" && e == Element::kBool) return scatter_reduce(x, dim, index, src, ScatterReduction::kAmin);
  if (how == "add") return scatter_reduce(x, dim, index, src, ScatterReduction::kSum);
  if (how == "mul") return scatter_reduce(x, dim, index, src, ScatterReduction::kProd);
  if (how != "max" && how != "min") c.fail("reduction must be none, add, mul, max or min, got '{}'", how);
  const ScatterReduction reduction = how == "max" ? ScatterReduction::kAmax : ScatterReduction::kAmin;
  return ordered(scatter_reduce(ordered(x, e), dim, index, ordered(src, e), reduction), e);
}

void give_written(Call& c, Value v) {
  if (v.is_tensor()) v.tensor = fit(v.tensor, v.element);
  c.output(std::move(v));
}

void refuse_reduced_texts(const Call& c) {
  if (c.value(0).is_texts() && c.attribute("reduction", "none") != "none") c.fail("texts are not reduced");
}

void scatter_elements(Call& c) {
  refuse_reduced_texts(c);
  const Shape from = c.value(0).shape();
  const int64_t axis = c.axis(c.attribute("axis", int64_t{0}), static_cast<int>(from.size()));
  const Tensor index = from_front(c.tensor(1), from[static_cast<size_t>(axis)]);
  if (index.shape() != c.value(2).shape()) {
    c.fail("indices have shape {}, updates {}", shape_text(index.shape()), shape_text(c.value(2).shape()));
  }
  give_written(c, joined(c, {c.value(0), c.value(2)},
                         [&](const std::vector<Tensor>& t) { return written(c, t[0], axis, index, t[1]); }));
}

void scatter_nd(Call& c) {
  refuse_reduced_texts(c);
  const Shape from = c.value(0).shape();
  const Places p = places_of(c, from, c.tensor(1), 0);
  const Shape expected = joined_shape(p.tuples, p.rest);
  if (c.value(2).shape() != expected) {
    c.fail("updates have shape {}, expected {}", shape_text(c.value(2).shape()), shape_text(expected));
  }
  const int64_t rest = numel(p.rest), tuples = p.index.numel();
  give_written(c, joined(c, {c.value(0), c.value(2)}, [&](const std::vector<Tensor>& t) {
                 const Tensor index = contiguous(expand(unsqueeze(p.index, 1), {tuples, rest}));
                 const Tensor x = reshape(t[0], {p.places, rest}), src = reshape(t[1], {tuples, rest});
                 return reshape(written(c, x, 0, index, src), from);
               }));
}

/// A cache of which some places along an axis are overwritten, others for each sample.
void tensor_scatter(Call& c) {
  const Tensor past = c.tensor(0), update = c.tensor(1);
  const int64_t axis = c.axis(c.attribute("axis", int64_t{-2}), past.rank());
  const std::string mode = c.attribute("mode", "linear");
  if (mode != "linear" && mode != "circular") c.fail("mode must be linear or circular, got '{}'", mode);
  if (axis == 0) c.fail("axis 0 is that of the batch");
  const int64_t batch = past.dim(0), length = past.dim(axis);
  const int64_t count = update.rank() == past.rank() ? update.dim(axis) : -1;
  Shape expected = past.shape();
  expected[static_cast<size_t>(axis)] = count;
  if (count < 0 || update.shape() != expected || count > length)
    c.fail("update is {}, the cache {}", describe(c.value(1)), describe(c.value(0)));
  const std::vector<int64_t> starts =
      c.has(2) ? c.integers(2) : std::vector<int64_t>(static_cast<size_t>(batch), 0);
  if (static_cast<int64_t>(starts.size()) != batch)
    c.fail("{} write indices for {} samples", starts.size(), batch);
  const Tensor places = Tensor::empty({batch * count}, DType::kInt64);
  int64_t* place = places.data<int64_t>();
  for (const int64_t start : starts) {
    const bool fits = start >= 0 && (mode == "circular" || start <= length - count);
    if (!fits) c.fail("{} elements written at {} of {}", count, start, length);
    for (int64_t i = 0; i < count; ++i) *place++ = (start % length + i) % length;
  }
  Shape shape(static_cast<size_t>(past.rank()), 1);
  shape[0] = batch;
  shape[static_cast<size_t>(axis)] = count;
  const Tensor index = contiguous(expand(reshape(places, shape), update.shape()));
  c.output(Value(scatter(past, axis, index, update), c.element(0)));
}

void non_zero(Call& c) {
  c.need_data(0);
  c.plain(contiguous(transpose(nonzero(c.tensor(0)), 0, 1)));
}

void compress(Call& c) {
  const Value& v = c.value(0);
  const Shape from = v.shape();
  c.need_data(1);
  const std::vector<int64_t> condition = c.tensor(1).to_vector<int64_t>();
  const bool flat = !c.has_attribute("axis");
  const int64_t axis = flat ? 0 : c.axis(c.required("axis"), static_cast<int>(from.size()));
  const int64_t length = flat ? numel(from) : from[static_cast<size_t>(axis)];
  if (static_cast<int64_t>(condition.size()) > length)
    c.fail("{} conditions for {} elements", condition.size(), length);
  std::vector<int64_t> kept;
  for (size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) kept.push_back(static_cast<int64_t>(i));
  }
  c.output(moved(c, v, [&](const Tensor& x) {
    return index_select(flat ? reshape(x, {length}) : x, axis, vector_of(kept));
  }));
}

/// The distinct elements as places in x, and for each element of x which of them it is.
struct Distinctness {
  std::vector<int64_t> first;    ///< place of the first of each kind, kinds in rising order
  std::vector<int64_t> inverse;  ///< kind of each element
};

Distinctness distinct_texts(const Texts& texts) {
  std::map<std::string, int64_t> kinds;
  for (const std::string& text : texts.items) kinds.emplace(text, 0);
  int64_t next = 0;
  for (auto& [text, kind] : kinds) kind = next++;
  Distinctness d;
  for (const std::string& text : texts.items) d.inverse.push_back(kinds[text]);
  d.first.assign(kinds.size(), -1);
  return d;
}

void unique_node(Call& c) {
  const Value& v = c.value(0);
  const bool flat = !c.has_attribute("axis");
  const int64_t axis = flat ? 0 : c.axis(c.required("axis"), static_cast<int>(v.shape().size()));
  Distinctness d;
  if (v.is_texts()) {
    if (!flat && v.shape().size() > 1) c.unsupported("slices of texts are not compared");
    d = distinct_texts(*v.texts);
  } else {
    c.need_data(0);
    const Tensor x = ordered(v.tensor, v.element);
    const Distinct found = flat ? unique(x) : unique(x, axis);
    d.inverse = found.inverse.to_vector<int64_t>();
    d.first.assign(static_cast<size_t>(found.counts.numel()), -1);
  }
  std::vector<int64_t> counts(d.first.size(), 0);
  for (size_t i = 0; i < d.inverse.size(); ++i) {
    const size_t kind = static_cast<size_t>(d.inverse[i]);
    if (counts[kind]++ == 0) d.first[kind] = static_cast<int64_t>(i);
  }
  // Kinds by their place in the output: in rising order as they are, or by where they occur first.
  std::vector<int64_t> order(d.first.size());
  std::iota(order.begin(), order.end(), 0);
  if (c.attribute("sorted", int64_t{1}) == 0) {
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return d.first[static_cast<size_t>(a)] < d.first[static_cast<size_t>(b)];
    });
  }
  std::vector<int64_t> first, count, place(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t kind = static_cast<size_t>(order[i]);
    first.push_back(d.first[kind]);
    count.push_back(counts[kind]);
    place[kind] = static_cast<int64_t>(i);
  }
  for (int64_t& kind : d.inverse) kind = place[static_cast<size_t>(kind)];
  c.output(0, moved(c, v, [&](const Tensor& x) {
             return index_select(flat ? reshape(x, {x.numel()}) : x, axis, vector_of(first));
           }));
  c.plain(vector_of(first), 1);
  c.plain(vector_of(d.inverse), 2);
  c.plain(vector_of(count), 3);
}

constexpr Operator kOperators[] = {
    {"Gather", &gather_node, 1, "", true, 2},
    {"GatherElements", &gather_elements, 11, "", true, 2},
    {"GatherND", &gather_nd, 11, "", true, 2},
    {"Scatter", &scatter_elements, 9, "", true, 3},
    {"ScatterElements", &scatter_elements, 11, "", true, 3},
    {"ScatterND", &scatter_nd, 11, "", true, 3},
    {"TensorScatter", &tensor_scatter, 24, "", true, 2},
    {"NonZero", &non_zero, 9, "", true, 1},
    {"Compress", &compress, 9, "", true, 2},
    {"Unique", &unique_node, 11, "", true, 1},
};

}  // namespace

std::span<const Operator> index_operators() { return kOperators; }

}  // namespace dlb::graph
