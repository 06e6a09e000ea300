#pragma once
/// \file The operators that a session can run: one table row each.

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/graph/graph.h"
#include "dlb/tensor/random.h"

namespace dlb::graph {

/// Raised by a kernel that needs the elements of a tensor of which only the shape is known.
struct NeedsData {};

/// What the random numbers of a run follow from.
struct RandomState {
  uint64_t seed = 0;
  std::map<const Node*, uint64_t> turns = {};  ///< how often each node has drawn
};

/// What the kernel of an operator works with: inputs and attributes in, outputs out.
class Call {
 public:
  /// Runs a subgraph with inputs for its parameters and gives its outputs.
  using RunSubgraph = std::function<std::vector<Value>(const Graph&, std::vector<Value>)>;

  Call(const Node& node, int64_t opset, std::span<const Value> inputs, std::span<Value> outputs)
      : node_(node), opset_(opset), inputs_(inputs), outputs_(outputs) {}

  const Node& node() const { return node_; }
  int64_t opset() const { return opset_; }  ///< of the node's domain

  // Inputs.
  size_t inputs() const { return inputs_.size(); }
  bool has(size_t i) const { return i < inputs_.size() && !inputs_[i].none(); }
  /// Errors: config when it is left out.
  const Value& value(size_t i) const;
  /// The tensor of input i. Errors: config when it is left out or no tensor.
  const Tensor& tensor(size_t i) const;
  /// As tensor(), but undefined where the input is left out.
  Tensor optional_tensor(size_t i) const { return has(i) ? tensor(i) : Tensor(); }
  Element element(size_t i) const { return value(i).element; }
  const Texts& texts(size_t i) const;
  const std::vector<Value>& items(size_t i) const;  ///< of a sequence
  /// The whole numbers of a tensor of up to 1,000,000 elements. Raises NeedsData for one without data.
  std::vector<int64_t> integers(size_t i) const;
  std::vector<double> numbers(size_t i) const;
  double number(size_t i) const;  ///< of a tensor with one element
  int64_t integer(size_t i) const;
  bool truth(size_t i) const;
  /// Raises NeedsData if the elements of input i are not known.
  void need_data(size_t i) const;

  // Attributes. Errors: config where an attribute is of another type, or has no default and is absent.
  bool has_attribute(std::string_view name) const { return node_.find(name) != nullptr; }
  int64_t attribute(std::string_view name, int64_t otherwise) const;
  int64_t required(std::string_view name) const;
  double attribute(std::string_view name, double otherwise) const;
  std::string attribute(std::string_view name, const char* otherwise) const;
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> otherwise = {}) const;
  std::vector<float> floats(std::string_view name, std::vector<float> otherwise = {}) const;
  std::vector<std::string> strings(std::string_view name) const;
  const Value& attribute_value(std::string_view name) const;
  const Graph& subgraph(std::string_view name) const;

  /// Axes given as an attribute up to some opset, as input i since then; none: empty.
  std::vector<int64_t> axes(std::string_view name, size_t i) const;
  /// An axis within [0, rank); negative ones count from the end. Errors: shape.
  int64_t axis(int64_t given, int rank) const;

  // Outputs.
  size_t outputs() const { return outputs_.size(); }
  bool wants(size_t i) const { return i < node_.outputs.size() && !node_.outputs[i].empty(); }
  void output(size_t i, Value v);
  void output(Value v) { output(0, std::move(v)); }
  /// A tensor of the type of input 0, brought into its range.
  void same_type(Tensor t, size_t i = 0) { output(i, Value(fit(t, inputs_[0].element), inputs_[0].element)); }
  /// A tensor of its dtype's own type.
  void plain(Tensor t, size_t i = 0) { output(i, Value(std::move(t))); }

  /// A stream of random numbers for this node, another one each time that it runs within a run: from its
  /// attribute `seed`, or else from the run's seed and its place in the graph.
  RngKey random_key() const;

  std::vector<Value> run(const Graph& graph, std::vector<Value> inputs) const {
    return run_(graph, std::move(inputs));
  }
  void set_subgraph_runner(RunSubgraph run) { run_ = std::move(run); }
  void set_random(RandomState& random) { random_ = &random; }

  /// A config error that names the operator.
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::kConfig, node_.op + ": " + fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::kUnsupported, node_.op + ": " + fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  const Node& node_;
  int64_t opset_;
  std::span<const Value> inputs_;
  std::span<Value> outputs_;
  RunSubgraph run_;
  RandomState* random_ = nullptr;
};

/// An operator of a domain, from the opset that introduced it on.
struct Operator {
  std::string_view name;
  void (*run)(Call&) = nullptr;
  int64_t since = 1;  ///< first opset with this meaning
  std::string_view domain = "";
  bool folds = true;        ///< may be computed beforehand when its inputs are constants
  size_t least_inputs = 0;  ///< inputs that must be there
};

/// The newest definition of an operator that an opset has; nullptr if there is none.
const Operator* find_operator(std::string_view domain, std::string_view name, int64_t opset);
/// All operators, by domain and name.
std::vector<const Operator*> all_operators();

/// The operators of each family's file; together they are all_operators().
std::span<const Operator> elementwise_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> matrix_operators();
std::span<const Operator> conv_operators();
std::span<const Operator> pool_operators();
std::span<const Operator> roi_operators();
std::span<const Operator> norm_operators();
std::span<const Operator> quantize_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> attention_operators();
std::span<const Operator> resize_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> index_operators();
std::span<const Operator> control_operators();
std::span<const Operator> sequence_operators();
std::span<const Operator> text_operators();
std::span<const Operator> random_operators();
std::span<const Operator> signal_operators();
std::span<const Operator> algebra_operators();
std::span<const Operator> detection_operators();
std::span<const Operator> classic_operators();
std::span<const Operator> tree_operators();
std::span<const Operator> svm_operators();
std::span<const Operator> training_operators();
std::span<const Operator> fused_operators();

}  // namespace dlb::graph
