#include "dlb/config/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "dlb/config/key_path.h"

namespace dlb::config {

std::string_view merge_tag_name(MergeTag tag) {
  switch (tag) {
    case MergeTag::kNone:
      return "";
    case MergeTag::kAppend:
      return "!append";
    case MergeTag::kPrepend:
      return "!prepend";
    case MergeTag::kDelete:
      return "!delete";
    case MergeTag::kReplace:
      return "!replace";
  }
  return "";
}

Tree* Tree::find(std::string_view key) {
  const auto at =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &at->value;
}

Tree null_tree(const Mark& mark) {
  Tree tree;
  tree.mark = mark;
  tree.scalar = Node::null(mark);
  return tree;
}

Node to_node(const Tree& tree) {
  if (tree.kind == Kind::kList) {
    std::vector<Node> items;
    for (const Tree& item : tree.items) items.push_back(to_node(item));
    return Node::list(std::move(items), tree.mark);
  }
  if (tree.kind == Kind::kMap) {
    std::vector<Node::Entry> entries;
    for (const Tree::Entry& entry : tree.entries)
      entries.push_back({entry.key, entry.key_mark, to_node(entry.value)});
    return Node::map(std::move(entries), tree.mark);
  }
  return tree.scalar;
}

namespace {

/// As Node::brief(), without building the node.
std::string brief_of(const Tree& tree) {
  if (tree.kind == Kind::kList) return Node::list(std::vector<Node>(tree.items.size())).brief();
  if (tree.kind != Kind::kMap) return tree.scalar.brief();
  std::vector<Node::Entry> keys;
  // brief() shows far fewer keys than that.
  for (size_t i = 0; i < std::min<size_t>(tree.entries.size(), 100); ++i)
    keys.push_back({tree.entries[i].key, {}, {}});
  return Node::map(std::move(keys)).brief();
}

void add_error(ErrorList& errors, const Tree& at, const std::string& message, const std::string& hint = {}) {
  errors.add(Error(ErrorKind::kConfig, message, at.mark.str(), hint));
}

/// Puts the origins of what was there before those of what is there now.
void keep_history(std::vector<Origin> before, Tree& now) {
  before.insert(before.end(), std::make_move_iterator(now.history.begin()),
                std::make_move_iterator(now.history.end()));
  now.history = std::move(before);
}

/// Whether `tag` may stand on a value of this kind; records an error when not.
bool tag_fits(const Tree& tree, const std::string& path, ErrorList& errors) {
  if (tree.tag == MergeTag::kDelete && tree.kind != Kind::kNull) {
    add_error(errors, tree, fmt::format("!delete at {} takes no value", path));
    return false;
  }
  const bool joins_list = tree.tag == MergeTag::kAppend || tree.tag == MergeTag::kPrepend;
  if (joins_list && tree.kind != Kind::kList) {
    add_error(errors, tree,
              fmt::format("{} at {} takes a list, got {}", merge_tag_name(tree.tag), path,
                          tree.kind == Kind::kMap ? "a map" : tree.scalar.found()));
    return false;
  }
  return true;
}

void merge_maps(Tree& base, Tree over, const std::string& path, ErrorList& errors) {
  std::unordered_map<std::string, size_t> known;
  for (size_t i = 0; i < base.entries.size(); ++i) known.emplace(base.entries[i].key, i);
  std::vector<bool> removed(base.entries.size(), false);
  for (Tree::Entry& entry : over.entries) {
    const std::string at = key_path(path, entry.key);
    const auto old = known.find(entry.key);
    if (entry.value.tag == MergeTag::kDelete) {
      if (!tag_fits(entry.value, at, errors)) continue;
      if (old == known.end()) {
        add_error(errors, entry.value, fmt::format("!delete at {}: nothing has set that key before", at));
      } else {
        removed[old->second] = true;
      }
    } else if (old == known.end()) {
      settle_tags(entry.value, at, errors);
      base.entries.push_back(std::move(entry));
      removed.push_back(false);
    } else {
      Tree::Entry& target = base.entries[old->second];
      target.key_mark = std::move(entry.key_mark);
      merge(target.value, std::move(entry.value), at, errors);
    }
  }
  size_t index = 0;
  std::erase_if(base.entries, [&](const Tree::Entry&) { return removed[index++]; });
  base.mark = over.mark;
}

}  // namespace

void start_history(Tree& tree) {
  tree.history = {{tree.mark, brief_of(tree)}};
  for (Tree& item : tree.items) start_history(item);
  for (Tree::Entry& entry : tree.entries) start_history(entry.value);
}

void settle_tags(Tree& tree, const std::string& path, ErrorList& errors) {
  if (tree.tag == MergeTag::kDelete) {
    add_error(errors, tree, fmt::format("!delete at {}: nothing has set that key before", path));
  } else {
    tag_fits(tree, path, errors);
  }
  tree.tag = MergeTag::kNone;
  for (size_t i = 0; i < tree.items.size(); ++i) {
    Tree& item = tree.items[i];
    const std::string at = index_path(path, i);
    if (item.tag != MergeTag::kNone) {
      add_error(errors, item,
                fmt::format("{} at {} has no meaning inside a list", merge_tag_name(item.tag), at));
      item.tag = MergeTag::kNone;
    }
    settle_tags(item, at, errors);
  }
  for (Tree::Entry& entry : tree.entries) settle_tags(entry.value, key_path(path, entry.key), errors);
}

void merge(Tree& base, Tree over, const std::string& path, ErrorList& errors) {
  const MergeTag tag = over.tag;
  if (!tag_fits(over, path, errors)) return;
  if (over.kind == Kind::kMap && base.kind == Kind::kMap && tag == MergeTag::kNone) {
    std::vector<Origin> history = std::move(over.history);
    merge_maps(base, std::move(over), path, errors);
    base.history.insert(base.history.end(), history.begin(), history.end());
    return;
  }
  settle_tags(over, path, errors);
  std::vector<Origin> before = std::move(base.history);
  if (tag == MergeTag::kAppend || tag == MergeTag::kPrepend) {
    if (base.kind != Kind::kList && base.kind != Kind::kNull) {
      add_error(errors, over,
                fmt::format("{} at {}: the value before is {}, not a list", merge_tag_name(tag), path,
                            base.kind == Kind::kMap ? "a map" : base.scalar.found()));
      return;
    }
    std::vector<Tree> items = std::move(tag == MergeTag::kAppend ? base.items : over.items);
    std::vector<Tree>& rest = tag == MergeTag::kAppend ? over.items : base.items;
    items.insert(items.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
    over.items = std::move(items);
    over.history = {{over.mark, brief_of(over)}};
  }
  keep_history(std::move(before), over);
  base = std::move(over);
}

void merge_entry(Tree& base, Tree::Entry over, const std::string& path, ErrorList& errors) {
  Tree map;
  map.kind = Kind::kMap;
  map.mark = base.mark;
  map.entries.push_back(std::move(over));
  merge_maps(base, std::move(map), path, errors);
}

}  // namespace dlb::config
