#include <algorithm>
#include <cstring>

#include "dlb/base/error.h"
#include "dlb/deploy/emit.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::deploy {

namespace {

bool same_bytes(const Tensor& a, const Tensor& b) {
  if (a.shares_storage(b) && a.offset() == b.offset()) return true;
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  return a.to_vector<double>() == b.to_vector<double>() && a.to_vector<int64_t>() == b.to_vector<int64_t>();
}

/// Drops nodes whose outputs nobody reads.
void drop_unused(std::vector<graph::Node>& nodes, std::set<std::string>& read) {
  std::vector<graph::Node> kept;
  for (size_t i = nodes.size(); i-- > 0;) {
    graph::Node& node = nodes[i];
    const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                  [&](const std::string& name) { return read.count(name) > 0; });
    if (!used) continue;
    read.insert(node.inputs.begin(), node.inputs.end());
    for (graph::Attribute& a : node.attributes) {
      const auto* sub = std::get_if<graph::Attribute::Subgraph>(&a.value);
      if (sub == nullptr) continue;
      for (const graph::Declared& d : (*sub)->outputs) read.insert(d.name);
      drop_unused((*sub)->nodes, read);
    }
    kept.push_back(std::move(node));
  }
  std::reverse(kept.begin(), kept.end());
  nodes = std::move(kept);
}

graph::Declared declared(const std::string& name, const TensorSpec& spec) {
  graph::Declared d;
  d.name = name;
  d.element = graph::element_of(spec.dtype);
  d.shape.emplace(static_cast<size_t>(spec.rank()));
  return d;
}

}  // namespace

graph::Attribute attribute(std::string name, int64_t value) { return {std::move(name), value, ""}; }
graph::Attribute attribute(std::string name, double value) {
  return {std::move(name), static_cast<float>(value), ""};
}
graph::Attribute attribute(std::string name, const char* value) {
  return {std::move(name), std::string(value), ""};
}
graph::Attribute attribute(std::string name, std::vector<int64_t> values) {
  return {std::move(name), std::move(values), ""};
}
graph::Attribute attribute(std::string name, std::vector<std::string> values) {
  return {std::move(name), std::move(values), ""};
}
graph::Attribute attribute(std::string name, std::shared_ptr<graph::Graph> value) {
  return {std::move(name), std::move(value), ""};
}

bool is_constant(const Size& size) {
  return std::all_of(size.begin(), size.end(), [&](int64_t v) { return v == size[0]; });
}

OnnxBuilder::OnnxBuilder(const std::vector<Trace>& traces, std::vector<Error>& errors)
    : traces_(traces), errors_(errors), names_(traces[0].values.size()) {}

void OnnxBuilder::build(graph::Graph& graph, const std::vector<std::string>& output_names) {
  graph_ = &graph;
  nodes_ = &graph.nodes;
  const TracedBlock& top = traces_[0].top;
  for (size_t i = 0; i < top.inputs.size(); ++i) {
    set_name(top.inputs[i], graph.inputs[i].name);
    used_.insert(graph.inputs[i].name);
  }
  used_.insert(output_names.begin(), output_names.end());
  Blocks blocks;
  for (const Trace& t : traces_) blocks.push_back(&t.top);
  readers_.resize(names_.size());
  find_places(blocks);
  sites_ = draw_sites(top);
  emit_block(blocks);
  if (!errors_.empty()) return;
  std::set<std::string> read;
  for (size_t i = 0; i < top.outputs.size(); ++i) {
    graph::Node node;
    node.op = "Identity";
    node.inputs = {name_of(top.outputs[i])};
    node.outputs = {output_names[i]};
    graph.nodes.push_back(std::move(node));
    read.insert(output_names[i]);
    graph::Declared d =
        declared(output_names[i], traces_[0].values[static_cast<size_t>(top.outputs[i])].spec);
    for (size_t k = 0; k < d.shape->size(); ++k) {
      const Size size = dim(top.outputs[i], static_cast<int64_t>(k));
      if (is_constant(size)) {
        (*d.shape)[k].size = size[0];
        continue;
      }
      for (size_t in = 0; in < top.inputs.size(); ++in) {
        const std::vector<graph::Dim>& dims = *graph.inputs[in].shape;
        for (size_t at = 0; at < dims.size(); ++at) {
          if (!dims[at].size && dim(top.inputs[in], static_cast<int64_t>(at)) == size)
            (*d.shape)[k].name = dims[at].name;
        }
      }
    }
    graph.outputs.push_back(std::move(d));
  }
  drop_unused(graph.nodes, read);
  const auto drawn = graph.inputs.begin() + static_cast<ptrdiff_t>(top.inputs.size());
  graph.inputs.erase(std::remove_if(drawn, graph.inputs.end(),
                                    [&](const graph::Declared& d) { return read.count(d.name) == 0; }),
                     graph.inputs.end());
  std::erase_if(draws_, [&](const DrawInput& d) { return read.count(d.name) == 0; });
  for (auto at = graph.initializers.begin(); at != graph.initializers.end();)
    at = read.count(at->first) > 0 ? std::next(at) : graph.initializers.erase(at);
}

