// Linear algebra against PyTorch's numbers, the identities that define it, and hostile matrices.
#include "dlb/ops/linalg.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <optional>

#include "dlb/autograd/autograd.h"
#include "dlb/functional/function.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/linalg_defs.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/products.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb {
namespace {

using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;
using testing::values;

const double kNan = std::nan("");
constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor matrix_of(const Doubles& v, int64_t rows) {
  return Tensor::from(v, {rows, rows == 0 ? 0 : static_cast<int64_t>(v.size()) / rows});
}
Tensor mt(const Tensor& a) { return matrix::transposed(a); }

/// The largest difference, next to 1 + the value expected; infinite where shapes or NaN differ.
double distance(const Tensor& got, const Tensor& expected) {
  if (got.shape() != expected.shape()) return kInf;
  const Doubles a = got.to_vector<double>();
  const Doubles b = expected.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double d = std::abs(a[i] - b[i]) / (1 + std::abs(b[i]));
    worst = std::isnan(d) ? kInf : std::max(worst, d);
  }
  return worst;
}
double distance(const Tensor& got, const Doubles& expected) {
  return distance(got, Tensor::from(expected, got.shape()));
}

/// The kind of the error, none if there is none.
std::optional<ErrorKind> error_of(const std::function<void()>& f, std::string* message = nullptr) {
  try {
    f();
  } catch (const Error& e) {
    if (message != nullptr) *message = e.what();
    return e.kind;
  }
  return std::nullopt;
}

Tensor definite() { return matrix_of({4, 1, -2, 1, 3, 0.5, -2, 0.5, 5}, 3); }
Tensor general() { return matrix_of({2, -1, 0, 1, 3, 1, 0.5, 0, -4}, 3); }
Tensor wide() { return matrix_of({1, 2, 3, 4, 5, 6.5}, 2); }

TEST_CASE("linear algebra gives PyTorch's numbers") {
  CHECK(distance(linalg::cholesky(definite()), Doubles{2, 0, 0, 0.5, 1.6583123951777, 0, -1,
                                                       0.6030226891555273, 1.9069251784911847}) < 1e-15);
  CHECK(distance(linalg::cholesky(definite(), true), mt(linalg::cholesky(definite()))) < 1e-15);
  CHECK(distance(linalg::cholesky_inverse(linalg::cholesky(definite())),
                 Doubles{0.36875, -0.15, 0.1625, -0.15, 0.4, -0.1, 0.1625, -0.1, 0.275}) < 1e-14);
  CHECK(distance(linalg::det(general()), Doubles{-28.5}) < 1e-14);
  const auto [sign, log] = linalg::slogdet(-general());
  CHECK(sign.item() == 1);
  CHECK(distance(log, Doubles{3.349904087274605}) < 1e-15);
  CHECK(distance(linalg::logdet(definite()), Doubles{3.6888794541139367}) < 1e-15);
  CHECK(std::isnan(linalg::logdet(general()).item()));
  CHECK(distance(linalg::eigvalsh(definite()),
                 Doubles{1.5842066930926229, 3.8393364524664815, 6.576456854440894}) < 1e-14);
  CHECK(distance(linalg::svdvals(wide()), Doubles{9.838862603421001, 0.6684180361148954}) < 1e-14);
  CHECK(distance(linalg::pinv(wide()),
                 Doubles{-1.1734104046242775, 0.5202312138728324, -0.023121387283237097, 0.06936416184971103,
                         0.7398843930635836, -0.21965317919075142}) < 1e-13);
  CHECK(distance(linalg::inv(general()),
                 Doubles{0.42105263157894735, 0.14035087719298245, 0.03508771929824561, -0.15789473684210528,
                         0.2807017543859649, 0.07017543859649122, 0.052631578947368425, 0.017543859649122806,
                         -0.2456140350877193}) < 1e-14);
  CHECK(distance(linalg::matrix_power(general(), 5),
                 Doubles{-96.5, -146, 1.5, 145.25, 49.5, 155, 78.25, 0.75, -1037}) < 1e-13);
  CHECK(distance(linalg::matrix_power(general(), -3),
                 Doubles{0.05128703568709398, 0.05013148445135614, 0.008531639964793482,
                         -0.054397304433752895, 0.0011555512357378545, 0.0010583553374047619,
                         0.004794997651099123, 0.004265819982396742, -0.014784576090888965}) < 1e-14);
  CHECK(distance(linalg::vander(Tensor::from(Doubles{2, -1, 0.5}, {3}), 4),
                 Doubles{1, 2, 4, 8, 1, -1, 1, -1, 1, 0.5, 0.25, 0.125}) == 0);
  CHECK(distance(linalg::cross(Tensor::from(Doubles{1, 2, 3}, {3}), Tensor::from(Doubles{-1, 0.5, 2}, {3})),
                 Doubles{2.5, -5, 2.5}) < 1e-15);
}

