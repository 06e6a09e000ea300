#pragma once
/// \file Runs one transform on one sample.

#include <cstring>
#include <vector>

#include "data/data_support.h"
#include "dlb/data/transform.h"
#include "dlb/tensor/random.h"

namespace dlb::test {

/// An image as [row][column][channel], the order in memory.
struct Picture {
  int64_t channels = 1, height = 1, width = 1;
  std::vector<float> values;

  float at(int64_t y, int64_t x, int64_t c) const {
    return values[static_cast<size_t>((y * width + x) * channels + c)];
  }
  bool inside(int64_t y, int64_t x) const { return y >= 0 && y < height && x >= 0 && x < width; }
};

/// A picture of random whole values from 0 to 255.
inline Picture noise_picture(int64_t channels, int64_t height, int64_t width, uint64_t seed = 1) {
  Picture p{channels, height, width, {}};
  RandomStream random({seed});
  for (int64_t i = 0; i < channels * height * width; ++i)
    p.values.push_back(static_cast<float>(random.below(256)));
  return p;
}

/// A picture made by value(y, x, c).
template <class F>
Picture picture(int64_t channels, int64_t height, int64_t width, const F& value) {
  Picture p{channels, height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) p.values.push_back(static_cast<float>(value(y, x, c)));
    }
  }
  return p;
}

inline std::unique_ptr<data::Transform> make_transform(const std::string& yaml) {
  ErrorList errors;
  config::Scope scope;
  config::Reader reader(errors, scope);
  const auto document = config::Document::parse("t: " + yaml + "\n", "t.yaml");
  auto made = data::make_transform(reader, *document.root().find("t"));
  errors.throw_if_any();
  return made;
}

/// What a transform makes of raw values; `spec` is what prepare() said.
struct Result {
  TensorSpec spec;
  std::vector<double> values;  ///< in memory order
};

inline Result apply(const std::string& yaml, const TensorSpec& in, const std::vector<float>& values,
                    const RngKey& key = {}) {
  auto transform = make_transform(yaml);
  Result result{transform->prepare(in), {}};
  // Exactly as large as needed, so that the sanitizers see any step outside.
  std::vector<char> from(in.bytes()), to(result.spec.bytes());
  for (size_t i = 0; i < values.size(); ++i) {
    if (in.dtype == DType::kUInt8) {
      from[i] = static_cast<char>(static_cast<uint8_t>(values[i]));
    } else {
      std::memcpy(from.data() + 4 * i, &values[i], 4);
    }
  }
  RandomStream random(key);
  transform->apply(from.data(), to.data(), random);
  for (int64_t i = 0; i < result.spec.numel(); ++i) {
    dispatch_all(result.spec.dtype, [&]<class T>(T v) {
      std::memcpy(&v, to.data() + static_cast<size_t>(i) * sizeof v, sizeof v);
      result.values.push_back(static_cast<double>(v));
    });
  }
  return result;
}

inline Picture apply(const std::string& yaml, const Picture& in, DType dtype = DType::kUInt8,
                     const RngKey& key = {}) {
  const Result r = apply(yaml, data::image_spec(in.channels, in.height, in.width, dtype), in.values, key);
  REQUIRE(r.spec.rank() == 3);
  CHECK(r.spec.strides == Strides{1, r.spec.dim(2) * r.spec.dim(0), r.spec.dim(0)});
  Picture out{r.spec.dim(0), r.spec.dim(1), r.spec.dim(2), {}};
  for (const double v : r.values) out.values.push_back(static_cast<float>(v));
  return out;
}

inline std::string prepare_report(const std::string& yaml, const TensorSpec& in) {
  return report_of([&] { make_transform(yaml)->prepare(in); });
}

/// Whether all values agree within `margin`.
inline bool close(const std::vector<float>& a, const std::vector<float>& b, float margin) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i] - b[i]) <= margin)) return false;
  }
  return true;
}

}  // namespace dlb::test
