#include <algorithm>
#include <cmath>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/cubic_convolution.h"
#include "dlb/ops/grid_sample_defs.h"

namespace dlb::backend::cpu {
namespace {

constexpr int64_t kBlock = 64;
constexpr int64_t kGrain = 16384;
constexpr int64_t kOutside = -1;

/// The elements along one dimension that a point is interpolated from, and how their weights change with the
/// grid's coordinate.
struct Taps {
  int count = 0;
  int64_t index[4] = {};  ///< kOutside: counts as 0
  double weight[4] = {};
  double slope[4] = {};

  void add(int64_t i, double w, double s) {
    index[count] = i;
    weight[count] = w;
    slope[count] = s;
    ++count;
  }
};

/// A coordinate in elements, with its derivative by the grid's coordinate.
struct Place {
  double at;
  double slope;
};

Place clip(Place p, int64_t size) {
  const double last = static_cast<double>(size - 1);
  if (p.at <= 0) return {0, 0};
  if (!(p.at < last)) return {last, 0};  // also where infinity was mirrored
  return p;
}

/// Mirrored at low and low + span until it lies between them.
Place reflect(Place p, double low, double span) {
  if (span == 0) return {0, 0};
  double slope = p.slope;
  double offset = p.at - low;
  if (offset < 0) {
    offset = -offset;
    slope = -slope;
  }
  const double extra = std::fmod(offset, span);
  const bool even = std::fmod(std::floor(offset / span), 2.0) == 0;
  return even ? Place{extra + low, slope} : Place{span - extra + low, -slope};
}

Place inside(Place p, int64_t size, const GridSampleAttrs& a) {
  switch (static_cast<SamplePadding>(a.padding_mode)) {
    case SamplePadding::kBorder:
      return clip(p, size);
    case SamplePadding::kReflection: {
      const double n = static_cast<double>(size);
      return clip(a.align_corners ? reflect(p, 0, n - 1) : reflect(p, -0.5, n), size);
    }
    default:
      return p;
  }
}

/// The element at a whole coordinate; coordinates too large for an integer are outside, too.
int64_t element(double at, int64_t size) {
  return at >= 0 && at < static_cast<double>(size) ? static_cast<int64_t>(at) : kOutside;
}

Taps taps_at(double coordinate, int64_t size, const GridSampleAttrs& a) {
  if (std::isnan(coordinate)) coordinate = -1;
  const double n = static_cast<double>(size);
  const Place raw = a.align_corners ? Place{(coordinate + 1) / 2 * (n - 1), (n - 1) / 2}
                                    : Place{((coordinate + 1) * n - 1) / 2, n / 2};
  Taps t;
  if (static_cast<SampleMode>(a.mode) == SampleMode::kBicubic) {
    const double base = std::floor(raw.at);
    const CubicWeights w = cubic_weights(std::isfinite(raw.at) ? raw.at - base : 0.0);
    for (int k = 0; k < 4; ++k) {
      // Each of the four elements is moved into the image by itself.
      const Place p = inside({base - 1 + k, 0}, size, a);
      t.add(element(p.at, size), w.value[k], w.slope[k] * raw.slope);
    }
    return t;
  }
  const Place p = inside(raw, size, a);
  if (static_cast<SampleMode>(a.mode) == SampleMode::kNearest) {
    t.add(element(std::nearbyint(p.at), size), 1, 0);
    return t;
  }
  const double base = std::floor(p.at);
  const double beyond = std::isfinite(p.at) ? p.at - base : 0.0;
  t.add(element(base, size), 1 - beyond, -p.slope);
  t.add(element(base + 1, size), beyond, p.slope);
  return t;
}

/// Shapes of one call; two dimensions are three with a depth of 1.
struct Geometry {
  int64_t batch, channels, in[3], points, spatial;