TEST_CASE("norms and condition numbers give PyTorch's numbers") {
  const std::pair<linalg::Order, double> matrix_norms[] = {
      {"fro", 9.86154146165801}, {"nuc", 10.507280639535896}, {1.0, 9.5},   {-1.0, 5},
      {2.0, 9.838862603421001},  {-2.0, 0.6684180361148954},  {kInf, 15.5}, {-kInf, 6}};
  for (const auto& [ord, expected] : matrix_norms) {
    CHECK(distance(linalg::matrix_norm(wide(), ord), Doubles{expected}) < 1e-13);
  }
  const std::pair<double, double> vector_norms[] = {{0, 6},
                                                    {0.5, 119.50517179199406},
                                                    {1, 21.5},
                                                    {2, 9.86154146165801},
                                                    {3, 7.935020512256411},
                                                    {-1, 0.4103103629668596},
                                                    {kInf, 6.5},
                                                    {-kInf, 1}};
  for (const auto& [ord, expected] : vector_norms) {
    CHECK(distance(linalg::vector_norm(wide(), ord), Doubles{expected}) < 1e-14);
  }
  const std::pair<linalg::Order, double> conditions[] = {
      {1.0, 3.1578947368421058},  {-1.0, 1.2280701754385963},  {2.0, 1.9401621290499493},
      {-2.0, 0.5154208429424793}, {"fro", 3.4555948451854164}, {"nuc", 9.677250981125358},
      {kInf, 2.982456140350877},  {-kInf, 0.9473684210526315}};
  for (const auto& [ord, expected] : conditions) {
    CHECK(distance(linalg::cond(general(), ord), Doubles{expected}) < 1e-13);
  }
  // Of a batch, only the singular matrix has an infinite one; an empty matrix has 0.
  const Tensor singular = matrix_of({1, 2, 2, 4}, 2);
  const Tensor batch = stack({singular, matrix_of({2, 0, 0, 4}, 2), zeros({2, 2}, DType::kFloat64)}, 0);
  CHECK(distance(linalg::cond(batch, linalg::Order(1)), Doubles{kInf, 2, kInf}) < 1e-15);
  CHECK(std::isnan(linalg::cond(zeros({2, 2}, DType::kFloat64)).item()));
  CHECK(distance(linalg::cond(zeros({2, 0, 0}), linalg::Order("fro")), Doubles{0, 0}) == 0);
}

