// Layers with random numbers: their distributions, that they repeat, and that evaluation leaves them alone.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/layer.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"
#include "support/golden.h"

using namespace dlb;

namespace {

struct Run {
  std::unique_ptr<nn::Layer> layer;
  explicit Run(const char* text, const std::vector<Tensor>& inputs)
      : layer(golden::make(golden::Json::parse(text), nn::layer_types())) {
    backend::cpu::install();
    std::vector<TensorSpec> specs;
    for (const Tensor& x : inputs) specs.push_back(make_spec(x.shape(), x.dtype(), kMeta));
    nn::Build b(specs);
    layer->build(b);
  }
  Tensor operator()(const std::vector<Tensor>& inputs, uint64_t step = 0, bool training = true) const {
    nn::Context c;
    c.training = training;
    c.seed = 5;
    c.step = step;
    return layer->run(c, inputs)[0];
  }
};

double number(const Tensor& x) { return x.item(); }
double deviation(const Tensor& x) { return number(std_deviation(x)); }
RngKey key() { return {1, RngPurpose::kUser, 0, 0}; }

void check_repeats(const Run& run, const std::vector<Tensor>& x) {
  CHECK(run(x, 3).to_vector<float>() == run(x, 3).to_vector<float>());
  CHECK(run(x, 3).to_vector<float>() != run(x, 4).to_vector<float>());
}

}  // namespace

TEST_CASE("random_normal and random_uniform have a row for each of the input's") {
  backend::cpu::install();
  const std::vector<Tensor> x = {zeros({400, 3})};
  const Run n(R"({"random_normal": {"shape": [50], "mean": 2, "std": 3}})", x);
  const Tensor y = n(x, 0, false);
  CHECK(y.shape() == Shape{400, 50});
  CHECK(number(mean(y)) == Approx(2).margin(0.1));
  CHECK(deviation(y) == Approx(3).margin(0.1));
  check_repeats(n, x);
  const Run u(R"({"random_uniform": {"shape": [5, 10], "low": -1, "high": 3}})", x);
  const Tensor z = u(x);
  CHECK(z.shape() == Shape{400, 5, 10});
  CHECK(number(amin(z)) >= -1);
  CHECK(number(amax(z)) < 3);
  CHECK(number(mean(z)) == Approx(1).margin(0.05));
  check_repeats(u, x);
}

TEST_CASE("gaussian_noise while training") {
  backend::cpu::install();
  const std::vector<Tensor> x = {full({200, 100}, 4)};
  const Run noise(R"({"gaussian_noise": 0.5})", x);
  CHECK(same(noise(x, 0, false), x[0]));
  CHECK(number(mean(noise(x))) == Approx(4).margin(0.02));
  CHECK(deviation(noise(x)) == Approx(0.5).margin(0.01));
  check_repeats(noise, x);
}

TEST_CASE("reparameterize samples mu + exp(logvar / 2) n, with gradients to both") {
  backend::cpu::install();
  Tensor mu = full({300, 100}, -1), logvar = full({300, 100}, std::log(0.25));
  mu.set_requires_grad(true);
  logvar.set_requires_grad(true);
  const Run layer(R"({"reparameterize": {}})", {mu, logvar});
  const Tensor y = layer({mu, logvar});
  CHECK(number(mean(y)) == Approx(-1).margin(0.02));
  CHECK(deviation(y) == Approx(0.5).margin(0.01));
  backward(sum(y));
  CHECK(number(amin(mu.grad())) == 1);
  // d y / d logvar = (y - mu) / 2
  CHECK(golden::difference(logvar.grad(), mul(sub(y, mu), 0.5).to_vector<double>(), 1e-5, 1e-6) == "");
  CHECK(same(layer({mu, logvar}, 0, false), mu));
  CHECK(deviation(Run(R"({"reparameterize": true})", {mu, logvar})({mu, logvar}, 0, false)) > 0.4);
}

TEST_CASE("gumbel_softmax picks classes with the probabilities of softmax") {
  backend::cpu::install();
  const Tensor logits =
      add(zeros({20000, 3}),
          Tensor::from(std::vector<float>{std::log(0.1F), std::log(0.2F), std::log(0.7F)}, {3}));
  const Run hard(R"({"gumbel_softmax": {"hard": true, "tau": 0.7}})", {logits});
  const Tensor y = hard({logits});
  const auto share = mean(y, {0}).to_vector<double>();
  CHECK(share[0] == Approx(0.1).margin(0.01));
  CHECK(share[1] == Approx(0.2).margin(0.01));
  CHECK(share[2] == Approx(0.7).margin(0.01));
  CHECK(number(amax(y)) == 1);
  check_repeats(hard, {logits});
}

TEST_CASE("rrelu draws its slopes while training") {
  backend::cpu::install();
  const std::vector<Tensor> x = {full({200, 100}, -1)};
  const Run layer(R"({"rrelu": {"lower": 0.2, "upper": 0.6}})", x);
  const Tensor y = layer(x);
  CHECK(number(amin(y)) > -0.6);
  CHECK(number(amax(y)) <= -0.2);
  CHECK(number(mean(y)) == Approx(-0.4).margin(0.01));
  check_repeats(layer, x);
}

TEST_CASE("kinds of dropout while training") {
  backend::cpu::install();
  const std::vector<Tensor> x = {full({100, 60, 3, 4}, 1)};
  for (const char* text : {R"({"dropout2d": 0.25})", R"({"feature_dropout": 0.25})"}) {
    const Run layer(text, x);
    const Tensor y = layer(x);
    CHECK(number(mean(y)) == Approx(1).margin(0.05));
    // A channel is dropped as a whole.
    CHECK(number(amax(sub(amax(y, {2, 3}), amin(y, {2, 3})))) == 0);
    check_repeats(layer, x);
  }
  const Run path(R"({"drop_path": 0.5})", x);
  const Tensor samples = path(x);
  CHECK(number(amax(sub(amax(samples, {1, 2, 3}), amin(samples, {1, 2, 3})))) == 0);
  CHECK(number(mean(samples)) == Approx(1).margin(0.25));
  const std::vector<Tensor> n = {normal({300, 200}, 0, 1, key())};
  const Run alpha(R"({"alpha_dropout": 0.3})", n);
  CHECK(number(mean(alpha(n))) == Approx(0).margin(0.02));
  CHECK(deviation(alpha(n)) == Approx(1).margin(0.02));
  const std::vector<Tensor> channels = {normal({300, 200, 2}, 0, 1, key())};
  CHECK(deviation(Run(R"({"feature_alpha_dropout": 0.3})", channels)(channels)) == Approx(1).margin(0.03));
}

TEST_CASE("fractional_max_pool has windows at random distances") {
  backend::cpu::install();
  const std::vector<Tensor> x = {normal({2, 3, 9, 8}, 0, 1, key())};
  const Run size(R"({"fractional_max_pool2d": {"kernel": 2, "output": [5, 6]}})", x);
  CHECK(size(x).shape() == Shape{2, 3, 5, 6});
  check_repeats(size, x);
  const Run ratio(R"({"fractional_max_pool2d": {"kernel": 2, "ratio": 0.5}})", x);
  CHECK(ratio(x).shape() == Shape{2, 3, 4, 4});
  CHECK(number(amax(ratio(x))) <= number(amax(x[0])));
  const std::vector<Tensor> v = {normal({1, 2, 6, 6, 6}, 0, 1, key())};
  CHECK(Run(R"({"fractional_max_pool3d": {"kernel": 2, "output": 3}})", v)(v).shape() ==
        Shape{1, 2, 3, 3, 3});
}
