#include "dlb/config/document.h"

#include <fmt/format.h>

#include "dlb/config/key_path.h"
#include "dlb/config/loader.h"

namespace dlb::config {

Document Document::load(const std::string& file, const std::vector<std::string>& overrides,
                        const Limits& limits) {
  Loader loader(limits);
  loader.load_file(file);
  return loader.finish(overrides);
}

Document Document::parse(std::string_view text, const std::string& name,
                         const std::vector<std::string>& overrides, const Limits& limits) {
  Loader loader(limits);
  loader.load_text(text, name);
  return loader.finish(overrides);
}

std::vector<Origin> Document::explain(std::string_view key) const {
  const std::vector<PathStep> steps = parse_path(key);
  const std::string path = path_text(steps, steps.size());
  std::vector<Origin> origins;
  for (const Log& entry : history_) {
    if (entry.path == path) origins.push_back(entry.origin);
  }
  if (!origins.empty()) return origins;
  std::vector<std::string> known;
  for (const Log& entry : history_) known.push_back(entry.path);
  const std::string near = nearest_name(path, known);
  throw Error(ErrorKind::kConfig, fmt::format("nothing sets '{}'{}", path,
                                              near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

}  // namespace dlb::config
