#include "dlb/graph/windows.h"

#include <algorithm>

#include "dlb/ops/conv.h"
#include "dlb/ops/pad.h"

namespace dlb::graph {

namespace {

/// Larger sizes are mistakes, and their products would overflow.
constexpr int64_t kLargest = int64_t{1} << 30;

Dims spatial_sizes(const Call& c, const Shape& input) {
  if (input.size() < 3) c.fail("expects an input [N, C, *spatial], got {}", shape_text(input));
  return Dims(input.begin() + 2, input.end());
}

/// Padding with which there are ceil(size / stride) windows.
void pad_to_same(Windows& w, const Dims& sizes, bool upper) {
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t windows = (sizes[i] + w.stride[i] - 1) / w.stride[i];
    const int64_t total = std::max<int64_t>((windows - 1) * w.stride[i] + w.reach(i) - sizes[i], 0);
    w.before[i] = upper ? total / 2 : total - total / 2;
    w.after[i] = total - w.before[i];
  }
}

}  // namespace

Dims read_sizes(const Call& c, std::string_view name, size_t count, int64_t least, int64_t otherwise) {
  const std::vector<int64_t> given = c.integers(name);
  if (given.empty()) return Dims(count, otherwise);
  if (given.size() != count) c.fail("{} must have {} numbers, got {}", name, count, given.size());
  for (const int64_t v : given) {
    if (v < least || v > kLargest) c.fail("{} must be from {} to {}, got {}", name, least, kLargest, v);
  }
  return Dims(given.begin(), given.end());
}

Windows read_windows(const Call& c, const Shape& input, const Dims& kernel) {
  const Dims sizes = spatial_sizes(c, input);
  const size_t spatial = sizes.size();
  Windows w;
  w.kernel = kernel;
  if (c.has_attribute("kernel_shape") || kernel.empty()) {
    if (!c.has_attribute("kernel_shape")) c.fail("attribute 'kernel_shape' is missing");
    w.kernel = read_sizes(c, "kernel_shape", spatial, 1, 1);
    if (!kernel.empty() && !(w.kernel == kernel))
      c.fail("kernel_shape {} differs from the weight's {}", shape_text(w.kernel), shape_text(kernel));
  }
  if (w.kernel.size() != spatial)
    c.fail("a kernel {} over an input {}", shape_text(w.kernel), shape_text(input));
  w.stride = read_sizes(c, "strides", spatial, 1, 1);
  w.dilation = read_sizes(c, "dilations", spatial, 1, 1);
  w.ceil_mode = c.attribute("ceil_mode", int64_t{0}) != 0;
  w.before = w.after = Dims(spatial, 0);
  for (size_t i = 0; i < spatial; ++i) {
    if (w.kernel[i] < 1 || w.kernel[i] > kLargest || w.reach(i) > kLargest)
      c.fail("a kernel of {} with dilation {} is empty or too large", w.kernel[i], w.dilation[i]);
  }
  const std::string automatic = c.attribute("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    pad_to_same(w, sizes, automatic == "SAME_UPPER");
  } else if (automatic == "NOTSET" || automatic.empty()) {
    const Dims pads = read_sizes(c, "pads", 2 * spatial, 0, 0);
    for (size_t i = 0; i < spatial; ++i) {
      w.before[i] = pads[i];
      w.after[i] = pads[spatial + i];
    }
  } else if (automatic != "VALID") {
    c.fail("auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got '{}'", automatic);
  }
  return w;
}

Dims window_counts(const Call& c, const Shape& input, const Windows& w) {
  Dims counts;
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    counts.push_back(window_output_size(input[i + 2], w.kernel[i], w.stride[i], w.before[i], w.after[i],
                                        w.dilation[i], w.ceil_mode));
    if (counts.back() < 1)
      c.fail("a window of {} elements does not fit into dimension {} of {} with padding {} and {}",
             w.reach(i), i + 2, shape_text(input), w.before[i], w.after[i]);
  }
  return counts;
}

Tensor padded_to_windows(const Tensor& x, const Windows& w, const Dims& counts, double value) {
  Dims amounts;
  bool moves = false;
  for (size_t i = counts.size(); i-- > 0;) {
    const int64_t end = (counts[i] - 1) * w.stride[i] + w.reach(i);
    amounts.push_back(w.before[i]);
    amounts.push_back(end - x.shape()[i + 2] - w.before[i]);
    moves = moves || amounts[amounts.size() - 1] != 0 || w.before[i] != 0;
  }
  return moves ? pad(x, amounts, value) : x;
}

}  // namespace dlb::graph
