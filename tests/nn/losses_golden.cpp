// Every loss against PyTorch: mean and gradient; accumulation over micro-batches; refusal to broadcast.
#include <catch2/catch.hpp>
#include <set>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/loss.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "support/golden.h"

using namespace dlb;

namespace {

void check_case(const golden::Json& c, DType dtype, double rtol, double atol) {
  INFO(c["loss"].dump() << " " << dtype_name(dtype));
  const auto loss = golden::make(c["loss"], nn::loss_types());
  Tensor x = golden::tensor(c["prediction"], dtype);
  x.set_requires_grad(true);
  const Tensor mean = mean_loss(loss->compute(x, golden::tensor(c["target"], dtype)));
  CHECK(mean.rank() == 0);
  CHECK(mean.item() == Approx(c["mean"].get<double>()).epsilon(rtol).margin(atol));
  backward(mean);
  CHECK(golden::difference(x.grad(), c["grad"], rtol, atol) == "");
}

std::unique_ptr<nn::Loss> make(const char* text) {
  return golden::make(golden::Json::parse(text), nn::loss_types());
}

std::string message(const nn::Loss& loss, const Tensor& prediction, const Tensor& target) {
  try {
    loss.compute(prediction, target);
  } catch (const Error& e) {
    return e.report();
  }
  return "no error";
}

}  // namespace

TEST_CASE("losses agree with PyTorch") {
  backend::cpu::install();
  std::set<std::string> seen = {"policy_gradient"};  // tests/train has it in use
  const golden::Json document = golden::load("losses.json");
  for (const auto& c : document["cases"]) {
    seen.insert(c["loss"].begin().key());
    check_case(c, DType::kFloat64, 1e-9, 1e-10);
    check_case(c, DType::kFloat32, 1e-5, 1e-6);
  }
  const golden::Json others = golden::load("losses_many.json");
  for (const auto& c : others["cases"]) seen.insert(c["loss"].begin().key());
  for (const auto& type : nn::loss_types()) CHECK(seen.count(type.name) == 1);
}

TEST_CASE("sums and counts of micro-batches add up to the whole batch") {
  backend::cpu::install();
  const golden::Json document = golden::load("losses.json");
  for (const auto& c : document["cases"]) {
    INFO(c["loss"].dump());
    const auto loss = golden::make(c["loss"], nn::loss_types());
    const Tensor x = golden::tensor(c["prediction"], DType::kFloat64),
                 t = golden::tensor(c["target"], DType::kFloat64);
    double sum = 0, count = 0;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, x.dim(0)}}) {
      const LossSum part = loss->compute(slice(x, 0, begin, end), slice(t, 0, begin, end));
      sum += part.sum.item();
      count += part.count.item();
    }
    CHECK(sum / count == Approx(c["mean"].get<double>()).epsilon(1e-9));
  }
}

TEST_CASE("regression losses refuse to broadcast, with the remedy") {
  backend::cpu::install();
  for (const char* text : {R"({"mse": {}})", R"({"l1": {}})", R"({"huber": {}})", R"({"smooth_l1": {}})",
                           R"({"bce_with_logits": {}})"}) {
    const auto loss = make(text);
    const std::string report = message(*loss, zeros({4, 1}), zeros({4}));
    CHECK_THAT(report, Catch::Contains("prediction and target of equal shape, got [4, 1] and [4]") &&
                           Catch::Contains("- squeeze: -1"));
    CHECK_THAT(message(*loss, zeros({4, 2}), zeros({4})), !Catch::Contains("squeeze"));
  }
}

TEST_CASE("targets take the prediction's type") {
  backend::cpu::install();
  const auto loss = make(R"({"mse": {}})");
  const Tensor target = Tensor::from(std::vector<int64_t>{1, 2, 4}, {3});
  const LossSum l = loss->compute(full({3}, 2.0), target);
  CHECK(l.sum.item() == 5.0);
  CHECK(l.count.item() == 3.0);
}

TEST_CASE("lists of class weights must fit the model") {
  backend::cpu::install();
  const Tensor target = Tensor::from(std::vector<int64_t>{0, 1}, {2});
  const std::string expected = "cross_entropy.weight has 3 numbers, the model predicts 4 classes";
  CHECK_THAT(message(*make(R"({"cross_entropy": {"weight": [1, 2, 3]}})"), zeros({2, 4}), target),
             Catch::Contains(expected));
  CHECK_THAT(
      message(*make(R"({"bce_with_logits": {"pos_weight": [1, 2, 3]}})"), zeros({2, 4}), zeros({2, 4})),
      Catch::Contains("pos_weight has 3 numbers, the prediction is [2, 4]"));
}

TEST_CASE("losses work on meta tensors") {
  backend::cpu::install();
  const Tensor prediction = Tensor::empty({8, 4}, DType::kFloat32, kMeta);
  const Tensor target = Tensor::empty({8}, DType::kInt64, kMeta);
  const LossSum l = make(R"({"cross_entropy": {"weight": [1, 2, 3, 4]}})")->compute(prediction, target);
  CHECK(l.sum.is_meta());
  CHECK(l.sum.rank() == 0);
}
