#include "dlb/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/markup.h"
#include "dlb/report/page.h"
#include "dlb/report/page_data.h"
#include "dlb/report/text.h"

namespace dlb::report {
namespace {

std::string tile(std::string_view label, std::string_view value, std::string_view more = {}) {
  return fmt::format("<div class=\"tile\"><dt>{}</dt><dd>{}{}</dd></div>\n", escape_markup(label),
                     escape_markup(value),
                     more.empty() ? std::string() : fmt::format(" <small>{}</small>", escape_markup(more)));
}

std::string brief(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "nan"; }

/// The splits in the order of their weight.
std::vector<std::string> splits_of(const Results& results) {
  std::vector<std::string> out;
  for (const char* name : {"test", "val", "train"}) {
    if (results.contains(name)) out.emplace_back(name);
  }
  for (const auto& [name, values] : results) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

/// Loss first, as everywhere.
std::vector<std::string> metrics_of(const Results& results) {
  std::vector<std::string> out;
  for (const auto& [split, values] : results) {
    for (const auto& [name, value] : values) {
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
  }
  std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a != "loss", a) < std::pair(b != "loss", b);
  });
  return out;
}

/// Where a metric was best: the lowest loss, the highest accuracy.
std::optional<Point> best_of(const Run& run, const std::string& split, const std::string& metric) {
  const Series* series = run.metrics.find(split, metric);
  if (series == nullptr || series->curve.size() < 2) return {};
  return run.info.higher(metric) ? series->curve.highest() : series->curve.lowest();
}

std::string head_html(const Run& run, const Results& results) {
  const RunInfo& info = run.info;
  std::string out = fmt::format("<p class=\"lead\"><span class=\"status\" data-status=\"{0}\">{0}</span>",
                                escape_markup(shortened(info.status, 40)));
  if (!info.config.empty())
    out += fmt::format(" <span>config <code>{}</code></span>", escape_markup(info.config));
  if (!info.start.empty())
    out += fmt::format(" <span>started <time>{}</time></span>", escape_markup(info.start));
  if (!info.end.empty()) out += fmt::format(" <span>ended <time>{}</time></span>", escape_markup(info.end));
  out += "</p>\n";
  if (!info.error.empty())
    out += fmt::format("<pre class=\"error\" role=\"alert\">{}</pre>\n",
                       escape_markup(shortened(info.error, 4000)));
  out += "<dl class=\"tiles\">\n";
  int shown = 0;
  for (const std::string& split : splits_of(results)) {
    for (const std::string& metric : metrics_of(results)) {
      const auto& values = results.at(split);
      const auto value = values.find(metric);
      if (value == values.end() || metric.starts_with("loss/") || split == "train" || shown >= 4) continue;
      ++shown;
      std::string more;
      if (const std::optional<Point> best = best_of(run, split, metric); best && best->value != value->second)
        more = fmt::format("best {} at step {}", brief(best->value), best->step);
      out += tile(split + " " + metric, brief(value->second), more);
    }
  }
  int64_t steps = info.steps.value_or(0);
  for (const Series& s : run.metrics.series) {
    if (s.curve.last() && info.status != "done") steps = std::max(steps, s.curve.last()->step);
  }
  out += tile(
      "steps", count_text(steps),
      info.epochs ? fmt::format("{} epoch{}", count_text(*info.epochs), *info.epochs == 1 ? "" : "s") : "");
  if (info.seconds) out += tile("time", duration_text(*info.seconds));
  if (info.params) out += tile("parameters", count_text(*info.params));
  if (const Series* speed = run.metrics.find("train", "samples_per_s");
      speed != nullptr && speed->curve.last())
    out += tile("samples a second", count_text(std::llround(std::min(speed->curve.last()->value, 1e15))));
  if (info.peak_rss_mb && *info.peak_rss_mb > 0)
    out += tile("peak memory", fmt::format("{:.0f} MiB", *info.peak_rss_mb));
  return out + "</dl>\n";
}

std::string results_html(const Run& run, const Results& results) {
  const std::vector<std::string> splits = splits_of(results);
  if (splits.empty()) return "<p class=\"muted\">Nothing has been measured yet.</p>\n";
  // A split that was measured once, at the end, has no best value of its own.
  const auto has_best = [&](const std::string& split) {
    const auto& values = results.at(split);
    return std::any_of(values.begin(), values.end(),
                       [&](const auto& v) { return best_of(run, split, v.first).has_value(); });
  };
  std::vector<std::string> columns = {"metric"};
  for (const std::string& split : splits) {
    columns.push_back(split);
    if (has_best(split)) columns.push_back(split + ", best");
  }
  std::vector<std::vector<Cell>> rows;
  for (const std::string& metric : metrics_of(results)) {
    const char* const direction = run.info.higher(metric) ? " <small title=\"more is better\">&uarr;</small>"
                                                          : " <small title=\"less is better\">&darr;</small>";
    std::vector<Cell> row = {{escape_markup(metric) + direction}};
    for (const std::string& split : splits) {
      const auto value = results.at(split).find(metric);
      row.push_back(
          {value == results.at(split).end() ? "" : escape_markup(number_text(value->second)), true});
      if (!has_best(split)) continue;
      const std::optional<Point> best = best_of(run, split, metric);
      row.push_back(
          {best ? fmt::format("{} <small>at step {}</small>", number_text(best->value), best->step) : "",
           true, "quiet"});
    }
    rows.push_back(std::move(row));
  }
  std::string out = table_html("Last and best value of each metric", columns, rows);
  if (run.info.best) {
    out += fmt::format("<p>Kept as the best: <strong>{}</strong> {} at step {}.</p>\n",
                       escape_markup(run.info.best->metric), number_text(run.info.best->value),
                       run.info.best->step);
  }
  if (run.info.expect.empty()) return out;
  rows.clear();
  for (const RunInfo::Expected& e : run.info.expect) {
    rows.push_back({{escape_markup(e.name)},
                    {escape_markup(number_text(e.value)), true, {}},
                    {escape_markup(number_text(e.min)), true, {}},
                    {escape_markup(number_text(e.max)), true, {}},
                    {e.met ? "met" : "missed", false, e.met ? "good" : "bad"}});
  }
  return out + "<h3>Expected</h3>\n" +
         table_html("What the config expects", {"value", "reached", "least", "most", ""}, rows);
}

std::string config_html(const Run& run) {
  if (run.config.empty()) return "<p class=\"muted\">There is no config to show.</p>\n";
  return fmt::format(
      "<pre class=\"code\" id=\"yaml\" tabindex=\"0\" aria-label=\"The resolved config\">{}</pre>\n",
      escape_markup(run.config));
}

std::string environment_html(const Run& run) {
  const RunInfo& i = run.info;
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) pairs.emplace_back(name, value);
  };
  add("run folder", run.path);
  add("command", i.command);
  add("dlbench", i.version + (i.build.empty() ? "" : " (" + i.build + ")"));
  add("host", i.host);
  add("device", i.device);
  add("threads", i.threads ? count_text(*i.threads) : "");
  add("seed", i.seed ? fmt::format("{}", *i.seed) : "");
  add("started", i.start);
  for (const std::string& time : i.resumed) add("resumed", time);
  add("hash of the parameters", i.params_hash);
  std::string out = pairs_html(pairs);
  if (i.data.empty()) return out;
  std::vector<std::vector<Cell>> rows;
  for (const auto& [file, sum] : i.data) {
    if (rows.size() >= 200) break;
    rows.push_back({{escape_markup(file)}, {fmt::format("<code>{}</code>", escape_markup(sum))}});
  }
  out +=
      "<h3>Data</h3>\n" + table_html("Files that were read, and their checksums", {"file", "checksum"}, rows);
  if (i.data.size() > rows.size())
    out += fmt::format("<p class=\"muted\">and {} more</p>\n", i.data.size() - rows.size());
  return out;
}

