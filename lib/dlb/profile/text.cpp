#include "dlb/profile/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace dlb::profile {
namespace {

constexpr size_t kWidest = 44;

/// At most kWidest characters of UTF-8 text, cut in the middle.
std::string shortened(const std::string& text) {
  if (text.size() <= kWidest) return text;
  const auto continues = [&](size_t i) { return (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80; };
  size_t head = kWidest / 2 - 2, tail = text.size() - (kWidest - head - 2);
  while (head > 0 && continues(head)) --head;
  while (tail < text.size() && continues(tail)) ++tail;
  return text.substr(0, head) + ".." + text.substr(tail);
}

/// "12.3", with three digits where that makes sense.
std::string figure(double value) {
  if (value == 0) return "-";
  if (value >= 100) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}", value, value >= 10 ? 1 : 2);
}

/// FLOP/s and GB/s with their shares of the peaks.
std::string rates(const Row& row, const Peaks& peaks) {
  const auto share = [](double value, double peak) {
    return value > 0 && peak > 0 ? fmt::format("{:.0f} %", 100 * value / peak) : std::string();
  };
  return fmt::format("{:>8} {:>6} {:>7} {:>6}", figure(row.gflops()), share(row.gflops(), peaks.gflops),
                     figure(row.gb_per_s()), share(row.gb_per_s(), peaks.gb_per_s));
}

std::string table(const Profile& p, const std::vector<Row>& rows, GroupBy by, size_t most) {
  const auto label = [&](const Row& row) -> std::string {
    if (by == GroupBy::kOperator) return shortened(row.name);
    if (by == GroupBy::kLayer) return shortened(row.layer);
    return row.where.empty() ? "(no line)" : shortened(row.where);
  };
  const char* const title = by == GroupBy::kOperator ? "operator" : by == GroupBy::kLayer ? "layer" : "line";
  const size_t shown = std::min(most, rows.size());
  size_t width = std::string_view(title).size();
  for (size_t i = 0; i < shown; ++i) width = std::max(width, label(rows[i]).size());
  std::string text =
      fmt::format("\n{:<{}}  {:>8} {:>10} {:>7} {:>8} {:>6} {:>7} {:>6}{}\n", title, width, "calls", "time",
                  "share", "GFLOP/s", "peak", "GB/s", "peak", by == GroupBy::kLayer ? "  where" : "");
  double rest_ms = 0, rest_percent = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (i >= shown) {
      rest_ms += row.ms;
      rest_percent += row.percent;
      continue;
    }
    std::string line = fmt::format("{:<{}}  {:>8} {:>10} {:>5.1f} % {}", label(row), width,
                                   row.calls > 0 ? fmt::format("{:.4g}", row.calls) : "", time_text(row.ms),
                                   row.percent, rates(row, p.peaks));
    if (by == GroupBy::kLayer && !row.where.empty()) line += "  " + row.where;
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  if (shown < rows.size()) {
    text += fmt::format("{:<{}}  {:>8} {:>10} {:>5.1f} %\n", fmt::format("({} more)", rows.size() - shown),
                        width, "", time_text(rest_ms), rest_percent);
  }
  return text;
}

std::string parts_text(const Profile& p) {
  double total = 0;
  for (const double ms : p.part_ms) total += ms;
  std::string text;
  for (size_t i = 0; i < kParts; ++i) {
    if (p.part_ms[i] == 0) continue;
    text += fmt::format("{}{} {} ({:.1f} %)", text.empty() ? "" : "  ", part_name(static_cast<WorkPart>(i)),
                        time_text(p.part_ms[i]), total > 0 ? 100 * p.part_ms[i] / total : 0);
  }
  return text + "\n";
}

std::string place_text(const std::string& layer, const std::string& where, const std::string& part) {
  std::string text = layer;
  if (layer != part) text += fmt::format(" ({})", part);
  if (!where.empty()) text += ", " + where;
  return text;
}

std::string memory_text(const Profile& p, size_t most) {
  const MemoryProfile& m = p.memory;
  std::string text =
      fmt::format("\nmemory: {} resident at most; tensors {} at the peak, of these {} before the step",
                  bytes_text(p.peak_rss_mb * 0x1p20), bytes_text(static_cast<double>(m.peak_bytes)),
                  bytes_text(static_cast<double>(m.start_bytes)));
  text += fmt::format(" (weights {}", bytes_text(static_cast<double>(p.weight_bytes)));
  if (p.optimizer_bytes > 0)
    text += fmt::format(", optimizer {}", bytes_text(static_cast<double>(p.optimizer_bytes)));
  text += fmt::format(")\nactivations {}; {} allocations a step, {} in all\n",
                      bytes_text(static_cast<double>(m.activation_bytes)), m.allocations,
                      bytes_text(m.allocated_bytes));
  if (m.peak_bytes <= m.start_bytes) return text;
  text += fmt::format("the peak comes in {}{}; in use then:\n",
                      place_text(m.peak.layer, m.peak.where, m.peak.part),
                      m.peak.op.empty() ? "" : ", operator " + m.peak.op);
  for (size_t i = 0; i < std::min(most, m.held.size()); ++i) {
    const MemoryProfile::Holder& h = m.held[i];
    text += fmt::format("  {:>11}  {}\n", bytes_text(static_cast<double>(h.bytes)),
                        place_text(h.layer, h.where, h.part));
  }
  if (m.held.size() > most) {
    double rest = 0;
    for (size_t i = most; i < m.held.size(); ++i) rest += static_cast<double>(m.held[i].bytes);
    text += fmt::format("  {:>11}  ({} more)\n", bytes_text(rest), m.held.size() - most);
  }
  return text;
}

std::string difference_text(const Difference& d) {
  const auto value = [&](double x) {
    if (d.unit == "ms") return time_text(x);
    return d.unit.empty() ? fmt::format("{:.0f}", x) : fmt::format("{:.1f} {}", x, d.unit);
  };
  std::string change = d.before > 0 ? fmt::format("{:+.1f} %", d.percent()) : "new";
  if (d.after == 0) change = "gone";
  return fmt::format("  {:>9}  {:>10} -> {:<10}  {}\n", change, value(d.before), value(d.after), d.what);
}

}  // namespace

