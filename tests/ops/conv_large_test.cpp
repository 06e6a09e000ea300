#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/create.h"
#include "dlb/ops/unary.h"

using namespace dlb;

// Large enough for Winograd's algorithm, with output sizes that do and do not fill its 4x4 tiles.
TEST_CASE("large 3x3 convolutions in float32 agree with float64, values and gradients", "[conv]") {
  for (const int64_t size : {26, 31}) {
    for (const int64_t padding : {0, 1}) {
      const Shape image{16, 32, size, size}, kernel{64, 32, 3, 3};
      const auto run = [&](DType dtype) {
        Tensor x = cast(normal(image, 0, 1, {1, RngPurpose::kUser, 0, 0}), dtype).detach();
        Tensor w = cast(normal(kernel, 0, 0.1, {1, RngPurpose::kUser, 0, 1}), dtype).detach();
        Tensor b = cast(normal({64}, 0, 1, {1, RngPurpose::kUser, 0, 2}), dtype).detach();
        for (Tensor* t : {&x, &w, &b}) t->set_requires_grad(true);
        const Tensor y = conv2d(x, w, b, {1}, {padding});
        backward(y, cast(normal(y.shape(), 0, 1, {1, RngPurpose::kUser, 0, 3}), dtype));
        return std::vector<Tensor>{y.detach(), x.grad(), w.grad(), b.grad()};
      };
      const auto narrow = run(DType::kFloat32), wide = run(DType::kFloat64);
      for (size_t i = 0; i < wide.size(); ++i) {
        const auto a = narrow[i].to_vector<double>(), e = wide[i].to_vector<double>();
        double largest = 0, difference = 0;
        for (size_t j = 0; j < e.size(); ++j) {
          largest = std::max(largest, std::abs(e[j]));
          difference = std::max(difference, std::abs(a[j] - e[j]));
        }
        INFO("size " << size << " padding " << padding << " result " << i);
        CHECK(difference <= 2e-5 * largest);
      }
    }
  }
}
