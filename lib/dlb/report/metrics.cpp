#include "dlb/report/metrics.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"

namespace dlb::report {
namespace {

constexpr size_t kMaxLine = 1 << 20;
constexpr size_t kMaxSeries = 200;
constexpr size_t kMaxName = 200;
constexpr size_t kMaxPoints = 200'000;  ///< of all curves together
constexpr size_t kMaxNotes = 5;         ///< about single lines

using nlohmann::json;

/// Whether brackets are nested deeper than any record's, which would cost memory out of proportion.
bool too_deep(std::string_view line) {
  int depth = 0;
  for (const char c : line) {
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > 20) return true;
  }
  return false;
}

class Reading {
 public:
  Metrics run(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      if (!files::exists(path)) return std::move(metrics_);
      fail(ErrorKind::kIo, "cannot read '{}': {}", path, std::strerror(errno));
    }
    std::string line;
    char chunk[1 << 16];
    while (file.read(chunk, sizeof chunk), file.gcount() > 0) {
      for (std::string_view rest(chunk, static_cast<size_t>(file.gcount())); !rest.empty();) {
        const size_t end = rest.find('\n');
        const std::string_view part = rest.substr(0, end);
        if (line.size() <= kMaxLine) line += part.substr(0, kMaxLine + 1 - line.size());
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
        take(line, true);
        line.clear();
      }
    }
    if (file.bad()) fail(ErrorKind::kIo, "cannot read '{}': {}", path, std::strerror(errno));
    if (!line.empty()) take(line, false);
    finish();
    return std::move(metrics_);
  }

 private:
  void take(std::string_view line, bool whole) {
    ++number_;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    if (line.size() > kMaxLine) return leave_out("is longer than a record can be");
    if (too_deep(line)) return leave_out("is no record");
    const json record = json::parse(line, nullptr, false);
    if (!record.is_object()) {
      if (whole) return leave_out("is no JSON object");
      metrics_.notes.push_back(fmt::format(
          "metrics.jsonl ends within line {}: the run was cut off while it wrote that record", number_));
      return;
    }
    const auto step = record.find("step");
    if (step == record.end() || !step->is_number()) return leave_out("has no step");
    const double at = step->get<double>();
    if (!(std::abs(at) < 9e15)) return leave_out("has no step");
    Point point{static_cast<int64_t>(at), std::numeric_limits<double>::quiet_NaN(), 0};
    if (const auto epoch = record.find("epoch"); epoch != record.end() && epoch->is_number())
      point.epoch = epoch->get<double>();
    const auto split = record.find("split");
    const std::string name = split != record.end() && split->is_string() ? split->get<std::string>() : "";
    ++metrics_.records;
    for (const auto& [metric, value] : record.items()) {
      if (metric == "step" || metric == "epoch" || metric == "split" ||
          (!value.is_number() && !value.is_null()))
        continue;
      Curve* curve = curve_of(metric, name);
      if (curve == nullptr) continue;
      point.value = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
      curve->add(point);
    }
  }

  Curve* curve_of(const std::string& metric, const std::string& split) {
    const auto key = std::make_pair(metric, split);
    const auto found = index_.find(key);
    if (found != index_.end()) return &metrics_.series[found->second].curve;
    if (metrics_.series.size() >= kMaxSeries || metric.size() > kMaxName || split.size() > kMaxName) {
      ++more_;
      return nullptr;
    }
    index_.emplace(key, metrics_.series.size());
    metrics_.series.push_back({metric, split, Curve()});
    return &metrics_.series.back().curve;
  }

  void leave_out(std::string_view why) {
    if (left_out_++ < static_cast<int64_t>(kMaxNotes))
      metrics_.notes.push_back(fmt::format("metrics.jsonl line {} {}; it is left out", number_, why));
  }

  void finish() {
    if (left_out_ > static_cast<int64_t>(kMaxNotes))
      metrics_.notes.push_back(fmt::format("{} lines of metrics.jsonl are left out in all", left_out_));
    if (more_ > 0) {
      metrics_.notes.push_back(fmt::format(
          "metrics.jsonl has more than {} curves, or names above {} bytes; {} values are left out",
          kMaxSeries, kMaxName, more_));
    }
    for (size_t total = points(); total > kMaxPoints; total = points()) {
      for (Series& s : metrics_.series) {
        if (s.curve.points().size() > 2) s.curve.halve();
      }
    }
    std::stable_sort(metrics_.series.begin(), metrics_.series.end(),
                     [](const Series& a, const Series& b) { return order(a) < order(b); });
  }

  size_t points() const {
    size_t n = 0;
    for (const Series& s : metrics_.series) n += s.curve.points().size();
    return n;
  }

  static int order(const Series& s) {
    const auto last = [&](std::string_view name) { return s.metric == name; };
    if (last("loss")) return 0;
    return last("lr")                      ? 3
           : last("grad_norm")             ? 4
           : last("samples_per_s")         ? 5
           : s.metric.starts_with("loss/") ? 2
                                           : 1;
  }

  Metrics metrics_;
  std::map<std::pair<std::string, std::string>, size_t> index_;
  int64_t number_ = 0;
  int64_t left_out_ = 0;
  int64_t more_ = 0;
};

}  // namespace

const Series* Metrics::find(std::string_view split, std::string_view metric) const {
  for (const Series& s : series) {
    if (s.split == split && s.metric == metric) return &s;
  }
  return nullptr;
}

Metrics read_metrics(const std::string& path) { return Reading().run(path); }

}  // namespace dlb::report
