#include "dlb/model/weights.h"

#include <fmt/format.h>

#include <set>

#include "dlb/base/files.h"

namespace dlb::model {
namespace {

/// "a, b, c" with at most 20 names, so that a wrong file does not fill the screen.
std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i == 20) return text + fmt::format(", and {} more", names.size() - i);
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return text;
}

/// Copies `source` into the variable, which may not have any data yet.
void fill(const nn::Variable& variable, const Tensor& source) {
  if (!variable.value.is_meta()) {
    variable.value.assign(source);
    return;
  }
  const Tensor data = Tensor::empty(variable.value.shape(), variable.value.dtype());
  data.assign(source);
  variable.value.swap_data(data);
}

}  // namespace

LoadReport load_weights(Model& model, const io::Safetensors& file, const LoadOptions& options) {
  std::map<std::string_view, const Tensor*> tensors;
  for (const io::NamedTensor& t : file.tensors) tensors.emplace(t.name, &t.value);
  LoadReport report;
  std::vector<std::string> mismatched;
  std::vector<std::pair<const nn::Variable*, const Tensor*>> copies;
  std::set<std::string> used;
  for (const nn::Variable& variable : model.variables()) {
    const auto renamed = options.names.find(variable.name);
    const std::string name =
        renamed != options.names.end() ? renamed->second : options.prefix + variable.name;
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      report.missing.push_back(variable.name);
      continue;
    }
    used.insert(name);
    if (found->second->shape() != variable.value.shape()) {
      mismatched.push_back(fmt::format("{} (model {}, file {})", variable.name,
                                       shape_text(variable.value.shape()),
                                       shape_text(found->second->shape())));
      continue;
    }
    copies.emplace_back(&variable, found->second);
  }
  for (const auto& entry : tensors) {
    if (entry.first.starts_with(options.prefix) && !used.contains(std::string(entry.first)))
      report.unexpected.emplace_back(entry.first);
  }

  std::string wrong;
  if (!mismatched.empty()) wrong += "\n  shapes differ: " + list_text(mismatched);
  if (options.strict && !report.missing.empty())
    wrong += "\n  missing in the file: " + list_text(report.missing);
  if (options.strict && !report.unexpected.empty())
    wrong += "\n  not in the model: " + list_text(report.unexpected);
  if (!wrong.empty()) throw Error(ErrorKind::kData, "the weights do not fit the model:" + wrong);

  for (const auto& [variable, source] : copies) fill(*variable, *source);
  report.loaded = copies.size();
  return report;
}

std::vector<io::NamedTensor> named_tensors(const Model& model) {
  std::vector<io::NamedTensor> tensors;
  for (const nn::Variable& variable : model.variables())
    tensors.push_back({variable.name, variable.value.detach()});
  return tensors;
}

std::string params_hash(const Model& model) {
  files::Sha256 hash;
  for (const nn::Variable& variable : model.variables()) {
    const Tensor& value = variable.value;
    // Lengths are told by the terminators, so that no two different models give the same stream.
    const std::string head =
        fmt::format("{}\n{}\n{}\n", variable.name, dtype_name(value.dtype()), shape_text(value.shape()));
    hash.update(head.data(), head.size());
    if (value.is_contiguous()) {
      hash.update(value.raw(), value.spec().bytes());
    } else {
      std::string bytes;
      io::append_row_major(bytes, value);
      hash.update(bytes.data(), bytes.size());
    }
  }
  return hash.hex();
}

}  // namespace dlb::model