  Geometry(const Tensor& x, const Tensor& grid)
      : batch(x.dim(0)), channels(x.dim(1)), spatial(static_cast<int64_t>(x.shape().size()) - 2) {
    in[0] = spatial == 3 ? x.dim(2) : 1;
    in[1] = x.dim(-2);
    in[2] = x.dim(-1);
    points = 1;
    for (int64_t i = 1; i <= spatial; ++i) points *= grid.dim(i);
  }
  int64_t image() const { return in[0] * in[1] * in[2] * channels; }
};

/// The elements of one point: offset of the element's first channel, weight, and slopes by z, y, x.
struct Point {
  static constexpr int kMost = 64;
  int count = 0;
  int64_t offset[kMost];
  double weight[kMost];
  double slope[kMost][3];
};

template <class T>
Point point_at(const T* coordinates, const Geometry& g, const GridSampleAttrs& a) {
  Taps taps[3];
  taps[0].add(0, 1, 0);
  for (int64_t i = 0; i < g.spatial; ++i) {
    taps[2 - i] = taps_at(static_cast<double>(coordinates[i]), g.in[2 - i], a);
  }
  Point p;
  for (int z = 0; z < taps[0].count; ++z) {
    for (int y = 0; y < taps[1].count; ++y) {
      for (int x = 0; x < taps[2].count; ++x) {
        const int64_t d = taps[0].index[z], h = taps[1].index[y], w = taps[2].index[x];
        if (d == kOutside || h == kOutside || w == kOutside) continue;
        const double wz = taps[0].weight[z], wy = taps[1].weight[y], wx = taps[2].weight[x];
        p.offset[p.count] = ((d * g.in[1] + h) * g.in[2] + w) * g.channels;
        p.weight[p.count] = wz * wy * wx;
        p.slope[p.count][0] = taps[0].slope[z] * wy * wx;
        p.slope[p.count][1] = wz * taps[1].slope[y] * wx;
        p.slope[p.count][2] = wz * wy * taps[2].slope[x];
        ++p.count;
      }
    }
  }
  return p;
}

template <class T>
void forward(const Tensor& x, const Tensor& grid, const Tensor& y, const GridSampleAttrs& a) {
  const Geometry g(x, grid);
  parallel_for(g.batch * g.points, kGrain / std::max<int64_t>(g.channels * 8, 1) + 1,
               [&](int64_t begin, int64_t end) {
                 simd([&] {
                   for (int64_t i = begin; i < end; ++i) {
                     const Point p = point_at(grid.data<T>() + i * g.spatial, g, a);
                     const T* image = x.data<T>() + i / g.points * g.image();
                     T* __restrict out = y.data<T>() + i * g.channels;
                     for (int64_t c = 0; c < g.channels; ++c) out[c] = T(0);
                     for (int k = 0; k < p.count; ++k) {
                       const T* __restrict row = image + p.offset[k];
                       const T w = static_cast<T>(p.weight[k]);
                       for (int64_t c = 0; c < g.channels; ++c) out[c] += w * row[c];
                     }
                   }
                 });
               });
}

/// Adds to dx; threads share samples and blocks of channels, since several points may lie at one element.
template <class T>
void image_gradient(const Tensor& grad, const Tensor& grid, const Tensor& dx, const Geometry& g,
                    const GridSampleAttrs& a) {
  std::fill(dx.data<T>(), dx.data<T>() + dx.numel(), T(0));
  const int64_t blocks = (g.channels + kBlock - 1) / kBlock;
  const int64_t work = std::max<int64_t>(g.points * std::min(kBlock, g.channels) * 8, 1);
  parallel_for(g.batch * blocks, kGrain / work + 1, [&](int64_t begin, int64_t end) {
    simd([&] {
      for (int64_t job = begin; job < end; ++job) {
        const int64_t n = job / blocks;
        const int64_t first = job % blocks * kBlock;
        const int64_t count = std::min(kBlock, g.channels - first);
        for (int64_t i = n * g.points; i < (n + 1) * g.points; ++i) {
          const Point p = point_at(grid.data<T>() + i * g.spatial, g, a);
          const T* __restrict from = grad.data<T>() + i * g.channels + first;
          for (int k = 0; k < p.count; ++k) {
            T* __restrict to = dx.data<T>() + n * g.image() + p.offset[k] + first;
            const T w = static_cast<T>(p.weight[k]);
            for (int64_t c = 0; c < count; ++c) to[c] += w * from[c];
          }
        }
      }
    });
  });
}

template <class T>
void grid_gradient(const Tensor& grad, const Tensor& x, const Tensor& grid, const Tensor& dgrid,
                   const Geometry& g, const GridSampleAttrs& a) {
  parallel_for(g.batch * g.points, kGrain / std::max<int64_t>(g.channels * 8, 1) + 1,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const Point p = point_at(grid.data<T>() + i * g.spatial, g, a);
                   const T* image = x.data<T>() + i / g.points * g.image();
                   const T* from = grad.data<T>() + i * g.channels;
                   double sum[3] = {};
                   for (int k = 0; k < p.count; ++k) {
                     double along = 0;
                     for (int64_t c = 0; c < g.channels; ++c) {
                       along += static_cast<double>(from[c]) * static_cast<double>(image[p.offset[k] + c]);
                     }
                     for (int d = 0; d < 3; ++d) sum[d] += p.slope[k][d] * along;
                   }
                   for (int64_t d = 0; d < g.spatial; ++d) {
                     dgrid.data<T>()[i * g.spatial + d] = static_cast<T>(sum[2 - d]);
                   }
                 }
               });
}

