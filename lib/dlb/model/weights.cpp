#include "dlb/model/weights.h"

#include <fmt/format.h>

#include <map>
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

/// What loading would do, before anything is done.
struct Plan {
  std::vector<const Tensor*> sources;  ///< for each variable
  std::vector<std::string> mismatched;
  std::vector<std::string> unexpected;
  std::vector<std::string> unwelcome;  ///< those of strict files
};

void plan(const Model& model, const WeightsFile& from, bool several, Plan& plan) {
  std::map<std::string_view, const Tensor*> tensors;
  for (const io::NamedTensor& t : from.file->tensors) tensors.emplace(t.name, &t.value);
  const std::string where = several ? fmt::format(" in '{}'", from.name) : "";
  std::set<std::string> used;
  for (size_t i = 0; i < model.variables().size(); ++i) {
    const nn::Variable& variable = model.variables()[i];
    const bool listed = entry_for(variable.name, from.options.names) < from.options.names.size();
    const std::string name =
        (listed ? "" : from.options.prefix) + name_in_file(variable.name, from.options.names);
    const auto found = tensors.find(name);
    if (found == tensors.end()) continue;
    used.insert(name);
    plan.sources[i] = found->second;
    if (found->second->shape() != variable.value.shape()) {
      plan.mismatched.push_back(fmt::format("{} (model {}, file {}){}", variable.name,
                                            shape_text(variable.value.shape()),
                                            shape_text(found->second->shape()), where));
    }
  }
  for (const auto& entry : tensors) {
    if (!entry.first.starts_with(from.options.prefix) || used.contains(std::string(entry.first)) ||
        entry.first.ends_with("num_batches_tracked"))
      continue;
    plan.unexpected.push_back(std::string(entry.first) + where);
    if (from.options.strict) plan.unwelcome.push_back(plan.unexpected.back());
  }
}

}  // namespace

std::optional<std::string> renamed(const std::string& name, std::string_view pattern,
                                   std::string_view replacement) {
  // The usual match of a pattern with stars: when a piece does not fit, the last star takes one more letter.
  std::vector<std::pair<size_t, size_t>> taken;  // begin and end of what each star stands for
  size_t p = 0, n = 0, star = std::string_view::npos;
  while (n < name.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken.emplace_back(n, n);
    } else if (p < pattern.size() && n < name.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos && taken.back().second < name.size()) {
      n = ++taken.back().second;
      p = star + 1;
    } else {
      return {};
    }
  }
  std::string out;
  size_t next = 0;
  for (const char c : replacement) {
    if (c != '*' || next >= taken.size()) {
      out += c;
      continue;
    }
    out += name.substr(taken[next].first, taken[next].second - taken[next].first);
    ++next;
  }
  return out;
}

size_t entry_for(const std::string& variable, const WeightNames& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].first == variable) return i;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].first.find('*') != std::string::npos && renamed(variable, names[i].first, "")) return i;
  }
  return names.size();
}

std::string name_in_file(const std::string& variable, const WeightNames& names) {
  const size_t entry = entry_for(variable, names);
  if (entry == names.size()) return variable;
  // A whole name stands for itself: its replacement is taken as it is.
  const auto& [ours, theirs] = names[entry];
  return ours == variable ? theirs : *renamed(variable, ours, theirs);
}

LoadReport load_weights(Model& model, const io::Safetensors& file, const LoadOptions& options) {
  const WeightsFile one{&file, {}, options};
  return load_weights(model, std::span(&one, 1));
}

LoadReport load_weights(Model& model, std::span<const WeightsFile> files) {
  Plan p;
  p.sources.resize(model.variables().size(), nullptr);
  bool strict = true;
  for (const WeightsFile& file : files) {
    plan(model, file, files.size() > 1, p);
    strict = strict && file.options.strict;
  }
  LoadReport report;
  report.unexpected = std::move(p.unexpected);
  for (size_t i = 0; i < p.sources.size(); ++i) {
    if (p.sources[i] == nullptr) report.missing.push_back(model.variables()[i].name);
  }

  std::string wrong;
  if (!p.mismatched.empty()) wrong += "\n  shapes differ: " + list_text(p.mismatched);
  if (strict && !report.missing.empty()) wrong += "\n  missing in the file: " + list_text(report.missing);
  if (!p.unwelcome.empty()) wrong += "\n  not in the model: " + list_text(p.unwelcome);
  if (!wrong.empty()) throw Error(ErrorKind::kData, "the weights do not fit the model:" + wrong);

  for (size_t i = 0; i < p.sources.size(); ++i) {
    if (p.sources[i] == nullptr) continue;
    fill(model.variables()[i], *p.sources[i]);
    ++report.loaded;
  }
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
