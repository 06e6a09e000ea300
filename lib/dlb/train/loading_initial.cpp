/// \file Where weights start from: `init`, `freeze`, `weights`.

#include <algorithm>

#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/io/weights.h"
#include "dlb/nn/initializer.h"
#include "dlb/train/loading.h"
#include "dlb/train/patterns.h"

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

namespace {

size_t stars(std::string_view text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '*')); }

}  // namespace

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
    const Node& map = settings.map;
    if (!map.is_null() && !map.is_map()) {
      reader_.error(map, fmt::format("map must be a map of names, got {}", config::kind_phrase(map.kind())));
      continue;
    }
    for (const Node::Entry& name : map.entries()) {
      if (!name.value.is_string()) {
        reader_.error(name.value, "expected the tensor's name in the file");
      } else if (stars(name.value.as_string()) > stars(name.key)) {
        reader_.error(name.value, fmt::format("'{}' has more * than '{}', which says what they stand for",
                                              name.value.as_string(), name.key));
      } else if (e_.model && std::none_of(e_.model->variables().begin(), e_.model->variables().end(),
                                          [&](const nn::Variable& v) {
                                            return model::renamed(v.name, name.key, "").has_value();
                                          })) {
        std::vector<std::string> names;
        for (const nn::Variable& v : e_.model->variables()) names.push_back(v.name);
        const std::string near = nearest_name(name.key, names);
        reader_.error(name.value, fmt::format("the model has no variable named '{}'{}", name.key,
                                              near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
      }
    }
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
    for (const Node::Entry& entry : w.map.entries())
      file.options.names.emplace_back(entry.key, entry.value.as_string());
    from.push_back(std::move(file));
    paths += fmt::format("{}'{}'", paths.empty() ? "" : ", ", path);
  }
  for (size_t i = 0; i < from.size(); ++i) from[i].file = &contents[i];
  const model::LoadReport report = model::load_weights(*e.model, from);
  log::info("{} of {} tensors from {}", report.loaded, e.model->variables().size(), paths);
}

}  // namespace dlb::train
