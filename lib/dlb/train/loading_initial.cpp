/// \file Where weights start from: `init`, `freeze`, `weights`.

#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/io/weights.h"
#include "dlb/nn/initializer.h"
#include "dlb/train/loading.h"
#include "dlb/train/patterns.h"
#include "dlb/train/weight_names.h"

namespace dlb::train {

using config::Node;

void Loading::read_freeze() {
  if (sections_.freeze.is_null()) return;
  e_.freeze = read_patterns(reader_, sections_.freeze, "freeze");
  check_patterns(reader_, sections_.freeze, e_.freeze, e_.model->variables(), "freeze");
  bool any = false;
  for (nn::Variable& v : e_.model->variables()) {
    if (v.buffer) continue;
    if (any_covers(e_.freeze, v.name)) {
      v.trainable = false;
      v.value.set_requires_grad(false);
    }
    any = any || v.trainable;
  }
  if (!any && !e_.freeze.empty()) reader_.error(sections_.freeze, "freeze leaves no parameter to train");
}

void Loading::read_init() {
  if (!sections_.init.is_null()) nn::apply_initializers(reader_, sections_.init, e_.model->variables());
}

void Loading::read_weights() {
  const Node& section = sections_.weights;
  if (section.is_null()) return;
  const std::vector<Node> entries = section.is_list() ? section.items() : std::vector<Node>{section};
  if (entries.empty()) reader_.error(section, "weights is an empty list");
  for (const Node& entry : entries) {
    WeightsSettings settings;
    if (!reader_.read(entry, WeightsSettings::fields(), &settings, "weights")) continue;
    const std::string path = files::join(e_.base, settings.from);
    if (!files::exists(path)) {
      const Node* from = entry.is_map() ? entry.find("from") : nullptr;
      reader_.error(from == nullptr ? entry : *from, fmt::format("there is no file '{}'", path));
    }
    Node& map = settings.map;
    if (map.is_string() &&
        !guarded(map, [&] { map = read_names_file(files::join(e_.base, map.as_string())); }))
      continue;
    if (!map.is_null() && !map.is_map()) {
      reader_.error(map, fmt::format("map must be a map of names or a file with one, got {}",
                                     config::kind_phrase(map.kind())));
      continue;
    }
    check_names(map, e_.model.get(), errors_);
    e_.weights.push_back(std::move(settings));
  }
}

void load_initial_weights(Experiment& e) {
  if (e.weights.empty()) return;
  std::vector<io::Safetensors> contents;
  std::vector<model::WeightsFile> from;
  std::string paths;
  for (const WeightsSettings& w : e.weights) {
    const std::string path = files::join(e.base, w.from);
    contents.push_back(io::read_weights(path));
    model::WeightsFile file;
    file.name = path;
    file.options.strict = w.strict;
    file.options.prefix = w.prefix;
    file.options.names = weight_names(w.map);
    from.push_back(std::move(file));
    paths += fmt::format("{}'{}'", paths.empty() ? "" : ", ", path);
  }
  for (size_t i = 0; i < from.size(); ++i) from[i].file = &contents[i];
  const model::LoadReport report = model::load_weights(*e.model, from);
  log::info("{} of {} tensors from {}", report.loaded, e.model->variables().size(), paths);
}

}  // namespace dlb::train
