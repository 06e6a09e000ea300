#include "dlb/ops/binary.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/create.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb {
namespace {

using testing::values;

/// f(a, b) at each place of the broadcast shape, by index arithmetic.
std::vector<double> naive(const Tensor& a, const Tensor& b, double (*f)(double, double)) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  const std::vector<double> x = a.to_vector<double>();
  const std::vector<double> y = b.to_vector<double>();
  const auto place = [&](const Shape& s, int64_t i) {
    int64_t at = 0;
    int64_t step = 1;
    for (size_t d = shape.size(); d-- > 0;) {
      const int64_t index = i % shape[d];
      i /= shape[d];
      const size_t missing = shape.size() - s.size();
      if (d < missing) continue;
      if (s[d - missing] != 1) at += index * step;
      step *= s[d - missing];
    }
    return static_cast<size_t>(at);
  };
  std::vector<double> out;
  for (int64_t i = 0; i < numel(shape); ++i) out.push_back(f(x[place(a.shape(), i)], y[place(b.shape(), i)]));
  return out;
}

TEST_CASE("broadcasting pairs the right elements, for any shapes and layouts") {
  const std::vector<std::pair<Shape, Shape>> pairs = {{{2, 3}, {2, 3}},
                                                      {{2, 3}, {3}},
                                                      {{2, 1}, {3}},
                                                      {{4, 1, 5}, {3, 1}},
                                                      {{}, {2, 2}},
                                                      {{1}, {3, 3}},
                                                      {{7}, {7}},
                                                      {{2, 3, 4, 5}, {4, 1}},
                                                      {{5, 200}, {200}},
                                                      {{5, 200}, {5, 1}},
                                                      {{3, 1, 150}, {2, 1}},
                                                      {{0, 3}, {3}},
                                                      {{200, 200}, {200, 200}},
                                                      {{2000, 3}, {3}},
                                                      {{40, 1, 30}, {50, 1}}};
  for (const auto& [sa, sb] : pairs) {
    const Tensor a = values(sa, -2, 2, 1);
    const Tensor b = values(sb, 1, 2, 2);
    INFO(shape_text(sa) << " " << shape_text(sb));
    const auto expected = naive(a, b, [](double x, double y) { return x - y; });
    CHECK(sub(a, b).to_vector<double>() == expected);
    // The same values walked in other orders.
    Dims order;
    for (int64_t d = a.rank(); d-- > 0;) order.push_back(d);
    const Tensor turned = permute(contiguous(permute(a, order)), order);
    CHECK(sub(turned, b).to_vector<double>() == expected);
    CHECK(sub(cast(a, DType::kFloat32), b).dtype() ==
          promote(a.rank() == 0 && b.rank() > 0 ? DType::kFloat64 : DType::kFloat32,
                  b.rank() == 0 && a.rank() > 0 ? DType::kFloat32 : DType::kFloat64));
  }
  CHECK_THROWS_WITH(add(values({2, 3}), values({4})),
                    Catch::Contains("add") && Catch::Contains("[2, 3]") && Catch::Contains("[4]"));
}

TEST_CASE("dtypes promote as in PyTorch") {
  const auto of = [](DType t, const Shape& s) { return ones(s, t); };
  const auto result = [&](DType a, const Shape& sa, DType b, const Shape& sb) {
    return add(of(a, sa), of(b, sb)).dtype();
  };
  using enum DType;
  CHECK(result(kUInt8, {2}, kInt32, {2}) == kInt32);
  CHECK(result(kInt64, {2}, kFloat16, {2}) == kFloat16);
  CHECK(result(kBFloat16, {2}, kFloat16, {2}) == kFloat32);
  CHECK(result(kBool, {2}, kUInt8, {2}) == kUInt8);
  CHECK(result(kBool, {2}, kBool, {2}) == kBool);
  // 0-d tensors do not raise the dtype within a category.
  CHECK(result(kFloat32, {2}, kFloat64, {}) == kFloat32);
  CHECK(result(kBFloat16, {2}, kFloat32, {}) == kBFloat16);
  CHECK(result(kInt32, {2}, kInt64, {}) == kInt32);
  CHECK(result(kInt32, {2}, kFloat64, {}) == kFloat64);
  CHECK(result(kFloat32, {}, kFloat64, {}) == kFloat64);
  CHECK(result(kFloat32, {2}, kInt64, {}) == kFloat32);
  CHECK(result(kUInt8, {}, kBool, {2}) == kUInt8);
  // Numbers keep the tensor's dtype.
  CHECK(add(of(kFloat16, {2}), 1.5).dtype() == kFloat16);
  CHECK(add(of(kInt32, {2}), 3).dtype() == kInt32);
  CHECK(add(of(kInt32, {2}), 0.5).dtype() == kFloat32);
  CHECK(add(of(kInt32, {2}), 0.5).to_vector<double>()[0] == 1.5);
  CHECK(div(of(kInt64, {2}), of(kInt64, {2})).dtype() == kFloat32);
  CHECK((of(kInt64, {2}) / 2.0).to_vector<double>()[0] == 0.5);
  CHECK((1.0 - of(kInt64, {2})).dtype() == kInt64);
  CHECK((1.0 / full({2}, 4)).to_vector<float>()[1] == 0.25F);
  CHECK(lt(of(kInt64, {2}), 1.5).to_vector<int64_t>()[0] == 1);
  CHECK(where(gt(of(kFloat32, {2}), 0), of(kInt64, {2}), of(kBFloat16, {2})).dtype() == kBFloat16);
  CHECK_THROWS_AS(sub(of(kBool, {2}), of(kBool, {2})), Error);
  CHECK_THROWS_AS(where(of(kFloat32, {2}), of(kFloat32, {2}), of(kFloat32, {2})), Error);
}

