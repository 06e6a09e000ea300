// Matrix products against loops, with every combination of layouts and broadcasting.
#include "dlb/ops/matmul.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <tuple>

#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"
#include "support/watch.h"

namespace dlb::testing {
namespace {

/// sum_k a[..., n, k, 1] b[..., 1, k, m]: the product without a matrix product.
Tensor by_sums(const Tensor& a, const Tensor& b) {
  return sum(mul(unsqueeze(a, -1), unsqueeze(b, -3)), {-2});
}

void check_close(const Tensor& got, const Tensor& expected, double tolerance) {
  REQUIRE(shape_text(got.shape()) == shape_text(expected.shape()));
  const std::vector<double> a = got.to_vector<double>();
  const std::vector<double> b = expected.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]) / (1 + std::abs(b[i])));
  CHECK(worst <= tolerance);
}

double tolerance_of(DType t) {
  return t == DType::kFloat64 ? 1e-12 : t == DType::kFloat32 ? 2e-5 : t == DType::kFloat16 ? 4e-3 : 2e-2;
}

/// The same values with the last two dimensions swapped in memory, or with gaps.
Tensor in_memory_order(const Tensor& x, int order) {
  if (order == 1) return transpose(contiguous(transpose(x, -1, -2)), -1, -2);
  if (order == 2) return slice(cat({x, x}, -1), -1, 0, x.dim(-1));
  if (order == 3 && x.rank() >= 3) return transpose(contiguous(transpose(x, 0, -2)), 0, -2);
  return x;
}

TEST_CASE("matmul broadcasts batches in any memory order") {
  const std::pair<Shape, Shape> shapes[] = {
      {{3, 4}, {4, 5}},
      {{30, 70}, {70, 20}},
      {{1, 64}, {64, 200}},
      {{200, 64}, {64, 1}},
      {{1, 300}, {300, 1}},
      {{4, 20, 30}, {4, 30, 25}},
      {{4, 20, 30}, {30, 25}},
      {{20, 30}, {4, 30, 25}},
      {{2, 1, 9, 40}, {5, 40, 33}},
      {{2, 3, 20, 30}, {1, 3, 30, 20}},
      {{2, 3, 4, 5}, {2, 3, 5, 6}},
      {{1, 3, 20, 30}, {4, 1, 30, 20}},
  };
  for (const auto& [a, b] : shapes) {
    for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
      const Tensor x = cast(values(a, -1, 1, 1), dtype);
      const Tensor y = cast(values(b, -1, 1, 2), dtype);
      const Tensor expected = by_sums(cast(x, DType::kFloat64), cast(y, DType::kFloat64));
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
          INFO(shape_text(a) << " x " << shape_text(b) << " " << dtype_name(dtype) << " orders " << i << " "
                             << j);
          check_close(matmul(in_memory_order(x, i), in_memory_order(y, j)), expected, tolerance_of(dtype));
        }
      }
    }
  }
}

TEST_CASE("an expanded operand is read as what it stands for") {
  const Tensor a = cast(values({1, 40}, -1, 1, 1), DType::kFloat32);
  const Tensor b = cast(values({40, 30}, -1, 1, 2), DType::kFloat32);
  check_close(matmul(expand(a, {50, 40}), b), by_sums(expand(a, {50, 40}), b), 2e-5);
  check_close(matmul(expand(a, {3, 50, 40}), expand(b, {3, 40, 30})), by_sums(expand(a, {3, 50, 40}), b),
              2e-5);
}

TEST_CASE("an empty sum is zero, or the bias") {
  const Tensor zero = matmul(values({3, 0}), values({0, 4}));
  CHECK(zero.to_vector<double>() == std::vector<double>(12, 0.0));
  const Tensor b = values({4});
  const std::vector<double> y = linear(values({1, 0}), values({4, 0}), b).to_vector<double>();
  CHECK(y == b.to_vector<double>());
  CHECK(matmul(values({0, 3}), values({3, 4})).numel() == 0);
}

