#include "dlb/train/experiment.h"

#include <algorithm>
#include <filesystem>

#include "dlb/base/files.h"
#include "dlb/train/loading.h"

namespace dlb::train {

std::unique_ptr<Experiment> Experiment::load(const std::string& file,
                                             const std::vector<std::string>& overrides) {
  return load(config::Document::load(file, overrides));
}

std::unique_ptr<Experiment> Experiment::load(config::Document document,
                                             std::unique_ptr<data::DataModule> data) {
  auto experiment = std::make_unique<Experiment>();
  experiment->data = std::move(data);
  experiment->document = std::move(document);
  Loading(*experiment).run();
  return experiment;
}

std::vector<Tensor> Experiment::inputs_of(const data::Batch& batch) const {
  std::vector<Tensor> inputs;
  for (const size_t column : data->input_columns()) inputs.push_back(batch.columns[column]);
  return inputs;
}

std::vector<std::string> Experiment::metric_names() const {
  std::vector<std::string> names = loss_names(evaluated);
  if (plays()) names.emplace_back("reward");
  for (const NamedMetric& m : metrics) names.push_back(m.name);
  return names;
}

bool Experiment::higher_is_better(const std::string& metric) const {
  if (metric == "reward" && plays()) return true;
  const auto it =
      std::find_if(metrics.begin(), metrics.end(), [&](const NamedMetric& m) { return m.name == metric; });
  return it != metrics.end() && it->metric->higher_is_better();
}

std::vector<NamedObjective> Experiment::trained() const {
  std::vector<NamedObjective> all;
  for (const Phase& p : phases) {
    if (p.objective) all.push_back({p.name, p.objective});
  }
  return all;
}

namespace {

/// Whether the config names files by paths that may be relative to it.
bool has_paths(const config::Node& root) {
  if (root.find("weights") != nullptr) return true;
  const config::Node* data = root.find("data");
  if (data == nullptr || !data->is_map()) return false;
  const config::Node* source = data->find("source");
  if (data->find("dir") != nullptr || source == nullptr) return true;
  return !source->is_string() || source->as_string().find('/') != std::string::npos;
}

}  // namespace

std::string resolved_yaml(const Experiment& e) {
  const config::Node& root = e.document.root();
  std::vector<config::Node::Entry> entries;
  // Else the copy would be named after its own file, config.yaml.
  if (root.find("name") == nullptr) {
    entries.push_back({"name", {}, config::Node::string((e.name.starts_with('$') ? "$" : "") + e.name)});
  }
  for (const config::Node::Entry& entry : root.entries()) {
    if (entry.key != "base") entries.push_back(entry);
  }
  if (has_paths(root)) {
    const std::string base =
        std::filesystem::absolute(e.base.empty() ? "." : e.base).lexically_normal().string();
    entries.push_back({"base", {}, config::Node::string(base)});
  }
  return config::to_yaml(config::Node::map(std::move(entries)));
}

}  // namespace dlb::train
