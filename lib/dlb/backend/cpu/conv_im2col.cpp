#include "dlb/backend/cpu/conv_im2col.h"

#include <cblas.h>

#include <algorithm>
#include <vector>

namespace dlb::backend::cpu {
namespace {

/// Sizes with a leading spatial dimension of 1 for 1-d.
struct Sizes {
  int64_t batch, channels, in[2], outputs, out[2], kernel[2], stride[2], padding[2], dilation[2], groups;

  Sizes(const Shape& x, const Shape& w, const Shape& y, const ConvAttrs& a) {
    batch = x[0];
    channels = x[1];
    outputs = y[1];
    groups = a.groups;
    const size_t missing = 4 - x.size();
    for (size_t i = 0; i < 2; ++i) {
      const bool real = i >= missing;
      in[i] = real ? x[2 + i - missing] : 1;
      out[i] = real ? y[2 + i - missing] : 1;
      kernel[i] = real ? w[2 + i - missing] : 1;
      stride[i] = real ? a.stride[i - missing] : 1;
      padding[i] = real ? a.padding[i - missing] : 0;
      dilation[i] = real ? a.dilation[i - missing] : 1;
    }
  }
  int64_t positions() const { return out[0] * out[1]; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t patch() const { return group_channels() * kernel[0] * kernel[1]; }
};

/// Calls f(position * patch + column, element of the image) for each element of each patch of a group that
/// lies inside the image.
template <class F>
void for_each_patch_element(const Sizes& s, int64_t group, const F& f) {
  int64_t row = 0;
  for (int64_t oh = 0; oh < s.out[0]; ++oh) {
    for (int64_t ow = 0; ow < s.out[1]; ++ow, ++row) {
      for (int64_t kh = 0; kh < s.kernel[0]; ++kh) {
        const int64_t h = oh * s.stride[0] + kh * s.dilation[0] - s.padding[0];
        if (h < 0 || h >= s.in[0]) continue;
        for (int64_t kw = 0; kw < s.kernel[1]; ++kw) {
          const int64_t w = ow * s.stride[1] + kw * s.dilation[1] - s.padding[1];
          if (w < 0 || w >= s.in[1]) continue;
          const int64_t pixel = (h * s.in[1] + w) * s.channels + group * s.group_channels();
          for (int64_t c = 0; c < s.group_channels(); ++c) {
            f(row * s.patch() + (c * s.kernel[0] + kh) * s.kernel[1] + kw, pixel + c);
          }
        }
      }
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
      const std::vector<double> m = patches(s, g, x.data<double>() + n * s.in[0] * s.in[1] * s.channels);
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
  const int64_t image = s.in[0] * s.in[1] * s.channels;
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
      const std::vector<double> m = patches(s, group, x.data<double>() + n * s.in[0] * s.in[1] * s.channels);
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
