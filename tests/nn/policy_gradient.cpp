#include "dlb/nn/policy_gradient.h"

#include <catch2/catch.hpp>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/io/safetensors.h"

using namespace dlb;

namespace {

void compare(const Tensor& actual, const Tensor& expected) {
  const auto a = actual.to_vector<double>(), b = expected.to_vector<double>();
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).margin(2e-6));
}

}  // namespace

TEST_CASE("policy gradient has the value and the gradients of PyTorch's distribution") {
  backend::cpu::install();
  const io::Safetensors file =
      io::read_safetensors(std::string(DLB_SOURCE_DIR) + "/tests/golden/phases.safetensors");
  const auto tensor = [&](const std::string& name) { return *file.find("policy." + name); };
  const std::vector<Tensor> targets = {tensor("action"), tensor("returns")};
  for (const std::string name : {"plain", "full"}) {
    nn::PolicyGradient loss;
    Tensor scores = tensor("scores").detach(), value = tensor("value").detach();
    scores.set_requires_grad(true);
    value.set_requires_grad(true);
    const std::vector<Tensor> both = {scores, value};
    if (name == "plain") {
      loss.normalize = false;
    } else {
      loss.entropy = 0.03;
      loss.value = 0.4;
    }
    const Inputs in = Inputs(both).first(name == "plain" ? 1 : 2);
    const Tensor mean = mean_loss(loss.evaluate(in, targets));
    backward(mean);
    CHECK(mean.item() == Approx(tensor(name + ".loss").item()).epsilon(1e-5));
    compare(scores.grad(), tensor(name + ".scores_grad"));
    if (in.size() > 1) compare(value.grad(), tensor(name + ".value_grad"));
  }
}

TEST_CASE("policy gradient refuses shapes that do not go together") {
  backend::cpu::install();
  const nn::PolicyGradient loss;
  const auto report = [&](Shape scores, Shape action, Shape value) {
    const std::vector<Tensor> in = {Tensor::empty(std::move(scores)), Tensor::empty(std::move(value))};
    const std::vector<Tensor> targets = {Tensor::empty(action, DType::kInt64), Tensor::empty(action)};
    try {
      loss.evaluate(in, targets);
    } catch (const Error& e) {
      return e.message;
    }
    return std::string();
  };
  CHECK(report({3}, {3}, {3}) == "policy_gradient needs scores [N, actions], got [3]");
  CHECK(report({3, 2}, {4}, {3}) ==
        "policy_gradient needs action and return [3] to the scores [3, 2], got [4] and [4]");
  CHECK(report({3, 2}, {3}, {3, 2}) ==
        "policy_gradient needs a value [3] or [3, 1] for each of the scores, got [3, 2]");
}
