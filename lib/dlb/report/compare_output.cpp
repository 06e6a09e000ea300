/// \file A comparison as text, JSON and page.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "dlb/base/markup.h"
#include "dlb/report/compare.h"
#include "dlb/report/page.h"
#include "dlb/report/page_data.h"
#include "dlb/report/text.h"
#include "dlb/report/text_table.h"

namespace dlb::report {
namespace {

using nlohmann::ordered_json;

ordered_json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json();
}

/// A value minus that of the first run, where both have one that is finite.
std::optional<double> difference(const ComparedMetric& m, size_t run) {
  const std::optional<double>&a = m.values.front(), &b = m.values[run];
  if (!a || !b || !std::isfinite(*a) || !std::isfinite(*b)) return {};
  return *b - *a;
}

/// "+0.0123 (+1.3 %)", "=" when there is none.
std::string difference_text(const ComparedMetric& m, size_t run) {
  const std::optional<double> d = difference(m, run);
  if (!d) return "";
  if (*d == 0) return "=";
  const double base = std::abs(*m.values.front());
  return base > 0 ? fmt::format("{:+.4g} ({:+.2f} %)", *d, 100 * *d / base) : fmt::format("{:+.4g}", *d);
}

std::string verdict(const ComparedMetric& m, size_t run) {
  const std::optional<double> d = difference(m, run);
  if (!d || *d == 0) return {};
  return (*d > 0) == m.higher ? "good" : "bad";
}

std::string params_text(const Comparison& c) {
  if (!c.same_params) return "The hashes of the final parameters cannot be compared: not every run has one.";
  return *c.same_params ? "The final parameters are equal, bit for bit." : "The final parameters differ.";
}

std::string differences_text(const Comparison& c, const std::vector<Difference>& list, const char* key) {
  std::vector<std::vector<std::string>> rows = {{key}};
  rows.front().insert(rows.front().end(), c.names.begin(), c.names.end());
  for (const Difference& d : list) {
    rows.push_back({d.key});
    for (const std::optional<std::string>& v : d.values) rows.back().push_back(v ? shortened(*v, 60) : "-");
  }
  return text_table(rows, {});
}

std::string differences_html(const Comparison& c, const std::vector<Difference>& list, const char* caption) {
  std::vector<std::string> columns = {"key"};
  columns.insert(columns.end(), c.names.begin(), c.names.end());
  std::vector<std::vector<Cell>> rows;
  for (const Difference& d : list) {
    std::vector<Cell> row = {{fmt::format("<code>{}</code>", escape_markup(d.key))}};
    for (const std::optional<std::string>& v : d.values)
      row.push_back({v ? fmt::format("<code>{}</code>", escape_markup(*v))
                       : std::string("<span class=\"muted\">&ndash;</span>")});
    rows.push_back(std::move(row));
  }
  return table_html(caption, columns, rows);
}

std::string metrics_html(const Comparison& c) {
  std::vector<std::string> columns = {"metric"};
  for (size_t i = 0; i < c.names.size(); ++i) {
    columns.push_back(c.names[i]);
    if (i > 0) columns.emplace_back("difference");
  }
  std::vector<std::vector<Cell>> rows;
  for (const ComparedMetric& m : c.metrics) {
    std::vector<Cell> row = {{escape_markup(m.split + " " + m.metric)}};
    for (size_t i = 0; i < c.names.size(); ++i) {
      row.push_back({escape_markup(number_text(m.values[i])), true});
      if (i > 0) row.push_back({escape_markup(difference_text(m, i)), true, verdict(m, i)});
    }
    rows.push_back(std::move(row));
  }
  return table_html("Last value of each metric; differences from the first run", columns, rows);
}

}  // namespace

