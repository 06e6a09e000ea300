#include "dlb/nn/graph.h"

#include <cstring>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/index_defs.h"
#include "dlb/ops/join.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

constexpr std::string_view kNames[] = {"x", "edges", "edge_weight"};

void expect_graph(const Build& b, std::string_view layer) {
  b.expect(b.input().rank() == 2 && b.input().dim(1) > 0, layer, "[nodes, features]");
  expect_input(b.input(1).rank() == 2 && b.input(1).dim(1) == 2, b, 1, layer, "edges", "[E, 2]");
  expect_whole_numbers(b, 1, layer, "edges");
  if (b.has_input(2)) {
    expect_input(b.input(2).shape == Shape{b.input(1).dim(0)}, b, 2, layer, "edge_weight",
                 fmt::format("[{}]", b.input(1).dim(0)));
  }
}

bool equal_data(const Tensor& a, const Tensor& b) {
  return a.defined() && a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.numel() == 0 || std::memcmp(a.raw(), b.raw(), a.spec().bytes()) == 0);
}

/// A copy that later writes to the original do not change.
Tensor copied(const Tensor& x) {
  const Tensor y = Tensor::empty(x.shape(), x.dtype());
  y.assign(x);
  return y;
}

void check_nodes(const Tensor& edges, int64_t nodes) {
  const int64_t* p = edges.data<int64_t>();
  for (int64_t i = 0; i < edges.numel(); ++i) {
    if (p[i] >= 0 && p[i] < nodes) continue;
    fail(ErrorKind::kData, "edge {} is [{}, {}], there are {} nodes", i / 2, p[i - i % 2], p[i - i % 2 + 1],
         nodes);
  }
}

Tensor whole(int64_t value) { return Tensor::from(std::vector<int64_t>{value}, {}); }

constexpr int64_t kNowhere = int64_t{1} << 62;  ///< an index beyond any size

/// For a recorder, an index of which negative numbers are errors: operators of ONNX count those from the end,
/// so they become one that is an error there too.
Tensor from_start(const Tensor& index) {
  if (!recording()) return index;
  return where(lt(index, whole(0)), whole(kNowhere), index);
}

/// For a recorder, the graph of each node from the numbers of nodes [N]; of sizes that are not those of
/// `nodes` nodes, one that does not exist.
Tensor graph_of_nodes(const Tensor& sizes, int64_t nodes) {
  const Tensor ends = cumsum(sizes, 0);
  const Tensor wrong = logical_or(ne(sum(sizes), whole(nodes)), ne(sum(abs(sizes)), whole(nodes)));
  const Tensor starts = where(wrong, whole(kNowhere), sub(ends, sizes));
  // How many graphs start up to each node, less one. Empty ones at the end start behind all nodes.
  const Tensor marks = index_add(zeros({nodes + 1}, DType::kInt64, sizes.device()), 0, starts,
                                 ones({sizes.dim(0)}, DType::kInt64, sizes.device()));
  return sub(narrow(cumsum(marks, 0), 0, 0, nodes), whole(1));
}

/// For a recorder: 0, 1, ... up to the largest number of an index that stays below its own length.
Tensor numbers_up_to_largest(const Tensor& index) {
  const Tensor largest = amax(cat({index, reshape(whole(-1), {1})}, 0));
  const Tensor all = arange(0, static_cast<double>(index.dim(0)), 1, DType::kInt64, index.device());
  const int64_t count = unknown_size(index.dim(0));
  return reshape(apply1<NonzeroAttrs>(op::nonzero(), {le(all, largest)}, {count}), {count});
}

/// Index [n] for each of the columns of a matrix.
Tensor for_columns(const Tensor& index, int64_t columns) {
  return expand(unsqueeze(index, 1), {index.dim(0), columns});
}

}  // namespace

