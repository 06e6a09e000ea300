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

Fields Manifest::fields() {
  static const Field list[] = {
      required<&Manifest::name>("name", "name of the data set, as in data.source"),
      required<&Manifest::description>("description", "what it is, in a sentence"),
      required<&Manifest::licence>("licence", "licence of the data"),
      field<&Manifest::homepage>("homepage", "where it is described"),
      field<&Manifest::source>("source", "where its files can be fetched"),
      field<&Manifest::package>("package", "Debian package that provides it"),
      field<&Manifest::format>("format", "format of the files", one_of({"idx"})),
      required<&Manifest::shape>("shape", "shape of a sample: [C, H, W] or [F]", items(positive(), 1, 3)),
      required<&Manifest::classes>("classes", "names of the classes, in order of their labels",
                                   items({}, 1, 256)),
      field<&Manifest::folders>("folders", "folders where it may be installed"),
      field<&Manifest::embedded>("embedded", "folder of its files within the binary"),
      required<&Manifest::splits_node>("splits", "the splits by name: samples, images, labels"),
  };
  return list;
}

namespace {

bool is_md5(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
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

}  // namespace

std::optional<Manifest> Manifest::parse(ErrorList& errors, std::string_view text, const std::string& name) {
  const size_t before = errors.size();
  try {
    const config::Document document = config::Document::parse(text, name);
    const config::Scope scope;
    config::Reader reader(errors, scope);
    Manifest manifest;
    if (reader.read(document.root(), fields(), &manifest, "the manifest")) {
      read_splits(reader, manifest);
      if (manifest.shape.size() == 2) {
        reader.error(*document.root().find("shape"), "shape: expected [C, H, W] or [F]");
      }
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
