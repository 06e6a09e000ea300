// Convolution and its gradients against loops that follow the formula.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/conv_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

struct Case {
  Shape x, w;
  ConvAttrs attrs;
};

const Case kCases[] = {
    {{2, 3, 8, 9}, {4, 3, 3, 3}, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, false}},
    {{2, 1, 9, 7}, {5, 1, 3, 2}, {{1, 1}, {1, 0}, {1, 0}, {1, 1}, 1, false}},
    {{1, 16, 10, 10}, {32, 16, 3, 3}, {{2, 2}, {1, 1}, {1, 1}, {1, 1}, 1, false}},
    {{2, 6, 8, 8}, {4, 3, 3, 3}, {{1, 2}, {2, 1}, {0, 1}, {1, 1}, 2, false}},
    {{2, 8, 9, 9}, {8, 1, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, 8, false}},
    {{1, 5, 11, 11}, {7, 5, 3, 3}, {{1, 1}, {2, 2}, {2, 2}, {2, 2}, 1, false}},
    {{1, 4, 12, 7}, {6, 4, 5, 1}, {{3, 1}, {0, 0}, {4, 0}, {2, 1}, 1, false}},
    {{3, 16, 5, 5}, {8, 16, 1, 1}, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, false}},
    {{3, 16, 5, 5}, {8, 16, 1, 1}, {{2, 2}, {0, 0}, {0, 0}, {1, 1}, 1, false}},
    {{2, 4, 6, 6}, {4, 2, 6, 6}, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 2, false}},
    {{2, 3, 17}, {4, 3, 3}, {{1}, {1}, {1}, {1}, 1, false}},
    {{2, 8, 20}, {4, 4, 4}, {{2}, {3}, {0}, {2}, 2, false}},
};

/// Row-major float64 arrays with a leading spatial dimension of 1 for 1-d.
struct Naive {
  int64_t n, c, h, w, o, cg, kh, kw, oh, ow, groups;
  int64_t stride[2], pad[2], dilation[2];

  Naive(const Case& k, const Shape& y) {
    const auto at = [](const Dims& d, size_t i) {
      return d.size() == 1 ? (i == 0 ? int64_t{-1} : d[0]) : d[i];
    };
    const bool flat = k.x.size() == 3;
    n = k.x[0], c = k.x[1], h = flat ? 1 : k.x[2], w = k.x.back();
    o = k.w[0], cg = k.w[1], kh = flat ? 1 : k.w[2], kw = k.w.back();
    oh = flat ? 1 : y[2], ow = y.back(), groups = k.attrs.groups;
    for (size_t i = 0; i < 2; ++i) {
      const bool missing = flat && i == 0;
      stride[i] = missing ? 1 : at(k.attrs.stride, i);
      pad[i] = missing ? 0 : at(k.attrs.padding, i);
      dilation[i] = missing ? 1 : at(k.attrs.dilation, i);
    }
  }
  /// Calls f(index in x, index in w, index in y) for each product of the sum.
  template <class F>
  void each(const F& f) const {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t q = 0; q < o; ++q)
        for (int64_t p = 0; p < oh; ++p)
          for (int64_t r = 0; r < ow; ++r)
            for (int64_t k = 0; k < cg; ++k)
              for (int64_t a = 0; a < kh; ++a)
                for (int64_t b = 0; b < kw; ++b) {
                  const int64_t y = p * stride[0] + a * dilation[0] - pad[0];
                  const int64_t x = r * stride[1] + b * dilation[1] - pad[1];
                  if (y < 0 || y >= h || x < 0 || x >= w) continue;
                  const int64_t channel = q / (o / groups) * cg + k;
                  f(static_cast<size_t>(((i * c + channel) * h + y) * w + x),
                    static_cast<size_t>(((q * cg + k) * kh + a) * kw + b),
                    static_cast<size_t>(((i * o + q) * oh + p) * ow + r));
                }
  }
};

void check_close(const Tensor& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> v = got.to_vector<double>();
  REQUIRE(v.size() == expected.size());
  double worst = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    worst = std::max(worst, std::abs(v[i] - expected[i]) / (1 + std::abs(expected[i])));
  }
  CHECK(worst <= tolerance);
}

