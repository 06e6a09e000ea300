// Pooling by p-norms, at random distances, backwards, and over the steps of sequences.
#include <cmath>
#include <limits>

#include "dlb/nn/named_inputs.h"
#include "dlb/nn/pool.h"
#include "dlb/nn/spatial.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/fractional_pool.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

std::vector<Field> lp_fields(size_t spatial) {
  using T = LpPoolBase;
  return {
      required<&T::kernel>("kernel", "window size", items(positive(), 1, spatial)),
      field<&T::p>("p", "of the norm", positive()),
      field<&T::stride>("stride", "step of the window; the kernel's size when not given",
                        items(positive(), 0, spatial)),
      field<&T::ceil_mode>("ceil_mode", "keep a last window that is only partly filled"),
  };
}

std::vector<Field> fractional_fields(size_t spatial) {
  using T = FractionalMaxPoolBase;
  return {
      required<&T::kernel>("kernel", "window size", items(positive(), 1, spatial)),
      field<&T::output>("output", "output size; or give `ratio`", items(positive(), 0, spatial)),
      field<&T::ratio>("ratio", "output size over the input's", items(between(0, 1), 0, spatial)),
  };
}

std::vector<Field> unpool_fields(size_t spatial) {
  using T = MaxUnpoolBase;
  return {
      required<&T::kernel>("kernel", "window size of the max pooling", items(positive(), 1, spatial)),
      field<&T::stride>("stride", "its step; the kernel's size when not given",
                        items(positive(), 0, spatial)),
      field<&T::padding>("padding", "its padding", items(non_negative(), 1, spatial)),
      field<&T::output>("output", "output size, where the pooling left out a rest",
                        items(positive(), 0, spatial)),
  };
}

}  // namespace

Fields LpPool1d::fields() {
  static const std::vector<Field> list = lp_fields(1);
  return list;
}
Fields LpPool2d::fields() {
  static const std::vector<Field> list = lp_fields(2);
  return list;
}
Fields LpPool3d::fields() {
  static const std::vector<Field> list = lp_fields(3);
  return list;
}
void LpPoolBase::build_lp(Build& b, size_t spatial, std::string_view name) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2, name, spatial_form(spatial));
  attrs_.kernel = per_dimension(kernel, spatial, name, "kernel");
  attrs_.stride = stride.empty() ? attrs_.kernel : per_dimension(stride, spatial, name, "stride");
  attrs_.ceil_mode = ceil_mode;
}
Tensor LpPoolBase::forward(Context& /*c*/, const Tensor& x) { return lp_pool(x, p, attrs_); }

Fields FractionalMaxPool2d::fields() {
  static const std::vector<Field> list = fractional_fields(2);
  return list;
}
Fields FractionalMaxPool3d::fields() {
  static const std::vector<Field> list = fractional_fields(3);
  return list;
}
void FractionalMaxPoolBase::build_fractional(Build& b, size_t spatial, std::string_view name) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2, name, spatial_form(spatial));
  window_ = per_dimension(kernel, spatial, name, "kernel");
  if (output.empty() == ratio.empty()) fail(ErrorKind::kConfig, "{} needs either `output` or `ratio`", name);
  if (!output.empty()) {
    size_ = per_dimension(output, spatial, name, "output");
    return;
  }
  if (ratio.size() != 1 && ratio.size() != spatial) {
    fail(ErrorKind::kConfig, "{}.ratio takes 1 or {} numbers, got {}", name, spatial, ratio.size());
  }
  size_ = {};
  for (size_t i = 0; i < spatial; ++i) {
    const double share = ratio[ratio.size() == 1 ? 0 : i];
    size_.push_back(
        static_cast<int64_t>(share * static_cast<double>(b.input().dim(static_cast<int64_t>(i) + 2))));
  }
}
Tensor FractionalMaxPoolBase::forward(Context& c, const Tensor& x) {
  return fractional_max_pool(x, window_, size_, c.next_key(RngPurpose::kDropout)).y;
}

