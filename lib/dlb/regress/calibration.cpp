#include "dlb/regress/calibration.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "dlb/base/threads.h"
#include "dlb/optim/wide.h"

namespace dlb::regress {
namespace {

constexpr int64_t kSize = 96;     ///< of the matrices, which stay in the first two caches
constexpr int64_t kParts = 16;    ///< of a round, between which the threads meet as in a step of training
constexpr int64_t kProducts = 5;  ///< a part
constexpr int64_t kElements = 1 << 15;  ///< of a vector that stays in the second cache
constexpr int64_t kPasses = 8;
constexpr int64_t kCopied = 1 << 19;  ///< floats, more than the second cache holds
constexpr int64_t kLane = 3 * kSize * kSize + kElements + 2 * kCopied;

__attribute__((always_inline)) inline void products(const float* a, const float* b, float* c) {
  for (int64_t i = 0; i < kSize; ++i) {
    float row[kSize] = {};
    for (int64_t k = 0; k < kSize; ++k) {
      const float scale = a[i * kSize + k];
      for (int64_t j = 0; j < kSize; ++j) row[j] += scale * b[k * kSize + j];
    }
    for (int64_t j = 0; j < kSize; ++j) c[i * kSize + j] = row[j];
  }
}

/// Stays within (0, 1), so that no round meets other numbers than the one before it.
__attribute__((always_inline)) inline void arithmetic(float* x) {
  for (int64_t i = 0; i < kElements; ++i) {
    const float v = x[i];
    x[i] = 0.1F + v * (0.4F + v * (-0.3F + v * (0.2F + v * 0.1F))) / (1.0F + v);
  }
}

}  // namespace

Calibration::Calibration() {
  lanes_.resize(static_cast<size_t>(threads()));
  // Each thread fills its own, so that on machines with several memories it lies near.
  parallel_for(static_cast<int64_t>(lanes_.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t lane = begin; lane < end; ++lane) {
      std::vector<float>& values = lanes_[static_cast<size_t>(lane)];
      values.resize(static_cast<size_t>(kLane));
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 97) / 97.0F;
    }
  });
}

void Calibration::work(int64_t lane) {
  float* a = lanes_[static_cast<size_t>(lane)].data();
  float* b = a + kSize * kSize;
  float* c = b + kSize * kSize;
  float* elements = c + kSize * kSize;
  float* from = elements + kElements;
  float* to = from + kCopied;
  optim::run_wide([&]() __attribute__((always_inline)) {
    for (int64_t i = 0; i < kProducts; ++i) products(a, b, c);
    for (int64_t i = 0; i < kPasses; ++i) arithmetic(elements);
  });
  from[0] = c[0];  // another content each time: no copy can be left out
  std::memcpy(to, from, static_cast<size_t>(kCopied) * sizeof(float));
  std::memcpy(from, to, static_cast<size_t>(kCopied) * sizeof(float));
}

void Calibration::measure() {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t part = 0; part < kParts; ++part) {
    parallel_for(static_cast<int64_t>(lanes_.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t lane = begin; lane < end; ++lane) work(lane);
    });
  }
  times_.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

double Calibration::seconds() const { return undisturbed(times_); }

double undisturbed(std::vector<double> times) {
  if (times.empty()) return 0;
  const auto at = times.begin() + static_cast<ptrdiff_t>((times.size() - 1) / 10);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

}  // namespace dlb::regress
