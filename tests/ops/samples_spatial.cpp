// Samples of what PyTorch's own do not name: pieces of pooling, resizing and sampling, and functions called
// by name.
#include "dlb/functional/function.h"
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

using functional::List;
using functional::Value;

/// A function of the table: name(inputs..., more...). Of several results the first is compared.
Sample named(const char* name, std::vector<Tensor> inputs, const std::vector<Value>& more) {
  return sample(
      std::move(inputs),
      [=](const std::vector<Tensor>& in) {
        std::vector<Value> args(in.begin(), in.end());
        args.insert(args.end(), more.begin(), more.end());
        const Value y = functional::call(name, args);
        return std::vector<Tensor>{y.is<Tensor>() ? y.as<Tensor>() : y.as<List>()[0].as<Tensor>()};
      },
      8);
}

Value number(int64_t n) { return n; }

void add_named_pools(SampleTable& table) {
  const Shape shapes[] = {{2, 3, 7}, {2, 3, 5, 4}, {1, 2, 4, 3, 5}};
  const Shape single[] = {{3, 7}, {3, 5, 4}, {2, 4, 3, 5}};
  const char* lp[] = {"lp_pool1d", "lp_pool2d", "lp_pool3d"};
  const char* unpool[] = {"max_unpool1d", "max_unpool2d", "max_unpool3d"};
  const char* fractional[] = {"", "fractional_max_pool2d", "fractional_max_pool3d"};
  for (size_t d = 0; d < 3; ++d) {
    Shape none = shapes[d];
    none[0] = 0;
    for (const Shape& shape : {shapes[d], single[d], none}) {
      const Tensor positive = values(shape, 0.2, 2, 11);
      table[lp[d]].push_back(named(lp[d], {positive}, {3.0, number(2)}));
      table[lp[d]].push_back(named(lp[d], {positive}, {2.0, number(2), number(1), true}));
      const Tensor x = values(shape, -2, 2, 12);
      if (shape.size() == d + 3) {
        const MaxPoolResult r = max_pool_with_indices(x, {{2}, {2}, {}, {}});
        const Tensor halves = values(r.y.shape(), -2, 2, 12);
        const MaxPoolResult q = max_pool_with_indices(halves, {{1}, {1}, {}, {}});
        table[unpool[d]].push_back(named(unpool[d], {q.y, q.indices}, {number(1)}));
        const Dims size(shape.begin() + 2, shape.end());
        table[unpool[d]].push_back(named(unpool[d], {r.y, r.indices},
                                         {number(2), number(2), number(0), List(size.begin(), size.end())}));
      }
      if (d > 0) table[fractional[d]].push_back(named(fractional[d], {x}, {number(2), number(2)}));
    }
  }
  const Value sizes = List{number(2), Value(), number(3)};
  for (const char* name : {"adaptive_avg_pool3d", "adaptive_max_pool3d"}) {
    for (const Shape& shape : {Shape{2, 2, 4, 3, 5}, Shape{2, 5, 3, 4}, Shape{0, 2, 4, 3, 5}}) {
      table[name].push_back(named(name, {values(shape, -2, 2, 13)}, {sizes}));
    }
    table[name].push_back(named(name, {values({1, 2, 2, 2, 2}, -2, 2, 14)}, {number(3)}));
    table[name].push_back(named(name, {values({1, 2, 2, 2, 2}, -2, 2, 14)}, {number(0)}));
  }
}

void add_named_images(SampleTable& table) {
  const auto list = [](std::initializer_list<int64_t> v) { return Value(List(v.begin(), v.end())); };
  for (const bool align : {false, true}) {
    table["affine_grid"].push_back(
        named("affine_grid", {values({2, 2, 3}, -1, 1, 15)}, {list({2, 1, 3, 4}), align}));
    table["affine_grid"].push_back(
        named("affine_grid", {values({1, 3, 4}, -1, 1, 16)}, {list({1, 2, 2, 1, 3}), align}));
  }
  table["fold"] = {named("fold", {values({2, 12, 12}, -2, 2, 17)},
                         {list({5, 6}), list({2, 3}), list({1, 2}), list({1}), list({2, 1})}),
                   named("fold", {values({4, 6}, -2, 2, 18)}, {list({3, 4}), number(2)}),
                   named("fold", {values({0, 4, 6}, -2, 2, 18)}, {list({3, 4}), number(2)})};
  for (const char* name : {"upsample_nearest", "upsample_bilinear"}) {
    for (const int64_t n : {int64_t{2}, int64_t{0}}) {
      const Tensor x = values({n, 3, 4, 5}, -2, 2, 19);
      table[name].push_back(named(name, {x}, {list({7, 3})}));
      table[name].push_back(named(name, {x}, {Value(), 2.0}));
    }
  }
}

}  // namespace

void add_spatial_samples(SampleTable& table) {
  add_unpool(table);
  add_resample(table);
  add_grid_sample(table);
  add_fold(table);
  add_named_pools(table);
  add_named_images(table);
}

}  // namespace dlb::testing
