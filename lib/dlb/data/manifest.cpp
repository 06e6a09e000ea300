#include "dlb/data/manifest.h"

#include <algorithm>

#include "dlb/data/embedded.h"

namespace dlb::data {

Fields ManifestFile::fields() {
  static const Field list[] = {
      required<&ManifestFile::file>("file", "name of the file, without .gz"),
      required<&ManifestFile::md5>("md5", "MD5 of the uncompressed bytes"),
  };
  return list;
}

Fields ManifestSplit::fields() {
  static const Field list[] = {
      required<&ManifestSplit::samples>("samples", "number of samples", positive()),
      required<&ManifestSplit::images>("images", "file of images or vectors"),
      required<&ManifestSplit::labels>("labels", "file of labels"),
  };
  return list;
}

Fields ListedFile::fields() {
  static const Field list[] = {
      required<&ListedFile::file>("file", "path of the file below the set's folder"),
      field<&ListedFile::sha256>("sha256", "SHA-256 of its bytes"),
      field<&ListedFile::md5>("md5", "MD5 of its bytes, where the official source names no SHA-256"),
      field<&ListedFile::bytes>("bytes", "its size", non_negative()),
  };
  return list;
}

Fields Manifest::fields() {
  static const Field list[] = {
      required<&Manifest::name>("name", "name of the data set, as in data.source"),
      required<&Manifest::description>("description", "what it is, in a sentence"),
      required<&Manifest::licence>("licence", "licence of the data"),
      field<&Manifest::homepage>("homepage", "where it is described"),
      field<&Manifest::source>("source", "where its files can be fetched"),
      field<&Manifest::package>("package", "Debian package that provides it"),
      field<&Manifest::format>("format", "idx: pairs of IDX files; files: read by the inline source `data`",
                               one_of({"idx", "files"})),
      field<&Manifest::shape>("shape", "of idx: shape of a sample, [C, H, W] or [F]",
                              items(positive(), 1, 3)),
      field<&Manifest::classes>("classes", "names of the classes, in order of their labels",
                                items({}, 1, 10000)),
      field<&Manifest::folders>("folders", "folders where it may be installed"),
      field<&Manifest::embedded>("embedded", "folder of its files within the binary"),
      field<&Manifest::subfolders>("subfolders", "folders below DLBENCH_DATA that may have the files"),
      field<&Manifest::splits_node>("splits", "of idx: the splits by name: samples, images, labels"),
      field<&Manifest::files_node>("files", "of files: each with file and sha256 or md5"),
      field<&Manifest::data>("data", "of files: the inline source that reads them"),
  };
  return list;
}

namespace {

bool is_digest(const std::string& text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_md5(const std::string& text) { return is_digest(text, 32); }

/// A path that cannot lead out of the folder that is searched.
bool is_inner_path(const std::string& text) {
  if (text.empty() || text.front() == '/') return false;
  std::string framed = "/";
  framed += text;
  framed += '/';
  return framed.find("/../") == std::string::npos && framed.find("//") == std::string::npos;
}

/// A file name that cannot lead out of the folder that is searched.
bool is_plain_name(const std::string& text) {
  return !text.empty() && text.find('/') == std::string::npos && text != "." && text != "..";
}

void read_splits(config::Reader& reader, Manifest& manifest) {
  const config::Node& node = manifest.splits_node;
  if (!node.is_map() || node.entries().empty()) {
    reader.error(node, fmt::format("splits: expected a map of splits by name, found {}", node.brief()));
    return;
  }
  for (const auto& entry : node.entries()) {
    ManifestSplit split;
    if (!reader.read(entry.value, ManifestSplit::fields(), &split, entry.key)) continue;
    for (const ManifestFile* file : {&split.images, &split.labels}) {
      if (!is_md5(file->md5)) {
        reader.error(
            entry.value,
            fmt::format("md5 '{}' is no MD5 checksum: expected 32 lower-case hexadecimal digits", file->md5));
      }
      if (!is_plain_name(file->file)) {
        reader.error(entry.value,
                     fmt::format("file '{}' must be a file's name without a folder", file->file));
      }
    }
    manifest.splits.emplace_back(entry.key, std::move(split));
  }
}

void read_files(config::Reader& reader, const config::Node& root, Manifest& manifest) {
  const config::Node& node = manifest.files_node;
  if (!node.is_list() || node.items().empty()) {
    reader.error(node.is_null() ? root : node,
                 fmt::format("files: expected a list of files with checksums, found {}", node.brief()));
    return;
  }
  for (const config::Node& item : node.items()) {
    ListedFile file;
    if (!reader.read(item, ListedFile::fields(), &file, "files")) continue;
    if (!is_inner_path(file.file))
      reader.error(item, fmt::format("file '{}' must be a path below the set's folder", file.file));
    if (file.sha256.empty() == file.md5.empty()) {
      reader.error(item, fmt::format("file '{}' needs one of sha256 and md5", file.file));
    } else if (!file.sha256.empty() && !is_digest(file.sha256, 64)) {
      reader.error(
          item, fmt::format("sha256 '{}' is no SHA-256 checksum: expected 64 lower-case hexadecimal digits",
                            file.sha256));
    } else if (!file.md5.empty() && !is_md5(file.md5)) {
      reader.error(item, fmt::format("md5 '{}' is no MD5 checksum: expected 32 lower-case hexadecimal digits",
                                     file.md5));
    }
    manifest.files.push_back(std::move(file));
  }
  // The inline source's own errors come when it is made; here only that it is one.
  const std::optional<config::Choice> choice = reader.choice(manifest.data, "data");
  if (choice && find_type(source_types(), choice->name) == nullptr)
    reader.unknown_name(choice->name_node, choice->name, type_names(source_types()), "source");
}

/// Raises nothing: records what the format needs and the manifest lacks.
void check_format(config::Reader& reader, const config::Node& root, const Manifest& manifest) {
  const bool idx = manifest.format == "idx";
  const auto need = [&](const char* key, bool given) {
    if (!given)
      reader.error(root,
                   fmt::format("missing required key '{}' in a manifest of format {}", key, manifest.format));
  };
  const auto refuse = [&](const char* key) {
    if (const config::Node* node = root.find(key))
      reader.error(*node, fmt::format("{}: a manifest of format {} has no such key", key, manifest.format));
  };
  if (idx) {
    need("shape", !manifest.shape.empty());
    need("classes", !manifest.classes.empty());
    need("splits", !manifest.splits_node.is_null());
    refuse("files");
    refuse("data");
    refuse("subfolders");
    if (manifest.shape.size() == 2) reader.error(*root.find("shape"), "shape: expected [C, H, W] or [F]");
    if (manifest.classes.size() > 256)
      reader.error(*root.find("classes"), "classes: labels of IDX files are bytes: at most 256 classes");
  } else {
    need("files", !manifest.files_node.is_null());
    need("data", !manifest.data.is_null());
    for (const char* key : {"shape", "splits", "embedded"}) refuse(key);
  }
}

}  // namespace

std::optional<Manifest> Manifest::parse(ErrorList& errors, std::string_view text, const std::string& name) {
  const size_t before = errors.size();
  try {
    const config::Document document = config::Document::parse(text, name);
    const config::Scope scope;
    config::Reader reader(errors, scope);
    Manifest manifest;
    if (reader.read(document.root(), fields(), &manifest, "the manifest")) {
      check_format(reader, document.root(), manifest);
      if (errors.size() == before && manifest.format == "idx") read_splits(reader, manifest);
      if (errors.size() == before && manifest.format == "files")
        read_files(reader, document.root(), manifest);
    }
    if (errors.size() == before) return manifest;
  } catch (Error& e) {
    errors.add(e);
  }
  return std::nullopt;
}

std::vector<std::string> manifest_names() {
  constexpr std::string_view kExtension = ".yaml";
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.ends_with(kExtension)) continue;
    names.emplace_back(file.name.substr(0, file.name.size() - kExtension.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Manifest builtin_manifest(const std::string& name) {
  const std::string file = name + ".yaml";
  const std::string_view text = embedded_file(file);
  DLB_CHECK(!text.empty());
  ErrorList errors;
  std::optional<Manifest> manifest = Manifest::parse(errors, text, "built-in datasets/" + file);
  errors.throw_if_any();
  return std::move(*manifest);
}

}  // namespace dlb::data
