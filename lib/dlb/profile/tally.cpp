#include "dlb/profile/tally.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace dlb::profile {
namespace {

double milliseconds(int64_t ns) { return static_cast<double>(ns) * 1e-6; }

/// What a thread does for a part of the step when no operator runs.
const char* work_outside(WorkPart part) {
  switch (part) {
    case WorkPart::kData:
      return "(waiting for data)";
    case WorkPart::kOptimizer:
      return "(update of the weights)";
    default:
      return "(between operators)";
  }
}

/// `sorted` is not empty.
double percentile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

/// Sets what follows from step_ms.
void finish(Row& row) {
  const Spread spread = spread_of(row.step_ms);
  row.p10 = spread.p10;
  row.p90 = spread.p90;
  const bool always = spread.min > 0;
  const double sum = std::accumulate(row.step_ms.begin(), row.step_ms.end(), 0.0);
  row.ms = always || row.step_ms.empty() ? spread.median : sum / static_cast<double>(row.step_ms.size());
}

void finish(std::vector<Row>& rows) {
  double total = 0;
  for (Row& row : rows) {
    finish(row);
    total += row.ms;
  }
  for (Row& row : rows) row.percent = total > 0 ? 100 * row.ms / total : 0;
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.ms > b.ms; });
}

void keep_if_same(std::string& text, const std::string& other, const char* otherwise) {
  if (text != other) text = otherwise;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {percentile(values, 0.5), percentile(values, 0.1), percentile(values, 0.9), values.front()};
}

double Row::percent_of_peak(const Peaks& peaks) const {
  double share = 0;
  if (peaks.gflops > 0) share = gflops() / peaks.gflops;
  if (peaks.gb_per_s > 0) share = std::max(share, gb_per_s() / peaks.gb_per_s);
  return 100 * share;
}

void Tally::count(const Record& record, int64_t ns) {
  Sum& sum = sums_[{record.op, record.name, record.where, record.part}];
  sum.ms.resize(steps_ + 1);
  sum.ms[steps_] += milliseconds(ns);
  parts_[static_cast<size_t>(record.part)][steps_] += milliseconds(ns);
  if (record.op == nullptr) return;
  sum.calls += 1;
  sum.flops += record.cost.flops;
  sum.bytes += record.cost.bytes;
}

void Tally::add(std::span<const Record> records, int64_t begin, int64_t end) {
  for (std::vector<double>& part : parts_) part.resize(steps_ + 1);
  // Each record's own time is what its children leave of it; the step itself is the root.
  Record root;
  std::vector<std::pair<const Record*, int64_t>> open = {{&root, end - begin}};
  const auto close = [&] {
    count(*open.back().first, open.back().second);
    open.pop_back();
  };
  for (const Record& record : records) {
    while (open.size() > record.depth + 1) close();
    open.back().second -= record.end - record.begin;
    open.emplace_back(&record, record.end - record.begin);
  }
  while (!open.empty()) close();
  ++steps_;
}

std::vector<Row> Tally::rows() const {
  std::vector<Row> rows;
  const auto steps = static_cast<double>(steps_);
  for (const auto& [key, sum] : sums_) {
    const auto& [op, name, where, part] = key;
    Row row;
    row.is_operator = op != nullptr;
    row.name = op != nullptr ? std::string(op->name) : work_outside(part);
    row.part = part_name(part);
    row.layer = name != nullptr ? *name : row.part;
    if (where != nullptr) row.where = *where;
    row.calls = sum.calls / steps;
    row.flops = sum.flops / steps;
    row.bytes = sum.bytes / steps;
    row.step_ms = sum.ms;
    row.step_ms.resize(steps_);
    rows.push_back(std::move(row));
  }
  // Whatever the order of pointers was.
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.name, a.layer, a.where, a.part) < std::tie(b.name, b.layer, b.where, b.part);
  });
  finish(rows);
  return rows;
}

bool is_product(std::string_view op) {
  constexpr std::array kNames = {"matmul",        "linear",       "conv",        "attention",
                                 "lstm_sequence", "gru_sequence", "rnn_sequence"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](const char* part) { return op.find(part) != std::string_view::npos; });
}

std::vector<Row> grouped(const std::vector<Row>& rows, GroupBy by) {
  std::map<std::string, Row> groups;
  for (const Row& row : rows) {
    const std::string& key = by == GroupBy::kOperator ? row.name
                             : by == GroupBy::kLayer  ? row.layer
                                                      : row.where;
    const auto [it, fresh] = groups.try_emplace(key, row);
    if (fresh) continue;
    Row& sum = it->second;
    keep_if_same(sum.name, row.name, "");
    keep_if_same(sum.layer, row.layer, "");
    // Beside what is done for the data stands waiting for them, which has no line.
    if (sum.where.empty()) sum.where = row.where;
    if (!row.where.empty()) keep_if_same(sum.where, row.where, "");
    keep_if_same(sum.part, row.part, "");
    sum.is_operator = sum.is_operator || row.is_operator;
    sum.calls += row.calls;
    sum.flops += row.flops;
    sum.bytes += row.bytes;
    for (size_t i = 0; i < sum.step_ms.size(); ++i) sum.step_ms[i] += row.step_ms[i];
  }
  std::vector<Row> result;
  result.reserve(groups.size());
  for (auto& [key, row] : groups) result.push_back(std::move(row));
  finish(result);
  return result;
}

}  // namespace dlb::profile
