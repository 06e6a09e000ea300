#include "dlb/regress/compare.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>

namespace dlb::regress {
namespace {

std::string number(double value) { return fmt::format("{:.6g}", value); }

std::string tolerance_text(const ExpectedMetric& m) {
  const char* sign = m.better == Better::kHigher ? "-" : m.better == Better::kLower ? "+" : "+-";
  return sign + fmt::format("{:.4g}", m.allowance());
}

std::string bounds_text(const train::Expectation& e) {
  if (std::isinf(e.max)) return ">= " + number(e.min);
  if (std::isinf(e.min)) return "<= " + number(e.max);
  return number(e.min) + " to " + number(e.max);
}

/// What the config's own `expect` says is fixed: no baseline moves it.
Check compare_expectation(const train::Expectation& e) {
  return {fmt::format("config {}.{}", e.split, e.metric), bounds_text(e), number(e.value), "",
          e.met() ? Verdict::kMet : Verdict::kMissed};
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMet:
      return "met";
    case Verdict::kBetter:
      return "better";
    case Verdict::kMissed:
      return "missed";
    case Verdict::kNotComparable:
      return "not comparable";
    case Verdict::kReported:
      return "reported";
  }
  return "";
}

double metric_value(const train::RunResult& result, const std::string& name) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return kNone;
  const auto split = result.metrics.find(name.substr(0, dot));
  if (split == result.metrics.end()) return kNone;
  const auto value = split->second.find(name.substr(dot + 1));
  return value == split->second.end() ? kNone : value->second;
}

Check compare_metric(const ExpectedMetric& m, const train::RunResult& result) {
  const double found = metric_value(result, m.name);
  Check check{m.name, number(m.value), number(found), tolerance_text(m)};
  if (!std::isfinite(found)) {
    check.verdict = Verdict::kMissed;
    check.note = "the run has no finite value of it";
    return check;
  }
  const double worse = m.better == Better::kHigher  ? m.value - found
                       : m.better == Better::kLower ? found - m.value
                                                    : std::abs(found - m.value);
  // A difference that is within a rounding of the tolerance, as 0.97 - 0.95 is of 0.02, is no miss.
  const double slack = 1e-9 * std::max(std::abs(m.value), m.allowance());
  if (!(worse <= m.allowance() + slack)) {
    check.verdict = Verdict::kMissed;
  } else if (-worse > m.allowance() + slack) {
    check.verdict = Verdict::kBetter;
  }
  return check;
}

Check compare_hash(const Baseline& baseline, const Found& found) {
  constexpr size_t kShown = 12;
  Check check{"parameters", baseline.params_hash.substr(0, kShown),
              found.result.params_hash.substr(0, kShown), "equal"};
  if (const auto differing = differences(found.machine, baseline.machine); !differing.empty()) {
    check.verdict = Verdict::kNotComparable;
    for (const std::string& d : differing) check.note += (check.note.empty() ? "" : "; ") + d;
  } else if (found.result.params_hash == baseline.params_hash) {
    check.note = "equal";
  } else {
    check.verdict = Verdict::kMissed;
    check.note = "differs on a machine of the same kind";
  }
  return check;
}

Check compare_step_time(const ExpectedStepTime& expected, double ratio, bool judge) {
  Check check{"step time", number(expected.ratio), number(ratio),
              fmt::format("x{:.4g}", 1 + expected.relative)};
  const double factor = 1 + expected.relative;
  if (!judge || !(ratio > 0)) {
    check.verdict = Verdict::kReported;
    check.note = judge ? "too few steps to time" : "speed is not judged";
  } else if (ratio > expected.ratio * factor) {
    check.verdict = Verdict::kMissed;
    check.note = fmt::format("{:.2f} times the expected time", ratio / expected.ratio);
  } else if (ratio * factor < expected.ratio) {
    check.verdict = Verdict::kBetter;
  }
  return check;
}

std::vector<Check> compare(const Baseline& baseline, const Found& found, bool judge_speed) {
  std::vector<Check> checks;
  for (const ExpectedMetric& m : baseline.metrics) checks.push_back(compare_metric(m, found.result));
  for (const train::Expectation& e : found.result.expect) checks.push_back(compare_expectation(e));
  if (!baseline.params_hash.empty()) checks.push_back(compare_hash(baseline, found));
  if (baseline.step_time)
    checks.push_back(compare_step_time(*baseline.step_time, found.step_time_ratio, judge_speed));
  return checks;
}

}  // namespace dlb::regress
