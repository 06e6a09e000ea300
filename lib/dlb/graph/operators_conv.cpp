// Convolutions of ONNX in floating types; those of whole numbers are with the quantized operators.
#include <algorithm>
#include <cmath>

#include "dlb/graph/windows.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

Dims kernel_of(const Call& c, const Tensor& weight) {
  if (weight.rank() < 3) c.fail("expects a weight [O, C, *kernel], got {}", shape_text(weight.shape()));
  return Dims(weight.shape().begin() + 2, weight.shape().end());
}

void conv_node(Call& c) {
  const Tensor x = c.tensor(0), weight = c.tensor(1);
  const Windows w = read_windows(c, x.shape(), kernel_of(c, weight));
  const int64_t groups = c.attribute("group", int64_t{1});
  c.same_type(
      conv(x, weight, c.optional_tensor(2), {w.stride, w.before, w.after, w.dilation, groups, false}));
}

Tensor with_bias(const Call& c, const Tensor& y, const Tensor& bias) {
  if (!bias.defined()) return y;
  if (bias.rank() != 1 || bias.dim(0) != y.dim(1))
    c.fail("expects a bias [{}], got {}", y.dim(1), shape_text(bias.shape()));
  Shape per_channel(static_cast<size_t>(y.rank()), 1);
  per_channel[1] = bias.dim(0);
  return add(y, reshape(bias, per_channel));
}

void conv_transpose_node(Call& c) {
  const Tensor x = c.tensor(0), weight = c.tensor(1), bias = c.optional_tensor(2);
  const Dims kernel = kernel_of(c, weight);
  const size_t spatial = kernel.size();
  if (x.rank() != weight.rank())
    c.fail("a weight {} over an input {}", shape_text(weight.shape()), shape_text(x.shape()));
  if (c.has_attribute("kernel_shape") && !(read_sizes(c, "kernel_shape", spatial, 1, 1) == kernel))
    c.fail("kernel_shape differs from the weight's {}", shape_text(kernel));
  const Dims stride = read_sizes(c, "strides", spatial, 1, 1);
  const Dims dilation = read_sizes(c, "dilations", spatial, 1, 1);
  const Dims pads = read_sizes(c, "pads", 2 * spatial, 0, 0);
  Dims extra = read_sizes(c, "output_padding", spatial, 0, 0);
  const std::string automatic = c.attribute("auto_pad", "NOTSET");
  const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!same && automatic != "NOTSET" && automatic != "VALID" && !automatic.empty())
    c.fail("auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got '{}'", automatic);
  const bool given = c.has_attribute("output_shape");
  Dims wanted;
  if (given) {
    // Some files give the batch and channels too.
    const std::vector<int64_t> sizes = c.integers("output_shape");
    if (sizes.size() == spatial + 2) {
      wanted = Dims(sizes.begin() + 2, sizes.end());
    } else {
      wanted = read_sizes(c, "output_shape", spatial, 1, 1);
    }
  }
  Dims before, after;
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t natural = (x.shape()[i + 2] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1;
    if (!given && !same) {
      before.push_back(automatic == "VALID" ? 0 : pads[i]);
      after.push_back(automatic == "VALID" ? 0 : pads[spatial + i]);
      continue;
    }
    const int64_t size = given ? wanted[i] : x.shape()[i + 2] * stride[i];
    if (size < 1 || size > int64_t{1} << 30) c.fail("an output of size {} is empty or too large", size);
    const int64_t total = std::max<int64_t>(natural + extra[i] - size, 0);
    before.push_back(automatic == "SAME_UPPER" ? total / 2 : total - total / 2);
    after.push_back(total - before.back());
    // A size beyond what the windows reach is filled up.
    extra[i] = size - (natural - before.back() - after.back());
  }
  const int64_t groups = c.attribute("group", int64_t{1});
  bool direct = before == after;
  for (size_t i = 0; i < spatial; ++i)
    direct = direct && extra[i] >= 0 && extra[i] < std::max(stride[i], dilation[i]);
  if (direct) return c.same_type(conv_transpose(x, weight, bias, {stride, before, extra, dilation, groups}));
  // All of it, cropped and filled up on each side by itself.
  const Tensor all =
      conv_transpose(x, weight, {}, {stride, Dims(spatial, 0), Dims(spatial, 0), dilation, groups});
  Dims amounts;
  for (size_t i = spatial; i-- > 0;) {
    amounts.push_back(-before[i]);
    amounts.push_back(extra[i] - after[i]);
    if (all.shape()[i + 2] - before[i] + extra[i] - after[i] < 1)
      c.fail("nothing is left of dimension {} after padding {} and {}", i + 2, before[i], after[i]);
  }
  c.same_type(with_bias(c, pad(all, amounts), bias));
}