std::string messages_html(const Run& run) {
  std::string out = list_html("notes", run.notes) + list_html("warnings", run.warnings);
  if (out.empty()) out = "<p class=\"muted\">No warnings.</p>\n";
  if (run.log.empty()) return out;
  std::string text;
  for (const std::string& line : run.log) text += line + "\n";
  return out + fmt::format(
                   "<details><summary>Log (its last {} lines)</summary><pre class=\"code\" "
                   "tabindex=\"0\">{}</pre></details>\n",
                   run.log.size(), escape_markup(text));
}

}  // namespace

std::string report_html(const Run& run) {
  const Results results = results_of(run);
  Page page;
  page.title = run.name;
  page.head = head_html(run, results);
  const bool predictions = !run.predictions.empty();
  page.sections.push_back(
      {"curves", "Curves",
       "<div id=\"charts\"></div>\n<noscript><p>The curves are drawn by a script, which this browser "
       "does not run; the numbers are below.</p></noscript>\n"});
  page.sections.push_back({"results", "Results", results_html(run, results)});
  if (predictions) page.sections.push_back({"predictions", "Predictions", "<div id=\"samples\"></div>\n"});
  page.sections.push_back({"config", "Config", config_html(run)});
  page.sections.push_back({"environment", "Environment", environment_html(run)});
  page.sections.push_back(
      {"messages", run.warnings.empty() && run.notes.empty() ? "Messages" : "Warnings", messages_html(run)});
  page.data = page_data({&run}, {run.name});
  return page.html();
}

Written write_report(const std::string& path, const std::string& out) {
  const Run run = read_run(path);
  Written written{out.empty() ? files::join(path, "report.html") : out, 0, run.info.status, run.notes};
  if (files::is_folder(written.file))
    fail(ErrorKind::kConfig, "'{}' is a folder; name the file to write", written.file);
  const std::string html = report_html(run);
  files::write_atomic(written.file, html);
  written.bytes = html.size();
  return written;
}

}  // namespace dlb::report
