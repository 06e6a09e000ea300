#pragma once
/// \file From yaml-cpp's events to a tree. For the sources of this folder only: it shows yaml-cpp's headers.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/config/document.h"
#include "dlb/config/source_text.h"
#include "dlb/config/tree.h"

namespace dlb::config {

/// How much a value counts against the limits.
struct Extent {
  size_t nodes = 1;
  int height = 0;  ///< levels of collections, 0 for a scalar
};

/// Builds a Tree from yaml-cpp's events. yaml-cpp calls recursively, so a collection that is nested too
/// deeply ends the parse by an exception here, long before the stack does.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source, const Limits& limits, int depth, size_t& nodes_left,
              ErrorList& errors)
      : source_(source), limits_(limits), depth_(depth), nodes_left_(nodes_left), errors_(errors) {}

  /// The finished document; raises what is wrong with it as a whole.
  Tree take_root() {
    if (key_error_) throw *key_error_;
    return std::move(root_);
  }
  /// The innermost unfinished collection that was opened by `bracket`, or where the last event was.
  Mark opened_by(char bracket) const;
  /// Where a quote was opened that nothing closes.
  Mark open_quote() const;

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Tree tree;
    Extent extent;
    YAML::anchor_t anchor = 0;
    size_t position = 0;
    bool has_key = false;
    std::string key;
    Mark key_mark;
    std::unordered_map<std::string, int> key_lines;
  };
  struct Anchored {
    Tree tree;
    Extent extent;
  };

  bool at_key() const {
    return !stack_.empty() && stack_.back().tree.kind == Kind::kMap && !stack_.back().has_key;
  }
  Mark note(const YAML::Mark& mark);
  void add_error(const Mark& mark, std::string message, std::string hint = {}) {
    errors_.add(Error(ErrorKind::kConfig, std::move(message), mark.str(), std::move(hint)));
  }
  [[noreturn]] void stop(const Mark& mark, std::string message, std::string hint = {}) {
    throw Error(ErrorKind::kConfig, std::move(message), mark.str(), std::move(hint));
  }
  void count(const Mark& mark, const Extent& extent);
  MergeTag merge_tag(const std::string& tag, const Mark& mark);
  int text_offset(size_t position, const std::string& value) const;
  size_t quoted_size(size_t position) const;
  void set_key(const Mark& mark, const std::string& key);
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind);
  void close();
  void add(Tree tree, const Extent& extent, YAML::anchor_t anchor);

  const SourceText& source_;
  const Limits& limits_;
  int depth_;  ///< levels around this text
  size_t& nodes_left_;
  ErrorList& errors_;
  bool started_ = false;
  Tree root_ = null_tree({});
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::optional<Error> key_error_;
  size_t last_position_ = 0;
  size_t last_size_ = 0;
};

}  // namespace dlb::config
