// What all optimizers share: groups, missing gradients, layouts, threads, norms, averages.
#include "dlb/optim/optimizer.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/threads.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/optim/average.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::unique_ptr<optim::Optimizer> make(const std::string& text) {
  return golden::make(golden::Json::parse(text), optim::optimizer_types());
}

optim::Param param(const std::string& name, Tensor value) {
  value.set_requires_grad(true);
  return {name, std::move(value)};
}

Tensor noise(Shape shape, uint32_t index) {
  return normal(std::move(shape), 0, 1, {11, RngPurpose::kUser, 0, index});
}

std::string attach_error(const std::string& text, std::vector<optim::Param> params) {
  try {
    make(text)->attach(std::move(params));
  } catch (const Error& e) {
    return e.report();
  }
  return "no error";
}

}  // namespace

TEST_CASE("patterns of parameter names") {
  CHECK(optim::matches("*.bias", "conv2d_1.bias"));
  CHECK_FALSE(optim::matches("*.bias", "conv2d_1.bias2"));
  CHECK(optim::matches("conv2d_?.weight", "conv2d_1.weight"));
  CHECK_FALSE(optim::matches("conv2d_?.weight", "conv2d_12.weight"));
  CHECK(optim::matches("*", ""));
  CHECK(optim::matches("*a*b*", "xxaxxabx"));
  CHECK_FALSE(optim::matches("", "a"));
  CHECK_FALSE(optim::matches("residual_1.*.weight", "residual_1.weight"));
  const std::string many(200, 'a');
  CHECK_FALSE(optim::matches("*a*a*a*a*a*a*a*a*a*a*b", many));
}

TEST_CASE("groups: the first match wins, settings replace the optimizer's") {
  backend::cpu::install();
  const auto o = make(R"({"sgd": {"lr": 1, "weight_decay": 0.5, "groups": [
      {"match": "*.bias", "weight_decay": 0}, {"match": ["head.*"], "lr_scale": 10}]}})");
  o->attach(
      {param("body.weight", ones({2})), param("head.weight", ones({2})), param("head.bias", ones({2}))});
  CHECK(o->params()[0].weight_decay == -1);
  CHECK(o->params()[1].lr_scale == 10);
  CHECK(o->params()[2].weight_decay == 0);
  CHECK(o->params()[2].lr_scale == 1);
  for (const auto& p : o->params()) p.value.set_grad(ones({2}));
  o->step(0.1, 1);
  CHECK(o->params()[0].value.to_vector<float>()[0] == Approx(1 - 0.1 * 1.5));
  CHECK(o->params()[1].value.to_vector<float>()[0] == Approx(1 - 1.0 * 1.5));
  CHECK(o->params()[2].value.to_vector<float>()[1] == Approx(1 - 0.1));
}

TEST_CASE("wrong groups are errors at their place, all together") {
  backend::cpu::install();
  const std::string report = attach_error(
      R"({"adam": {"groups": [{"match": "heads.*"}, {"lr_scale": 2}, {"match": "*", "lr": 1}, {"match": "*", "lr_scale": -1}]}})",
      {param("body.weight", ones({2})), param("head.bias", ones({2}))});
  CHECK_THAT(report, Catch::Contains("no parameter is named 'heads.*'") && Catch::Contains("'body.weight'") &&
                         Catch::Contains("missing required key 'match'") &&
                         Catch::Contains("unknown key 'lr'") && Catch::Contains("lr_scale"));
  CHECK_THAT(attach_error(R"({"adam": {"groups": {"match": "*"}}})", {}),
             Catch::Contains("groups is a list of"));
  CHECK_THAT(attach_error(R"({"sgd": {"nesterov": true}})", {}),
             Catch::Contains("sgd.nesterov needs momentum above 0"));
  CHECK_THAT(attach_error(R"({"adam": {}})", {{"w", zeros({2}, DType::kBFloat16)}}),
             Catch::Contains("'w' is bfloat16"));
}

TEST_CASE("a parameter without gradient is left, others move") {
  backend::cpu::install();
  const auto o = make(R"({"adamw": {"weight_decay": 0.1}})");
  o->attach({param("a", ones({3})), param("b", ones({3}))});
  o->params()[1].value.set_grad(ones({3}));
  o->step(0.1, 1);
  CHECK(o->params()[0].value.to_vector<float>() == std::vector<float>(3, 1.0F));
  CHECK(o->params()[1].value.to_vector<float>()[0] < 1.0F);
  CHECK(o->params()[1].value.version() > 0);
}

