#pragma once
/// \file A model's variables from and to safetensors, and their checksum.

#include <map>
#include <string>
#include <vector>

#include "dlb/io/safetensors.h"
#include "dlb/model/model.h"

namespace dlb::model {

struct LoadOptions {
  bool strict = true;  ///< missing and unexpected names are errors
  std::string prefix =
      {};  ///< stands before every name in the file, such as "model."; other names of the file are left out
  std::map<std::string, std::string> names =
      {};  ///< name in the model -> name in the file (with its prefix), where they differ
};

/// What load_weights() did.
struct LoadReport {
  size_t loaded = 0;
  std::vector<std::string> missing;     ///< variables that the file does not have
  std::vector<std::string> unexpected;  ///< tensors of the file that the model does not have
};

/// Copies the file's tensors into the model's variables, converting the dtype. All or nothing: when a shape
/// differs, or with `strict` a name is missing or unexpected, one data error lists all of them and no
/// variable has changed.
LoadReport load_weights(Model& model, const io::Safetensors& file, const LoadOptions& options = {});

/// The variables under their full names, sharing their data.
std::vector<io::NamedTensor> named_tensors(const Model& model);

/// SHA-256 over name, dtype, shape and row-major bytes of all variables, in order: equal hashes mean equal
/// models.
std::string params_hash(const Model& model);

}  // namespace dlb::model
