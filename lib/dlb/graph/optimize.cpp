#include "dlb/graph/optimize.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "dlb/graph/recurrent_weights.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/epilogue.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr const char* kConv = "FusedConv";
constexpr const char* kLinear = "FusedLinear";

Attribute attribute(std::string name, decltype(Attribute::value) value) {
  Attribute a;
  a.name = std::move(name);
  a.value = std::move(value);
  return a;
}

template <class T>
T attribute_of(const Node& n, std::string_view name, T otherwise) {
  const Attribute* a = n.find(name);
  const T* value = a == nullptr ? nullptr : std::get_if<T>(&a->value);
  return value == nullptr ? otherwise : *value;
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-4 * std::abs(b); }

/// Calls f(name) for every value of the graph around that the nodes of a subgraph read or give out.
template <class F>
void for_each_captured(const Graph& sub, const F& f) {
  // Names that the subgraph makes itself are not those of the graph around it; taking them for captured ones
  // only leaves something as it is.
  for (const Node& n : sub.nodes) {
    for (const std::string& name : n.inputs) f(name);
    for (const Attribute& a : n.attributes) {
      if (const auto* inner = std::get_if<Attribute::Subgraph>(&a.value)) for_each_captured(**inner, f);
    }
  }
  for (const Declared& d : sub.outputs) f(d.name);
}

class Rewriter {
 public:
  Rewriter(Graph& graph, int64_t opset, const Rewriter* around)
      : graph_(graph), opset_(opset), around_(around) {
    for (const Declared& d : graph.inputs) variable_.insert(d.name);
    for (const Declared& d : graph.outputs) kept_.insert(d.name);
  }

  void run() {
    collect_constants();
    for (Node& n : graph_.nodes) {
      for (Attribute& a : n.attributes) {
        auto* sub = std::get_if<Attribute::Subgraph>(&a.value);
        if (sub == nullptr) continue;
        *sub = std::make_shared<Graph>(**sub);  // other copies of the model have it too
        Rewriter(**sub, opset_, this).run();
        for_each_captured(**sub, [&](const std::string& name) { kept_.insert(name); });
      }
    }
    sweep(&Rewriter::name_patterns);
    drop_unread();
    sweep(&Rewriter::fuse_products);
    drop_unread();
  }

 private:
  using Rule = bool (Rewriter::*)(Node&);

