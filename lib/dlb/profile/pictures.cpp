#include "dlb/profile/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "dlb/base/markup.h"
#include "dlb/profile/text.h"

namespace dlb::profile {
namespace {

constexpr double kWidth = 1160;
constexpr double kLetter = 6.6;  ///< width of a character of 11 px

const char* color_of(const std::string& part) {
  static const std::map<std::string, const char*> colors = {{"data", "#8c8c8c"},
                                                            {"forward", "#3b8fd0"},
                                                            {"backward", "#e08a2e"},
                                                            {"optimizer", "#4aa564"},
                                                            {"other", "#a06cc8"}};
  const auto it = colors.find(part);
  return it == colors.end() ? "#a06cc8" : it->second;
}

std::string svg(double height, const std::string& body) {
  return fmt::format(
      "<svg viewBox=\"0 0 {} {:.0f}\" width=\"100%\" role=\"img\" "
      "font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\">\n{}</svg>\n",
      kWidth, height, body);
}

std::string label(double x, double y, std::string_view text, const char* anchor = "start") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escape_markup(text));
}

std::string legend(double x, double y) {
  std::string out;
  for (int i = 0; i < kParts; ++i) {
    const std::string part = part_name(static_cast<WorkPart>(i));
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n", x, y - 9,
                       color_of(part));
    out += label(x + 14, y, part);
    x += 30 + kLetter * static_cast<double>(part.size());
  }
  return out;
}

/// A box of the flame picture and those on top of it, by name.
struct Box {
  double ms = 0;
  std::string part;
  std::map<std::string, Box> inner;
};

/// "residual_1.body.conv2d_1 + relu_1" -> residual_1, body, conv2d_1 + relu_1
std::vector<std::string> path_of(const std::string& layer) {
  std::vector<std::string> path;
  const size_t end = layer.find(" + ");
  size_t from = 0;
  for (size_t dot = layer.find('.'); dot != std::string::npos && dot < end; dot = layer.find('.', from)) {
    path.push_back(layer.substr(from, dot - from));
    from = dot + 1;
  }
  path.push_back(layer.substr(from));
  return path;
}

class Flame {
 public:
  explicit Flame(const Profile& p) {
    root_.part = "other";
    for (const Row& row : p.rows) {
      Box* box = grow(root_, row.part, row);
      root_.ms += row.ms;
      if (row.layer != row.part) {
        for (const std::string& name : path_of(row.layer)) box = grow(*box, name, row);
      }
      grow(*box, row.name, row);
    }
  }

  std::string draw() {
    if (root_.ms <= 0) return svg(20, label(0, 14, "no time was measured"));
    draw(root_, "step", 0, 0);
    return svg(kRow * (deepest_ + 1) + 20, body_ + legend(0, kRow * (deepest_ + 1) + 14));
  }

 private:
  static constexpr double kRow = 19;

  static Box* grow(Box& box, const std::string& name, const Row& row) {
    Box& inner = box.inner[name];
    inner.ms += row.ms;
    inner.part = row.part;
    return &inner;
  }

  void draw(const Box& box, const std::string& name, double x, int depth) {
    const double width = kWidth * box.ms / root_.ms;
    if (width < 0.4) return;
    deepest_ = std::max(deepest_, depth);
    const double y = kRow * depth;
    const std::string shown = depth == 0 ? "step" : name;
    body_ += fmt::format(
        "<g><title>{}: {}, {:.1f} % of the step</title><rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" "
        "height=\"{:.1f}\" fill=\"{}\" fill-opacity=\"{:.2f}\" stroke=\"#fff\" stroke-width=\"0.5\"/>",
        escape_markup(shown), time_text(box.ms), 100 * box.ms / root_.ms, x, y, width, kRow - 1,
        color_of(box.part), depth % 2 == 0 ? 0.75 : 0.55);
    const auto fits = static_cast<size_t>(std::max(0.0, (width - 6) / kLetter));
    if (fits >= 3) {
      const std::string cut = shown.size() <= fits ? shown : shown.substr(0, fits - 2) + "..";
      body_ += fmt::format("<text x=\"{:.2f}\" y=\"{:.1f}\">{}</text>", x + 3, y + 13, escape_markup(cut));
    }
    body_ += "</g>\n";
    std::vector<std::pair<const std::string*, const Box*>> inner;
    for (const auto& [key, value] : box.inner) inner.emplace_back(&key, &value);
    // The parts of a step in their order, everything else by size.
    if (depth > 0) {
      std::stable_sort(inner.begin(), inner.end(),
                       [](const auto& a, const auto& b) { return a.second->ms > b.second->ms; });
    } else {
      std::stable_sort(inner.begin(), inner.end(),
                       [](const auto& a, const auto& b) { return order(*a.first) < order(*b.first); });
    }
    for (const auto& [key, value] : inner) {
      draw(*value, *key, x, depth + 1);
      x += kWidth * value->ms / root_.ms;
    }
  }

