#include "dlb/config/tree_builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "dlb/config/scalar.h"

namespace dlb::config {
namespace {

constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

}  // namespace

Mark TreeBuilder::note(const YAML::Mark& mark) {
  last_position_ = static_cast<size_t>(std::max(mark.pos, 0));
  last_size_ = 0;
  return source_.mark_at(last_position_);
}

Mark TreeBuilder::opened_by(char bracket) const {
  for (auto frame = stack_.rbegin(); frame != stack_.rend(); ++frame) {
    if (frame->position < source_.text().size() && source_.text()[frame->position] == bracket)
      return frame->tree.mark;
  }
  return source_.mark_at(last_position_);
}

Mark TreeBuilder::open_quote() const {
  const size_t quote =
      source_.text().find_first_of("\"'", std::min(last_position_ + last_size_, source_.text().size()));
  return source_.mark_at(quote);
}

void TreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (!started_) {
    started_ = true;
    root_ = null_tree(note(mark));
    return;
  }
  const Mark place = note(mark);
  const std::string_view rest = source_.text().substr(std::min(last_position_, source_.text().size()));
  if (rest.starts_with("---")) stop(place, "a second YAML document starts here; a config is one document");
  stop(place, "this does not belong to the value before it",
       "check the indentation of this line and of the lines before it");
}

void TreeBuilder::count(const Mark& mark, const Extent& extent) {
  if (depth_ + static_cast<int>(stack_.size()) + extent.height > limits_.depth) {
    stop(mark, fmt::format("values are nested more than {} deep", limits_.depth));
  }
  if (extent.nodes > nodes_left_) {
    stop(mark,
         fmt::format("the config has more than {} values, aliases and includes expanded", limits_.nodes));
  }
  nodes_left_ -= extent.nodes;
}

MergeTag TreeBuilder::merge_tag(const std::string& tag, const Mark& mark) {
  for (const MergeTag known :
       {MergeTag::kAppend, MergeTag::kPrepend, MergeTag::kDelete, MergeTag::kReplace}) {
    if (tag == merge_tag_name(known)) return known;
  }
  const std::string shown = tag.starts_with(kCoreTag) ? "!!" + tag.substr(kCoreTag.size()) : tag;
  const std::vector<std::string> valid = {"!append", "!prepend", "!delete", "!replace"};
  const std::string near = nearest_name(shown, valid);
  add_error(
      mark,
      fmt::format("unknown tag '{}'{}", shown, near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
      near.empty() ? "valid tags: !append, !prepend, !delete, !replace" : "");
  return MergeTag::kNone;
}

int TreeBuilder::text_offset(size_t position, const std::string& value) const {
  const std::string_view text = source_.text();
  for (const size_t offset : {size_t{0}, size_t{1}}) {
    if (position + offset <= text.size() && text.substr(position + offset, value.size()) == value) {
      return static_cast<int>(offset);
    }
  }
  return -1;
}

/// The size with its quotes of the quoted text at `position`, after its tag and anchor; 0 when it is not
/// quoted, npos when nothing closes it.
size_t TreeBuilder::quoted_size(size_t position) const {
  const std::string_view text = source_.text();
  size_t at = position;
  while (at < text.size() && (text[at] == '!' || text[at] == '&')) {
    at = std::min(text.find_first_of(" \t\r\n", at), text.size());
    at = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
  }
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return 0;
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 == text.size() || text[at + 1] != quote) return at + 1 - position;
      ++at;
    }
  }
  return std::string_view::npos;
}

void TreeBuilder::set_key(const Mark& mark, const std::string& key) {
  Frame& map = stack_.back();
  map.has_key = true;
  map.key = key;
  map.key_mark = mark;
  const auto [known, is_new] = map.key_lines.emplace(key, mark.line);
  if (!is_new) {
    const std::string place = known->second > 0 ? fmt::format(" on line {}", known->second) : "";
    add_error(mark, fmt::format("duplicate key '{}'; it is already set{}", key, place));
  }
}

void TreeBuilder::OnNull(const YAML::Mark& yaml_mark, YAML::anchor_t anchor) {
  const Mark mark = note(yaml_mark);
  if (at_key()) stop(mark, "a key is missing before ':'", "put a key that is named null or ~ in quotes");
  count(mark, {});
  Tree tree = null_tree(mark);
  const std::string_view rest = source_.text().substr(std::min(last_position_, source_.text().size()));
  // yaml-cpp drops the tag of an empty document, as in `--set key=!delete`.
  if (stack_.empty() && rest.starts_with('!'))
    tree.tag = merge_tag(std::string(rest.substr(0, rest.find_first_of(" \r\n\t"))), mark);
  add(std::move(tree), {}, anchor);
}

