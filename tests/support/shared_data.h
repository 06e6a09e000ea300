#pragma once
/// \file Published data sets that a machine may have: below DLBENCH_DATA, or in ../shared/datasets beside the
/// repository.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace dlb::test {

/// The path of "tinyshakespeare/input.txt" and such, or "" when it is not there.
inline std::string shared_data(const std::string& name) {
  std::vector<std::filesystem::path> roots;
  if (const char* root = std::getenv("DLBENCH_DATA")) roots.emplace_back(root);
  const std::filesystem::path repository = DLB_SOURCE_DIR;
  roots.push_back(repository.parent_path() / "shared" / "datasets");
  for (const auto& root : roots) {
    if (std::filesystem::exists(root / name)) return (root / name).string();
  }
  return {};
}

}  // namespace dlb::test
