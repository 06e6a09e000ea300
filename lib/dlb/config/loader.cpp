#include "dlb/config/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "dlb/base/files.h"
#include "dlb/config/yaml_reader.h"

namespace dlb::config {
namespace {

/// Includes that repeat each other could multiply without ever being deep.
constexpr size_t kMaxFiles = 256;

std::string identity_of(const std::string& file) {
  std::error_code status;
  const std::filesystem::path path = std::filesystem::weakly_canonical(file, status);
  return status ? file : path.string();
}

}  // namespace

void Loader::load_file(const std::string& file) { root_ = read_file(file, {}); }

void Loader::load_text(std::string_view text, const std::string& name) {
  files_.push_back(name);
  open_.push_back({name, identity_of(name)});
  root_ = read_text(text, name);
  open_.pop_back();
}

bool Loader::may_open(const OpenFile& file, const Mark& from) {
  for (size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].identity != file.identity) continue;
    std::string chain;
    for (size_t j = i; j < open_.size(); ++j) chain += open_[j].name + " -> ";
    error(from, fmt::format("these files include each other: {}{}", chain, file.name));
    return false;
  }
  if (open_.size() > static_cast<size_t>(limits_.include_depth)) {
    error(from, fmt::format("includes are nested more than {} deep", limits_.include_depth));
    return false;
  }
  if (files_.size() >= kMaxFiles) {
    error(from, fmt::format("the config includes more than {} files", kMaxFiles));
    return false;
  }
  return true;
}

std::optional<Tree> Loader::read_file(const std::string& file, const Mark& from) {
  OpenFile opened{file, identity_of(file)};
  if (!may_open(opened, from)) return std::nullopt;
  files_.push_back(file);
  std::string text;
  try {
    text = files::read_all(file, limits_.file_bytes);
  } catch (const Error& e) {
    error(from, e.message,
          from.source == nullptr ? "" : "an include is looked up beside the file that includes it");
    return std::nullopt;
  }
  open_.push_back(std::move(opened));
  std::optional<Tree> tree = read_text(text, file);
  open_.pop_back();
  return tree;
}

std::optional<Tree> Loader::read_text(std::string_view text, const std::string& name) {
  const YamlSource source{std::make_shared<const std::string>(name)};
  std::optional<Tree> tree = read_yaml(text, source, limits_, nodes_left_, errors_);
  if (!tree) return std::nullopt;
  if (tree->kind == Kind::kNull) tree->kind = Kind::kMap;  // an empty file
  if (tree->kind != Kind::kMap) {
    error(tree->mark, "a config must be a map of keys, got " + to_node(*tree).found());
    return std::nullopt;
  }
  if (tree->tag != MergeTag::kNone) {
    error(tree->mark, fmt::format("{} has no meaning for a whole file", merge_tag_name(tree->tag)));
    return std::nullopt;
  }
  start_history(*tree);
  return with_includes(std::move(*tree), name);
}

std::optional<Tree> Loader::with_includes(Tree tree, const std::string& name) {
  Tree base;
  base.kind = Kind::kMap;
  base.mark = tree.mark;
  const auto include = std::find_if(tree.entries.begin(), tree.entries.end(),
                                    [](const Tree::Entry& entry) { return entry.key == "include"; });
  bool good = true;
  if (include != tree.entries.end()) {
    Tree value = std::move(include->value);
    tree.entries.erase(include);
    std::vector<Tree> includes;
    if (value.kind == Kind::kList) {
      includes = std::move(value.items);
    } else {
      includes.push_back(std::move(value));
    }
    for (const Tree& item : includes) {
      if (item.kind != Kind::kString || item.tag != MergeTag::kNone) {
        error(item.mark, "include must be a file name or a list of file names, got " + to_node(item).found());
        good = false;
        continue;
      }
      const std::string joined = files::join(files::parent(name), item.scalar.as_string());
      std::optional<Tree> below =
          read_file(std::filesystem::path(joined).lexically_normal().string(), item.mark);
      if (below) {
        merge(base, std::move(*below), "", errors_);
      } else {
        good = false;
      }
    }
  }
  // A file that could not be read would make every tag and override above it wrong as well.
  if (!good) return std::nullopt;
  merge(base, std::move(tree), "", errors_);
  return base;
}

