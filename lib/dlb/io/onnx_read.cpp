#include <google/protobuf/arena.h>
#include <onnx.pb.h>
#include <onnx_data.pb.h>

#include <limits>
#include <new>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/io/onnx.h"
#include "dlb/io/onnx_parts.h"
#include "dlb/io/onnx_tensor.h"

namespace dlb::io {

using graph::Attribute;
using graph::Declared;
using graph::Element;
using graph::Graph;
using graph::Model;
using graph::Value;

namespace {

constexpr int kDeepest = 64;

/// What parsing may still allocate: a few bytes of a hostile file can stand for a hundred times their size in
/// empty messages. The parser gives its allocator no argument, hence a variable of the thread.
thread_local size_t t_budget = 0;

void* allocate_within_budget(size_t bytes) {
  if (bytes > t_budget) throw std::bad_alloc();
  t_budget -= bytes;
  return ::operator new(bytes);
}
void release_block(void* memory, size_t) { ::operator delete(memory); }

/// Parses a message whose memory stays within a small factor of its bytes.
template <class Proto>
class Parsed {
 public:
  Parsed(std::string_view bytes, const std::string& name, const char* what) : arena_(options(bytes.size())) {
    if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
      fail(ErrorKind::kUnsupported, "{}: {} bytes are more than an ONNX file can have (2 GiB)", name,
           bytes.size());
    try {
      message_ = google::protobuf::Arena::CreateMessage<Proto>(&arena_);
      if (!message_->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())))
        fail(ErrorKind::kData, "{}: this is no {}: its bytes cannot be parsed", name, what);
    } catch (const std::bad_alloc&) {
      fail(ErrorKind::kData, "{}: its {} bytes stand for far more empty parts than any {} has", name,
           bytes.size(), what);
    }
  }
  const Proto& operator*() const { return *message_; }
  const Proto* operator->() const { return message_; }

 private:
  static google::protobuf::ArenaOptions options(size_t bytes) {
    constexpr size_t kFixed = size_t{4} << 20, kFactor = 24;
    t_budget = kFixed + kFactor * bytes;
    google::protobuf::ArenaOptions o;
    o.block_alloc = &allocate_within_budget;
    o.block_dealloc = &release_block;
    return o;
  }
  google::protobuf::Arena arena_;
  Proto* message_ = nullptr;
};