/// Sets the entries to those of the list, in its order.
void EdgeMatrix::take_list(const Tensor& list, const Tensor& weight, int64_t nodes, DType dtype) {
  const Device device = list.device();
  rows_of_matrix_ = nodes;
  csr_ = {
      {}, select(list, 1, 0), weight.defined() ? cast(weight, dtype) : ones({list.dim(0)}, dtype, device)};
  rows_ = select(list, 1, 1);
  if (!self_loops_) return;
  const Tensor all = arange(0, static_cast<double>(nodes), 1, DType::kInt64, device);
  csr_.col = cat({csr_.col, all}, 0);
  csr_.values = cat({csr_.values, ones({nodes}, dtype, device)}, 0);
  rows_ = cat({rows_, all}, 0);
}

void EdgeMatrix::normalize(int64_t nodes) {
  if (normalize_ == Normalize::kNone) return;
  const DType dtype = csr_.values.dtype();
  const Device device = csr_.values.device();
  const Tensor sums = reshape(times(ones({nodes, 1}, dtype, device)), {nodes});
  const auto at = [](const Tensor& x, const Tensor& i) { return index_select(x, 0, i); };
  if (normalize_ == Normalize::kRow) {
    csr_.values = div(csr_.values, at(sums, rows_));
    return;
  }
  const Tensor zero = full({}, 0, dtype, device);
  const Tensor roots = where(gt(sums, 0.0), rsqrt(sums), zero);
  csr_.values = mul(mul(csr_.values, at(roots, rows_)), at(roots, csr_.col));
}

const Csr& EdgeMatrix::of(const Tensor& edges, const Tensor& weight, int64_t nodes, DType dtype) {
  const int64_t count = edges.dim(0) + (self_loops_ ? nodes : 0);
  if (recording()) {
    take_list(from_start(cast(edges, DType::kInt64)), weight, nodes, dtype);
    normalize(nodes);
    nodes_ = -1;
    return csr_;
  }
  if (edges.is_meta()) {
    csr_ = {Tensor::empty({nodes + 1}, DType::kInt64, kMeta), Tensor::empty({count}, DType::kInt64, kMeta),
            Tensor::empty({count}, dtype, kMeta)};
    rows_ = csr_.col;
    nodes_ = -1;
    return csr_;
  }
  const Tensor list = contiguous(cast(edges, DType::kInt64));
  const bool learned = weight.defined() && weight.requires_grad();
  const bool same_weight = weight.defined() ? equal_data(weight_, contiguous(weight)) : !weight_.defined();
  if (!learned && nodes == nodes_ && same_weight && csr_.values.dtype() == dtype && equal_data(edges_, list))
    return csr_;
  check_nodes(list, nodes);
  nodes_ = nodes;
  edges_ = copied(list);
  weight_ = weight.defined() && !learned ? copied(contiguous(weight)) : Tensor{};
  take_list(list, weight, nodes, dtype);
  // The numbers of the entries as values tell the order in which the matrix has them.
  const Tensor numbers = arange(0, static_cast<double>(count), 1, DType::kFloat64, edges.device());
  const Csr ordered = coo_to_csr(contiguous(rows_), contiguous(csr_.col), numbers, nodes, nodes);
  const Tensor order = cast(ordered.values, DType::kInt64);
  csr_ = {ordered.crow, ordered.col, index_select(csr_.values, 0, order)};
  rows_ = index_select(rows_, 0, order);
  normalize(nodes);
  return csr_;
}

Tensor EdgeMatrix::times(const Tensor& x, const Tensor& values) const {
  if (csr_.crow.defined()) return spmm(csr_.crow, csr_.col, values, x);
  return joined(mul(index_select(x, 0, csr_.col), unsqueeze(values, 1)), SegmentReduction::kSum);
}

Tensor EdgeMatrix::joined(const Tensor& entries, SegmentReduction how) const {
  if (csr_.crow.defined()) return segment_reduce(entries, how, {}, csr_.crow);
  Shape shape = entries.shape();
  shape[0] = rows_of_matrix_;
  const Tensor none = zeros(shape, entries.dtype(), entries.device());
  if (how == SegmentReduction::kSum) return index_add(none, 0, rows_, entries);
  return scatter_reduce(none, 0, for_columns(rows_, entries.dim(1)), entries, ScatterReduction::kAmax, false);
}

