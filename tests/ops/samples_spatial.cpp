// Samples of operators that PyTorch's own do not name: pieces of pooling, resizing and sampling.
#include "dlb/ops/fold.h"
#include "dlb/ops/grid_sample.h"
#include "dlb/ops/interpolate.h"
#include "dlb/ops/pool_defs.h"
#include "samples.h"

namespace dlb::testing {

namespace {

Sample sample(std::vector<Tensor> inputs, TensorFunction call, double tolerance = 1, bool large = false) {
  Sample s;
  s.inputs = std::move(inputs);
  s.call = std::move(call);
  s.rejects = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};
  s.tolerance = tolerance;
  s.large = large;
  return s;
}

void add_unpool(SampleTable& table) {
  for (const Shape& shape : {Shape{2, 3, 5, 4}, Shape{0, 3, 5, 4}, Shape{1, 2, 4, 3, 5}}) {
    const PoolAttrs a{{2}, {2}, {}, {}};
    const Tensor x = values(shape, -2, 2, 1);
    Sample positions = sample({x}, [a](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{max_pool_with_indices(in[0].detach(), a).indices};
    });
    positions.gradient = false;
    positions.compare_16_bit = false;
    table["max_pool_positions"].push_back(positions);
    const MaxPoolResult r = max_pool_with_indices(x, a);
    const Dims size(shape.begin() + 2, shape.end());
    table["max_unpool"].push_back(sample({r.y, r.indices}, [size](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{max_unpool(in[0], in[1], size)};
    }));
  }
}

void add_resample(SampleTable& table) {
  const auto add = [&](const Shape& shape, const Dims& size, InterpolateMode mode, bool align, bool antialias,
                       bool large = false) {
    const InterpolateOptions options{mode, align, antialias, {}};
    table["resample"].push_back(sample(
        {values(shape, -2, 2, 2)},
        [=](const std::vector<Tensor>& in) { return std::vector<Tensor>{interpolate(in[0], size, options)}; },
        8, large));
  };
  add({2, 3, 4}, {7}, InterpolateMode::kLinear, false, false);
  add({0, 3, 4}, {7}, InterpolateMode::kLinear, false, false);
  add({2, 2, 3, 4}, {5, 3}, InterpolateMode::kCubic, true, false);
  add({1, 2, 7, 9}, {3, 4}, InterpolateMode::kCubic, false, true);
  add({1, 2, 7, 5}, {3, 8}, InterpolateMode::kLinear, false, true);
  add({1, 2, 3, 4, 2}, {2, 5, 4}, InterpolateMode::kNearestExact, false, false);
  add({2, 20, 40, 30}, {61, 47}, InterpolateMode::kLinear, false, false, true);
}

void add_grid_sample(SampleTable& table) {
  const auto add = [&](const Shape& shape, const Shape& grid, SampleMode mode, SamplePadding padding,
                       bool large = false) {
    Sample s = sample(
        {values(shape, -2, 2, 3), values(grid, -1.3, 1.3, 4)},
        [=](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{grid_sample(in[0], in[1], mode, padding)};
        },
        8, large);
    s.second_order = false;
    s.compare_16_bit = false;  // a rounded grid is at another place
    for (const char* name : {"grid_sample", "grid_sample_grad"}) table[name].push_back(s);
  };
  add({2, 3, 4, 5}, {2, 3, 2, 2}, SampleMode::kBilinear, SamplePadding::kZeros);
  add({2, 3, 4, 5}, {2, 3, 2, 2}, SampleMode::kBicubic, SamplePadding::kReflection);
  add({1, 2, 3, 4, 5}, {1, 3, 2, 2, 3}, SampleMode::kBilinear, SamplePadding::kBorder);
  add({0, 2, 3, 4}, {0, 2, 2, 2}, SampleMode::kNearest, SamplePadding::kZeros);
  add({3, 70, 20, 20}, {3, 30, 30, 2}, SampleMode::kBilinear, SamplePadding::kZeros, true);
}

void add_fold(SampleTable& table) {
  const WindowAttrs a{{2, 3}, {1, 2}, {1}, {2, 1}};
  for (const int64_t n : {int64_t{2}, int64_t{0}}) {
    table["unfold_windows"].push_back(
        sample({values({n, 2, 5, 6}, -2, 2, 5)},
               [a](const std::vector<Tensor>& in) { return std::vector<Tensor>{unfold_windows(in[0], a)}; }));
    table["fold_windows"].push_back(sample(
        {values({n, 12, 12}, -2, 2, 6)},
        [a](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{fold_windows(in[0], {5, 6}, a)};
        },
        4));
  }
  const WindowAttrs b{{3}, {1}, {1}, {1}};
  const auto there_and_back = [b](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{fold_windows(unfold_windows(in[0], b), {30, 40}, b)};
  };
  for (const char* name : {"unfold_windows", "fold_windows"}) {
    table[name].push_back(sample({values({4, 8, 30, 40}, -2, 2, 7)}, there_and_back, 1, true));
  }
}

}  // namespace

void add_spatial_samples(SampleTable& table) {
  add_unpool(table);
  add_resample(table);
  add_grid_sample(table);
  add_fold(table);
}

}  // namespace dlb::testing
