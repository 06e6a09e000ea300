#include "dlb/report/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/config/document.h"
#include "dlb/report/config_differences.h"
#include "dlb/report/text.h"

namespace dlb::report {
namespace {

/// In the order of writing.
using Flat = std::vector<std::pair<std::string, std::string>>;

Flat environment(const Run& run) {
  const RunInfo& i = run.info;
  const auto whole = [](const std::optional<int64_t>& v) {
    return v ? fmt::format("{}", *v) : std::string();
  };
  Flat out = {{"status", i.status},
              {"version", i.version},
              {"build", i.build},
              {"host", i.host},
              {"device", i.device},
              {"threads", whole(i.threads)},
              {"seed", whole(i.seed)},
              {"params", whole(i.params)},
              {"steps", whole(i.steps)},
              {"epochs", whole(i.epochs)},
              {"seconds", i.seconds ? number_text(i.seconds) : ""},
              {"peak_rss_mb", i.peak_rss_mb ? number_text(i.peak_rss_mb) : ""},
              {"params_hash", i.params_hash}};
  for (const auto& [file, sum] : i.data) out.emplace_back("data." + file, sum);
  std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
  return out;
}

/// The keys whose values differ, in the order of the first run that has them.
std::vector<Difference> differences(const std::vector<Flat>& runs) {
  std::vector<std::map<std::string, std::string>> values;
  std::vector<std::string> keys;
  std::set<std::string> known;
  for (const Flat& flat : runs) {
    values.emplace_back(flat.begin(), flat.end());
    for (const auto& [key, value] : flat) {
      if (known.insert(key).second) keys.push_back(key);
    }
  }
  std::vector<Difference> out;
  for (const std::string& key : keys) {
    Difference d{key, {}};
    for (const auto& run : values) {
      const auto found = run.find(key);
      d.values.push_back(found == run.end() ? std::nullopt : std::optional(found->second));
    }
    if (std::any_of(d.values.begin(), d.values.end(), [&](const auto& v) { return v != d.values.front(); }))
      out.push_back(std::move(d));
  }
  return out;
}

int split_order(const std::string& split) {
  return split == "test" ? 0 : split == "val" ? 1 : split == "train" ? 2 : 3;
}

std::vector<ComparedMetric> compared(const std::vector<Run>& runs) {
  std::map<std::pair<std::string, std::string>, ComparedMetric> all;
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const auto& [split, values] : results_of(runs[i])) {
      for (const auto& [name, value] : values) {
        ComparedMetric& m =
            all.try_emplace({split, name}, ComparedMetric{split, name, false, {}}).first->second;
        m.values.resize(runs.size());
        m.values[i] = value;
        m.higher = m.higher || runs[i].info.higher(name);
      }
    }
  }
  std::vector<ComparedMetric> out;
  for (auto& [key, metric] : all) out.push_back(std::move(metric));
  std::stable_sort(out.begin(), out.end(), [](const ComparedMetric& a, const ComparedMetric& b) {
    const auto rank = [](const ComparedMetric& m) {
      return std::pair(split_order(m.split), m.metric != "loss");
    };
    return rank(a) < rank(b);
  });
  return out;
}

}  // namespace

Comparison compare(const std::vector<std::string>& paths) {
  Comparison c;
  for (const std::string& path : paths) c.runs.push_back(read_run(path));
  std::map<std::string, int> names;
  for (const Run& run : c.runs) ++names[run.name];
  std::vector<Flat> environments;
  std::vector<config::Node> configs;
  for (const Run& run : c.runs) {
    c.names.push_back(names[run.name] > 1 ? run.path : run.name);
    for (const std::string& note : run.notes) c.notes.push_back(fmt::format("{}: {}", c.names.back(), note));
    environments.push_back(environment(run));
    try {
      configs.push_back(config::Document::load(files::join(run.path, "config.yaml")).root());
    } catch (const Error& e) {
      c.notes.push_back(fmt::format("{}: its config cannot be read, so configs are not compared: {}",
                                    c.names.back(), e.message));
    }
  }
  if (configs.size() == c.runs.size()) c.config = config_differences(configs);
  c.environment = differences(environments);
  c.metrics = compared(c.runs);
  const auto has_hash = [](const Run& run) { return !run.info.params_hash.empty(); };
  if (std::all_of(c.runs.begin(), c.runs.end(), has_hash)) {
    c.same_params = std::all_of(c.runs.begin(), c.runs.end(), [&](const Run& run) {
      return run.info.params_hash == c.runs.front().info.params_hash;
    });
  }
  return c;
}

}  // namespace dlb::report
