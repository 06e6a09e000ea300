#include "dlb/deploy/draws.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/deploy/emit.h"
#include "dlb/ops/attention_defs.h"
#include "dlb/ops/create_defs.h"
#include "dlb/ops/random_defs.h"
#include "dlb/ops/softmax_defs.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"

namespace dlb::deploy {

namespace {

Distribution random_distribution(const OpDef& op, const RandomAttrs& a) {
  Distribution d{std::string(op.name), {}};
  if (op.name == "exponential") d.parameters = {{"rate", a.a}};
  if (op.name == "geometric") d.parameters = {{"p", a.a}};
  if (op.name == "log_normal") d.parameters = {{"mean", a.a}, {"std", a.b}};
  if (op.name == "cauchy") d.parameters = {{"median", a.a}, {"sigma", a.b}};
  if (op.name == "truncated_normal")
    d.parameters = {{"mean", a.a}, {"std", a.b}, {"low", a.low}, {"high", a.high}};
  std::erase_if(d.parameters, [](const auto& p) { return std::isinf(p.second); });
  return d;
}

/// Errors: data, where the model's metadata has no such parameter.
double parameter(const Distribution& d, const char* name) {
  const auto found = d.parameters.find(name);
  if (found == d.parameters.end()) fail(ErrorKind::kData, "distribution {} has no '{}'", d.name, name);
  return found->second;
}

double limit(const Distribution& d, const char* name, double otherwise) {
  const auto found = d.parameters.find(name);
  return found == d.parameters.end() ? otherwise : found->second;
}

int64_t whole(const Distribution& d, const char* name) {
  const double value = parameter(d, name);
  if (!(std::abs(value) <= 0x1p53)) fail(ErrorKind::kData, "distribution {}: {} is {}", d.name, name, value);
  return static_cast<int64_t>(value);
}

}  // namespace

std::string describe(const Distribution& distribution) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : distribution.parameters)
    parts.push_back(fmt::format("{}={}", name, value));
  return fmt::format("{}({})", distribution.name, fmt::join(parts, ", "));
}

Tensor sample(const Distribution& d, const Shape& shape, DType dtype, const RngKey& key) {
  if (d.name == "normal") return normal(shape, parameter(d, "mean"), parameter(d, "std"), key, dtype);
  if (d.name == "uniform") return uniform(shape, parameter(d, "low"), parameter(d, "high"), key, dtype);
  if (d.name == "bernoulli") return bernoulli(shape, parameter(d, "p"), key, dtype);
  if (d.name == "randint") return randint(whole(d, "low"), whole(d, "high"), shape, key, dtype);
  if (d.name == "exponential") return exponential(shape, parameter(d, "rate"), key, dtype);
  if (d.name == "geometric") return geometric(shape, parameter(d, "p"), key, dtype);
  if (d.name == "log_normal") return log_normal(shape, parameter(d, "mean"), parameter(d, "std"), key, dtype);
  if (d.name == "cauchy") return cauchy(shape, parameter(d, "median"), parameter(d, "sigma"), key, dtype);
  if (d.name == "truncated_normal") {
    return truncated_normal(shape, parameter(d, "mean"), parameter(d, "std"), limit(d, "low", -INFINITY),
                            limit(d, "high", INFINITY), key, dtype);
  }
  if (d.name == "randperm") {
    // A permutation for each iteration of the loops around it.
    if (shape.empty()) fail(ErrorKind::kData, "a permutation has at least one dimension");
    const Tensor order = uniform(shape, 0, 1, key, DType::kFloat64);
    return cast(argsort(order, -1), dtype);
  }
  fail(ErrorKind::kConfig, "there is no distribution '{}'", d.name);
}

std::string DrawSize::text() const {
  if (of.empty()) return std::to_string(size);
  std::string text = of;
  if (times != 1) text = fmt::format("{}*{}", times, text);
  if (over != 1) text += fmt::format("/{}", over);
  if (plus != 0) text += fmt::format("{}{}", plus > 0 ? "+" : "-", std::abs(plus));
  return text;
}

graph::Declared declared(const DrawInput& input, const std::string& layer) {
  graph::Declared d;
  d.name = input.name;
  d.element = graph::element_of(input.dtype);
  d.shape.emplace();
  for (const DrawSize& s : input.sizes)
    d.shape->push_back(s.of.empty() ? graph::Dim{s.size, ""} : graph::Dim{std::nullopt, s.text()});
  d.doc = describe(input.distribution);
  if (!layer.empty()) d.doc += fmt::format(", which {} draws", layer);
  if (input.loops > 0) {
    d.doc += fmt::format("; the first {} for the iterations of the loop{} around it",
                         input.loops == 1 ? "size is" : "sizes are", input.loops == 1 ? "" : "s");
  }
  return d;
}

std::string draws_text(const std::vector<DrawInput>& inputs) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const DrawInput& input : inputs) {
    nlohmann::ordered_json& entry = all[input.name];
    entry["distribution"] = input.distribution.name;
    for (const auto& [name, value] : input.distribution.parameters) entry[name] = value;
  }
  return all.dump();
}

