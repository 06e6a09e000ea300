// Operators of ONNX that move elements: shapes, parts, joins, padding.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

void reshape_node(Call& c) {
  const std::vector<int64_t> wanted = c.axes("shape", 1);
  const Value& v = c.value(0);
  const Shape from = v.shape();
  const bool keep_zero = c.attribute("allowzero", int64_t{0}) != 0;
  Shape to;
  for (size_t i = 0; i < wanted.size(); ++i) {
    int64_t size = wanted[i];
    if (size == 0 && !keep_zero) {
      if (i >= from.size()) c.fail("size {} is to be copied from a shape {}", i, shape_text(from));
      size = from[i];
    }
    to.push_back(size);
  }
  c.output(moved(c, v, [&](const Tensor& x) { return reshape(x, to); }));
}

void transpose_node(Call& c) {
  const Value& v = c.value(0);
  Dims order = to_dims(c.integers("perm"));
  if (!c.has_attribute("perm")) {
    for (size_t i = v.shape().size(); i-- > 0;) order.push_back(static_cast<int64_t>(i));
  }
  c.output(moved(c, v, [&](const Tensor& x) { return permute(x, order); }));
}

void flatten_node(Call& c) {
  const Tensor x = c.tensor(0);
  int64_t axis = c.attribute("axis", int64_t{1});
  if (axis < 0) axis += x.rank();
  if (axis < 0 || axis > x.rank()) c.fail("axis {} of a tensor with {} dimensions", axis, x.rank());
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? rows : columns) *= x.dim(i);
  c.same_type(reshape(x, {rows, columns}));
}

void squeeze_node(Call& c) {
  const Value& v = c.value(0);
  const std::vector<int64_t> axes = c.axes("axes", 1);
  const bool all = axes.empty() && !c.has(1) && !c.has_attribute("axes");
  for (const int64_t axis : axes) {
    const int rank = static_cast<int>(v.shape().size());
    if (v.shape()[static_cast<size_t>(c.axis(axis, rank))] != 1)
      c.fail("dimension {} of {} is not 1", axis, shape_text(v.shape()));
  }
  c.output(
      moved(c, v, [&](const Tensor& x) { return all ? squeeze_all(x) : squeeze_dims(x, to_dims(axes)); }));
}

void unsqueeze_node(Call& c) {
  const Value& v = c.value(0);
  std::vector<int64_t> axes = c.axes("axes", 1);
  const int rank = static_cast<int>(v.shape().size() + axes.size());
  for (int64_t& axis : axes) axis = c.axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) c.fail("axes are given twice");
  c.output(moved(c, v, [&](Tensor x) {
    for (const int64_t axis : axes) x = unsqueeze(x, axis);
    return x;
  }));
}

void concat(Call& c) {
  const int64_t axis = c.has_attribute("axis") ? c.required("axis") : 1;
  if (c.value(0).is_texts()) {
    if (c.texts(0).shape.size() != 1) c.unsupported("texts are joined in one dimension only");
    Texts out{{0}, {}};
    for (size_t i = 0; i < c.inputs(); ++i)
      out.items.insert(out.items.end(), c.texts(i).items.begin(), c.texts(i).items.end());
    out.shape[0] = static_cast<int64_t>(out.items.size());
    return c.output(Value(std::move(out)));
  }
  std::vector<Tensor> parts;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (c.element(i) != c.element(0))
      c.fail("inputs have types {} and {}", element_name(c.element(0)), element_name(c.element(i)));
    // An empty tensor of shape [0] is left out by cat, which ONNX does only where the other dimensions fit.
    parts.push_back(c.tensor(i));
  }
  c.axis(axis, parts[0].rank());
  c.same_type(cat(parts, axis));
}

void split_node(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t axis = c.axis(c.attribute("axis", int64_t{0}), x.rank());
  std::vector<int64_t> sizes = c.axes("split", 1);
  if (sizes.empty()) {
    const int64_t count = c.attribute("num_outputs", static_cast<int64_t>(c.outputs()));
    if (count < 1) c.fail("{} outputs", count);
    const int64_t length = x.dim(axis);
    const int64_t each = (length + count - 1) / count;
    if (c.opset() < 18 && length % count != 0)
      c.fail("{} elements do not split into {} equal parts", length, count);
    for (int64_t i = 0; i < count; ++i) sizes.push_back(std::clamp(length - i * each, int64_t{0}, each));
  }
  const std::vector<Tensor> parts = split_sizes(x, to_dims(sizes), axis);
  for (size_t i = 0; i < parts.size(); ++i) c.same_type(parts[i], i);
}

