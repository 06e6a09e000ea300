#pragma once
/// \file Builds a Document: reads files, follows includes, merges, applies overrides.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/config/document.h"
#include "dlb/config/key_path.h"
#include "dlb/config/tree.h"

namespace dlb::config {

/// One load. Errors are gathered over all files and overrides and raised together by finish().
class Loader {
 public:
  explicit Loader(const Limits& limits) : limits_(limits), nodes_left_(limits.nodes) {}

  void load_file(const std::string& file);
  void load_text(std::string_view text, const std::string& name);
  Document finish(const std::vector<std::string>& overrides);

 private:
  struct OpenFile {
    std::string name;
    std::string identity;  ///< the same for every spelling of the path
  };
  struct Override {
    std::vector<PathStep> steps;
    Tree value;
    Mark mark;
  };

  /// The file with its includes below it; nothing when an error was recorded. `from` is where it is included.
  std::optional<Tree> read_file(const std::string& file, const Mark& from);
  std::optional<Tree> read_text(std::string_view text, const std::string& name);
  std::optional<Tree> with_includes(Tree tree, const std::string& name);
  bool may_open(const OpenFile& file, const Mark& from);
  /// One `--set`, read but not applied; nothing when an error was recorded.
  std::optional<Override> read_override(const std::string& text);
  void apply(Override change, Tree& root);
  static void log(const Tree& tree, const std::string& path, Document& document);

  void error(const Mark& mark, std::string message, std::string hint = {}) {
    errors_.add(Error(ErrorKind::kConfig, std::move(message), mark.str(), std::move(hint)));
  }

  const Limits& limits_;
  size_t nodes_left_;
  ErrorList errors_;
  std::vector<std::string> files_;
  std::vector<OpenFile> open_;  ///< the chain of includes that is being read
  std::optional<Tree> root_;
};

}  // namespace dlb::config
