// Poolings of ONNX over regions of interest.
#include <algorithm>
#include <cmath>
#include <functional>

#include "dlb/graph/operator.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr int64_t kLargest = int64_t{1} << 24;
/// Samples of one place of the output: they are kept while all channels are read.
constexpr int64_t kMostSamples = int64_t{1} << 22;

struct Sizes {
  int64_t height, width;
};

void check(const Call& c, const Tensor& x, const Tensor& rois, int64_t columns, const Sizes& out) {
  if (x.rank() != 4) c.fail("expects images [N, C, H, W], got {}", shape_text(x.shape()));
  if (rois.rank() != 2 || rois.dim(1) != columns)
    c.fail("expects regions [R, {}], got {}", columns, shape_text(rois.shape()));
  if (out.height < 1 || out.width < 1 || out.height > kLargest || out.width > kLargest)
    c.fail("an output of {} by {} is empty or too large", out.height, out.width);
}

/// The image in the batch that a region lies in.
int64_t image_of(const Call& c, double number, const Tensor& x) {
  if (!(number >= 0 && number < static_cast<double>(x.dim(0))))
    throw Error(ErrorKind::kData,
                fmt::format("{}: a region of image {}, there are {}", c.node().op, number, x.dim(0)));
  return static_cast<int64_t>(number);
}

/// A position between four elements of a plane, and their weights.
struct Sample {
  int64_t at[4] = {0, 0, 0, 0};
  float weight[4] = {0, 0, 0, 0};
};

Sample sample(float y, float x, const Sizes& image) {
  Sample s;
  if (!(y >= -1 && x >= -1 && y <= static_cast<float>(image.height) && x <= static_cast<float>(image.width)))
    return s;
  y = std::max(y, 0.0F);
  x = std::max(x, 0.0F);
  const int64_t top = std::min(static_cast<int64_t>(y), image.height - 1);
  const int64_t left = std::min(static_cast<int64_t>(x), image.width - 1);
  const int64_t bottom = std::min(top + 1, image.height - 1), right = std::min(left + 1, image.width - 1);
  const float fy = top == bottom ? 0 : y - static_cast<float>(top);
  const float fx = left == right ? 0 : x - static_cast<float>(left);
  const int64_t rows[2] = {top, bottom}, columns[2] = {left, right};
  const float along_y[2] = {1 - fy, fy}, along_x[2] = {1 - fx, fx};
  for (size_t i = 0; i < 4; ++i) {
    s.at[i] = rows[i / 2] * image.width + columns[i % 2];
    s.weight[i] = along_y[i / 2] * along_x[i % 2];
  }
  return s;
}

void roi_align(Call& c) {
  const Tensor x = c.tensor(0), rois = c.tensor(1);
  const Sizes out{c.attribute("output_height", int64_t{1}), c.attribute("output_width", int64_t{1})};
  check(c, x, rois, 4, out);
  const std::string mode = c.attribute("mode", "avg");
  if (mode != "avg" && mode != "max") c.fail("mode must be avg or max, got '{}'", mode);
  const std::string transform =
      c.opset() < 16 ? "output_half_pixel" : c.attribute("coordinate_transformation_mode", "half_pixel");
  if (transform != "half_pixel" && transform != "output_half_pixel")
    c.fail("coordinate_transformation_mode must be half_pixel or output_half_pixel, got '{}'", transform);
  const bool half_pixel = transform == "half_pixel";
  const int64_t ratio = c.attribute("sampling_ratio", int64_t{0});
  if (ratio < 0 || ratio > 4096) c.fail("sampling_ratio must be from 0 to 4096, got {}", ratio);
  const float scale = static_cast<float>(c.attribute("spatial_scale", 1.0));
  const int64_t channels = x.dim(1);
  const Shape shape{rois.dim(0), channels, out.height, out.width};
  if (x.is_meta()) return c.same_type(Tensor::empty(shape, x.dtype(), x.device()));
  c.need_data(1);
  const std::vector<int64_t> images = c.integers(2);
  if (static_cast<int64_t>(images.size()) != rois.dim(0))
    c.fail("{} regions but {} numbers of images", rois.dim(0), images.size());
  const Tensor pixels = contiguous(cast(x, DType::kFloat32)), boxes = contiguous(cast(rois, DType::kFloat32));
  const Sizes image{x.dim(2), x.dim(3)};
  const int64_t plane = image.height * image.width;
  if (plane == 0) c.fail("the images are empty: {}", shape_text(x.shape()));
  const Tensor y = Tensor::empty(shape, DType::kFloat32);
  std::vector<Sample> samples;
  for (int64_t r = 0; r < rois.dim(0); ++r) {
    const int64_t n = image_of(c, static_cast<double>(images[static_cast<size_t>(r)]), x);
    const float* box = boxes.data<float>() + 4 * r;
    const float shift = half_pixel ? 0.5F : 0.0F;
    const float left = box[0] * scale - shift, top = box[1] * scale - shift;
    float width = box[2] * scale - shift - left, height = box[3] * scale - shift - top;
    if (!half_pixel) {
      width = std::max(width, 1.0F);
      height = std::max(height, 1.0F);
    }
    const float bin_height = height / static_cast<float>(out.height);
    const float bin_width = width / static_cast<float>(out.width);
    const auto steps = [&](float bin) -> int64_t {
      if (ratio > 0) return ratio;
      if (!(std::abs(bin) <= 4096)) c.fail("region {} is too large or no number", r);
      return std::max<int64_t>(static_cast<int64_t>(std::ceil(bin)), 0);
    };
    const int64_t rows = steps(bin_height), columns = steps(bin_width);
    if (rows * columns > kMostSamples) c.fail("{} by {} samples of each place are too many", rows, columns);
    for (int64_t place = 0; place < out.height * out.width; ++place) {
      const int64_t py = place / out.width, px = place % out.width;
      samples.clear();
      for (int64_t i = 0; i < rows; ++i) {
        const float sy = top + static_cast<float>(py) * bin_height +
                         (static_cast<float>(i) + 0.5F) * bin_height / static_cast<float>(rows);
        for (int64_t j = 0; j < columns; ++j) {
          const float sx = left + static_cast<float>(px) * bin_width +
                           (static_cast<float>(j) + 0.5F) * bin_width / static_cast<float>(columns);
          samples.push_back(sample(sy, sx, image));
        }
      }
      for (int64_t channel = 0; channel < channels; ++channel) {
        const float* from = pixels.data<float>() + (n * channels + channel) * plane;
        float total = 0, largest = 0;
        for (size_t i = 0; i < samples.size(); ++i) {
          const Sample& s = samples[i];
          float value[4];
          for (size_t k = 0; k < 4; ++k) value[k] = s.weight[k] * from[s.at[k]];
          total += value[0] + value[1] + value[2] + value[3];
          const float most = std::max(std::max(value[0], value[1]), std::max(value[2], value[3]));
          largest = i == 0 ? most : std::max(largest, most);
        }
        const float average = total / static_cast<float>(std::max<size_t>(samples.size(), 1));
        y.data<float>()[(r * channels + channel) * out.height * out.width + place] =
            mode == "avg" ? average : largest;
      }
    }
  }
  c.same_type(cast(y, x.dtype()));
}

