#include "dlb/nn/conv.h"

#include "dlb/nn/activation.h"
#include "dlb/nn/init.h"
#include "dlb/nn/spatial.h"

namespace dlb::nn {

namespace {

std::vector<Field> conv_fields(size_t spatial) {
  return {
      required<&ConvBase::out>("out", "output channels", positive()),
      required<&ConvBase::kernel>("kernel", "window size", items(positive(), 1, spatial)),
      field<&ConvBase::stride>("stride", "step of the window", items(positive(), 1, spatial)),
      evaluated(field<&ConvBase::padding>(
          "padding", "zeros on each side: a number, one per dimension, `same` or `valid`")),
      field<&ConvBase::dilation>("dilation", "distance between the window's elements",
                                 items(positive(), 1, spatial)),
      field<&ConvBase::groups>("groups", "channel groups that do not mix", positive()),
      field<&ConvBase::bias>("bias", "add a bias"),
      field<&ConvBase::init>("init", "initial weight", init_choices()),
      field<&ConvBase::init_std>("init_std", "standard deviation of `init: normal`", non_negative()),
      field<&ConvBase::bias_init>("bias_init", "initial bias", one_of({"default", "zeros"})),
      field<&ConvBase::parametrization>("parametrization", "how the weight is made of its parameters",
                                        Weight::choices()),
  };
}

int64_t padding_amount(const config::Node& node) {
  if (node.kind() != config::Kind::kInt)
    throw node.error("padding takes whole numbers, `same` or `valid`, got " + node.brief());
  const int64_t n = node.as_int();
  if (n < 0 || n > (int64_t{1} << 30)) throw node.error("padding must be at least 0, got " + node.brief());
  return n;
}

/// Sets padding and padding_after; stride and dilation are set already.
void set_padding(const config::Node& node, const Dims& kernel, ConvAttrs& attrs) {
  const size_t spatial = kernel.size();
  if (node.is_string()) {
    const std::string& word = node.as_string();
    if (word != "same" && word != "valid") {
      throw node.error("padding takes whole numbers, `same` or `valid`, got '" + word + "'");
    }
    attrs.padding = attrs.padding_after = Dims(spatial, 0);
    if (word == "valid") return;
    for (size_t i = 0; i < spatial; ++i) {
      if (attrs.stride[i] != 1)
        throw node.error("padding `same` needs stride 1", "give the padding as a number");
      const int64_t total = attrs.dilation[i] * (kernel[i] - 1);
      attrs.padding[i] = total / 2;
      attrs.padding_after[i] = total - total / 2;
    }
    return;
  }
  if (node.is_list()) {
    const auto& list = node.items();
    if (list.size() != spatial && list.size() != 1) {
      throw node.error(fmt::format(
          "padding takes {}, got {}",
          spatial == 1 ? std::string("1 number") : fmt::format("1 or {} numbers", spatial), list.size()));
    }
    for (size_t i = 0; i < spatial; ++i)
      attrs.padding.push_back(padding_amount(list[list.size() == 1 ? 0 : i]));
  } else {
    attrs.padding = Dims(spatial, padding_amount(node));
  }
  attrs.padding_after = attrs.padding;
}

}  // namespace

Fields Conv1d::fields() {
  static const std::vector<Field> list = conv_fields(1);
  return list;
}

Fields Conv2d::fields() {
  static const std::vector<Field> list = conv_fields(2);
  return list;
}

Fields Conv3d::fields() {
  static const std::vector<Field> list = conv_fields(3);
  return list;
}

void ConvBase::build_spatial(Build& b, size_t spatial, std::string_view name, std::string_view form) {
  b.expect(b.input().rank() == static_cast<int>(spatial) + 2 && b.input().dim(1) > 0, name, form);
  const int64_t channels = b.input().dim(1);
  if (channels % groups != 0 || out % groups != 0) {
    fail(ErrorKind::kShape,
         "{} with groups {} needs input and output channels divisible by it, got {} and {}", name, groups,
         channels, out);
  }
  const Dims window = per_dimension(kernel, spatial, name, "kernel");
  attrs_ = {};
  attrs_.stride = per_dimension(stride, spatial, name, "stride");
  attrs_.dilation = per_dimension(dilation, spatial, name, "dilation");
  attrs_.groups = groups;
  set_padding(padding, window, attrs_);

  Shape shape = {out, channels / groups};
  int64_t fan = channels / groups;
  for (const int64_t k : window) {
    shape.push_back(k);
    if (__builtin_mul_overflow(fan, k, &fan))
      fail(ErrorKind::kConfig, "{}.kernel {} is too large", name, shape_text(window));
  }
  weight_.declare(b, parametrization, shape, named_init(init, init_std));
  if (bias) bias_ = b.parameter("bias", {out}, named_bias_init(bias_init, fan));
}

Tensor ConvBase::forward(Context& c, const Tensor& x) { return conv(x, weight_.value(c), bias_, attrs_); }

bool ConvBase::absorb(const Layer& next) {
  if (dynamic_cast<const Relu*>(&next) == nullptr) return false;
  attrs_.relu = true;
  return true;
}

}  // namespace dlb::nn
