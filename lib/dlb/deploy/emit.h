#pragma once
/// \file Saying one of our operators in ONNX: what the emitters of the operator families work with.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/deploy/draws.h"
#include "dlb/deploy/trace.h"
#include "dlb/graph/graph.h"

namespace dlb::deploy {

/// A number that may depend on the sizes of the inputs: its value in each trace.
using Size = std::vector<int64_t>;

/// Turns traces of one model, on inputs of different sizes, into a graph. What differs between the traces is
/// expressed by sizes of values, so that the graph takes inputs of any size.
class OnnxBuilder {
 public:
  static constexpr int64_t kOpset = 17;  ///< unless an operator needs a later one

  /// `traces` have the same nodes. All that ONNX cannot say is gathered in `errors`.
  OnnxBuilder(const std::vector<Trace>& traces, std::vector<Error>& errors);

  /// Fills nodes, initializers and outputs; the inputs must be declared before.
  void build(graph::Graph& graph, const std::vector<std::string>& output_names);

  int64_t opset() const { return opset_; }

  // For Emit.
  const Trace& trace(size_t k = 0) const { return traces_[k]; }
  size_t traces() const { return traces_.size(); }
  std::string name_of(int value);
  void set_name(int value, std::string name) { names_[static_cast<size_t>(value)] = std::move(name); }
  std::string fresh(std::string_view stem);
  std::string add(std::string op, std::vector<std::string> inputs, std::vector<graph::Attribute> attributes,
                  std::string_view stem);
  void add_node(graph::Node node) { nodes_->push_back(std::move(node)); }
  std::string constant(const Tensor& t, std::string_view stem = "constant");
  std::string size_value(const Size& size, std::span<const int> near);
  /// Nodes go to a subgraph while it is in scope.
  class Into {
   public:
    Into(OnnxBuilder& builder, graph::Graph& sub) : builder_(builder), outer_(builder.nodes_) {
      builder.nodes_ = &sub.nodes;
    }
    ~Into() { builder_.nodes_ = outer_; }
    Into(const Into&) = delete;

   private:
    OnnxBuilder& builder_;
    std::vector<graph::Node>* outer_;
  };
  Size dim(int value, int64_t d) const;
  /// Whether a value is a constant, and the same in all traces.
  bool is_fixed(int value) const;

  // What is around a node, for operators of ONNX that say several of ours.
  using Nodes = std::vector<const TracedNode*>;  ///< the same node of each trace
  /// What makes a value; empty for inputs, variables and the like.
  Nodes maker(int value) const;
  /// What reads a value, in order; an empty one stands for a block that gives it out.
  const std::vector<Nodes>& readers(int value) const;
  /// Whether `later` comes after `node`, in the same block.
  bool follows(const TracedNode& later, const TracedNode& node) const;
  /// Says that a node's outputs have their names: it is left out when its turn comes.
  void take(const TracedNode& node) { taken_.insert(&node); }
  bool is_taken(const TracedNode& node) const { return taken_.count(&node) > 0; }
  /// Declares an input for what a node draws, and gives the name of its part in the iteration at hand.
  std::string draw(const TracedNode& node, Distribution distribution, DType dtype,
                   const std::vector<Size>& sizes);
  /// The inputs that stand for draws, in their order.
  const std::vector<DrawInput>& draws() const { return draws_; }
  /// A constant made of those values, once however often it is asked for.
  std::string made_constant(std::string_view stem, const std::vector<int>& values,
                            const std::function<Tensor()>& make);

 private:
  using Blocks = std::vector<const TracedBlock*>;  ///< the same block of each trace
  void emit_block(const Blocks& blocks);
  void emit_node(const Blocks& blocks, size_t index);
  void emit_loop(const Blocks& blocks, const TracedNode& node, size_t index);
  void emit_scan(const Blocks& blocks, const TracedNode& node, size_t index);
  void emit_branch(const Blocks& blocks, const TracedNode& node, size_t index);
  Blocks sub_blocks(const Blocks& blocks, size_t index, size_t which) const;
  std::vector<std::string> emit_inlined(const Blocks& blocks, const std::vector<std::string>& inputs);
  struct Place {
    Nodes nodes;
    const TracedBlock* block = nullptr;  ///< of the first trace
    size_t index = 0;
  };
  void find_places(const Blocks& blocks);
  DrawSize draw_size(const Size& size) const;
  std::string differing_constant(int value);
  bool express(const Size& size, int value, std::string& name);
  std::string part_of_shape(int value, int64_t d);
  std::string arithmetic(const char* op, const std::string& a, int64_t b);

