#include "dlb/regress/baseline.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "dlb/base/error.h"
#include "dlb/base/files.h"

namespace dlb::regress {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxBytes = 1 << 20;
constexpr std::string_view kBetterNames[] = {"higher", "lower", "near"};

/// A value of the file with its place, which every error names.
class Value {
 public:
  Value(const ordered_json& json, const std::string& file, std::string path)
      : json_(json), file_(file), path_(std::move(path)) {}

  [[noreturn]] void bad(const std::string& what, const std::string& hint = {}) const {
    throw Error(ErrorKind::kConfig, path_.empty() ? what : fmt::format("{}: {}", path_, what), file_, hint);
  }

  /// Of a map: the value at a key; raises when it is not there.
  Value at(const std::string& key) const {
    if (!json_.contains(key)) bad(fmt::format("missing key '{}'", key));
    return below(key);
  }
  /// As at(), nothing when it is not there.
  std::optional<Value> find(const std::string& key) const {
    if (!json_.contains(key)) return {};
    return below(key);
  }
  Value below(const std::string& key) const { return {json_.at(key), file_, path_of(key)}; }
  Value item(size_t index) const { return {json_.at(index), file_, fmt::format("{}[{}]", path_, index)}; }
  size_t size() const { return json_.size(); }

  /// Raises unless it is a map whose keys are among these.
  void expect_keys(const std::vector<std::string>& keys) const {
    expect_map();
    for (const auto& [key, value] : json_.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      const std::string near = nearest_name(key, keys);
      std::string valid;
      for (const std::string& k : keys) valid += (valid.empty() ? "" : ", ") + k;
      bad(fmt::format("unknown key '{}'{}", key,
                      near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near)),
          near.empty() ? "valid keys: " + valid : "");
    }
  }
  void expect_map() const {
    if (!json_.is_object()) wrong_kind("a map");
  }
  void expect_list() const {
    if (!json_.is_array()) wrong_kind("a list");
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> out;
    for (const auto& [key, value] : json_.items()) out.push_back(key);
    return out;
  }

  double number() const {
    if (!json_.is_number()) wrong_kind("a number");
    const double value = json_.get<double>();
    if (!std::isfinite(value)) bad("the number is too large");
    return value;
  }
  double number_from(double least) const {
    const double value = number();
    if (value < least) bad(fmt::format("must be at least {}, got {}", least, value));
    return value;
  }
  double above_zero() const {
    const double value = number();
    if (value <= 0) bad(fmt::format("must be above 0, got {}", value));
    return value;
  }
  std::string text() const {
    if (!json_.is_string()) wrong_kind("a text");
    return json_.get<std::string>();
  }

 private:
  std::string path_of(const std::string& key) const {
    const std::string shown = key.find('.') == std::string::npos ? key : fmt::format("\"{}\"", key);
    return path_.empty() ? shown : fmt::format("{}.{}", path_, shown);
  }
  [[noreturn]] void wrong_kind(std::string_view expected) const {
    bad(fmt::format("expected {}, got {}", expected, found()));
  }
  std::string found() const {
    if (json_.is_object()) return "a map";
    if (json_.is_array()) return "a list";
    std::string text = json_.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return text;
  }

  const ordered_json& json_;
  const std::string& file_;
  std::string path_;
};

/// Parses text; the library would let the later of two equal keys win.
ordered_json parse_json(std::string_view text, const std::string& name) {
  constexpr size_t kMaxDepth = 16;
  std::vector<std::set<std::string>> open;
  const auto watch = [&](int /*depth*/, ordered_json::parse_event_t event, ordered_json& parsed) {
    using Event = ordered_json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) open.emplace_back();
    if (event == Event::object_end || event == Event::array_end) open.pop_back();
    if (open.size() > kMaxDepth)
      throw Error(ErrorKind::kConfig, fmt::format("more than {} levels of nesting", kMaxDepth), name);
    if (event == Event::key && !open.back().insert(parsed.get<std::string>()).second)
      throw Error(ErrorKind::kConfig, fmt::format("the key '{}' is there twice", parsed.get<std::string>()),
                  name);
    return true;
  };
  try {
    return ordered_json::parse(text, watch);
  } catch (const ordered_json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 3, column 4: ...", of which users want the rest.
    std::string what = e.what();
    if (const size_t end = what.find("] "); end != std::string::npos) what = what.substr(end + 2);
    throw Error(ErrorKind::kConfig, "no valid JSON: " + what, name);
  }
}

Better better_of(const Value& value) {
  const std::string text = value.text();
  for (size_t i = 0; i < std::size(kBetterNames); ++i) {
    if (kBetterNames[i] == text) return static_cast<Better>(i);
  }
  value.bad(fmt::format("expected higher, lower or near, got '{}'", text));
}