void slice_node(Call& c) {
  const Value& v = c.value(0);
  const int rank = static_cast<int>(v.shape().size());
  const bool old = c.opset() < 10;
  const std::vector<int64_t> starts = old ? c.integers("starts") : c.integers(1);
  const std::vector<int64_t> ends = old ? c.integers("ends") : c.integers(2);
  std::vector<int64_t> axes = old ? c.integers("axes") : c.has(3) ? c.integers(3) : std::vector<int64_t>();
  std::vector<int64_t> steps = !old && c.has(4) ? c.integers(4) : std::vector<int64_t>();
  if (axes.empty()) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (starts.size() != ends.size() || axes.size() != starts.size() || steps.size() != starts.size())
    c.fail("starts, ends, axes and steps have {}, {}, {} and {} numbers", starts.size(), ends.size(),
           axes.size(), steps.size());
  c.output(moved(c, v, [&](Tensor x) {
    for (size_t i = 0; i < starts.size(); ++i) {
      const int64_t axis = c.axis(axes[i], rank), length = x.dim(axis), step = steps[i];
      if (step == 0) c.fail("a step is 0");
      const auto from_end = [&](int64_t at) { return at < 0 ? at + length : at; };
      if (step > 0) {
        const int64_t start = std::clamp(from_end(starts[i]), int64_t{0}, length);
        const int64_t end = std::clamp(from_end(ends[i]), start, length);
        x = slice(x, axis, start, end, std::min(step, std::max(length, int64_t{1})));
        continue;
      }
      // Backwards: the elements in their order, turned around.
      const int64_t start = std::clamp(from_end(starts[i]), int64_t{-1}, length - 1);
      const int64_t end = std::clamp(from_end(ends[i]), int64_t{-1}, start);
      const int64_t stride = step < -length ? std::max(length, int64_t{1}) : -step;
      const int64_t count = (start - end + stride - 1) / stride;
      const int64_t first = start - (count - 1) * stride;
      x = count == 0 ? slice(x, axis, 0, 0) : flip(slice(x, axis, first, start + 1, stride), {axis});
    }
    return x;
  }));
}

void expand_node(Call& c) {
  const Tensor x = c.tensor(0);
  const Shape shape = broadcast_shapes(x.shape(), to_dims(c.integers(1)));
  c.same_type(expand(x, shape));
}

void tile_node(Call& c) {
  const std::vector<int64_t> repeats = c.integers(1);
  if (c.opset() < 6) {
    const Tensor x = c.tensor(0);
    Dims counts(static_cast<size_t>(x.rank()), 1);
    counts[static_cast<size_t>(c.axis(c.integer(2), x.rank()))] = c.integer(1);
    return c.same_type(repeat(x, counts));
  }
  if (static_cast<int>(repeats.size()) != c.tensor(0).rank())
    c.fail("{} repeats for a tensor with {} dimensions", repeats.size(), c.tensor(0).rank());
  c.same_type(repeat(c.tensor(0), to_dims(repeats)));
}

