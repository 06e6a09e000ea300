#pragma once
/// \file Manifests of data sets that an inline source reads: the files with their checksums, and the source
/// to use on them. The format is described in datasets/README.md.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dlb/config/document.h"
#include "dlb/data/dataset.h"

namespace dlb::data {

/// A file of a set: its path below the set's folder, and the checksum of its bytes.
struct SetFile {
  std::string file;
  std::string sha256;
  std::string md5;  ///< where the official source gives no SHA-256
  static Fields fields();

  /// "sha256:..." or "md5:..."
  std::string checksum() const { return sha256.empty() ? "md5:" + md5 : "sha256:" + sha256; }
};

struct SetManifest {
  std::string name;
  std::string description;
  std::string licence;
  std::string homepage;
  std::string source;
  std::string package;
  std::string reference;
  std::vector<std::string> folders;
  config::Node files_node;
  config::Node use;
  static Fields fields();

  std::vector<SetFile> files;  ///< from files_node

  /// Whether a manifest's text is one of this form, with a key `use`.
  static bool is_one(std::string_view text);
  /// Reads a manifest from its YAML text; `name` stands for the file in messages. Records errors and then
  /// returns nothing.
  static std::optional<SetManifest> parse(ErrorList& errors, std::string_view text, const std::string& name);
};

/// The source of such a manifest: what `use` says, with the keys of `changes` (a map or null) in place of its
/// own, or another source on the same files where `changes` is {use: SOURCE}; relative paths are below the
/// folder where the files are: `dir`, `dir`/NAME, $DLBENCH_DATA/NAME, $DLBENCH_DATA, the manifest's folders,
/// and nowhere else than `dir` where that is given.
class SetSource final : public Source {
 public:
  SetSource(SetManifest manifest, config::Node changes, SourceOptions options)
      : manifest_(std::move(manifest)), changes_(std::move(changes)), options_(std::move(options)) {}

  const SetManifest& manifest() const { return manifest_; }
  /// The folder that has the files. Errors: io.
  std::string folder() const { return folder_.empty() ? locate() : folder_; }
  std::vector<std::string> splits() const override { return inner().splits(); }
  SampleSpec spec() override { return inner().spec(); }
  int64_t size(const std::string& split) override { return inner().size(split); }
  /// Compares the checksums of the files once.
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;
  std::string name_of(std::string_view column, int64_t number) const override;
  std::string changes_inputs() const override { return inner().changes_inputs(); }
  std::string unchanged_by() const override { return inner().unchanged_by(); }
  std::vector<std::vector<RawNumber>> raw_numbers() const override { return inner().raw_numbers(); }
  std::shared_ptr<const Dataset> open_raw(const std::string& split) override;

 private:
  Source& inner() const;
  std::string locate() const;
  void verify();

  SetManifest manifest_;
  config::Node changes_;
  SourceOptions options_;
  mutable std::unique_ptr<Source> inner_;
  mutable std::string folder_;
  std::once_flag verified_;
  std::map<std::string, std::string> checksums_;
};

}  // namespace dlb::data
