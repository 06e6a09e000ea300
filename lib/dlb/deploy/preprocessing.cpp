#include "dlb/deploy/preprocessing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "dlb/base/error.h"
#include "dlb/data/image_transforms.h"
#include "dlb/data/value_transforms.h"
#include "dlb/deploy/emit.h"
#include "dlb/deploy/prelude.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::deploy {

namespace {

constexpr int64_t kRows = 2, kColumns = 3;  // axes of a batch of images

/// Nodes that read `from` read `to`.
void rename_reads(graph::Graph& graph, const std::string& from, const std::string& to) {
  for (graph::Node& node : graph.nodes) {
    for (std::string& input : node.inputs) {
      if (input == from) input = to;
    }
    for (graph::Attribute& a : node.attributes) {
      if (const auto* sub = std::get_if<graph::Attribute::Subgraph>(&a.value)) rename_reads(**sub, from, to);
    }
  }
}

/// One input on its way through the transforms: its value so far, in a graph that grows at the end.
class Chain {
 public:
  Chain(Prelude& nodes, std::string value) : nodes_(nodes), value_(std::move(value)) {}

  const std::string& value() const { return value_; }
  void to_channels_first() { then("Transpose", {}, {attribute("perm", std::vector<int64_t>{0, 3, 1, 2})}); }
  /// Makes an input of the numbers that a file has.
  void say(const std::vector<data::RawNumber>& numbers);
  /// Adds transform i. Errors: unsupported, where a graph cannot say it.
  void apply(const data::Pipeline& pipeline, size_t i);

 private:
  void then(std::string op, const std::vector<std::string>& more = {},
            std::vector<graph::Attribute> attributes = {}) {
    std::vector<std::string> inputs = {value_};
    inputs.insert(inputs.end(), more.begin(), more.end());
    value_ = add(std::move(op), std::move(inputs), std::move(attributes));
  }
  std::string add(std::string op, std::vector<std::string> inputs,
                  std::vector<graph::Attribute> attributes = {}) {
    return nodes_.add(std::move(op), std::move(inputs), std::move(attributes));
  }
  std::string constant(const Tensor& t) { return nodes_.constant(t); }
  std::string number(double value, DType dtype = DType::kFloat32) { return nodes_.number(value, dtype); }
  std::string ints(const std::vector<int64_t>& values) { return nodes_.ints(values); }
  void cast(DType dtype) {
    then("Cast", {}, {attribute("to", static_cast<int64_t>(graph::element_of(dtype)))});
  }
  void to_float() {
    if (spec_.dtype != DType::kFloat32) cast(DType::kFloat32);
  }
  void gather(const std::string& indices, int64_t axis) {
    then("Gather", {indices}, {attribute("axis", axis)});
  }
  void repeat_channel() { value_ = add("Concat", {value_, value_, value_}, {attribute("axis", int64_t{1})}); }

  std::string columns(int64_t begin, int64_t end, int64_t count);
  std::string scaled(std::string x, std::span<const data::RawNumber> numbers);
  std::string category(const std::string& x, const data::RawNumber& category);
  std::string per_channel(const std::vector<double>& values);
  void say(const data::Cast& t);
  void say(const data::Pad& t);
  void say(const data::CenterCrop& t, const TensorSpec& out);
  void say(const data::Resize& t);
  void sum_taps(const data::Taps& taps, int64_t axis);
  void say(const data::Grayscale& t);
  bool select(const data::Taps& taps, int64_t axis);
  std::string weights(const data::Taps& taps, int64_t from, bool transposed);

