#pragma once
/// \file Paths of keys: "model[2].conv2d.out", as used by `--set`, `--explain` and messages.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dlb::config {

/// One segment of a path: a key of a map or an index of a list.
struct PathStep {
  bool is_index = false;
  std::string key;
  size_t index = 0;
};

/// The path of the value at `key` in the map at `path`; a key with dots or brackets is quoted, as in
/// `a."x.y"`.
std::string key_path(const std::string& path, const std::string& key);
/// The path of item `index` of the list at `path`.
std::string index_path(const std::string& path, size_t index);

/// Takes a path apart. Errors: config, naming what is wrong, without a place.
std::vector<PathStep> parse_path(std::string_view text);
/// As parse_path(), for the part of `text` before the `=` that ends the path; `used` gets the position of
/// that `=`.
std::vector<PathStep> parse_path_until_equals(std::string_view text, size_t& used);

/// The path of the first `count` steps.
std::string path_text(const std::vector<PathStep>& steps, size_t count);

}  // namespace dlb::config
