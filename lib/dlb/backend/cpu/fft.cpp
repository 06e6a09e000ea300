// Fourier transforms: lines along a dimension are gathered, transformed and written back, many lines at a
// time on the threads. A line never sees another one's values, so that a NaN stays where it is; what real
// lines save, they save by being read as half as many complex elements.
#include <algorithm>
#include <optional>
#include <vector>

#include "dlb/backend/cpu/fft_lines.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/lines.h"
#include "dlb/ops/fft_defs.h"

namespace dlb::backend::cpu {
namespace {

template <class F>
void dispatch(DType t, const F& f) {
  t == DType::kFloat64 ? f(double{}) : f(float{});
}

/// Calls f(first line, number of lines, work) for blocks of lines that `plan` is for.
template <class T, class F>
void each_block(const Lines& lines, const FftPlan<T>& plan, const F& f) {
  // As many lines at a time as there are for each thread: fewer would leave vectors half empty.
  const int64_t each = std::clamp<int64_t>(lines.count() / threads(), 1, FftLines<T>::kMost);
  const int64_t blocks = (lines.count() + each - 1) / each;
  const int64_t grain = std::max<int64_t>(1, kLineGrain / 2 / (plan.n * each));
  parallel_for(blocks, grain, [&](int64_t begin, int64_t end) {
    std::optional<FftLines<T>> work;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * each;
      const int64_t count = std::min(each, lines.count() - first);
      if (!work || work->lines() != count) work.emplace(plan, count);
      f(first, count, *work);
    }
  });
}

/// Calls f(place in the work, place in the tensor, j) for j below n: element j * step of each of a block's
/// lines.
template <class T, class F>
void each_element(const Lines& lines, int64_t first, int64_t count, int64_t n, const F& f, int64_t step = 1) {
  int64_t start[FftLines<T>::kMost];
  for (int64_t i = 0; i < count; ++i) start[i] = lines.start(first + i);
  const int64_t distance = step * lines.inner;
  if (lines.inner > 1 && start[count - 1] == start[0] + count - 1) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < count; ++i) f(j * count + i, start[0] + j * distance + i, j);
    }
    return;
  }
  // Tiles of a cache line of each line: lines that lie a power of two apart share their place in the cache.
  const int64_t tile = lines.inner == 1 ? FftLines<T>::kMost : 1;
  for (int64_t begin = 0; begin < n; begin += tile) {
    const int64_t end = std::min(begin + tile, n);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = begin; j < end; ++j) f(j * count + i, start[i] + j * distance, j);
    }
  }
}

void fft_kernel(const KernelArgs& args, const FftAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor re_in = row_major(args.in(0));
    const Tensor im_in = args.has(1) ? row_major(args.in(1)) : Tensor();
    if (args.out(0).numel() == 0) return;
    T* re = args.out(0).data<T>();
    T* im = args.out(1).data<T>();
    const T* from_re = re_in.data<T>();
    const T* from_im = im_in.defined() ? im_in.data<T>() : nullptr;
    if (attrs.dims.empty()) {
      for (int64_t i = 0; i < args.out(0).numel(); ++i) {
        re[i] = from_re[i] * static_cast<T>(attrs.scale);
        im[i] = from_im != nullptr ? from_im[i] * static_cast<T>(attrs.scale) : T(0);
      }
    }
    for (size_t d = 0; d < attrs.dims.size(); ++d) {
      const Lines lines(re_in.shape(), attrs.dims[d]);
      const FftPlan<T> plan(lines.size, attrs.inverse);
      const T scale = d + 1 == attrs.dims.size() ? static_cast<T>(attrs.scale) : T(1);
      each_block<T>(lines, plan, [&](int64_t first, int64_t count, FftLines<T>& work) {
        T *x = work.re(), *y = work.im();
        each_element<T>(lines, first, count, plan.n, [&](int64_t to, int64_t at, int64_t) {
          x[to] = from_re[at];
          y[to] = from_im != nullptr ? from_im[at] : T(0);
        });
        work.transform();
        x = work.re();
        y = work.im();
        each_element<T>(lines, first, count, plan.n, [&](int64_t from, int64_t at, int64_t) {
          re[at] = x[from] * scale;
          im[at] = y[from] * scale;
        });
      });
      from_re = re;
      from_im = im;
    }
  });
}

