#include "dlb/optim/average.h"

#include <algorithm>

#include "dlb/optim/fused.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

template <class T>
struct AverageStep {
  T* average;
  const T* value;
  int64_t n;
  T keep, take;

  [[gnu::always_inline]] void operator()() const {
    const AverageStep s = *this;
    T* __restrict a = average;
    const T* __restrict v = value;
    for (int64_t i = 0; i < s.n; ++i) a[i] = s.keep * a[i] + s.take * v[i];
  }
};

}  // namespace

ParameterAverage::ParameterAverage(std::vector<Tensor> values, double decay)
    : values_(std::move(values)), decay_(decay) {
  averages_.reserve(values_.size());
  for (const Tensor& v : values_) {
    if (v.dtype() != DType::kFloat32 && v.dtype() != DType::kFloat64) {
      fail(ErrorKind::kUnsupported, "averages are kept of float32 and float64 tensors, got {}",
           dtype_name(v.dtype()));
    }
    averages_.push_back(Tensor::empty(v.spec()));
    if (!v.is_meta()) averages_.back().assign(v.detach());
  }
}

void ParameterAverage::update() {
  ++updates_;
  const auto n = static_cast<double>(updates_);
  const double d = std::min(decay_, (1 + n) / (10 + n));
  std::vector<int64_t> sizes;
  for (const Tensor& v : values_) sizes.push_back(v.numel());
  for_each_range(sizes, [&](size_t i, int64_t begin, int64_t end) {
    if (values_[i].dtype() == DType::kFloat64) {
      run_wide(AverageStep<double>{averages_[i].data<double>() + begin, values_[i].data<double>() + begin,
                                   end - begin, d, 1 - d});
    } else {
      run_wide(AverageStep<float>{averages_[i].data<float>() + begin, values_[i].data<float>() + begin,
                                  end - begin, static_cast<float>(d), static_cast<float>(1 - d)});
    }
  });
  for (const Tensor& a : averages_) a.bump_version();
}

void ParameterAverage::swap() {
  for (size_t i = 0; i < values_.size(); ++i) {
    const Tensor value = values_[i].detach();
    values_[i].swap_data(averages_[i].detach());
    averages_[i].swap_data(value);
  }
}

}  // namespace dlb::optim
