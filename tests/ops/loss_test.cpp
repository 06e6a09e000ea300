// Losses against their formulas.
#include "dlb/ops/loss.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/autograd/grad_check.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

struct Expected {
  double sum = 0, count = 0;
  std::vector<double> dx;
};

/// Scores [N, C, S] row-major, target [N, S].
Expected naive(const std::vector<double>& x, const std::vector<int64_t>& t, int64_t n, int64_t c, int64_t s,
               const std::vector<double>& w, int64_t ignore, double smoothing) {
  Expected e;
  e.dx.assign(x.size(), 0.0);
  const auto at = [&](int64_t i, int64_t k, int64_t j) { return static_cast<size_t>((i * c + k) * s + j); };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < s; ++j) {
      const int64_t label = t[static_cast<size_t>(i * s + j)];
      if (label == ignore) continue;
      double total = 0;
      for (int64_t k = 0; k < c; ++k) total += std::exp(x[at(i, k, j)]);
      double coefficients = 0;
      for (int64_t k = 0; k < c; ++k) {
        const double a = w[static_cast<size_t>(k)] *
                         ((k == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(c));
        e.sum -= a * std::log(std::exp(x[at(i, k, j)]) / total);
        e.dx[at(i, k, j)] -= a;
        coefficients += a;
      }
      for (int64_t k = 0; k < c; ++k) e.dx[at(i, k, j)] += coefficients * std::exp(x[at(i, k, j)]) / total;
      e.count += w[static_cast<size_t>(label)];
    }
  }
  return e;
}

TEST_CASE("cross_entropy: weights, ignored targets, smoothing, more dimensions, dtypes, layouts") {
  const int64_t n = 6, c = 5, s = 4;
  const Tensor x = values({n, c, 2, 2}, -3, 3, 70);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < n * s; ++i) labels.push_back(i % 5 == 2 ? -7 : i * 3 % c);
  const Tensor t = Tensor::from(labels, {n, 2, 2});
  const Tensor w = values({c}, 0.5, 2, 71);
  for (const bool weighted : {false, true}) {
    for (const double smoothing : {0.0, 0.1, 1.0}) {
      for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16}) {
        for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
          INFO("weighted " << weighted << " smoothing " << smoothing << " " << dtype_name(dtype));
          Tensor in = contiguous(cast(x, dtype), layout).detach().set_requires_grad(true);
          const Tensor class_weight = cast(w, dtype == DType::kFloat64 ? dtype : DType::kFloat32);
          const LossSum loss = cross_entropy(in, t, weighted ? class_weight : Tensor{}, -7, smoothing);
          const Expected e =
              naive(in.to_vector<double>(), labels, n, c, s,
                    weighted ? class_weight.to_vector<double>() : std::vector<double>(5, 1.0), -7, smoothing);
          const double tolerance = dtype == DType::kFloat64 ? 1e-12 : 1e-5;
          CHECK(loss.sum.item() == Approx(e.sum).epsilon(tolerance));
          CHECK(loss.count.item() == Approx(e.count).epsilon(tolerance));
          CHECK(mean_loss(loss).item() == Approx(e.sum / e.count).epsilon(tolerance));
          CHECK(loss.sum.dtype() == (dtype == DType::kFloat64 ? dtype : DType::kFloat32));
          const Tensor g = grad({loss.sum}, {in})[0];
          CHECK(g.dtype() == dtype);
          const std::vector<double> dx = g.to_vector<double>();
          const double gradient_tolerance = dtype == DType::kBFloat16 ? 1e-2 : tolerance;
          for (size_t i = 0; i < dx.size(); ++i) CHECK(std::abs(dx[i] - e.dx[i]) <= gradient_tolerance);
        }
      }
    }
  }
}

TEST_CASE("nll_loss of log_softmax is cross_entropy") {
  Tensor x = values({6, 5}, -3, 3, 72).set_requires_grad(true);
  const Tensor t = Tensor::from(std::vector<int64_t>{0, 1, -100, 3, 4, 4}, {6});
  const Tensor w = values({5}, 0.5, 2, 73);
  const LossSum a = cross_entropy(x, t, w);
  const LossSum b = nll_loss(log_softmax(x, 1), t, w);
  CHECK(a.sum.item() == Approx(b.sum.item()));
  CHECK(a.count.item() == Approx(b.count.item()));
  const std::vector<double> ga = grad({a.sum}, {x})[0].to_vector<double>();
  const std::vector<double> gb = grad({b.sum}, {x})[0].to_vector<double>();
  for (size_t i = 0; i < ga.size(); ++i) CHECK(ga[i] == Approx(gb[i]).margin(1e-12));
}

TEST_CASE("cross_entropy of extreme scores stays finite and accurate") {
  const Tensor x = Tensor::from(std::vector<float>{1000, 0, -1000, 0, 0, 0}, {2, 3});
  CHECK(cross_entropy(x, Tensor::from(std::vector<int64_t>{0, 1}, {2})).sum.item() == Approx(std::log(3)));
  CHECK(cross_entropy(x, Tensor::from(std::vector<int64_t>{2, 1}, {2})).sum.item() ==
        Approx(2000 + std::log(3)));
}