void pad_node(Call& c) {
  const Tensor x = c.tensor(0);
  const std::vector<int64_t> amounts =
      c.opset() < 11 ? c.integers(c.opset() < 2 ? "paddings" : "pads") : c.integers(1);
  std::vector<int64_t> axes = c.has(3) ? c.integers(3) : std::vector<int64_t>();
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(x.rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (amounts.size() != 2 * axes.size()) c.fail("{} pads for {} axes", amounts.size(), axes.size());
  // pad() takes the last dimension first, before and after.
  Dims pads(2 * static_cast<size_t>(x.rank()), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t at = static_cast<size_t>(x.rank() - 1 - c.axis(axes[i], x.rank()));
    pads[2 * at] = amounts[i];
    pads[2 * at + 1] = amounts[axes.size() + i];
  }
  const std::string mode = c.attribute("mode", "constant");
  double value = c.attribute("value", 0.0);
  if (c.has(2)) value = c.number(2);
  if (mode == "constant") return c.same_type(pad(x, pads, value));
  if (mode != "reflect" && mode != "edge" && mode != "wrap") c.fail("mode '{}' is unknown", mode);
  // Other modes gather along each dimension: any rank, any type.
  Tensor y = x;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    const size_t at = static_cast<size_t>(x.rank() - 1 - axis);
    const int64_t before = pads[2 * at], after = pads[2 * at + 1], length = x.dim(axis);
    if (before == 0 && after == 0) continue;
    if (length == 0) c.fail("dimension {} is empty, there is nothing to pad with", axis);
    constexpr int64_t kMost = int64_t{1} << 60;  // sums of several do not overflow
    if (std::max({before, after, length}) > kMost || std::min(before, after) < -kMost ||
        before + length + after < 0)
      c.fail("{} elements cannot be padded by {} and {}", length, before, after);
    const int64_t count = before + length + after;
    const Tensor from = Tensor::empty({count}, DType::kInt64);
    for (int64_t i = 0; i < count; ++i) {
      int64_t j = i - before;
      if (mode == "edge") {
        j = std::clamp(j, int64_t{0}, length - 1);
      } else if (mode == "wrap") {
        j = ((j % length) + length) % length;
      } else if (length > 1) {
        const int64_t period = 2 * (length - 1);
        j = ((j % period) + period) % period;
        if (j >= length) j = period - j;
      } else {
        j = 0;
      }
      from.data<int64_t>()[i] = j;
    }
    y = index_select(y, axis, from);
  }
  c.same_type(y);
}

void shape_node(Call& c) {
  const Shape shape = c.value(0).shape();
  const int64_t rank = static_cast<int64_t>(shape.size());
  const auto clipped = [&](int64_t i) { return std::clamp(i < 0 ? i + rank : i, int64_t{0}, rank); };
  const int64_t start = clipped(c.attribute("start", int64_t{0}));
  const int64_t end = std::max(start, clipped(c.attribute("end", rank)));
  const std::vector<int64_t> sizes(shape.begin() + start, shape.begin() + end);
  c.plain(Tensor::from(sizes, {end - start}));
}

void size_node(Call& c) { c.plain(Tensor::from(std::vector<int64_t>{numel(c.value(0).shape())}, {})); }

void constant(Call& c) {
  if (c.has_attribute("value")) return c.output(c.attribute_value("value"));
  if (c.has_attribute("value_int"))
    return c.plain(Tensor::from(std::vector<int64_t>{c.required("value_int")}, {}));
  if (c.has_attribute("value_float"))
    return c.plain(Tensor::from(std::vector<float>{static_cast<float>(c.attribute("value_float", 0.0))}, {}));
  if (c.has_attribute("value_string")) return c.output(Value(Texts{{}, {c.attribute("value_string", "")}}));
  if (c.has_attribute("value_ints")) {
    const std::vector<int64_t> values = c.integers("value_ints");
    return c.plain(Tensor::from(values, {static_cast<int64_t>(values.size())}));
  }
  if (c.has_attribute("value_floats")) {
    const std::vector<float> values = c.floats("value_floats");
    return c.plain(Tensor::from(values, {static_cast<int64_t>(values.size())}));
  }
  if (c.has_attribute("value_strings")) {
    const std::vector<std::string> values = c.strings("value_strings");
    return c.output(Value(Texts{{static_cast<int64_t>(values.size())}, values}));
  }
  c.unsupported("it has no value that is a tensor, numbers or texts");
}

void constant_of_shape(Call& c) {
  const Shape shape = to_dims(c.integers(0));
  numel(shape);  // refuses sizes that overflow
  if (!c.has_attribute("value")) return c.plain(zeros(shape));
  const Value& v = c.attribute_value("value");
  if (!v.is_tensor() || v.tensor.numel() != 1) c.fail("its value is {}, expected one number", describe(v));
  c.output(Value(contiguous(expand(reshape(v.tensor, {}), shape)), v.element));
}