Fields GraphPropagate::fields() {
  static const Field list[] = {
      field<&GraphPropagate::normalize>("normalize",
                                        "`symmetric`: by the roots of both nodes' degrees, "
                                        "`row`: the mean of the sources, or `none`: their sum",
                                        one_of({"symmetric", "row", "none"})),
      field<&GraphPropagate::self_loops>("self_loops", "add an edge from each node to itself"),
  };
  return list;
}
std::span<const std::string_view> GraphPropagate::input_names() const { return kNames; }
void GraphPropagate::build(Build& b) {
  expect_graph(b, "graph_propagate");
  matrix_.configure(self_loops, normalize == "none"  ? EdgeMatrix::Normalize::kNone
                                : normalize == "row" ? EdgeMatrix::Normalize::kRow
                                                     : EdgeMatrix::Normalize::kSymmetric);
}
Outputs GraphPropagate::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  matrix_.of(inputs[1], input_or_none(inputs, 2), x.dim(0), x.dtype());
  return one(matrix_.times(x));
}

Fields GcnConv::fields() {
  static const Field list[] = {
      required<&GcnConv::out>("out", "output features", positive()),
      field<&GcnConv::bias>("bias", "add a bias"),
      field<&GcnConv::normalize>("normalize", "divide by the roots of both nodes' degrees"),
      field<&GcnConv::self_loops>("self_loops", "add an edge from each node to itself"),
  };
  return list;
}
std::span<const std::string_view> GcnConv::input_names() const { return kNames; }
void GcnConv::build(Build& b) {
  expect_graph(b, "gcn_conv");
  matrix_.configure(self_loops, normalize ? EdgeMatrix::Normalize::kSymmetric : EdgeMatrix::Normalize::kNone);
  weight_ = b.parameter("weight", {out, b.input().dim(1)}, xavier_uniform());
  if (bias) bias_ = b.parameter("bias", {out}, constant_init(0));
}
Outputs GcnConv::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  matrix_.of(inputs[1], input_or_none(inputs, 2), x.dim(0), x.dtype());
  // The narrower of the two matrices is propagated.
  if (out > x.dim(1)) return one(linear(matrix_.times(x), weight_, bias_));
  const Tensor y = matrix_.times(linear(x, weight_));
  return one(bias_.defined() ? add(y, bias_) : y);
}

Fields SageConv::fields() {
  static const Field list[] = {
      required<&SageConv::out>("out", "output features", positive()),
      field<&SageConv::aggregate>("aggregate", "how the sources are joined", one_of({"mean", "sum", "max"})),
      field<&SageConv::root>("root", "add the node's own features, transformed"),
      field<&SageConv::normalize>("normalize", "scale each output to length 1"),
      field<&SageConv::bias>("bias", "add a bias"),
  };
  return list;
}
std::span<const std::string_view> SageConv::input_names() const { return std::span(kNames).first(2); }
void SageConv::build(Build& b) {
  expect_graph(b, "sage_conv");
  matrix_.configure(false, aggregate == "mean" ? EdgeMatrix::Normalize::kRow : EdgeMatrix::Normalize::kNone);
  const int64_t in = b.input().dim(1);
  neighbor_ = b.parameter("lin_l.weight", {out, in}, kaiming_uniform());
  if (bias) bias_ = b.parameter("lin_l.bias", {out}, uniform_fan(in));
  if (root) root_ = b.parameter("lin_r.weight", {out, in}, kaiming_uniform());
}
Outputs SageConv::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  const Csr& a = matrix_.of(inputs[1], {}, x.dim(0), x.dtype());
  Tensor y;
  if (aggregate == "max") {
    y = scatter_reduce(zeros(x.shape(), x.dtype(), x.device()), 0, for_columns(matrix_.rows(), x.dim(1)),
                       index_select(x, 0, a.col), ScatterReduction::kAmax, false);
    y = linear(y, neighbor_, bias_);
  } else if (recording() && out < x.dim(1)) {
    // Operators of ONNX hold each edge's row before they add them up: the narrower ones.
    y = matrix_.times(linear(x, neighbor_));
    if (bias_.defined()) y = add(y, bias_);
  } else {
    y = linear(matrix_.times(x), neighbor_, bias_);
  }
  if (root_.defined()) y = add(y, linear(x, root_));
  return one(normalize ? dlb::normalize(y, 2, {1}) : y);
}