TEST_CASE("a target outside the classes is named") {
  const auto message = [](const Tensor& x, const Tensor& t) -> std::string {
    for (const bool nll : {false, true}) {
      try {
        static_cast<void>(nll ? nll_loss(x, t) : cross_entropy(x, t));
        return "no error";
      } catch (const Error& e) {
        CHECK(e.kind == ErrorKind::kData);
        if (!nll) return e.message;
      }
    }
    return "";
  };
  CHECK(message(values({3, 4}), Tensor::from(std::vector<int64_t>{0, -100, 4}, {3})) ==
        "cross_entropy: target 4 at batch index 2 is not one of the 4 classes (0 to 3)");
  CHECK(message(values({2, 4, 2}), Tensor::from(std::vector<int64_t>{0, 1, 2, -1}, {2, 2})) ==
        "cross_entropy: target -1 at batch index 1, position 1 is not one of the 4 classes (0 to 3)");
}

TEST_CASE("loss errors say what was expected") {
  const auto message = [](const std::function<void()>& f) -> std::string {
    try {
      f();
    } catch (const Error& e) {
      return e.message;
    }
    return "no error";
  };
  const Tensor t = Tensor::from(std::vector<int64_t>{0, 1}, {2});
  CHECK(message([&] {
          cross_entropy(values({3, 4}), t);
        }) == "cross_entropy expects target [3] for input [3, 4], got [2]");
  CHECK(message([&] {
          cross_entropy(values({2, 4}), values({2}));
        }) == "cross_entropy expects target of int64, got float64");
  CHECK(message([&] {
          cross_entropy(values({2, 4}), t, values({3}));
        }) == "cross_entropy expects class weights [4], got [3]");
  CHECK(message([&] {
          cross_entropy(values({2, 4}), t, {}, -100, 1.5);
        }) == "cross_entropy expects label_smoothing from 0 to 1, got 1.5");
  CHECK(message([&] { mse_loss(values({2, 4}), values({2})); }) == "mse_loss expects target [2, 4], got [2]");
  CHECK(message([&] { huber_loss(values({2}), values({2}), 0); }) == "huber_loss expects delta > 0, got 0");
}

TEST_CASE("elementwise losses: values and first and second gradients") {
  const Tensor x = values({3, 7}, -3, 3, 74);
  const Tensor t = values({3, 7}, 0, 1, 75);
  const Tensor w = values({7}, 0.5, 2, 76);
  struct Loss {
    std::string name;
    std::function<LossSum(const Tensor&, const Tensor&)> call;
    std::function<double(double, double)> formula;
  };
  const auto huber = [](double d, double delta) {
    const double a = std::abs(d);
    return a <= delta ? 0.5 * d * d : delta * (a - 0.5 * delta);
  };
  const Loss losses[] = {
      {"mse", [](const Tensor& a, const Tensor& b) { return mse_loss(a, b); },
       [](double a, double b) { return (a - b) * (a - b); }},
      {"l1", [](const Tensor& a, const Tensor& b) { return l1_loss(a, b); },
       [](double a, double b) { return std::abs(a - b); }},
      {"huber", [](const Tensor& a, const Tensor& b) { return huber_loss(a, b, 0.7); },
       [&](double a, double b) { return huber(a - b, 0.7); }},
      {"smooth l1", [](const Tensor& a, const Tensor& b) { return smooth_l1_loss(a, b, 0.7); },
       [&](double a, double b) { return huber(a - b, 0.7) / 0.7; }},
      {"bce", [](const Tensor& a, const Tensor& b) { return bce_with_logits(a, b); },
       [](double a, double b) {
         return -b * std::log(1 / (1 + std::exp(-a))) - (1 - b) * std::log(1 / (1 + std::exp(a)));
       }},
  };
  const std::vector<double> xv = x.to_vector<double>();
  const std::vector<double> tv = t.to_vector<double>();
  for (const Loss& loss : losses) {
    INFO(loss.name);
    double expected = 0;
    for (size_t i = 0; i < xv.size(); ++i) expected += loss.formula(xv[i], tv[i]);
    const LossSum got = loss.call(x, t);
    CHECK(got.sum.item() == Approx(expected).epsilon(1e-12));
    CHECK(got.count.item() == 21);
    CHECK(loss.call(cast(x, DType::kBFloat16), cast(t, DType::kBFloat16)).sum.dtype() == DType::kFloat32);
    const auto call = [&](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{loss.call(in[0], in[1]).sum};
    };
    std::vector<Tensor> inputs{x.detach().set_requires_grad(true), t.detach().set_requires_grad(true)};
    CHECK(grad_check(call, inputs, {.eps = 1e-5, .rtol = 2e-5, .atol = 2e-7}) == "");
  }
  const std::vector<double> wv = w.to_vector<double>();
  double expected = 0;
  for (size_t i = 0; i < xv.size(); ++i) {
    expected -= wv[i % 7] * tv[i] * std::log(1 / (1 + std::exp(-xv[i]))) +
                (1 - tv[i]) * std::log(1 / (1 + std::exp(xv[i])));
  }
  CHECK(bce_with_logits(x, t, w).sum.item() == Approx(expected).epsilon(1e-12));
}

TEST_CASE("bce_with_logits is exact at 0 and far from it") {
  Tensor x = Tensor::from(std::vector<float>{0, 200, -200, -15}, {4}).set_requires_grad(true);
  const Tensor t = Tensor::from(std::vector<float>{1, 0, 1, 0}, {4});
  const LossSum loss = bce_with_logits(x, t);
  CHECK(loss.sum.item() == Approx(std::log(2.0) + 400));
  const std::vector<float> g = grad({loss.sum}, {x})[0].to_vector<float>();
  CHECK(g[0] == Approx(-0.5));
  CHECK(g[1] == Approx(1));
  CHECK(g[2] == Approx(-1));
  CHECK(g[3] == Approx(1 / (1 + std::exp(15.0))));
}

}  // namespace
}  // namespace dlb::testing