/// An image row-major, read between its elements; 0 outside.
template <class T>
T between(const T* image, int64_t height, int64_t width, T y, T x) {
  if (!(y > -1 && x > -1 && y < static_cast<T>(height) && x < static_cast<T>(width))) return 0;
  const T y0 = std::floor(y), x0 = std::floor(x);
  const int64_t i = static_cast<int64_t>(y0), j = static_cast<int64_t>(x0);
  const T fy = y - y0, fx = x - x0;
  const auto at = [&](int64_t r, int64_t s) {
    return r < 0 || s < 0 || r >= height || s >= width ? T{0} : image[r * width + s];
  };
  return (1 - fy) * ((1 - fx) * at(i, j) + fx * at(i, j + 1)) +
         fy * ((1 - fx) * at(i + 1, j) + fx * at(i + 1, j + 1));
}

/// What deformable windows read: for each position the elements of all channels below each other.
struct Deformable {
  Windows w;
  Dims out;
  int64_t offset_groups;
};

template <class T>
void deformed_columns(const T* x, const T* offset, const T* mask, const Shape& shape, const Deformable& d,
                      T* columns) {
  const int64_t kernel = numel(d.w.kernel), places = numel(d.out);
  const int64_t height = shape[2], width = shape[3], per_group = shape[1] / d.offset_groups;
  for (int64_t channel = 0; channel < shape[1]; ++channel) {
    const T* image = x + channel * height * width;
    const int64_t group = channel / per_group;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t ky = k / d.w.kernel[1], kx = k % d.w.kernel[1];
      const T* dy = offset + (group * kernel + k) * 2 * places;
      const T* dx = dy + places;
      const T* m = mask == nullptr ? nullptr : mask + (group * kernel + k) * places;
      T* row = columns + (channel * kernel + k) * places;
      for (int64_t p = 0; p < places; ++p) {
        const int64_t y = p / d.out[1] * d.w.stride[0] - d.w.before[0] + ky * d.w.dilation[0];
        const int64_t z = p % d.out[1] * d.w.stride[1] - d.w.before[1] + kx * d.w.dilation[1];
        const T value =
            between<T>(image, height, width, static_cast<T>(y) + dy[p], static_cast<T>(z) + dx[p]);
        row[p] = m == nullptr ? value : m[p] * value;
      }
    }
  }
}

