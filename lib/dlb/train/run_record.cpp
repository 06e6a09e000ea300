#include "dlb/train/run_record.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/version.h"

namespace dlb::train {
namespace {

using nlohmann::ordered_json;

ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(); }

/// Linux' own figure: what getrusage() gives may be that of the program that started this one.
double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

ordered_json metrics_json(const RunResult& r) {
  ordered_json out = ordered_json::object();
  for (const auto& [split, values] : r.metrics) {
    ordered_json& to = out[split] = ordered_json::object();
    if (const auto loss = values.find("loss"); loss != values.end()) to["loss"] = number(loss->second);
    for (const auto& [name, value] : values) {
      if (name != "loss") to[name] = number(value);
    }
  }
  return out;
}

ordered_json expect_json(const RunResult& r) {
  ordered_json out = ordered_json::array();
  for (const Expectation& e : r.expect) {
    ordered_json one = {{"name", e.split + "." + e.metric}};
    if (std::isfinite(e.min)) one["min"] = e.min;
    if (std::isfinite(e.max)) one["max"] = e.max;
    one["value"] = number(e.value);
    one["met"] = e.met();
    out.push_back(std::move(one));
  }
  return out;
}

Expectation expectation_from(const ordered_json& j) {
  Expectation e;
  const auto name = j.at("name").get<std::string>();
  const size_t dot = name.find('.');
  e.split = name.substr(0, dot);
  e.metric = dot == std::string::npos ? "" : name.substr(dot + 1);
  if (j.contains("min")) j.at("min").get_to(e.min);
  if (j.contains("max")) j.at("max").get_to(e.max);
  if (!j.at("value").is_null()) j.at("value").get_to(e.value);
  return e;
}

}  // namespace

bool RunResult::as_expected() const {
  return std::all_of(expect.begin(), expect.end(), [](const Expectation& e) { return e.met(); });
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::gmtime_r(&now, &parts);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string to_json(const RunResult& r) {
  ordered_json j = {{"run", r.run},
                    {"status", r.status},
                    {"steps", r.steps},
                    {"epochs", r.epochs},
                    {"seconds", number(r.seconds)},
                    {"metrics", metrics_json(r)},
                    {"params_hash", r.params_hash}};
  if (!r.expect.empty()) j["expect"] = expect_json(r);
  return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void write_run_record(const std::string& path, const RunRecord& r) {
  ordered_json j = {{"name", r.name},
                    {"status", r.result.status},
                    {"version", version()},
                    {"build", build_description()},
                    {"command", r.command},
                    {"config", r.config},
                    {"host", host_name()},
                    {"device", r.device},
                    {"threads", r.threads},
                    {"seed", r.seed},
                    {"start", r.start},
                    {"resumed", r.resumed},
                    {r.result.status == "running" ? "updated" : "end", utc_now()},
                    {"data", r.data},
                    {"params", r.params},
                    {"steps", r.result.steps},
                    {"epochs", r.result.epochs},
                    {"seconds", number(r.result.seconds)},
                    {"peak_rss_mb", std::round(peak_rss_mb() * 10) / 10},
                    {"metrics", metrics_json(r.result)},
                    {"params_hash", r.result.params_hash},
                    {"higher_is_better", r.higher_is_better}};
  if (r.best)
    j["best"] = {{"metric", r.best_metric}, {"value", number(r.best->value)}, {"step", r.best->step}};
  if (!r.result.expect.empty()) j["expect"] = expect_json(r.result);
  if (!r.error.empty()) j["error"] = r.error;
  files::write_atomic(path, j.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

std::optional<RunRecord> read_run_record(const std::string& path) {
  if (!files::exists(path)) return {};
  try {
    const ordered_json j = ordered_json::parse(files::read_all(path, size_t{64} << 20));
    RunRecord r;
    j.at("name").get_to(r.name);
    j.at("config").get_to(r.config);
    j.at("command").get_to(r.command);
    j.at("device").get_to(r.device);
    j.at("threads").get_to(r.threads);
    j.at("seed").get_to(r.seed);
    j.at("start").get_to(r.start);
    j.at("resumed").get_to(r.resumed);
    for (const auto& [file, digest] : j.at("data").items()) r.data[file] = digest.get<std::string>();
    j.at("params").get_to(r.params);
    j.at("status").get_to(r.result.status);
    j.at("steps").get_to(r.result.steps);
    j.at("epochs").get_to(r.result.epochs);
    r.result.seconds = j.at("seconds").is_null() ? NAN : j.at("seconds").get<double>();
    for (const auto& [split, values] : j.at("metrics").items()) {
      for (const auto& [name, value] : values.items())
        r.result.metrics[split][name] = value.is_null() ? NAN : value.get<double>();
    }
    j.at("params_hash").get_to(r.result.params_hash);
    if (j.contains("expect")) {
      for (const ordered_json& e : j.at("expect")) r.result.expect.push_back(expectation_from(e));
    }
    return r;
  } catch (const ordered_json::exception& e) {
    fail(ErrorKind::kData, "'{}' is damaged: {}", path, e.what());
  }
}

}  // namespace dlb::train
