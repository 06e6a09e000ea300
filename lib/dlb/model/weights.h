#pragma once
/// \file A model's variables from and to safetensors, and their checksum.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dlb/io/safetensors.h"
#include "dlb/model/model.h"

namespace dlb::model {

/// Name in the model -> name in the file, where they differ. A name in the model may have `*` for any text:
/// the n-th one of the other side is replaced by what the n-th one stands for, the shortest that fits. A name
/// without `*` goes before patterns, of those the first that fits is taken.
using WeightNames = std::vector<std::pair<std::string, std::string>>;

struct LoadOptions {
  bool strict = true;  ///< missing and unexpected names are errors
  std::string prefix =
      {};  ///< stands before every name in the file, such as "model."; other names of the file are left out
  WeightNames names = {};  ///< those of the file with its prefix
};

/// What load_weights() did.
struct LoadReport {
  size_t loaded = 0;
  std::vector<std::string> missing;     ///< variables that the file does not have
  std::vector<std::string> unexpected;  ///< tensors of the file that the model does not have
};

/// Copies the file's tensors into the model's variables, converting the dtype. All or nothing: when a shape
/// differs, or with `strict` a name is missing or unexpected, one data error lists all of them and no
/// variable has changed. Counters named num_batches_tracked, which PyTorch's norms have, are left out.
LoadReport load_weights(Model& model, const io::Safetensors& file, const LoadOptions& options = {});

/// One of several files.
struct WeightsFile {
  const io::Safetensors* file = nullptr;
  std::string name;  ///< for messages
  LoadOptions options;
};
/// As above from several files, of which the last one that has a variable gives it. A variable is missing
/// when no file has it; that is an error if all of them are `strict`.
LoadReport load_weights(Model& model, std::span<const WeightsFile> files);

/// `name` with `pattern` exchanged for `replacement`, as WeightNames says; nothing when it does not fit.
std::optional<std::string> renamed(const std::string& name, std::string_view pattern,
                                   std::string_view replacement);

/// The place in `names` of the entry for a variable, names.size() where there is none.
size_t entry_for(const std::string& variable, const WeightNames& names);
/// What a file calls a variable; its own name where `names` has no entry for it.
std::string name_in_file(const std::string& variable, const WeightNames& names);

/// The variables under their full names, sharing their data.
std::vector<io::NamedTensor> named_tensors(const Model& model);

/// SHA-256 over name, dtype, shape and row-major bytes of all variables, in order: equal hashes mean equal
/// models.
std::string params_hash(const Model& model);

}  // namespace dlb::model