std::string OnnxBuilder::fresh(std::string_view stem) {
  std::string base = layer_.empty() ? std::string(stem) : fmt::format("{}/{}", layer_, stem);
  std::string name = base;
  for (int i = 1; !used_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

std::string OnnxBuilder::add(std::string op, std::vector<std::string> inputs,
                             std::vector<graph::Attribute> attributes, std::string_view stem) {
  graph::Node node;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  node.attributes = std::move(attributes);
  const std::string output = fresh(stem);
  node.outputs = {output};
  node.name = output;
  nodes_->push_back(std::move(node));
  return output;
}

std::string OnnxBuilder::constant(const Tensor& t, std::string_view stem) {
  const std::string name = fresh(stem);
  graph_->initializers.emplace(name, graph::Value(contiguous(t)));
  return name;
}

std::string OnnxBuilder::made_constant(std::string_view stem, const std::vector<int>& values,
                                       const std::function<Tensor()>& make) {
  std::string& name = made_constants_[{std::string(stem), values}];
  if (name.empty()) name = constant(make(), stem);
  return name;
}

void OnnxBuilder::find_places(const Blocks& blocks) {
  const TracedBlock& first = *blocks[0];
  for (size_t i = 0; i < first.nodes.size(); ++i) {
    const TracedNode& node = first.nodes[i];
    Place place{{}, &first, i};
    for (const TracedBlock* b : blocks) place.nodes.push_back(&b->nodes[i]);
    for (const int value : node.inputs) {
      if (value >= 0) readers_[static_cast<size_t>(value)].push_back(place.nodes);
    }
    for (const int value : node.outputs) makers_[value] = &node;
    places_[&node] = std::move(place);
    for (size_t which = 0; which < node.blocks.size(); ++which) find_places(sub_blocks(blocks, i, which));
  }
  for (const int value : first.outputs) {
    if (value >= 0) readers_[static_cast<size_t>(value)].emplace_back();
  }
}

OnnxBuilder::Nodes OnnxBuilder::maker(int value) const {
  const auto found = makers_.find(value);
  return found == makers_.end() ? Nodes() : places_.at(found->second).nodes;
}

const std::vector<OnnxBuilder::Nodes>& OnnxBuilder::readers(int value) const {
  return readers_[static_cast<size_t>(value)];
}

bool OnnxBuilder::follows(const TracedNode& later, const TracedNode& node) const {
  const Place &a = places_.at(&later), &b = places_.at(&node);
  return a.block == b.block && a.index > b.index;
}

std::string OnnxBuilder::name_of(int value) {
  std::string& name = names_[static_cast<size_t>(value)];
  if (!name.empty()) return name;
  const TracedValue& v = traces_[0].values[static_cast<size_t>(value)];
  if (!is_fixed(value)) return differing_constant(value);
  if (!v.name.empty()) {
    name = v.name;
    for (int i = 1; !used_.insert(name).second; ++i) name = fmt::format("{}_{}", v.name, i);
    graph_->initializers.emplace(name, graph::Value(contiguous(v.constant)));
  } else {
    name = constant(v.constant);
  }
  return name;
}

bool OnnxBuilder::is_fixed(int value) const {
  const Tensor& first = traces_[0].values[static_cast<size_t>(value)].constant;
  if (!first.defined()) return false;
  return std::all_of(traces_.begin(), traces_.end(), [&](const Trace& t) {
    const Tensor& other = t.values[static_cast<size_t>(value)].constant;
    return other.defined() && same_bytes(other, first);
  });
}

/// A number that follows from the sizes, which a model's expression has turned into a tensor.
std::string OnnxBuilder::differing_constant(int value) {
  const TracedValue& v = traces_[0].values[static_cast<size_t>(value)];
  Size numbers;
  for (const Trace& t : traces_) {
    const Tensor& c = t.values[static_cast<size_t>(value)].constant;
    if (!c.defined() || c.numel() != 1 || c.shape() != v.spec.shape || is_floating(c.dtype()))
      fail(ErrorKind::kUnsupported, "a constant {} depends on the sizes of the inputs", spec_text(v.spec));
    numbers.push_back(c.to_vector<int64_t>()[0]);
  }
  std::string name = size_value(numbers, {});
  const std::vector<int64_t> shape(v.spec.shape.begin(), v.spec.shape.end());
  const auto rank = static_cast<int64_t>(shape.size());
  name = add("Reshape", {name, constant(Tensor::from(shape, {rank}))}, {}, "size");
  if (v.spec.dtype != DType::kInt64)
    name =
        add("Cast", {name}, {attribute("to", static_cast<int64_t>(graph::element_of(v.spec.dtype)))}, "size");
  return name;
}

Size OnnxBuilder::dim(int value, int64_t d) const {
  Size size;
  for (const Trace& t : traces_) size.push_back(t.values[static_cast<size_t>(value)].spec.dim(d));
  return size;
}

std::string OnnxBuilder::part_of_shape(int value, int64_t d) {
  return add("Shape", {name_of(value)}, {attribute("start", d), attribute("end", d + 1)}, "size");
}

std::string OnnxBuilder::arithmetic(const char* op, const std::string& a, int64_t b) {
  return add(op, {a, constant(Tensor::from(std::vector<int64_t>{b}, {1}))}, {}, "size");
}

/// Says `size` by a size of `value`: the same, a multiple, a part, or more or less by a constant.
bool OnnxBuilder::express(const Size& size, int value, std::string& name) {
  const TensorSpec& spec = traces_[0].values[static_cast<size_t>(value)].spec;
  for (int64_t d = 0; d < spec.rank(); ++d) {
    const Size have = dim(value, d);
    if (is_constant(have)) continue;
    if (have == size) {
      name = part_of_shape(value, d);
      return true;
    }
    bool multiple = true, part = true, shifted = true;
    for (size_t k = 0; k < size.size(); ++k) {
      multiple = multiple && have[k] != 0 && size[k] % have[k] == 0 && size[k] / have[k] == size[0] / have[0];
      part = part && size[k] != 0 && have[k] % size[k] == 0 && have[k] / size[k] == have[0] / size[0];
      shifted = shifted && size[k] - have[k] == size[0] - have[0];
    }
    if (multiple) {
      name = arithmetic("Mul", part_of_shape(value, d), size[0] / have[0]);
    } else if (part) {
      name = arithmetic("Div", part_of_shape(value, d), have[0] / size[0]);
    } else if (shifted) {
      name = arithmetic("Add", part_of_shape(value, d), size[0] - have[0]);
    } else {
      continue;
    }
    return true;
  }
  return false;
}

std::string OnnxBuilder::size_value(const Size& size, std::span<const int> near) {
  if (is_constant(size)) return constant(Tensor::from(std::vector<int64_t>{size[0]}, {1}), "size");
  std::string name;
  for (const int value : near) {
    if (value >= 0 && express(size, value, name)) return name;
  }
  const std::vector<int>& inputs = traces_[0].top.inputs;
  for (const int value : inputs) {
    if (express(size, value, name)) return name;
  }
  // A product of two sizes, such as all positions of a batch.
  for (const int a : inputs) {
    const int64_t rank = traces_[0].values[static_cast<size_t>(a)].spec.rank();
    for (int64_t d = 0; d < rank; ++d) {
      const Size factor = dim(a, d);
      if (is_constant(factor)) continue;
      Size rest;
      for (size_t k = 0; k < size.size(); ++k) {
        if (factor[k] == 0 || size[k] % factor[k] != 0) break;
        rest.push_back(size[k] / factor[k]);
      }
      if (rest.size() != size.size() || is_constant(rest)) continue;
      for (const int b : inputs) {
        if (express(rest, b, name)) return add("Mul", {part_of_shape(a, d), name}, {}, "size");
      }
    }
  }
  fail(ErrorKind::kUnsupported, "a size ({}) depends on those of the inputs in a way that is not known",
       size[0]);
}

DrawSize OnnxBuilder::draw_size(const Size& size) const {
  if (is_constant(size)) return {size[0]};
  const std::vector<int>& inputs = traces_[0].top.inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<graph::Dim>& dims = *graph_->inputs[i].shape;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d].size) continue;
      const Size have = dim(inputs[i], static_cast<int64_t>(d));
      const auto fits = [&](const DrawSize& s) {
        for (size_t k = 0; k < size.size(); ++k) {
          if (have[k] * s.times % s.over != 0 || s.at(have[k]) != size[k]) return false;
        }
        return true;
      };
      DrawSize whole{size[0], dims[d].name, std::max<int64_t>(size[0] / have[0], 1),
                     std::max<int64_t>(have[0] / std::max<int64_t>(size[0], 1), 1), 0};
      if (fits(whole)) return whole;
      const DrawSize shifted{size[0], dims[d].name, 1, 1, size[0] - have[0]};
      if (fits(shifted)) return shifted;
    }
  }
  fail(ErrorKind::kUnsupported,
       "a size of what is drawn ({}) depends on those of the inputs in a way that "
       "is not known",
       size[0]);
}

