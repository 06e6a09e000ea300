// Operators of ONNX that run graphs within the graph: branches and loops.
#include <algorithm>
#include <limits>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::graph {

namespace {

void give_all(Call& c, std::vector<Value> values) {
  for (size_t i = 0; i < values.size(); ++i) c.output(i, std::move(values[i]));
}

void if_node(Call& c) {
  const Graph& branch = c.subgraph(c.truth(0) ? "then_branch" : "else_branch");
  if (branch.outputs.size() < c.node().outputs.size())
    c.fail("its branch gives {} values, expected {}", branch.outputs.size(), c.node().outputs.size());
  give_all(c, c.run(branch, {}));
}

bool holds(const Call& c, const Value& v) {
  if (!v.is_tensor() || v.tensor.numel() != 1)
    c.fail("its condition is {}, expected one truth value", describe(v));
  if (v.tensor.is_meta()) throw NeedsData{};
  return v.tensor.item() != 0;
}

/// The values of a scan output joined along a new axis; of none, as the body declares one, with size 0.
Value stacked(const Call& c, const std::vector<Value>& values, const Declared& declared, int64_t axis) {
  if (values.empty()) {
    Shape shape;
    if (declared.shape) {
      for (const Dim& dim : *declared.shape) shape.push_back(dim.size.value_or(0));
    }
    shape.insert(static_cast<size_t>(c.axis(axis, static_cast<int>(shape.size()) + 1)), 0);
    if (declared.element == Element::kString) return Value(Texts{shape, {}});
    const Element e = declared.element == Element::kUndefined ? Element::kFloat32 : declared.element;
    return Value(Tensor::empty(shape, carrier(e)), e);
  }
  const int rank =
      values[0].is_tensor() || values[0].is_texts() ? static_cast<int>(values[0].shape().size()) : 0;
  const int64_t at = c.axis(axis, rank + 1);
  return joined(c, values, [&](const std::vector<Tensor>& parts) { return stack(parts, at); });
}

void check_body(const Call& c, const Graph& body, size_t inputs, size_t outputs) {
  if (body.inputs.size() != inputs || body.outputs.size() < outputs) {
    c.fail("its body takes {} values and gives {}, expected {} and at least {}", body.inputs.size(),
           body.outputs.size(), inputs, outputs);
  }
}

void loop_node(Call& c) {
  const Graph& body = c.subgraph("body");
  const int64_t most = c.has(0) ? c.integer(0) : std::numeric_limits<int64_t>::max();
  bool going = !c.has(1) || holds(c, c.value(1));
  const bool ends_by_condition = c.has(1);
  const size_t carried_count = c.inputs() > 2 ? c.inputs() - 2 : 0;
  check_body(c, body, carried_count + 2, carried_count + 1);
  std::vector<Value> carried;
  for (size_t i = 0; i < carried_count; ++i) carried.push_back(c.has(i + 2) ? c.value(i + 2) : Value());
  const size_t scanned_count = body.outputs.size() - 1 - carried_count;
  std::vector<std::vector<Value>> scanned(scanned_count);
  const auto truth = [](bool b) { return Value(full({}, b ? 1 : 0, DType::kBool)); };
  for (int64_t i = 0; going && i < most; ++i) {
    std::vector<Value> inputs = {Value(Tensor::from(std::vector<int64_t>{i}, {})), truth(going)};
    for (Value& v : carried) inputs.push_back(std::move(v));
    std::vector<Value> outputs = c.run(body, std::move(inputs));
    if (ends_by_condition) going = holds(c, outputs[0]);
    for (size_t k = 0; k < carried_count; ++k) carried[k] = std::move(outputs[k + 1]);
    for (size_t k = 0; k < scanned_count; ++k)
      scanned[k].push_back(std::move(outputs[carried_count + 1 + k]));
  }
  for (size_t k = 0; k < scanned_count; ++k)
    carried.push_back(stacked(c, scanned[k], body.outputs[carried_count + 1 + k], 0));
  give_all(c, std::move(carried));
}

/// What a scan walks over and gives, as its attributes say.
struct ScanPlan {
  const Graph* body = nullptr;
  size_t states = 0, inputs = 0, outputs = 0;
  std::vector<int64_t> input_axes, output_axes, input_directions, output_directions;
};

std::vector<int64_t> list_of(const Call& c, std::string_view name, size_t count) {
  std::vector<int64_t> values = c.integers(name);
  if (values.empty()) values.assign(count, 0);
  if (values.size() != count)
    c.fail("attribute '{}' has {} numbers, expected {}", name, values.size(), count);
  return values;
}

ScanPlan scan_plan(const Call& c, size_t values) {
  ScanPlan p;
  p.body = &c.subgraph("body");
  const int64_t inputs = c.required("num_scan_inputs");
  if (inputs < 1 || inputs > static_cast<int64_t>(values))
    c.fail("{} of its {} inputs are to be scanned", inputs, values);
  p.inputs = static_cast<size_t>(inputs);
  p.states = values - p.inputs;
  check_body(c, *p.body, values, p.states);
  p.outputs = p.body->outputs.size() - p.states;
  return p;
}

/// Runs the body over `length` steps of the inputs and appends the outputs of each step to `scanned`.
std::vector<Value> scan(const Call& c, const ScanPlan& p, std::vector<Value> states,
                        const std::vector<Value>& from, int64_t length, int64_t whole_length,
                        std::vector<std::vector<Value>>& scanned) {
  for (int64_t t = 0; t < length; ++t) {
    std::vector<Value> inputs = std::move(states);
    for (size_t i = 0; i < p.inputs; ++i) {
      const int64_t at = p.input_directions[i] != 0 ? whole_length - 1 - t : t;
      inputs.push_back(moved(c, from[i], [&](const Tensor& x) { return select(x, p.input_axes[i], at); }));
    }
    std::vector<Value> outputs = c.run(*p.body, std::move(inputs));
    states.clear();
    for (size_t i = 0; i < p.states; ++i) states.push_back(std::move(outputs[i]));
    for (size_t i = 0; i < p.outputs; ++i) scanned[i].push_back(std::move(outputs[p.states + i]));
  }
  return states;
}

void scan_node(Call& c) {
  ScanPlan p = scan_plan(c, c.inputs());
  p.input_axes = list_of(c, "scan_input_axes", p.inputs);
  p.output_axes = list_of(c, "scan_output_axes", p.outputs);
  p.input_directions = list_of(c, "scan_input_directions", p.inputs);
  p.output_directions = list_of(c, "scan_output_directions", p.outputs);
  std::vector<Value> states, from;
  for (size_t i = 0; i < p.states; ++i) states.push_back(c.has(i) ? c.value(i) : Value());
  int64_t length = -1;
  for (size_t i = 0; i < p.inputs; ++i) {
    const Value& v = c.value(p.states + i);
    if (!v.is_tensor() && !v.is_texts())
      c.fail("input {} is {}, expected a tensor", p.states + i, describe(v));
    p.input_axes[i] = c.axis(p.input_axes[i], static_cast<int>(v.shape().size()));
    const int64_t size = v.shape()[static_cast<size_t>(p.input_axes[i])];
    if (length >= 0 && size != length) c.fail("scanned inputs have lengths {} and {}", length, size);
    length = size;
    from.push_back(v);
  }
  std::vector<std::vector<Value>> scanned(p.outputs);
  std::vector<Value> outputs = scan(c, p, std::move(states), from, length, length, scanned);
  for (size_t i = 0; i < p.outputs; ++i) {
    if (p.output_directions[i] != 0) std::reverse(scanned[i].begin(), scanned[i].end());
    outputs.push_back(stacked(c, scanned[i], p.body->outputs[p.states + i], p.output_axes[i]));
  }
  give_all(c, std::move(outputs));
}

/// Scan of opset 8: over dimension 1 of each sample of a batch, each as long as sequence_lens says.
void scan_batches(Call& c) {
  ScanPlan p = scan_plan(c, c.inputs() - 1);
  p.input_axes.assign(p.inputs, 0);
  p.input_directions = list_of(c, "directions", p.inputs);
  const Shape first = c.tensor(1 + p.states).shape();
  if (first.size() < 2)
    c.fail("input {} is {}, expected [batch, steps, ...]", 1 + p.states, shape_text(first));
  const int64_t batch = first[0], steps = first[1];
  if (batch == 0) c.fail("its batch is empty");
  for (size_t i = 0; i < p.states + p.inputs; ++i) {
    const Shape shape = c.tensor(1 + i).shape();
    if (shape.empty() || shape[0] != batch || (i >= p.states && (shape.size() < 2 || shape[1] != steps)))
      c.fail("inputs have shapes {} and {}", shape_text(first), shape_text(shape));
  }
  std::vector<int64_t> lengths(static_cast<size_t>(batch), steps);
  if (c.has(0)) lengths = c.integers(0);
  if (static_cast<int64_t>(lengths.size()) != batch)
    c.fail("{} lengths for {} samples", lengths.size(), batch);
  std::vector<std::vector<Value>> gathered(p.states + p.outputs);
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t length = lengths[static_cast<size_t>(b)];
    if (length < 0 || length > steps) c.fail("length {} of a sequence of {}", length, steps);
    std::vector<Value> states, from;
    for (size_t i = 0; i < p.states + p.inputs; ++i)
      (i < p.states ? states : from).push_back(Value(select(c.tensor(1 + i), 0, b), c.element(1 + i)));
    std::vector<std::vector<Value>> scanned(p.outputs);
    states = scan(c, p, std::move(states), from, length, length, scanned);
    for (size_t i = 0; i < p.states; ++i) gathered[i].push_back(std::move(states[i]));
    for (size_t i = 0; i < p.outputs; ++i) {
      if (scanned[i].empty()) c.unsupported("a sequence of length 0");
      // What lies behind the end of a sequence is 0.
      const Value& v = scanned[i].front();
      const Value nothing(zeros(v.tensor.shape(), v.tensor.dtype(), v.tensor.device()), v.element);
      scanned[i].resize(static_cast<size_t>(steps), nothing);
      gathered[p.states + i].push_back(stacked(c, scanned[i], p.body->outputs[p.states + i], 0));
    }
  }
  std::vector<Value> outputs;
  for (size_t i = 0; i < gathered.size(); ++i)
    outputs.push_back(stacked(c, gathered[i], p.body->outputs[i], 0));
  give_all(c, std::move(outputs));
}

constexpr Operator kOperators[] = {
    {"If", &if_node, 1, "", false, 1},
    {"Loop", &loop_node, 1, "", false, 0},
    {"Scan", &scan_batches, 8, "", false, 2},
    {"Scan", &scan_node, 9, "", false, 1},
};

}  // namespace

std::span<const Operator> control_operators() { return kOperators; }

}  // namespace dlb::graph