/// 16-bit types are sampled as float32.
DType sampling_dtype(DType t) { return dtype_size(t) == 2 ? DType::kFloat32 : t; }

/// `output` itself, or a tensor of the other dtype that is to be assigned to it.
Tensor writable(const Tensor& output, DType dtype) {
  if (output.dtype() == dtype) return output;
  TensorSpec spec = output.spec();
  spec.dtype = dtype;
  return Tensor::empty(spec);
}

template <class F>
void with_floats(DType t, const F& f) {
  if (t == DType::kFloat64) {
    f(double{});
  } else {
    f(float{});
  }
}

void grid_sample_kernel(const KernelArgs& args, const GridSampleAttrs& a) {
  const DType dtype = sampling_dtype(args.out(0).dtype());
  const Tensor x = channels_last(as_dtype(args.in(0), dtype));
  const Tensor grid = row_major(as_dtype(args.in(1), dtype));
  const Tensor y = writable(args.out(0), dtype);
  if (y.numel() > 0) with_floats(dtype, [&](auto t) { forward<decltype(t)>(x, grid, y, a); });
  if (!same(y, args.out(0))) args.out(0).assign(y);
}

void grid_sample_grad_kernel(const KernelArgs& args, const GridSampleAttrs& a) {
  const DType dtype = sampling_dtype(args.out(0).dtype());
  const Tensor grad = channels_last(as_dtype(args.in(0), dtype));
  const Tensor x = channels_last(as_dtype(args.in(1), dtype));
  const Tensor grid = row_major(as_dtype(args.in(2), dtype));
  const Tensor dx = writable(args.out(0), dtype);
  const Tensor dgrid = writable(args.out(1), dtype);
  const Geometry g(x, grid);
  with_floats(dtype, [&](auto t) {
    image_gradient<decltype(t)>(grad, grid, dx, g, a);
    grid_gradient<decltype(t)>(grad, x, grid, dgrid, g, a);
  });
  if (!same(dx, args.out(0))) args.out(0).assign(dx);
  if (!same(dgrid, args.out(1))) args.out(1).assign(dgrid);
}

}  // namespace

void install_grid_sample() {
  set_kernel(op::grid_sample(), DeviceKind::kCpu, grid_sample_kernel);
  set_kernel(op::grid_sample_grad(), DeviceKind::kCpu, grid_sample_grad_kernel);
}

}  // namespace dlb::backend::cpu
