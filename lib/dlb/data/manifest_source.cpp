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
    for (const std::string& sub : manifest.subfolders) folders.push_back(files::join(root, sub));
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
  hint += fmt::format(", or point data.dir or DLBENCH_DATA at a folder that has {}",
                      manifest.files.empty() ? manifest.splits.front().second.images.file + ".gz"
                                             : manifest.files.front().file);
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

void ManifestSource::override_fields(const config::Node& fields) {
  if (manifest_.data.is_null())
    throw fields.error(fmt::format("data set '{}' has no fields", manifest_.name));
  if (!fields.is_map()) {
    throw fields.error(
        fmt::format("data set '{}' takes fields by name, got {}", manifest_.name, fields.found()));
  }
  // `data: csv` and `data: {csv: {...}}`; what the config says wins.
  const config::Node& data = manifest_.data;
  const bool bare = data.is_string();
  const std::string name = bare ? data.as_string() : data.entries().front().key;
  const config::Node body = bare ? config::Node() : data.entries().front().value;
  std::vector<config::Node::Entry> entries;
  if (body.is_map()) {
    for (const auto& entry : body.entries()) {
      if (fields.find(entry.key) == nullptr) entries.push_back(entry);
    }
  }
  for (const auto& entry : fields.entries()) entries.push_back(entry);
  manifest_.data = config::Node::map(
      {{name, data.mark(), config::Node::map(std::move(entries), fields.mark())}}, data.mark());
}

std::vector<std::string> ManifestSource::splits() const {
  if (!manifest_.data.is_null()) return inner().splits();
  std::vector<std::string> names;
  for (const auto& [name, split] : manifest_.splits) names.push_back(name);
  return names;
}

/// The first folder that has all files of a manifest with an inline source.
std::string ManifestSource::locate_files() const {
  std::vector<std::string> tried;
  for (const std::string& folder : folders_to_search(manifest_, options_.dir)) {
    std::string missing;
    for (const ListedFile& file : manifest_.files) {
      const std::string path = files::join(folder, file.file);
      if (missing.empty() && (!files::exists(path) || files::is_folder(path))) missing = file.file;
    }
    if (missing.empty()) return folder;
    tried.push_back(files::is_folder(folder) ? fmt::format("{} (no {})", folder, missing)
                                             : fmt::format("{} (no such folder)", folder));
  }
  not_found(manifest_, tried);
}

Source& ManifestSource::inner() const {
  if (inner_) return *inner_;
  folder_ = locate_files();
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  auto made = make_source(reader, manifest_.data, {folder_, options_.config_file});
  errors.throw_if_any();
  inner_ = std::move(made);
  return *inner_;
}

std::string ManifestSource::folder() const {
  if (!manifest_.data.is_null()) {
    inner();
    return folder_;
  }
  const std::vector<IdxSplit> found = locate();
  const IdxPart& first = found.front().images;
  return first.embedded.empty() ? files::parent(first.path) : "";
}

/// Once for all splits.
void ManifestSource::verify_files() {
  const std::lock_guard lock(mutex_);
  if (!checksums_.empty()) return;
  std::map<std::string, std::string> found;
  for (const ListedFile& file : manifest_.files) {
    const std::string path = files::join(folder_, file.file);
    const std::string bytes = files::read_all(path);
    const std::string digest =
        file.sha256.empty() ? "md5:" + files::md5_hex(bytes) : "sha256:" + files::sha256_hex(bytes);
    if (digest != file.checksum()) {
      throw Error(
          ErrorKind::kData,
          fmt::format("'{}' has the wrong content: expected {}, found {}", path, file.checksum(), digest), {},
          "the file is damaged, or another edition of it; fetch it again, or use the inline source with "
          "your own files");
    }
    found[path] = digest;
  }
  checksums_ = std::move(found);
}

SampleSpec ManifestSource::spec() { return manifest_.data.is_null() ? idx().spec() : inner().spec(); }

int64_t ManifestSource::size(const std::string& split) {
  return manifest_.data.is_null() ? idx().size(split) : inner().size(split);
}

std::shared_ptr<const Dataset> ManifestSource::open(const std::string& split) {
  if (manifest_.data.is_null()) return idx().open(split);
  Source& source = inner();
  verify_files();
  return source.open(split);
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

IdxSplits& ManifestSource::idx() {
  if (!idx_) {
    Shape shape(manifest_.shape.begin(), manifest_.shape.end());
    idx_.emplace(locate(), static_cast<int64_t>(manifest_.classes.size()), std::move(shape));
  }
  return *idx_;
}

std::map<std::string, std::string> ManifestSource::checksums() const {
  if (idx_) return idx_->checksums();
  const std::lock_guard lock(mutex_);
  return checksums_;
}

}  // namespace dlb::data