TEST_CASE("exponentials of matrices") {
  CHECK(distance(linalg::matrix_exp(general()),
                 Doubles{2.271083498820063, -10.6192803637779, -1.4272225840812656, 11.332891655818528,
                         12.890363862597956, 2.0559448592903076, 0.3143611376045213, -0.7136112920406327,
                         -0.07402756835292656}) < 1e-13);
  CHECK(distance(linalg::matrix_exp(general() * 3.0),
                 Doubles{-2083.5673131117383, -816.4571574215443, -162.0311980509632, 897.472756447026,
                         -1267.1101556901942, -155.7300308842356, -158.8806144675994, -81.01559902548166,
                         -14.968741449582193}) < 1e-11);
  // Rotations, nilpotent matrices, diagonals; each matrix of a batch is scaled by itself.
  const double angle = 40;
  const Tensor batch = stack({matrix_of({0, -angle, angle, 0}, 2), matrix_of({0, 1e6, 0, 0}, 2),
                              matrix_of({-700, 0, 0, 3}, 2), zeros({2, 2}, DType::kFloat64)},
                             0);
  CHECK(distance(linalg::matrix_exp(batch),
                 Doubles{std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle), 1, 1e6, 0, 1,
                         std::exp(-700), 0, 0, std::exp(3.0), 1, 0, 0, 1}) < 1e-12);
  // exp(a) exp(-a) = 1, also where it takes many squarings.
  for (const double scale : {0.01, 1.0, 9.0}) {
    const Tensor a = values({5, 5}, -1, 1, 3) * scale;
    const Tensor product = matmul(linalg::matrix_exp(a), linalg::matrix_exp(-a));
    CHECK(distance(product, eye(5, DType::kFloat64)) < 1e-6);
  }
  CHECK(distance(linalg::matrix_exp(full({2, 2}, kNan, DType::kFloat64)), Doubles(4, kNan)) == 0);
  Tensor m = general().detach();
  m.set_requires_grad(true);
  CHECK(distance(grad({select(select(linalg::matrix_exp(m), 0, 0), 0, 2)}, {m})[0],
                 Doubles{-0.5253763302982881, 1.2250814929882168, 0.59867912378216, 0.19267077187709514,
                         -0.7180471021753829, -1.4177522648653127, 0.018940638431904095, -0.07902694128567059,
                         -0.18379915160759336}) < 1e-13);
}

TEST_CASE("factors multiply to the matrix") {
  const Shape shapes[] = {{4, 4},    {5, 3}, {3, 5}, {2, 3, 4, 4}, {2, 1, 4},
                          {2, 4, 1}, {0, 3}, {3, 0}, {0, 2, 2}};
  for (const Shape& shape : shapes) {
    for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
      INFO(shape_text(shape) << " " << dtype_name(dtype));
      const double tolerance = dtype == DType::kFloat64 ? 1e-13 : 1e-5;
      const Tensor a = cast(values(shape), dtype);
      const auto [p, l, u] = linalg::lu(a);
      CHECK(distance(matmul(matmul(p, l), u), a) < tolerance);
      const Outputs factors = apply(op::lu_factor(), {a}, LuAttrs{});
      const auto [p2, l2, u2] = linalg::lu_unpack(factors[0], factors[1]);
      CHECK(distance(matmul(mt(p2), a), matmul(l2, u2)) < tolerance);
      for (const char* mode : {"reduced", "complete"}) {
        const auto [q, r] = linalg::qr(a, mode);
        CHECK(distance(matmul(q, r), a) < tolerance);
        CHECK(distance(matmul(mt(q), q), matmul(mt(q), q) * 0.0 + eye(q.dim(-1), dtype)) < tolerance);
        CHECK(distance(matrix::upper(r), r) == 0);
      }
      for (const bool whole : {false, true}) {
        const auto [left, s, right] = linalg::svd(a, whole);
        const int64_t k = s.dim(-1);
        const Tensor first = narrow(left, -1, 0, k) * unsqueeze(s, -2);
        CHECK(distance(matmul(first, narrow(right, -2, 0, k)), a) < tolerance);
        CHECK(distance(matmul(mt(left), left), matmul(mt(left), left) * 0.0 + eye(left.dim(-1), dtype)) <
              tolerance);
        CHECK(distance(matmul(right, mt(right)), matmul(right, mt(right)) * 0.0 + eye(right.dim(-2), dtype)) <
              tolerance);
      }
      // Moore and Penrose's conditions.
      const Tensor x = linalg::pinv(a);
      const Tensor ax = matmul(a, x);
      const Tensor xa = matmul(x, a);
      CHECK(distance(matmul(ax, a), a) < 10 * tolerance);
      CHECK(distance(matmul(xa, x), x) < 10 * tolerance);
      CHECK(distance(mt(ax), ax) < 10 * tolerance);
      CHECK(distance(mt(xa), xa) < 10 * tolerance);
      if (a.dim(-1) != a.dim(-2)) continue;
      const Tensor symmetric = a + mt(a);
      for (const char* uplo : {"L", "U"}) {
        const auto [w, v] = linalg::eigh(symmetric, uplo);
        CHECK(distance(matmul(symmetric, v), v * unsqueeze(w, -2)) < 10 * tolerance);
      }
      const Tensor definite = matmul(a, mt(a)) + eye(a.dim(-1), dtype);
      const Tensor c = linalg::cholesky(definite);
      CHECK(distance(matmul(c, mt(c)), definite) < tolerance);
    }
  }
}

