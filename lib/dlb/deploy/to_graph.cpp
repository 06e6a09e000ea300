#include <algorithm>
#include <map>

#include "dlb/base/error.h"
#include "dlb/base/log.h"
#include "dlb/deploy/emit.h"
#include "dlb/deploy/export.h"

namespace dlb::deploy {

namespace {

/// A size of the inputs that may be left open.
struct Symbol {
  std::string name;
  std::vector<std::pair<size_t, int64_t>> places;  ///< input, dimension
  int64_t size = 0;
  bool rows = false;  ///< the first dimension
};

/// Equal first sizes are the same size (samples of a batch, nodes of a graph), and so are equal second sizes
/// of whole numbers (lengths of sequences).
std::vector<Symbol> symbols_of(const std::vector<model::NamedSpec>& inputs) {
  std::map<std::pair<bool, int64_t>, Symbol> found;
  std::vector<std::pair<bool, int64_t>> order;
  const auto note = [&](bool rows, size_t input, int64_t dim) {
    const int64_t size = inputs[input].spec.dim(dim);
    const auto key = std::make_pair(rows, size);
    if (found.count(key) == 0) order.push_back(key);
    Symbol& s = found[key];
    s.rows = rows;
    s.size = size;
    s.places.emplace_back(input, dim);
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = inputs[i].spec;
    if (spec.rank() > 0) note(true, i, 0);
    // A shorter length would leave no room for other lengths to trace with.
    if (spec.rank() == 2 && spec.dtype == DType::kInt64 && spec.dim(1) >= 8) note(false, i, 1);
  }
  std::vector<Symbol> symbols;
  int rows = 0, lengths = 0;
  for (const auto& key : order) {
    Symbol s = found[key];
    int& count = s.rows ? rows : lengths;
    constexpr int kMostLengths = 2;  // traces shorten each by other steps, which a third one might not have
    if (!s.rows && count == kMostLengths) continue;
    s.name = s.rows ? "batch" : "length";
    if (count++ > 0) s.name += std::to_string(count);
    symbols.push_back(std::move(s));
  }
  return symbols;
}

std::vector<TensorSpec> specs_with(const std::vector<model::NamedSpec>& inputs,
                                   const std::vector<Symbol>& symbols, const std::vector<int64_t>& sizes) {
  std::vector<TensorSpec> specs;
  for (const model::NamedSpec& input : inputs) specs.push_back(input.spec);
  for (size_t s = 0; s < symbols.size(); ++s) {
    for (const auto& [input, dim] : symbols[s].places) {
      Shape shape = specs[input].shape;
      shape[static_cast<size_t>(dim)] = sizes[s];
      specs[input] = make_spec(shape, specs[input].dtype);
    }
  }
  return specs;
}

bool known(const OpDef& op) { return find_emitter(op) != nullptr; }

/// The first node of `a` that is another one in `b`; nullptr if there is none.
const TracedNode* first_difference(const TracedBlock& a, const TracedBlock& b) {
  for (size_t i = 0; i < a.nodes.size(); ++i) {
    const TracedNode& x = a.nodes[i];
    if (i >= b.nodes.size()) return &x;
    const TracedNode& y = b.nodes[i];
    if (x.op != y.op || x.inputs != y.inputs || x.outputs != y.outputs || x.blocks.size() != y.blocks.size())
      return &x;
    for (size_t k = 0; k < x.blocks.size(); ++k) {
      if (const TracedNode* inner = first_difference(x.blocks[k], y.blocks[k])) return inner;
    }
  }
  return a.nodes.size() == b.nodes.size() && a.outputs == b.outputs ? nullptr : &a.nodes.back();
}

/// Sizes of trace k: each symbol changes by other steps, so that none is another one plus a constant.
std::vector<int64_t> sizes_of_trace(const std::vector<Symbol>& symbols, const std::vector<bool>& open,
                                    size_t k) {
  constexpr int64_t kSteps[3] = {0, 1, 3};
  std::vector<int64_t> sizes;
  int64_t rows = 0, lengths = 0;
  for (size_t s = 0; s < symbols.size(); ++s) {
    const int64_t factor =
        symbols[s].rows ? ++rows : -++lengths;  // a length only less: models have a greatest
    sizes.push_back(symbols[s].size + (open[s] ? factor * kSteps[k] : 0));
  }
  return sizes;
}

/// Traces with those symbols open; empty where the model does not take other sizes, for that reason.
std::vector<Trace> traces_of(model::Model& model, const std::vector<Symbol>& symbols,
                             const std::vector<bool>& open, bool may_draw, std::vector<Error>& errors) {
  const bool any = std::any_of(open.begin(), open.end(), [](bool o) { return o; });
  std::vector<Trace> traces;
  for (size_t k = 0; k < (any ? 3U : 1U); ++k) {
    try {
      traces.push_back(trace(model, specs_with(model.inputs(), symbols, sizes_of_trace(symbols, open, k)),
                             &known, may_draw));
    } catch (Error& e) {
      if (!any || k == 0) throw;  // not for the sizes
      errors.push_back(std::move(e));
      return {};
    }
    if (const TracedNode* node = first_difference(traces[0].top, traces.back().top)) {
      errors.emplace_back(ErrorKind::kUnsupported,
                          fmt::format("what {} computes ({}) changes with the sizes of the inputs",
                                      node->layer, node->op == nullptr ? "a loop" : node->op->name));
      return {};
    }
  }
  return traces;
}

std::optional<graph::Model> attempt(model::Model& model, const std::string& name,
                                    const std::vector<Symbol>& symbols, const std::vector<bool>& open,
                                    std::vector<DrawInput>* draws, std::vector<Error>& errors) {
  const std::vector<Trace> traces = traces_of(model, symbols, open, draws != nullptr, errors);
  if (traces.empty()) return std::nullopt;
  graph::Model result;
  result.opsets[""] = OnnxBuilder::kOpset;
  result.graph.name = name;
  for (const model::NamedSpec& input : model.inputs()) {
    graph::Declared d;
    d.name = input.name;
    d.element = graph::element_of(input.spec.dtype);
    d.shape.emplace();
    for (const int64_t size : input.spec.shape) d.shape->push_back({size, ""});
    result.graph.inputs.push_back(std::move(d));
  }
  for (size_t s = 0; s < symbols.size(); ++s) {
    for (const auto& [input, dim] : symbols[s].places) {
      if (open[s])
        (*result.graph.inputs[input].shape)[static_cast<size_t>(dim)] = {std::nullopt, symbols[s].name};
    }
  }
  std::vector<std::string> outputs;
  for (size_t i = 0; i < model.outputs(); ++i) {
    std::string output = model.output_names()[i];
    for (const graph::Declared& d : result.graph.inputs) {
      if (d.name == output) output += "_out";
    }
    outputs.push_back(std::move(output));
  }
  OnnxBuilder builder(traces, errors);
  builder.build(result.graph, outputs);
  if (!errors.empty()) return std::nullopt;
  if (draws != nullptr) *draws = builder.draws();
  if (!builder.draws().empty()) result.metadata[kDrawsKey] = draws_text(builder.draws());
  return result;
}

}  // namespace

graph::Model to_graph(model::Model& model, const std::string& name, std::vector<DrawInput>* draws) {
  const std::vector<Symbol> symbols = symbols_of(model.inputs());
  std::vector<Error> errors;
  std::string reason;
  // All sizes that may be open, then rows alone, then none: a model may be made for one length.
  for (int round = 0; round < 3; ++round) {
    std::vector<bool> open;
    for (const Symbol& s : symbols) open.push_back(round == 0 || (round == 1 && s.rows));
    errors.clear();
    if (std::optional<graph::Model> result = attempt(model, name, symbols, open, draws, errors)) {
      for (size_t s = 0; s < symbols.size(); ++s) {
        if (!open[s])
          log::warning("the exported model takes {} {} only: {}", symbols[s].name, symbols[s].size, reason);
      }
      return std::move(*result);
    }
    reason = errors.front().message;
  }
  Error first = std::move(errors.front());
  first.more.assign(std::make_move_iterator(errors.begin() + 1), std::make_move_iterator(errors.end()));
  throw first;
}

}  // namespace dlb::deploy
