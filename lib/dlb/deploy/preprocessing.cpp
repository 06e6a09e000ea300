#include "dlb/deploy/preprocessing.h"

#include <fmt/format.h>

#include <set>

#include "dlb/base/error.h"
#include "dlb/data/image_transforms.h"
#include "dlb/data/value_transforms.h"
#include "dlb/deploy/emit.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::deploy {

namespace {

constexpr int64_t kRows = 2, kColumns = 3;  // axes of a batch of images

/// The names that a graph and those within it have.
void gather_names(const graph::Graph& graph, std::set<std::string>& names) {
  for (const auto* list : {&graph.inputs, &graph.outputs}) {
    for (const graph::Declared& d : *list) names.insert(d.name);
  }
  for (const auto& [name, value] : graph.initializers) names.insert(name);
  for (const graph::Node& node : graph.nodes) {
    names.insert(node.outputs.begin(), node.outputs.end());
    for (const graph::Attribute& a : node.attributes) {
      if (const auto* sub = std::get_if<graph::Attribute::Subgraph>(&a.value)) gather_names(**sub, names);
    }
  }
}

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
  Chain(graph::Graph& graph, std::set<std::string>& names, std::string value)
      : graph_(graph), names_(names), value_(std::move(value)) {}

  const std::string& value() const { return value_; }
  void to_channels_first() { then("Transpose", {}, {attribute("perm", std::vector<int64_t>{0, 3, 1, 2})}); }
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
    graph::Node node;
    node.name = fresh(op);
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.outputs = {node.name};
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back().name;
  }
  std::string fresh(const std::string& stem) {
    const std::string base = "preprocessing/" + stem;
    std::string name = base;
    for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
    return name;
  }
  std::string constant(const Tensor& t) {
    std::string name = fresh("constant");
    graph_.initializers.emplace(name, graph::Value(contiguous(t)));
    return name;
  }
  std::string number(double value, DType dtype = DType::kFloat32) {
    return constant(Tensor::scalar(value, dtype));
  }
  std::string ints(const std::vector<int64_t>& values) {
    return constant(Tensor::from(values, {std::ssize(values)}));
  }
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

  std::string per_channel(const std::vector<double>& values);
  void say(const data::Cast& t);
  void say(const data::Pad& t);
  void say(const data::CenterCrop& t, const TensorSpec& out);
  void say(const data::Resize& t);
  void sum_taps(const data::Taps& taps, int64_t axis);
  void say(const data::Grayscale& t);
  bool select(const data::Taps& taps, int64_t axis);
  std::string weights(const data::Taps& taps, int64_t from, bool transposed);

  graph::Graph& graph_;
  std::set<std::string>& names_;
  TensorSpec spec_;  ///< of a sample at the transform that is being said, channels first
  std::string value_;
};

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

}  // namespace

Preprocessing::Preprocessing(const train::Experiment& experiment) : pipeline_(experiment.data->evaluation()) {
  const data::DataModule& data = *experiment.data;
  std::vector<Error> errors;
  const config::Node& source = data.config().source;
  const auto refuse = [&](const config::Node& at, const std::string& what) {
    errors.push_back(
        Error(ErrorKind::kUnsupported, fmt::format("{}, which cannot be preprocessing in the graph", what))
            .at(at.mark().str()));
  };
  if (experiment.plays()) refuse(source, "inputs are what an environment shows");
  const std::string changes = data.changes_inputs();
  if (!changes.empty()) refuse(source, changes);

  const data::SampleSpec& raw = data.raw_spec();
  for (const size_t column : data.input_columns()) {
    const data::Column& c = raw.columns[column];
    inputs_.push_back({column, c.spec, is_image(c), data::acts_on(raw, column)});
  }
  const config::Node& written = data.config().transforms;
  const std::vector<config::Node> one = {written};
  const std::vector<config::Node>& nodes = written.is_list() ? written.items() : one;
  graph::Graph tried;
  std::set<std::string> names;
  for (size_t i = 0; i < pipeline_.transforms.size(); ++i) {
    const config::Node& node = nodes.at(i);
    steps_.push_back(node.is_map() && !node.entries().empty() ? node.entries()[0].key : node.brief());
  }
  Chain chain(tried, names, "");
  for (size_t i = 0; i < pipeline_.transforms.size(); ++i) {
    try {
      chain.apply(pipeline_, i);
    } catch (Error& e) {
      errors.push_back(
          Error(e.kind, fmt::format("{} cannot be preprocessing in the graph: {}", steps_[i], e.message))
              .at(nodes[i].mark().str()));
    }
  }
  if (errors.empty()) return;
  Error first = std::move(errors.front());
  first.more.assign(std::make_move_iterator(errors.begin() + 1), std::make_move_iterator(errors.end()));
  throw first;
}

void Preprocessing::prepend(graph::Model& model) const {
  std::set<std::string> names;
  gather_names(model.graph, names);
  graph::Graph before;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    if (!input.image && (!input.transformed || pipeline_.transforms.empty())) continue;
    graph::Declared& d = model.graph.inputs[i];
    Chain chain(before, names, d.name);
    if (input.image) chain.to_channels_first();
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
  }
  before.nodes.insert(before.nodes.end(), std::make_move_iterator(model.graph.nodes.begin()),
                      std::make_move_iterator(model.graph.nodes.end()));
  model.graph.nodes = std::move(before.nodes);
  model.graph.initializers.merge(before.initializers);
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
