#include <cstdlib>

#include "dlb/base/files.h"
#include "dlb/data/embedded.h"
#include "dlb/data/manifest.h"

namespace dlb::data {

namespace {

/// The path of a manifest's file in `folder`, or "": compressed or not, and with the dot that some archives
/// write in its name (train-images.idx3-ubyte).
std::string find_file(const std::string& folder, const std::string& name) {
  std::string dotted = name;
  const size_t dash = dotted.find("-idx");
  if (dash != std::string::npos) dotted[dash] = '.';
  for (const std::string& candidate : {name + ".gz", name, dotted + ".gz", dotted}) {
    std::string path = files::join(folder, candidate);
    if (files::exists(path) && !files::is_folder(path)) return path;
  }
  return {};
}

std::vector<std::string> folders_to_search(const Manifest& manifest, const std::string& dir) {
  if (!dir.empty()) return {dir, files::join(dir, manifest.name)};
  std::vector<std::string> folders;
  const char* root = std::getenv("DLBENCH_DATA");
  if (root != nullptr && *root != '\0') {
    folders.push_back(files::join(root, manifest.name));
    folders.emplace_back(root);
  }
  folders.insert(folders.end(), manifest.folders.begin(), manifest.folders.end());
  return folders;
}

[[noreturn]] void not_found(const Manifest& manifest, const std::vector<std::string>& tried) {
  std::string message = fmt::format("data set '{}' not found; looked for its files in", manifest.name);
  for (const std::string& line : tried) message += "\n  " + line;
  if (tried.empty()) message += " no folder (DLBENCH_DATA is not set)";
  std::string hint;
  if (!manifest.package.empty()) {
    hint = fmt::format("install the Debian package {} (apt install {})", manifest.package, manifest.package);
  } else if (!manifest.source.empty()) {
    hint = fmt::format("fetch its files from {}", manifest.source);
  } else {
    hint = "put its files into a folder";
  }
  hint += fmt::format(", or point data.dir or DLBENCH_DATA at a folder that has {}.gz",
                      manifest.splits.front().second.images.file);
  throw Error(ErrorKind::kIo, std::move(message), {}, std::move(hint));
}

/// All files of the manifest in `folder`; `missing` names the first that is not there.
std::vector<IdxSplit> splits_in(const Manifest& manifest, const std::string& folder, std::string& missing) {
  std::vector<IdxSplit> found;
  for (const auto& [name, split] : manifest.splits) {
    const auto part = [&](const ManifestFile& file) {
      IdxPart p{find_file(folder, file.file), {}, file.md5};
      if (p.path.empty() && missing.empty()) missing = file.file + "[.gz]";
      return p;
    };
    found.push_back({name, part(split.images), part(split.labels), split.samples});
  }
  return found;
}

/// As splits_in, among the files that the binary carries.
std::vector<IdxSplit> embedded_splits(const Manifest& manifest) {
  std::vector<IdxSplit> found;
  for (const auto& [name, split] : manifest.splits) {
    const auto part = [&](const ManifestFile& file) {
      const std::string path = files::join(manifest.embedded, file.file + ".gz");
      const std::string_view bytes = embedded_file(path);
      if (bytes.empty())
        fail(ErrorKind::kIo, "data set '{}': the binary has no file '{}'", manifest.name, path);
      return IdxPart{"built-in " + path, bytes, file.md5};
    };
    found.push_back({name, part(split.images), part(split.labels), split.samples});
  }
  return found;
}

}  // namespace

std::vector<std::string> ManifestSource::splits() const {
  std::vector<std::string> names;
  for (const auto& [name, split] : manifest_.splits) names.push_back(name);
  return names;
}

std::vector<IdxSplit> ManifestSource::locate() const {
  // What the binary carries is used unless the config says otherwise: the environment cannot replace it by
  // accident, when DLBENCH_DATA is a folder with files of the same names.
  if (!manifest_.embedded.empty() && options_.dir.empty()) return embedded_splits(manifest_);
  std::vector<std::string> tried;
  for (const std::string& folder : folders_to_search(manifest_, options_.dir)) {
    std::string missing;
    std::vector<IdxSplit> found = splits_in(manifest_, folder, missing);
    if (missing.empty()) return found;
    tried.push_back(files::is_folder(folder) ? fmt::format("{} (no {})", folder, missing)
                                             : fmt::format("{} (no such folder)", folder));
  }
  not_found(manifest_, tried);
}

std::string ManifestSource::folder() const {
  const std::vector<IdxSplit> found = locate();
  const IdxPart& first = found.front().images;
  return first.embedded.empty() ? files::parent(first.path) : "";
}

IdxSplits& ManifestSource::files() {
  if (!files_) {
    Shape shape(manifest_.shape.begin(), manifest_.shape.end());
    files_.emplace(locate(), static_cast<int64_t>(manifest_.classes.size()), std::move(shape));
  }
  return *files_;
}

std::map<std::string, std::string> ManifestSource::checksums() const {
  return files_ ? files_->checksums() : std::map<std::string, std::string>();
}

std::string ManifestSource::name_of(std::string_view column, int64_t number) const {
  return column == "label" ? label_among(manifest_.classes, number) : "";
}

}  // namespace dlb::data