ExpectedMetric metric_of(const std::string& name, const Value& value) {
  value.expect_keys({"value", "better", "tolerance", "relative"});
  const size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == name.size())
    value.bad("a metric's name is SPLIT.METRIC, such as test.accuracy");
  ExpectedMetric metric;
  metric.name = name;
  metric.value = value.at("value").number();
  metric.better = better_of(value.at("better"));
  const auto tolerance = value.find("tolerance"), relative = value.find("relative");
  if (!tolerance && !relative) value.bad("needs tolerance, relative or both");
  if (tolerance) metric.tolerance = tolerance->number_from(0);
  if (relative) metric.relative = relative->number_from(0);
  return metric;
}

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string hash_of(const Value& value) {
  const std::string text = value.text();
  if (!is_hash(text)) value.bad("expected 64 lower-case hexadecimal digits");
  return text;
}

int threads_in(const std::string& text) {
  int threads = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), threads);
  return status == std::errc() && end == text.data() + text.size() && threads > 0 && threads <= 1024 ? threads
                                                                                                     : 0;
}

Machine machine_of(const Value& value) {
  value.expect_map();
  Machine machine;
  for (const std::string& key : value.keys()) machine[key] = value.below(key).text();
  if (const auto threads = value.find("threads"); threads && threads_in(machine["threads"]) == 0)
    threads->bad(fmt::format("expected a number of threads from 1 to 1024, got '{}'", machine["threads"]));
  return machine;
}

Revision revision_of(const Value& value) {
  value.expect_keys({"date", "reason", "version", "metrics", "params_hash", "step_time_ratio"});
  Revision r;
  r.date = value.at("date").text();
  r.reason = value.at("reason").text();
  r.version = value.at("version").text();
  if (const auto metrics = value.find("metrics")) {
    metrics->expect_map();
    for (const std::string& key : metrics->keys()) r.metrics[key] = metrics->below(key).number();
  }
  if (const auto hash = value.find("params_hash")) r.params_hash = hash_of(*hash);
  if (const auto ratio = value.find("step_time_ratio")) r.step_time_ratio = ratio->above_zero();
  return r;
}

ordered_json metrics_json(const std::vector<ExpectedMetric>& metrics) {
  ordered_json out = ordered_json::object();
  for (const ExpectedMetric& m : metrics) {
    ordered_json& one = out[m.name] = {{"value", m.value}, {"better", better_name(m.better)}};
    if (m.tolerance > 0 || m.relative == 0) one["tolerance"] = m.tolerance;
    if (m.relative > 0) one["relative"] = m.relative;
  }
  return out;
}

ordered_json revision_json(const Revision& r) {
  ordered_json out = {{"date", r.date}, {"reason", r.reason}, {"version", r.version}};
  if (!r.metrics.empty()) out["metrics"] = r.metrics;
  if (!r.params_hash.empty()) out["params_hash"] = r.params_hash;
  if (r.step_time_ratio > 0) out["step_time_ratio"] = r.step_time_ratio;
  return out;
}

}  // namespace

std::string_view better_name(Better better) { return kBetterNames[static_cast<size_t>(better)]; }

double ExpectedMetric::allowance() const { return tolerance + relative * std::abs(value); }

int Baseline::threads() const {
  const auto fact = machine.find("threads");
  return fact == machine.end() ? 0 : threads_in(fact->second);
}

Baseline parse_baseline(std::string_view text, const std::string& name) {
  const ordered_json json = parse_json(text, name);
  const Value root(json, name, "");
  root.expect_keys({"metrics", "params_hash", "machine", "step_time", "seconds", "history"});
  Baseline b;
  const Value metrics = root.at("metrics");
  metrics.expect_map();
  if (metrics.size() == 0) metrics.bad("names no metric");
  for (const std::string& key : metrics.keys()) b.metrics.push_back(metric_of(key, metrics.below(key)));
  if (const auto machine = root.find("machine")) b.machine = machine_of(*machine);
  if (const auto hash = root.find("params_hash")) {
    b.params_hash = hash_of(*hash);
    if (b.machine.empty()) root.bad("params_hash needs `machine`: the kind of machine that it is of");
  }
  if (const auto time = root.find("step_time")) {
    time->expect_keys({"ratio", "relative"});
    b.step_time = {time->at("ratio").above_zero(), time->at("relative").number_from(0)};
  }
  if (const auto seconds = root.find("seconds")) b.seconds = seconds->number_from(0);
  const Value history = root.at("history");
  history.expect_list();
  for (size_t i = 0; i < history.size(); ++i) b.history.push_back(revision_of(history.item(i)));
  if (b.history.empty()) history.bad("says neither when nor why the baseline was taken");
  return b;
}

Baseline read_baseline(const std::string& path) {
  return parse_baseline(files::read_all(path, kMaxBytes), path);
}

std::string to_json(const Baseline& b) {
  ordered_json out = {{"metrics", metrics_json(b.metrics)}};
  if (!b.params_hash.empty()) out["params_hash"] = b.params_hash;
  if (!b.machine.empty()) out["machine"] = b.machine;
  if (b.step_time) out["step_time"] = {{"ratio", b.step_time->ratio}, {"relative", b.step_time->relative}};
  if (b.seconds > 0) out["seconds"] = b.seconds;
  ordered_json& history = out["history"] = ordered_json::array();
  for (const Revision& r : b.history) history.push_back(revision_json(r));
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dlb::regress