TEST_CASE("factors that are not wanted are empty") {
  const Outputs f = apply(op::lu_factor(), {general()}, LuAttrs{});
  for (const bool data : {false, true}) {
    const functional::Value got = functional::call("lu_unpack", {{f[0], f[1], data, !data}});
    const functional::List& list = got.as<functional::List>();
    for (size_t i = 0; i < 3; ++i) {
      CHECK(shape_text(list[i].as<Tensor>().shape()) == ((i > 0) == data ? "[3, 3]" : "[0]"));
    }
  }
}

TEST_CASE("only one triangle is read") {
  const Tensor junk = full({3, 3}, 99, DType::kFloat64);
  const Tensor low = matrix::lower(definite()) + matrix::upper(junk, 1);
  const Tensor high = matrix::upper(definite()) + matrix::lower(junk, -1);
  CHECK(distance(linalg::cholesky(low), linalg::cholesky(definite())) == 0);
  CHECK(distance(linalg::cholesky(high, true), linalg::cholesky(definite(), true)) == 0);
  CHECK(distance(linalg::eigvalsh(low, "L"), linalg::eigvalsh(definite())) < 1e-14);
  CHECK(distance(linalg::eigvalsh(high, "U"), linalg::eigvalsh(definite())) < 1e-14);
  const Tensor b = values({3, 2});
  CHECK(distance(linalg::solve_triangular(low, b, false), linalg::solve(matrix::lower(definite()), b)) <
        1e-14);
  CHECK(distance(linalg::solve_triangular(high, b, true), linalg::solve(matrix::upper(definite()), b)) <
        1e-14);
}

TEST_CASE("equations are solved, batches broadcast") {
  const Tensor a = values({2, 1, 3, 3}, -1, 1, 1) + eye(3, DType::kFloat64) * 3.0;
  const Tensor b = values({4, 3, 2}, -1, 1, 2);
  const Tensor x = linalg::solve(a, b);
  CHECK(shape_text(x.shape()) == "[2, 4, 3, 2]");
  CHECK(distance(matmul(a, x), expand(b, {2, 4, 3, 2})) < 1e-14);
  const Tensor turned = mt(b);
  CHECK(distance(matmul(linalg::solve(a, turned, false), a), expand(turned, {2, 4, 2, 3})) < 1e-14);
  // A batch of vectors, one for each matrix; and as many matrices as rows are no vectors to inv().
  const Tensor square = values({3, 3, 3}, -1, 1, 3) + eye(3, DType::kFloat64) * 3.0;
  const Tensor vectors = values({3, 3}, -1, 1, 4);
  CHECK(distance(squeeze(matmul(square, unsqueeze(linalg::solve(square, vectors), -1)), -1), vectors) <
        1e-14);
  CHECK(distance(matmul(linalg::inv(square), square), expand(eye(3, DType::kFloat64), {3, 3, 3})) < 1e-14);
  const auto [lu, pivots] = linalg::lu_factor(square);
  const Tensor right = values({3, 3, 2}, -1, 1, 5);
  CHECK(distance(matmul(square, linalg::lu_solve(lu, pivots, right)), right) < 1e-14);
  CHECK(distance(matmul(mt(square), linalg::lu_solve(lu, pivots, right, true, true)), right) < 1e-14);
  CHECK(distance(matmul(linalg::lu_solve(lu, pivots, mt(right), false), square), mt(right)) < 1e-14);
  const Tensor l = linalg::cholesky(definite());
  CHECK(distance(matmul(definite(), linalg::cholesky_solve(b, l)), b) < 1e-14);
  CHECK(distance(linalg::cholesky_solve(b, mt(l), true), linalg::cholesky_solve(b, l)) < 1e-15);
}

