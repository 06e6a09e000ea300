#pragma once
/// \file Reads described structs from config nodes, collecting every error.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dlb/base/error_list.h"
#include "dlb/base/fields.h"
#include "dlb/config/expression.h"
#include "dlb/config/node.h"

namespace dlb::config {

/// `name`, or `name: {fields}`, or `name: first-field`: how a layer, optimizer, transform, ... is chosen.
struct Choice {
  std::string name;
  Node name_node;  ///< where the name stands
  Node body;       ///< null when only the name is given
};

/// Reads values into described structs. Strict: unknown keys, wrong types ("2" is no number), values out of
/// range and missing required keys are errors, recorded in `errors` with place, path and nearest valid name;
/// reading goes on.
class Reader {
 public:
  Reader(ErrorList& errors, const Scope& scope) : errors_(errors), scope_(scope) {}

  /// Fills `object` (the address that Field::at expects). A node that is not a map is taken as the value of
  /// the first field; null leaves all defaults. `what` names the thing in messages ("conv2d", "train").
  /// `also` are keys that the caller handles itself (in, as, id). Returns whether all was well.
  bool read(const Node& node, Fields fields, void* object, std::string_view what,
            std::span<const std::string> also = {});

  /// Splits a choice node; records an error and returns nothing when it is neither a string nor a map of one
  /// key. `modifiers` are further keys allowed beside the name (in, as, id): with them a map may have several
  /// keys.
  std::optional<Choice> choice(const Node& node, std::string_view what,
                               std::span<const std::string> modifiers = {});

  /// Reads a choice among registered types ("optimizer: {adam: {lr: 1e-3}}"). Records an error and returns
  /// nullptr when the name is unknown (with the nearest one) or a field is wrong.
  template <class Base>
  std::unique_ptr<Base> make(const Node& node, std::span<const TypeInfo<Base>> types, std::string_view what) {
    const std::optional<Choice> chosen = choice(node, what);
    return chosen ? make(*chosen, types, what) : nullptr;
  }
  template <class Base>
  std::unique_ptr<Base> make(const Choice& chosen, std::span<const TypeInfo<Base>> types,
                             std::string_view what, std::span<const std::string> also = {}) {
    const TypeInfo<Base>* type = find_type(types, chosen.name);
    if (type == nullptr) {
      unknown_name(chosen.name_node, chosen.name, type_names(types), what);
      return nullptr;
    }
    auto made = type->make();
    return read(chosen.body, type->fields(), made.fields_base, chosen.name, also) ? std::move(made.object)
                                                                                  : nullptr;
  }

  /// "unknown optimizer 'adm'; did you mean 'adam'?" at the node.
  void unknown_name(const Node& at, std::string_view name, const std::vector<std::string>& valid,
                    std::string_view what);
  /// Records an error unless each key of `map` is in `valid`; returns whether all are. A key that a section
  /// among `fields` has is suggested with its place.
  bool known_keys(const Node& map, const std::vector<std::string>& valid, std::string_view what,
                  Fields fields = {});

  void error(const Node& at, std::string message, std::string hint = {}) {
    errors_.add(at.error(std::move(message), std::move(hint)));
  }
  ErrorList& errors() { return errors_; }
  const Scope& scope() const { return scope_; }

 private:
  bool read_value(const Node& node, const Field& field, void* object, std::string_view what);
  ErrorList& errors_;
  const Scope& scope_;
};

/// The default of a field as YAML text ("3", "[1, 1]", "null"), from a default-constructed object.
std::string default_text(const Field& field, void* default_object);
/// "int", "float > 0", "one of same, valid", ...: for help and reference pages.
std::string type_text(const Field& field);

}  // namespace dlb::config
