#include "dlb/report/run_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/report/text.h"
#include "dlb/report/text_table.h"

namespace dlb::report {
namespace {

using nlohmann::ordered_json;

/// "run-2" before "run-10".
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const auto number = [&](const std::string& s, size_t& at) {
      while (at + 1 < s.size() && s[at] == '0' && digit(s[at + 1])) ++at;
      const size_t from = at;
      while (at < s.size() && digit(s[at])) ++at;
      return s.substr(from, at - from);
    };
    const std::string x = number(a, i), y = number(b, j);
    if (x != y) return x.size() != y.size() ? x.size() < y.size() : x < y;
  }
  return a.size() - i < b.size() - j;
}

ListedRun read_one(const std::string& path, const std::string& name) {
  ListedRun run{name, path, {}, 0, {}, {}, {}};
  Results results;
  try {
    run.info = read_run_info(path, run.notes);
    results = run.info.metrics;
    run.steps = run.info.steps.value_or(0);
    // run.json of a run that was cut off says how it began; how far it came stands in its records.
    if (run.info.status != "done" || results.empty()) {
      Run whole;
      whole.info = run.info;
      whole.metrics = read_metrics(files::join(path, "metrics.jsonl"));
      results = results_of(whole);
      for (const Series& s : whole.metrics.series) {
        if (s.curve.last()) run.steps = std::max(run.steps, s.curve.last()->step);
      }
    }
  } catch (const Error& e) {
    run.notes.push_back(e.message);
  }
  for (const char* split : {"test", "val", "train"}) {
    if (!results.contains(split) || !run.split.empty()) continue;
    run.split = split;
    run.metrics.assign(results[split].begin(), results[split].end());
    std::stable_partition(run.metrics.begin(), run.metrics.end(),
                          [](const auto& m) { return m.first == "loss"; });
  }
  return run;
}

/// "val.loss" on that split, "loss" on the one that the list shows.
std::optional<double> metric_of(const ListedRun& run, const std::string& key) {
  for (const auto& [name, value] : run.metrics) {
    if (name == key) return value;
  }
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return {};
  const auto split = run.info.metrics.find(key.substr(0, dot));
  if (split == run.info.metrics.end()) return {};
  const auto value = split->second.find(key.substr(dot + 1));
  return value == split->second.end() ? std::nullopt : std::optional(value->second);
}

bool better(const std::optional<double>& a, const std::optional<double>& b, bool higher) {
  const bool has_a = a && !std::isnan(*a), has_b = b && !std::isnan(*b);
  if (!has_a || !has_b) return has_a && !has_b;
  return higher ? *a > *b : *a < *b;
}

void sort_runs(std::vector<ListedRun>& runs, const ListOptions& o) {
  std::sort(runs.begin(), runs.end(),
            [](const ListedRun& a, const ListedRun& b) { return natural_less(a.name, b.name); });
  const std::string& key = o.sort;
  if (key == "status") {
    std::stable_sort(runs.begin(), runs.end(),
                     [](const ListedRun& a, const ListedRun& b) { return a.info.status < b.info.status; });
  } else if (key == "start") {
    std::stable_sort(runs.begin(), runs.end(),
                     [](const ListedRun& a, const ListedRun& b) { return a.info.start > b.info.start; });
  } else if (key == "steps") {
    std::stable_sort(runs.begin(), runs.end(),
                     [](const ListedRun& a, const ListedRun& b) { return a.steps > b.steps; });
  } else if (key == "time") {
    std::stable_sort(runs.begin(), runs.end(), [](const ListedRun& a, const ListedRun& b) {
      return better(a.info.seconds, b.info.seconds, true);
    });
  } else if (key != "name") {
    const bool any = std::any_of(runs.begin(), runs.end(),
                                 [&](const ListedRun& r) { return metric_of(r, key).has_value(); });
    if (!any && !runs.empty()) {
      std::vector<std::string> valid = {"name", "status", "steps", "time", "start"};
      for (const ListedRun& run : runs) {
        for (const auto& [name, value] : run.metrics) valid.push_back(name);
      }
      const std::string near = nearest_name(key, valid);
      throw Error(ErrorKind::kConfig, fmt::format("--sort '{}': no run has a metric of that name", key), {},
                  near.empty() ? "name, status, steps, time, start, or a metric such as accuracy or val.loss"
                               : fmt::format("did you mean '{}'?", near));
    }
    const std::string name = key.substr(key.find('.') == std::string::npos ? 0 : key.find('.') + 1);
    const bool higher =
        std::any_of(runs.begin(), runs.end(), [&](const ListedRun& r) { return r.info.higher(name); });
    std::stable_sort(runs.begin(), runs.end(), [&](const ListedRun& a, const ListedRun& b) {
      return better(metric_of(a, key), metric_of(b, key), higher);
    });
  }
  if (o.reverse) std::reverse(runs.begin(), runs.end());
}

