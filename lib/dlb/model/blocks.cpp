#include "dlb/model/blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace dlb::model {
namespace {

using config::Kind;
using config::Node;

std::optional<Kind> type_of_name(const std::string& name) {
  if (name == "int") return Kind::kInt;
  if (name == "float") return Kind::kFloat;
  if (name == "bool") return Kind::kBool;
  if (name == "string") return Kind::kString;
  if (name == "list") return Kind::kList;
  return std::nullopt;
}

std::string_view type_phrase(Kind kind) {
  switch (kind) {
    case Kind::kInt:
      return "an int";
    case Kind::kFloat:
      return "a float";
    default:
      return config::kind_phrase(kind);
  }
}

std::string_view element_name(Kind kind) {
  switch (kind) {
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kBool:
      return "bool";
    case Kind::kString:
      return "string";
    default:
      return "list";
  }
}

/// `$x` where x is the key: of no use in the block's own parameters, so such names are refused.
bool reserved(const std::string& name) { return name == "in" || name == "as" || name == "id"; }

std::optional<Param> read_param(config::Reader& reader, const Node::Entry& entry, const std::string& block) {
  Param param;
  param.name = entry.key;
  param.fallback = entry.value;
  if (!is_identifier(entry.key) || reserved(entry.key)) {
    reader.error(entry.value, fmt::format("'{}' cannot name a parameter of block {}", entry.key, block),
                 "a letter, then letters, digits and _; not in, as or id");
    return std::nullopt;
  }
  const Node& value = entry.value;
  if (value.is_null() || value.is_map()) {
    reader.error(value, fmt::format("parameter '{}' of block {} needs a type (int, float, bool, string, "
                                    "list, list of int) or a default value",
                                    entry.key, block));
    return std::nullopt;
  }
  if (config::is_expression(value)) return param;
  param.kind = value.kind();
  if (value.is_string()) {
    const std::string& name = value.as_string();
    const std::string of = "list of ";
    if (const auto type = type_of_name(name)) {
      param.kind = *type;
      param.required = true;
    } else if (const auto element =
                   name.starts_with(of) ? type_of_name(name.substr(of.size())) : std::nullopt) {
      param.kind = Kind::kList;
      param.element = *element;
      param.required = true;
    }
  }
  return param;
}

/// The value converted to `kind`, or nothing where it is of another kind.
std::optional<Node> converted(const Node& value, Kind kind) {
  if (kind == Kind::kFloat && value.kind() == Kind::kInt) return Node::real(value.as_real(), value.mark());
  if (kind == Kind::kNull || value.kind() == kind) return value;
  return std::nullopt;
}

/// The value as `kind`, its items as `element`, or nothing after an error.
std::optional<Node> typed(config::Reader& reader, const Node& value, Kind kind, Kind element,
                          const std::string& name, const Block& block) {
  const std::optional<Node> whole = converted(value, kind);
  if (!whole) {
    reader.error(value, fmt::format("parameter '{}' of block {} must be {}, got {}", name, block.name,
                                    type_phrase(kind), value.found()));
  }
  if (!whole || element == Kind::kNull) return whole;
  std::vector<Node> items;
  for (const Node& item : whole->items()) {
    if (const std::optional<Node> one = converted(item, element)) {
      items.push_back(*one);
      continue;
    }
    reader.error(item, fmt::format("parameter '{}' of block {} must be a list of {} items, item {} is {}",
                                   name, block.name, element_name(element), items.size() + 1, item.found()));
    return std::nullopt;
  }
  return Node::list(std::move(items)).placed_at(value);
}

bool bind_one(config::Reader& reader, const Block& block, const Param& param, const Node& at,
              const Node* given, const Env& caller, Env& inner) {
  if (given == nullptr && param.required) {
    reader.error(at, fmt::format("block {} needs parameter '{}' ({})", block.name, param.name,
                                 type_phrase(param.kind)));
    return false;
  }
  const Node& source = given != nullptr ? *given : param.fallback;
  const Env& env = given != nullptr ? caller : inner;
  if (env.unknown(source)) {
    inner.set_unknown(param.name);
    return true;
  }
  Kind kind = param.kind;
  if (given != nullptr && kind == Kind::kNull) {
    if (inner.unknown(param.fallback)) {
      kind = config::evaluate(source, env.scope()).kind();
    } else {
      kind = config::evaluate(param.fallback, inner.scope()).kind();
    }
  }
  Node value = param.element != Kind::kNull ? config::evaluate_all(source, env.scope())
                                            : config::evaluate(source, env.scope());
  if (kind != Kind::kNull) {
    auto converted = typed(reader, value, kind, param.element, param.name, block);
    if (!converted) return false;
    value = std::move(*converted);
  }
  inner.set(param.name, std::move(value));
  return true;
}

}  // namespace

