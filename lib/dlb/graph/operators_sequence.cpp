// Operators of ONNX on sequences of tensors and on optional values.
#include <algorithm>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::graph {

namespace {

void check_item(const Call& c, const Value& item, Element e) {
  if (!item.is_tensor() && !item.is_texts()) c.fail("{} cannot be in a sequence", describe(item));
  if (e != Element::kUndefined && item.element != e)
    c.fail("{} does not belong into a sequence of {}", describe(item), element_name(e));
}

void sequence_construct(Call& c) {
  std::vector<Value> items;
  for (size_t i = 0; i < c.inputs(); ++i) {
    check_item(c, c.value(i), c.element(0));
    items.push_back(c.value(i));
  }
  c.output(Value::sequence(std::move(items), c.element(0)));
}

void sequence_empty(Call& c) {
  c.output(Value::sequence({}, element_from_number(c.attribute("dtype", int64_t{1}))));
}

/// A position in a sequence, given by input i; negative ones count from the end.
size_t position(const Call& c, size_t i, int64_t count, int64_t otherwise, int64_t last) {
  const int64_t given = c.has(i) ? c.integer(i) : otherwise;
  const int64_t at = given < 0 ? given + count : given;
  if (at < 0 || at > last) c.fail("position {} in a sequence of {}", given, count);
  return static_cast<size_t>(at);
}

void sequence_insert(Call& c) {
  std::vector<Value> items = c.items(0);
  check_item(c, c.value(1), items.empty() ? Element::kUndefined : c.element(0));
  const int64_t count = static_cast<int64_t>(items.size());
  const size_t at = position(c, 2, count, count, count);
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), c.value(1));
  c.output(Value::sequence(std::move(items), c.element(1)));
}

void sequence_erase(Call& c) {
  std::vector<Value> items = c.items(0);
  const int64_t count = static_cast<int64_t>(items.size());
  const size_t at = position(c, 1, count, count - 1, count - 1);
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
  c.output(Value::sequence(std::move(items), c.element(0)));
}

void sequence_at(Call& c) {
  const std::vector<Value>& items = c.items(0);
  const int64_t count = static_cast<int64_t>(items.size());
  c.output(items[position(c, 1, count, 0, count - 1)]);
}

void sequence_length(Call& c) {
  c.plain(Tensor::from(std::vector<int64_t>{static_cast<int64_t>(c.items(0).size())}, {}));
}

void sequence_map(Call& c) {
  const Graph& body = c.subgraph("body");
  const size_t count = c.items(0).size();
  if (body.inputs.size() != c.inputs() || body.outputs.size() < c.node().outputs.size()) {
    c.fail("its body takes {} values and gives {}, expected {} and {}", body.inputs.size(),
           body.outputs.size(), c.inputs(), c.node().outputs.size());
  }
  for (size_t i = 1; i < c.inputs(); ++i) {
    if (c.value(i).is_sequence() && c.items(i).size() != count)
      c.fail("sequences have {} and {} items", count, c.items(i).size());
  }
  std::vector<std::vector<Value>> results(body.outputs.size());
  for (size_t k = 0; k < count; ++k) {
    std::vector<Value> inputs;
    for (size_t i = 0; i < c.inputs(); ++i)
      inputs.push_back(c.value(i).is_sequence() ? c.items(i)[k] : c.value(i));
    std::vector<Value> outputs = c.run(body, std::move(inputs));
    for (size_t i = 0; i < results.size(); ++i) results[i].push_back(std::move(outputs[i]));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const Element e = results[i].empty() ? body.outputs[i].element : results[i][0].element;
    c.output(i, Value::sequence(std::move(results[i]), e));
  }
}

void split_to_sequence(Call& c) {
  const Value& v = c.value(0);
  const Shape shape = v.shape();
  const int64_t axis = c.axis(c.attribute("axis", int64_t{0}), static_cast<int>(shape.size()));
  const int64_t length = shape[static_cast<size_t>(axis)];
  std::vector<int64_t> sizes;
  bool keep = true;
  if (c.has(1) && c.tensor(1).rank() > 0) {
    sizes = c.integers(1);
  } else {
    const int64_t each = c.has(1) ? c.integer(1) : 1;
    if (each < 1) c.fail("parts of {} elements", each);
    keep = c.has(1) || c.attribute("keepdims", int64_t{1}) != 0;
    for (int64_t done = 0; done < length; done += each) {
      sizes.push_back(std::min(each, length - done));
      if (each > length - done) break;
    }
  }
  std::vector<Value> items;
  int64_t done = 0;
  for (const int64_t size : sizes) {
    if (size < 0 || size > length - done)
      c.fail("parts exceed the {} elements of dimension {}", length, axis);
    items.push_back(moved(
        c, v, [&](const Tensor& x) { return keep ? narrow(x, axis, done, size) : select(x, axis, done); }));
    done += size;
  }
  if (done != length) c.fail("parts have {} elements, dimension {} has {}", done, axis, length);
  c.output(Value::sequence(std::move(items), v.element));
}

void concat_from_sequence(Call& c) {
  const std::vector<Value>& items = c.items(0);
  if (items.empty()) c.fail("there is nothing to join in an empty sequence");
  const bool make_axis = c.attribute("new_axis", int64_t{0}) != 0;
  check_item(c, items[0], Element::kUndefined);
  const int rank = static_cast<int>(items[0].shape().size());
  const int64_t axis = c.axis(c.required("axis"), make_axis ? rank + 1 : rank);
  c.output(joined(c, items, [&](const std::vector<Tensor>& parts) {
    return make_axis ? stack(parts, axis) : cat(parts, axis);
  }));
}

void optional_node(Call& c) { c.output(c.has(0) ? c.value(0) : Value()); }

void optional_has_element(Call& c) { c.plain(full({}, c.has(0) ? 1 : 0, DType::kBool)); }

void optional_get_element(Call& c) {
  if (!c.has(0)) c.fail("the optional value is empty");
  c.output(c.value(0));
}

constexpr Operator kOperators[] = {
    {"SequenceConstruct", &sequence_construct, 11, "", true, 1},
    {"SequenceEmpty", &sequence_empty, 11, "", true, 0},
    {"SequenceInsert", &sequence_insert, 11, "", true, 2},
    {"SequenceErase", &sequence_erase, 11, "", true, 1},
    {"SequenceAt", &sequence_at, 11, "", true, 2},
    {"SequenceLength", &sequence_length, 11, "", true, 1},
    {"SequenceMap", &sequence_map, 17, "", false, 1},
    {"SplitToSequence", &split_to_sequence, 11, "", false, 1},
    {"ConcatFromSequence", &concat_from_sequence, 11, "", true, 1},
    {"Optional", &optional_node, 15, "", true, 0},
    {"OptionalHasElement", &optional_has_element, 15, "", true, 0},
    {"OptionalGetElement", &optional_get_element, 15, "", true, 1},
};

}  // namespace

std::span<const Operator> sequence_operators() { return kOperators; }

}  // namespace dlb::graph
