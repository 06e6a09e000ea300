#include "dlb/report/run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"

namespace dlb::report {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxRecord = 4 << 20;
constexpr size_t kMaxPredictions = 8 << 20;
constexpr size_t kMaxConfig = 1 << 20;
constexpr size_t kMaxLog = 1 << 20;  ///< what is read of its end
constexpr size_t kLogLines = 200;
constexpr size_t kWarnings = 100;
constexpr size_t kMaxLine = 2000;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Whether a process has the run open: it holds a lock on `.lock`.
bool in_use(const std::string& run) {
  const int fd = ::open(files::join(run, ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return locked;
}

std::string text(const ordered_json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<double> real(const ordered_json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
}

std::optional<int64_t> whole(const ordered_json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_number_integer() ? std::optional(at->get<int64_t>()) : std::nullopt;
}

std::vector<std::string> texts(const ordered_json& j, const char* key) {
  std::vector<std::string> out;
  const auto at = j.find(key);
  if (at == j.end() || !at->is_array()) return out;
  for (const ordered_json& item : *at) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

void read_results(const ordered_json& j, RunInfo& info) {
  const auto metrics = j.find("metrics");
  if (metrics == j.end() || !metrics->is_object()) return;
  for (const auto& [split, values] : metrics->items()) {
    if (!values.is_object()) continue;
    for (const auto& [name, value] : values.items()) {
      if (value.is_number() || value.is_null())
        info.metrics[split][name] = value.is_number() ? value.get<double>() : kNan;
    }
  }
}

void read_lists(const ordered_json& j, RunInfo& info) {
  if (const auto data = j.find("data"); data != j.end() && data->is_object()) {
    for (const auto& [file, sum] : data->items()) {
      if (sum.is_string()) info.data[file] = sum.get<std::string>();
    }
  }
  if (const auto best = j.find("best"); best != j.end() && best->is_object())
    info.best = RunInfo::Best{text(*best, "metric"), real(*best, "value").value_or(kNan),
                              whole(*best, "step").value_or(0)};
  const auto expect = j.find("expect");
  if (expect == j.end() || !expect->is_array()) return;
  for (const ordered_json& e : *expect) {
    if (!e.is_object()) continue;
    const auto met = e.find("met");
    info.expect.push_back({text(e, "name"), real(e, "min"), real(e, "max"), real(e, "value").value_or(kNan),
                           met != e.end() && met->is_boolean() && met->get<bool>()});
  }
}

/// The file's content, or "" with a note when it is too long for what it should be.
std::string bounded(const std::string& path, size_t limit, std::vector<std::string>& notes) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return {};
  if (size > limit) {
    notes.push_back(
        fmt::format("{} is left out: {} bytes, at most {} are read", files::base_name(path), size, limit));
    return {};
  }
  return files::read_all(path, limit);
}

ordered_json parsed(const std::string& content) {
  // Depth is bounded before anything of that depth is built.
  int depth = 0;
  return ordered_json::parse(
      content,
      [&](int level, ordered_json::parse_event_t, ordered_json&) {
        depth = std::max(depth, level);
        return depth < 50;
      },
      false);
}

void read_log(Run& run) {
  const std::string path = files::join(run.path, "log.txt");
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return;
  const auto size = static_cast<int64_t>(file.tellg());
  const int64_t skipped = std::max<int64_t>(0, size - static_cast<int64_t>(kMaxLog));
  file.seekg(skipped);
  std::string line;
  if (skipped > 0) {
    std::getline(file, line);
    run.notes.push_back(fmt::format("log.txt is long: its first {} bytes are not looked at", skipped));
  }
  while (std::getline(file, line)) {
    if (line.size() > kMaxLine) line = line.substr(0, kMaxLine) + " ...";
    const bool bad = line.starts_with("warning:") || line.find("error:") != std::string::npos;
    if (bad && run.warnings.size() < kWarnings) run.warnings.push_back(line);
    run.log.push_back(std::move(line));
    if (run.log.size() > 2 * kLogLines) run.log.erase(run.log.begin(), run.log.end() - kLogLines);
  }
  if (run.log.size() > kLogLines) run.log.erase(run.log.begin(), run.log.end() - kLogLines);
}

}  // namespace

bool RunInfo::higher(const std::string& metric) const {
  return std::find(higher_is_better.begin(), higher_is_better.end(), metric) != higher_is_better.end();
}

bool looks_like_run(const std::string& path) {
  const auto has = [&](const char* name) { return files::exists(files::join(path, name)); };
  return has("run.json") || has("config.yaml") || has("metrics.jsonl");
}

RunInfo read_run_info(const std::string& path, std::vector<std::string>& notes) {
  RunInfo info;
  const std::string file = files::join(path, "run.json");
  if (!files::exists(file) || files::is_folder(file)) {
    notes.emplace_back("there is no run.json: the run was stopped before its first step, or it is not whole");
    return info;
  }
  const std::string content = bounded(file, kMaxRecord, notes);
  const ordered_json j = parsed(content);
  if (!j.is_object()) {
    notes.emplace_back("run.json is damaged: it is no JSON object; what it would say is missing here");
    return info;
  }
  info.name = text(j, "name");
  info.version = text(j, "version");
  info.build = text(j, "build");
  info.command = text(j, "command");
  info.config = text(j, "config");
  info.host = text(j, "host");
  info.device = text(j, "device");
  info.start = text(j, "start");
  info.end = text(j, "end");
  info.params_hash = text(j, "params_hash");
  info.error = text(j, "error");
  info.threads = whole(j, "threads");
  info.seed = whole(j, "seed");
  info.params = whole(j, "params");
  info.steps = whole(j, "steps");
  info.epochs = whole(j, "epochs");
  info.seconds = real(j, "seconds");
  info.peak_rss_mb = real(j, "peak_rss_mb");
  info.resumed = texts(j, "resumed");
  info.higher_is_better = texts(j, "higher_is_better");
  read_results(j, info);
  read_lists(j, info);
  if (const std::string status = text(j, "status"); !status.empty()) info.status = status;
  if (info.status == "running") {
    // Written when the run began: these say nothing of how long it has gone on.
    info.seconds = info.peak_rss_mb = std::nullopt;
    info.end.clear();
    if (!in_use(path)) info.status = "killed";
  }
  return info;
}

Run read_run(const std::string& path) {
  if (!files::is_folder(path)) {
    fail(ErrorKind::kConfig, "'{}' is no run folder: {}", path,
         files::exists(path) ? "it is a file" : "there is no such folder");
  }
  if (!looks_like_run(path)) {
    throw Error(
        ErrorKind::kConfig,
        fmt::format("'{}' is no run folder: it has none of run.json, config.yaml, metrics.jsonl", path), {},
        "`dlbench runs` lists the runs of a folder");
  }
  Run run;
  run.path = path;
  std::error_code error;
  const std::filesystem::path full = std::filesystem::weakly_canonical(path, error);
  run.name = error || full.filename().empty() ? files::base_name(path) : full.filename().string();
  run.info = read_run_info(path, run.notes);
  run.metrics = read_metrics(files::join(path, "metrics.jsonl"));
  run.notes.insert(run.notes.end(), run.metrics.notes.begin(), run.metrics.notes.end());
  if (run.metrics.records == 0)
    run.notes.emplace_back("nothing has been measured yet: metrics.jsonl has no record");
  if (files::exists(files::join(path, "config.yaml"))) {
    run.config = bounded(files::join(path, "config.yaml"), kMaxConfig, run.notes);
  } else {
    run.notes.emplace_back("there is no config.yaml");
  }
  if (const std::string file = files::join(path, "predictions.json"); files::exists(file)) {
    const ordered_json predictions = parsed(bounded(file, kMaxPredictions, run.notes));
    if (predictions.is_object()) {
      run.predictions = predictions.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    } else {
      run.notes.emplace_back("predictions.json is damaged: it is no JSON object");
    }
  }
  read_log(run);
  return run;
}

Results results_of(const Run& run) {
  Results results = run.info.metrics;
  Results last;
  for (const Series& s : run.metrics.series) {
    const bool metric = s.metric != "lr" && s.metric != "grad_norm" && s.metric != "samples_per_s";
    if (const std::optional<Point> point = s.curve.last(); metric && point)
      last[s.split][s.metric] = point->value;
  }
  for (auto& [split, values] : last) results.try_emplace(split, std::move(values));
  return results;
}

}  // namespace dlb::report
