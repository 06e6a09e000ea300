// Pooling against loops over the windows of its definition.
#include "dlb/ops/pool.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// One window along one dimension: positions in the input, and what the average divides by.
struct Window {
  std::vector<int64_t> at;
  int64_t divisor = 0;
};
using Windows = std::vector<Window>;

/// PyTorch's rule, written down once more: ceil_mode drops a last window that starts in the padding after the
/// input.
Windows windows(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, bool ceil_mode,
                bool include_pad) {
  Windows out;
  const int64_t reach = dilation * (kernel - 1) + 1;
  for (int64_t start = -pad;; start += stride) {
    const bool fits = start + reach <= in + pad;
    const bool partly = ceil_mode && start < in && start + reach < in + pad + stride;
    if (!fits && !partly) break;
    Window w;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t p = start + k * dilation;
      if (p >= 0 && p < in) w.at.push_back(p);
      if (include_pad ? p < in + pad : p >= 0 && p < in) ++w.divisor;
    }
    out.push_back(w);
  }
  return out;
}

Windows adaptive_windows(int64_t in, int64_t out) {
  Windows list;
  for (int64_t o = 0; o < out; ++o) {
    Window w;
    const auto begin =
        static_cast<int64_t>(std::floor(static_cast<double>(o * in) / static_cast<double>(out)));
    const auto end =
        static_cast<int64_t>(std::ceil(static_cast<double>((o + 1) * in) / static_cast<double>(out)));
    for (int64_t p = begin; p < end; ++p) w.at.push_back(p);
    w.divisor = end - begin;
    list.push_back(w);
  }
  return list;
}

struct Expected {
  std::vector<double> y, dx;
};

/// Values, and the gradient of sum(y * g) with g = 1, 2, 3, ...
Expected naive(const std::vector<double>& x, int64_t planes, int64_t h, int64_t w, const Windows& rows,
               const Windows& cols, bool largest) {
  Expected e;
  e.dx.assign(x.size(), 0.0);
  for (int64_t p = 0; p < planes; ++p) {
    for (const Window& r : rows) {
      for (const Window& c : cols) {
        double best = -std::numeric_limits<double>::infinity();
        double total = 0;
        size_t where = x.size();
        std::vector<size_t> all;
        for (const int64_t i : r.at) {
          for (const int64_t j : c.at) {
            const auto at = static_cast<size_t>((p * h + i) * w + j);
            all.push_back(at);
            total += x[at];
            if (where == x.size() || x[at] > best || std::isnan(x[at])) {
              best = x[at];
              where = at;
            }
          }
        }
        const double g = static_cast<double>(e.y.size()) + 1;
        const double divisor = static_cast<double>(r.divisor * c.divisor);
        e.y.push_back(largest ? best : total / divisor);
        if (largest && where < x.size()) e.dx[where] += g;
        for (const size_t at : all) e.dx[at] += largest ? 0 : g / divisor;
      }
    }
  }
  return e;
}

void check_same(const std::vector<double>& got, const std::vector<double>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i]) ? std::isnan(got[i])
                                : std::abs(got[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i])) ||
                                      got[i] == expected[i])
      continue;
    FAIL_CHECK("element " << i << ": got " << got[i] << ", expected " << expected[i]);
    return;
  }
}

void check(const Tensor& x, const std::function<Tensor(const Tensor&)>& f, const Expected& e,
           double tolerance) {
  for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
    Tensor leaf = contiguous(x, layout).detach();
    leaf.set_requires_grad(true);
    const Tensor y = f(leaf);
    CHECK(y.is_channels_last());
    check_same(y.to_vector<double>(), e.y, tolerance);
    std::vector<double> g(e.y.size());
    for (size_t i = 0; i < g.size(); ++i) g[i] = static_cast<double>(i) + 1;
    const Tensor seed = cast(Tensor::from(g, y.shape()), x.dtype());
    check_same(grad({y}, {leaf}, {seed})[0].to_vector<double>(), e.dx, tolerance);
  }
}

/// Values with ties, so that the first of equals must be found.
Tensor tied(const Shape& shape, uint32_t stream) { return floor(values(shape, -3, 3, stream)); }

TEST_CASE("pooling follows its definition over kernels, strides, padding, dilation and ceil_mode") {
  int checked = 0;
  for (const int64_t kernel : {1, 2, 3, 5}) {
    for (const int64_t stride : {1, 2, 3, 4}) {
      for (const int64_t pad : {0, 1, 2}) {
        if (2 * pad > kernel) continue;
        for (const int64_t dilation : {1, 2}) {
          for (const bool ceil_mode : {false, true}) {
            for (const bool include_pad : {false, true}) {
              const int64_t h = 9;
              const int64_t w = 10;
              const Tensor x = tied({2, 3, h, w}, 30);
              const Windows rows = windows(h, kernel, stride, pad, dilation, ceil_mode, include_pad);
              const Windows cols = windows(w, kernel, stride, pad, dilation, ceil_mode, include_pad);
              const PoolAttrs a{{kernel, kernel},     {stride, stride}, {pad, pad},
                                {dilation, dilation}, ceil_mode,        include_pad};
              INFO("kernel " << kernel << " stride " << stride << " pad " << pad << " dilation " << dilation
                             << " ceil " << ceil_mode << " include_pad " << include_pad);
              const std::vector<double> v = x.to_vector<double>();
              if (include_pad) {
                const Expected e = naive(v, 6, h, w, rows, cols, true);
                check(
                    x, [&](const Tensor& t) { return max_pool(t, a); }, e, 0);
                check(
                    cast(x, DType::kFloat32), [&](const Tensor& t) { return max_pool(t, a); }, e, 0);
              }
              if (dilation == 1) {
                check(
                    x, [&](const Tensor& t) { return avg_pool(t, a); }, naive(v, 6, h, w, rows, cols, false),
                    1e-12);
              }
              ++checked;
            }
          }
        }
      }
    }
  }
  CHECK(checked > 100);
}