TEST_CASE("gradients of another memory order are read as what they are") {
  backend::cpu::install();
  const auto o = make(R"({"sgd": {}})");
  o->attach({param("w", zeros({2, 3, 4, 5}))});
  const Tensor g = noise({2, 3, 4, 5}, 1);
  o->params()[0].value.set_grad(contiguous(g, Layout::kChannelsLast));
  o->step(1, -1);
  CHECK(o->params()[0].value.to_vector<float>() == g.to_vector<float>());
  CHECK(optim::grad_norm(o->params()) == [&] {
    o->params()[0].value.set_grad(g);
    return optim::grad_norm(o->params());
  }());
}

TEST_CASE("state tensors have stable names and are live") {
  backend::cpu::install();
  const auto o = make(R"({"adam": {"amsgrad": true}})");
  o->attach({param("a.weight", ones({3})), param("b.weight", ones({2, 2}))});
  std::vector<std::string> names;
  for (const auto& s : o->state()) names.push_back(s.name);
  CHECK(names == std::vector<std::string>{"exp_avg/a.weight", "exp_avg/b.weight", "exp_avg_sq/a.weight",
                                          "exp_avg_sq/b.weight", "max_exp_avg_sq/a.weight",
                                          "max_exp_avg_sq/b.weight"});
  o->params()[0].value.set_grad(ones({3}));
  o->step(0.1, 1);
  CHECK(o->state()[0].value.to_vector<float>()[0] == Approx(0.1));
  CHECK(make(R"({"sgd": {}})")->state().empty());
}

TEST_CASE("saved state goes on bit for bit") {
  backend::cpu::install();
  std::vector<std::string> texts = {
      R"({"sgd": {"momentum": 0.9, "dampening": 0.5}})", R"({"adamw": {"amsgrad": true}})",
      R"({"rmsprop": {"centered": true, "momentum": 0.9}})", R"({"asgd": {"t0": 1, "lambd": 0.1}})"};
  for (const auto& type : optim::optimizer_types()) {
    if (type.name != "lbfgs") texts.push_back("{\"" + type.name + "\": {}}");
  }
  for (const std::string& text : texts) {
    INFO(text);
    const auto whole = make(text);
    whole->attach({param("w", noise({5, 10}, 0)), param("b", noise({50}, 1))});
    auto part = make(text);
    part->attach({param("w", noise({5, 10}, 0)), param("b", noise({50}, 1))});
    for (uint32_t step = 0; step < 6; ++step) {
      if (step == 3) {
        auto fresh = make(text);
        fresh->attach({param("w", noise({5, 10}, 9)), param("b", noise({50}, 9))});
        for (size_t i = 0; i < 2; ++i) fresh->params()[i].value.assign(part->params()[i].value.detach());
        const auto from = part->state(), to = fresh->state();
        for (size_t i = 0; i < from.size(); ++i) to[i].value.assign(from[i].value);
        fresh->set_steps(part->steps());
        part = std::move(fresh);
      }
      for (auto* o : {whole.get(), part.get()}) {
        o->params()[0].value.set_grad(noise({5, 10}, 100 + step));
        o->params()[1].value.set_grad(noise({50}, 200 + step));
        o->step(0.05, 1);
      }
    }
    for (size_t i = 0; i < 2; ++i)
      CHECK(whole->params()[i].value.to_vector<float>() == part->params()[i].value.to_vector<float>());
  }
}

TEST_CASE("updates and norms have the same bits for any number of threads") {
  backend::cpu::install();
  const int before = threads();
  for (const auto& type : optim::optimizer_types()) {
    INFO(type.name);
    std::vector<std::vector<float>> results;
    std::vector<double> norms;
    // The matrix products of muon may differ in their last bits.
    if (type.name == "lbfgs" || type.name == "muon") continue;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      const auto o = make("{\"" + type.name + "\": {}}");
      o->attach({param("a", noise({1003, 100}, 0)), param("b", noise({7}, 1)), param("c", noise({0}, 2)),
                 param("d", noise({40001}, 3))});
      for (uint32_t step = 0; step < 3; ++step) {
        for (uint32_t i = 0; i < 4; ++i)
          o->params()[i].value.set_grad(noise(o->params()[i].value.shape(), 10 + 4 * step + i));
        norms.push_back(optim::grad_norm(o->params()));
        o->step(0.01, 0.5);
      }
      results.push_back(o->params()[0].value.to_vector<float>());
      const auto last = o->params()[3].value.to_vector<float>();
      results.back().insert(results.back().end(), last.begin(), last.end());
    }
    set_threads(before);
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
    for (size_t i = 0; i < 3; ++i) {
      CHECK(norms[i] == norms[i + 3]);
      CHECK(norms[i] == norms[i + 6]);
    }
  }
}

