#include "dlb/nn/layer.h"

#include <algorithm>

#include "dlb/nn/init.h"

namespace dlb::nn {

Tensor Build::parameter(std::string name, Shape shape, Init init) {
  for (Tie& tie : ties_) {
    if (tie.name != name) continue;
    tie.used = true;
    Shape given = tie.value.shape();
    if (tie.transposed) std::reverse(given.begin(), given.end());
    if (given != shape) {
      throw Error(ErrorKind::kShape,
                  fmt::format("{} needs shape {}, but {}{} has {}", name, shape_text(shape), tie.source,
                              tie.transposed ? " transposed" : "", shape_text(given)),
                  tie.place);
    }
    if (!tie.transposed) return tie.value;
    tie.handle = Tensor::empty(std::move(shape), tie.value.dtype(), kMeta);
    return tie.handle;
  }
  Variable v;
  v.name = std::move(name);
  v.value = Tensor::empty(std::move(shape), dtype_, kMeta);
  v.value.set_requires_grad(true);
  v.init = std::move(init);
  variables_.push_back(std::move(v));
  return variables_.back().value;
}

Tensor Build::buffer(std::string name, Shape shape, double value) {
  Variable v;
  v.name = std::move(name);
  v.value = Tensor::empty(std::move(shape), dtype_, kMeta);
  v.init = constant_init(value);
  v.trainable = false;
  v.buffer = true;
  variables_.push_back(std::move(v));
  return variables_.back().value;
}

void Build::leave_out(size_t i) {
  left_out_.resize(std::max(left_out_.size(), i + 1), false);
  left_out_[i] = true;
}

void Build::expect(bool holds, std::string_view layer, std::string_view form) const {
  if (holds) return;
  fail(ErrorKind::kShape, "{} expects input {}, got {}", layer, form, shape_text(input().shape));
}

Tensor Layer::forward(Context& /*c*/, const Tensor& /*x*/) {
  fail(ErrorKind::kInternal, "a layer that takes several inputs was called with one");
}

Outputs Layer::run(Context& c, Inputs inputs) {
  if (inputs.size() != 1) fail(ErrorKind::kConfig, "this layer takes 1 input, got {}", inputs.size());
  Outputs out;
  out.push_back(forward(c, inputs[0]));
  return out;
}

}  // namespace dlb::nn