Fields GatConv::fields() {
  static const Field list[] = {
      required<&GatConv::out>("out", "output features of each head", positive()),
      field<&GatConv::heads>("heads", "number of attention heads", between(1, kMostHeads)),
      field<&GatConv::concat>("concat", "heads side by side; otherwise their mean"),
      field<&GatConv::slope>("slope", "of leaky_relu, for negative scores"),
      field<&GatConv::dropout>("dropout", "probability of dropping an attention weight", between(0, 1)),
      field<&GatConv::self_loops>("self_loops", "add an edge from each node to itself"),
      field<&GatConv::bias>("bias", "add a bias"),
  };
  return list;
}
std::span<const std::string_view> GatConv::input_names() const { return std::span(kNames).first(2); }
void GatConv::build(Build& b) {
  expect_graph(b, "gat_conv");
  matrix_.configure(self_loops, EdgeMatrix::Normalize::kNone);
  expect_features(out, "gat_conv");
  weight_ = b.parameter("weight", {heads * out, b.input().dim(1)}, xavier_uniform());
  source_ = b.parameter("att_src", {heads, out}, xavier_uniform());
  target_ = b.parameter("att_dst", {heads, out}, xavier_uniform());
  if (bias) bias_ = b.parameter("bias", {concat ? heads * out : out}, constant_init(0));
}
Outputs GatConv::run(Context& c, Inputs inputs) {
  const Tensor& x = inputs[0];
  const int64_t nodes = x.dim(0);
  const Csr& a = matrix_.of(inputs[1], {}, nodes, x.dtype());
  const Tensor& rows = matrix_.rows();
  const Tensor h = linear(x, weight_);
  const Tensor by_head = reshape(h, {nodes, heads, out});
  const Tensor from = sum(mul(by_head, source_), {2}), to = sum(mul(by_head, target_), {2});
  const Tensor scores =
      leaky_relu(add(index_select(from, 0, a.col), index_select(to, 0, rows)), slope);  // [E, heads]
  const Tensor largest = matrix_.joined(scores.detach(), SegmentReduction::kMax);
  const Tensor e = exp(sub(scores, index_select(largest, 0, rows)));
  const Tensor total = matrix_.joined(e, SegmentReduction::kSum);
  Tensor alpha = div(e, index_select(total, 0, rows));
  if (c.training && dropout > 0) alpha = dlb::dropout(alpha, dropout, c.next_key(RngPurpose::kDropout));
  Tensor y;
  if (a.crow.defined()) {
    std::vector<Tensor> parts;
    for (int64_t i = 0; i < heads; ++i)
      parts.push_back(matrix_.times(contiguous(select(by_head, 1, i)), contiguous(select(alpha, 1, i))));
    y = concat ? cat(parts, 1) : mean(stack(parts, 0), {0});
  } else {
    const Tensor messages = mul(index_select(by_head, 0, a.col), unsqueeze(alpha, 2));
    y = matrix_.joined(messages, SegmentReduction::kSum);
    y = concat ? reshape(y, {nodes, heads * out}) : mean(y, {1});
  }
  return one(bias_.defined() ? add(y, bias_) : y);
}

Fields GinConv::fields() {
  static const Field list[] = {
      required<&GinConv::out>("out", "output features", positive()),
      field<&GinConv::hidden>("hidden", "features inside the net; `out` when not given", positive()),
      field<&GinConv::eps>("eps", "weight of the node itself is 1 + eps"),
      field<&GinConv::train_eps>("train_eps", "learn eps"),
  };
  return list;
}
std::span<const std::string_view> GinConv::input_names() const { return std::span(kNames).first(2); }
void GinConv::build(Build& b) {
  expect_graph(b, "gin_conv");
  const int64_t in = b.input().dim(1);
  const int64_t inner = hidden.value_or(out);
  if (train_eps) eps_ = b.parameter("eps", {}, constant_init(eps));
  w1_ = b.parameter("linear1.weight", {inner, in}, kaiming_uniform());
  b1_ = b.parameter("linear1.bias", {inner}, uniform_fan(in));
  w2_ = b.parameter("linear2.weight", {out, inner}, kaiming_uniform());
  b2_ = b.parameter("linear2.bias", {out}, uniform_fan(inner));
}
Outputs GinConv::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  matrix_.of(inputs[1], {}, x.dim(0), x.dtype());
  const Tensor sums = matrix_.times(x);
  const Tensor own = eps_.defined() ? mul(x, add(eps_, 1.0)) : mul(x, 1 + eps);
  return one(linear(relu(linear(add(own, sums), w1_, b1_)), w2_, b2_));
}