std::optional<Loader::Override> Loader::read_override(const std::string& text) {
  const std::string shown = text.size() > 200 ? text.substr(0, 200) + "..." : text;
  Override change;
  change.mark.source = std::make_shared<const std::string>("--set " + shown);
  size_t equals = 0;
  try {
    change.steps = parse_path_until_equals(text, equals);
  } catch (Error& e) {
    errors_.add(std::move(e.at(change.mark.str())));
    return std::nullopt;
  }
  if (equals == text.size()) {
    error(change.mark, "expected KEY=VALUE, found no '='");
    return std::nullopt;
  }
  const int depth = static_cast<int>(std::min<size_t>(change.steps.size(), 1U << 20));
  if (depth > limits_.depth) {
    error(change.mark, fmt::format("values are nested more than {} deep", limits_.depth));
    return std::nullopt;
  }
  const YamlSource source{change.mark.source, true, depth};
  std::optional<Tree> value =
      read_yaml(std::string_view(text).substr(equals + 1), source, limits_, nodes_left_, errors_);
  if (!value) return std::nullopt;
  change.value = std::move(*value);
  start_history(change.value);
  // A flag says what the value is; merging a map would leave parts of the old one.
  const bool merges = change.value.kind == Kind::kMap && change.value.tag == MergeTag::kNone;
  if (merges) change.value.tag = MergeTag::kReplace;
  return change;
}

void Loader::apply(Override change, Tree& root) {
  const std::vector<PathStep>& steps = change.steps;
  const Mark& mark = change.mark;
  Tree& value = change.value;
  Tree* at = &root;
  for (size_t i = 0; i < steps.size(); ++i) {
    const PathStep& step = steps[i];
    const std::string here = i == 0 ? "the config" : path_text(steps, i);
    const std::string path = path_text(steps, i + 1);
    const bool last = i + 1 == steps.size();
    if (step.is_index) {
      if (at->kind != Kind::kList) {
        const std::string found = at->kind == Kind::kMap ? "a map" : at->scalar.found();
        return error(mark, fmt::format("cannot set {}: {} is {}, not a list", path, here, found));
      }
      if (step.index >= at->items.size()) {
        return error(mark,
                     fmt::format("cannot set {}: {} has {} item{}", path, here, at->items.size(),
                                 at->items.size() == 1 ? "" : "s"),
                     "indices count from 0; use !append to add an item");
      }
      if (!last) {
        at = &at->items[step.index];
      } else if (value.tag == MergeTag::kDelete && value.kind == Kind::kNull) {
        at->items.erase(at->items.begin() + static_cast<std::ptrdiff_t>(step.index));
      } else {
        merge(at->items[step.index], std::move(value), path, errors_);
      }
      continue;
    }
    if (at->kind == Kind::kNull) at->kind = Kind::kMap;
    if (at->kind != Kind::kMap) {
      const bool is_list = at->kind == Kind::kList;
      return error(mark,
                   fmt::format("cannot set {}: {} is {}, not a map", path, here,
                               is_list ? "a list" : at->scalar.found()),
                   is_list ? fmt::format("choose an item: {}[0]", here) : fmt::format("set {} itself", here));
    }
    if (last) {
      merge_entry(*at, {step.key, mark, std::move(value)}, here == "the config" ? "" : here, errors_);
      return;
    }
    if (Tree* next = at->find(step.key)) {
      at = next;
      continue;
    }
    if (steps[i + 1].is_index)
      return error(mark, fmt::format("cannot set {}: {} is not set", path_text(steps, i + 2), path));
    Tree made = null_tree(mark);
    made.kind = Kind::kMap;
    start_history(made);
    at->entries.push_back({step.key, mark, std::move(made)});
    at = &at->entries.back().value;
  }
}

void Loader::log(const Tree& tree, const std::string& path, Document& document) {
  for (const Origin& origin : tree.history) document.history_.push_back({path, origin});
  for (size_t i = 0; i < tree.items.size(); ++i) log(tree.items[i], index_path(path, i), document);
  for (const Tree::Entry& entry : tree.entries) log(entry.value, key_path(path, entry.key), document);
}

Document Loader::finish(const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) {
    std::optional<Override> change = read_override(text);
    if (change && root_) apply(std::move(*change), *root_);
  }
  errors_.throw_if_any();
  DLB_CHECK(root_.has_value());
  Document document;
  document.root_ = to_node(*root_).with_path("");
  document.files_ = files_;
  log(*root_, "", document);
  return document;
}

}  // namespace dlb::config