std::string OnnxBuilder::draw(const TracedNode& node, Distribution distribution, DType dtype,
                              const std::vector<Size>& sizes) {
  DrawInput input;
  for (size_t n = draws_.size() + 1; input.name.empty(); ++n) {
    std::string name = fmt::format("draw_{}", n);
    if (used_.insert(name).second) input.name = std::move(name);
  }
  input.distribution = std::move(distribution);
  input.dtype = dtype;
  input.site = sites_.at(&node);
  input.loops = repeats_.size();
  for (const Repeat& r : repeats_) {
    if (!r.steps.empty()) {
      input.sizes.push_back(draw_size(r.steps));
    } else if (!r.node->conditional) {
      input.sizes.push_back({r.node->most});
    } else {
      DrawSize steps{r.node->most, fmt::format("{}_steps", input.name)};
      if (!input.sizes.empty()) steps.of += std::to_string(input.sizes.size() + 1);
      steps.steps = true;
      input.sizes.push_back(std::move(steps));
    }
  }
  for (const Size& s : sizes) input.sizes.push_back(draw_size(s));
  graph_->inputs.push_back(deploy::declared(input, node.layer));

  std::string value = input.name;
  for (size_t i = 0; i < repeats_.size(); ++i) {
    Repeat& r = repeats_[i];
    const size_t rank = input.sizes.size() - i - 1;
    if (r.steps.empty()) {
      // Before the node of a loop or scan further in, which is yet to come.
      std::vector<graph::Node>* const here =
          std::exchange(nodes_, i + 1 < repeats_.size() ? repeats_[i + 1].around : nodes_);
      value = add("Gather", {value, r.iteration}, {attribute("axis", int64_t{0})}, "draw");
      nodes_ = here;
    } else {
      r.sequences.push_back(value);
      value = fresh("draw");
      r.slices.push_back(declared(value, make_spec(Shape(rank, 1), dtype)));
    }
  }
  draws_.push_back(std::move(input));
  return value;
}

