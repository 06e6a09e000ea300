#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "dlb/regress/regress.h"

namespace dlb::regress {
namespace {

using nlohmann::ordered_json;
using Row = std::array<std::string, 6>;

constexpr Status kStatuses[] = {Status::kPassed,  Status::kMissed,  Status::kFailed,
                                Status::kSkipped, Status::kUpdated, Status::kInterrupted};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The rows of a recipe, its name in the first of them; a note follows its verdict.
void add_rows(const Outcome& outcome, std::vector<Row>& rows) {
  const size_t first = rows.size();
  for (const Check& c : outcome.checks) {
    std::string verdict(verdict_name(c.verdict));
    if (!c.note.empty()) verdict += ": " + c.note;
    rows.push_back({"", c.name, c.expected, c.found, c.tolerance, std::move(verdict)});
  }
  if (outcome.status == Status::kUpdated) rows.push_back({"", "", "", "", "", "baseline updated"});
  const bool speaks = outcome.status == Status::kFailed || outcome.status == Status::kSkipped ||
                      outcome.status == Status::kInterrupted;
  if (speaks) {
    std::string what(status_name(outcome.status));
    if (!outcome.reason.empty()) what += ": " + first_line(outcome.reason);
    rows.push_back({"", "", "", "", "", std::move(what)});
  }
  if (rows.size() > first) rows[first][0] = outcome.recipe.name;
}

std::string counts_text(const Report& report) {
  std::string text;
  for (const Status status : kStatuses) {
    const int n = report.count(status);
    const bool always = status == Status::kPassed || status == Status::kMissed || status == Status::kFailed;
    if (n > 0 || always) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, status_name(status));
  }
  return text;
}

ordered_json check_json(const Check& c) {
  ordered_json out = {{"check", c.name},
                      {"expected", c.expected},
                      {"found", c.found},
                      {"tolerance", c.tolerance},
                      {"verdict", verdict_name(c.verdict)}};
  if (!c.note.empty()) out["note"] = c.note;
  return out;
}

}  // namespace

std::string to_text(const Report& report) {
  std::vector<Row> rows = {{"recipe", "check", "expected", "found", "tolerance", "verdict"}};
  for (const Outcome& outcome : report.outcomes) add_rows(outcome, rows);
  std::array<size_t, 6> width{};
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) text += fmt::format("{:<{}}  ", row[i], width[i]);
    text += row.back() + "\n";
  }
  return text + fmt::format("{} in {:.1f} s\n", counts_text(report), report.seconds);
}

std::string to_json(const Report& report) {
  ordered_json out = {{"seconds", report.seconds}};
  for (const Status status : kStatuses) out[std::string(status_name(status))] = report.count(status);
  ordered_json& recipes = out["recipes"] = ordered_json::array();
  for (const Outcome& o : report.outcomes) {
    ordered_json one = {{"name", o.recipe.name},
                        {"folder", o.recipe.folder},
                        {"status", status_name(o.status)},
                        {"run", o.run},
                        {"seconds", o.seconds}};
    if (!o.reason.empty()) one["reason"] = o.reason;
    ordered_json& checks = one["checks"] = ordered_json::array();
    for (const Check& c : o.checks) checks.push_back(check_json(c));
    recipes.push_back(std::move(one));
  }
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace dlb::regress
