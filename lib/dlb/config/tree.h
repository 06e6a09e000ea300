#pragma once
/// \file The mutable form of a config while files and overrides are merged into it.

#include <string>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/config/document.h"
#include "dlb/config/node.h"

namespace dlb::config {

/// How a value joins what an earlier file set: `!append`, `!prepend` (lists), `!delete`, `!replace` (maps,
/// instead of merging).
enum class MergeTag { kNone, kAppend, kPrepend, kDelete, kReplace };

/// "!append", ...; "" for kNone.
std::string_view merge_tag_name(MergeTag tag);

/// A value with what has been set at its place so far.
struct Tree {
  struct Entry;
  Kind kind = Kind::kNull;
  Node scalar;  ///< the value of a scalar
  std::vector<Tree> items;
  std::vector<Entry> entries;
  Mark mark;
  MergeTag tag = MergeTag::kNone;
  std::vector<Origin> history;  ///< oldest first, the last one in force

  Tree* find(std::string_view key);
};

struct Tree::Entry {
  std::string key;
  Mark key_mark;
  Tree value;
};

/// A null at `mark`.
Tree null_tree(const Mark& mark);

/// The tree as an immutable node without paths. Tags must have been merged.
Node to_node(const Tree& tree);

/// Sets the history of the tree and of all below it to their present values.
void start_history(Tree& tree);

/// Puts `over` on top of `base`: maps merge deeply, anything else replaces, tags as MergeTag says. `path` is
/// for messages. Records errors for tags that do not fit.
void merge(Tree& base, Tree over, const std::string& path, ErrorList& errors);

/// As merge(), for the entry `key` of the map `base`: `!delete` removes it.
void merge_entry(Tree& base, Tree::Entry over, const std::string& path, ErrorList& errors);

/// Applies the tags of a value that has nothing below it: what is to be appended to nothing stands alone.
void settle_tags(Tree& tree, const std::string& path, ErrorList& errors);

}  // namespace dlb::config
