#include "dlb/train/sample_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "dlb/base/base64.h"
#include "dlb/ops/view.h"

namespace dlb::train {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kMaxSide = 48;
constexpr int64_t kMaxValues = 16;

/// Pixels along a side that become one.
int64_t factor(int64_t height, int64_t width) { return (std::max(height, width) + kMaxSide - 1) / kMaxSide; }

}  // namespace

std::string json_text(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

bool is_picture(const Tensor& sample) {
  return sample.rank() == 3 && (sample.dim(0) == 1 || sample.dim(0) == 3) && sample.dim(1) >= 4 &&
         sample.dim(2) >= 4 && (is_floating(sample.dtype()) || sample.dtype() == DType::kUInt8);
}

std::string picture_json(const Tensor& sample) {
  const int64_t channels = sample.dim(0), height = sample.dim(1), width = sample.dim(2);
  const std::vector<float> values = sample.to_vector<float>();
  const int64_t by = factor(height, width);
  const int64_t rows = std::max<int64_t>(1, height / by), columns = std::max<int64_t>(1, width / by);
  std::vector<float> small;
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t x = 0; x < columns; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        int64_t count = 0;
        for (int64_t v = y * by; v < std::min((y + 1) * by, height); ++v) {
          for (int64_t u = x * by; u < std::min((x + 1) * by, width); ++u, ++count)
            sum += values[static_cast<size_t>((c * height + v) * width + u)];
        }
        small.push_back(sum / static_cast<float>(count));
      }
    }
  }
  float low = INFINITY, high = -INFINITY;
  for (const float v : small) {
    if (!std::isfinite(v)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  std::string bytes;
  for (const float v : small) {
    const float scaled = high > low && std::isfinite(v) ? (v - low) / (high - low) * 255 : 0;
    bytes += static_cast<char>(std::lround(scaled));
  }
  return json_text({{"height", rows}, {"width", columns}, {"channels", channels}, {"data", base64(bytes)}});
}

std::string mask_json(const std::vector<int64_t>& classes, int64_t row, int64_t height, int64_t width) {
  const int64_t by = factor(height, width);
  std::string bytes;
  const int64_t rows = (height + by - 1) / by, columns = (width + by - 1) / by;
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t x = 0; x < columns; ++x) {
      const int64_t c = classes[static_cast<size_t>((row * height + y * by) * width + x * by)];
      bytes += static_cast<char>(std::clamp<int64_t>(c, 0, 255));
    }
  }
  return json_text({{"height", rows}, {"width", columns}, {"data", base64(bytes)}});
}

std::string values_json(const Tensor& sample) {
  const int64_t all = sample.numel();
  if (all == 0 || sample.dtype() == DType::kBool) return {};
  const Tensor part = narrow(reshape(sample, {all}), 0, 0, std::min(all, kMaxValues));
  ordered_json values = ordered_json::array();
  for (const double v : part.to_vector<double>())
    values.push_back(std::isfinite(v) ? ordered_json(std::stod(fmt::format("{:.4g}", v))) : ordered_json());
  return json_text({{"values", values}, {"of", all}});
}

}  // namespace dlb::train
