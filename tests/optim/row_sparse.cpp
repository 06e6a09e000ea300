// Optimizers on row-sparse gradients: the rows they have, nothing else.
#include "dlb/tensor/row_sparse.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/backend/cpu/install.h"
#include "dlb/ops/create.h"
#include "dlb/optim/optimizer.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::unique_ptr<optim::Optimizer> make(const std::string& text) {
  return golden::make(golden::Json::parse(text), optim::optimizer_types());
}

optim::Param table_of(std::vector<double> values, int64_t rows) {
  const auto n = static_cast<int64_t>(values.size());
  optim::Param p{"table", Tensor::from(values, {rows, n / rows})};
  p.value.set_requires_grad(true);
  return p;
}
void set_rows(const optim::Param& p, std::vector<int64_t> index, std::vector<double> rows) {
  const auto n = static_cast<int64_t>(index.size());
  p.value.set_grad(
      make_row_sparse(p.value.shape(), Tensor::from(index, {n}), Tensor::from(rows, {n, p.value.dim(1)})));
}
std::vector<double> values(const optim::Param& p) { return p.value.to_vector<double>(); }

}  // namespace

TEST_CASE("sgd moves the rows of the gradient, repeated ones by their sum") {
  backend::cpu::install();
  const auto sgd = make(R"({"sgd": {"lr": 1, "weight_decay": 0.5}})");
  const optim::Param p = table_of({1, 2, 3, 4, 5, 6}, 3);
  sgd->attach({p});
  set_rows(p, {2, 0, 2}, {1, 1, 10, 20, 2, 3});
  sgd->step(0.1, 2);
  // w - 0.1 (2 g + 0.5 w), row 1 left alone.
  const std::vector<double> want = {1 - 0.1 * (20 + 0.5), 2 - 0.1 * (40 + 1.0), 3, 4,
                                    5 - 0.1 * (6 + 2.5),  6 - 0.1 * (8 + 3.0)};
  const auto got = values(p);
  for (size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-14));
}

TEST_CASE("adam leaves rows without a gradient and their state, as PyTorch's SparseAdam") {
  backend::cpu::install();
  const auto adam = make(R"({"adam": {"lr": 0.1, "eps": 0.01}})");
  const optim::Param p = table_of({1, 2, 3}, 3);
  adam->attach({p});
  double w = 1, w2 = 3, m = 0, v = 0, m2 = 0, v2 = 0;
  const auto update = [](double& x, double& mean, double& square, double g, int t) {
    mean += 0.1 * (g - mean);
    square = 0.999 * square + 0.001 * g * g;
    const double step = 0.1 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t));
    x -= step * mean / (std::sqrt(square) + 0.01);
  };
  set_rows(p, {0}, {0.5});
  adam->step(0.1, 1);
  update(w, m, v, 0.5, 1);
  set_rows(p, {2, 0}, {-1, 0.25});
  adam->step(0.1, 1);
  update(w, m, v, 0.25, 2);
  update(w2, m2, v2, -1, 2);
  set_rows(p, {2}, {3});
  adam->step(0.1, 1);
  update(w2, m2, v2, 3, 3);
  const auto got = values(p);
  CHECK(got[0] == Approx(w).epsilon(1e-13));
  CHECK(got[1] == 2);
  CHECK(got[2] == Approx(w2).epsilon(1e-13));
}

TEST_CASE("adagrad adds up the squares of the rows it sees, as PyTorch does of sparse gradients") {
  backend::cpu::install();
  const auto adagrad = make(R"({"adagrad": {"lr": 0.5, "lr_decay": 0.5, "eps": 0.01}})");
  const optim::Param p = table_of({1, 2, 3}, 3);
  adagrad->attach({p});
  set_rows(p, {2, 0, 2}, {1, 3, 1});
  adagrad->step(0.5, 1);
  set_rows(p, {2}, {-4});
  adagrad->step(0.5, 1);
  const auto got = values(p);
  CHECK(got[0] == Approx(1 - 0.5 * 3 / 3.01).epsilon(1e-14));
  CHECK(got[1] == 2);
  CHECK(got[2] == Approx(3 - 0.5 * 2 / 2.01 + 0.5 / 1.5 * 4 / (std::sqrt(20.0) + 0.01)).epsilon(1e-14));
}

TEST_CASE("optimizers that touch every row refuse row-sparse gradients by name") {
  backend::cpu::install();
  std::vector<std::string> texts = {R"({"sgd": {"lr": 1, "momentum": 0.9}})"};
  for (const auto& type : optim::optimizer_types()) {
    const bool takes = type.name == "sgd" || type.name == "adam" || type.name == "adamw" ||
                       type.name == "adagrad" || type.name == "lbfgs";
    if (!takes) texts.push_back("{\"" + type.name + "\": {}}");
  }
  for (const std::string& text : texts) {
    INFO(text);
    const auto o = make(text);
    const optim::Param p = table_of({1, 2}, 2);
    o->attach({p});
    set_rows(p, {0}, {1});
    CHECK_THROWS_WITH(o->step(1, 1), Catch::Contains("cannot use the row-sparse gradient of 'table'"));
    CHECK(values(p) == std::vector<double>{1, 2});
  }
}

TEST_CASE("clipping counts row-sparse gradients") {
  backend::cpu::install();
  const optim::Param p = table_of({0, 0, 0, 0}, 4);
  set_rows(p, {3, 1, 3}, {1, 4, 2});
  CHECK(optim::grad_norm(std::vector<optim::Param>{p}) == Approx(5));  // rows 4 and 1 + 2
  optim::clip_grad_value(std::vector<optim::Param>{p}, 2.5);
  REQUIRE(p.value.grad().is_row_sparse());
  CHECK(to_dense(p.value.grad()).to_vector<double>() == std::vector<double>{0, 2.5, 0, 2.5});
}

TEST_CASE("a gradient without rows changes nothing") {
  backend::cpu::install();
  const auto sgd = make(R"({"sgd": {"lr": 1}})");
  const optim::Param p = table_of({1, 2}, 2);
  sgd->attach({p});
  set_rows(p, {}, {});
  sgd->step(1, 1);
  CHECK(values(p) == std::vector<double>{1, 2});
  CHECK(optim::grad_norm(std::vector<optim::Param>{p}) == 0);
}