TEST_CASE("linear is x W^T + b for every dtype and size") {
  for (const auto& [rows, in, out] :
       {std::array<int64_t, 3>{4, 2, 16}, {1, 16, 1}, {64, 700, 128}, {33, 129, 10}}) {
    for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
      const Tensor x = cast(values({rows, in}, -1, 1, 1), dtype);
      const Tensor w = cast(values({out, in}, -1, 1, 2), dtype);
      const Tensor b = cast(values({out}, -1, 1, 3), dtype);
      const auto wide = [](const Tensor& t) { return cast(t, DType::kFloat64); };
      const Tensor expected = by_sums(wide(x), transpose(wide(w), 0, 1));
      INFO(dtype_name(dtype) << " " << rows << " " << in << " " << out);
      check_close(linear(x, w, b), add(expected, wide(b)), tolerance_of(dtype));
      check_close(linear(x, w), expected, tolerance_of(dtype));
    }
  }
}

TEST_CASE("a product repeats bit for bit") {
  const Tensor a = cast(values({64, 3000}), DType::kFloat32);
  const Tensor b = cast(values({3000, 50}), DType::kFloat32);
  const std::vector<float> first = matmul(a, b).to_vector<float>();
  for (int i = 0; i < 10; ++i) CHECK(matmul(a, b).to_vector<float>() == first);
}

// Sizes at which float32 products take another way through oneDNN, which knows K > 256 as several pieces: a
// b, a^T b, and a b^T with a bias and without.
TEST_CASE("large float32 products agree with float64, whatever the number of threads") {
  const std::tuple<int64_t, int64_t, int64_t> sizes[] = {
      {600, 193, 97}, {520, 768, 384}, {515, 641, 300}, {64, 300, 1100}};
  for (const auto& [n, m, k] : sizes) {
    const auto run = [n = n, m = m, k = k](DType dtype) {
      const auto drawn = [&](const Shape& shape, uint32_t index) {
        return cast(normal(shape, 0, 1, {1, RngPurpose::kUser, 0, index}), dtype);
      };
      const Tensor a = drawn({n, k}, 0), b = drawn({k, m}, 1), at = drawn({k, n}, 2), bt = drawn({m, k}, 3);
      return std::vector<Tensor>{matmul(a, b), matmul(transpose(at, 0, 1), b), linear(a, bt),
                                 linear(a, bt, drawn({m}, 4))};
    };
    const std::vector<Tensor> wide = run(DType::kFloat64), narrow = run(DType::kFloat32);
    for (size_t i = 0; i < wide.size(); ++i) {
      INFO(n << " " << m << " " << k << ", product " << i);
      // A sum of k products of standard normal numbers is about sqrt(k).
      check_close(narrow[i], wide[i], 5e-6 * std::sqrt(static_cast<double>(k)));
    }
    const int before = threads();
    for (const int count : {1, 2, 3, 8}) {
      set_threads(count);
      const std::vector<Tensor> again = run(DType::kFloat32);
      for (size_t i = 0; i < again.size(); ++i) {
        INFO(n << " " << m << " " << k << ", product " << i << ", threads " << count);
        CHECK(again[i].to_vector<float>() == narrow[i].to_vector<float>());
      }
    }
    set_threads(before);
  }
}

TEST_CASE("integers are multiplied exactly and wrap around") {
  const Tensor a = Tensor::from(std::vector<int64_t>{1, -2, 3, 4, 5, -6}, {2, 3});
  const Tensor b = Tensor::from(std::vector<int64_t>{7, 8, 9, -10, 11, 12}, {3, 2});
  CHECK(matmul(a, b).to_vector<int64_t>() == std::vector<int64_t>{22, 64, 7, -90});
  CHECK(matmul(a, select(b, 1, 0)).to_vector<int64_t>() == std::vector<int64_t>{22, 7});
  // Beyond what float64 holds exactly, and beyond int64.
  const int64_t large = (int64_t{1} << 40) + 1;
  const Tensor c = Tensor::from(std::vector<int64_t>{large, 1}, {1, 2});
  CHECK(matmul(c, transpose(c, 0, 1)).to_vector<int64_t>() == std::vector<int64_t>{(int64_t{1} << 41) + 2});
  const Tensor bytes = cast(Tensor::from(std::vector<int64_t>{200, 100}, {1, 2}), DType::kUInt8);
  CHECK(matmul(bytes, transpose(bytes, 0, 1)).to_vector<int64_t>() == std::vector<int64_t>{50000 % 256});
  CHECK(matmul(bytes, transpose(bytes, 0, 1)).dtype() == DType::kUInt8);
  CHECK(matmul(reshape(a, {2, 3, 1}), reshape(a, {2, 1, 3})).shape() == Shape{2, 3, 3});
  CHECK(matmul(narrow(a, 1, 0, 0), narrow(b, 0, 0, 0)).to_vector<int64_t>() == std::vector<int64_t>(4, 0));
  const Tensor flags = cast(reshape(a, {3, 2}), DType::kBool);
  CHECK_THROWS_AS(matmul(flags, transpose(flags, 0, 1)), Error);
}

