#include "dlb/profile/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace dlb::profile {
namespace {

using Json = nlohmann::ordered_json;

/// Six digits are more than can be measured.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

double mib(double bytes) { return rounded(bytes / 0x1p20); }
double mib(size_t bytes) { return mib(static_cast<double>(bytes)); }

Json spread_json(const Spread& s) {
  return {{"median", rounded(s.median)},
          {"p10", rounded(s.p10)},
          {"p90", rounded(s.p90)},
          {"min", rounded(s.min)}};
}

void add_times(Json& j, const Row& row, const Peaks& peaks) {
  j["calls"] = rounded(row.calls);
  j["ms"] = rounded(row.ms);
  j["percent"] = rounded(row.percent);
  j["gflops"] = rounded(row.gflops());
  j["gb_per_s"] = rounded(row.gb_per_s());
  j["percent_of_peak"] = rounded(row.percent_of_peak(peaks));
  j["p10"] = rounded(row.p10);
  j["p90"] = rounded(row.p90);
}

Json ops_json(const Profile& p) {
  Json ops = Json::array();
  for (const Row& row : p.rows) {
    Json j = {{"name", row.name}, {"layer", row.layer}, {"where", row.where}, {"phase", row.part}};
    add_times(j, row, p.peaks);
    j["flops"] = row.flops;
    j["bytes"] = row.bytes;
    ops.push_back(std::move(j));
  }
  return ops;
}

Json grouped_json(const Profile& p, GroupBy by) {
  Json groups = Json::array();
  for (const Row& row : grouped(p.rows, by)) {
    Json j = Json::object();
    if (by == GroupBy::kLayer) j["layer"] = row.layer;
    j["where"] = row.where;
    add_times(j, row, p.peaks);
    groups.push_back(std::move(j));
  }
  return groups;
}

Json memory_json(const Profile& p) {
  const MemoryProfile& m = p.memory;
  Json held = Json::array();
  for (const MemoryProfile::Holder& h : m.held)
    held.push_back({{"layer", h.layer}, {"where", h.where}, {"phase", h.part}, {"mb", mib(h.bytes)}});
  Json timeline = Json::array();
  for (const MemoryProfile::Point& point : m.timeline) {
    timeline.push_back(
        {{"ms", rounded(point.ms)}, {"mb", mib(point.bytes)}, {"layer", point.layer}, {"phase", point.part}});
  }
  return {
      {"start_mb", mib(m.start_bytes)},
      {"weights_mb", mib(p.weight_bytes)},
      {"optimizer_mb", mib(p.optimizer_bytes)},
      {"peak_mb", mib(m.peak_bytes)},
      {"peak", {{"layer", m.peak.layer}, {"where", m.peak.where}, {"phase", m.peak.part}, {"op", m.peak.op}}},
      {"held_at_peak", held},
      {"timeline", timeline}};
}

Json differences_json(const std::vector<Difference>& list) {
  Json all = Json::array();
  for (const Difference& d : list) {
    all.push_back({{"what", d.what},
                   {"unit", d.unit},
                   {"before", rounded(d.before)},
                   {"after", rounded(d.after)},
                   {"percent", rounded(d.percent())}});
  }
  return all;
}

}  // namespace

std::string to_json(const Profile& p, const Comparison* comparison) {
  Json phases = Json::object(), spread = Json::object();
  for (size_t i = 0; i < kParts; ++i) {
    const char* const name = part_name(static_cast<WorkPart>(i));
    phases[name] = rounded(p.part_ms[i]);
    spread[name] = spread_json(p.part_spread[i]);
  }
  Json j = {{"model", p.model},
            {"config", p.config},
            {"device", p.device},
            {"threads", p.threads},
            {"dtype", p.dtype},
            {"mode", p.mode},
            {"params", p.params},
            {"flops_per_step", p.flops},
            {"steps", p.steps},
            {"warmup", p.warmup},
            {"samples_per_step", rounded(p.samples)},
            {"step_ms", spread_json(p.step_ms)},
            {"watched_step_ms", spread_json(p.watched_ms)},
            {"phases_ms", phases},
            {"phases_spread", spread},
            {"samples_per_s", rounded(p.samples_per_s())},
            {"peak_rss_mb", rounded(p.peak_rss_mb)},
            {"activation_mb", mib(p.memory.activation_bytes)},
            {"achieved_gflops", rounded(p.gflops())},
            {"peaks", {{"gflops", rounded(p.peaks.gflops)}, {"gb_per_s", rounded(p.peaks.gb_per_s)}}},
            {"watched_every", p.watched_every},
            {"watched_overhead_percent", rounded(p.watched_overhead_percent)},
            {"overhead_percent", rounded(p.overhead_percent)},
            {"overhead_margin", rounded(p.overhead_margin)},
            {"allocations", {{"count", p.memory.allocations}, {"mb", mib(p.memory.allocated_bytes)}}},
            {"memory", memory_json(p)},
            {"ops", ops_json(p)},
            {"layers", grouped_json(p, GroupBy::kLayer)},
            {"lines", grouped_json(p, GroupBy::kLine)}};
  if (comparison != nullptr) {
    j["compare"] = {{"notes", comparison->notes},
                    {"worse", differences_json(comparison->worse)},
                    {"better", differences_json(comparison->better)},
                    {"within_noise", comparison->within_noise},
                    {"within_noise_ms", rounded(comparison->within_noise_ms)}};
  }
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace dlb::profile