std::string Comparison::text() const {
  std::string out;
  std::vector<std::vector<std::string>> rows = {{"metric"}};
  for (size_t i = 0; i < names.size(); ++i) {
    rows.front().push_back(names[i]);
    if (i > 0) rows.front().emplace_back("difference");
  }
  std::vector<size_t> right;
  for (size_t i = 1; i < rows.front().size(); ++i) right.push_back(i);
  for (const ComparedMetric& m : metrics) {
    rows.push_back({m.split + " " + m.metric});
    for (size_t i = 0; i < names.size(); ++i) {
      rows.back().push_back(number_text(m.values[i]));
      if (i > 0) rows.back().push_back(difference_text(m, i));
    }
  }
  out += metrics.empty() ? std::string("No run has measured anything yet.\n") : text_table(rows, right);
  out += "\n" + (config.empty() ? std::string("The configs do not differ.\n")
                                : differences_text(*this, config, "config"));
  if (!environment.empty()) out += "\n" + differences_text(*this, environment, "environment");
  return out + "\n" + params_text(*this) + "\n";
}

std::string Comparison::json() const {
  ordered_json j;
  j["runs"] = ordered_json::array();
  for (size_t i = 0; i < runs.size(); ++i) {
    j["runs"].push_back({{"name", names[i]},
                         {"path", runs[i].path},
                         {"status", runs[i].info.status},
                         {"params_hash", runs[i].info.params_hash}});
  }
  const auto list = [](const std::vector<Difference>& differences) {
    ordered_json out = ordered_json::array();
    for (const Difference& d : differences) {
      ordered_json values = ordered_json::array();
      for (const std::optional<std::string>& v : d.values)
        values.push_back(v ? ordered_json(*v) : ordered_json());
      out.push_back({{"key", d.key}, {"values", values}});
    }
    return out;
  };
  j["config"] = list(config);
  j["metrics"] = ordered_json::array();
  for (const ComparedMetric& m : metrics) {
    ordered_json values = ordered_json::array(), differences = ordered_json::array();
    for (size_t i = 0; i < m.values.size(); ++i) {
      values.push_back(number(m.values[i]));
      differences.push_back(number(difference(m, i)));
    }
    j["metrics"].push_back({{"split", m.split},
                            {"metric", m.metric},
                            {"higher_is_better", m.higher},
                            {"values", values},
                            {"differences", differences}});
  }
  j["params_equal"] = same_params ? ordered_json(*same_params) : ordered_json();
  j["environment"] = list(environment);
  j["notes"] = notes;
  return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string Comparison::html() const {
  Page page;
  for (const std::string& name : names) page.title += (page.title.empty() ? "" : " | ") + name;
  page.head = "<p class=\"lead\">";
  for (size_t i = 0; i < runs.size(); ++i) {
    page.head += fmt::format("<span>{} <span class=\"status\" data-status=\"{}\">{}</span></span> ",
                             escape_markup(names[i]), escape_markup(runs[i].info.status),
                             escape_markup(runs[i].info.status));
  }
  page.head += fmt::format("</p>\n<p>{}</p>\n", params_text(*this));
  page.sections.push_back(
      {"curves", "Curves",
       "<div id=\"charts\"></div>\n<noscript><p>The curves are drawn by a script, which this browser "
       "does not run; the numbers are below.</p></noscript>\n"});
  page.sections.push_back({"results", "Results", metrics_html(*this)});
  page.sections.push_back({"config", "Config",
                           config.empty()
                               ? "<p class=\"muted\">The configs do not differ.</p>\n"
                               : differences_html(*this, config, "Keys of the config that differ")});
  page.sections.push_back({"environment", "Environment",
                           environment.empty() ? "<p class=\"muted\">No difference.</p>\n"
                                               : differences_html(*this, environment, "What else differs")});
  if (!notes.empty()) page.sections.push_back({"messages", "Notes", list_html("notes", notes)});
  std::vector<const Run*> all;
  for (const Run& run : runs) all.push_back(&run);
  page.data = page_data(all, names);
  return page.html();
}

}  // namespace dlb::report