void deform_conv(Call& c) {
  const Tensor x = c.tensor(0), weight = c.tensor(1);
  if (x.rank() != 4 || weight.rank() != 4) c.unsupported("only images of two dimensions are supported");
  const int64_t groups = c.attribute("group", int64_t{1});
  Deformable d{read_windows(c, x.shape(), kernel_of(c, weight)), {}, c.attribute("offset_group", int64_t{1})};
  d.out = window_counts(c, x.shape(), d.w);
  const int64_t kernel = numel(d.w.kernel), places = numel(d.out);
  if (groups < 1 || weight.dim(0) % groups != 0 || weight.dim(1) * groups != x.dim(1))
    c.fail("a weight {} in {} groups does not fit an input {}", shape_text(weight.shape()), groups,
           shape_text(x.shape()));
  if (d.offset_groups < 1 || x.dim(1) % d.offset_groups != 0)
    c.fail("{} channels cannot be divided into {} offset groups", x.dim(1), d.offset_groups);
  const auto expect = [&](size_t i, int64_t channels) {
    const Shape shape{x.dim(0), channels, d.out[0], d.out[1]};
    if (!(c.tensor(i).shape() == shape))
      c.fail("input {} must be {}, got {}", i, shape_text(shape), shape_text(c.tensor(i).shape()));
  };
  expect(2, d.offset_groups * kernel * 2);
  if (c.has(4)) expect(4, d.offset_groups * kernel);
  const Shape shape{x.dim(0), weight.dim(0), d.out[0], d.out[1]};
  if (x.is_meta()) return c.same_type(Tensor::empty(shape, x.dtype(), x.device()));
  c.need_data(2);
  const DType dtype = x.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  const auto rows = [&](const Tensor& t) { return contiguous(cast(t, dtype)); };
  const Tensor image = rows(x), offset = rows(c.tensor(2)), mask = c.has(4) ? rows(c.tensor(4)) : Tensor();
  const Tensor matrix = reshape(rows(weight), {groups, weight.dim(0) / groups, weight.dim(1) * kernel});
  Tensors samples;
  for (int64_t n = 0; n < x.dim(0); ++n) {
    const Tensor columns = Tensor::empty({groups, weight.dim(1) * kernel, places}, dtype);
    const auto fill = [&](auto zero) {
      using T = decltype(zero);
      deformed_columns<T>(image.data<T>() + n * numel(Shape{x.dim(1), x.dim(2), x.dim(3)}),
                          offset.data<T>() + n * d.offset_groups * kernel * 2 * places,
                          mask.defined() ? mask.data<T>() + n * d.offset_groups * kernel * places : nullptr,
                          x.shape(), d, columns.data<T>());
    };
    if (dtype == DType::kFloat64) {
      fill(double{});
    } else {
      fill(float{});
    }
    samples.push_back(reshape(matmul(matrix, columns), {weight.dim(0), d.out[0], d.out[1]}));
  }
  const Tensor y = samples.empty() ? Tensor::empty(shape, dtype) : stack(samples, 0);
  c.same_type(with_bias(c, cast(y, x.dtype()), c.optional_tensor(3)));
}

