#include "dlb/nn/pool.h"

#include "dlb/nn/named_inputs.h"
#include "dlb/nn/spatial.h"
#include "dlb/ops/reduce.h"

namespace dlb::nn {

namespace {

std::vector<Field> window_fields(size_t spatial) {
  return {
      required<&PoolBase::kernel>("kernel", "window size", items(positive(), 1, spatial)),
      field<&PoolBase::stride>("stride", "step of the window; the kernel's size when not given",
                               items(positive(), 0, spatial)),
      field<&PoolBase::padding>("padding", "rows added on each side, at most half the kernel",
                                items(non_negative(), 1, spatial)),
      field<&PoolBase::ceil_mode>("ceil_mode", "keep a last window that is only partly filled"),
  };
}

std::vector<Field> max_fields(size_t spatial) {
  std::vector<Field> list = window_fields(spatial);
  list.push_back(field<&MaxPoolBase::dilation>("dilation", "distance between the window's elements",
                                               items(positive(), 1, spatial)));
  list.push_back(field<&MaxPoolBase::return_indices>(
      "return_indices", "a second output: where the values were, for max_unpool"));
  return list;
}

std::vector<Field> avg_fields(size_t spatial) {
  std::vector<Field> list = window_fields(spatial);
  list.push_back(
      field<&AvgPoolBase::count_include_pad>("count_include_pad", "padding counts in the divisor"));
  return list;
}

std::vector<Field> adaptive_fields(size_t spatial) {
  return {required<&AdaptivePoolBase::output>("output", "output size", items(positive(), 1, spatial))};
}

}  // namespace

Fields MaxPool1d::fields() {
  static const std::vector<Field> list = max_fields(1);
  return list;
}
Fields MaxPool2d::fields() {
  static const std::vector<Field> list = max_fields(2);
  return list;
}
Fields MaxPool3d::fields() {
  static const std::vector<Field> list = max_fields(3);
  return list;
}
Fields AvgPool1d::fields() {
  static const std::vector<Field> list = avg_fields(1);
  return list;
}
Fields AvgPool2d::fields() {
  static const std::vector<Field> list = avg_fields(2);
  return list;
}
Fields AvgPool3d::fields() {
  static const std::vector<Field> list = avg_fields(3);
  return list;
}
Fields AdaptiveAvgPool1d::fields() {
  static const std::vector<Field> list = adaptive_fields(1);
  return list;
}
Fields AdaptiveAvgPool2d::fields() {
  static const std::vector<Field> list = adaptive_fields(2);
  return list;
}
Fields AdaptiveAvgPool3d::fields() {
  static const std::vector<Field> list = adaptive_fields(3);
  return list;
}
Fields AdaptiveMaxPool1d::fields() { return AdaptiveAvgPool1d::fields(); }
Fields AdaptiveMaxPool2d::fields() { return AdaptiveAvgPool2d::fields(); }
Fields AdaptiveMaxPool3d::fields() { return AdaptiveAvgPool3d::fields(); }

void PoolBase::build_window(Build& b, size_t spatial, std::string_view name) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2, name, spatial_form(spatial));
  attrs_ = {};
  attrs_.kernel = per_dimension(kernel, spatial, name, "kernel");
  attrs_.stride = stride.empty() ? attrs_.kernel : per_dimension(stride, spatial, name, "stride");
  attrs_.padding = per_dimension(padding, spatial, name, "padding");
  attrs_.dilation = Dims(spatial, 1);
  attrs_.ceil_mode = ceil_mode;
  for (size_t i = 0; i < spatial; ++i) {
    if (attrs_.padding[i] > attrs_.kernel[i] / 2) {
      fail(ErrorKind::kConfig, "{}.padding must be at most half the kernel, got padding {} with kernel {}",
           name, attrs_.padding[i], attrs_.kernel[i]);
    }
  }
}

void MaxPoolBase::build_max(Build& b, size_t spatial, std::string_view name) {
  build_window(b, spatial, name);
  attrs_.dilation = per_dimension(dilation, spatial, name, "dilation");
}

Outputs MaxPoolBase::run(Context& /*c*/, Inputs inputs) {
  if (!return_indices) return one(max_pool(inputs[0], attrs_));
  MaxPoolResult r = max_pool_with_indices(inputs[0], attrs_);
  Outputs out;
  out.push_back(std::move(r.y));
  out.push_back(std::move(r.indices));
  return out;
}

void AvgPoolBase::build_avg(Build& b, size_t spatial, std::string_view name) {
  build_window(b, spatial, name);
  attrs_.count_include_pad = count_include_pad;
}

void AdaptivePoolBase::build_adaptive(Build& b, size_t spatial, std::string_view name) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2, name, spatial_form(spatial));
  size_ = per_dimension(output, spatial, name, "output");
}

void GlobalAvgPool::build(Build& b) {
  b.expect(b.input().rank() >= 3, "global_avg_pool", "[N, C, spatial...]");
}

Tensor GlobalAvgPool::forward(Context& /*c*/, const Tensor& x) {
  Dims dims;
  for (int i = 2; i < x.rank(); ++i) dims.push_back(i);
  return mean(x, dims);
}

void GlobalMaxPool::build(Build& b) {
  b.expect(b.input().rank() >= 3, "global_max_pool", "[N, C, spatial...]");
}

Tensor GlobalMaxPool::forward(Context& /*c*/, const Tensor& x) {
  Dims dims;
  for (int i = 2; i < x.rank(); ++i) dims.push_back(i);
  return amax(x, dims);
}

}  // namespace dlb::nn