  Prelude& nodes_;
  TensorSpec spec_;  ///< of a sample at the transform that is being said, channels first
  std::string value_;
};

/// Columns [begin, end) of `count`.
std::string Chain::columns(int64_t begin, int64_t end, int64_t count) {
  if (begin == 0 && end == count) return value_;
  return add("Slice", {value_, ints({begin}), ints({end}), ints({1})});
}

/// Computed in float64 as the source does, for a mean may be far larger than the deviation.
std::string Chain::scaled(std::string x, std::span<const data::RawNumber> numbers) {
  std::vector<double> fill, shift, scale;
  for (const data::RawNumber& n : numbers) {
    fill.push_back(n.fill);
    shift.push_back(n.shift);
    scale.push_back(n.scale);
  }
  const auto row = [&](const std::vector<double>& v) { return constant(Tensor::from(v, {std::ssize(v)})); };
  const auto is_not = [](double none) { return [none](double v) { return v != none; }; };
  if (!std::isnan(fill.front())) x = add("Where", {add("IsNaN", {x}), row(fill), x});
  if (std::any_of(shift.begin(), shift.end(), is_not(0))) x = add("Sub", {x, row(shift)});
  if (std::any_of(scale.begin(), scale.end(), is_not(1))) x = add("Div", {x, row(scale)});
  return nodes_.cast(x, DType::kFloat32);
}

/// A 0 or 1 for each value, or one number; of no value where it is NaN.
std::string Chain::category(const std::string& x, const data::RawNumber& category) {
  const int64_t count = std::ssize(category.values);
  const std::string is = add("Equal", {x, constant(Tensor::from(category.values, {1, count}))});
  if (!category.first_id) return nodes_.cast(is, DType::kFloat32);
  std::vector<int64_t> before;  // what lies between a value's place and that behind all
  for (int64_t i = 0; i < count; ++i) before.push_back(i - count);
  const std::string parts =
      add("Mul", {nodes_.cast(is, DType::kInt64), constant(Tensor::from(before, {1, count}))});
  return add("Add", {add("ReduceSum", {parts, ints({1})}), ints({*category.first_id + count})});
}

void Chain::say(const std::vector<data::RawNumber>& numbers) {
  const int64_t count = std::ssize(numbers);
  std::vector<std::string> parts;
  for (int64_t begin = 0, end = 0; begin < count; begin = end) {
    const data::RawNumber& first = numbers[static_cast<size_t>(begin)];
    end = begin + 1;
    if (first.category) {
      if (!first.values.empty() || first.first_id)
        parts.push_back(category(columns(begin, end, count), first));
      continue;
    }
    while (end < count && !numbers[static_cast<size_t>(end)].category) ++end;
    parts.push_back(
        scaled(columns(begin, end, count),
               std::span(numbers).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin))));
  }
  value_ = parts.size() == 1 ? parts[0] : add("Concat", parts, {attribute("axis", int64_t{1})});
}

/// One value for all, or [C, 1, 1].
std::string Chain::per_channel(const std::vector<double>& values) {
  if (values.size() == 1) return number(values[0]);
  const std::vector<float> floats(values.begin(), values.end());
  return constant(Tensor::from(floats, {std::ssize(floats), 1, 1}));
}

void Chain::say(const data::Cast& t) {
  const DType to = dtype_from_name(t.dtype);
  if (to == spec_.dtype) return;
  if (is_integral(to) && is_floating(spec_.dtype)) {
    fail(ErrorKind::kUnsupported, "ONNX does not say what becomes of {} values outside the range of {}",
         dtype_name(spec_.dtype), t.dtype);
  }
  cast(to);
}

void Chain::say(const data::Pad& t) {
  if (t.mode == "constant") {
    const std::vector<int64_t> sides = t.sides();
    const double value = spec_.dtype == DType::kUInt8 ? data::to_pixel<uint8_t>(static_cast<float>(t.value))
                                                      : static_cast<float>(t.value);
    then("Pad", {ints({0, 0, sides[0], sides[2], 0, 0, sides[1], sides[3]}), number(value, spec_.dtype)});
    return;
  }
  gather(ints(t.source_rows()), kRows);
  gather(ints(t.source_columns()), kColumns);
}