TEST_CASE("least squares give PyTorch's results, residuals and ranks") {
  const Tensor a = matrix_of({1, 2, 3, 4, 5, 7, 2, -1}, 4);
  const Tensor b = matrix_of({1, 0, 2, 1, -1, 3, 0.5, 0.25}, 4);
  const Doubles x = {0.1775431861804223, 0.2528790786948175, -0.08349328214971212, 0.18378119001919374};
  for (const char* driver : {"gels", "gelsy", "gelsd", "gelss"}) {
    INFO(driver);
    const bool gelsy = std::string(driver) == "gelsy";
    const bool ranked = std::string(driver) != "gels";
    const bool valued = ranked && !gelsy;
    const auto r = linalg::lstsq(a, b, {}, driver);
    CHECK(distance(r[0], x) < 1e-14);
    const auto nothing = [](const Tensor& t) { return shape_text(t.shape()) == "[0]"; };
    CHECK((gelsy ? nothing(r[1]) : distance(r[1], Doubles{5.926103646833013, 0.8356525911708261}) < 1e-14));
    CHECK((ranked ? r[2].to_vector<int64_t>() == Ints{2} : nothing(r[2])));
    CHECK((valued ? distance(r[3], Doubles{10.197543721851773, 2.238325722704701}) < 1e-14 : nothing(r[3])));
    // One vector.
    const auto one = linalg::lstsq(a, select(b, 1, 0), {}, driver);
    CHECK(distance(one[0], Doubles{x[0], x[2]}) < 1e-14);
    CHECK(shape_text(one[1].shape()) == (gelsy ? "[0]" : "[]"));
    // As many unknowns as equations or more: no residuals.
    CHECK(shape_text(linalg::lstsq(general(), definite(), {}, driver)[1].shape()) == "[0]");
    const auto shortest = linalg::lstsq(wide(), matrix_of({1, 2}, 2), {}, driver);
    CHECK(distance(shortest[0], matmul(linalg::pinv(wide()), matrix_of({1, 2}, 2))) < 1e-13);
    CHECK(shape_text(shortest[1].shape()) == "[0]");
    // A matrix without full rank: the shortest solution, no residuals for any of the batch.
    const Tensor poor = matrix_of({1, 1, 2, 2, 3, 3, 0, 0}, 4);
    if (!ranked) continue;
    const auto batch = linalg::lstsq(stack({a, poor}, 0), stack({b, b}, 0), {}, driver);
    CHECK(batch[2].to_vector<int64_t>() == Ints{2, 1});
    CHECK(shape_text(batch[1].shape()) == "[0]");
    CHECK(distance(batch[0], matmul(linalg::pinv(stack({a, poor}, 0)), stack({b, b}, 0))) < 1e-13);
  }
}

TEST_CASE("singular and not definite matrices are errors that name them") {
  const Tensor singular = matrix_of({1, 2, 2, 4}, 2);
  const Tensor good = matrix_of({2, 0, 0, 1}, 2);
  std::string message;
  CHECK(error_of(
            [&] {
              static_cast<void>(linalg::inv(stack({good, singular}, 0)));
            },
            &message) == ErrorKind::kNumeric);
  CHECK(message.find("matrix 1 of the batch") != std::string::npos);
  CHECK(error_of([&] { static_cast<void>(linalg::solve(singular, good)); }) == ErrorKind::kNumeric);
  CHECK(error_of([&] { static_cast<void>(linalg::matrix_power(singular, -1)); }) == ErrorKind::kNumeric);
  CHECK(error_of([&] { static_cast<void>(linalg::lu_factor(singular)); }) == ErrorKind::kNumeric);
  CHECK(error_of([&] { static_cast<void>(linalg::cholesky(-good)); }, &message) == ErrorKind::kNumeric);
  CHECK(message.find("positive definite") != std::string::npos);
  CHECK(error_of([&] {
          static_cast<void>(
              linalg::lstsq(matrix_of({1, 0, 1, 0, 1, 0}, 3), matrix_of({1, 1, 1}, 3), {}, "gels"));
        }) == ErrorKind::kNumeric);
  // A determinant is a number all the same.
  CHECK(linalg::det(singular).item() == 0);
  CHECK(linalg::logdet(singular).item() == -kInf);
  const auto [sign, log] = linalg::slogdet(singular);
  CHECK(sign.item() == 0);
  CHECK(log.item() == -kInf);
  CHECK(linalg::det(zeros({0, 0})).item() == 1);
  CHECK(linalg::matrix_rank(stack({good, singular, singular * 0.0}, 0)).to_vector<int64_t>() ==
        Ints{2, 1, 0});
}