std::string time_text(double ms) {
  if (ms == 0) return "0 ms";
  if (ms < 0.1) return fmt::format("{:.2f} us", ms * 1e3);
  if (ms < 1) return fmt::format("{:.1f} us", ms * 1e3);
  if (ms < 1000) return fmt::format("{:.{}f} ms", ms, ms < 10 ? 3 : ms < 100 ? 2 : 1);
  return fmt::format("{:.3f} s", ms * 1e-3);
}

std::string amount_text(double value) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P"};
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f} {}", value, kUnits[unit]);
}

std::string bytes_text(double bytes) {
  if (std::abs(bytes) < 1024) return fmt::format("{:.0f} B", bytes);
  if (std::abs(bytes) < 0x1p20) return fmt::format("{:.1f} KiB", bytes / 1024);
  return fmt::format("{:.1f} MiB", bytes / 0x1p20);
}

std::string overhead_text(const Profile& p) {
  return fmt::format("{:.1f} % (+- {:.1f}): {:.1f} % of a watched step, one of {}", p.overhead_percent,
                     p.overhead_margin, p.watched_overhead_percent, p.watched_every);
}

std::string to_text(const Profile& p, size_t most) {
  std::string text =
      fmt::format("{} ({}): {}, {}, {} thread{}, {}; {} parameters, {} samples a step\n", p.model, p.config,
                  p.mode == "infer" ? "inference" : "training", p.device, p.threads,
                  p.threads == 1 ? "" : "s", p.dtype, p.params, fmt::format("{:.4g}", p.samples));
  text += fmt::format("step {} (p10 {}, p90 {}, min {}; {} steps after {} to warm up), {:.4g} samples/s\n",
                      time_text(p.step_ms.median), time_text(p.step_ms.p10), time_text(p.step_ms.p90),
                      time_text(p.step_ms.min), p.steps, p.warmup, p.samples_per_s());
  text += fmt::format(
      "{}FLOP a step, {:.4g} GFLOP/s: {:.1f} % of the peak of {:.4g} GFLOP/s; memory peak {:.3g} GB/s\n",
      amount_text(p.flops), p.gflops(), p.peaks.gflops > 0 ? 100 * p.gflops() / p.peaks.gflops : 0,
      p.peaks.gflops, p.peaks.gb_per_s);
  text += parts_text(p);
  text += fmt::format("watching costs {}\n", overhead_text(p));
  for (const GroupBy by : {GroupBy::kOperator, GroupBy::kLayer, GroupBy::kLine})
    text += table(p, grouped(p.rows, by), by, most);
  text += memory_text(p, most);
  if (!p.trace_note.empty()) text += p.trace_note + "\n";
  return text;
}

std::string to_text(const Comparison& c, const std::string& source) {
  std::string text = fmt::format("\ncompared with {}:\n", source);
  for (const std::string& note : c.notes) text += "  note: " + note + "\n";
  const auto list = [&](const char* title, const std::vector<Difference>& differences) {
    if (differences.empty()) return;
    text += fmt::format("{}\n", title);
    for (const Difference& d : differences) text += difference_text(d);
  };
  list("slower or larger:", c.worse);
  list("faster or smaller:", c.better);
  if (c.worse.empty() && c.better.empty()) text += "nothing differs by more than noise\n";
  text += fmt::format("within noise: {} operators, {}{} together\n", c.within_noise,
                      c.within_noise_ms < 0 ? "-" : "+", time_text(std::abs(c.within_noise_ms)));
  return text;
}

}  // namespace dlb::profile