TEST_CASE("integers are computed exactly") {
  const std::vector<int64_t> a = {7, -7, 7, -7, (int64_t{1} << 53) + 1};
  const std::vector<int64_t> b = {3, 3, -3, -3, 1};
  const Tensor x = Tensor::from(a, {5});
  const Tensor y = Tensor::from(b, {5});
  CHECK(fmod(x, y).to_vector<int64_t>() == std::vector<int64_t>{1, -1, 1, -1, 0});
  CHECK(remainder(x, y).to_vector<int64_t>() == std::vector<int64_t>{1, 2, -2, -1, 0});
  CHECK(add(x, y).to_vector<int64_t>()[4] == (int64_t{1} << 53) + 2);
  CHECK(maximum(x, y).to_vector<int64_t>() == std::vector<int64_t>{7, 3, 7, -3, (int64_t{1} << 53) + 1});
  CHECK(pow(x, abs(y)).to_vector<int64_t>()[1] == -343);
  CHECK(eq(x, x - y).to_vector<int64_t>() == std::vector<int64_t>{0, 0, 0, 0, 0});
  CHECK_THROWS_WITH(remainder(x, y - y), Catch::Contains("zero"));
  CHECK(remainder(cast(x, DType::kFloat64), cast(y, DType::kFloat64)).to_vector<double>()[1] == 2);
}

TEST_CASE("NaN wins in maximum and minimum, and is unequal to itself") {
  const double nan = std::nan("");
  const Tensor a = Tensor::from(std::vector<double>{nan, 1, 1, nan}, {4});
  const Tensor b = Tensor::from(std::vector<double>{1, nan, 2, nan}, {4});
  const auto high = maximum(a, b).to_vector<double>();
  const auto low = minimum(a, b).to_vector<double>();
  for (const size_t i : {0, 1, 3}) {
    CHECK(std::isnan(high[i]));
    CHECK(std::isnan(low[i]));
  }
  CHECK(high[2] == 2);
  CHECK(low[2] == 1);
  CHECK(eq(a, a).to_vector<int64_t>() == std::vector<int64_t>{0, 1, 1, 0});
  CHECK(ne(a, a).to_vector<int64_t>() == std::vector<int64_t>{1, 0, 0, 1});
}

TEST_CASE("a tie of maximum gives each operand half of the gradient") {
  Tensor a = Tensor::from(std::vector<double>{1, 2}, {2});
  Tensor b = Tensor::from(std::vector<double>{1, 1}, {2});
  a.set_requires_grad(true);
  b.set_requires_grad(true);
  const auto g = grad({maximum(a, b)}, {a, b}, {ones({2}, DType::kFloat64)});
  CHECK(g[0].to_vector<double>() == std::vector<double>{0.5, 1});
  CHECK(g[1].to_vector<double>() == std::vector<double>{0.5, 0});
}