OnnxBuilder::Blocks OnnxBuilder::sub_blocks(const Blocks& blocks, size_t index, size_t which) const {
  Blocks subs;
  for (const TracedBlock* b : blocks) subs.push_back(&b->nodes[index].blocks[which]);
  return subs;
}

void OnnxBuilder::emit_block(const Blocks& blocks) {
  for (size_t i = 0; i < blocks[0]->nodes.size(); ++i) {
    const TracedNode& node = blocks[0]->nodes[i];
    const std::string around = std::exchange(layer_, node.layer);
    try {
      emit_node(blocks, i);
    } catch (Error& e) {
      Error error(ErrorKind::kUnsupported, fmt::format("{}{}cannot be exported to ONNX: {}", node.layer,
                                                       node.layer.empty() ? "" : " ", e.message));
      error.at(node.where);
      errors_.push_back(std::move(error));
      // What comes after is still looked at, so that all errors are told at once.
      for (const int value : node.outputs) set_name(value, fresh("unknown"));
    }
    layer_ = around;
  }
}

void OnnxBuilder::emit_node(const Blocks& blocks, size_t index) {
  const TracedNode& node = blocks[0]->nodes[index];
  if (taken_.erase(&node) > 0) return;
  switch (node.kind) {
    case TracedNode::Kind::kLoop:
      return emit_loop(blocks, node, index);
    case TracedNode::Kind::kScan:
      return emit_scan(blocks, node, index);
    case TracedNode::Kind::kBranch:
      return emit_branch(blocks, node, index);
    default:
      break;
  }
  // A constant that is the same for all sizes is stored, unless it shows a variable in another way.
  if (!node.of_variable &&
      std::all_of(node.outputs.begin(), node.outputs.end(), [&](int v) { return is_fixed(v); }))
    return;
  const Emitter emitter = find_emitter(*node.op);
  if (emitter == nullptr)
    fail(ErrorKind::kUnsupported, "there is nothing there for operator {}", node.op->name);
  std::vector<const TracedNode*> nodes;
  for (const TracedBlock* b : blocks) nodes.push_back(&b->nodes[index]);
  Emit emit(*this, std::move(nodes));
  emitter(emit);
}