std::map<std::string, Distribution> read_draws(const graph::Model& model) {
  const auto entry = model.metadata.find(kDrawsKey);
  if (entry == model.metadata.end()) return {};
  const auto damaged = [] {
    return Error(ErrorKind::kData, fmt::format("the model's metadata '{}' are damaged", kDrawsKey));
  };
  const nlohmann::json all = nlohmann::json::parse(entry->second, nullptr, false);
  if (!all.is_object()) throw damaged();
  std::map<std::string, Distribution> found;
  for (const auto& [name, parts] : all.items()) {
    if (!parts.is_object() || !parts.contains("distribution")) throw damaged();
    Distribution& d = found[name];
    for (const auto& [key, value] : parts.items()) {
      if (key == "distribution") {
        if (!value.is_string()) throw damaged();
        d.name = value.get<std::string>();
      } else if (value.is_number()) {
        d.parameters[key] = value.get<double>();
      } else {
        throw damaged();
      }
    }
  }
  return found;
}

bool does_draw(const OpDef& op, const void* attrs) {
  if (!op.random) return false;
  if (&op == &op::attention()) return static_cast<const AttentionAttrs*>(attrs)->dropout > 0;
  if (&op == &op::packed_attention())
    return static_cast<const PackedAttentionAttrs*>(attrs)->form.dropout > 0;
  if (&op == &op::dropout()) return static_cast<const DropoutAttrs*>(attrs)->p > 0;
  return true;
}

const RngKey& key_of(const OpDef& op, const void* attrs) {
  if (&op == &op::attention()) return static_cast<const AttentionAttrs*>(attrs)->key;
  if (&op == &op::packed_attention()) return static_cast<const PackedAttentionAttrs*>(attrs)->form.key;
  if (&op == &op::dropout()) return static_cast<const DropoutAttrs*>(attrs)->key;
  if (&op == &op::normal()) return static_cast<const NormalAttrs*>(attrs)->key;
  if (&op == &op::uniform()) return static_cast<const UniformAttrs*>(attrs)->key;
  if (&op == &op::bernoulli()) return static_cast<const BernoulliAttrs*>(attrs)->key;
  if (&op == &op::multinomial()) return static_cast<const MultinomialAttrs*>(attrs)->key;
  if (&op == &op::randint() || &op == &op::randperm()) return static_cast<const RandomIntAttrs*>(attrs)->key;
  for (const OpDef* sampled : {&op::poisson(), &op::standard_gamma(), &op::binomial()}) {
    if (&op == sampled) return static_cast<const SampleAttrs*>(attrs)->key;
  }
  DLB_CHECK(op.attrs == detail::attrs_type<RandomAttrs>());
  return static_cast<const RandomAttrs*>(attrs)->key;
}

bool is_drawn(const OpDef& op) {
  const auto emitters = draw_emitters();
  return std::any_of(emitters.begin(), emitters.end(),
                     [&](const EmitterRow& row) { return row.op == op.name; });
}

Distribution distribution_of(const OpDef& op, const void* attrs) {
  const std::string name(op.name);
  if (&op == &op::normal()) {
    const auto& a = *static_cast<const NormalAttrs*>(attrs);
    return {name, {{"mean", a.mean}, {"std", a.std}}};
  }
  if (&op == &op::uniform()) {
    const auto& a = *static_cast<const UniformAttrs*>(attrs);
    return {name, {{"low", a.low}, {"high", a.high}}};
  }
  if (&op == &op::bernoulli()) return {name, {{"p", static_cast<const BernoulliAttrs*>(attrs)->p}}};
  if (&op == &op::randperm()) return {name, {}};
  if (&op == &op::randint()) {
    const auto& a = *static_cast<const RandomIntAttrs*>(attrs);
    constexpr int64_t kMost = int64_t{1} << 53;
    if (a.low < -kMost || a.high > kMost)
      fail(ErrorKind::kUnsupported, "whole numbers from {} to {}, beyond 2^53", a.low, a.high);
    return {name, {{"low", static_cast<double>(a.low)}, {"high", static_cast<double>(a.high)}}};
  }
  return random_distribution(op, *static_cast<const RandomAttrs*>(attrs));
}

namespace {

void gather_sites(const TracedBlock& block, const std::string& around,
                  std::map<const TracedNode*, std::string>& sites) {
  int draws = 0, constructs = 0;
  for (const TracedNode& node : block.nodes) {
    if (node.kind == TracedNode::Kind::kOp) {
      if (does_draw(*node.op, node.attrs.get())) sites[&node] = fmt::format("{}{}", around, draws++);
      continue;
    }
    for (size_t which = 0; which < node.blocks.size(); ++which)
      gather_sites(node.blocks[which], fmt::format("{}{}.{}/", around, constructs, which), sites);
    ++constructs;
  }
}

}  // namespace

std::map<const TracedNode*, std::string> draw_sites(const TracedBlock& top) {
  std::map<const TracedNode*, std::string> sites;
  gather_sites(top, "", sites);
  return sites;
}

}  // namespace dlb::deploy