/// A line of even length 2 h is read as h complex elements (x_0, x_1), (x_2, x_3) ...; with their transform z
/// the frequencies of the even elements are (z_k + conj z_{h-k}) / 2, those of the odd ones (z_k - conj
/// z_{h-k}) / 2i.
void rfft_kernel(const KernelArgs& args, const RealFftAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor input = row_major(args.in(0));
    if (input.numel() == 0) return;
    const T* from = input.data<T>();
    T* re = args.out(0).data<T>();
    T* im = args.out(1).data<T>();
    const Lines lines(input.shape(), attrs.dim);
    const Lines half(args.out(0).shape(), attrs.dim);
    const int64_t n = lines.size;
    const bool even = n % 2 == 0;
    const FftPlan<T> plan(even ? n / 2 : n, false);
    const UnitRoots roots(even ? n : 1);
    const T scale = static_cast<T>(attrs.scale);
    each_block<T>(lines, plan, [&](int64_t first, int64_t count, FftLines<T>& work) {
      T *x = work.re(), *y = work.im();
      if (even) {
        const auto pair = [&](int64_t a, int64_t at, int64_t) {
          x[a] = from[at];
          y[a] = from[at + lines.inner];
        };
        each_element<T>(lines, first, count, plan.n, pair, 2);
      } else {
        each_element<T>(lines, first, count, n, [&](int64_t a, int64_t at, int64_t) {
          x[a] = from[at];
          y[a] = 0;
        });
      }
      work.transform();
      x = work.re();
      y = work.im();
      each_element<T>(half, first, count, half.size, [&](int64_t a, int64_t to, int64_t k) {
        if (!even) {
          re[to] = x[a] * scale;
          im[to] = y[a] * scale;
          return;
        }
        const int64_t own = k == plan.n ? a - k * count : a;
        const int64_t mirrored = k == 0 ? a : a + (plan.n - 2 * k) * count;
        const T even_re = (x[own] + x[mirrored]) / 2, even_im = (y[own] - y[mirrored]) / 2;
        const T odd_re = (y[own] + y[mirrored]) / 2, odd_im = (x[mirrored] - x[own]) / 2;
        const T c = static_cast<T>(roots.re[static_cast<size_t>(k)]);
        const T s = static_cast<T>(-roots.im[static_cast<size_t>(k)]);
        re[to] = (even_re + odd_re * c - odd_im * s) * scale;
        im[to] = k == 0 || k == plan.n ? T(0) : (even_im + odd_re * s + odd_im * c) * scale;
      });
    });
  });
}

/// As rfft_kernel(), the other way.
void irfft_kernel(const KernelArgs& args, const InverseRealFftAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor re_in = row_major(args.in(0));
    const Tensor im_in = args.has(1) ? row_major(args.in(1)) : Tensor();
    if (args.out(0).numel() == 0) return;
    const T* re = re_in.data<T>();
    const T* im = im_in.defined() ? im_in.data<T>() : nullptr;
    T* to = args.out(0).data<T>();
    const Lines half(re_in.shape(), attrs.dim);
    const Lines lines(args.out(0).shape(), attrs.dim);
    const int64_t n = attrs.n;
    const bool even = n % 2 == 0;
    const FftPlan<T> plan(even ? n / 2 : n, true);
    const UnitRoots roots(even ? n : 1);
    const T scale = static_cast<T>(attrs.scale);
    each_block<T>(lines, plan, [&](int64_t first, int64_t count, FftLines<T>& work) {
      T *x = work.re(), *y = work.im();
      each_element<T>(half, first, count, even ? plan.n : half.size, [&](int64_t a, int64_t at, int64_t k) {
        // The imaginary parts of frequencies 0 and n / 2 do not count.
        const T own_re = re[at], own_im = im != nullptr && k > 0 ? im[at] : T(0);
        if (!even) {
          x[a] = own_re;
          y[a] = own_im;
          if (k == 0) return;
          x[a + (n - 2 * k) * count] = own_re;
          y[a + (n - 2 * k) * count] = -own_im;
          return;
        }
        const int64_t other = at + (plan.n - 2 * k) * half.inner;
        const T other_re = re[other], other_im = im != nullptr && k > 0 ? -im[other] : T(0);
        const T c = static_cast<T>(roots.re[static_cast<size_t>(k)]);
        const T s = static_cast<T>(roots.im[static_cast<size_t>(k)]);
        const T less_re = own_re - other_re, less_im = own_im - other_im;
        x[a] = own_re + other_re - (less_re * s + less_im * c);
        y[a] = own_im + other_im + (less_re * c - less_im * s);
      });
      work.transform();
      x = work.re();
      y = work.im();
      if (even) {
        const auto pair = [&](int64_t a, int64_t at, int64_t) {
          to[at] = x[a] * scale;
          to[at + lines.inner] = y[a] * scale;
        };
        each_element<T>(lines, first, count, plan.n, pair, 2);
      } else {
        each_element<T>(lines, first, count, n,
                        [&](int64_t a, int64_t at, int64_t) { to[at] = x[a] * scale; });
      }
    });
  });
}

}  // namespace

void install_fft() {
  set_kernel(op::fft(), DeviceKind::kCpu, fft_kernel);
  set_kernel(op::rfft(), DeviceKind::kCpu, rfft_kernel);
  set_kernel(op::irfft(), DeviceKind::kCpu, irfft_kernel);
}

}  // namespace dlb::backend::cpu
