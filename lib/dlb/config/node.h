#pragma once
/// \file A YAML value that remembers where it was written.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/base/fields.h"

namespace dlb::config {

/// A place in a source: a file, or a flag such as `--set`, with 1-based line and column (0 = unknown).
struct Mark {
  std::shared_ptr<const std::string> source;
  int line = 0;
  int col = 0;
  /// "file:line:col", or the source alone when it has no lines ("--set optimizer.adam.lr=x").
  std::string str() const;
};

enum class Kind { kNull, kBool, kInt, kFloat, kString, kList, kMap };

/// "a number", "a list", ...: for messages.
std::string_view kind_phrase(Kind kind);

/// An immutable YAML value; copies are cheap and share the data.
class Node {
 public:
  struct Entry;
  Node();  ///< null without a mark
  static Node null(Mark mark);
  static Node boolean(bool value, Mark mark = {});
  static Node integer(int64_t value, Mark mark = {});
  static Node real(double value, Mark mark = {});
  /// `text_offset` says how many columns after the mark the text begins (1 inside quotes), -1 when it is not
  /// on one line.
  static Node string(std::string value, Mark mark = {}, int text_offset = -1);
  static Node list(std::vector<Node> items, Mark mark = {});
  static Node map(std::vector<Entry> entries, Mark mark = {});

  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_map() const { return kind() == Kind::kMap; }
  bool is_list() const { return kind() == Kind::kList; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_number() const { return kind() == Kind::kInt || kind() == Kind::kFloat; }
  bool is_scalar() const { return !is_map() && !is_list(); }
  const Mark& mark() const;
  /// The key's path from the root, such as "model[3].conv2d.out"; set when the document is resolved.
  const std::string& path() const;
  /// A copy with the paths of this value and of all below it set, as seen from `path`.
  Node with_path(const std::string& path) const;
  /// A copy of this value alone with another mark and path, as when a variable's value takes the place of
  /// `$name`.
  Node placed_at(const Node& site) const;

  /// The value; the kind must fit (as_real also takes an integer).
  bool as_bool() const;
  int64_t as_int() const;
  double as_real() const;
  const std::string& as_string() const;
  int text_offset() const;                       ///< of a string, see string()
  const std::vector<Node>& items() const;        ///< of a list; empty for null
  const std::vector<Entry>& entries() const;     ///< of a map, in order of writing; empty for null
  const Node* find(std::string_view key) const;  ///< of a map; nullptr when absent
  const Entry* find_entry(std::string_view key) const;

  /// A scalar as it would be written ("64", "adam", "null"); "[3 items]" or "{a, b}" for collections: for
  /// messages.
  std::string brief() const;

  /// The value for a message: "'abc' (a string)", "3", "true (a bool)", "null", "a list".
  std::string found() const;

  /// An error of kind `config` at this value; the path is added as context unless the message has it.
  Error error(std::string message, std::string hint = {}) const;

 private:
  struct Data;
  explicit Node(std::shared_ptr<const Data> data);
  std::shared_ptr<const Data> data_;
};

struct Node::Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

/// The node as YAML text that reads back to the same value (block style, doubles with full precision).
std::string to_yaml(const Node& node);
/// The node as compact JSON.
std::string to_json(const Node& node);

/// Structural equality of values (1 and 1.0 differ), ignoring marks and the order of map keys.
bool same_value(const Node& a, const Node& b);

}  // namespace dlb::config

namespace dlb {
template <>
struct FieldTypeOf<config::Node> {
  static constexpr FieldType value = FieldType::kNode;
};
}  // namespace dlb
