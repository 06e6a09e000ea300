#include "dlb/optim/line_search.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace dlb::optim {

namespace {

constexpr double kDecrease = 1e-4;
constexpr double kCurvature = 0.9;

}  // namespace

double cubic_minimum(const SearchPoint& a, const SearchPoint& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const bool ordered = a.step <= b.step;
  const SearchPoint& left = ordered ? a : b;
  const SearchPoint& right = ordered ? b : a;
  const double at =
      right.step - (right.step - left.step) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2));
  return std::min(std::max(at, low), high);
}

SearchPoint strong_wolfe(const std::function<SearchPoint(double step)>& evaluate, const SearchPoint& start,
                         double first, double direction_max, double tolerance, int64_t most,
                         int64_t& evaluations) {
  const auto rises = [&](const SearchPoint& p) {
    return p.loss > start.loss + kDecrease * p.step * start.slope;
  };
  const auto flat = [&](const SearchPoint& p) { return std::abs(p.slope) <= -kCurvature * start.slope; };

  SearchPoint before = start, now = evaluate(first);
  evaluations = 1;
  int64_t iterations = 0;
  std::array<SearchPoint, 2> bracket;
  bool bracketed = false;
  while (iterations < most) {
    if (rises(now) || (iterations > 1 && now.loss >= before.loss)) {
      bracket = {before, now};
      bracketed = true;
      break;
    }
    if (flat(now)) return now;
    if (now.slope >= 0) {
      bracket = {before, now};
      bracketed = true;
      break;
    }
    const double low = now.step + 0.01 * (now.step - before.step), high = now.step * 10;
    const double step = cubic_minimum(before, now, low, high);
    before = now;
    now = evaluate(step);
    ++evaluations;
    ++iterations;
  }
  if (!bracketed) bracket = {start, now};

  bool insufficient = false;
  size_t best = bracket[0].loss <= bracket[1].loss ? 0 : 1;
  while (iterations < most) {
    const double width = std::abs(bracket[1].step - bracket[0].step);
    if (width * direction_max < tolerance) break;
    const double low = std::min(bracket[0].step, bracket[1].step),
                 high = std::max(bracket[0].step, bracket[1].step);
    double step = cubic_minimum(bracket[0], bracket[1], low, high);
    // Twice in a row close to an end, or on it: a tenth of the width away from it instead.
    const double margin = 0.1 * (high - low);
    if (std::min(high - step, step - low) < margin) {
      if (insufficient || step >= high || step <= low) {
        step = std::abs(step - high) < std::abs(step - low) ? high - margin : low + margin;
        insufficient = false;
      } else {
        insufficient = true;
      }
    } else {
      insufficient = false;
    }
    now = evaluate(step);
    ++evaluations;
    ++iterations;
    const size_t other = 1 - best;
    if (rises(now) || now.loss >= bracket[best].loss) {
      bracket[other] = now;
      best = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      continue;
    }
    const bool done = flat(now);
    if (!done && now.slope * (bracket[other].step - bracket[best].step) >= 0) bracket[other] = bracket[best];
    bracket[best] = now;
    if (done) break;
  }
  return bracket[best];
}

}  // namespace dlb::optim