std::string domain_of(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

class Reader {
 public:
  Reader(std::string name, std::string folder, StoredTensors* stored = nullptr)
      : name_(std::move(name)), folder_(std::move(folder)), stored_(stored) {}

  Model model(const onnx::ModelProto& proto) {
    if (!proto.has_graph()) fail(ErrorKind::kData, "{}: this is no ONNX model: it has no graph", name_);
    Model model;
    model.producer = proto.producer_name();
    for (const auto& entry : proto.metadata_props()) model.metadata[entry.key()] = entry.value();
    for (const onnx::OperatorSetIdProto& id : proto.opset_import()) add_opset(id, model.opsets);
    if (model.opsets.empty()) model.opsets[""] = 1;  // models of IR versions before 3
    for (const onnx::FunctionProto& f : proto.functions()) model.functions.push_back(function(f));
    model.graph = graph(proto.graph(), 0);
    return model;
  }

  Value sequence(const onnx::SequenceProto& proto, int depth) const {
    if (depth > kDeepest)
      fail(ErrorKind::kData, "{}: sequences are nested more than {} deep", name_, kDeepest);
    std::vector<Value> items;
    for (const onnx::TensorProto& t : proto.tensor_values()) items.push_back(onnx_value(t, "", name_));
    for (const onnx::SequenceProto& s : proto.sequence_values()) items.push_back(sequence(s, depth + 1));
    for (const onnx::OptionalProto& o : proto.optional_values()) items.push_back(optional(o, depth + 1));
    return Value::sequence(items, items.empty() ? Element::kUndefined : items[0].element);
  }

  Value optional(const onnx::OptionalProto& proto, int depth) const {
    if (depth > kDeepest)
      fail(ErrorKind::kData, "{}: optional values are nested more than {} deep", name_, kDeepest);
    if (proto.has_tensor_value()) return onnx_value(proto.tensor_value(), "", name_);
    if (proto.has_sequence_value()) return sequence(proto.sequence_value(), depth + 1);
    if (proto.has_optional_value()) return optional(proto.optional_value(), depth + 1);
    return {};
  }

 private:
  void add_opset(const onnx::OperatorSetIdProto& id, std::map<std::string, int64_t>& opsets) const {
    if (id.version() < 1)
      fail(ErrorKind::kData, "{}: opset {} of domain '{}'", name_, id.version(), id.domain());
    opsets[domain_of(id.domain())] = id.version();
  }

  graph::Function function(const onnx::FunctionProto& proto) {
    graph::Function f;
    f.domain = domain_of(proto.domain());
    f.name = proto.name();
    f.inputs.assign(proto.input().begin(), proto.input().end());
    f.outputs.assign(proto.output().begin(), proto.output().end());
    f.attributes.assign(proto.attribute().begin(), proto.attribute().end());
    for (const onnx::OperatorSetIdProto& id : proto.opset_import()) add_opset(id, f.opsets);
    for (int i = 0; i < proto.node_size(); ++i) f.nodes.push_back(node(proto.node(i), i, 0));
    return f;
  }

  Graph graph(const onnx::GraphProto& proto, int depth) {
    if (depth > kDeepest) fail(ErrorKind::kData, "{}: graphs are nested more than {} deep", name_, kDeepest);
    Graph g;
    g.name = proto.name();
    if (proto.sparse_initializer_size() > 0)
      fail(ErrorKind::kUnsupported, "{}: sparse initializers are not supported", name_);
    for (const onnx::TensorProto& t : proto.initializer()) {
      const std::string where = fmt::format("{}: initializer '{}'", name_, t.name());
      if (g.initializers.count(t.name()) > 0) fail(ErrorKind::kData, "{}: it is there twice", where);
      const bool stored =
          stored_ != nullptr && depth == 0 && t.data_location() == onnx::TensorProto::EXTERNAL;
      g.initializers.emplace(t.name(), stored ? take_stored(t, where) : onnx_value(t, folder_, where));
    }
    for (const onnx::ValueInfoProto& v : proto.input()) g.inputs.push_back(declared(v));
    for (const onnx::ValueInfoProto& v : proto.output()) g.outputs.push_back(declared(v));
    for (int i = 0; i < proto.node_size(); ++i) g.nodes.push_back(node(proto.node(i), i, depth));
    return g;
  }

  /// An initializer whose elements stand beside the message.
  Value take_stored(const onnx::TensorProto& proto, const std::string& where) {
    const auto entry = stored_->extract(proto.name());
    if (entry.empty()) fail(ErrorKind::kData, "{}: the file has no tensor of that name", where);
    const std::string expected = onnx_tensor_type(proto, where), found = describe(entry.mapped());
    if (found != expected)
      fail(ErrorKind::kData, "{}: the graph expects {}, the tensor in the file is {}", where, expected,
           found);
    return entry.mapped();
  }

  graph::Node node(const onnx::NodeProto& proto, int index, int depth) {
    graph::Node n;
    n.op = proto.op_type();
    n.domain = domain_of(proto.domain());
    n.name = proto.name();
    n.inputs.assign(proto.input().begin(), proto.input().end());
    n.outputs.assign(proto.output().begin(), proto.output().end());
    const std::string where = fmt::format("{}: {}", name_, describe(n, static_cast<size_t>(index)));
    if (n.op.empty()) fail(ErrorKind::kData, "{}: it names no operator", where);
    if (n.outputs.empty()) fail(ErrorKind::kData, "{}: it has no output", where);
    for (const onnx::AttributeProto& a : proto.attribute())
      n.attributes.push_back(attribute(a, where, depth));
    return n;
  }

  Attribute attribute(const onnx::AttributeProto& proto, const std::string& where, int depth) {
    Attribute a;
    a.name = proto.name();
    a.refers_to = proto.ref_attr_name();
    const auto place = [&] { return fmt::format("{}: attribute '{}'", where, a.name); };
    switch (type_of(proto)) {
      case onnx::AttributeProto::FLOAT:
        a.value = proto.f();
        break;
      case onnx::AttributeProto::INT:
        a.value = proto.i();
        break;
      case onnx::AttributeProto::STRING:
        a.value = proto.s();
        break;
      case onnx::AttributeProto::TENSOR:
        a.value = onnx_value(proto.t(), folder_, place());
        break;
      case onnx::AttributeProto::GRAPH:
        a.value = std::make_shared<Graph>(graph(proto.g(), depth + 1));
        break;
      case onnx::AttributeProto::FLOATS:
        a.value = Attribute::Floats(proto.floats().begin(), proto.floats().end());
        break;
      case onnx::AttributeProto::INTS:
        a.value = Attribute::Ints(proto.ints().begin(), proto.ints().end());
        break;
      case onnx::AttributeProto::STRINGS:
        a.value = Attribute::Strings(proto.strings().begin(), proto.strings().end());
        break;
      case onnx::AttributeProto::TENSORS: {
        std::vector<Value> values;
        for (const onnx::TensorProto& t : proto.tensors()) values.push_back(onnx_value(t, folder_, place()));
        a.value = std::move(values);
        break;
      }
      case onnx::AttributeProto::GRAPHS: {
        std::vector<Attribute::Subgraph> graphs;
        for (const onnx::GraphProto& g : proto.graphs())
          graphs.push_back(std::make_shared<Graph>(graph(g, depth + 1)));
        a.value = std::move(graphs);
        break;
      }
      default:
        // Types (of Optional) and sparse tensors; what needs one of them says so when it asks for it.
        break;
    }
    return a;
  }

  /// Models of IR versions before 3 leave the type out.
  static onnx::AttributeProto::AttributeType type_of(const onnx::AttributeProto& proto) {
    if (proto.type() != onnx::AttributeProto::UNDEFINED) return proto.type();
    if (proto.has_f()) return onnx::AttributeProto::FLOAT;
    if (proto.has_i()) return onnx::AttributeProto::INT;
    if (proto.has_s()) return onnx::AttributeProto::STRING;
    if (proto.has_t()) return onnx::AttributeProto::TENSOR;
    if (proto.has_g()) return onnx::AttributeProto::GRAPH;
    if (proto.floats_size() > 0) return onnx::AttributeProto::FLOATS;
    if (proto.strings_size() > 0) return onnx::AttributeProto::STRINGS;
    return onnx::AttributeProto::INTS;
  }

  Declared declared(const onnx::ValueInfoProto& proto) const {
    Declared d;
    d.name = proto.name();
    d.doc = proto.doc_string();
    fill(proto.type(), d, 0);
    return d;
  }

  void fill(const onnx::TypeProto& type, Declared& d, int depth) const {
    if (depth > kDeepest) fail(ErrorKind::kData, "{}: type of '{}' is nested too deep", name_, d.name);
    if (type.has_optional_type()) {
      d.optional = true;
      fill(type.optional_type().elem_type(), d, depth + 1);
    } else if (type.has_sequence_type()) {
      fill(type.sequence_type().elem_type(), d, depth + 1);
      d.kind = Value::Kind::kSequence;
      d.shape.reset();
    } else if (type.has_tensor_type()) {
      const onnx::TypeProto::Tensor& tensor = type.tensor_type();
      if (tensor.elem_type() != 0) d.element = graph::element_from_number(tensor.elem_type());
      d.kind = d.element == Element::kString ? Value::Kind::kTexts : Value::Kind::kTensor;
      if (!tensor.has_shape()) return;
      d.shape.emplace();
      for (const auto& dim : tensor.shape().dim()) {
        graph::Dim size;
        if (dim.has_dim_value() && dim.dim_value() >= 0) size.size = dim.dim_value();
        size.name = dim.dim_param();
        d.shape->push_back(std::move(size));
      }
    } else if (type.has_map_type() || type.has_sparse_tensor_type()) {
      fail(ErrorKind::kUnsupported, "{}: '{}' is a {}, which is not supported", name_, d.name,
           type.has_map_type() ? "map" : "sparse tensor");
    }
  }

  std::string name_;
  std::string folder_;
  StoredTensors* stored_;
};

}  // namespace