TEST_CASE("determinants of singular matrices have the cofactors as gradient") {
  for (const Doubles& entries : {Doubles{1, 2, 3, 2, 4, 6, 1, 1, 0}, Doubles{1, 2, 3, 2, 4, 6, 0, 0, 0}}) {
    Tensor a = matrix_of(entries, 3);
    Doubles cofactors;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 3; ++j) {
        const auto at = [&](size_t r, size_t c) { return entries[(i + r) % 3 * 3 + (j + c) % 3]; };
        cofactors.push_back(at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1));
      }
    }
    a.set_requires_grad(true);
    CHECK(distance(grad({linalg::det(a)}, {a})[0], cofactors) < 1e-13);
  }
}

TEST_CASE("values that are not finite neither hang nor crash") {
  for (const double bad : {kNan, kInf, -kInf}) {
    for (const int64_t n : {1, 2, 5, 33, 70}) {
      for (const int64_t place : {int64_t{0}, n * n - 1, n * n / 2, int64_t{-1}}) {
        for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
          INFO(bad << " at " << place << " of " << n << " rows, " << dtype_name(dtype));
          Doubles v = values({n, n}, -1, 1, 9).to_vector<double>();
          if (place < 0)
            v.assign(v.size(), bad);
          else
            v[static_cast<size_t>(place)] = bad;
          const Tensor a = cast(matrix_of(v, n), dtype);
          const Tensor b = cast(values({n, 2}), dtype);
          const Tensor swaps = apply(op::lu_factor(), {a}, LuAttrs{})[1];
          for (const int64_t p : swaps.to_vector<int64_t>()) CHECK((p >= 1 && p <= n));
          for (const auto& f : std::initializer_list<std::function<void()>>{
                   [&] { static_cast<void>(linalg::eigh(a)); }, [&] { static_cast<void>(linalg::svd(a)); },
                   [&] { static_cast<void>(linalg::pinv(a)); },
                   [&] { static_cast<void>(linalg::lstsq(a, b)); },
                   [&] {
                     static_cast<void>(linalg::lstsq(cast(eye(n), dtype), narrow(a, 1, 0, 1), {}, "gels"));
                   }}) {
            if (n > 1 && place == n * n / 2) continue;  // may lie where it is not read
            const auto kind = error_of(f);
            CHECK((!kind || *kind == ErrorKind::kNumeric));
          }
          CHECK(error_of([&] { static_cast<void>(linalg::svdvals(a)); }) == ErrorKind::kNumeric);
          CHECK(!std::isfinite(linalg::det(a).item()));
          static_cast<void>(linalg::slogdet(a));
          static_cast<void>(linalg::qr(a));
          static_cast<void>(linalg::matrix_norm(a, linalg::Order(1)));
          static_cast<void>(error_of([&] { static_cast<void>(linalg::inv(a)); }));
          static_cast<void>(error_of([&] { static_cast<void>(linalg::matrix_exp(a)); }));
          static_cast<void>(linalg::solve_triangular(a, b, true));
        }
      }
    }
  }
  // Where the triangle that is read has a NaN, the matrix is not positive definite.
  for (const int64_t place : {0, 3, 8}) {
    Doubles v = definite().to_vector<double>();
    v[static_cast<size_t>(place)] = kNan;
    CHECK(error_of([&] { static_cast<void>(linalg::cholesky(matrix_of(v, 3))); }) == ErrorKind::kNumeric);
  }
}

