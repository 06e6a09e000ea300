// Softmax against its formula; dropout against the stream of random numbers that it promises to use.
#include "dlb/ops/softmax.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST_CASE("softmax and log_softmax along any dimension, size, layout") {
  for (const Shape& shape : {Shape{3, 1}, Shape{5, 31}, Shape{2, 33, 4}, Shape{2, 5, 3, 4}, Shape{4, 1000}}) {
    for (int64_t dim = -1; dim < static_cast<int64_t>(shape.size()); ++dim) {
      for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
        const Tensor x = cast(values(shape, -30, 30, 60), dtype);
        const double tolerance = dtype == DType::kFloat64 ? 1e-14 : 1e-6;
        for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
          INFO(shape_text(shape) << " dim " << dim << " " << dtype_name(dtype));
          const Tensor in = contiguous(x, layout);
          const Tensor wide = cast(x, DType::kFloat64);
          const Tensor e = exp(wide);
          const std::vector<double> expected = (e / sum(e, {dim}, kKeepDim)).to_vector<double>();
          const std::vector<double> y = softmax(in, dim).to_vector<double>();
          const std::vector<double> log_y = log_softmax(in, dim).to_vector<double>();
          double worst = 0;
          for (size_t i = 0; i < y.size(); ++i) {
            worst = std::max(worst, std::abs(y[i] - expected[i]));
            worst = std::max(worst, std::abs(log_y[i] - std::log(expected[i])) / 60);
          }
          CHECK(worst <= tolerance);
        }
      }
    }
  }
}

TEST_CASE("softmax of large numbers and infinities") {
  const Tensor x = Tensor::from(std::vector<float>{1000, 1001, -1e30F, 1002}, {1, 4});
  const std::vector<float> y = softmax(x, 1).to_vector<float>();
  CHECK(y[0] + y[1] + y[3] == Approx(1));
  CHECK(y[2] == 0);
  const Tensor masked = Tensor::from(std::vector<double>{0, -kInf, 0}, {3});
  CHECK(softmax(masked, 0).to_vector<double>() == std::vector<double>{0.5, 0, 0.5});
  const Tensor broken = Tensor::from(std::vector<double>{0, std::nan(""), 0}, {3});
  for (const double v : softmax(broken, 0).to_vector<double>()) CHECK(std::isnan(v));
}

RngKey key_of(uint64_t step) {
  return {.seed = 11, .purpose = RngPurpose::kDropout, .step = step, .index = 2};
}

TEST_CASE("dropout keeps element i when the i-th uniform of its stream is at least p") {
  for (const double p : {0.0, 0.25, 0.5, 0.999, 1.0}) {
    for (const int64_t n : {1, 3, 63, 64, 65, 5000}) {
      const Tensor x = cast(values({n}, 1, 2, 61), DType::kFloat32);
      const std::vector<float> in = x.to_vector<float>();
      const std::vector<float> out = dropout(x, p, key_of(4)).to_vector<float>();
      RandomStream stream(key_of(4));
      for (size_t i = 0; i < in.size(); ++i) {
        const bool keep = static_cast<double>(stream.uniform()) >= p;
        const float expected = keep ? in[i] * static_cast<float>(1 / (1 - p)) : 0.0F;
        if (out[i] != expected)
          FAIL_CHECK("p " << p << " element " << i << ": " << out[i] << ", expected " << expected);
      }
    }
  }
}

TEST_CASE("dropout draws by memory order, and its gradient has the same mask whatever the layout of g") {
  const Shape shape{3, 5, 4, 6};
  for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
    Tensor x = contiguous(ones(shape), layout).detach().set_requires_grad(true);
    const Tensor y = dropout(x, 0.4, key_of(1));
    CHECK(y.is_channels_last() == (layout == Layout::kChannelsLast));
    RandomStream stream(key_of(1));
    for (int64_t i = 0; i < y.numel(); ++i) {
      CHECK((y.data<float>()[i] != 0) == (static_cast<double>(stream.uniform()) >= 0.4));
    }
    for (const Layout other : {Layout::kRowMajor, Layout::kChannelsLast}) {
      const Tensor g = contiguous(cast(values(shape, 1, 2, 62), DType::kFloat32), other);
      const std::vector<float> dx = grad({y}, {x}, {g}, true)[0].to_vector<float>();
      const std::vector<float> kept = y.detach().to_vector<float>();
      const std::vector<float> gv = g.to_vector<float>();
      for (size_t i = 0; i < dx.size(); ++i) CHECK(dx[i] == Approx(kept[i] * gv[i]));
    }
  }
}

TEST_CASE("dropout's share and mean are right, and streams differ") {
  const Tensor x = ones({64, 9216});
  const Tensor y = dropout(x, 0.25, key_of(2));
  const double n = static_cast<double>(x.numel());
  const double kept = sum(cast(y, DType::kBool)).item() / n;
  CHECK(std::abs(kept - 0.75) < 4 * std::sqrt(0.25 * 0.75 / n));
  CHECK(mean(y).item() == Approx(1).margin(3e-3));
  CHECK(y.to_vector<float>() == dropout(x, 0.25, key_of(2)).to_vector<float>());
  CHECK(y.to_vector<float>() != dropout(x, 0.25, key_of(3)).to_vector<float>());
}

TEST_CASE("softmax and dropout errors") {
  CHECK_THROWS_AS(softmax(values({2, 3}), 2), Error);
  CHECK_THROWS_AS(softmax(cast(values({2, 3}), DType::kInt64), 1), Error);
  try {
    dropout(values({2}), 1.5, key_of(0));
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kConfig);
    CHECK(e.message == "dropout expects a probability from 0 to 1, got 1.5");
  }
}

}  // namespace
}  // namespace dlb::testing