/// The largest element of each cell of a region, whose corners are rounded to elements; 0 of an empty cell.
void max_roi_pool(Call& c) {
  const Tensor x = c.tensor(0), rois = c.tensor(1);
  const std::vector<int64_t> pooled = c.integers("pooled_shape");
  if (pooled.size() != 2) c.fail("pooled_shape must have 2 numbers, got {}", pooled.size());
  const Sizes out{pooled[0], pooled[1]}, image{x.rank() == 4 ? x.dim(2) : 0, x.rank() == 4 ? x.dim(3) : 0};
  check(c, x, rois, 5, out);
  const double scale = c.attribute("spatial_scale", 1.0);
  const Shape shape{rois.dim(0), x.dim(1), out.height, out.width};
  if (x.is_meta()) return c.same_type(Tensor::empty(shape, x.dtype(), x.device()));
  c.need_data(1);
  const Tensor pixels = contiguous(cast(x, DType::kFloat32)), boxes = contiguous(cast(rois, DType::kFloat32));
  const Tensor y = Tensor::empty(shape, DType::kFloat32);
  float* to = y.data<float>();
  for (int64_t r = 0; r < rois.dim(0); ++r) {
    const float* box = boxes.data<float>() + 5 * r;
    const int64_t n = image_of(c, static_cast<double>(box[0]), x);
    int64_t corner[4];
    for (size_t i = 0; i < 4; ++i) {
      const double at = std::round(static_cast<double>(box[i + 1]) * scale);
      if (!(std::abs(at) <= static_cast<double>(kLargest))) c.fail("region {} is too large or no number", r);
      corner[i] = static_cast<int64_t>(at);
    }
    const auto bounds = [](int64_t cell, int64_t cells, int64_t start, int64_t end, int64_t size) {
      const double step =
          static_cast<double>(std::max<int64_t>(end - start + 1, 1)) / static_cast<double>(cells);
      const int64_t low = static_cast<int64_t>(std::floor(static_cast<double>(cell) * step)) + start;
      const int64_t high = static_cast<int64_t>(std::ceil(static_cast<double>(cell + 1) * step)) + start;
      return std::pair(std::clamp<int64_t>(low, 0, size), std::clamp<int64_t>(high, 0, size));
    };
    for (int64_t channel = 0; channel < x.dim(1); ++channel) {
      const float* from = pixels.data<float>() + (n * x.dim(1) + channel) * image.height * image.width;
      for (int64_t place = 0; place < out.height * out.width; ++place) {
        const auto [top, bottom] = bounds(place / out.width, out.height, corner[1], corner[3], image.height);
        const auto [left, right] = bounds(place % out.width, out.width, corner[0], corner[2], image.width);
        float best = 0;
        bool any = false;
        for (int64_t i = top; i < bottom; ++i) {
          for (int64_t j = left; j < right; ++j) {
            const float v = from[i * image.width + j];
            best = any ? std::max(best, v) : v;
            any = true;
          }
        }
        *to++ = best;
      }
    }
  }
  c.same_type(cast(y, x.dtype()));
}

constexpr Operator kOperators[] = {
    {"RoiAlign", &roi_align, 10, "", true, 3},
    {"MaxRoiPool", &max_roi_pool, 1, "", true, 2},
};

}  // namespace

std::span<const Operator> roi_operators() { return kOperators; }

}  // namespace dlb::graph