struct Result {
  Tensor y, dx, dw, db;
};
Result run(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& g, const ConvAttrs& a) {
  Tensor leaf_x = x.detach();
  Tensor leaf_w = w.detach();
  Tensor leaf_b = b.detach();
  for (Tensor* t : {&leaf_x, &leaf_w, &leaf_b}) t->set_requires_grad(true);
  const Tensor y = conv(leaf_x, leaf_w, leaf_b, a);
  const std::vector<Tensor> d = grad({y}, {leaf_x, leaf_w, leaf_b}, {g});
  return {y.detach(), d[0], d[1], d[2]};
}

TEST_CASE("conv and its gradients follow the formula for every dtype and layout") {
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const Case& k = kCases[i];
    const Tensor x = values(k.x, -1, 1, 1);
    const Tensor w = values(k.w, -1, 1, 2);
    const Tensor b = values({k.w[0]}, -1, 1, 3);
    const Shape out = conv(x, w, {}, k.attrs).shape();
    const Tensor g = values(out, -1, 1, 4);
    for (const bool relu : {false, true}) {
      // 16-bit inputs are exact in float64, so that one reference serves them too.
      for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
        INFO("case " << i << " relu " << relu << " " << dtype_name(dtype));
        const auto round = [&](const Tensor& t) {
          return cast(cast(t, dtype), DType::kFloat64).to_vector<double>();
        };
        const std::vector<double> xv = round(x), wv = round(w), bv = round(b);
        std::vector<double> gv = round(g);
        const Naive naive(k, out);
        std::vector<double> y(gv.size()), dx(xv.size()), dw(wv.size()), db(bv.size());
        const size_t space = static_cast<size_t>(naive.oh * naive.ow);
        for (size_t j = 0; j < y.size(); ++j) y[j] = bv[j / space % bv.size()];
        naive.each([&](size_t a, size_t c, size_t e) { y[e] += xv[a] * wv[c]; });
        ConvAttrs attrs = k.attrs;
        attrs.relu = relu;
        if (relu) {
          for (size_t j = 0; j < y.size(); ++j) {
            if (y[j] <= 0) gv[j] = 0;
            y[j] = std::max(y[j], 0.0);
          }
        }
        naive.each([&](size_t a, size_t c, size_t e) { dx[a] += gv[e] * wv[c], dw[c] += gv[e] * xv[a]; });
        for (size_t j = 0; j < gv.size(); ++j) db[j / space % bv.size()] += gv[j];
        const double tolerance = dtype == DType::kFloat64 ? 1e-12 : dtype == DType::kFloat32 ? 2e-5 : 2e-2;
        for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
          const Tensor xt = contiguous(cast(x, dtype), layout);
          const Result r = run(xt, cast(w, dtype), cast(b, dtype), contiguous(cast(g, dtype), layout), attrs);
          CHECK(r.y.is_channels_last());
          check_close(r.y, y, tolerance);
          check_close(r.dx, dx, tolerance);
          check_close(r.dw, dw, tolerance);
          check_close(r.db, db, tolerance);
        }
      }
    }
  }
}

TEST_CASE("a frozen weight or input is skipped, a bias alone still gets its gradient") {
  const ConvAttrs a = kCases[0].attrs;
  Tensor x = values(kCases[0].x);
  Tensor w = values(kCases[0].w);
  Tensor b = values({4}).set_requires_grad(true);
  const Tensor y = conv(x, w, b, a);
  const Tensor g = values(y.shape(), -1, 1, 9);
  const std::vector<Tensor> d = grad({y}, {b}, {g});
  check_close(d[0], sum(g, {0, 2, 3}).to_vector<double>(), 1e-12);
}

TEST_CASE("one number of threads gives the same bits each time; forward does not depend on it") {
  const int before = threads();
  const Tensor x = cast(values({8, 16, 14, 14}), DType::kFloat32);
  const Tensor w = cast(values({32, 16, 3, 3}), DType::kFloat32);
  const Tensor b = cast(values({32}), DType::kFloat32);
  const ConvAttrs a{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, false};
  const Tensor g = cast(values({8, 32, 14, 14}), DType::kFloat32);
  Result first[2];
  for (int count = 1; count <= 2; ++count) {
    set_threads(count);
    first[count - 1] = run(x, w, b, g, a);
    for (int repeat = 0; repeat < 5; ++repeat) {
      const Result r = run(x, w, b, g, a);
      CHECK(r.dw.to_vector<float>() == first[count - 1].dw.to_vector<float>());
      CHECK(r.db.to_vector<float>() == first[count - 1].db.to_vector<float>());
      CHECK(r.dx.to_vector<float>() == first[count - 1].dx.to_vector<float>());
    }
  }
  set_threads(before);
  CHECK(first[0].y.to_vector<float>() == first[1].y.to_vector<float>());
  CHECK(first[0].dx.to_vector<float>() == first[1].dx.to_vector<float>());
}