Fields MaxUnpool1d::fields() {
  static const std::vector<Field> list = unpool_fields(1);
  return list;
}
Fields MaxUnpool2d::fields() {
  static const std::vector<Field> list = unpool_fields(2);
  return list;
}
Fields MaxUnpool3d::fields() {
  static const std::vector<Field> list = unpool_fields(3);
  return list;
}
void MaxUnpoolBase::build_unpool(Build& b, size_t spatial, std::string_view name) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2, name, spatial_form(spatial));
  expect_input(b.input(1).shape == b.input().shape, b, 1, name, "indices", shape_text(b.input().shape));
  expect_whole_numbers(b, 1, name, "indices");
  attrs_.kernel = per_dimension(kernel, spatial, name, "kernel");
  attrs_.stride = stride.empty() ? attrs_.kernel : per_dimension(stride, spatial, name, "stride");
  attrs_.padding = per_dimension(padding, spatial, name, "padding");
  if (!output.empty()) size_ = per_dimension(output, spatial, name, "output");
}
Outputs MaxUnpoolBase::run(Context& /*c*/, Inputs inputs) {
  return one(max_unpool(inputs[0], inputs[1], size_.empty() ? max_unpool_sizes(inputs[0], attrs_) : size_));
}

Fields SequencePool::fields() {
  static const Field list[] = {field<&SequencePool::reduce>("reduce", "how the steps are joined",
                                                            one_of({"mean", "sum", "max", "first", "last"}))};
  return list;
}
std::span<const std::string_view> SequencePool::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "lengths"};
  return kNames;
}
void SequencePool::build(Build& b) {
  b.expect(b.input().rank() >= 2, "sequence_pool", "[N, T, ...]");
  if (!b.has_input(1)) return;
  expect_input(b.input(1).shape == Shape{b.input().dim(0)}, b, 1, "sequence_pool", "lengths",
               shape_text(Shape{b.input().dim(0)}));
  expect_whole_numbers(b, 1, "sequence_pool", "lengths");
}
Outputs SequencePool::run(Context& /*c*/, Inputs inputs) {
  const Tensor& x = inputs[0];
  if (x.dim(1) == 0) fail(ErrorKind::kShape, "sequence_pool of no steps: input {}", shape_text(x.shape()));
  if (reduce == "first") return one(select(x, 1, 0));
  const Tensor lengths = input_or_none(inputs, 1);
  if (!lengths.defined()) {
    return one(reduce == "last"   ? select(x, 1, -1)
               : reduce == "mean" ? mean(x, {1})
               : reduce == "sum"  ? sum(x, {1})
                                  : amax(x, {1}));
  }
  if (!lengths.is_meta()) {
    for (const int64_t n : lengths.to_vector<int64_t>()) {
      if (n < 1 || n > x.dim(1))
        fail(ErrorKind::kData, "sequence_pool expects lengths from 1 to {}, got {}", x.dim(1), n);
    }
  }
  Shape rows(static_cast<size_t>(x.rank()), 1);
  rows[0] = x.dim(0);
  const Tensor count = reshape(cast(lengths, DType::kInt64), rows);
  if (reduce == "last") {
    Shape wide = x.shape();
    wide[1] = 1;
    return one(squeeze(gather(x, 1, expand(count - 1, wide)), 1));
  }
  Shape steps(static_cast<size_t>(x.rank()), 1);
  steps[1] = x.dim(1);
  const Tensor inside =
      lt(reshape(arange(0, static_cast<double>(x.dim(1)), 1, DType::kInt64, x.device()), steps), count);
  const auto number = [&](double v) { return full({}, v, x.dtype(), x.device()); };
  if (reduce == "max") {
    return one(amax(where(inside, x, number(-std::numeric_limits<double>::infinity())), {1}));
  }
  const Tensor total = sum(where(inside, x, number(0)), {1});
  return one(reduce == "sum" ? total : div(total, cast(squeeze(count, 1), x.dtype())));
}

}  // namespace dlb::nn
