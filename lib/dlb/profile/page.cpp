#include "dlb/profile/page.h"

#include <fmt/format.h>

#include "dlb/base/markup.h"
#include "dlb/base/version.h"
#include "dlb/profile/pictures.h"
#include "dlb/profile/text.h"

namespace dlb::profile {
namespace {

constexpr size_t kMostRows = 200, kMostHolders = 30;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 1200px; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 2px 8px; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child, td.place, th.place { text-align: left; }
td.bar { background: linear-gradient(to left, #3b8fd055 var(--share), transparent var(--share)); }
details { margin: .5rem 0; } .scroll { overflow-x: auto; }
)";

std::string cell(const std::string& text) { return "<td>" + escape_markup(text) + "</td>"; }
std::string place_cell(const std::string& text) {
  return "<td class=\"place\">" + escape_markup(text) + "</td>";
}

std::string rate(double value) { return value > 0 ? fmt::format("{:.4g}", value) : ""; }
std::string share(double value, double peak) {
  return value > 0 && peak > 0 ? fmt::format("{:.0f} %", 100 * value / peak) : "";
}

std::string table(const Profile& p, const std::vector<Row>& rows, GroupBy by) {
  const char* const title = by == GroupBy::kOperator ? "operator" : by == GroupBy::kLayer ? "layer" : "line";
  std::string out = fmt::format(
      "<div "
      "class=\"scroll\"><table><tr><th>{}</th><th>calls</th><th>time</th><th>share</th><th>GFLOP/s</"
      "th><th>of "
      "peak</th><th>GB/s</th><th>of peak</th>{}</tr>\n",
      title, by == GroupBy::kLayer ? "<th class=\"place\">line</th>" : "");
  for (size_t i = 0; i < std::min(rows.size(), kMostRows); ++i) {
    const Row& row = rows[i];
    const std::string name = by == GroupBy::kOperator ? row.name
                             : by == GroupBy::kLayer  ? row.layer
                             : row.where.empty()      ? "(no line)"
                                                      : row.where;
    out += "<tr>" + cell(name) + cell(row.calls > 0 ? fmt::format("{:.4g}", row.calls) : "") +
           cell(time_text(row.ms));
    out += fmt::format("<td class=\"bar\" style=\"--share:{0:.1f}%\">{0:.1f} %</td>", row.percent);
    out += cell(rate(row.gflops())) + cell(share(row.gflops(), p.peaks.gflops)) + cell(rate(row.gb_per_s())) +
           cell(share(row.gb_per_s(), p.peaks.gb_per_s));
    if (by == GroupBy::kLayer) out += place_cell(row.where);
    out += "</tr>\n";
  }
  out += "</table></div>\n";
  if (rows.size() > kMostRows)
    out += fmt::format("<p>{} more rows are in the JSON document.</p>\n", rows.size() - kMostRows);
  return out;
}

std::string section(const char* title, const std::string& body) {
  return fmt::format("<h2>{}</h2>\n{}", title, body);
}

std::string fact(const char* name, const std::string& value) {
  return fmt::format("<tr><td>{}</td><td class=\"place\">{}</td></tr>\n", name, escape_markup(value));
}

std::string facts(const Profile& p) {
  std::string parts;
  for (size_t i = 0; i < kParts; ++i) {
    if (p.part_ms[i] > 0)
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", part_name(static_cast<WorkPart>(i)),
                           time_text(p.part_ms[i]));
  }
  std::string out = "<table>\n";
  out += fact("config", p.config);
  out += fact("what", fmt::format("{}, {} parameters, {:.4g} samples a step",
                                  p.mode == "infer" ? "inference" : "training", p.params, p.samples));
  out += fact("where",
              fmt::format("{}, {} thread{}, {}", p.device, p.threads, p.threads == 1 ? "" : "s", p.dtype));
  out += fact("step",
              fmt::format("{} (p10 {}, p90 {}, {} steps), {:.4g} samples/s", time_text(p.step_ms.median),
                          time_text(p.step_ms.p10), time_text(p.step_ms.p90), p.steps, p.samples_per_s()));
  out += fact("parts", parts);
  out += fact("work", fmt::format("{}FLOP a step, {:.4g} GFLOP/s of {:.4g}; memory peak {:.3g} GB/s",
                                  amount_text(p.flops), p.gflops(), p.peaks.gflops, p.peaks.gb_per_s));
  out += fact("memory", fmt::format("{:.0f} MiB resident at most; tensors {}, activations {}", p.peak_rss_mb,
                                    bytes_text(static_cast<double>(p.memory.peak_bytes)),
                                    bytes_text(static_cast<double>(p.memory.activation_bytes))));
  out += fact("allocations", fmt::format("{} a step, {} in all", p.memory.allocations,
                                         bytes_text(p.memory.allocated_bytes)));
  out += fact("watching costs", overhead_text(p));
  return out + "</table>\n";
}

std::string holders(const Profile& p) {
  std::string out =
      "<table><tr><th>in use at the peak</th><th>memory</th><th>part</th><th "
      "class=\"place\">line</th></tr>\n";
  const double before = static_cast<double>(p.memory.start_bytes);
  out += "<tr>" + cell("from before the step") + cell(bytes_text(before)) + cell("") + place_cell("") +
         "</tr>\n";
  for (size_t i = 0; i < std::min(p.memory.held.size(), kMostHolders); ++i) {
    const MemoryProfile::Holder& h = p.memory.held[i];
    out += "<tr>" + cell(h.layer) + cell(bytes_text(static_cast<double>(h.bytes))) + cell(h.part) +
           place_cell(h.where) + "</tr>\n";
  }
  out += "</table>\n";
  if (p.memory.held.size() > kMostHolders)
    out += fmt::format("<p>{} more are in the JSON document.</p>\n", p.memory.held.size() - kMostHolders);
  return out;
}

}  // namespace

std::string html_page(const Profile& p, const Comparison* comparison) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out +=
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Profile of " + escape_markup(p.model);
  out += "</title>\n<style>";
  out += kStyle;
  out += "</style>\n</head>\n<body>\n<h1>Profile of " + escape_markup(p.model) + "</h1>\n";
  out += facts(p);
  if (comparison != nullptr)
    out += section("Compared",
                   "<pre>" + escape_markup(to_text(*comparison, "the earlier profile")) + "</pre>\n");
  out += section("Time", flame_svg(p));
  out += section("Roofline", roofline_svg(p));
  out += section("Memory", memory_svg(p) + holders(p));
  out += section("By operator", table(p, grouped(p.rows, GroupBy::kOperator), GroupBy::kOperator));
  out += section("By layer", table(p, grouped(p.rows, GroupBy::kLayer), GroupBy::kLayer));
  out += section("By line of the config", table(p, grouped(p.rows, GroupBy::kLine), GroupBy::kLine));
  out += fmt::format("<p>dlbench {}</p>\n</body>\n</html>\n", version());
  return out;
}

}  // namespace dlb::profile
