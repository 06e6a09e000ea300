#include "dlb/train/expect.h"

#include <algorithm>
#include <cmath>

#include "dlb/train/settings.h"

namespace dlb::train {
namespace {

using config::Node;

/// Reads one entry; the split stands before the first dot, a metric's name may have further ones.
bool read_entry(config::Reader& reader, const Node::Entry& entry, const std::vector<std::string>& splits,
                const std::vector<std::string>& metrics, Expectation& out) {
  const Node at = Node::string(entry.key, entry.key_mark).with_path(entry.value.path());
  const size_t dot = entry.key.find('.');
  if (dot == std::string::npos) {
    reader.error(at, fmt::format("'{}' must be SPLIT.METRIC, such as test.loss", entry.key));
    return false;
  }
  out.split = entry.key.substr(0, dot);
  out.metric = entry.key.substr(dot + 1);
  if (std::find(splits.begin(), splits.end(), out.split) == splits.end()) {
    reader.unknown_name(at, out.split, splits, "split");
    return false;
  }
  if (std::find(metrics.begin(), metrics.end(), out.metric) == metrics.end()) {
    reader.unknown_name(at, out.metric, metrics, "metric");
    return false;
  }
  ExpectSettings bounds;
  if (!entry.value.is_map()) {
    reader.error(entry.value, fmt::format("expected {{min: NUMBER}}, {{max: NUMBER}} or both, got {}",
                                          entry.value.found()));
    return false;
  }
  if (!reader.read(entry.value, ExpectSettings::fields(), &bounds, entry.key)) return false;
  if (!bounds.min && !bounds.max) {
    reader.error(entry.value, fmt::format("{} needs min, max or both", entry.key));
    return false;
  }
  if (bounds.min) out.min = *bounds.min;
  if (bounds.max) out.max = *bounds.max;
  if (out.min > out.max) {
    reader.error(entry.value, fmt::format("{}: min {} is above max {}", entry.key, out.min, out.max));
    return false;
  }
  return true;
}

std::string bounds_text(const Expectation& e) {
  if (std::isinf(e.max)) return fmt::format("at least {:.6g}", e.min);
  if (std::isinf(e.min)) return fmt::format("at most {:.6g}", e.max);
  return fmt::format("{:.6g} to {:.6g}", e.min, e.max);
}

}  // namespace

std::vector<Expectation> read_expect(config::Reader& reader, const Node& node,
                                     const std::vector<std::string>& splits,
                                     const std::vector<std::string>& metrics) {
  std::vector<Expectation> out;
  if (node.is_null()) return out;
  if (!node.is_map() || node.entries().empty()) {
    reader.error(node, fmt::format("expect must be a map such as {{test.loss: {{max: 0.5}}}}, got {}",
                                   node.is_map() ? "an empty one" : node.found()));
    return out;
  }
  for (const Node::Entry& entry : node.entries()) {
    Expectation expectation;
    if (read_entry(reader, entry, splits, metrics, expectation)) out.push_back(std::move(expectation));
  }
  return out;
}

std::vector<Expectation> compare(std::vector<Expectation> expectations,
                                 const std::map<std::string, std::map<std::string, double>>& metrics) {
  for (Expectation& e : expectations) {
    const auto split = metrics.find(e.split);
    if (split == metrics.end()) continue;
    if (const auto value = split->second.find(e.metric); value != split->second.end())
      e.value = value->second;
  }
  return expectations;
}

std::string expect_text(const std::vector<Expectation>& expectations) {
  size_t name_width = 0, bounds_width = 0;
  for (const Expectation& e : expectations) {
    name_width = std::max(name_width, e.split.size() + 1 + e.metric.size());
    bounds_width = std::max(bounds_width, bounds_text(e).size());
  }
  std::string text;
  for (const Expectation& e : expectations) {
    text += fmt::format("expect {:<{}}  {:<{}}  got {:.6g}  {}\n", e.split + "." + e.metric, name_width,
                        bounds_text(e), bounds_width, e.value, e.met() ? "met" : "missed");
  }
  return text;
}

}  // namespace dlb::train