std::vector<std::string> OnnxBuilder::emit_inlined(const Blocks& blocks,
                                                   const std::vector<std::string>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) set_name(blocks[0]->inputs[i], inputs[i]);
  emit_block(blocks);
  std::vector<std::string> outputs;
  for (const int value : blocks[0]->outputs) outputs.push_back(name_of(value));
  return outputs;
}

void OnnxBuilder::emit_loop(const Blocks& blocks, const TracedNode& node, size_t index) {
  const Trace& t = traces_[0];
  std::vector<std::string> start;
  for (const int value : node.inputs) start.push_back(name_of(value));
  const auto truth = [&](const std::string& name) {
    return add("Reshape", {name, constant(Tensor::from(std::vector<int64_t>{}, {0}))}, {}, "while");
  };
  std::string condition;
  if (node.conditional) condition = truth(emit_inlined(sub_blocks(blocks, index, 0), start)[0]);

  auto body = std::make_shared<graph::Graph>();
  body->name = fresh("body");
  std::vector<graph::Node>* const around = nodes_;
  {
    const Into into(*this, *body);
    body->inputs.push_back(declared(fresh("iteration"), make_spec({}, DType::kInt64)));
    body->inputs.push_back(declared(fresh("go_on"), make_spec({}, DType::kBool)));
    std::vector<std::string> carries;
    for (const int value : node.inputs) {
      carries.push_back(fresh("carry"));
      body->inputs.push_back(declared(carries.back(), t.values[static_cast<size_t>(value)].spec));
    }
    repeats_.push_back({&node, around, body->inputs[0].name});
    const std::vector<std::string> results = emit_inlined(sub_blocks(blocks, index, 1), carries);
    repeats_.pop_back();
    std::string again = body->inputs[1].name;
    if (node.conditional) again = truth(emit_inlined(sub_blocks(blocks, index, 0), results)[0]);
    // An output is made by a node of the subgraph, even if it is a value from around.
    body->outputs.push_back(declared(add("Identity", {again}, {}, "again"), make_spec({}, DType::kBool)));
    for (size_t i = 0; i < results.size(); ++i) {
      body->outputs.push_back(declared(add("Identity", {results[i]}, {}, "carried"),
                                       t.values[static_cast<size_t>(node.inputs[i])].spec));
    }
  }
  graph::Node loop;
  loop.op = "Loop";
  loop.name = fresh("loop");
  loop.inputs = {constant(Tensor::from(std::vector<int64_t>{node.most}, {})), condition};
  loop.inputs.insert(loop.inputs.end(), start.begin(), start.end());
  loop.attributes.push_back(attribute("body", std::move(body)));
  for (const int value : node.outputs) {
    loop.outputs.push_back(fresh("result"));
    set_name(value, loop.outputs.back());
  }
  nodes_->push_back(std::move(loop));
}