void range(Call& c) {
  const Element type = c.element(0);
  const double start = c.number(0), limit = c.number(1), step = c.number(2);
  if (step == 0) c.fail("its step is 0");
  const double count = std::max(std::ceil((limit - start) / step), 0.0);
  if (!(count < 9.0e15)) c.fail("it has no end");
  const int64_t n = static_cast<int64_t>(count);
  if (is_integer(type)) {
    const int64_t first = c.integer(0), by = c.integer(2);
    const Tensor steps = arange(0, static_cast<double>(n));
    const auto whole = [](int64_t v) { return Tensor::from(std::vector<int64_t>{v}, {}); };
    return c.same_type(cast(add(mul(steps, whole(by)), whole(first)), carrier(type)));
  }
  // start + i * step in the type itself, so that rounding is that of other implementations.
  const Tensor steps = arange(0, static_cast<double>(n), 1, carrier(type));
  c.same_type(add(mul(steps, c.tensor(2)), c.tensor(0)));
}

void eye_like(Call& c) {
  const Tensor x = c.tensor(0);
  if (x.rank() != 2) c.fail("input 0 is {}, expected a matrix", describe(c.value(0)));
  const Element type = c.has_attribute("dtype") ? element_from_number(c.required("dtype")) : c.element(0);
  const int64_t k = c.attribute("k", int64_t{0});
  const Tensor rows = unsqueeze(arange(0, static_cast<double>(x.dim(0))), 1);
  const Tensor columns = arange(0, static_cast<double>(x.dim(1)));
  const Tensor shifted = add(rows, Tensor::from(std::vector<int64_t>{k}, {}));
  c.output(Value(cast(eq(columns, shifted), carrier(type)), type));
}

void one_hot_node(Call& c) {
  const Tensor index = c.tensor(0);
  const int64_t depth = c.integer(1);
  if (depth < 0) c.fail("depth is {}", depth);
  const int64_t axis = c.axis(c.attribute("axis", int64_t{-1}), index.rank() + 1);
  const Tensor values = c.tensor(2);
  if (values.numel() != 2) c.fail("values is {}, expected [off, on]", describe(c.value(2)));
  const Tensor off = select(reshape(values, {2}), 0, 0), on = select(reshape(values, {2}), 0, 1);
  const Tensor wide = unsqueeze(cast(index, DType::kInt64), axis);
  const Tensor count = Tensor::from(std::vector<int64_t>{depth}, {});
  Shape classes_shape(static_cast<size_t>(index.rank() + 1), 1);
  classes_shape[static_cast<size_t>(axis)] = depth;
  const Tensor classes = reshape(arange(0, static_cast<double>(depth)), classes_shape);
  const Tensor wrapped = where(lt(wide, 0.0), add(wide, count), wide);
  c.output(Value(where(eq(wrapped, classes), on, off), c.element(2)));
}

void trilu(Call& c) {
  const Tensor x = c.tensor(0);
  if (x.rank() < 2) c.fail("input 0 is {}, expected matrices", describe(c.value(0)));
  int64_t k = c.has(1) ? c.integer(1) : 0;
  k = std::clamp(k, -x.dim(-2) - 1, x.dim(-1) + 1);
  c.same_type(c.attribute("upper", int64_t{1}) != 0 ? triu(x, k) : tril(x, k));
}

void depth_to_space(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t b = c.required("blocksize");
  if (x.rank() != 4 || b < 1 || x.dim(1) % (b * b) != 0)
    c.fail("input 0 is {}, expected [N, C, H, W] with C a multiple of {}", describe(c.value(0)), b * b);
  const int64_t n = x.dim(0), d = x.dim(1) / (b * b), h = x.dim(2), w = x.dim(3);
  const std::string mode = c.attribute("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") c.fail("mode '{}' is unknown", mode);
  const Tensor y = mode == "DCR" ? permute(reshape(x, {n, b, b, d, h, w}), {0, 3, 4, 1, 5, 2})
                                 : permute(reshape(x, {n, d, b, b, h, w}), {0, 1, 4, 2, 5, 3});
  c.same_type(reshape(y, {n, d, h * b, w * b}));
}

void space_to_depth(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t b = c.required("blocksize");
  if (x.rank() != 4 || b < 1 || x.dim(2) % b != 0 || x.dim(3) % b != 0)
    c.fail("input 0 is {}, expected [N, C, H, W] with H and W multiples of {}", describe(c.value(0)), b);
  const int64_t n = x.dim(0), d = x.dim(1), h = x.dim(2) / b, w = x.dim(3) / b;
  c.same_type(reshape(permute(reshape(x, {n, d, h, b, w, b}), {0, 3, 5, 1, 2, 4}), {n, d * b * b, h, w}));
}

