#pragma once
/// \file From YAML files and `--set` flags to the one resolved config.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/config/node.h"

namespace dlb::config {

/// Bounds on what a config file may contain; a file beyond them is an error, never a hang or a crash.
struct Limits {
  size_t file_bytes = 4 << 20;
  int depth = 100;
  size_t nodes = 200'000;  ///< after alias expansion
  int include_depth = 20;
};

/// One thing that set a value, oldest first: for `check --explain KEY`.
struct Origin {
  Mark mark;
  std::string value;  ///< as brief() shows it
};

/// A config with its includes merged and its overrides applied, before any `$` is evaluated.
class Document {
 public:
  /// Reads `file`, its includes and `--set KEY=VALUE` overrides (VALUE is YAML). Raises one Error that
  /// carries everything wrong: syntax, duplicate keys, missing or cyclic includes, bad override paths.
  static Document load(const std::string& file, const std::vector<std::string>& overrides = {},
                       const Limits& limits = {});
  /// As load(), from text; `name` stands for the file in messages.
  static Document parse(std::string_view text, const std::string& name,
                        const std::vector<std::string>& overrides = {}, const Limits& limits = {});

  /// The root, always a map, with paths set.
  const Node& root() const { return root_; }
  /// What set the value at `key` ("optimizer.adam.lr", "model[2].dropout"), oldest first, last one in force.
  /// Raises a config error with the nearest valid key when there is none.
  std::vector<Origin> explain(std::string_view key) const;
  /// All files read, the main one first.
  const std::vector<std::string>& files() const { return files_; }

 private:
  struct Log {
    std::string path;
    Origin origin;
  };
  Node root_;
  std::vector<Log> history_;
  std::vector<std::string> files_;
  friend class Loader;
};

}  // namespace dlb::config
