// Losses of any number of predictions and targets against PyTorch: mean and gradients, also without data.
#include <catch2/catch.hpp>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/loss.h"
#include "dlb/ops/create.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::vector<Tensor> tensors(const golden::Json& list, DType dtype, bool gradients) {
  std::vector<Tensor> all;
  for (const auto& packed : list) {
    all.push_back(golden::tensor(packed, dtype));
    if (gradients && is_floating(all.back().dtype())) all.back().set_requires_grad(true);
  }
  return all;
}

std::vector<Tensor> without_data(const std::vector<Tensor>& list) {
  std::vector<Tensor> all;
  for (const Tensor& t : list) all.push_back(Tensor::empty(t.shape(), t.dtype(), kMeta));
  return all;
}

void check_case(const golden::Json& c, DType dtype, double rtol, double atol) {
  INFO(c["loss"].dump() << " " << dtype_name(dtype));
  const auto loss = golden::make(c["loss"], nn::loss_types());
  const std::vector<Tensor> x = tensors(c["predictions"], dtype, true),
                            t = tensors(c["targets"], dtype, false);
  CHECK((loss->predictions().first <= static_cast<int>(x.size()) &&
         static_cast<int>(x.size()) <= loss->predictions().second));
  CHECK((loss->targets().first <= static_cast<int>(t.size()) &&
         static_cast<int>(t.size()) <= loss->targets().second));
  const LossSum shapes = loss->evaluate(without_data(x), without_data(t));
  CHECK(shapes.sum.is_meta());
  CHECK(shapes.sum.rank() == 0);
  const Tensor mean = mean_loss(loss->evaluate(x, t));
  CHECK(mean.item() == Approx(c["mean"].get<double>()).epsilon(rtol).margin(atol));
  backward(mean);
  for (size_t i = 0; i < x.size(); ++i) {
    if (!c["grads"][i].is_null()) CHECK(golden::difference(x[i].grad(), c["grads"][i], rtol, atol) == "");
  }
}

std::string message(const char* text, const std::vector<Tensor>& x, const std::vector<Tensor>& t) {
  try {
    golden::make(golden::Json::parse(text), nn::loss_types())->evaluate(x, t);
  } catch (const Error& e) {
    return std::string(kind_name(e.kind)) + ": " + e.message;
  }
  return "no error";
}

}  // namespace

TEST_CASE("losses of several predictions agree with PyTorch") {
  backend::cpu::install();
  const golden::Json document = golden::load("losses_many.json");
  for (const auto& c : document["cases"]) {
    check_case(c, DType::kFloat64, 1e-9, 1e-10);
    check_case(c, DType::kFloat32, 1e-4, 1e-5);
  }
}

TEST_CASE("losses say what they need") {
  backend::cpu::install();
  const Tensor a = zeros({4, 3}), b = zeros({4, 2}), v = zeros({4});
  CHECK(message(R"({"info_nce": {}})", {a, b}, {}) ==
        "shape: info_nce needs predictions of one shape, got [4, 3] and [4, 2]");
  CHECK(message(R"({"nt_xent": {}})", {v, v}, {}) == "shape: nt_xent expects predictions [N, D], got [4]");
  CHECK(message(R"({"triplet_margin": {}})", {a, a, b}, {}) ==
        "shape: triplet_margin needs predictions of one shape, got [4, 3] and [4, 2]");
  CHECK(message(R"({"kl_normal": {}})", {a, b}, {}) ==
        "shape: kl_normal needs predictions of one shape, got [4, 3] and [4, 2]");
  CHECK(message(R"({"cosine_embedding": {}})", {a, a}, {zeros({3})}) ==
        "shape: cosine_embedding expects target [4], got [3]");
  CHECK(message(R"({"ctc": {}})", {a}, {a}) == "shape: ctc expects logits [N, T, C], got [4, 3]");
  CHECK(message(R"({"ctc": {}})", {zeros({4, 5, 3})}, {v}) == "shape: ctc expects targets [4, S], got [4]");
  CHECK(message(R"({"cross_entropy": {"class_dim": -1}})", {zeros({2, 5, 3})},
                {zeros({2, 3}, DType::kInt64)}) ==
        "shape: cross_entropy expects target [2, 5] for input [2, 5, 3], got [2, 3]");
}
