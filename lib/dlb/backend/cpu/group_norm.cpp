#include <algorithm>

#include "dlb/backend/cpu/columns.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/norm_support.h"
#include "dlb/base/threads.h"
#include "dlb/ops/norm_defs.h"

namespace dlb::backend::cpu {
namespace {

/// A channels-last image as N matrices [space, C]; each is normalised by one thread.
struct Samples {
  int64_t count, channels, space, groups;
  Samples(const Tensor& x, int64_t group_count) : count(x.dim(0)), channels(x.dim(1)), groups(group_count) {
    space = count * channels == 0 ? 0 : x.numel() / (count * channels);
  }
  int64_t size() const { return space * channels; }
  double group_size() const { return static_cast<double>(size() / groups); }

  /// Replaces sums of channels by their group's sum.
  void share(std::vector<double>& sums) const {
    const size_t width = static_cast<size_t>(channels / groups);
    for (size_t first = 0; first < sums.size(); first += width) {
      double total = 0;
      for (size_t c = 0; c < width; ++c) total += sums[first + c];
      for (size_t c = 0; c < width; ++c) sums[first + c] = total;
    }
  }
};

/// Mean and reciprocal standard deviation of each channel's group.
struct Statistics {
  std::vector<double> mean, rstd;
};

template <class A>
std::vector<A> as_lanes(const std::vector<double>& values) {
  return repeat_columns(std::vector<A>(values.begin(), values.end()));
}

template <class T>
Statistics statistics(const T* x, const Samples& s, double eps) {
  using A = compute_t<T>;
  std::vector<A> lanes(static_cast<size_t>(column_lanes(s.channels)));
  Statistics out;
  out.mean.assign(static_cast<size_t>(s.channels), 0.0);
  out.rstd = out.mean;
  simd([&] {
    add_columns<A>(s.space, s.channels, lanes.data(), out.mean.data(),
                   [&](int64_t i, int64_t) { return load(x[i]); });
  });
  s.share(out.mean);
  for (double& m : out.mean) m = static_cast<double>(static_cast<A>(m / s.group_size()));
  const std::vector<A> means = as_lanes<A>(out.mean);
  simd([&, m = means.data()] {
    add_columns<A>(s.space, s.channels, lanes.data(), out.rstd.data(), [&](int64_t i, int64_t l) {
      const A d = load(x[i]) - m[l];
      return d * d;
    });
  });
  s.share(out.rstd);
  for (double& r : out.rstd) r = 1 / std::sqrt(r / s.group_size() + eps);
  return out;
}

template <class T>
void forward(const KernelArgs& args, const Tensor& x, const NormAttrs& a) {
  using A = compute_t<T>;
  const Samples s(x, a.groups);
  if (s.size() == 0) return;
  const std::vector<double> weight = load_vector<double>(args, 1, s.channels, 1.0);
  const std::vector<A> shifts = repeat_columns(load_vector<A>(args, 2, s.channels, A(0)));
  parallel_for(s.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const T* in = x.data<T>() + n * s.size();
      T* out = args.out(0).data<T>() + n * s.size();
      Statistics st = statistics(in, s, a.eps);
      for (size_t c = 0; c < weight.size(); ++c) st.rstd[c] *= weight[c];
      const std::vector<A> means = as_lanes<A>(st.mean);
      const std::vector<A> scales = as_lanes<A>(st.rstd);
      simd([&, m = means.data(), k = scales.data(), b = shifts.data()] {
        each_element(s.space, s.channels,
                     [&](int64_t i, int64_t l) { out[i] = store<T>((load(in[i]) - m[l]) * k[l] + b[l]); });
      });
    }
  });
}

void group_norm_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor x = channels_last(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) { forward<decltype(t)>(args, x, a); });
}

/// One sample; `sums` gets the sample's part of the gradients of weight and bias.
template <class T>
void backward_sample(const T* g, const T* x, const Samples& s, const std::vector<double>& weight, double eps,
                     T* dx, double* sums) {
  using A = compute_t<T>;
  const size_t channels = static_cast<size_t>(s.channels);
  const Statistics st = statistics(x, s, eps);
  const std::vector<A> means = as_lanes<A>(st.mean);
  std::vector<A> lanes(2 * means.size());
  std::vector<double> plain(channels, 0.0);   // sum g
  std::vector<double> moment(channels, 0.0);  // sum g (x - mean)
  simd([&, m = means.data()] {
    add_columns<A>(
        s.space, s.channels, lanes.data(), plain.data(), [&](int64_t i, int64_t) { return load(g[i]); },
        moment.data(), [&](int64_t i, int64_t l) { return load(g[i]) * (load(x[i]) - m[l]); });
  });
  for (size_t c = 0; c < channels; ++c) {
    sums[c] = moment[c] * st.rstd[c];
    sums[channels + c] = plain[c];
    plain[c] *= weight[c];
    moment[c] *= weight[c];
  }
  s.share(plain);
  s.share(moment);
  std::vector<double> scale(channels);
  std::vector<double> shift(channels);
  std::vector<double> slope(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double r = st.rstd[c];
    scale[c] = weight[c] * r;
    shift[c] = r * plain[c] / s.group_size();
    slope[c] = r * r * r * moment[c] / s.group_size();
  }
  const std::vector<A> scales = as_lanes<A>(scale);
  const std::vector<A> shifts = as_lanes<A>(shift);
  const std::vector<A> slopes = as_lanes<A>(slope);
  simd([&, m = means.data(), k = scales.data(), h = shifts.data(), p = slopes.data()] {
    each_element(s.space, s.channels, [&](int64_t i, int64_t l) {
      dx[i] = store<T>(load(g[i]) * k[l] - h[l] - (load(x[i]) - m[l]) * p[l]);
    });
  });
}

template <class T>
void backward(const KernelArgs& args, const Tensor& g, const Tensor& x, const NormAttrs& a) {
  const Samples s(x, a.groups);
  const size_t width = 2 * static_cast<size_t>(s.channels);
  if (width == 0) return;
  const std::vector<double> weight = load_vector<double>(args, 2, s.channels, 1.0);
  std::vector<double> sums(s.size() == 0 ? 0 : static_cast<size_t>(s.count) * width);
  parallel_for(s.size() == 0 ? 0 : s.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t at = n * s.size();
      backward_sample(g.data<T>() + at, x.data<T>() + at, s, weight, a.eps, args.out(0).data<T>() + at,
                      sums.data() + static_cast<size_t>(n) * width);
    }
  });
  const std::vector<double> total = add_blocks(sums, static_cast<int64_t>(width));
  store_vector(args.out(1), total.data());
  store_vector(args.out(2), total.data() + s.channels);
}

void group_norm_grad_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor g = channels_last(args.in(0));
  const Tensor x = channels_last(args.in(1));
  dispatch_floating(x.dtype(), [&](auto t) { backward<decltype(t)>(args, g, x, a); });
}

}  // namespace

void install_group_norm() {
  set_kernel(op::group_norm(), DeviceKind::kCpu, group_norm_kernel);
  set_kernel(op::group_norm_grad(), DeviceKind::kCpu, group_norm_grad_kernel);
}

}  // namespace dlb::backend::cpu
