#include "dlb/data/dataset.h"

#include <algorithm>

namespace dlb::data {

TensorSpec image_spec(int64_t channels, int64_t height, int64_t width, DType dtype) {
  TensorSpec spec = make_spec({channels, height, width}, dtype);
  spec.strides = {1, width * channels, channels};
  return spec;
}

TensorSpec batch_spec(const TensorSpec& sample, int64_t count) {
  TensorSpec spec = sample;
  spec.shape.insert(0, count);
  spec.strides.insert(0, std::max<int64_t>(sample.numel(), 1));
  return spec;
}

namespace {

class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {
    for (const int64_t index : indices_) DLB_CHECK(index >= 0 && index < whole_->size());
  }
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  const SampleSpec& spec() const override { return whole_->spec(); }
  void read(int64_t index, void* input, void* target) const override {
    whole_->read(indices_[static_cast<size_t>(index)], input, target);
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<int64_t> indices_;
};

}  // namespace

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices) {
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

}  // namespace dlb::data
