#include "dlb/data/set_manifest.h"

#include <algorithm>
#include <cstdlib>

#include "dlb/base/files.h"
#include "dlb/data/checksum.h"

namespace dlb::data {

Fields SetFile::fields() {
  static const Field list[] = {
      required<&SetFile::file>("file", "path of the file below the set's folder"),
      field<&SetFile::sha256>("sha256", "SHA-256 of its bytes"),
      field<&SetFile::md5>("md5", "MD5 of its bytes, where the official source gives no SHA-256"),
  };
  return list;
}

Fields SetManifest::fields() {
  static const Field list[] = {
      required<&SetManifest::name>("name", "name of the data set, as in data.source"),
      required<&SetManifest::description>("description", "what it is, in a sentence"),
      required<&SetManifest::licence>("licence", "licence of the data"),
      field<&SetManifest::homepage>("homepage", "where it is described"),
      field<&SetManifest::source>("source", "where its files can be fetched"),
      field<&SetManifest::package>("package", "Debian package that provides it"),
      field<&SetManifest::reference>("reference", "what others reach on it"),
      field<&SetManifest::folders>("folders", "folders where it may be installed"),
      required<&SetManifest::files_node>("files", "its files, each with file and sha256 or md5"),
      required<&SetManifest::use>("use", "the inline source that reads them"),
  };
  return list;
}

namespace {

bool is_digest(const std::string& text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// A path that cannot lead out of the folder that is searched.
bool stays_below(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  const std::string framed = "/" + path + "/";
  return framed.find("/../") == std::string::npos;
}

void read_files(config::Reader& reader, SetManifest& manifest) {
  const config::Node& node = manifest.files_node;
  if (!node.is_list() || node.items().empty()) {
    reader.error(node, fmt::format("files: expected a list of files, found {}", node.brief()));
    return;
  }
  for (const config::Node& item : node.items()) {
    SetFile file;
    if (!reader.read(item, SetFile::fields(), &file, "files")) continue;
    if (file.sha256.empty() == file.md5.empty()) {
      reader.error(item, fmt::format("file '{}' needs one of sha256 and md5", file.file));
    } else if (!file.sha256.empty() && !is_digest(file.sha256, 64)) {
      reader.error(
          item, fmt::format("sha256 '{}' is no SHA-256 checksum: expected 64 lower-case hexadecimal digits",
                            file.sha256));
    } else if (!file.md5.empty() && !is_digest(file.md5, 32)) {
      reader.error(item, fmt::format("md5 '{}' is no MD5 checksum: expected 32 lower-case hexadecimal digits",
                                     file.md5));
    }
    if (!stays_below(file.file))
      reader.error(item, fmt::format("file '{}' must be a path below the set's folder", file.file));
    manifest.files.push_back(std::move(file));
  }
}

[[noreturn]] void not_found(const SetManifest& manifest, const std::vector<std::string>& tried) {
  std::string message = fmt::format("data set '{}' not found; looked for its files in", manifest.name);
  for (const std::string& line : tried) message += "\n  " + line;
  if (tried.empty()) message += " no folder (DLBENCH_DATA is not set)";
  std::string hint = "put its files into a folder";
  if (!manifest.package.empty()) {
    hint = fmt::format("install the Debian package {} (apt install {})", manifest.package, manifest.package);
  } else if (!manifest.source.empty()) {
    hint = fmt::format("fetch its files from {}", manifest.source);
  }
  hint +=
      fmt::format(", or point data.dir or DLBENCH_DATA at a folder that has {}", manifest.files.front().file);
  throw Error(ErrorKind::kIo, std::move(message), {}, std::move(hint));
}

/// `use` with the keys of `changes` in place of its own, or the source that a key `use` among them names.
config::Node with_changes(const config::Node& use, const config::Node& changes) {
  if (changes.is_null()) return use;
  if (const config::Node* other = changes.find("use")) {
    if (changes.entries().size() == 1) return *other;
    throw changes.error("`use` names another source with all its fields; nothing else stands beside it");
  }
  const config::Node::Entry& chosen = use.entries().front();
  std::vector<config::Node::Entry> merged;
  if (chosen.value.is_map()) merged = chosen.value.entries();
  for (const config::Node::Entry& change : changes.entries()) {
    std::erase_if(merged, [&](const config::Node::Entry& e) { return e.key == change.key; });
    merged.push_back(change);
  }
  return config::Node::map(
      {{chosen.key, chosen.key_mark, config::Node::map(std::move(merged), chosen.value.mark())}}, use.mark());
}

}  // namespace

bool SetManifest::is_one(std::string_view text) {
  return text.starts_with("use:") || text.find("\nuse:") != std::string_view::npos;
}

std::optional<SetManifest> SetManifest::parse(ErrorList& errors, std::string_view text,
                                              const std::string& name) {
  const size_t before = errors.size();
  try {
    const config::Document document = config::Document::parse(text, name);
    const config::Scope scope;
    config::Reader reader(errors, scope);
    SetManifest manifest;
    if (reader.read(document.root(), fields(), &manifest, "the manifest")) {
      read_files(reader, manifest);
      if (!manifest.use.is_map() || manifest.use.entries().size() != 1) {
        reader.error(manifest.use,
                     fmt::format("use: expected one source with its fields, such as {{image_folder: "
                                 "{{path: x.zip}}}}, found {}",
                                 manifest.use.brief()));
      }
    }
    if (errors.size() == before) return manifest;
  } catch (Error& e) {
    errors.add(e);
  }
  return std::nullopt;
}

std::string SetSource::locate() const {
  std::vector<std::string> candidates, tried;
  if (!options_.dir.empty()) {
    candidates = {options_.dir, files::join(options_.dir, manifest_.name)};
  } else {
    const char* root = std::getenv("DLBENCH_DATA");
    if (root != nullptr && *root != '\0') candidates = {files::join(root, manifest_.name), root};
    candidates.insert(candidates.end(), manifest_.folders.begin(), manifest_.folders.end());
  }
  for (const std::string& folder : candidates) {
    const auto missing = std::find_if(manifest_.files.begin(), manifest_.files.end(), [&](const SetFile& f) {
      return !files::exists(files::join(folder, f.file));
    });
    if (missing == manifest_.files.end()) return folder;
    tried.push_back(files::is_folder(folder) ? fmt::format("{} (no {})", folder, missing->file)
                                             : fmt::format("{} (no such folder)", folder));
  }
  not_found(manifest_, tried);
}

Source& SetSource::inner() const {
  if (inner_ == nullptr) {
    folder_ = locate();
    ErrorList errors;
    const config::Scope scope;
    config::Reader reader(errors, scope);
    // What is relative in the manifest lies below the set's folder, wherever the config is.
    auto made = make_source(reader, with_changes(manifest_.use, changes_), {folder_, options_.config_file});
    errors.throw_if_any();
    inner_ = std::move(made);
  }
  return *inner_;
}

void SetSource::verify() {
  for (const SetFile& file : manifest_.files) {
    const std::string path = files::join(folder_, file.file);
    const bool md5 = file.sha256.empty();
    const std::string found = md5 ? files::md5_hex(files::read_all(path)) : sha256_of_file(path);
    if (found != (md5 ? file.md5 : file.sha256)) {
      Error error(ErrorKind::kData,
                  fmt::format("'{}' has the wrong content: expected {} {}, found {}", path,
                              md5 ? "MD5" : "SHA-256", md5 ? file.md5 : file.sha256, found));
      error.hint =
          "the file is damaged, or belongs to another data set; fetch it again, or point data.dir at the "
          "right "
          "folder";
      throw error;
    }
    checksums_[path] = file.checksum();
  }
}

std::shared_ptr<const Dataset> SetSource::open(const std::string& split) {
  Source& source = inner();
  std::call_once(verified_, [&] { verify(); });
  return source.open(split);
}

std::shared_ptr<const Dataset> SetSource::open_raw(const std::string& split) {
  Source& source = inner();
  std::call_once(verified_, [&] { verify(); });
  return source.open_raw(split);
}

std::map<std::string, std::string> SetSource::checksums() const { return checksums_; }

std::string SetSource::name_of(std::string_view column, int64_t number) const {
  return inner().name_of(column, number);
}

}  // namespace dlb::data