TEST_CASE("pooling in one dimension and with many channels") {
  const Tensor x = tied({2, 70, 11}, 31);
  const PoolAttrs a{{3}, {2}, {1}, {1}, true, false};
  const Windows one = {{{0}, 1}};
  const Windows cols = windows(11, 3, 2, 1, 1, true, false);
  const std::vector<double> v = x.to_vector<double>();
  check(
      x, [&](const Tensor& t) { return max_pool(t, a); }, naive(v, 140, 1, 11, one, cols, true), 0);
  check(
      x, [&](const Tensor& t) { return avg_pool(t, a); }, naive(v, 140, 1, 11, one, cols, false), 1e-12);
  check(
      cast(x, DType::kBFloat16),
      [&](const Tensor& t) {
        return max_pool(t, {{3}, {3}, {0}, {1}});
      },
      naive(v, 140, 1, 11, one, windows(11, 3, 3, 0, 1, false, true), true), 1e-2);
}

TEST_CASE("adaptive pooling covers the input for any sizes") {
  for (const int64_t h : {1, 4, 7, 10}) {
    for (const int64_t out : {1, 2, 3, 7, 12}) {
      INFO(h << " to " << out);
      const Tensor x = tied({2, 3, h, 6}, 32);
      const std::vector<double> v = x.to_vector<double>();
      const Windows rows = adaptive_windows(h, out);
      const Windows cols = adaptive_windows(6, 4);
      check(
          x,
          [&](const Tensor& t) {
            return adaptive_max_pool(t, {out, 4});
          },
          naive(v, 6, h, 6, rows, cols, true), 0);
      check(
          x,
          [&](const Tensor& t) {
            return adaptive_avg_pool(t, {out, 4});
          },
          naive(v, 6, h, 6, rows, cols, false), 1e-12);
    }
  }
}

TEST_CASE("NaN wins, padding never does, and infinities are values") {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::from(std::vector<double>{-inf, -inf, 1, kNaN, -inf, -inf, kNaN, 5}, {1, 1, 2, 4});
  const PoolAttrs a{{2, 2}, {2, 2}, {0, 0}, {1, 1}};
  const Windows rows = windows(2, 2, 2, 0, 1, false, true);
  const Windows cols = windows(4, 2, 2, 0, 1, false, true);
  const Expected e = naive(x.to_vector<double>(), 1, 2, 4, rows, cols, true);
  CHECK(e.y[0] == -inf);
  CHECK(std::isnan(e.y[1]));
  check(
      x, [&](const Tensor& t) { return max_pool(t, a); }, e, 0);
  const Tensor negative = values({1, 1, 3, 3}, -9, -8);
  for (const double v : max_pool(negative, {{3, 3}, {1, 1}, {1, 1}, {1, 1}}).to_vector<double>())
    CHECK(v < 0);
}

TEST_CASE("a window of more than 256 elements") {
  const Tensor x = tied({1, 2, 20, 20}, 33);
  const PoolAttrs a{{17, 18}, {2, 1}, {0, 0}, {1, 1}};
  check(
      x, [&](const Tensor& t) { return max_pool(t, a); },
      naive(x.to_vector<double>(), 2, 20, 20, windows(20, 17, 2, 0, 1, false, true),
            windows(20, 18, 1, 0, 1, false, true), true),
      0);
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK((e.kind == ErrorKind::kShape || e.kind == ErrorKind::kDtype));
    return e.message;
  }
  return "no error";
}

TEST_CASE("pooling errors say what was expected") {
  CHECK(error_of([] {
          max_pool(values({3, 4, 4}), {{2, 2}, {}, {}, {}});
        }) == "max_pool2d expects input [N, C, H, W], got [3, 4, 4]");
  CHECK(error_of([] {
          max_pool(values({1, 1, 2, 2}), {{3, 3}, {}, {}, {}});
        }) == "max_pool2d: kernel 3 (dilation 1) is larger than the padded input: 3 > 2");
  CHECK(error_of([] {
          avg_pool(values({1, 1, 4, 4}), {{2, 2}, {}, {2, 2}, {}});
        }) == "avg_pool2d: padding 2 is more than half the kernel 2");
  CHECK(error_of([] {
          avg_pool(values({1, 1, 4, 4}), {{0, 2}, {}, {}, {}});
        }) == "avg_pool2d: kernel must be from 1 to 1073741824, got 0");
  CHECK(error_of([] {
          max_pool(cast(values({1, 1, 4, 4}), DType::kInt32), {{2, 2}, {}, {}, {}});
        }) == "max_pool2d expects a floating dtype, got int32");
}

}  // namespace
}  // namespace dlb::testing