/// Columns of windows added up where the windows lie: x [N, C * kernel, windows] -> [N, C, *image].
void col2im(Call& c) {
  const Tensor x = c.tensor(0);
  const std::vector<int64_t> image = c.integers(1), kernel = c.integers(2);
  if (image.empty() || image.size() != kernel.size())
    c.fail("image_shape has {} numbers and block_shape {}", image.size(), kernel.size());
  constexpr int64_t kLargest = int64_t{1} << 30;
  for (size_t i = 0; i < image.size(); ++i) {
    if (image[i] < 1 || kernel[i] < 1 || image[i] > kLargest || kernel[i] > kLargest)
      c.fail("an image of size {} or a block of {} is empty or too large", image[i], kernel[i]);
  }
  const size_t spatial = image.size();
  Windows w;
  w.kernel = Dims(kernel.begin(), kernel.end());
  w.stride = read_sizes(c, "strides", spatial, 1, 1);
  w.dilation = read_sizes(c, "dilations", spatial, 1, 1);
  const Dims pads = read_sizes(c, "pads", 2 * spatial, 0, 0);
  w.before = Dims(pads.begin(), pads.begin() + spatial);
  w.after = Dims(pads.begin() + spatial, pads.end());
  Shape size{0, 0};
  for (const int64_t s : image) size.push_back(s);
  const Dims counts = window_counts(c, size, w);
  const int64_t elements = numel(w.kernel), windows = numel(counts);
  if (x.rank() != 3 || x.dim(1) % elements != 0 || x.dim(2) != windows)
    c.fail("expects columns [N, C * {}, {}], got {}", elements, windows, shape_text(x.shape()));
  size[0] = x.dim(0);
  size[1] = x.dim(1) / elements;
  const Tensor out = zeros(size, x.dtype(), x.device());
  if (x.is_meta()) return c.same_type(out);
  // Places in the image of each element of each window; -1 in the padding.
  const Tensor places = Tensor::empty({elements, windows}, DType::kInt64);
  int64_t* const place = places.data<int64_t>();
  for (int64_t k = 0; k < elements; ++k) {
    for (int64_t p = 0; p < windows; ++p) {
      int64_t position = 0, step = 1, rest_k = k, rest_p = p;
      for (size_t i = spatial; i-- > 0;) {
        const int64_t at =
            rest_p % counts[i] * w.stride[i] - w.before[i] + rest_k % w.kernel[i] * w.dilation[i];
        rest_p /= counts[i];
        rest_k /= w.kernel[i];
        if (at < 0 || at >= image[i] || position < 0) {
          position = -1;
          continue;
        }
        position += at * step;
        step *= image[i];
      }
      place[k * windows + p] = position;
    }
  }
  const Tensor columns = contiguous(x);
  const int64_t plane = numel(Dims(image.begin(), image.end()));
  dispatch_all(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = columns.data<T>();
    T* to = out.data<T>();
    for (int64_t n = 0; n < size[0] * size[1]; ++n, from += elements * windows, to += plane) {
      for (int64_t i = 0; i < elements * windows; ++i) {
        const int64_t at = place[i];
        if (at >= 0)
          to[at] = static_cast<T>(static_cast<compute_t<T>>(to[at]) + static_cast<compute_t<T>>(from[i]));
      }
    }
  });
  c.same_type(out);
}

/// A convolution of each channel by itself that sees the past only, which goes from call to call.
void causal_conv(Call& c) {
  const Tensor x = c.tensor(0), weight = c.tensor(1);
  if (x.rank() != 3 || weight.rank() != 3 || weight.dim(0) != x.dim(1) || weight.dim(1) != 1 ||
      weight.dim(2) < 1)
    c.fail("expects input [N, C, L] and weight [C, 1, k], got {} and {}", shape_text(x.shape()),
           shape_text(weight.shape()));
  const int64_t channels = x.dim(1), past = weight.dim(2) - 1;
  const Shape state{x.dim(0), channels, past};
  if (c.has(3) && !(c.tensor(3).shape() == state))
    c.fail("past_state must be {}, got {}", shape_text(state), shape_text(c.tensor(3).shape()));
  const Tensor before = c.has(3) ? c.tensor(3) : zeros(state, x.dtype(), x.device());
  const Tensor all = past == 0 ? x : cat({before, x}, 2);
  Tensor y = conv1d(all, weight, c.optional_tensor(2), 1, 0, 1, channels);
  const std::string activation = c.attribute("activation", "none");
  if (activation == "silu" || activation == "swish") {
    y = silu(y);
  } else if (activation != "none") {
    c.fail("activation must be none, silu or swish, got '{}'", activation);
  }
  c.same_type(y);
  if (c.wants(1)) c.same_type(narrow(all, 2, all.dim(2) - past, past), 1);
}

constexpr Operator kOperators[] = {
    {"Conv", &conv_node, 1, "", true, 2},
    {"ConvTranspose", &conv_transpose_node, 1, "", true, 2},
    {"DeformConv", &deform_conv, 19, "", true, 3},
    {"Col2Im", &col2im, 18, "", true, 3},
    {"CausalConvWithState", &causal_conv, 27, "", true, 2},
};

}  // namespace

std::span<const Operator> conv_operators() { return kOperators; }

}  // namespace dlb::graph