TEST_CASE("products with frozen weights agree with the operators that they fuse") {
  // Rows below and above what is packed, more of them than stay in a cache at a time, panels that are not
  // full, sums longer than a block of them, no sums at all.
  for (const auto& [n, m, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 40, 30},
                                {12, 33, 5},
                                {13, 300, 20},
                                {197, 70, 600},
                                {400, 31, 1100},
                                {20, 4, 0}}) {
    const Tensor x = values({n, k}, -1, 1, 1), w = values({m, k}, -1, 1, 2), bias = values({m}, -1, 1, 3);
    const Tensor residual = values({n, m}, -1, 1, 4);
    w.storage()->freeze();
    const Tensor wide = linear(cast(x, DType::kFloat64), cast(w, DType::kFloat64));
    for (int i = 0; i <= static_cast<int>(Activation::kGeluTanh); ++i) {
      const Epilogue e{static_cast<Activation>(i), i == static_cast<int>(Activation::kLeakyRelu) ? 0.2 : -0.4,
                       0.5};
      for (const bool with_bias : {false, true}) {
        for (const bool with_residual : {false, true}) {
          INFO(n << " " << m << " " << k << ", " << activation_name(e.activation) << ", bias " << with_bias
                 << ", residual " << with_residual);
          const Tensor b = with_bias ? bias : Tensor{}, r = with_residual ? residual : Tensor{};
          const Tensor got = fused_linear(x, w, b, r, e);
          const Tensor sums = with_bias ? add(wide, cast(bias, DType::kFloat64)) : wide;
          check_close(got,
                      apply_epilogue(sums, with_residual ? cast(residual, DType::kFloat64) : Tensor{}, e),
                      2e-6 * std::sqrt(static_cast<double>(k + 1)));
          // The same bits for any number of threads, and for a row among others.
          const int before = threads();
          for (const int count : {1, 3}) {
            set_threads(count);
            CHECK(fused_linear(x, w, b, r, e).to_vector<float>() == got.to_vector<float>());
          }
          set_threads(before);
          if (n > 12) {
            const Tensor part = fused_linear(narrow(x, 0, 1, 12), w, b,
                                             with_residual ? narrow(residual, 0, 1, 12) : Tensor{}, e);
            CHECK(part.to_vector<float>() == narrow(got, 0, 1, 12).to_vector<float>());
          }
        }
      }
    }
  }
}

TEST_CASE("a product's cost is its multiplications and additions") {
  struct Count : testing::Watch {
    double flops = 0;
    void after(const OpDef& op, Inputs in, std::span<const Tensor> out, const void* attrs) override {
      if (op.name == "matmul" || op.name == "linear")
        flops += op.attrs->call_cost(op.cost, in, out, attrs).flops;
    }
  } count;
  static_cast<void>(matmul(values({5, 2, 3}), values({5, 3, 7})));
  CHECK(count.flops == 2.0 * 5 * 2 * 3 * 7);
  static_cast<void>(linear(values({4, 6, 9}), values({10, 9}), values({10})));
  CHECK(count.flops == 2.0 * 5 * 2 * 3 * 7 + 2.0 * 4 * 6 * 9 * 10);
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

TEST_CASE("matmul and linear errors say what was expected") {
  CHECK(error_of([] {
          matmul(values({2, 3}), values({4, 5}));
        }) == "matmul: inner sizes differ: [2, 3] x [4, 5]");
  CHECK(error_of([] { matmul(values({3}), values({4})); }) == "matmul: inner sizes differ: [3] x [4]");
  CHECK(error_of([] { matmul(values({}), values({4})); }) ==
        "matmul expects at least 1 dimension, got [] x [4]");
  CHECK(error_of([] {
          matmul(values({2, 3, 4}), values({3, 4, 5}));
        }) == "matmul: batch sizes do not broadcast: [2, 3, 4] x [3, 4, 5]");
  CHECK(error_of([] {
          linear(values({64, 100}), values({10, 784}));
        }) == "linear expects input [..., 784], got [64, 100]");
  CHECK(error_of([] {
          linear(values({4, 3}), values({2, 3}), values({3}));
        }) == "linear expects bias [2], got [3]");
}

}  // namespace
}  // namespace dlb::testing
