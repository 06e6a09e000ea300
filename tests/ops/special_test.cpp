#include "dlb/ops/special.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/ops/special_math.h"

namespace dlb {
namespace {

namespace math = special_math;

constexpr double kInf = std::numeric_limits<double>::infinity();

bool close(double got, double expected, double rtol = 1e-13) {
  return got == expected || std::abs(got - expected) <= rtol * std::abs(expected);
}

TEST_CASE("special functions agree with values of 17 digits") {
  // From mpmath with 40 digits.
  CHECK(close(math::digamma(0.1), -10.423754940411076));
  CHECK(close(math::digamma(1.25), -0.22745353337626541));
  CHECK(close(math::digamma(7.5), 1.9467574842460868));
  CHECK(close(math::digamma(-2.3), 3.3173231575618227));
  CHECK(close(math::digamma(100000.0), 11.512920464961895));
  CHECK(close(math::lgamma(0.1), 2.2527126517342059));
  CHECK(close(math::lgamma(1.25), -0.098271836421813161));
  CHECK(close(math::lgamma(50.5), 146.51925549072063));
  CHECK(close(math::polygamma(1, 0.1), 101.43329915079275));
  CHECK(close(math::polygamma(1, 7.5), 0.1426158966967038));
  CHECK(close(math::polygamma(2, 1.5), -0.82879664423432));
  CHECK(close(math::polygamma(4, 3.25), -0.094871919953750832));
  CHECK(close(math::polygamma(3, -1.7), 768.84973453013087));
  CHECK(close(math::zeta(1.5, 0.25), 10.213055360466601));
  CHECK(close(math::zeta(3, 10.5), 0.0049875721238575846));
  CHECK(close(math::zeta(12.5, 200), 3.0895373965093532e-28));
  CHECK(close(math::igamma(0.5, 0.25), 0.52049987781304654));
  CHECK(close(math::igamma(5, 3.5), 0.27455504669039539));
  CHECK(close(math::igamma(100, 120), 0.97213626010947934));
  CHECK(close(math::igamma(20000.0, 20100.0), 0.76061670556141765));
  CHECK(close(math::igammac(0.25, 0.75), 0.10006348671550178));
  CHECK(close(math::igammac(5, 30), 3.624300952061488e-9));
  CHECK(close(math::igammac(0.01, 0.1), 0.018135316050987344));
  CHECK(close(math::igammac(100, 90), 0.84177901081356983));
  CHECK(close(math::erfinv(1e-08), 8.8622692545275806e-9));
  CHECK(close(math::erfinv(0.3), 0.27246271472675435));
  CHECK(close(math::erfinv(-0.75), -0.81341984759761854));
  CHECK(close(math::erfinv(0.999999), 3.4589107372754988));
  CHECK(close(math::erfcx(-3.5), 417962.42244577031));
  CHECK(close(math::erfcx(0.5), 0.61569034419292587));
  CHECK(close(math::erfcx(12.5), 0.044992099001027921));
  CHECK(close(math::erfcx(40), 0.014100335983377814));
  CHECK(close(math::i0(0.5), 1.0634833707413235));
  CHECK(close(math::i1(0.5), 0.25789430539089632));
  CHECK(close(math::i0(19.5), 26760525.339838766));
  CHECK(close(math::i1(19.5), 26065069.264457166));
  CHECK(close(math::i0(25), 5774560606.4663103));
  CHECK(close(math::i1(25), 5657865129.8787014));
  CHECK(close(math::log_ndtr(-30), -454.3212439563432));
  CHECK(close(math::log_ndtr(-2.5), -5.0816482772786905));
  CHECK(close(math::log_ndtr(0.75), -0.25699426683836524));
}

TEST_CASE("special functions satisfy their identities") {
  for (double x = 0.05; x < 30; x += 0.37) {
    INFO("x = " << x);
    CHECK(close(math::digamma(x + 1) - math::digamma(x), 1 / x, 1e-11));
    CHECK(close(math::zeta(2.5, x) - math::zeta(2.5, x + 1), std::pow(x, -2.5), 1e-11));
    for (const double a : {0.01, 0.5, 1.0, 3.0, 20.0, 1e4, 2e5}) {
      CHECK(close(math::igamma(a, x) + math::igammac(a, x), 1, 1e-13));
      CHECK(close(math::igamma(a, a) + math::igammac(a, a), 1, 1e-13));
    }
    // The derivative of i1, numerically.
    const double h = 1e-5;
    CHECK(close((math::i1(x + h) - math::i1(x - h)) / (2 * h), math::i0(x) - math::i1(x) / x, 1e-8));
    CHECK(close(math::erfcx(x) * std::exp(-x * x), std::erfc(x), 1e-12));
  }
  for (double p = 1e-12; p < 1; p = p * 1.7 + 1e-3) {
    CHECK(close(std::erf(math::erfinv(p)), p));
    CHECK(close(0.5 * std::erfc(-math::ndtri(p) / std::sqrt(2.0)), p, 1e-12));
    CHECK(math::erfinv(-p) == -math::erfinv(p));
  }
}

TEST_CASE("special functions at poles, infinities and outside of their domain") {
  const double nan = std::nan("");
  for (const auto f : {math::lgamma, math::digamma, math::erfinv, math::erfcx, math::ndtri, math::log_ndtr,
                       math::i0, math::i0e, math::i1, math::i1e}) {
    CHECK(std::isnan(f(nan)));
  }
  CHECK(math::lgamma(-2) == kInf);
  CHECK(math::digamma(0.0) == -kInf);
  CHECK(math::digamma(-0.0) == kInf);
  CHECK(std::isnan(math::digamma(-3)));
  CHECK(math::digamma(kInf) == kInf);
  CHECK(math::polygamma(1, 0) == kInf);
  CHECK(math::polygamma(2, -1) == -kInf);
  CHECK(math::zeta(1, 2) == kInf);
  CHECK(std::isnan(math::zeta(0.5, 1)));
  CHECK(std::isnan(math::zeta(2.5, -1.5)));
  CHECK(math::erfinv(1) == kInf);
  CHECK(math::erfinv(-1) == -kInf);
  CHECK(std::isnan(math::erfinv(1.5)));
  CHECK(math::ndtri(0) == -kInf);
  CHECK(math::ndtri(1) == kInf);
  CHECK(math::erfcx(-kInf) == kInf);
  CHECK(math::erfcx(kInf) == 0);
  CHECK(math::log_ndtr(-kInf) == -kInf);
  CHECK(math::log_ndtr(kInf) == 0);
  CHECK(math::i0e(kInf) == 0);
  CHECK(math::igamma(0, 1) == 1);
  CHECK(std::isnan(math::igamma(0, 0)));
  CHECK(std::isnan(math::igamma(-1, 1)));
  CHECK(math::igamma(2, kInf) == 1);
  CHECK(math::igammac(2, 0) == 1);
  CHECK(math::igammac(kInf, 3) == 1);
}

TEST_CASE("special functions refuse what they cannot do") {
  const Tensor x = Tensor::from(std::vector<double>{0.5, 1.5}, {2});
  CHECK_THROWS_AS(polygamma(-1, x), Error);
  CHECK_THROWS_AS(mvlgamma(x, 0), Error);
}

}  // namespace
}  // namespace dlb
