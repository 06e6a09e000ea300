#include "dlb/graph/operator.h"

#include <algorithm>
#include <bit>

namespace dlb::graph {

namespace {

/// Lists of shapes, axes and the like; more would be data that a kernel should not copy.
constexpr int64_t kMostListed = 1'000'000;

template <class T>
const T& typed(const Call& c, const Attribute& a, const char* expected) {
  const T* value = std::get_if<T>(&a.value);
  if (value == nullptr) c.fail("attribute '{}' is no {}", a.name, expected);
  return *value;
}

}  // namespace

const Value& Call::value(size_t i) const {
  if (!has(i)) fail("input {} is missing", i);
  return inputs_[i];
}

const Tensor& Call::tensor(size_t i) const {
  const Value& v = value(i);
  if (!v.is_tensor()) fail("input {} is {}, expected a tensor of numbers", i, describe(v));
  return v.tensor;
}

const Texts& Call::texts(size_t i) const {
  const Value& v = value(i);
  if (!v.is_texts()) fail("input {} is {}, expected texts", i, describe(v));
  return *v.texts;
}

const std::vector<Value>& Call::items(size_t i) const {
  const Value& v = value(i);
  if (!v.is_sequence()) fail("input {} is {}, expected a sequence", i, describe(v));
  return *v.items;
}

void Call::need_data(size_t i) const {
  if (tensor(i).is_meta()) throw NeedsData{};
}

std::vector<int64_t> Call::integers(size_t i) const {
  need_data(i);
  if (tensor(i).numel() > kMostListed)
    fail("input {} has {} elements, too many for it", i, tensor(i).numel());
  return tensor(i).to_vector<int64_t>();
}

std::vector<double> Call::numbers(size_t i) const {
  need_data(i);
  if (tensor(i).numel() > kMostListed)
    fail("input {} has {} elements, too many for it", i, tensor(i).numel());
  return tensor(i).to_vector<double>();
}

double Call::number(size_t i) const {
  need_data(i);
  if (tensor(i).numel() != 1) fail("input {} is {}, expected one number", i, describe(value(i)));
  return tensor(i).item();
}

int64_t Call::integer(size_t i) const {
  need_data(i);
  if (tensor(i).numel() != 1) fail("input {} is {}, expected one number", i, describe(value(i)));
  return tensor(i).to_vector<int64_t>()[0];
}

bool Call::truth(size_t i) const { return number(i) != 0; }

int64_t Call::attribute(std::string_view name, int64_t otherwise) const {
  const Attribute* a = node_.find(name);
  return a == nullptr ? otherwise : typed<int64_t>(*this, *a, "whole number");
}

int64_t Call::required(std::string_view name) const {
  const Attribute* a = node_.find(name);
  if (a == nullptr) fail("attribute '{}' is missing", name);
  return typed<int64_t>(*this, *a, "whole number");
}

double Call::attribute(std::string_view name, double otherwise) const {
  const Attribute* a = node_.find(name);
  return a == nullptr ? otherwise : static_cast<double>(typed<float>(*this, *a, "number"));
}

std::string Call::attribute(std::string_view name, const char* otherwise) const {
  const Attribute* a = node_.find(name);
  return a == nullptr ? otherwise : typed<std::string>(*this, *a, "text");
}

std::vector<int64_t> Call::integers(std::string_view name, std::vector<int64_t> otherwise) const {
  const Attribute* a = node_.find(name);
  return a == nullptr ? otherwise : typed<Attribute::Ints>(*this, *a, "list of whole numbers");
}

std::vector<float> Call::floats(std::string_view name, std::vector<float> otherwise) const {
  const Attribute* a = node_.find(name);
  return a == nullptr ? otherwise : typed<Attribute::Floats>(*this, *a, "list of numbers");
}

std::vector<std::string> Call::strings(std::string_view name) const {
  const Attribute* a = node_.find(name);
  return a == nullptr ? std::vector<std::string>() : typed<Attribute::Strings>(*this, *a, "list of texts");
}

const Value& Call::attribute_value(std::string_view name) const {
  const Attribute* a = node_.find(name);
  if (a == nullptr) fail("attribute '{}' is missing", name);
  return typed<Value>(*this, *a, "tensor");
}

const Graph& Call::subgraph(std::string_view name) const {
  const Attribute* a = node_.find(name);
  if (a == nullptr) fail("attribute '{}' is missing", name);
  return *typed<Attribute::Subgraph>(*this, *a, "graph");
}

std::vector<int64_t> Call::axes(std::string_view name, size_t i) const {
  if (has(i)) return integers(i);
  return integers(name);
}

int64_t Call::axis(int64_t given, int rank) const {
  if (given < -rank || given >= rank) {
    throw Error(ErrorKind::kShape,
                fmt::format("{}: axis {} of a tensor with {} dimensions", node_.op, given, rank));
  }
  return given < 0 ? given + rank : given;
}

void Call::output(size_t i, Value v) {
  if (i < outputs_.size()) outputs_[i] = std::move(v);
}

RngKey Call::random_key() const {
  RngKey key;
  if (has_attribute("seed")) {
    key.seed = std::bit_cast<uint64_t>(attribute("seed", 0.0));  // a float in ONNX, of any size and sign
  } else if (random_ != nullptr) {
    key.seed = random_->seed;
  }
  if (random_ != nullptr) key.step = random_->turns[&node_]++;  // the body of a loop draws anew each time
  uint32_t hash = 2166136261U;
  for (const std::string& name : node_.outputs) {
    for (const char ch : name) hash = (hash ^ static_cast<uint8_t>(ch)) * 16777619U;
  }
  if (!has_attribute("seed")) key.index = hash;
  return key;
}

namespace {

const std::vector<Operator>& table() {
  static const std::vector<Operator> sorted = [] {
    std::vector<Operator> all;
    for (const auto family : {
             elementwise_operators(), shape_operators(),     matrix_operators(),  conv_operators(),
             pool_operators(),        roi_operators(),       norm_operators(),    quantize_operators(),
             loss_operators(),        attention_operators(), resize_operators(),  recurrent_operators(),
             reduction_operators(),   index_operators(),     control_operators(), sequence_operators(),
             text_operators(),        random_operators(),    signal_operators(),  algebra_operators(),
             detection_operators(),   classic_operators(),   tree_operators(),    svm_operators(),
             training_operators(),    fused_operators(),
         })
      all.insert(all.end(), family.begin(), family.end());
    std::sort(all.begin(), all.end(), [](const Operator& a, const Operator& b) {
      return std::tie(a.domain, a.name, a.since) < std::tie(b.domain, b.name, b.since);
    });
    return all;
  }();
  return sorted;
}

}  // namespace

const Operator* find_operator(std::string_view domain, std::string_view name, int64_t opset) {
  const std::vector<Operator>& all = table();
  const auto after = std::upper_bound(
      all.begin(), all.end(), std::tie(domain, name, opset),
      [](const auto& key, const Operator& op) { return key < std::tie(op.domain, op.name, op.since); });
  if (after == all.begin()) return nullptr;
  const Operator& op = *std::prev(after);
  return op.domain == domain && op.name == name ? &op : nullptr;
}

std::vector<const Operator*> all_operators() {
  std::vector<const Operator*> all;
  for (const Operator& op : table()) all.push_back(&op);
  return all;
}

}  // namespace dlb::graph
