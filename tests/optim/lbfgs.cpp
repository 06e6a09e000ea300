// L-BFGS against PyTorch's, its state, and what it says of wrong use.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "dlb/backend/cpu/install.h"
#include "dlb/ops/create.h"
#include "dlb/optim/line_search.h"
#include "dlb/optim/optimizer.h"
#include "support/golden.h"

using namespace dlb;

namespace {

using Vector = std::vector<double>;

/// The two functions of make_optim.py, with their gradients by hand.
double logistic(const Vector& rows, const Vector& signs, const Vector& x, Vector& g) {
  double f = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    f += 0.05 * x[i] * x[i];
    g[i] = 0.1 * x[i];
  }
  for (size_t r = 0; r < signs.size(); ++r) {
    const double* a = rows.data() + r * x.size();
    const double z = -signs[r] * std::inner_product(x.begin(), x.end(), a, 0.0);
    f += std::log1p(std::exp(z));
    for (size_t i = 0; i < x.size(); ++i) g[i] += -signs[r] * a[i] / (1 + std::exp(-z));
  }
  return f;
}

double rosenbrock(const Vector& x, Vector& g) {
  double f = 0;
  std::fill(g.begin(), g.end(), 0.0);
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    f += 100 * a * a + b * b;
    g[i] += -400 * a * x[i] - 2 * b;
    g[i + 1] += 200 * a;
  }
  return f;
}

struct Problem {
  Problem(const golden::Json& document, const golden::Json& c, DType dtype)
      : rows(document["rows"]["data"].get<Vector>()),
        signs(document["signs"].get<Vector>()),
        name(c["function"].get<std::string>()) {
    for (const char* part : {"u", "v"}) {
      params.push_back({part, golden::tensor(document["start"][part], dtype)});
      params.back().value.set_requires_grad(true);
    }
    const auto& options = c["optimizer"]["lbfgs"];
    sign = options.value("maximize", false) ? -1 : 1;
  }
  Vector point() const {
    Vector x = params[0].value.to_vector<double>();
    for (const double v : params[1].value.to_vector<double>()) x.push_back(v);
    return x;
  }
  /// Gradients four times as large as they are meant.
  optim::Evaluation evaluate() {
    ++evaluations;
    const Vector x = point();
    Vector g(x.size());
    const double f = name == "logistic" ? logistic(rows, signs, x, g) : rosenbrock(x, g);
    size_t at = 0;
    for (const optim::Param& p : params) {
      Vector part(g.begin() + static_cast<std::ptrdiff_t>(at),
                  g.begin() + static_cast<std::ptrdiff_t>(at) + p.value.numel());
      for (double& v : part) v *= 4 * sign;
      at += part.size();
      const Tensor whole = Tensor::from(part, p.value.shape());
      Tensor gradient = Tensor::empty(p.value.shape(), p.value.dtype());
      gradient.assign(whole);
      p.value.set_grad(gradient);
    }
    return {sign * f, 0.25};
  }

  Vector rows, signs;
  std::string name;
  std::vector<optim::Param> params;
  double sign = 1;
  int evaluations = 0;
};

void check(const golden::Json& document, const golden::Json& c, DType dtype, double tolerance) {
  INFO(c["function"] << c["optimizer"].dump() << dtype_name(dtype));
  Problem problem(document, c, dtype);
  const auto optimizer = golden::make(c["optimizer"], optim::optimizer_types());
  CHECK(optimizer->needs_closure());
  optimizer->attach(problem.params);
  for (size_t step = 0; step < c["after"].size(); ++step) {
    const optim::Evaluation first = problem.evaluate();
    INFO("update " << step);
    CHECK(first.loss == Approx(c["losses"][step].get<double>()).epsilon(tolerance).margin(tolerance));
    optimizer->step(optimizer->lr, first, [&] { return problem.evaluate(); });
    for (size_t i = 0; i < 2; ++i)
      CHECK(golden::difference(problem.params[i].value, c["after"][step][i].get<Vector>(), tolerance,
                               tolerance) == "");
  }
  if (dtype == DType::kFloat64) CHECK(problem.evaluations == c["evaluations"].get<int>());
}

}  // namespace

TEST_CASE("lbfgs agrees with PyTorch") {
  backend::cpu::install();
  const golden::Json document = golden::load("optim.json")["lbfgs"];
  for (const auto& c : document["cases"]) check(document, c, DType::kFloat64, 1e-8);
  // Two steps of a well-conditioned problem, as float32 drifts.
  golden::Json c = document["cases"][4];
  c["after"].erase(c["after"].begin() + 2, c["after"].end());
  check(document, c, DType::kFloat32, 2e-4);
}

TEST_CASE("lbfgs goes on bit for bit from its state") {
  backend::cpu::install();
  const golden::Json document = golden::load("optim.json")["lbfgs"];
  for (size_t index : {size_t{1}, size_t{6}}) {
    const golden::Json& c = document["cases"][index];
    Problem whole(document, c, DType::kFloat64), part(document, c, DType::kFloat64);
    const auto one = golden::make(c["optimizer"], optim::optimizer_types());
    auto two = golden::make(c["optimizer"], optim::optimizer_types());
    one->attach(whole.params);
    two->attach(part.params);
    for (int step = 0; step < 8; ++step) {
      if (step == 5) {
        auto fresh = golden::make(c["optimizer"], optim::optimizer_types());
        fresh->attach(part.params);
        const auto from = two->state(), to = fresh->state();
        for (size_t i = 0; i < from.size(); ++i) to[i].value.assign(from[i].value);
        fresh->set_steps(two->steps());
        two = std::move(fresh);
      }
      one->step(1, whole.evaluate(), [&] { return whole.evaluate(); });
      two->step(1, part.evaluate(), [&] { return part.evaluate(); });
    }
    CHECK(whole.point() == part.point());
  }
}

TEST_CASE("lbfgs survives gradients that are 0 or not there, and losses that are not finite") {
  backend::cpu::install();
  const auto o = golden::make(golden::Json::parse(R"({"lbfgs": {"line_search_fn": "strong_wolfe"}})"),
                              optim::optimizer_types());
  optim::Param p{"w", zeros({3})};
  p.value.set_requires_grad(true);
  o->attach({p});
  int calls = 0;
  o->step(1, {1, 1}, [&] {
    ++calls;
    return optim::Evaluation{1, 1};
  });
  CHECK(calls == 0);
  p.value.set_grad(ones({3}));
  o->step(1, {1, 1}, [&] {
    ++calls;
    return optim::Evaluation{std::nan(""), 1};
  });
  CHECK(calls <= 25);
  // The general form of step() is for every optimizer.
  const auto sgd = golden::make(golden::Json::parse(R"({"sgd": {}})"), optim::optimizer_types());
  optim::Param q{"w", zeros({1})};
  q.value.set_requires_grad(true);
  sgd->attach({q});
  q.value.set_grad(ones({1}));
  sgd->step(0.5, {7, 2}, {});
  CHECK(q.value.item() == -1);
}

TEST_CASE("the cubic through two points of a cubic finds its minimum") {
  // f = x^3 - 3 x, minimum at 1.
  const auto at = [](double x) { return optim::SearchPoint{x, x * x * x - 3 * x, 3 * x * x - 3, {}}; };
  CHECK(optim::cubic_minimum(at(0), at(3), 0, 3) == Approx(1));
  CHECK(optim::cubic_minimum(at(3), at(0), 0, 3) == Approx(1));
  CHECK(optim::cubic_minimum(at(0), at(3), 1.5, 3) == 1.5);
}