TEST_CASE("norm and clipping of gradients") {
  backend::cpu::install();
  std::vector<optim::Param> params = {param("a", zeros({20000})), param("b", zeros({3})),
                                      param("c", zeros({2}))};
  params[0].value.set_grad(full({20000}, 0.5));
  params[1].value.set_grad(Tensor::from(std::vector<float>{3, -4, 12}, {3}));
  CHECK(optim::grad_norm(params) == Approx(std::sqrt(20000 * 0.25 + 169)).epsilon(1e-12));
  optim::clip_grad_value(params, 3.5);
  CHECK(params[1].value.grad().to_vector<float>() == std::vector<float>{3, -3.5, 3.5});
  CHECK_FALSE(params[2].value.grad().defined());
  // Squares that float32 cannot hold.
  params[1].value.set_grad(Tensor::from(std::vector<float>{3e30F, 0, 4e30F}, {3}));
  CHECK(optim::grad_norm(params) == Approx(5e30).epsilon(1e-6));
  params[1].value.set_grad(Tensor::from(std::vector<float>{0, std::nanf(""), 0}, {3}));
  CHECK(std::isnan(optim::grad_norm(params)));
  CHECK(optim::grad_norm({}) == 0);
}

TEST_CASE("the average follows its rule, swaps and swaps back") {
  backend::cpu::install();
  const Tensor value = full({4}, 1.0);
  optim::ParameterAverage average({value}, 0.9);
  double expected = 1, current = 1;
  for (int n = 1; n <= 200; ++n) {
    current = 1 + 0.1 * n;
    value.assign(full({4}, current));
    average.update();
    const double d = std::min(0.9, (1.0 + n) / (10.0 + n));
    expected = d * expected + (1 - d) * static_cast<double>(static_cast<float>(current));
  }
  CHECK(average.updates() == 200);
  CHECK(average.averages()[0].to_vector<float>()[3] == Approx(expected).epsilon(1e-5));
  average.swap();
  CHECK(value.to_vector<float>()[0] == Approx(expected).epsilon(1e-5));
  average.swap();
  CHECK(value.to_vector<float>()[0] == Approx(current));
  CHECK(average.averages()[0].to_vector<float>()[0] == Approx(expected).epsilon(1e-5));
}

TEST_CASE("state of parameters without data takes no memory, but has its size") {
  for (const auto& type : optim::optimizer_types()) {
    INFO(type.name);
    const auto o = make("{\"" + type.name + "\": {}}");
    Tensor value = Tensor::empty({300, 1000000}, DType::kFloat32, kMeta);
    value.set_requires_grad(true);
    o->attach({{"w", value}});
    for (const auto& s : o->state()) CHECK(s.value.is_meta());
  }
}

TEST_CASE("betas may be given as PyTorch writes them") {
  backend::cpu::install();
  for (const char* name : {"adam", "adamw", "adamax", "nadam", "radam", "lamb", "lion"}) {
    INFO(name);
    const auto run = [&](const std::string& options) {
      const auto o = make("{\"" + std::string(name) + "\": {" + options + "}}");
      o->attach({param("w", noise({9}, 0))});
      for (uint32_t step = 0; step < 3; ++step) {
        o->params()[0].value.set_grad(noise({9}, 10 + step));
        o->step(0.1, 1);
      }
      return o->params()[0].value.to_vector<float>();
    };
    CHECK(run(R"("betas": [0.5, 0.7])") == run(R"("beta1": 0.5, "beta2": 0.7)"));
    CHECK(run(R"("betas": [0.5, 0.7])") != run(""));
    CHECK_THROWS_WITH(make("{\"" + std::string(name) + "\": {\"betas\": [0.5]}}"), Catch::Contains("betas"));
  }
}