Fields GraphPool::fields() {
  static const Field list[] = {
      field<&GraphPool::reduce>("reduce", "how nodes are joined", one_of({"mean", "sum", "max"})),
      field<&GraphPool::nodes>("nodes", "with the input `graph`: most nodes of a graph, such as $nodes",
                               positive()),
      field<&GraphPool::count>("count", "with the input `graph`: number of graphs, if it is always the same",
                               positive()),
  };
  return list;
}
std::span<const std::string_view> GraphPool::input_names() const {
  static constexpr std::string_view kPoolNames[] = {"x", "sizes", "graph"};
  return kPoolNames;
}
void GraphPool::build(Build& b) {
  b.expect(b.input().rank() == 2, "graph_pool", "[nodes, features]");
  if (b.has_input(1)) {
    expect_input(b.input(1).rank() == 1, b, 1, "graph_pool", "sizes", "[N]");
    expect_whole_numbers(b, 1, "graph_pool", "sizes");
    return;
  }
  if (!b.has_input(2)) {
    fail(ErrorKind::kConfig,
         "graph_pool needs the input `sizes`, nodes of each graph, or `graph`, the graph of "
         "each node");
  }
  expect_input(b.input(2).shape == Shape{b.input().dim(0)}, b, 2, "graph_pool", "graph",
               fmt::format("[{}]", b.input().dim(0)));
  expect_whole_numbers(b, 2, "graph_pool", "graph");
  if (!count && !nodes) {
    fail(ErrorKind::kConfig, "graph_pool by `graph` needs `nodes`, the most nodes of a graph");
  }
}
Outputs GraphPool::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  const Tensor sizes = input_or_none(inputs, 1);
  if (sizes.defined() && !recording()) {
    const auto how = reduce == "mean"  ? SegmentReduction::kMean
                     : reduce == "sum" ? SegmentReduction::kSum
                                       : SegmentReduction::kMax;
    const Tensor y = segment_reduce(x, how, sizes, {});
    return one(where(unsqueeze(gt(sizes, 0.0), 1), y, full({}, 0, x.dtype(), x.device())));
  }
  const Tensor graph = sizes.defined() ? graph_of_nodes(cast(sizes, DType::kInt64), x.dim(0))
                                       : from_start(cast(inputs[2], DType::kInt64));
  const auto pooled = [&](int64_t graphs) {
    const auto how = reduce == "mean"  ? ScatterReduction::kMean
                     : reduce == "sum" ? ScatterReduction::kSum
                                       : ScatterReduction::kAmax;
    return scatter_reduce(zeros({graphs, x.dim(1)}, x.dtype(), x.device()), 0, for_columns(graph, x.dim(1)),
                          x, how, false);
  };
  if (sizes.defined()) return one(pooled(sizes.dim(0)));
  if (count) return one(pooled(*count));
  if (recording()) return one(index_select(pooled(x.dim(0)), 0, numbers_up_to_largest(graph)));
  const int64_t graphs = x.is_meta()          ? x.dim(0) / *nodes
                         : graph.numel() == 0 ? 0
                                              : static_cast<int64_t>(amax(graph).item()) + 1;
  if (graphs < 0 || graphs > x.dim(0))
    fail(ErrorKind::kData, "graph_pool of {} nodes got one of graph {}", x.dim(0), graphs - 1);
  return one(pooled(graphs));
}

}  // namespace dlb::nn
