#include "dlb/regress/recipe.h"

#include <algorithm>
#include <set>

#include "dlb/base/error_list.h"
#include "dlb/base/files.h"
#include "dlb/base/glob.h"
#include "dlb/data/dataset.h"
#include "dlb/data/manifest.h"
#include "dlb/data/set_manifest.h"
#include "dlb/train/device_choice.h"

namespace dlb::regress {
namespace {

constexpr const char* kConfig = "config.yaml";

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool is_recipe(const std::string& folder) { return files::exists(files::join(folder, kConfig)); }

Recipe recipe_at(const std::string& folder) {
  std::string name = files::base_name(folder);
  if (name.empty() || name == "." || name == "..") name = files::base_name(train::canonical_path(folder));
  return {name, folder};
}

/// All recipes below a folder, whatever lies between; nothing is looked for inside of a recipe.
void collect(const std::string& folder, std::vector<Recipe>& out, int depth = 0) {
  constexpr int kMaxDepth = 16;  // a link may lead back up
  if (is_recipe(folder)) {
    out.push_back(recipe_at(folder));
    return;
  }
  if (depth == kMaxDepth) return;
  for (const std::string& name : files::list(folder)) {
    const std::string below = files::join(folder, name);
    if (!name.starts_with('.') && files::is_folder(below)) collect(below, out, depth + 1);
  }
}

std::vector<Recipe> recipes_of(const std::string& argument) {
  const std::string path = without_slashes(argument);
  std::vector<Recipe> out;
  if (files::is_folder(path)) {
    collect(path, out);
    if (out.empty())
      fail(ErrorKind::kConfig, "'{}' has no recipe: no folder below it has a config.yaml", path);
    return out;
  }
  if (files::exists(path)) {
    if (files::base_name(path) == kConfig) {
      const std::string folder = files::parent(path);
      return {recipe_at(folder.empty() ? "." : folder)};
    }
    fail(ErrorKind::kConfig, "'{}' is no folder of a recipe", path);
  }
  const std::string pattern = files::base_name(path);
  if (pattern.find_first_of("*?") == std::string::npos)
    fail(ErrorKind::kConfig, "recipe '{}': no such folder", path);
  const std::string folder = files::parent(path);
  for (const std::string& name : files::list(folder.empty() ? "." : folder)) {
    const std::string below = folder.empty() ? name : files::join(folder, name);
    if (!name.starts_with('.') && matches(pattern, name) && files::is_folder(below)) collect(below, out);
  }
  if (out.empty()) fail(ErrorKind::kConfig, "no recipe matches '{}'", path);
  return out;
}

/// Names of published data sets in a source: as a text, or as the key that holds its fields.
void find_names(const config::Node& node, const std::vector<std::string>& known, std::set<std::string>& out) {
  const auto add = [&](const std::string& name) {
    if (std::find(known.begin(), known.end(), name) != known.end()) out.insert(name);
  };
  if (node.is_string()) add(node.as_string());
  if (node.is_list()) {
    for (const config::Node& item : node.items()) find_names(item, known, out);
  }
  if (node.is_map()) {
    for (const config::Node::Entry& entry : node.entries()) {
      add(entry.key);
      find_names(entry.value, known, out);
    }
  }
}

}  // namespace

std::string Recipe::config() const { return files::join(folder, kConfig); }
std::string Recipe::expected() const { return files::join(folder, "expected.json"); }

std::vector<Recipe> find_recipes(const std::vector<std::string>& arguments) {
  ErrorList errors;
  std::vector<Recipe> out;
  std::set<std::string> seen;
  for (const std::string& argument : arguments) {
    try {
      for (Recipe& recipe : recipes_of(argument)) {
        if (seen.insert(train::canonical_path(recipe.folder)).second) out.push_back(std::move(recipe));
      }
    } catch (Error& e) {
      errors.add(std::move(e));
    }
  }
  errors.throw_if_any();
  return out;
}

std::string absent_data(const config::Document& document, const std::string& file) {
  const config::Node* section = document.root().find("data");
  const config::Node* source = section != nullptr && section->is_map() ? section->find("source") : nullptr;
  if (source == nullptr) return {};
  std::set<std::string> names;
  find_names(*source, data::manifest_names(), names);
  const config::Node* dir = section->find("dir");
  const bool plain = dir != nullptr && dir->is_string() && !config::is_expression(*dir);
  const data::SourceOptions options{plain ? files::join(files::parent(file), dir->as_string()) : "", file};
  for (const std::string& name : names) {
    ErrorList errors;
    const config::Scope scope;
    config::Reader reader(errors, scope);
    const auto made = data::make_source(reader, config::Node::string(name), options);
    try {
      if (const auto* set = dynamic_cast<const data::SetSource*>(made.get())) set->folder();
      if (const auto* manifest = dynamic_cast<const data::ManifestSource*>(made.get())) manifest->folder();
    } catch (const Error& e) {
      if (e.kind != ErrorKind::kIo) throw;
      return fmt::format("data set '{}' is not on this machine", name);
    }
  }
  return {};
}

}  // namespace dlb::regress