bool is_identifier(const std::string& text) {
  if (text.empty() || text.size() > 64) return false;
  if (std::isalpha(static_cast<unsigned char>(text[0])) == 0 && text[0] != '_') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

namespace {

/// Reads `inputs: {x: "float[N, T]"}` or `inputs: [x, y]`.
void read_block_inputs(config::Reader& reader, const Node* node, Block& block) {
  if (node == nullptr) return;
  const auto add = [&](const std::string& name, const Node& at, const Node& type) {
    const bool repeated = std::any_of(block.inputs.begin(), block.inputs.end(),
                                      [&](const Block::Input& other) { return other.name == name; });
    if (!is_identifier(name) || reserved(name) || name == "max" || name == "it" || repeated) {
      reader.error(at, fmt::format("'{}' cannot name an input of {}", name, block.what()),
                   repeated ? "it names another one already" : "a letter, then letters, digits and _");
      return;
    }
    block.inputs.push_back({name, type});
  };
  if (node->is_map()) {
    for (const Node::Entry& entry : node->entries()) add(entry.key, entry.value, entry.value);
  } else if (node->is_list()) {
    for (const Node& item : node->items()) {
      if (item.is_string()) {
        add(item.as_string(), item, Node());
      } else {
        reader.error(item,
                     fmt::format("expected the name of an input of {}, got {}", block.what(), item.found()));
      }
    }
  }
  if (block.inputs.empty()) {
    reader.error(*node,
                 fmt::format("inputs of {} must be a list of names, or a map of names to types, got {}",
                             block.what(), node->found()));
  }
  for (const Param& param : block.params) {
    for (const Block::Input& input : block.inputs) {
      if (param.name != input.name) continue;
      reader.error(*node,
                   fmt::format("'{}' is both an input and a parameter of {}", param.name, block.what()));
    }
  }
}

}  // namespace

void read_networks(config::Reader& reader, const Node* node, Blocks& blocks) {
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) {
    reader.error(*node, "models must be a map from names to networks, got " + node->found());
    return;
  }
  for (const Node::Entry& entry : node->entries()) {
    const auto [place, fresh] = blocks.try_emplace(entry.key);
    if (!fresh) {
      reader.error(entry.value, fmt::format("'{}' is the name of a block already", entry.key));
      continue;
    }
    Block& block = place->second;
    block.name = entry.key;
    block.network = true;
    const size_t errors = reader.errors().size();
    if (!is_identifier(entry.key)) {
      reader.error(entry.value, fmt::format("'{}' cannot name a network", entry.key),
                   "a letter, then letters, digits and _");
    }
    const Node& value = entry.value;
    const bool long_form =
        value.is_map() && (value.find("steps") != nullptr || value.find("inputs") != nullptr ||
                           value.find("outputs") != nullptr);
    if (!long_form) {
      block.steps = value;
    } else if (value.find("steps") == nullptr) {
      reader.error(value, fmt::format("missing required key 'steps' in network {}", entry.key));
    } else {
      reader.known_keys(value, {"inputs", "steps", "outputs"}, block.what());
      block.steps = *value.find("steps");
      read_block_inputs(reader, value.find("inputs"), block);
      if (const Node* outputs = value.find("outputs")) block.outputs = *outputs;
    }
    block.valid = reader.errors().size() == errors;
  }
}

Blocks read_blocks(config::Reader& reader, const Node* node) {
  Blocks blocks;
  if (node == nullptr || node->is_null()) return blocks;
  if (!node->is_map()) {
    reader.error(*node, "blocks must be a map from names to {params, steps}, got " + node->found());
    return blocks;
  }
  for (const Node::Entry& entry : node->entries()) {
    Block& block = blocks[entry.key];
    block.name = entry.key;
    const size_t errors = reader.errors().size();
    if (!is_identifier(entry.key)) {
      reader.error(entry.value, fmt::format("'{}' cannot name a block", entry.key),
                   "a letter, then letters, digits and _");
    }
    if (!entry.value.is_map() || entry.value.find("steps") == nullptr) {
      reader.error(entry.value,
                   fmt::format("block {} must be {{params, inputs, steps, outputs}}", entry.key));
      block.valid = false;
      continue;
    }
    reader.known_keys(entry.value, {"params", "inputs", "steps", "outputs"}, "block " + entry.key);
    block.steps = *entry.value.find("steps");
    const Node* params = entry.value.find("params");
    if (params != nullptr && !params->is_map() && !params->is_null()) {
      reader.error(*params,
                   fmt::format("params of block {} must be a map, got {}", entry.key, params->found()));
    } else if (params != nullptr) {
      std::set<std::string> used = mentioned_names(block.steps);
      used.merge(mentioned_names(*params));
      for (const Node::Entry& p : params->entries()) {
        auto param = read_param(reader, p, entry.key);
        if (!param) continue;
        if (!used.contains(p.key)) {
          Error e = p.value.error(fmt::format("parameter '{}' of block {} is never used", p.key, entry.key));
          e.where = p.key_mark.str();
          reader.errors().add(std::move(e));
        }
        block.params.push_back(std::move(*param));
      }
    }
    read_block_inputs(reader, entry.value.find("inputs"), block);
    if (const Node* outputs = entry.value.find("outputs")) block.outputs = *outputs;
    block.valid = reader.errors().size() == errors;
  }
  return blocks;
}

bool bind_parameters(config::Reader& reader, const Block& block, const Node& at, const Node& args,
                     const std::vector<std::string>& also, const Env& caller, Env& inner) {
  bool good = true;
  if (args.is_map()) {
    std::vector<std::string> valid = also;
    for (const Param& param : block.params) valid.push_back(param.name);
    good = reader.known_keys(args, valid, "block " + block.name);
  } else if (!args.is_null() && block.params.empty()) {
    reader.error(args, fmt::format("block {} has no parameters", block.name));
    return false;
  }
  for (size_t i = 0; i < block.params.size(); ++i) {
    const Param& param = block.params[i];
    const Node* given = nullptr;
    if (args.is_map()) {
      given = args.find(param.name);
    } else if (i == 0 && !args.is_null()) {
      given = &args;
    }
    bool bound = false;
    try {
      bound = bind_one(reader, block, param, at, given, caller, inner);
    } catch (Error& e) {
      reader.errors().add(std::move(e));
    }
    if (bound) continue;
    inner.set_unknown(param.name);
    good = false;
  }
  return good;
}

}  // namespace dlb::model
