#include "dlb/backend/cpu/conv_im2col.h"

#include <cblas.h>

#include <algorithm>
#include <vector>

namespace dlb::backend::cpu {
namespace {

/// Sizes with leading spatial dimensions of 1 where there are fewer than three.
struct Sizes {
  int64_t batch, channels, in[3], outputs, out[3], kernel[3], stride[3], padding[3], dilation[3], groups;

  Sizes(const Shape& x, const Shape& w, const Shape& y, const ConvAttrs& a) {
    batch = x[0];
    channels = x[1];
    outputs = y[1];
    groups = a.groups;
    const size_t missing = 5 - x.size();
    for (size_t i = 0; i < 3; ++i) {
      const bool real = i >= missing;
      in[i] = real ? x[2 + i - missing] : 1;
      out[i] = real ? y[2 + i - missing] : 1;
      kernel[i] = real ? w[2 + i - missing] : 1;
      stride[i] = real ? a.stride[i - missing] : 1;
      padding[i] = real ? a.padding[i - missing] : 0;
      dilation[i] = real ? a.dilation[i - missing] : 1;
    }
  }
  int64_t positions() const { return out[0] * out[1] * out[2]; }
  int64_t pixels() const { return in[0] * in[1] * in[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t patch() const { return group_channels() * taps(); }

  /// Input coordinate of tap k at output o along dimension i; false when it lies in the padding.
  bool inside(size_t i, int64_t o, int64_t k, int64_t& at) const {
    at = o * stride[i] + k * dilation[i] - padding[i];
    return at >= 0 && at < in[i];
  }
};

/// Calls f(position * patch + column, element of the image) for each element of each patch of a group that
/// lies inside the image.
template <class F>
void for_each_patch_element(const Sizes& s, int64_t group, const F& f) {
  const int64_t taps = s.taps();
  int64_t row = 0;
  const auto patch = [&](int64_t od, int64_t oh, int64_t ow) {
    int64_t d, h, w;
    for (int64_t kd = 0; kd < s.kernel[0]; ++kd) {
      if (!s.inside(0, od, kd, d)) continue;
      for (int64_t kh = 0; kh < s.kernel[1]; ++kh) {
        if (!s.inside(1, oh, kh, h)) continue;
        for (int64_t kw = 0; kw < s.kernel[2]; ++kw) {
          if (!s.inside(2, ow, kw, w)) continue;
          const int64_t pixel = ((d * s.in[1] + h) * s.in[2] + w) * s.channels + group * s.group_channels();
          const int64_t tap = row * s.patch() + (kd * s.kernel[1] + kh) * s.kernel[2] + kw;
          for (int64_t c = 0; c < s.group_channels(); ++c) f(tap + c * taps, pixel + c);
        }
      }
    }
    ++row;
  };
  for (int64_t od = 0; od < s.out[0]; ++od) {
    for (int64_t oh = 0; oh < s.out[1]; ++oh) {
      for (int64_t ow = 0; ow < s.out[2]; ++ow) patch(od, oh, ow);
    }
  }
}

std::vector<double> patches(const Sizes& s, int64_t group, const double* image) {
  std::vector<double> matrix(static_cast<size_t>(s.positions() * s.patch()), 0.0);
  for_each_patch_element(s, group,
                         [&](int64_t at, int64_t from) { matrix[static_cast<size_t>(at)] = image[from]; });
  return matrix;
}

blasint as_blas(int64_t v) { return static_cast<blasint>(v); }

}  // namespace

void conv_forward_im2col(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y,
                         const ConvAttrs& a) {
  const Sizes s(x.shape(), w.shape(), y.shape(), a);
  for (int64_t n = 0; n < s.batch; ++n) {
    double* out = y.data<double>() + n * s.positions() * s.outputs;
    for (int64_t p = 0; p < s.positions(); ++p) {
      for (int64_t o = 0; o < s.outputs; ++o)
        out[p * s.outputs + o] = bias.defined() ? bias.data<double>()[o] : 0.0;
    }
    for (int64_t g = 0; g < s.groups; ++g) {
      const std::vector<double> m = patches(s, g, x.data<double>() + n * s.pixels() * s.channels);
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_blas(s.positions()), as_blas(s.group_outputs()),
                  as_blas(s.patch()), 1.0, m.data(), as_blas(s.patch()),
                  w.data<double>() + g * s.group_outputs() * s.patch(), as_blas(s.patch()), 1.0,
                  out + g * s.group_outputs(), as_blas(s.outputs));
    }
    if (a.relu) {
      // Written so that NaN passes.
      for (int64_t i = 0; i < s.positions() * s.outputs; ++i) out[i] = out[i] < 0.0 ? 0.0 : out[i];
    }
  }
}

void conv_input_grad_im2col(const Tensor& g, const Tensor& w, const Tensor& dx, const ConvAttrs& a) {
  const Sizes s(dx.shape(), w.shape(), g.shape(), a);
  const int64_t image = s.pixels() * s.channels;
  std::vector<double> m(static_cast<size_t>(s.positions() * s.patch()));
  for (int64_t n = 0; n < s.batch; ++n) {
    double* out = dx.data<double>() + n * image;
    std::fill(out, out + image, 0.0);
    for (int64_t group = 0; group < s.groups; ++group) {
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_blas(s.positions()), as_blas(s.patch()),
                  as_blas(s.group_outputs()), 1.0,
                  g.data<double>() + n * s.positions() * s.outputs + group * s.group_outputs(),
                  as_blas(s.outputs), w.data<double>() + group * s.group_outputs() * s.patch(),
                  as_blas(s.patch()), 0.0, m.data(), as_blas(s.patch()));
      for_each_patch_element(s, group,
                             [&](int64_t at, int64_t to) { out[to] += m[static_cast<size_t>(at)]; });
    }
  }
}

void conv_weight_grad_im2col(const Tensor& g, const Tensor& x, const Tensor& dw, const Tensor& db,
                             const ConvAttrs& a) {
  const Sizes s(x.shape(), dw.shape(), g.shape(), a);
  std::fill(dw.data<double>(), dw.data<double>() + dw.numel(), 0.0);
  if (db.defined()) std::fill(db.data<double>(), db.data<double>() + s.outputs, 0.0);
  for (int64_t n = 0; n < s.batch; ++n) {
    const double* gn = g.data<double>() + n * s.positions() * s.outputs;
    for (int64_t group = 0; group < s.groups; ++group) {
      const std::vector<double> m = patches(s, group, x.data<double>() + n * s.pixels() * s.channels);
      cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, as_blas(s.group_outputs()), as_blas(s.patch()),
                  as_blas(s.positions()), 1.0, gn + group * s.group_outputs(), as_blas(s.outputs), m.data(),
                  as_blas(s.patch()), 1.0, dw.data<double>() + group * s.group_outputs() * s.patch(),
                  as_blas(s.patch()));
    }
    if (!db.defined()) continue;
    for (int64_t p = 0; p < s.positions(); ++p) {
      for (int64_t o = 0; o < s.outputs; ++o) db.data<double>()[o] += gn[p * s.outputs + o];
    }
  }
}

}  // namespace dlb::backend::cpu