void reverse_sequence(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t batch = c.axis(c.attribute("batch_axis", int64_t{1}), x.rank());
  const int64_t time = c.axis(c.attribute("time_axis", int64_t{0}), x.rank());
  const std::vector<int64_t> lengths = c.integers(1);
  if (batch == time || static_cast<int64_t>(lengths.size()) != x.dim(batch))
    c.fail("{} lengths for a batch axis {} of {}", lengths.size(), batch, describe(c.value(0)));
  const int64_t steps = x.dim(time), n = x.dim(batch);
  Tensor index = Tensor::empty({steps, n}, DType::kInt64);
  int64_t* const from = index.data<int64_t>();
  for (int64_t b = 0; b < n; ++b) {
    const int64_t length = lengths[static_cast<size_t>(b)];
    if (length < 0 || length > steps) c.fail("length {} of a sequence of {}", length, steps);
    for (int64_t t = 0; t < steps; ++t) from[t * n + b] = t < length ? length - 1 - t : t;
  }
  if (time > batch) index = transpose(index, 0, 1);
  Shape shape(static_cast<size_t>(x.rank()), 1);
  shape[static_cast<size_t>(time)] = steps;
  shape[static_cast<size_t>(batch)] = n;
  c.same_type(gather(x, time, contiguous(expand(reshape(index, shape), x.shape()))));
}

void center_crop_pad(Call& c) {
  Tensor x = c.tensor(0);
  const std::vector<int64_t> wanted = c.integers(1);
  std::vector<int64_t> axes = c.integers("axes");
  if (axes.empty()) {
    axes.resize(wanted.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (axes.size() != wanted.size()) c.fail("{} sizes for {} axes", wanted.size(), axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = c.axis(axes[i], x.rank()), have = x.dim(axis), want = wanted[i];
    if (want < 0) c.fail("a size is {}", want);
    if (want <= have) {
      x = narrow(x, axis, (have - want) / 2, want);
      continue;
    }
    Dims pads(2 * static_cast<size_t>(x.rank()), 0);
    const size_t at = static_cast<size_t>(x.rank() - 1 - axis);
    pads[2 * at] = (want - have) / 2;
    pads[2 * at + 1] = want - have - (want - have) / 2;
    x = pad(x, pads, 0);
  }
  c.same_type(x);
}

constexpr Operator kOperators[] = {
    {"Reshape", &reshape_node, 1, "", true, 1},
    {"Transpose", &transpose_node, 1, "", true, 1},
    {"Flatten", &flatten_node, 1, "", true, 1},
    {"Squeeze", &squeeze_node, 1, "", true, 1},
    {"Unsqueeze", &unsqueeze_node, 1, "", true, 1},
    {"Concat", &concat, 1, "", true, 1},
    {"Split", &split_node, 1, "", true, 1},
    {"Slice", &slice_node, 1, "", true, 1},
    {"Expand", &expand_node, 8, "", true, 2},
    {"Tile", &tile_node, 1, "", true, 2},
    {"Pad", &pad_node, 1, "", true, 1},
    {"Shape", &shape_node, 1, "", true, 1},
    {"Size", &size_node, 1, "", true, 1},
    {"Constant", &constant, 1, "", true, 0},
    {"ConstantOfShape", &constant_of_shape, 9, "", true, 1},
    {"Range", &range, 11, "", true, 3},
    {"EyeLike", &eye_like, 9, "", true, 1},
    {"OneHot", &one_hot_node, 9, "", true, 3},
    {"Trilu", &trilu, 14, "", true, 1},
    {"DepthToSpace", &depth_to_space, 1, "", true, 1},
    {"SpaceToDepth", &space_to_depth, 1, "", true, 1},
    {"ReverseSequence", &reverse_sequence, 10, "", true, 2},
    {"CenterCropPad", &center_crop_pad, 18, "", true, 2},
};

}  // namespace

std::span<const Operator> shape_operators() { return kOperators; }

}  // namespace dlb::graph
