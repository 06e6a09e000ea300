#include <onnx.pb.h>

#include <limits>

#include "dlb/base/error.h"
#include "dlb/base/version.h"
#include "dlb/io/onnx.h"
#include "dlb/io/onnx_parts.h"
#include "dlb/io/onnx_tensor.h"

namespace dlb::io {

using graph::Attribute;
using graph::Declared;
using graph::Graph;
using graph::Model;
using graph::Value;

namespace {

constexpr int64_t kIrVersion = 8;

void fill_tensor_type(const Declared& d, onnx::TypeProto& type) {
  onnx::TypeProto::Tensor& tensor = *type.mutable_tensor_type();
  tensor.set_elem_type(static_cast<int32_t>(d.element));
  if (!d.shape) return;
  onnx::TensorShapeProto& shape = *tensor.mutable_shape();
  for (const graph::Dim& dim : *d.shape) {
    auto& size = *shape.add_dim();
    if (dim.size) {
      size.set_dim_value(*dim.size);
    } else if (!dim.name.empty()) {
      size.set_dim_param(dim.name);
    }
  }
}

void fill_declared(const Declared& d, onnx::ValueInfoProto& info) {
  info.set_name(d.name);
  if (!d.doc.empty()) info.set_doc_string(d.doc);
  onnx::TypeProto* type = info.mutable_type();
  if (d.optional) type = type->mutable_optional_type()->mutable_elem_type();
  if (d.kind == Value::Kind::kSequence) type = type->mutable_sequence_type()->mutable_elem_type();
  fill_tensor_type(d, *type);
}

void fill_graph(const Graph& graph, onnx::GraphProto& proto, const StoredTensors& stored);

void fill_attribute(const Attribute& a, onnx::AttributeProto& proto) {
  using Type = onnx::AttributeProto;
  proto.set_name(a.name);
  if (const auto* i = std::get_if<int64_t>(&a.value)) {
    proto.set_type(Type::INT);
    proto.set_i(*i);
  } else if (const auto* f = std::get_if<float>(&a.value)) {
    proto.set_type(Type::FLOAT);
    proto.set_f(*f);
  } else if (const auto* s = std::get_if<std::string>(&a.value)) {
    proto.set_type(Type::STRING);
    proto.set_s(*s);
  } else if (const auto* ints = std::get_if<Attribute::Ints>(&a.value)) {
    proto.set_type(Type::INTS);
    for (const int64_t v : *ints) proto.add_ints(v);
  } else if (const auto* floats = std::get_if<Attribute::Floats>(&a.value)) {
    proto.set_type(Type::FLOATS);
    for (const float v : *floats) proto.add_floats(v);
  } else if (const auto* strings = std::get_if<Attribute::Strings>(&a.value)) {
    proto.set_type(Type::STRINGS);
    for (const std::string& v : *strings) proto.add_strings(v);
  } else if (const auto* value = std::get_if<Value>(&a.value)) {
    proto.set_type(Type::TENSOR);
    fill_onnx_tensor(*value, *proto.mutable_t());
  } else if (const auto* sub = std::get_if<Attribute::Subgraph>(&a.value)) {
    proto.set_type(Type::GRAPH);
    fill_graph(**sub, *proto.mutable_g(), {});
  } else {
    fail(ErrorKind::kUnsupported, "attribute '{}' is of a type that is not written", a.name);
  }
}

/// All of a tensor but its elements.
void fill_stored_tensor(const Value& value, onnx::TensorProto& proto) {
  proto.set_data_type(static_cast<int32_t>(value.element));
  for (const int64_t size : value.shape()) proto.add_dims(size);
  proto.set_data_location(onnx::TensorProto::EXTERNAL);
}

void fill_graph(const Graph& graph, onnx::GraphProto& proto, const StoredTensors& stored) {
  proto.set_name(graph.name.empty() ? "graph" : graph.name);
  for (const graph::Node& node : graph.nodes) {
    onnx::NodeProto& n = *proto.add_node();
    n.set_op_type(node.op);
    if (!node.domain.empty()) n.set_domain(node.domain);
    if (!node.name.empty()) n.set_name(node.name);
    for (const std::string& name : node.inputs) n.add_input(name);
    for (const std::string& name : node.outputs) n.add_output(name);
    for (const Attribute& a : node.attributes) fill_attribute(a, *n.add_attribute());
  }
  for (const Declared& d : graph.inputs) fill_declared(d, *proto.add_input());
  for (const Declared& d : graph.outputs) fill_declared(d, *proto.add_output());
  for (const auto& [name, value] : graph.initializers) {
    onnx::TensorProto& t = *proto.add_initializer();
    t.set_name(name);
    stored.count(name) > 0 ? fill_stored_tensor(value, t) : fill_onnx_tensor(value, t);
  }
}

template <class Proto>
std::string serialized(const Proto& proto) {
  // The length of a message is an int, and asking for one beyond it is undefined.
  if (proto.ByteSizeLong() > static_cast<size_t>(std::numeric_limits<int>::max()))
    fail(ErrorKind::kUnsupported, "the model is larger than an ONNX file can be (2 GiB)");
  return proto.SerializeAsString();
}

}  // namespace

std::string to_onnx(const Model& model) { return to_onnx_beside(model, {}); }

std::string to_onnx_beside(const Model& model, const StoredTensors& stored) {
  if (!model.functions.empty())
    fail(ErrorKind::kUnsupported, "function '{}' of the model cannot be written", model.functions[0].name);
  onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  proto.set_producer_name("dlbench");
  proto.set_producer_version(std::string(version()));
  for (const auto& [domain, version] : model.opsets) {
    onnx::OperatorSetIdProto& id = *proto.add_opset_import();
    id.set_domain(domain);
    id.set_version(version);
  }
  for (const auto& [key, value] : model.metadata) {
    onnx::StringStringEntryProto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  fill_graph(model.graph, *proto.mutable_graph(), stored);
  return serialized(proto);
}

std::string to_onnx_tensor(const Value& value, const std::string& name) {
  onnx::TensorProto proto;
  proto.set_name(name);
  fill_onnx_tensor(value, proto);
  return serialized(proto);
}

}  // namespace dlb::io