void Chain::say(const data::CenterCrop& t, const TensorSpec& out) {
  then("Slice", {ints({t.top(), t.left()}), ints({t.top() + out.dim(1), t.left() + out.dim(2)}),
                 ints({kRows, kColumns})});
}

/// Whether pixels are merely chosen along that axis, which then is done.
bool Chain::select(const data::Taps& taps, int64_t axis) {
  if (!taps.selects()) return false;
  if (taps.identity) return true;
  std::vector<int64_t> indices;
  for (const data::Taps::Span& span : taps.spans) indices.push_back(span.first);
  gather(ints(indices), axis);
  return true;
}

/// The weights of all positions [to, from], by which a side is multiplied.
std::string Chain::weights(const data::Taps& taps, int64_t from, bool transposed) {
  const int64_t to = std::ssize(taps.spans);
  constexpr int64_t kMostWeights = int64_t{1} << 26;
  if (from * to > kMostWeights)
    fail(ErrorKind::kUnsupported, "resize of {} to {} pixels would need {} weights", from, to, from * to);
  std::vector<float> matrix(static_cast<size_t>(from * to), 0.0F);
  for (int64_t i = 0; i < to; ++i) {
    const data::Taps::Span& span = taps.spans[static_cast<size_t>(i)];
    for (int64_t k = 0; k < span.count; ++k) {
      const int64_t j = span.first + k;
      matrix[static_cast<size_t>(transposed ? j * to + i : i * from + j)] =
          taps.weights[span.weights + static_cast<size_t>(k)];
    }
  }
  return constant(Tensor::from(matrix, transposed ? Shape{from, to} : Shape{to, from}));
}

/// The weighted sum along that axis one tap after the other, as data::resample() adds them: of bytes, which
/// are rounded, a product of matrices with an order of its own would take some that are half way to the other
/// side.
void Chain::sum_taps(const data::Taps& taps, int64_t axis) {
  int32_t most = 0;
  for (const data::Taps::Span& span : taps.spans) most = std::max(most, span.count);
  const int64_t to = std::ssize(taps.spans);
  std::string sum;
  for (int32_t k = 0; k < most; ++k) {
    std::vector<int64_t> places;
    std::vector<float> factors;
    for (const data::Taps::Span& span : taps.spans) {
      const bool has = k < span.count;
      places.push_back(has ? span.first + k : span.first);
      factors.push_back(has ? taps.weights[span.weights + static_cast<size_t>(k)] : 0.0F);
    }
    const std::string pixels = add("Gather", {value_, ints(places)}, {attribute("axis", axis)});
    const std::string weights = constant(Tensor::from(factors, axis == kRows ? Shape{to, 1} : Shape{to}));
    const std::string part = add("Mul", {pixels, weights});
    sum = k == 0 ? part : add("Add", {sum, part});
  }
  value_ = sum;
}

/// ONNX's own Resize smooths from opset 18 on only; products with our weights are the same for every kind.
void Chain::say(const data::Resize& t) {
  const bool smooth = !t.rows().selects() || !t.columns().selects();
  if (smooth) to_float();
  const bool bytes = spec_.dtype == DType::kUInt8;
  if (!select(t.columns(), kColumns)) {
    if (bytes) {
      sum_taps(t.columns(), kColumns);
    } else {
      then("MatMul", {weights(t.columns(), spec_.dim(2), true)});
    }
  }
  if (!select(t.rows(), kRows)) {
    if (bytes) {
      sum_taps(t.rows(), kRows);
    } else {
      value_ = add("MatMul", {weights(t.rows(), spec_.dim(1), false), value_});
    }
  }
  if (!smooth || !bytes) return;
  then("Round");
  then("Clip", {number(0), number(255)});
  cast(DType::kUInt8);
}

