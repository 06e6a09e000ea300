#include "dlb/data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dlb/tensor/random.h"

namespace dlb::data {

namespace {

/// Values of RngKey::step: which sequence of the seed a number belongs to.
enum class Part : uint64_t { kPattern = 0, kTrain = 1, kTest = 2 };
constexpr int64_t kGrid = 4;             ///< a pattern is a picture of kGrid x kGrid fields
constexpr int64_t kMaxValues = 1 << 24;  ///< per sample, and per table of patterns or weights

RngKey key_of(const SyntheticSource& source, Part part, int64_t index) {
  return {static_cast<uint64_t>(source.seed), RngPurpose::kSynthetic, static_cast<uint64_t>(part),
          static_cast<uint32_t>(index)};
}

/// Uniform numbers of mean 0 and variance 1.
float centred(uint32_t bits) { return (unit_float(bits) - 0.5F) * 3.4641016F; }

/// The picture of each class, in storage order.
std::vector<float> make_patterns(const SyntheticSource& source, const TensorSpec& input) {
  std::vector<float> patterns;
  patterns.reserve(static_cast<size_t>(source.classes * input.numel()));
  for (int64_t k = 0; k < source.classes; ++k) {
    RandomStream random(key_of(source, Part::kPattern, k));
    if (input.rank() == 1) {
      for (int64_t i = 0; i < input.dim(0); ++i) patterns.push_back(random.normal());
      continue;
    }
    const int64_t channels = input.dim(0), height = input.dim(1), width = input.dim(2);
    std::vector<float> fields(static_cast<size_t>(kGrid * kGrid * channels));
    for (float& f : fields) f = random.normal();
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t cell = y * kGrid / height * kGrid + x * kGrid / width;
        for (int64_t c = 0; c < channels; ++c)
          patterns.push_back(fields[static_cast<size_t>(cell * channels + c)]);
      }
    }
  }
  return patterns;
}

class SyntheticDataset : public Dataset {
 public:
  SyntheticDataset(const SyntheticSource& source, SampleSpec spec, Part part, int64_t size)
      : seed_(static_cast<uint64_t>(source.seed)),
        part_(part),
        size_(size),
        noise_(static_cast<float>(source.noise)),
        spec_(std::move(spec)),
        count_(spec_.input().spec.numel()) {}
  int64_t size() const override { return size_; }
  const SampleSpec& spec() const override { return spec_; }

 protected:
  RngKey key(int64_t index) const {
    return {seed_, RngPurpose::kSynthetic, static_cast<uint64_t>(part_), static_cast<uint32_t>(index)};
  }
  float noise() const { return noise_; }
  int64_t count() const { return count_; }
  /// Calls make(i, bits) for each value of the input and stores what it returns. Blocks of the stream before
  /// `first` are free for other use.
  template <class F>
  void fill(const RngKey& stream, uint64_t first, void* input, const F& make) const {
    const auto store = [&](auto* out, const auto& convert) {
      for (int64_t i = 0; i < count_; i += 4) {
        const auto words = philox(stream, first + static_cast<uint64_t>(i / 4));
        const int64_t n = std::min<int64_t>(4, count_ - i);
        for (int64_t j = 0; j < n; ++j) out[i + j] = convert(make(i + j, words[static_cast<size_t>(j)]));
      }
    };
    if (spec_.input().spec.dtype == DType::kUInt8) {
      store(static_cast<uint8_t*>(input),
            [](float x) { return static_cast<uint8_t>(std::clamp(128.5F + 40 * x, 0.0F, 255.0F)); });
    } else {
      store(static_cast<float*>(input), [](float x) { return x; });
    }
  }

 private:
  uint64_t seed_;
  Part part_;
  int64_t size_;
  float noise_;
  SampleSpec spec_;
  int64_t count_;
};

class Classification final : public SyntheticDataset {
 public:
  Classification(const SyntheticSource& source, const SampleSpec& spec, Part part, int64_t size)
      : SyntheticDataset(source, spec, part, size), patterns_(make_patterns(source, spec.input().spec)) {}
  void read(int64_t index, void* const* columns) const override {
    const RngKey stream = key(index);
    const int64_t label = philox(stream, 0)[0] % spec().classes;
    std::memcpy(columns[1], &label, sizeof label);
    const float* pattern = patterns_.data() + label * count();
    fill(stream, 1, columns[0],
         [&](int64_t i, uint32_t bits) { return pattern[i] + noise() * centred(bits); });
  }

 private:
  std::vector<float> patterns_;
};

