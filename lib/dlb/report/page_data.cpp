#include "dlb/report/page_data.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace dlb::report {
namespace {

using nlohmann::ordered_json;

/// Compact JSON text; bytes that are no UTF-8 are replaced.
std::string quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string series_json(const Series& s) {
  std::string steps, epochs, values;
  bool has_epochs = false;
  for (const Point& p : s.curve.points()) {
    const char* const comma = steps.empty() ? "" : ",";
    steps += fmt::format("{}{}", comma, p.step);
    epochs += std::isfinite(p.epoch) ? fmt::format("{}{:.5g}", comma, p.epoch) : fmt::format("{}null", comma);
    has_epochs = has_epochs || std::isfinite(p.epoch);
    // Seven digits are more than a float32 has, and half of what a double would take.
    values += std::isfinite(p.value) ? fmt::format("{}{:.7g}", comma, p.value) : fmt::format("{}null", comma);
  }
  return fmt::format(
      "{{\"metric\":{},\"split\":{},\"records\":{},\"thinned\":{},\"step\":[{}],\"epoch\":[{}],\"value\":[{}]"
      "}}",
      quoted(s.metric), quoted(s.split), s.curve.size(), s.curve.thinned(), steps,
      has_epochs ? epochs : std::string(), values);
}

}  // namespace

std::string page_data(const std::vector<const Run*>& runs, const std::vector<std::string>& names) {
  std::string out = "{\"runs\":[";
  for (size_t i = 0; i < runs.size(); ++i) {
    const Run& run = *runs[i];
    out += fmt::format("{}{{\"name\":{},\"series\":[", i > 0 ? ",\n" : "\n", quoted(names[i]));
    std::string all;
    for (const Series& s : run.metrics.series) {
      if (!all.empty()) all += ",\n";
      all += series_json(s);
    }
    out +=
        all + "],\"higher\":" +
        ordered_json(run.info.higher_is_better).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    if (run.info.best && std::isfinite(run.info.best->value)) {
      out += fmt::format(",\"best\":{{\"metric\":{},\"step\":{},\"value\":{:.9g}}}",
                         quoted(run.info.best->metric), run.info.best->step, run.info.best->value);
    }
    out += "}";
  }
  out += "]";
  if (runs.size() == 1 && !runs.front()->predictions.empty())
    out += ",\n\"predictions\":" + runs.front()->predictions;
  return out + "}";
}

}  // namespace dlb::report