void Chain::say(const data::Grayscale& t) {
  if (spec_.dim(0) == 3) {
    to_float();
    std::string sum;
    constexpr float kParts[] = {0.2989F, 0.587F, 0.114F};
    for (int64_t c = 0; c < 3; ++c) {
      const std::string channel = add("Gather", {value_, ints({c})}, {attribute("axis", int64_t{1})});
      const std::string part = add("Mul", {channel, number(static_cast<double>(kParts[c]))});
      sum = c == 0 ? part : add("Add", {sum, part});
    }
    value_ = sum;
    if (spec_.dtype == DType::kUInt8) cast(DType::kUInt8);  // which cuts the fraction off, as ours does
  }
  if (t.channels == 3) repeat_channel();
}

void Chain::apply(const data::Pipeline& pipeline, size_t i) {
  const data::Transform& transform = *pipeline.transforms[i];
  const TensorSpec& out = i + 1 < pipeline.inputs.size() ? pipeline.inputs[i + 1] : pipeline.output;
  spec_ = pipeline.inputs[i];
  if (const auto* to_float_by = dynamic_cast<const data::ToFloat*>(&transform)) {
    to_float();
    then("Div", {number(to_float_by->max)});
  } else if (const auto* normalize = dynamic_cast<const data::Normalize*>(&transform)) {
    then("Sub", {per_channel(normalize->mean)});
    then("Div", {per_channel(normalize->std)});
  } else if (const auto* scale = dynamic_cast<const data::Scale*>(&transform)) {
    then("Mul", {number(scale->factor)});
    then("Add", {number(scale->offset)});
  } else if (const auto* cast = dynamic_cast<const data::Cast*>(&transform)) {
    say(*cast);
  } else if (dynamic_cast<const data::Flatten*>(&transform) != nullptr) {
    then("Reshape", {ints({0, spec_.numel()})});
  } else if (const auto* pad = dynamic_cast<const data::Pad*>(&transform)) {
    say(*pad);
  } else if (const auto* crop = dynamic_cast<const data::CenterCrop*>(&transform)) {
    say(*crop, out);
  } else if (const auto* resize = dynamic_cast<const data::Resize*>(&transform)) {
    say(*resize);
  } else if (const auto* grey = dynamic_cast<const data::Grayscale*>(&transform)) {
    say(*grey);
  } else if (dynamic_cast<const data::ToRgb*>(&transform) != nullptr) {
    if (spec_.dim(0) == 1) repeat_channel();
  } else {
    fail(ErrorKind::kUnsupported, "it has no form in ONNX");
  }
}

bool is_image(const data::Column& column) {
  const TensorSpec& spec = column.spec;
  return column.collate == data::Collate::kStack && spec.rank() == 3 &&
         spec.strides == data::image_spec(spec.dim(0), spec.dim(1), spec.dim(2), spec.dtype).strides;
}

/// Whether numbers are filled in, standardized, or categories.
bool says(const std::vector<data::RawNumber>& numbers, std::string_view what) {
  return std::any_of(numbers.begin(), numbers.end(), [&](const data::RawNumber& n) {
    return what == "fill"          ? !std::isnan(n.fill)
           : what == "standardize" ? n.shift != 0 || n.scale != 1
                                   : n.category;
  });
}

/// "columns age, height; NaN is a missing value"
std::string columns_text(const std::vector<data::RawNumber>& numbers) {
  constexpr size_t kMost = 100;
  std::string text = "columns";
  for (size_t i = 0; i < std::min(numbers.size(), kMost); ++i) text += (i > 0 ? ", " : " ") + numbers[i].name;
  if (numbers.size() > kMost) text += fmt::format(", ... ({} in all)", numbers.size());
  return says(numbers, "fill") ? text + "; NaN is a missing value" : text;
}

}  // namespace