Model read_onnx(const std::string& path) { return parse_onnx_file(files::read_all(path), path); }

Model parse_onnx_file(std::string_view bytes, const std::string& path) {
  const std::string folder = files::parent(path);
  return Reader(path, folder.empty() ? "." : folder)
      .model(*Parsed<onnx::ModelProto>(bytes, path, "ONNX model"));
}

Model parse_onnx(std::string_view bytes, const std::string& name) {
  return Reader(name, "").model(*Parsed<onnx::ModelProto>(bytes, name, "ONNX model"));
}

Model parse_onnx_beside(std::string_view bytes, const std::string& name, StoredTensors stored) {
  Model model = Reader(name, "", &stored).model(*Parsed<onnx::ModelProto>(bytes, name, "ONNX model"));
  if (!stored.empty())
    fail(ErrorKind::kData, "{}: tensor '{}' is none that the graph leaves out", name, stored.begin()->first);
  return model;
}

Value parse_onnx_value(std::string_view bytes, const std::string& name, const Declared& declared) {
  const Reader reader(name, "");
  if (declared.optional)
    return reader.optional(*Parsed<onnx::OptionalProto>(bytes, name, "optional value"), 0);
  if (declared.kind == Value::Kind::kSequence)
    return reader.sequence(*Parsed<onnx::SequenceProto>(bytes, name, "sequence"), 0);
  return onnx_value(*Parsed<onnx::TensorProto>(bytes, name, "tensor"), "", name);
}

Value read_onnx_value(const std::string& path, const Declared& declared) {
  return parse_onnx_value(files::read_all(path), path, declared);
}

}  // namespace dlb::io
