#pragma once
/// \file Manifests: what a published data set consists of, and where to find it. The format is described in
/// datasets/README.md.

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
  config::Node splits_node;
  static Fields fields();

  std::vector<std::pair<std::string, ManifestSplit>> splits;  ///< from splits_node, in order

  /// Reads a manifest from its YAML text; `name` stands for the file in messages. Records errors and then
  /// returns nothing.
  static std::optional<Manifest> parse(ErrorList& errors, std::string_view text, const std::string& name);
};

/// Names of the manifests in the binary.
std::vector<std::string> manifest_names();
/// The manifest of that name in the binary. Errors: internal, when there is none or it is wrong.
Manifest builtin_manifest(const std::string& name);

/// The source of a manifest. Its files are looked for on first use: in `dir` and `dir`/NAME alone if `dir` is
/// given; else in the binary itself if it carries them; else in $DLBENCH_DATA/NAME, $DLBENCH_DATA and the
/// manifest's folders. The first folder that has all counts.
class ManifestSource final : public Source {
 public:
  ManifestSource(Manifest manifest, SourceOptions options)
      : manifest_(std::move(manifest)), options_(std::move(options)) {}

  const Manifest& manifest() const { return manifest_; }
  /// The folder of the files, "" for what the binary carries. Errors: io.
  std::string folder() const;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override { return files().spec(); }
  int64_t size(const std::string& split) override { return files().size(split); }
  std::shared_ptr<const Dataset> open(const std::string& split) override { return files().open(split); }
  std::map<std::string, std::string> checksums() const override;
  std::string name_of(std::string_view column, int64_t number) const override;

 private:
  IdxSplits& files();
  std::vector<IdxSplit> locate() const;

  Manifest manifest_;
  SourceOptions options_;
  std::optional<IdxSplits> files_;
};

}  // namespace dlb::data