bool passes(const ListedRun& run, const std::string& filter) {
  const size_t at = filter.find('=');
  if (at == std::string::npos) return run.name.find(filter) != std::string::npos;
  const std::string key = filter.substr(0, at), value = filter.substr(at + 1);
  if (key == "status") return run.info.status == value;
  if (key == "name") return run.info.name == value || run.name == value;
  if (key == "config") return run.info.config == value || files::base_name(run.info.config) == value;
  if (key == "host") return run.info.host == value;
  if (key == "device") return run.info.device == value;
  throw Error(ErrorKind::kConfig, fmt::format("--filter '{}': there is no '{}' to filter by", filter, key),
              {}, "TEXT in the run's name, or status=, name=, config=, host=, device=");
}

std::string metrics_text(const ListedRun& run) {
  std::string text;
  int shown = 0;
  for (const auto& [name, value] : run.metrics) {
    if (name.starts_with("loss/") || shown == 3) continue;
    text += fmt::format("{} {} {:.4g}", text.empty() ? run.split : std::string(","), name, value);
    ++shown;
  }
  return text.empty() ? "-" : text;
}

}  // namespace

RunList list_runs(const ListOptions& o) {
  if (!files::is_folder(o.folder)) {
    fail(ErrorKind::kIo, "'{}' is no folder of runs: {}", o.folder,
         files::exists(o.folder) ? "it is a file" : "there is no such folder");
  }
  RunList list;
  list.folder = o.folder;
  if (looks_like_run(o.folder)) {
    list.runs.push_back(read_one(o.folder, files::base_name(o.folder)));
  } else {
    for (const std::string& name : files::list(o.folder)) {
      const std::string path = files::join(o.folder, name);
      if (!files::is_folder(path)) continue;
      if (looks_like_run(path) || files::exists(files::join(path, ".lock"))) {
        list.runs.push_back(read_one(path, name));
      } else {
        ++list.others;
      }
    }
  }
  std::erase_if(list.runs, [&](const ListedRun& run) {
    return !std::all_of(o.filters.begin(), o.filters.end(),
                        [&](const std::string& f) { return passes(run, f); });
  });
  sort_runs(list.runs, o);
  return list;
}

std::string RunList::text() const {
  if (runs.empty()) return fmt::format("no runs in '{}'\n", folder);
  std::vector<std::vector<std::string>> rows = {
      {"run", "status", "config", "steps", "results", "time", "started"}};
  for (const ListedRun& run : runs) {
    rows.push_back({run.name, run.info.status, run.info.config.empty() ? "-" : shortened(run.info.config, 40),
                    count_text(run.steps), metrics_text(run),
                    run.info.seconds ? duration_text(*run.info.seconds) : "-",
                    run.info.start.empty() ? "-" : run.info.start});
  }
  std::string out = text_table(rows, {3, 5});
  for (const ListedRun& run : runs) {
    for (const std::string& note : run.notes) out += fmt::format("{}: {}\n", run.name, note);
  }
  return out;
}

std::string RunList::json() const {
  ordered_json j = {{"folder", folder}, {"runs", ordered_json::array()}, {"others", others}};
  for (const ListedRun& run : runs) {
    ordered_json metrics = ordered_json::object();
    for (const auto& [name, value] : run.metrics)
      metrics[name] = std::isfinite(value) ? ordered_json(value) : ordered_json();
    const auto number = [](const std::optional<double>& v) {
      return v && std::isfinite(*v) ? ordered_json(*v) : ordered_json();
    };
    j["runs"].push_back({{"name", run.name},
                         {"path", run.path},
                         {"status", run.info.status},
                         {"config", run.info.config},
                         {"steps", run.steps},
                         {"split", run.split},
                         {"metrics", metrics},
                         {"seconds", number(run.info.seconds)},
                         {"start", run.info.start},
                         {"params_hash", run.info.params_hash},
                         {"notes", run.notes}});
  }
  return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace dlb::report