  /// Numbers the nodes as they were given, and makes constants of those that hold one.
  void collect_constants() {
    std::vector<Node> nodes;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& n = graph_.nodes[i];
      if (n.number < 0) n.number = static_cast<int64_t>(i);
      for (const std::string& name : n.outputs) own_.insert(name);
      const Attribute* a = n.op == "Constant" && n.domain.empty() ? n.find("value") : nullptr;
      const Value* value = a == nullptr ? nullptr : std::get_if<Value>(&a->value);
      if (value != nullptr && n.outputs.size() == 1 && !n.outputs[0].empty()) {
        graph_.initializers[n.outputs[0]] = *value;
      } else {
        nodes.push_back(std::move(n));
      }
    }
    graph_.nodes = std::move(nodes);
  }

  /// Offers each node, its inputs renamed, to a rule, which emits something for it or says that it has not.
  void sweep(Rule rule) {
    std::vector<Node> nodes = std::move(graph_.nodes);
    out_.clear();
    made_.clear();
    renamed_.clear();
    uses_.clear();
    for (const std::string& name : kept_) ++uses_[name];
    for (const Node& n : nodes) {
      for (const std::string& name : n.inputs) ++uses_[name];
    }
    for (Node& n : nodes) {
      for (std::string& name : n.inputs) {
        if (const auto other = renamed_.find(name); other != renamed_.end()) name = other->second;
      }
      if (!applies(rule, n)) emit(std::move(n));
    }
    graph_.nodes.clear();
    for (Node& n : out_) {
      if (!n.op.empty()) graph_.nodes.push_back(std::move(n));
    }
  }

  /// A rule makes its constants before it changes a node: where there is no memory for them all stays as it
  /// is.
  bool applies(Rule rule, Node& n) {
    try {
      return (this->*rule)(n);
    } catch (const Error& e) {
      if (e.kind != ErrorKind::kDevice) throw;
      return false;
    }
  }

  void emit(Node n) {
    for (const std::string& name : n.outputs) {
      if (!name.empty()) made_[name] = out_.size();
    }
    out_.push_back(std::move(n));
  }

  /// A node that takes the place of `n`: its output, its position.
  static Node instead_of(const Node& n, std::string op, std::vector<std::string> inputs,
                         std::vector<Attribute> attributes, const char* domain, int64_t opset) {
    Node made;
    made.op = std::move(op);
    made.domain = domain;
    made.opset = opset;
    made.name = n.name;
    made.number = n.number;
    made.inputs = std::move(inputs);
    made.outputs = {n.outputs[0]};
    made.attributes = std::move(attributes);
    return made;
  }

  /// The node that makes a value, nullptr for constants, inputs and what others make.
  Node* maker(const std::string& name) {
    const auto found = made_.find(name);
    return found == made_.end() ? nullptr : &out_[found->second];
  }
  Node* maker(const std::string& name, std::string_view op) {
    Node* n = maker(name);
    return n != nullptr && n->op == op && n->domain.empty() && n->outputs.size() == 1 ? n : nullptr;
  }
  bool read_once(const std::string& name) const {
    const auto found = uses_.find(name);
    return found != uses_.end() && found->second == 1;
  }

  /// A constant of float32, undefined for anything else.
  Tensor constant(const std::string& name) const {
    if (name.empty() || variable_.count(name) > 0) return {};
    const auto found = graph_.initializers.find(name);
    if (found == graph_.initializers.end())
      return around_ == nullptr || own_.count(name) > 0 ? Tensor() : around_->constant(name);
    const Value& v = found->second;
    return v.is_tensor() && v.element == Element::kFloat32 && !v.tensor.is_meta() ? v.tensor : Tensor();
  }
  std::optional<double> number(const std::string& name) const {
    const Tensor t = constant(name);
    if (!t.defined() || t.numel() != 1) return {};
    return t.item();
  }
  /// Adds a constant made from that of `name`.
  std::string add_constant(const std::string& name, const char* what, const Tensor& t) {
    std::string key = fmt::format("{}/{}", name, what);
    while (graph_.initializers.count(key) > 0 || own_.count(key) > 0 || variable_.count(key) > 0) key += '\'';
    graph_.initializers[key] = Value(t);
    return key;
  }

  // Patterns that say one operator.

  bool name_patterns(Node& n) {
    if (!n.domain.empty() || n.outputs.empty()) return false;
    if (n.op == "RNN") return name_recurrent(n, 1, {"tanh"});
    if (n.op == "GRU") return name_recurrent(n, 3, {"sigmoid", "tanh"});
    if (n.op == "LSTM") return name_recurrent(n, 4, {"sigmoid", "tanh", "tanh"});
    if (n.outputs[0].empty()) return false;
    if (n.op == "Identity") return drop_identity(n);
    if (n.op == "Mul" && n.inputs.size() == 2) return name_silu(n) || name_gelu(n);
    if (n.op == "MatMul" && n.inputs.size() == 2) return name_attention(n);
    return false;
  }

  bool drop_identity(const Node& n) {
    if (n.inputs.size() != 1 || n.inputs[0].empty() || kept_.count(n.outputs[0]) > 0) return false;
    renamed_[n.outputs[0]] = n.inputs[0];
    return true;
  }

  bool name_silu(const Node& n) {
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const Node* gate = maker(n.inputs[i], "Sigmoid");
      if (gate == nullptr || gate->inputs.size() != 1 || gate->inputs[0] != n.inputs[1 - i]) continue;
      emit(instead_of(n, "Swish", {n.inputs[1 - i]}, {}, "", 24));
      return true;
    }
    return false;
  }

  /// Factors of a product of products, numbers multiplied.
  struct Factors {
    double number = 1;
    std::vector<std::string> others;
  };
  Factors factors_of(const std::string& name, int depth = 0) {
    if (const auto c = number(name)) return {*c, {}};
    const Node* n = maker(name);
    const bool splits = n != nullptr && n->domain.empty() && n->inputs.size() == 2 && depth < 5;
    if (splits && n->op == "Mul") {
      Factors a = factors_of(n->inputs[0], depth + 1);
      const Factors b = factors_of(n->inputs[1], depth + 1);
      a.number *= b.number;
      a.others.insert(a.others.end(), b.others.begin(), b.others.end());
      return a;
    }
    if (splits && n->op == "Div") {
      if (const auto divisor = number(n->inputs[1]); divisor && *divisor != 0) {
        Factors a = factors_of(n->inputs[0], depth + 1);
        a.number /= *divisor;
        return a;
      }
    }
    if (splits && n->op == "Pow") {
      if (const auto power = number(n->inputs[1]); power && *power == 3)
        return {1, {n->inputs[0], n->inputs[0], n->inputs[0]}};
    }
    return {1, {name}};
  }
  /// The other term of a sum with 1, "" for anything else.
  std::string beside_one(const std::string& name) {
    const Node* n = maker(name, "Add");
    if (n == nullptr || n->inputs.size() != 2) return "";
    for (const size_t i : {size_t{0}, size_t{1}}) {
      if (const auto c = number(n->inputs[i]); c && *c == 1) return n->inputs[1 - i];
    }
    return "";
  }

  /// 0.5 x (1 + erf(x / sqrt(2))), or 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in any order of the
  /// factors.
  bool name_gelu(const Node& n) {
    Factors all = factors_of(n.inputs[0]);
    const Factors rest = factors_of(n.inputs[1]);
    all.number *= rest.number;
    all.others.insert(all.others.end(), rest.others.begin(), rest.others.end());
    if (!near(all.number, 0.5) || all.others.size() != 2) return false;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const std::string& x = all.others[1 - i];
      const std::string term = beside_one(all.others[i]);
      const char* kind = term.empty()       ? nullptr
                         : is_erf(term, x)  ? "none"
                         : is_tanh(term, x) ? "tanh"
                                            : nullptr;
      if (kind == nullptr) continue;
      emit(instead_of(n, "Gelu", {x}, {attribute("approximate", std::string(kind))}, "", 20));
      return true;
    }
    return false;
  }
  bool is_erf(const std::string& name, const std::string& x) {
    const Node* erf = maker(name, "Erf");
    if (erf == nullptr || erf->inputs.size() != 1) return false;
    const Factors f = factors_of(erf->inputs[0]);
    return near(f.number, std::sqrt(0.5)) && f.others == std::vector<std::string>{x};
  }
  bool is_tanh(const std::string& name, const std::string& x) {
    const Node* tanh = maker(name, "Tanh");
    if (tanh == nullptr || tanh->inputs.size() != 1) return false;
    const Factors f = factors_of(tanh->inputs[0]);
    if (!near(f.number, std::sqrt(2 / M_PI)) || f.others.size() != 1) return false;
    const Node* sum = maker(f.others[0], "Add");
    if (sum == nullptr || sum->inputs.size() != 2) return false;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const Factors cube = factors_of(sum->inputs[i]);
      if (sum->inputs[1 - i] == x && near(cube.number, 0.044715) &&
          cube.others == std::vector<std::string>{x, x, x})
        return true;
    }
    return false;
  }

  /// softmax(scale q k^T + mask) v, with zeros for rows that see nothing where the graph says so. Of a mask
  /// that leaves rows which see nothing, a graph that does not say so would make NaN.
  bool name_attention(const Node& n) {
    std::string weights = n.inputs[0];
    if (const Node* mended = maker(weights, "Where"); mended != nullptr && mended->inputs.size() == 3) {
      const Node* test = maker(mended->inputs[0], "IsNaN");
      const auto zero = number(mended->inputs[1]);
      if (test == nullptr || test->inputs[0] != mended->inputs[2] || !zero || *zero != 0) return false;
      weights = mended->inputs[2];
    }
    const Node* softmax = maker(weights, "Softmax");
    if (softmax == nullptr || softmax->inputs.size() != 1) return false;
    if (attribute_of(*softmax, "axis", int64_t{opset_ >= 13 ? -1 : 1}) != -1) return false;
    std::string scores = softmax->inputs[0], mask;
    if (const Node* sum = maker(scores, "Add"); sum != nullptr && sum->inputs.size() == 2) {
      const size_t i = scores_of(sum->inputs[0]).empty() ? 1 : 0;
      mask = sum->inputs[1 - i];
      scores = sum->inputs[i];
    } else if (const Node* choice = maker(scores, "Where"); choice != nullptr && choice->inputs.size() == 3) {
      const auto fill = number(choice->inputs[2]);
      if (!fill || *fill != -std::numeric_limits<double>::infinity()) return false;
      mask = choice->inputs[0];
      scores = choice->inputs[1];
    }
    const std::string product = scores_of(scores);
    if (product.empty()) return false;
    double scale = factors_of(scores).number;
    const Node pair = *maker(product, "MatMul");
    const Factors q = factors_of(pair.inputs[0]), k = factors_of(pair.inputs[1]);
    if (q.others.size() != 1 || k.others.size() != 1) return false;
    scale *= q.number * k.number;
    // The keys are wanted as they were before they were transposed.
    std::vector<int64_t> order{0, 1, 3, 2};
    std::string keys = k.others[0];
    if (const Node* t = maker(keys, "Transpose"); t != nullptr && t->inputs.size() == 1) {
      const auto perm = attribute_of(*t, "perm", std::vector<int64_t>());
      if (perm.size() != 4) return false;
      order = {perm[0], perm[1], perm[3], perm[2]};
      keys = t->inputs[0];
    } else {
      return false;  // of unknown rank
    }
    std::string natural = keys;
    if (order != std::vector<int64_t>{0, 1, 2, 3}) {
      natural = n.outputs[0] + "/keys";
      if (own_.count(natural) > 0) return false;
      own_.insert(natural);
      Node transposed = instead_of(n, "Transpose", {keys}, {attribute("perm", order)}, "", 0);
      transposed.outputs = {natural};
      emit(std::move(transposed));
    }
    emit(instead_of(n, "FusedAttention", {q.others[0], natural, n.inputs[1], mask},
                    {attribute("scale", static_cast<float>(scale))}, kFusedDomain, 1));
    return true;
  }
  /// The product that is scaled to these scores, "" for none.
  std::string scores_of(const std::string& name) {
    const Factors f = factors_of(name);
    return f.others.size() == 1 && maker(f.others[0], "MatMul") != nullptr ? f.others[0] : "";
  }

  /// A recurrent network as the kernels have it, its constant weights in their order.
  bool name_recurrent(const Node& n, int64_t gates, const std::vector<std::string>& activations) {
    const auto input = [&](size_t i) { return i < n.inputs.size() ? n.inputs[i] : std::string(); };
    const std::string direction = attribute_of(n, "direction", std::string("forward"));
    const int64_t directions = direction == "bidirectional" ? 2 : 1;
    const Tensor w = constant(input(1)), r = constant(input(2)), b = constant(input(3));
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional") return false;
    if (!w.defined() || !r.defined() || b.defined() == input(3).empty() || !input(7).empty()) return false;
    if (n.find("clip") != nullptr || attribute_of(n, "input_forget", int64_t{0}) != 0) return false;
    if (gates == 3 && attribute_of(n, "linear_before_reset", int64_t{0}) == 0) return false;
    std::vector<std::string> names = attribute_of(n, "activations", std::vector<std::string>());
    for (std::string& name : names) std::transform(name.begin(), name.end(), name.begin(), lower);
    const bool relu = gates == 1 && !names.empty() && names[0] == "relu";
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] != (relu ? "relu" : activations[i % activations.size()])) return false;
    }
    const int64_t hidden = r.rank() == 3 ? r.dim(2) : 0;
    const int64_t rows = gates * hidden;
    const bool right =
        hidden > 0 && w.rank() == 3 && r.shape() == Shape{directions, rows, hidden} &&
        w.shape() == Shape{directions, rows, w.dim(2)} &&
        (!b.defined() || b.shape() == Shape{directions, 2 * rows}) &&
        attribute_of(n, "hidden_size", hidden) == hidden &&
        (names.empty() || names.size() >= activations.size() * static_cast<size_t>(directions));
    if (!right) return false;  // for the operator to say
    std::vector<std::string> inputs{n.inputs[0], input(4), input(5), gates == 4 ? input(6) : std::string()};
    // Of a small table each row is multiplied once; the products take at most four times the weights' memory.
    const Node* rows_of = maker(n.inputs[0], "Gather");
    Tensor table =
        rows_of != nullptr && rows_of->inputs.size() == 2 ? constant(rows_of->inputs[0]) : Tensor();
    if (table.defined() && (table.rank() != 2 || table.dim(1) != w.dim(2) || table.dim(0) > 4 * w.dim(2) ||
                            attribute_of(*rows_of, "axis", int64_t{0}) != 0))
      table = Tensor();
    const std::vector<std::string> looked_up = table.defined() ? rows_of->inputs : std::vector<std::string>();
    for (int64_t d = 0; d < directions; ++d) {
      const KernelWeights k = kernel_weights(w, r, b, d, gates);
      const auto made = [&](size_t i, const char* what, const Tensor& t) {
        return t.defined() ? add_constant(input(i), what, contiguous(t)) : std::string();
      };
      std::string product;
      if (table.defined()) {
        const std::string products = add_constant(looked_up[0], "products", linear(table, k.w_ih, k.b_ih));
        Node lookup = instead_of(n, "Gather", {products, looked_up[1]}, {}, "", 0);
        product = products + "/rows";
        while (own_.count(product) > 0 || variable_.count(product) > 0) product += '\'';
        own_.insert(product);
        lookup.outputs = {product};
        emit(std::move(lookup));
        if (d == 0) inputs[0] = product;
      }
      inputs.push_back(product);
      inputs.push_back(table.defined() ? "" : made(1, "w", k.w_ih));
      inputs.push_back(made(2, "r", k.w_hh));
      inputs.push_back(table.defined() ? "" : made(3, "b", k.b_ih));
      inputs.push_back(made(3, "rb", k.b_hh));
    }
    std::vector<Attribute> attributes{
        attribute("gates", gates), attribute("reverse", int64_t{direction == "reverse"}),
        attribute("relu", int64_t{relu}), attribute("layout", attribute_of(n, "layout", int64_t{0}))};
    Node made = instead_of(n, "FusedRecurrent", std::move(inputs), std::move(attributes), kFusedDomain, 1);
    made.outputs = n.outputs;
    emit(std::move(made));
    return true;
  }
  static char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

  // Products with constant weights, which take in what follows them.

  bool fuse_products(Node& n) {
    if (!n.domain.empty() || n.outputs.empty() || n.outputs[0].empty()) return false;
    for (size_t i = 1; i < n.outputs.size(); ++i) {
      if (!n.outputs[i].empty()) return false;
    }
    if (n.op == "Conv") return start_conv(n);
    if (n.op == "MatMul") return start_matmul(n);
    if (n.op == "Gemm") return start_gemm(n);
    if (n.op == "BatchNormalization") return fold_batch_norm(n);
    if (n.op == "Add" && n.inputs.size() == 2) return add_bias(n) || add_residual(n);
    return add_activation(n);
  }

  bool start_conv(const Node& n) {
    const Tensor weight = n.inputs.size() < 2 ? Tensor() : constant(n.inputs[1]);
    if (!weight.defined() || weight.rank() < 3 || weight.rank() > 5 || weight.numel() == 0) return false;
    if (n.inputs.size() > 2 && !n.inputs[2].empty() && !constant(n.inputs[2]).defined()) return false;
    std::vector<std::string> inputs = n.inputs;
    inputs.resize(4);
    emit(instead_of(n, kConv, std::move(inputs), n.attributes, kFusedDomain, 1));
    return true;
  }

  bool start_matmul(const Node& n) {
    const Tensor weight = n.inputs.size() == 2 ? constant(n.inputs[1]) : Tensor();
    if (!weight.defined() || weight.rank() != 2 || weight.numel() == 0) return false;
    emit(instead_of(n, kLinear, {n.inputs[0], transposed(n.inputs[1], weight), "", ""}, {}, kFusedDomain, 1));
    return true;
  }

  bool start_gemm(const Node& n) {
    const Tensor weight = n.inputs.size() < 2 ? Tensor() : constant(n.inputs[1]);
    if (!weight.defined() || weight.rank() != 2 || weight.numel() == 0) return false;
    if (attribute_of(n, "transA", int64_t{0}) != 0 || attribute_of(n, "alpha", 1.0F) != 1.0F) return false;
    const bool rows = attribute_of(n, "transB", int64_t{0}) != 0;
    const int64_t outputs = weight.dim(rows ? 0 : 1);
    std::string bias;
    if (n.inputs.size() > 2 && !n.inputs[2].empty()) {
      const Tensor b = constant(n.inputs[2]);
      if (!b.defined() || attribute_of(n, "beta", 1.0F) != 1.0F || b.numel() != outputs ||
          (b.rank() > 0 && b.dim(-1) != outputs) || b.rank() > 2)
        return false;
      bias = b.rank() == 1 ? n.inputs[2] : add_constant(n.inputs[2], "row", reshape(b, {outputs}));
    }
    emit(instead_of(n, kLinear, {n.inputs[0], rows ? n.inputs[1] : transposed(n.inputs[1], weight), bias, ""},
                    {}, kFusedDomain, 1));
    return true;
  }

  std::string transposed(const std::string& name, const Tensor& weight) {
    std::string& other = transposed_[name];
    if (other.empty()) other = add_constant(name, "transposed", contiguous(transpose(weight, 0, 1)));
    return other;
  }

  /// The fused node that makes a value which nobody else reads and to which nothing has been done yet.
  Node* open_product(const std::string& name, bool bias_only = false) {
    Node* n = maker(name);
    if (n == nullptr || n->domain != kFusedDomain || (n->op != kConv && n->op != kLinear)) return nullptr;
    if (!read_once(name) || n->find("activation") != nullptr) return nullptr;
    return bias_only && !n->inputs[3].empty() ? nullptr : n;
  }
  /// Moves the product to the place of `n`, whose output it makes from now on.
  void take_in(Node& product, const Node& n) {
    Node moved = std::move(product);
    product = Node();  // left out at the end of the sweep
    made_.erase(moved.outputs[0]);
    moved.outputs = {n.outputs[0]};
    if (!n.name.empty() && !moved.name.empty()) moved.name += " + " + n.name;
    emit(std::move(moved));
  }

  bool fold_batch_norm(const Node& n) {
    Node* product = n.inputs.size() == 5 ? open_product(n.inputs[0], true) : nullptr;
    if (product == nullptr || product->op != kConv) return false;
    if (attribute_of(n, "training_mode", int64_t{0}) != 0 || attribute_of(n, "spatial", int64_t{1}) != 1)
      return false;
    const Tensor weight = constant(product->inputs[1]);
    Tensor part[4];
    for (size_t i = 0; i < 4; ++i) {
      const Tensor t = constant(n.inputs[i + 1]);
      if (!t.defined() || t.rank() != 1 || t.dim(0) != weight.dim(0)) return false;
      part[i] = cast(t, DType::kFloat64);
    }
    const auto& [scale, shift, mean, var] = part;
    const Tensor factor = mul(scale, rsqrt(add(var, static_cast<double>(attribute_of(n, "epsilon", 1e-5F)))));
    Shape per_output(static_cast<size_t>(weight.rank()), 1);
    per_output[0] = weight.dim(0);
    const Tensor old =
        product->inputs[2].empty() ? Tensor() : cast(constant(product->inputs[2]), DType::kFloat64);
    const Tensor bias = add(mul(old.defined() ? sub(old, mean) : neg(mean), factor), shift);
    const Tensor scaled = mul(weight, cast(reshape(factor, per_output), DType::kFloat32));
    const Tensor narrow = cast(bias, DType::kFloat32);
    product->inputs[1] = add_constant(n.outputs[0], "weight", scaled);
    product->inputs[2] = add_constant(n.outputs[0], "bias", narrow);
    take_in(*product, n);
    return true;
  }

  /// A constant with one number for each output of the product.
  bool add_bias(const Node& n) {
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const Tensor c = constant(n.inputs[i]);
      Node* product = c.defined() ? open_product(n.inputs[1 - i], true) : nullptr;
      if (product == nullptr) continue;
      const Tensor weight = constant(product->inputs[1]);
      const int64_t outputs = weight.dim(0);
      const int64_t behind = product->op == kConv ? weight.rank() - 2 : 0;  // dimensions after the outputs'
      const int64_t rank = product->op == kConv ? weight.rank() : 1;
      if (c.numel() != outputs || c.rank() > rank || c.rank() < behind + 1 || c.dim(-1 - behind) != outputs)
        continue;
      Tensor bias = reshape(c, {outputs});
      if (!product->inputs[2].empty()) bias = add(bias, constant(product->inputs[2]));
      product->inputs[2] = add_constant(n.outputs[0], "bias", bias);
      take_in(*product, n);
      return true;
    }
    return false;
  }

  /// Another value, of the same shape as a rule; the kernel sees whether it is.
  bool add_residual(const Node& n) {
    Node* best = nullptr;
    std::string other;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      Node* product = open_product(n.inputs[i], true);
      if (product == nullptr || n.inputs[0] == n.inputs[1]) continue;
      if (graph_.initializers.count(n.inputs[1 - i]) > 0 || n.inputs[1 - i].empty()) continue;
      if (best != nullptr && product < best) continue;  // the later one finds the other's result in the cache
      best = product;
      other = n.inputs[1 - i];
    }
    if (best == nullptr) return false;
    best->inputs[3] = other;
    take_in(*best, n);
    return true;
  }

  bool add_activation(const Node& n) {
    if (n.inputs.empty()) return false;
    const std::optional<Epilogue> e = activation(n);
    Node* product = e ? open_product(n.inputs[0]) : nullptr;
    if (product == nullptr) return false;
    product->attributes.push_back(attribute("activation", std::string(activation_name(e->activation))));
    product->attributes.push_back(attribute("low", static_cast<float>(e->low)));
    product->attributes.push_back(attribute("high", static_cast<float>(e->high)));
    take_in(*product, n);
    return true;
  }

  std::optional<Epilogue> activation(const Node& n) const {
    const double infinity = std::numeric_limits<double>::infinity();
    if (n.op == "Clip" && n.opset == 0 && opset_ < 11) {
      return Epilogue{Activation::kClip, attribute_of(n, "min", -std::numeric_limits<float>::infinity()),
                      attribute_of(n, "max", std::numeric_limits<float>::infinity())};
    }
    if (n.op == "Clip") {
      double limit[2] = {-infinity, infinity};
      for (size_t i = 1; i < std::min<size_t>(n.inputs.size(), 3); ++i) {
        if (n.inputs[i].empty()) continue;
        const auto v = number(n.inputs[i]);
        if (!v || std::isnan(*v)) return {};
        limit[i - 1] = *v;
      }
      return Epilogue{Activation::kClip, limit[0], limit[1]};
    }
    if (n.inputs.size() != 1) return {};
    if (n.op == "Relu") return Epilogue{Activation::kRelu};
    if (n.op == "Sigmoid") return Epilogue{Activation::kSigmoid};
    if (n.op == "Tanh") return Epilogue{Activation::kTanh};
    if (n.op == "HardSwish") return Epilogue{Activation::kHardswish};
    if (n.op == "LeakyRelu")
      return Epilogue{Activation::kLeakyRelu, static_cast<double>(attribute_of(n, "alpha", 0.01F))};
    if (n.op == "Swish" && attribute_of(n, "alpha", 1.0F) == 1.0F) return Epilogue{Activation::kSilu};
    if (n.op == "Gelu") {
      const std::string kind = attribute_of(n, "approximate", std::string("none"));
      if (kind == "none") return Epilogue{Activation::kGelu};
      if (kind == "tanh") return Epilogue{Activation::kGeluTanh};
    }
    return {};
  }

  /// Leaves out nodes whose values nobody reads, and then constants.
  void drop_unread() {
    std::set<std::string> read = kept_;
    std::vector<Node> nodes;
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      Node& n = graph_.nodes[i];
      bool wanted = n.outputs.empty();
      for (const std::string& name : n.outputs) wanted = wanted || read.count(name) > 0;
      if (!wanted) continue;
      for (const std::string& name : n.inputs) {
        if (!name.empty()) read.insert(name);
      }
      nodes.push_back(std::move(n));
    }
    std::reverse(nodes.begin(), nodes.end());
    graph_.nodes = std::move(nodes);
    std::erase_if(graph_.initializers, [&](const auto& entry) {
      return read.count(entry.first) == 0 && variable_.count(entry.first) == 0;
    });
  }

  Graph& graph_;
  int64_t opset_;
  const Rewriter* around_;          ///< of the graph around, nullptr for none
  std::set<std::string> own_;       ///< what nodes of the graph make, or made before they were rewritten
  std::set<std::string> variable_;  ///< inputs of the graph, whose constants are only defaults
  std::set<std::string> kept_;      ///< outputs of the graph, and what its subgraphs read
  std::vector<Node> out_;           ///< of the sweep so far; nodes that were taken in have no operator
  std::map<std::string, size_t> made_;
  std::map<std::string, std::string> renamed_;
  std::map<std::string, int> uses_;
  std::map<std::string, std::string> transposed_;
};

}  // namespace

Model optimize(Model model) {
  const auto opset = model.opsets.find("");
  Rewriter(model.graph, opset == model.opsets.end() ? 1 : opset->second, nullptr).run();
  return model;
}

}  // namespace dlb::graph