void OnnxBuilder::emit_scan(const Blocks& blocks, const TracedNode& node, size_t index) {
  const Trace& t = traces_[0];
  const Blocks sub = sub_blocks(blocks, index, 0);
  auto body = std::make_shared<graph::Graph>();
  body->name = fresh("body");
  const size_t sequences = node.inputs.size() - node.carries;
  std::vector<int64_t> out_axes;
  repeats_.push_back({&node, nodes_, "", dim(node.inputs[node.carries], node.axis)});
  {
    const Into into(*this, *body);
    std::vector<std::string> inputs;
    for (const int value : sub[0]->inputs) {
      inputs.push_back(fresh("slice"));
      body->inputs.push_back(declared(inputs.back(), t.values[static_cast<size_t>(value)].spec));
    }
    const std::vector<std::string> results = emit_inlined(sub, inputs);
    for (size_t i = 0; i < results.size(); ++i) {
      const TensorSpec& spec = t.values[static_cast<size_t>(sub[0]->outputs[i])].spec;
      body->outputs.push_back(declared(add("Identity", {results[i]}, {}, "result"), spec));
      if (i >= node.carries) out_axes.push_back(std::min<int64_t>(node.axis, spec.rank()));
    }
    for (graph::Declared& slice : repeats_.back().slices) body->inputs.push_back(std::move(slice));
  }
  graph::Node scan;
  scan.op = "Scan";
  scan.name = fresh("scan");
  for (const int value : node.inputs) scan.inputs.push_back(name_of(value));
  const int64_t backwards = node.reverse ? 1 : 0;
  std::vector<int64_t> axes(sequences, node.axis), directions(sequences, backwards);
  // Draws go along, in the order of the steps whichever way those go.
  for (const std::string& draw : repeats_.back().sequences) {
    scan.inputs.push_back(draw);
    axes.push_back(0);
    directions.push_back(0);
  }
  repeats_.pop_back();
  scan.attributes.push_back(attribute("body", std::move(body)));
  scan.attributes.push_back(attribute("num_scan_inputs", static_cast<int64_t>(axes.size())));
  scan.attributes.push_back(attribute("scan_input_axes", axes));
  scan.attributes.push_back(attribute("scan_input_directions", directions));
  if (!out_axes.empty()) {
    scan.attributes.push_back(
        attribute("scan_output_directions", std::vector<int64_t>(out_axes.size(), backwards)));
    scan.attributes.push_back(attribute("scan_output_axes", out_axes));
  }
  // Ours gives what is emitted first, then the carries.
  const size_t emitted = node.outputs.size() - node.carries;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const int value = node.outputs[i < node.carries ? emitted + i : i - node.carries];
    scan.outputs.push_back(fresh("result"));
    set_name(value, scan.outputs.back());
  }
  nodes_->push_back(std::move(scan));
}