Preprocessing::Preprocessing(const train::Experiment& experiment) : pipeline_(experiment.data->evaluation()) {
  const data::DataModule& data = *experiment.data;
  std::vector<Error> errors;
  const config::Node& source = data.config().source;
  const auto refuse = [&](const std::string& what, const std::string& hint) {
    Error error(ErrorKind::kUnsupported, fmt::format("{}, which cannot be preprocessing in the graph", what),
                "", hint);
    errors.push_back(error.at(source.mark().str()));
  };
  if (experiment.plays()) refuse("inputs are what an environment shows", "");
  const std::string changes = data.changes_inputs();
  if (!changes.empty()) refuse(changes, data.unchanged_by());

  const data::SampleSpec& raw = data.raw_spec();
  const std::vector<std::vector<data::RawNumber>> numbers = data.raw_numbers();
  for (const size_t column : data.input_columns()) {
    const data::Column& c = raw.columns[column];
    inputs_.push_back({column, c.spec, is_image(c), data::acts_on(raw, column), {}});
    if (column < numbers.size()) inputs_.back().numbers = numbers[column];
  }
  for (const char* what : {"fill", "standardize", "categories"}) {
    if (std::any_of(inputs_.begin(), inputs_.end(), [&](const Input& i) { return says(i.numbers, what); }))
      steps_.emplace_back(what);
  }
  const config::Node& written = data.config().transforms;
  const std::vector<config::Node> one = {written};
  const std::vector<config::Node>& nodes = written.is_list() ? written.items() : one;
  Prelude tried({}, "");
  const size_t before = steps_.size();
  for (size_t i = 0; i < pipeline_.transforms.size(); ++i) {
    const config::Node& node = nodes.at(i);
    steps_.push_back(node.is_map() && !node.entries().empty() ? node.entries()[0].key : node.brief());
  }
  Chain chain(tried, "");
  for (size_t i = 0; i < pipeline_.transforms.size(); ++i) {
    try {
      chain.apply(pipeline_, i);
    } catch (Error& e) {
      errors.push_back(Error(e.kind, fmt::format("{} cannot be preprocessing in the graph: {}",
                                                 steps_[before + i], e.message))
                           .at(nodes[i].mark().str()));
    }
  }
  if (errors.empty()) return;
  Error first = std::move(errors.front());
  first.more.assign(std::make_move_iterator(errors.begin() + 1), std::make_move_iterator(errors.end()));
  throw first;
}

void Preprocessing::prepend(graph::Model& model) const {
  Prelude before(model.graph, "preprocessing/");
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    if (!input.image && input.numbers.empty() && (!input.transformed || pipeline_.transforms.empty()))
      continue;
    graph::Declared& d = model.graph.inputs[i];
    Chain chain(before, d.name);
    if (input.image) chain.to_channels_first();
    if (!input.numbers.empty()) chain.say(input.numbers);
    if (input.transformed) {
      for (size_t k = 0; k < pipeline_.transforms.size(); ++k) chain.apply(pipeline_, k);
    }
    rename_reads(model.graph, d.name, chain.value());
    std::vector<graph::Dim> dims = {d.shape->front()};
    const auto rank = static_cast<size_t>(input.spec.rank());
    for (size_t k = 0; k < rank; ++k) {
      const size_t from = input.image ? (k + 1) % 3 : k;
      dims.push_back({input.spec.shape[from], ""});
    }
    d.shape = std::move(dims);
    d.element = graph::element_of(input.spec.dtype);
    if (input.numbers.empty()) continue;
    d.shape = {d.shape->front(), {std::ssize(input.numbers), ""}};
    d.element = graph::Element::kFloat64;
    d.doc = columns_text(input.numbers);
  }
  before.put_before(model.graph);
  model.metadata["dlbench.preprocessing"] = fmt::format("{}", fmt::join(steps_, ", "));
}

std::vector<Tensor> Preprocessing::inputs_of(const data::Batch& raw) const {
  std::vector<Tensor> all;
  for (const Input& input : inputs_) {
    const Tensor& t = raw.columns[input.column];
    all.push_back(input.image ? contiguous(permute(t, {0, 2, 3, 1})) : t);
  }
  return all;
}

}  // namespace dlb::deploy