TEST_CASE("integer divisions, shifts and divisors have PyTorch's values") {
  const auto ints = [](const std::vector<int64_t>& v) {
    return Tensor::from(v, {static_cast<int64_t>(v.size())});
  };
  const auto list = [](const Tensor& t) { return t.to_vector<int64_t>(); };
  const int64_t least = std::numeric_limits<int64_t>::min();
  const Tensor x = ints({7, -7, 7, -7, least});
  const Tensor y = ints({2, 2, -2, -2, -1});
  CHECK(list(floor_divide(x, y)) == std::vector<int64_t>{3, -4, -4, 3, least});
  CHECK(list(trunc_divide(x, y)) == std::vector<int64_t>{3, -3, -3, 3, least});
  CHECK_THROWS_WITH(floor_divide(x, y - y), Catch::Contains("zero"));
  CHECK(list(bitwise_left_shift(ints({1, 1, 1, -1}), ints({64, -1, 63, 3}))) ==
        std::vector<int64_t>{0, 0, least, -8});
  CHECK(list(bitwise_right_shift(ints({-8, 8, -8}), ints({64, -1, 2}))) == std::vector<int64_t>{-1, 0, -2});
  CHECK(list(bitwise_left_shift(cast(ints({200}), DType::kUInt8), cast(ints({1}), DType::kUInt8))) ==
        std::vector<int64_t>{144});
  CHECK(list(gcd(ints({0, -4, 12, least}), ints({0, 6, 0, 12}))) == std::vector<int64_t>{0, 2, 12, 4});
  CHECK(list(lcm(ints({0, -4}), ints({3, 6}))) == std::vector<int64_t>{0, 12});
  CHECK(list(bitwise_not(cast(ints({0, 1}), DType::kBool))) == std::vector<int64_t>{1, 0});
  const Tensor a = Tensor::from(std::vector<double>{7, -7, 7, -7, 1, 0.3, -1}, {7});
  const Tensor b = Tensor::from(std::vector<double>{2, 2, -2, -2, 0, 0.1, HUGE_VAL}, {7});
  CHECK(floor_divide(a, b).to_vector<double>() == std::vector<double>{3, -4, -4, 3, HUGE_VAL, 2, -1});
}

TEST_CASE("limits that are tensors share the gradient in ties") {
  Tensor x = Tensor::from(std::vector<double>{-1, 0, 0.5, 1, 2, 1, 0}, {7});
  Tensor low = Tensor::from(std::vector<double>{0, 0, 0, 0, 0, 1, 1}, {7});
  Tensor high = Tensor::from(std::vector<double>{1, 1, 1, 1, 1, 1, 0}, {7});
  for (Tensor* t : {&x, &low, &high}) t->set_requires_grad(true);
  const auto g = grad({clamp(x, low, high)}, {x, low, high}, {ones({7}, DType::kFloat64)});
  CHECK(g[0].to_vector<double>() == std::vector<double>{0, 0.5, 1, 0.5, 0, 1, 0});
  CHECK(g[1].to_vector<double>() == std::vector<double>{1, 0.5, 0, 0, 0, 0, 0});
  CHECK(g[2].to_vector<double>() == std::vector<double>{0, 0, 0, 0.5, 1, 0, 1});
}

TEST_CASE("gradients come back in the operand's shape and dtype") {
  Tensor a = ones({3, 1}, DType::kFloat32);
  Tensor b = ones({2, 3, 4}, DType::kFloat64);
  a.set_requires_grad(true);
  b.set_requires_grad(true);
  const auto g = grad({mul(a, b)}, {a, b}, {ones({2, 3, 4}, DType::kFloat64)});
  CHECK(spec_text(g[0].spec()) == "float32[3, 1]");
  CHECK(g[0].to_vector<double>() == std::vector<double>{8, 8, 8});
  CHECK(spec_text(g[1].spec()) == "float64[2, 3, 4]");
  CHECK(sum_to(ones({2, 3, 4}), {3, 1}).to_vector<double>() == std::vector<double>{8, 8, 8});
  CHECK(sum_to(ones({2, 3}), {}).item() == 6);
}

TEST_CASE("a power at zero has a finite gradient") {
  Tensor a = Tensor::from(std::vector<double>{0, 0, 2}, {3});
  Tensor b = Tensor::from(std::vector<double>{2, 0, 3}, {3});
  a.set_requires_grad(true);
  b.set_requires_grad(true);
  const auto g = grad({pow(a, b)}, {a, b}, {ones({3}, DType::kFloat64)});
  CHECK(g[0].to_vector<double>() == std::vector<double>{0, 0, 12});
  CHECK(g[1].to_vector<double>()[0] == 0);
  CHECK(g[1].to_vector<double>()[1] == 0);
  CHECK(g[1].to_vector<double>()[2] == Approx(8 * std::log(2.0)));
}

}  // namespace
}  // namespace dlb
