#pragma once
/// \file Manifests: what a published data set consists of, and where to find it. The format is described in
/// datasets/README.md.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dlb/config/document.h"
#include "dlb/data/dataset.h"
#include "dlb/data/idx_splits.h"

namespace dlb::data {

/// A file of a split: its canonical name and the MD5 of its uncompressed bytes.
struct ManifestFile {
  std::string file;
  std::string md5;
  static Fields fields();
};

struct ManifestSplit {
  int64_t samples = 0;
  ManifestFile images;
  ManifestFile labels;
  static Fields fields();
};

/// A file of a set that is read by an inline source: its path below the set's folder, and the checksum of its
/// bytes.
struct ListedFile {
  std::string file;
  std::string sha256;
  std::string md5;
  std::optional<int64_t> bytes;
  static Fields fields();

  /// "sha256:..." or "md5:..."
  std::string checksum() const { return sha256.empty() ? "md5:" + md5 : "sha256:" + sha256; }
};

struct Manifest {
  std::string name;
  std::string description;
  std::string licence;
  std::string homepage;
  std::string source;
  std::string package;
  std::string format = "idx";
  std::vector<int64_t> shape;
  std::vector<std::string> classes;
  std::vector<std::string> folders;
  std::string embedded;
  std::vector<std::string> subfolders;
  config::Node splits_node;
  config::Node files_node;
  config::Node data;
  static Fields fields();

  std::vector<std::pair<std::string, ManifestSplit>> splits;  ///< of idx: from splits_node, in order
  std::vector<ListedFile> files;                              ///< of any other format: from files_node

  /// Reads a manifest from its YAML text; `name` stands for the file in messages. Records errors and then
  /// returns nothing.
  static std::optional<Manifest> parse(ErrorList& errors, std::string_view text, const std::string& name);
};

/// Names of the manifests in the binary.
std::vector<std::string> manifest_names();
/// The manifest of that name in the binary. Errors: internal, when there is none or it is wrong.
Manifest builtin_manifest(const std::string& name);

/// The source of a manifest. Its files are looked for on first use: in `dir` and `dir`/NAME alone if `dir` is
/// given; else in the binary itself if it carries them; else in $DLBENCH_DATA/NAME, below $DLBENCH_DATA in
/// the manifest's subfolders, in $DLBENCH_DATA and the manifest's folders. The first folder that has all
/// counts.
class ManifestSource final : public Source {
 public:
  ManifestSource(Manifest manifest, SourceOptions options)
      : manifest_(std::move(manifest)), options_(std::move(options)) {}

  /// Fields of the inline source that a config sets beside those of the manifest. Errors: config, when the
  /// manifest has no inline source.
  void override_fields(const config::Node& fields);
  const Manifest& manifest() const { return manifest_; }
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  /// Errors: io; data, also when a checksum is not the manifest's.
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;
  /// The folder that has the files, "" for what the binary carries. Errors: io.
  std::string folder() const;

 private:
  IdxSplits& idx();
  Source& inner() const;
  std::vector<IdxSplit> locate() const;
  std::string locate_files() const;
  void verify_files();

  Manifest manifest_;
  SourceOptions options_;
  std::optional<IdxSplits> idx_;
  mutable std::unique_ptr<Source> inner_;
  mutable std::string folder_;  ///< of inner_
  mutable std::mutex mutex_;
  std::map<std::string, std::string> checksums_;  ///< of the files that verify_files() has read
};

}  // namespace dlb::data