TEST_CASE("a convolution's cost is its multiplications and additions") {
  const Tensor x = Tensor::empty({8, 6, 10, 12}, DType::kFloat32, kMeta);
  const Tensor w = Tensor::empty({4, 3, 3, 5}, DType::kFloat32, kMeta);
  const ConvAttrs a{{2, 1}, {1, 0}, {1, 0}, {1, 1}, 2, false};
  const Tensor y = conv(x, w, {}, a);
  REQUIRE(shape_text(y.shape()) == "[8, 4, 5, 8]");
  const double flops = 2.0 * (8 * 4 * 5 * 8) * (3 * 3 * 5);
  const auto cost = [](const OpDef& op, std::vector<Tensor> in, std::vector<Tensor> out, const void* attrs) {
    return op.attrs->call_cost(op.cost, in, out, attrs);
  };
  CHECK(cost(op::conv(), {x, w, {}}, {y}, &a).flops == flops);
  CHECK(cost(op::conv(), {x, w, {}}, {y}, &a).bytes ==
        4.0 * (8 * 6 * 10 * 12 + 4 * 3 * 3 * 5 + 8 * 4 * 5 * 8));
  const ConvGradAttrs to_x{a, x.shape(), false};
  const ConvGradAttrs to_w{a, w.shape(), false};
  CHECK(cost(op::conv_input_grad(), {y, w}, {x}, &to_x).flops == flops);
  CHECK(cost(op::conv_weight_grad(), {y, x}, {w}, &to_w).flops == flops);
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

TEST_CASE("conv errors say what was expected") {
  const Tensor x = values({32, 1, 28, 28});
  const Tensor w = values({4, 3, 3, 3});
  CHECK(error_of([&] { conv2d(x, w); }) == "conv2d expects input [N, 3, H, W], got [32, 1, 28, 28]");
  CHECK(error_of([&] {
          conv2d(values({3, 28, 28}), w);
        }) == "conv2d expects input [N, 3, H, W], got [3, 28, 28]");
  CHECK(error_of([&] {
          conv1d(values({2, 5, 8}), values({4, 3, 3}));
        }) == "conv1d expects input [N, 3, L], got [2, 5, 8]");
  CHECK(
      error_of([&] {
        conv2d(values({1, 3, 2, 9}), w);
      }) ==
      "conv2d: kernel 3 (dilation 1) is larger than the padded input: 3 > 2 in dimension 2 of [1, 3, 2, 9]");
  CHECK(error_of([&] {
          conv2d(values({1, 3, 9, 9}), w, values({5}));
        }) == "conv2d expects bias [4], got [5]");
  CHECK(error_of([&] {
          conv2d(values({1, 6, 9, 9}), values({5, 3, 3, 3}), {}, {1}, {0}, {1}, 2);
        }) == "conv2d: 5 output channels cannot be divided into 2 groups");
  CHECK(error_of([&] {
          conv2d(values({1, 3, 9, 9}), w, {}, {0});
        }) == "conv2d: stride must be from 1 to 1073741824, got 0");
  CHECK(error_of([&] {
          conv2d(values({1, 3, 9, 9}), w, {}, {1}, {INT64_MAX});
        }) == "conv2d: padding must be from 0 to 1073741824, got 9223372036854775807");
  CHECK(error_of([&] {
          conv2d(values({1, 3, 9, 9}), w, {}, {1, 1, 1});
        }) == "conv2d expects 1 or 2 numbers for stride, got 3");
  CHECK(error_of([&] {
          conv2d(cast(values({1, 3, 9, 9}), DType::kInt64), cast(w, DType::kInt64));
        }) == "conv2d expects a floating dtype, got int64");
  CHECK(error_of([&] {
          conv2d(cast(values({1, 3, 9, 9}), DType::kFloat32), w);
        }) == "conv2d expects one dtype, got float32 and float64");
}

}  // namespace
}  // namespace dlb::testing