TEST_CASE("shapes, dtypes and pivots that do not fit are errors") {
  const Tensor a = values({2, 3, 3});
  const auto kind = [](const std::function<void()>& f) { return error_of(f); };
  CHECK(kind([&] { static_cast<void>(linalg::inv(values({2, 3}))); }) == ErrorKind::kShape);
  CHECK(kind([&] { static_cast<void>(linalg::det(values({3}))); }) == ErrorKind::kShape);
  CHECK(kind([&] { static_cast<void>(linalg::cholesky(cast(a, DType::kInt64))); }) == ErrorKind::kDtype);
  CHECK(kind([&] { static_cast<void>(linalg::solve(a, values({4, 2}))); }) == ErrorKind::kShape);
  CHECK(kind([&] {
          static_cast<void>(linalg::solve(a, cast(values({3, 2}), DType::kFloat32)));
        }) == ErrorKind::kDtype);
  CHECK(kind([&] { static_cast<void>(linalg::lstsq(a, values({2, 4, 1}))); }) == ErrorKind::kShape);
  CHECK(kind([&] { static_cast<void>(linalg::eigh(a, "X")); }) == ErrorKind::kConfig);
  CHECK(kind([&] { static_cast<void>(linalg::qr(a, "full")); }) == ErrorKind::kConfig);
  CHECK(kind([&] { static_cast<void>(linalg::matrix_power(a, std::numeric_limits<int64_t>::min())); }) ==
        ErrorKind::kUnsupported);
  CHECK(kind([&] { static_cast<void>(linalg::matrix_power(cast(a, DType::kInt64), 1)); }) ==
        ErrorKind::kDtype);
  const auto pivots = [](const std::vector<int32_t>& v, Shape s) { return Tensor::from(v, std::move(s)); };
  const Tensor b = values({2, 3, 1});
  CHECK(kind([&] {
          static_cast<void>(linalg::lu_solve(a, pivots({1, 2, 3}, {3}), b));
        }) == ErrorKind::kShape);
  for (const int32_t wrong :
       {0, 4, -1, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    const Tensor swaps = pivots({1, 2, 3, 1, wrong, 3}, {2, 3});
    CHECK(kind([&] { static_cast<void>(linalg::lu_solve(a, swaps, b)); }) == ErrorKind::kData);
    CHECK(kind([&] { static_cast<void>(linalg::lu_unpack(a, swaps)); }) == ErrorKind::kData);
  }
  CHECK(kind([&] {
          static_cast<void>(linalg::lu_unpack(a, Tensor::from(Ints{1, 2, 3, 1, 2, 3}, {2, 3})));
        }) == ErrorKind::kDtype);
}

TEST_CASE("products along the way") {
  const Tensor a = values({2, 3, 4}, -2, 2, 11);
  const Tensor b = values({4, 3, 5}, -2, 2, 12);
  // By loops over what is summed.
  const Tensor y = tensordot(a, b, Dims{2, 1}, Dims{0, 1});
  CHECK(distance(y, sum(unsqueeze(a, -1) * unsqueeze(transpose(b, 0, 1), 0), {1, 2})) < 1e-14);
  // A dimension of size 1 broadcasts.
  const Tensor thin = values({2, 1, 4}, -2, 2, 13);
  CHECK(distance(tensordot(thin, b, Dims{2, 1}, Dims{0, 1}),
                 tensordot(contiguous(expand(thin, {2, 3, 4})), b, Dims{2, 1}, Dims{0, 1})) < 1e-14);
  CHECK(error_of([&] { static_cast<void>(tensordot(a, b, Dims{1}, Dims{0})); }) == ErrorKind::kShape);
  CHECK(error_of([&] { static_cast<void>(tensordot(a, b, Dims{1, 1}, Dims{1, 1})); }) == ErrorKind::kShape);
  // With beta 0 the addend is not looked at, not even at its NaN.
  Tensor nan = full({2, 3, 3}, kNan, DType::kFloat64);
  nan.set_requires_grad(true);
  const Tensor p = values({2, 3, 2});
  const Tensor q = values({2, 2, 3});
  CHECK(distance(baddbmm(nan, p, q, 0, 2), matmul(p, q) * 2.0) < 1e-15);
  CHECK(distance(addbmm(select(nan, 0, 0), p, q, 0), sum(matmul(p, q), {0})) < 1e-14);
  CHECK(distance(addr(ones({3, 2}, DType::kFloat64), Tensor::from(Doubles{1, 2, 3}, {3}),
                      Tensor::from(Doubles{-1, 4}, {2}), 2, 0.5),
                 Doubles{1.5, 4, 1, 6, 0.5, 8}) == 0);
}

}  // namespace
}  // namespace dlb