  const std::vector<Trace>& traces_;
  std::vector<Error>& errors_;
  int64_t opset_ = kOpset;
  graph::Graph* graph_ = nullptr;
  std::vector<graph::Node>* nodes_ = nullptr;
  std::vector<std::string> names_;  ///< by value
  std::set<std::string> used_;
  std::string layer_;
  std::map<const TracedNode*, Place> places_;  ///< by the node of the first trace
  std::map<int, const TracedNode*> makers_;    ///< by value
  std::vector<std::vector<Nodes>> readers_;    ///< by value
  std::set<const TracedNode*> taken_;
  std::map<std::pair<std::string, std::vector<int>>, std::string> made_constants_;
  std::map<const TracedNode*, std::string> sites_;
  std::vector<DrawInput> draws_;
  /// A loop or a scan around what is being emitted, and how it comes by the draws of an iteration.
  struct Repeat {
    const TracedNode* node = nullptr;
    std::vector<graph::Node>* around = nullptr;  ///< where its own node will stand
    std::string iteration;                       ///< of a loop: the number of the iteration
    Size steps = {};                             ///< of a scan, else empty
    std::vector<std::string> sequences = {};     ///< of a scan: draws that it goes over
    std::vector<graph::Declared> slices = {};    ///< and one step of each
  };
  std::vector<Repeat> repeats_;
};

/// What an emitter works with: one node of the trace in, ONNX nodes out.
class Emit {
 public:
  Emit(OnnxBuilder& builder, std::vector<const TracedNode*> nodes) : b_(builder), nodes_(std::move(nodes)) {}

  const TracedNode& node() const { return *nodes_[0]; }
  template <class A>
  const A& attrs(size_t k = 0) const {
    return *static_cast<const A*>(nodes_[k]->attrs.get());
  }
  const void* any_attrs(size_t k = 0) const { return nodes_[k]->attrs.get(); }
  /// A number of the attributes, in each trace.
  template <class A, class F>
  Size size(F&& get) const {
    Size s;
    for (size_t k = 0; k < nodes_.size(); ++k) s.push_back(get(attrs<A>(k)));
    return s;
  }

  size_t inputs() const { return node().inputs.size(); }
  bool has(size_t i) const { return i < inputs() && node().inputs[i] >= 0; }
  const TensorSpec& spec(size_t i) const {
    return b_.trace().values[static_cast<size_t>(node().inputs[i])].spec;
  }
  const TensorSpec& out_spec(size_t i = 0) const {
    return b_.trace().values[static_cast<size_t>(node().outputs[i])].spec;
  }
  Size dim(size_t i, int64_t d) const { return b_.dim(node().inputs[i], d); }
  Size out_dim(size_t i, int64_t d) const { return b_.dim(node().outputs[i], d); }
  /// ONNX's name of input i, "" where it is left out.
  std::string in(size_t i) { return has(i) ? b_.name_of(node().inputs[i]) : ""; }
  /// As in(), converted to that dtype.
  std::string in_as(size_t i, DType dtype);
  std::string cast(const std::string& x, DType dtype);

  /// Adds a node with one output, and gives its name.
  std::string add(std::string op, std::vector<std::string> inputs,
                  std::vector<graph::Attribute> attributes = {}) {
    return b_.add(std::move(op), std::move(inputs), std::move(attributes), node().op->name);
  }
  /// A node with several outputs.
  std::vector<std::string> add_many(std::string op, std::vector<std::string> inputs, size_t outputs,
                                    std::vector<graph::Attribute> attributes = {});
  /// Says what an output of the node is.
  void output(const std::string& name, size_t i = 0) { b_.set_name(node().outputs[i], name); }

  /// A reduction over those dimensions; `op` is ReduceSum, ReduceMax, ...
  std::string reduced(const std::string& op, const std::string& x, const std::vector<int64_t>& dims,
                      bool keepdim = false);

  std::string number(double value, DType dtype);  ///< a constant without dimensions
  std::string ints(const std::vector<int64_t>& values);
  std::string constant(const Tensor& t) { return b_.constant(t); }
  /// A list of sizes, int64 [n].
  std::string sizes(const std::vector<Size>& values);
  std::string size_scalar(const Size& value);  ///< int64 []
  /// Random numbers: an input of the graph.
  std::string draw(Distribution distribution, DType dtype, const std::vector<Size>& sizes) {
    return b_.draw(node(), std::move(distribution), dtype, sizes);
  }

  OnnxBuilder& builder() { return b_; }

  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::kUnsupported, "{}", fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  OnnxBuilder& b_;
  std::vector<const TracedNode*> nodes_;
};

graph::Attribute attribute(std::string name, int64_t value);
graph::Attribute attribute(std::string name, double value);
graph::Attribute attribute(std::string name, const char* value);
graph::Attribute attribute(std::string name, std::vector<int64_t> values);
graph::Attribute attribute(std::string name, std::vector<std::string> values);
graph::Attribute attribute(std::string name, std::shared_ptr<graph::Graph> value);

/// Whether all traces have the same value.
bool is_constant(const Size& size);

using Emitter = void (*)(Emit&);
struct EmitterRow {
  std::string_view op;
  Emitter emit;
  int64_t (*opset)(const TracedNode&) = nullptr;  ///< that a node needs; none: kOpset will do
};
/// The emitters of each family.
std::span<const EmitterRow> elementwise_emitters();
std::span<const EmitterRow> shape_emitters();
std::span<const EmitterRow> neural_emitters();
std::span<const EmitterRow> window_emitters();
std::span<const EmitterRow> recurrent_emitters();
std::span<const EmitterRow> draw_emitters();
/// nullptr where ONNX cannot say the operator, or nobody has said how.
const EmitterRow* find_emitter(const OpDef& op);

}  // namespace dlb::deploy