void TreeBuilder::OnAlias(const YAML::Mark& yaml_mark, YAML::anchor_t anchor) {
  const Mark mark = note(yaml_mark);
  if (at_key()) stop(mark, "an alias cannot be a key");
  const auto target = anchors_.find(anchor);
  if (target == anchors_.end()) stop(mark, "an alias cannot stand inside the value that it names");
  count(mark, target->second.extent);
  Tree copy = target->second.tree;
  copy.mark = mark;
  if (copy.kind != Kind::kList && copy.kind != Kind::kMap) {
    Node site = Node::null(mark);
    copy.scalar = copy.scalar.placed_at(site);
  }
  add(std::move(copy), target->second.extent, 0);
}

namespace {

/// The text of a scalar as UTF-8: of the escapes \N and \_, which are U+0085 and U+00A0, yaml-cpp makes a
/// single byte each. All else in it is whole characters, so such a byte stands where one begins.
std::string as_utf8(const std::string& scalar) {
  std::string text;
  for (size_t at = 0; at < scalar.size();) {
    const auto byte = static_cast<unsigned char>(scalar[at]);
    if (byte == 0x85 || byte == 0xA0) text += '\xC2';
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    text += scalar.substr(at, length);
    at += length;
  }
  return text;
}

}  // namespace

void TreeBuilder::OnScalar(const YAML::Mark& yaml_mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& scalar) {
  const std::string value = as_utf8(scalar);
  const Mark mark = note(yaml_mark);
  const int offset = text_offset(last_position_, value);
  const size_t quoted = quoted_size(last_position_);
  // yaml-cpp takes the end of the text for a closing quote when a line break comes before it.
  if (quoted == std::string_view::npos) stop(open_quote(), "this quote is not closed");
  last_size_ = quoted > 0 ? quoted : value.size();
  if (at_key()) {
    if (tag != "?" && tag != "!") stop(mark, "a key cannot have a tag");
    if (tag == "?" && value == "<<") {
      stop(mark, "merge keys ('<<') are not part of YAML 1.2",
           "write the keys out, or put them in a file and use include");
    }
    if (anchor != 0) stop(mark, "a key cannot have an anchor");
    count(mark, {});
    set_key(mark, value);
    return;
  }
  count(mark, {});
  Tree tree = null_tree(mark);
  try {
    if (tag == "!" || tag == std::string(kCoreTag) + "str") {
      tree.scalar = Node::string(value, mark, offset);
    } else {
      tree.scalar = resolve_plain(value, mark);
      if (tree.scalar.is_string()) tree.scalar = Node::string(value, mark, offset);
      if (tag != "?") tree.tag = merge_tag(tag, mark);
    }
  } catch (Error& e) {
    errors_.add(std::move(e));
  }
  tree.kind = tree.scalar.kind();
  const auto parentheses = [&](char c) { return std::count(value.begin(), value.end(), c); };
  if (tag == "?" && value.starts_with("$(") && parentheses('(') > parentheses(')')) {
    add_error(mark, fmt::format("'{}' has no closing parenthesis", tree.scalar.brief()),
              "put an expression with a comma in quotes when it stands inside { } or [ ]");
  }
  add(std::move(tree), {}, anchor);
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                  YAML::EmitterStyle::value) {
  open(mark, tag, anchor, Kind::kList);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value) {
  open(mark, tag, anchor, Kind::kMap);
}

void TreeBuilder::open(const YAML::Mark& yaml_mark, const std::string& tag, YAML::anchor_t anchor,
                       Kind kind) {
  const Mark mark = note(yaml_mark);
  // Not final: yaml-cpp also takes a bracket that is never closed for a key, and reports that at the end.
  if (at_key() && !key_error_) {
    key_error_ =
        Error(ErrorKind::kConfig, fmt::format("a key must be a text, got {}", kind_phrase(kind)), mark.str());
  }
  count(mark, {1, 1});
  Frame frame;
  frame.tree = null_tree(mark);
  frame.tree.kind = kind;
  if (tag != "?" && !tag.empty()) frame.tree.tag = merge_tag(tag, mark);
  frame.anchor = anchor;
  frame.position = last_position_;
  stack_.push_back(std::move(frame));
}

void TreeBuilder::close() {
  Frame frame = std::move(stack_.back());
  stack_.pop_back();
  ++frame.extent.height;
  add(std::move(frame.tree), frame.extent, frame.anchor);
}

void TreeBuilder::add(Tree tree, const Extent& extent, YAML::anchor_t anchor) {
  if (anchor != 0) {
    count(tree.mark, extent);  // the copy is kept until the end
    anchors_[anchor] = {tree, extent};
  }
  if (stack_.empty()) {
    root_ = std::move(tree);
    return;
  }
  Frame& parent = stack_.back();
  parent.extent.nodes += extent.nodes;
  parent.extent.height = std::max(parent.extent.height, extent.height);
  if (at_key()) {
    parent.has_key = true;  // a collection as a key: the error is recorded
    parent.key.clear();
  } else if (parent.tree.kind == Kind::kList) {
    parent.tree.items.push_back(std::move(tree));
  } else {
    parent.tree.entries.push_back({std::move(parent.key), std::move(parent.key_mark), std::move(tree)});
    parent.has_key = false;
  }
}

}  // namespace dlb::config
