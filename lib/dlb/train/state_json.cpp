/// \file state.json, to and from text.

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/train/checkpoint.h"

namespace dlb::train {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

/// JSON has no infinity and no NaN, which a best value or a metric may well be.
json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number(const json& j) {
  if (!j.is_string()) return j.get<double>();
  const auto text = j.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return (text == "-inf" ? -1 : 1) * std::numeric_limits<double>::infinity();
}

json sum_json(const TermSum& s) { return {number(s.sum), number(s.count)}; }
TermSum sum_from(const json& j) { return {number(j.at(0)), number(j.at(1))}; }

json phases_json(const std::vector<RunState::Phase>& phases) {
  json out = json::array();
  for (const RunState::Phase& p : phases) {
    json schedule = json::array();
    for (const double v : p.schedule) schedule.push_back(number(v));
    out.push_back({{"optimizer_steps", p.optimizer_steps}, {"schedule", schedule}});
  }
  return out;
}

json window_json(const RunState::Window& window) {
  json losses = json::array();
  for (const TermSums& sums : window.losses) {
    json terms = json::array();
    for (const TermSum& s : sums) terms.push_back(sum_json(s));
    losses.push_back(std::move(terms));
  }
  return {{"losses", losses}, {"reward", sum_json(window.reward)}};
}

RunState::Phase phase_from(const json& j) {
  RunState::Phase p;
  j.at("optimizer_steps").get_to(p.optimizer_steps);
  for (const json& v : j.at("schedule")) p.schedule.push_back(number(v));
  return p;
}

/// Also reads what versions without phases wrote.
void read_phases(const json& j, RunState& s) {
  const json& window = j.at("window");
  if (!j.contains("phases")) {
    s.phases = {phase_from(j)};
    s.window.losses = {{{number(window.at("loss_sum")), number(window.at("loss_count"))}}};
    return;
  }
  for (const json& p : j.at("phases")) s.phases.push_back(phase_from(p));
  for (const json& terms : window.at("losses")) {
    s.window.losses.emplace_back();
    for (const json& t : terms) s.window.losses.back().push_back(sum_from(t));
  }
  s.window.reward = sum_from(window.at("reward"));
}

json best_json(const RunState::Best& b) { return {{"step", b.step}, {"value", number(b.value)}}; }
RunState::Best best_from(const json& j) { return {j.at("step").get<int64_t>(), number(j.at("value"))}; }

}  // namespace

std::string state_to_json(const RunState& s, const std::map<std::string, std::string>& file_digests) {
  json monitored = json::object();
  for (const auto& [name, value] : s.monitored) monitored[name] = number(value);
  json j = {{"format", kFormat},
            {"step", s.step},
            {"epoch", s.epoch},
            {"batch", s.batch},
            {"micro_steps", s.micro_steps},
            {"average_updates", s.average_updates},
            {"phases", phases_json(s.phases)},
            {"window", window_json(s.window)},
            {"evaluated", s.evaluated},
            {"monitored", monitored},
            {"best", best_json(s.best)},
            {"early", best_json(s.early)},
            {"evaluations_without_improvement", s.evaluations_without_improvement},
            {"stopped", s.stopped},
            {"metrics_bytes", s.metrics_bytes},
            {"seconds", number(s.seconds)},
            {"seed", s.seed},
            {"config_sha256", s.config_sha256},
            {"files", file_digests}};
  j["sha256"] = files::sha256_hex(j.dump());
  return j.dump(1);
}

RunState state_from_json(std::string_view text, const std::string& name,
                         std::map<std::string, std::string>& file_digests) {
  try {
    json j = json::parse(text);
    const std::string digest = j.at("sha256").get<std::string>();
    j.erase("sha256");
    if (files::sha256_hex(j.dump()) != digest)
      fail(ErrorKind::kData, "'{}' is damaged: its digest does not fit its content", name);
    if (const int format = j.at("format").get<int>(); format != kFormat) {
      fail(ErrorKind::kData, "'{}' has format {}; this version reads format {}", name, format, kFormat);
    }
    RunState s;
    j.at("step").get_to(s.step);
    j.at("epoch").get_to(s.epoch);
    j.at("batch").get_to(s.batch);
    j.at("micro_steps").get_to(s.micro_steps);
    j.at("average_updates").get_to(s.average_updates);
    read_phases(j, s);
    j.at("evaluated").get_to(s.evaluated);
    for (const auto& [key, value] : j.at("monitored").items()) s.monitored[key] = number(value);
    s.best = best_from(j.at("best"));
    s.early = best_from(j.at("early"));
    j.at("evaluations_without_improvement").get_to(s.evaluations_without_improvement);
    j.at("stopped").get_to(s.stopped);
    j.at("metrics_bytes").get_to(s.metrics_bytes);
    s.seconds = number(j.at("seconds"));
    j.at("seed").get_to(s.seed);
    j.at("config_sha256").get_to(s.config_sha256);
    j.at("files").get_to(file_digests);
    return s;
  } catch (const json::exception& e) {
    fail(ErrorKind::kData, "'{}' is damaged: {}", name, e.what());
  }
}

}  // namespace dlb::train
