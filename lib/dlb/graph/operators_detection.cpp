// Operators of ONNX for detectors.
#include <algorithm>
#include <limits>
#include <numeric>

#include "dlb/graph/operator_parts.h"

namespace dlb::graph {

namespace {

struct Box {
  float top, left, bottom, right;
  float area() const { return (bottom - top) * (right - left); }
};

Box box_at(const float* p, bool centred) {
  if (centred) {  // x, y, width, height
    return {p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2};
  }
  return {std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]), std::max(p[1], p[3])};
}

bool overlap(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0 && width > 0)) return false;
  const float common = height * width, all = a.area() + b.area() - common;
  return all > 0 && common / all > threshold;
}

void non_max_suppression(Call& c) {
  for (size_t i = 0; i < 2; ++i) c.need_data(i);
  const Tensor boxes = c.tensor(0), scores = c.tensor(1);
  if (boxes.rank() != 3 || boxes.dim(2) != 4 || scores.rank() != 3 || scores.dim(0) != boxes.dim(0) ||
      scores.dim(2) != boxes.dim(1)) {
    c.fail("boxes are {}, scores {}; expected [N, B, 4] and [N, C, B]", describe(c.value(0)),
           describe(c.value(1)));
  }
  const int64_t most = c.has(2) ? c.integer(2) : 0;
  const float threshold = c.has(3) ? static_cast<float>(c.number(3)) : 0;
  const float least = c.has(4) ? static_cast<float>(c.number(4)) : -std::numeric_limits<float>::infinity();
  const bool centred = c.attribute("center_point_box", int64_t{0}) != 0;
  const int64_t batch = boxes.dim(0), count = boxes.dim(1), classes = scores.dim(1);
  const std::vector<float> corners = boxes.to_vector<float>(), score = scores.to_vector<float>();
  std::vector<int64_t> picked;
  for (int64_t n = 0; n < batch; ++n) {
    std::vector<Box> all;
    for (int64_t i = 0; i < count; ++i) all.push_back(box_at(corners.data() + (n * count + i) * 4, centred));
    for (int64_t k = 0; k < classes; ++k) {
      const float* s = score.data() + (n * classes + k) * count;
      std::vector<int64_t> order;
      for (int64_t i = 0; i < count; ++i) {
        if (s[i] > least) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return s[a] > s[b]; });
      std::vector<int64_t> kept;
      for (const int64_t i : order) {
        if (static_cast<int64_t>(kept.size()) >= most) break;
        const bool free = std::none_of(kept.begin(), kept.end(), [&](int64_t j) {
          return overlap(all[static_cast<size_t>(i)], all[static_cast<size_t>(j)], threshold);
        });
        if (free) kept.push_back(i);
      }
      for (const int64_t i : kept) picked.insert(picked.end(), {n, k, i});
    }
  }
  c.plain(Tensor::from(picked, {static_cast<int64_t>(picked.size()) / 3, 3}));
}

constexpr Operator kOperators[] = {
    {"NonMaxSuppression", &non_max_suppression, 10, "", true, 2},
};

}  // namespace

std::span<const Operator> detection_operators() { return kOperators; }

}  // namespace dlb::graph
