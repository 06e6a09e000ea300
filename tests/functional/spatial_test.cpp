// What the reference vectors cannot hold: running statistics, random masks and places, messages.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/functional/function.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {
namespace {

Tensor run(std::string_view name, const std::vector<Value>& args, const NamedValues& named = {}) {
  return call(name, args, named).as<Tensor>();
}

Tensor noise(const Shape& shape) { return normal(shape, 1, 2, {.seed = 3}, DType::kFloat64); }

std::string error_of(std::string_view name, const std::vector<Value>& args, const NamedValues& named = {}) {
  try {
    call(name, args, named);
  } catch (const Error& e) {
    return e.message;
  }
  return "no error";
}

void check_close(const Tensor& got, const Tensor& expected) {
  const std::vector<double> a = got.to_vector<double>();
  const std::vector<double> b = expected.to_vector<double>();
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-12));
}

TEST_CASE("normalisation moves running statistics while training only") {
  const Tensor x = noise({4, 3, 5});
  const auto fresh = [](double v) { return full({3}, v, DType::kFloat64); };
  const Tensor m = fresh(0.5);
  const Tensor v = fresh(2);
  run("batch_norm", {x, m, v}, {{"training", true}, {"momentum", 0.25}});
  check_close(m, affine(mean(x, {0, 2}), 0.25, 0.375));
  check_close(v, affine(var(x, {0, 2}, 1), 0.25, 1.5));
  run("batch_norm", {x, m, v});
  check_close(m, affine(mean(x, {0, 2}), 0.25, 0.375));

  const Tensor im = fresh(0.5);
  const Tensor iv = fresh(2);
  run("instance_norm", {x, im, iv}, {{"momentum", 0.25}});
  check_close(im, affine(mean(x, {0, 2}), 0.25, 0.375));
  check_close(iv, affine(mean(var(x, {2}, 1), {0}), 0.25, 1.5));
}

TEST_CASE("dropout of elements and channels keeps the share and the mean it promises") {
  const Tensor x = ones({40, 50, 6, 5}, DType::kFloat64);
  const NamedValues drop = {{"p", 0.3}, {"training", true}, {"seed", int64_t{4}}};
  for (const char* name : {"dropout", "dropout2d"}) {
    const Tensor y = run(name, {x}, drop);
    const double dropped = mean(cast(eq(y, 0), DType::kFloat64)).item();
    CHECK(dropped == Approx(0.3).margin(0.04));
    CHECK(amax(y).item() == Approx(1 / 0.7));
  }
  const Tensor channels = flatten(run("dropout2d", {x}, drop), 2);
  check_close(amax(channels, {2}), amin(channels, {2}));

  const Tensor z = normal({200, 300}, 0, 1, {.seed = 9}, DType::kFloat64);
  const Tensor y = run("alpha_dropout", {z}, drop);
  CHECK(mean(y).item() == Approx(0).margin(0.02));
  CHECK(var(y).item() == Approx(1).margin(0.03));
  check_close(run("alpha_dropout", {z}), z);
  CHECK(amax(run("feature_alpha_dropout", {x}, {{"p", 1.0}, {"training", true}})).item() == 0);
}

TEST_CASE("fractional max pooling finds the largest of windows that cover the image") {
  const Tensor x = noise({2, 3, 9, 8});
  const Value both = call("fractional_max_pool2d", std::vector<Value>{x, int64_t{3}},
                          {{"output_size", List{int64_t{4}, int64_t{3}}}, {"return_indices", true}});
  const Tensor y = both.as<List>()[0].as<Tensor>();
  const Tensor at = both.as<List>()[1].as<Tensor>();
  REQUIRE(shape_text(y.shape()) == "[2, 3, 4, 3]");
  check_close(flatten(y, 2), gather(flatten(x, 2), 2, flatten(at, 2)));
  // Nothing in a window is larger than what was found: the last window lies in the corner.
  const Tensor corner = slice(slice(x, 2, 6, 9), 3, 5, 8);
  check_close(select(select(y, 2, 3), 2, 2), amax(corner, {2, 3}));
}

TEST_CASE("messages of spatial functions say what was expected") {
  const Tensor x = noise({2, 4, 6, 6});
  const Tensor w = noise({4, 3, 3, 3});
  CHECK(error_of("conv_transpose2d", {x, noise({5, 3, 3, 3})}) ==
        "conv_transpose2d expects input [N, 5, H, W], got [2, 4, 6, 6]");
  CHECK(error_of("conv_transpose2d", {x, w}, {{"output_padding", int64_t{1}}}) ==
        "conv_transpose2d: output_padding 1 must be less than the stride 1 or the dilation 1");
  CHECK(error_of("conv2d", {x, noise({4, 4, 3, 3})},
                 {{"padding", std::string("same")}, {"stride", int64_t{2}}}) ==
        "conv2d: padding 'same' is for stride 1, got [2, 2]");
  CHECK(error_of("interpolate", {x}, {{"size", int64_t{3}}, {"mode", std::string("linear")}}) ==
        "interpolate: mode linear expects an input of rank 3, got [2, 4, 6, 6]");
  CHECK(error_of("max_unpool2d", {x, full({2, 4, 6, 6}, 144, DType::kInt64), int64_t{2}}) ==
        "max_unpool: index 144 is out of range for an output [2, 4, 12, 12]");
  CHECK(error_of("grid_sample", {x, noise({2, 3, 3, 3})}) ==
        "grid_sample of [2, 4, 6, 6] expects a grid [2, H, W, 2], got [2, 3, 3, 3]");
  CHECK(error_of("batch_norm", {noise({1, 3})}, {{"training", true}}) ==
        "batch_norm needs more than one value per channel while training, got input [1, 3]");
  CHECK(error_of("layer_norm", {x, List{int64_t{6}, int64_t{5}}}) ==
        "layer_norm over [6, 5] does not fit input [2, 4, 6, 6]");
}

}  // namespace
}  // namespace dlb::functional