  static int order(const std::string& part) {
    int i = 0;
    while (i < kParts && part != part_name(static_cast<WorkPart>(i))) ++i;
    return i;
  }

  Box root_;
  std::string body_;
  int deepest_ = 0;
};

/// A logarithmic axis of whole decades.
struct Axis {
  double from, to;  ///< powers of ten
  double at, length;
  double place(double value) const { return at + length * (std::log10(value) - from) / (to - from); }
};

Axis axis(double least, double most, double at, double length) {
  const double from = std::floor(std::log10(least)), to = std::ceil(std::log10(most));
  return {from, std::max(to, from + 1), at, length};
}

std::string power_text(double value) {
  return value >= 0.01 && value < 1e4 ? fmt::format("{:g}", value) : fmt::format("{:.0e}", value);
}

std::string grid(const Axis& x, const Axis& y) {
  std::string out;
  const auto line = [&](double x1, double y1, double x2, double y2) {
    out += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"currentColor\" "
        "stroke-opacity=\"0.15\"/>\n",
        x1, y1, x2, y2);
  };
  for (double d = x.from; d <= x.to; ++d) {
    const double value = std::pow(10, d), at = x.place(value);
    line(at, y.at, at, y.at + y.length);
    out += label(at, y.at + 14, power_text(value), "middle");
  }
  for (double d = y.from; d <= y.to; ++d) {
    const double value = std::pow(10, d), at = y.place(value);
    line(x.at, at, x.at + x.length, at);
    out += label(x.at - 6, at + 4, power_text(value), "end");
  }
  return out;
}

}  // namespace

std::string flame_svg(const Profile& profile) { return Flame(profile).draw(); }