void OnnxBuilder::emit_branch(const Blocks& blocks, const TracedNode& node, size_t index) {
  const std::string condition =
      add("Reshape", {name_of(node.inputs[0]), constant(Tensor::from(std::vector<int64_t>{}, {0}))}, {},
          "condition");
  graph::Node branch;
  branch.op = "If";
  branch.name = fresh("if");
  branch.inputs = {condition};
  for (size_t which = 0; which < 2; ++which) {
    auto sub = std::make_shared<graph::Graph>();
    sub->name = fresh(which == 0 ? "then" : "else");
    const Into into(*this, *sub);
    const Blocks inner = sub_blocks(blocks, index, which);
    const std::vector<std::string> results = emit_inlined(inner, {});
    for (size_t i = 0; i < results.size(); ++i) {
      sub->outputs.push_back(declared(add("Identity", {results[i]}, {}, "result"),
                                      traces_[0].values[static_cast<size_t>(inner[0]->outputs[i])].spec));
    }
    branch.attributes.push_back(attribute(which == 0 ? "then_branch" : "else_branch", std::move(sub)));
  }
  for (const int value : node.outputs) {
    branch.outputs.push_back(fresh("result"));
    set_name(value, branch.outputs.back());
  }
  nodes_->push_back(std::move(branch));
}

std::string Emit::cast(const std::string& x, DType dtype) {
  return add("Cast", {x}, {attribute("to", static_cast<int64_t>(graph::element_of(dtype)))});
}

std::string Emit::in_as(size_t i, DType dtype) {
  const std::string x = in(i);
  return x.empty() || spec(i).dtype == dtype ? x : cast(x, dtype);
}

std::vector<std::string> Emit::add_many(std::string op, std::vector<std::string> inputs, size_t outputs,
                                        std::vector<graph::Attribute> attributes) {
  graph::Node n;
  n.op = std::move(op);
  n.inputs = std::move(inputs);
  n.attributes = std::move(attributes);
  for (size_t i = 0; i < outputs; ++i) n.outputs.push_back(b_.fresh(node().op->name));
  n.name = n.outputs[0];
  std::vector<std::string> names = n.outputs;
  b_.add_node(std::move(n));
  return names;
}

std::string Emit::number(double value, DType dtype) { return b_.constant(Tensor::scalar(value, dtype)); }

std::string Emit::ints(const std::vector<int64_t>& values) {
  return b_.constant(Tensor::from(values, {static_cast<int64_t>(values.size())}));
}

std::string Emit::sizes(const std::vector<Size>& values) {
  if (std::all_of(values.begin(), values.end(), is_constant)) {
    std::vector<int64_t> numbers;
    for (const Size& s : values) numbers.push_back(s[0]);
    return ints(numbers);
  }
  std::vector<std::string> parts;
  for (const Size& s : values) parts.push_back(b_.size_value(s, node().inputs));
  return parts.size() == 1 ? parts[0] : add("Concat", parts, {attribute("axis", int64_t{0})});
}

std::string Emit::size_scalar(const Size& value) {
  return add("Reshape", {b_.size_value(value, node().inputs), ints({})});
}

Emitter find_emitter(const OpDef& op) {
  for (const auto family : {elementwise_emitters(), shape_emitters(), neural_emitters(), window_emitters(),
                            recurrent_emitters(), draw_emitters()}) {
    for (const EmitterRow& row : family) {
      if (row.op == op.name) return row.emit;
    }
  }
  return nullptr;
}

}  // namespace dlb::deploy