class Regression final : public SyntheticDataset {
 public:
  Regression(const SyntheticSource& source, const SampleSpec& spec, Part part, int64_t size)
      : SyntheticDataset(source, spec, part, size), outputs_(source.outputs) {
    RandomStream random(key_of(source, Part::kPattern, 0));
    weights_.resize(static_cast<size_t>(outputs_ * count()));
    for (float& w : weights_) w = random.normal();
  }
  void read(int64_t index, void* const* columns) const override {
    const RngKey stream = key(index);
    std::vector<float> sums(static_cast<size_t>(outputs_), 0.0F);
    const uint64_t noise_blocks = static_cast<uint64_t>(outputs_);
    fill(stream, noise_blocks, columns[0], [&](int64_t i, uint32_t bits) {
      const float x = 2 * unit_float(bits) - 1;
      for (int64_t k = 0; k < outputs_; ++k)
        sums[static_cast<size_t>(k)] += weights_[static_cast<size_t>(k * count() + i)] * x;
      return x;
    });
    const float scale = std::sqrt(static_cast<float>(count()) / 3);
    for (int64_t k = 0; k < outputs_; ++k) {
      const float u = centred(philox(stream, static_cast<uint64_t>(k))[0]);
      const float value = sums[static_cast<size_t>(k)] / scale + noise() * u;
      std::memcpy(static_cast<float*>(columns[1]) + k, &value, sizeof value);
    }
  }

 private:
  int64_t outputs_;
  std::vector<float> weights_;
};

}  // namespace

Fields SyntheticSource::fields() {
  static const Field list[] = {
      field<&SyntheticSource::samples>("samples", "training samples", between(1, 4294967295.0)),
      field<&SyntheticSource::test_samples>("test_samples", "test samples; 0: no test split",
                                            between(0, 4294967295.0)),
      field<&SyntheticSource::shape>("shape", "shape of a sample: [C, H, W] for images, [F] for vectors",
                                     items(positive(), 1, 3)),
      field<&SyntheticSource::task>("task", "what the target is", one_of({"classification", "regression"})),
      field<&SyntheticSource::classes>("classes", "number of classes", between(2, 1e6)),
      field<&SyntheticSource::outputs>("outputs", "values in a target of a regression", between(1, 1e6)),
      field<&SyntheticSource::noise>("noise", "standard deviation of the noise", non_negative()),
      field<&SyntheticSource::dtype>("dtype", "type of the input values", one_of({"float32", "uint8"})),
      field<&SyntheticSource::seed>("seed", "seed of patterns, labels and noise", non_negative()),
  };
  return list;
}

void SyntheticSource::bind(const SourceOptions&) {
  if (shape.size() == 2) {
    fail(ErrorKind::kConfig, "synthetic: shape {} has 2 sizes; expected [C, H, W] or [F]", shape_text(shape));
  }
  const int64_t rows = task == "regression" ? outputs : classes;
  int64_t values = 1;
  for (const int64_t size : shape) {
    const bool too_large = __builtin_mul_overflow(values, size, &values) || values > kMaxValues;
    if (too_large) values = kMaxValues + 1;
  }
  if (values > kMaxValues || __builtin_mul_overflow(values, rows, &values) || values > 8 * kMaxValues) {
    fail(ErrorKind::kConfig,
         "synthetic: shape {} with {} {} is too large; at most {} values a sample and {} in all",
         shape_text(shape), rows, task == "regression" ? "outputs" : "classes", kMaxValues, 8 * kMaxValues);
  }
}

std::vector<std::string> SyntheticSource::splits() const {
  if (test_samples == 0) return {"train"};
  return {"train", "test"};
}

SampleSpec SyntheticSource::spec() {
  const DType type = dtype_from_name(dtype);
  const bool vectors = shape.size() == 1;
  SampleSpec spec =
      labelled(vectors ? make_spec({shape[0]}, type) : image_spec(shape[0], shape[1], shape[2], type),
               classes, vectors ? "x" : "image");
  if (task == "regression") {
    spec.columns[1] = {"y", make_spec({outputs}, DType::kFloat32)};
    spec.classes = 0;
  }
  return spec;
}

int64_t SyntheticSource::size(const std::string& split) { return split == "test" ? test_samples : samples; }

std::shared_ptr<const Dataset> SyntheticSource::open(const std::string& split) {
  const Part part = split == "test" ? Part::kTest : Part::kTrain;
  if (task == "regression") return std::make_shared<Regression>(*this, spec(), part, size(split));
  return std::make_shared<Classification>(*this, spec(), part, size(split));
}

}  // namespace dlb::data