std::string roofline_svg(const Profile& p) {
  constexpr size_t kMostDots = 300, kNamed = 6;
  std::vector<const Row*> dots;
  double least_x = 0.1, most_x = 100, least_y = 1, most_y = std::max(p.peaks.gflops, 1.0);
  for (const Row& row : p.rows) {
    if (row.flops <= 0 || row.bytes <= 0 || row.ms <= 0 || dots.size() == kMostDots) continue;
    dots.push_back(&row);
    least_x = std::min(least_x, row.flops / row.bytes);
    most_x = std::max(most_x, row.flops / row.bytes);
    least_y = std::min(least_y, row.gflops());
    most_y = std::max(most_y, row.gflops());
  }
  if (dots.empty() || p.peaks.gflops <= 0 || p.peaks.gb_per_s <= 0)
    return svg(20, label(0, 14, "nothing that has FLOPs was measured"));
  const Axis x = axis(least_x, most_x, 60, kWidth - 80);
  const Axis y = axis(least_y, most_y, 400, -380);
  std::string body = grid(x, y);
  const double ridge = p.peaks.gflops / p.peaks.gb_per_s;
  const double left = std::pow(10, x.from), right = std::pow(10, x.to), bottom = std::pow(10, y.from);
  const double start = std::max(left, bottom / p.peaks.gb_per_s);
  if (start < ridge && ridge < right) {
    body += fmt::format(
        "<polyline points=\"{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}\" fill=\"none\" "
        "stroke=\"currentColor\" "
        "stroke-width=\"1.5\"/>\n",
        x.place(start), y.place(start * p.peaks.gb_per_s), x.place(ridge), y.place(p.peaks.gflops),
        x.place(right), y.place(p.peaks.gflops));
    body += label(x.place(right) - 4, y.place(p.peaks.gflops) - 5,
                  fmt::format("{:.4g} GFLOP/s", p.peaks.gflops), "end");
    body += label(x.place(start) + 8, y.place(start * p.peaks.gb_per_s) - 14,
                  fmt::format("{:.3g} GB/s", p.peaks.gb_per_s));
  }
  std::string names;
  std::set<std::string> named;
  for (const Row* dot : dots) {
    const Row& row = *dot;
    const double cx = x.place(row.flops / row.bytes), cy = y.place(row.gflops());
    const double radius = std::clamp(4 * std::sqrt(row.percent), 2.0, 30.0);
    body += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" fill-opacity=\"0.55\"><title>{} in {} "
        "({}): {}, {:.1f} "
        "%\n{:.4g} GFLOP/s, {:.4g} GB/s, {:.3g} FLOP/byte\n{}</title></circle>\n",
        cx, cy, radius, color_of(row.part), escape_markup(row.name), escape_markup(row.layer), row.part,
        time_text(row.ms), row.percent, row.gflops(), row.gb_per_s(), row.flops / row.bytes,
        escape_markup(row.where));
    if (named.size() < kNamed && named.insert(row.name).second)
      names += label(cx, cy - radius - 2, row.name, "middle");
  }
  body += names;
  body += label(x.at + x.length / 2, 432, "FLOP per byte", "middle");
  body += label(4, 12, "GFLOP/s");
  return svg(456, body + legend(x.at, 450));
}

std::string memory_svg(const Profile& p) {
  const std::vector<MemoryProfile::Point>& points = p.memory.timeline;
  if (points.empty()) return svg(20, label(0, 14, "nothing was allocated"));
  constexpr double kTop = 24, kHeight = 220, kLeft = 70;
  const double length = kWidth - kLeft - 10;
  const double end = std::max(points.back().ms, 1e-6);
  const double most = static_cast<double>(std::max(p.memory.peak_bytes, size_t{1}));
  const auto px = [&](double ms) { return kLeft + length * ms / end; };
  const auto py = [&](size_t bytes) { return kTop + kHeight * (1 - static_cast<double>(bytes) / most); };
  std::string bands, line;
  double from = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const bool last = i + 1 == points.size();
    if (last || points[i + 1].part != points[i].part) {
      const double to = last ? end : points[i + 1].ms;
      bands += fmt::format(
          "<rect x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\" fill-opacity=\"0.18\"/>\n",
          px(from), kTop, px(to) - px(from), kHeight, color_of(points[i].part));
      from = to;
    }
    line += fmt::format("{:.2f},{:.2f} ", px(points[i].ms), py(points[i].bytes));
  }
  std::string body = bands;
  body += fmt::format(
      "<polyline points=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.2\"/>\n", line);
  for (const MemoryProfile::Point& point : points) {
    body += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\" fill-opacity=\"0\"><title>{} after {}: "
        "{} "
        "({})</title></rect>\n",
        px(point.ms) - 1.5, kTop, 3.0, kHeight, bytes_text(static_cast<double>(point.bytes)),
        time_text(point.ms), escape_markup(point.layer), point.part);
  }
  body += label(kLeft - 6, kTop + 4, bytes_text(most), "end") + label(kLeft - 6, kTop + kHeight, "0", "end");
  body +=
      label(kLeft, kTop + kHeight + 14, "0") + label(kWidth - 10, kTop + kHeight + 14, time_text(end), "end");
  const auto top = std::max_element(points.begin(), points.end(),
                                    [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  const double at = px(top->ms);
  body +=
      fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"3.5\" fill=\"#c0392b\"/>\n", at, py(top->bytes));
  body += label(at, kTop - 8, fmt::format("peak {} in {} ({})", bytes_text(most), top->layer, top->part),
                at > kWidth / 2 ? "end" : "start");
  return svg(kTop + kHeight + 40, body + legend(kLeft, kTop + kHeight + 34));
}

}  // namespace dlb::profile
