// Fourier transforms against their definition, PyTorch's numbers and the identities that hold for them.
#include "dlb/ops/fft.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "dlb/autograd/grad_check.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

using Doubles = std::vector<double>;
using Value = std::complex<double>;

Tensor tensor(const Doubles& v, Shape shape = {}) {
  if (shape.empty()) shape = {static_cast<int64_t>(v.size())};
  return Tensor::from(v, std::move(shape));
}

void check_close(const Tensor& got, const Doubles& expected, double tolerance = 1e-12) {
  const Doubles v = got.to_vector<double>();
  REQUIRE(v.size() == expected.size());
  for (size_t i = 0; i < v.size(); ++i) {
    INFO("element " << i << ": got " << v[i] << ", expected " << expected[i]);
    CHECK(std::abs(v[i] - expected[i]) <= tolerance);
  }
}
void check_same(const Tensor& got, const Tensor& expected, double tolerance = 1e-12) {
  CHECK(got.shape() == expected.shape());
  check_close(got, expected.to_vector<double>(), tolerance);
}
void check_same(const Complex& got, const Complex& expected, double tolerance = 1e-12) {
  check_same(got.re, expected.re, tolerance);
  check_same(got.im, expected.im, tolerance);
}

Complex random_complex(const Shape& shape, uint32_t stream = 0) {
  return {values(shape, -1, 1, stream), values(shape, -1, 1, stream + 1)};
}

/// The definition, term by term.
std::vector<Value> slow_transform(const Complex& x, bool inverse) {
  const Doubles re = x.re.to_vector<double>();
  const Doubles im = x.im.to_vector<double>();
  const size_t n = re.size();
  std::vector<Value> y(n);
  for (size_t k = 0; k < n; ++k) {
    for (size_t j = 0; j < n; ++j) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(j * k % n) / static_cast<double>(n);
      y[k] += Value(re[j], im[j]) * std::polar(1.0, inverse ? angle : -angle);
    }
  }
  return y;
}

const int64_t kLengths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 12,  15,  16,  17,  24,  25,   30,
                            31, 32, 45, 49, 53, 59, 60, 64, 96, 97, 100, 101, 121, 128, 210, 1000, 1024};

TEST_CASE("the transform of every length is its definition") {
  for (const int64_t n : kLengths) {
    INFO("length " << n);
    const Complex x = random_complex({n}, static_cast<uint32_t>(n));
    for (const bool inverse : {false, true}) {
      const std::vector<Value> expected = slow_transform(x, inverse);
      const Complex y = inverse ? fft::ifft(x, {}, -1, "forward") : fft::fft(x);
      Doubles re, im;
      for (const Value v : expected) {
        re.push_back(v.real());
        im.push_back(v.imag());
      }
      const double tolerance = 1e-13 * static_cast<double>(n) + 1e-14;
      check_close(y.re, re, tolerance);
      check_close(y.im, im, tolerance);
    }
  }
}

TEST_CASE("transforms undo each other, along any dimension and with any norm") {
  for (const int64_t n : {1, 2, 3, 5, 7, 8, 12, 17, 97, 100, 1000, 1009}) {
    INFO("length " << n);
    for (const int64_t dim : {0, 1, 2}) {
      Shape shape{2, 3, 2};
      shape[static_cast<size_t>(dim)] = n;
      const Complex x = random_complex(shape, 7);
      for (const char* norm : {"backward", "forward", "ortho"}) {
        check_same(fft::ifft(fft::fft(x, {}, dim, norm), {}, dim - 3, norm), x);
        check_same(fft::irfft(fft::rfft(x.re, {}, dim, norm), n, dim, norm), x.re);
        check_same(fft::hfft(fft::ihfft(x.re, {}, dim, norm), n, dim, norm), x.re);
      }
    }
  }
  const Complex x = random_complex({3, 4, 5}, 9);
  const Dims dims{2, 0};
  check_same(fft::ifftn(fft::fftn(x)), x);
  check_same(fft::ifftn(fft::fftn(x, {}, dims), {}, dims), x);
  check_same(fft::irfftn(fft::rfftn(x.re), Dims{3, 4, 5}), x.re);
  check_same(fft::irfftn(fft::rfftn(x.re, {}, Dims{-1, -2}, "ortho"), Dims{5, 4}, Dims{-1, -2}, "ortho"),
             x.re);
}

TEST_CASE("a transform over several dims is one after the other") {
  const Complex x = random_complex({3, 4, 5}, 11);
  check_same(fft::fftn(x, {}, Dims{0, 2}), fft::fft(fft::fft(x, {}, 2), {}, 0));
  check_same(fft::fftn(x, Dims{6, 2}), fft::fft(fft::fft(x, 2, 2), 6, 1));
  check_same(fft::fftn(x, Dims{-1, 2}), fft::fft(fft::fft(x, 2, 2), {}, 1));
  check_same(fft::rfftn(x.re, {}, Dims{1, 0}), fft::fft(fft::rfft(x.re, {}, 0), {}, 1));
  check_same(fft::irfftn(x, Dims{4, 7}, Dims{1, 2}), fft::irfft(fft::ifft(x, {}, 1), 7, 2));
  check_same(fft::fftn(x, {}, Dims{}), x);
}

TEST_CASE("the real transforms are halves of the complex one") {
  for (const int64_t n : {1, 2, 3, 6, 7, 16, 53, 59, 106}) {
    INFO("length " << n);
    const Tensor x = values({3, n}, -1, 1, 13);
    const Complex whole = fft::fft({x, {}});
    const int64_t m = n / 2 + 1;
    check_same(fft::rfft(x), {narrow(whole.re, 1, 0, m), narrow(whole.im, 1, 0, m)});
    const Complex back = fft::ifft({x, {}});
    check_same(fft::ihfft(x), {narrow(back.re, 1, 0, m), narrow(back.im, 1, 0, m)});
    // Of a spectrum that is its own conjugate mirrored, the inverse is real.
    const Complex full = fft::ifft(whole);
    check_same(fft::irfft(whole, n), full.re);
    check_close(full.im, Doubles(static_cast<size_t>(3 * n), 0));
  }
}

TEST_CASE("the energy of a signal is that of its transform") {
  for (const int64_t n : {5, 8, 59, 210}) {
    const Complex x = random_complex({n}, 15);
    const Complex y = fft::fft(x, {}, -1, "ortho");
    const auto energy = [](const Complex& c) {
      double sum = 0;
      for (const double v : c.re.to_vector<double>()) sum += v * v;
      for (const double v : c.im.to_vector<double>()) sum += v * v;
      return sum;
    };
    CHECK(energy(y) == Approx(energy(x)).epsilon(1e-13));
  }
}

TEST_CASE("n pads or cuts, norm divides: PyTorch's numbers") {
  const Complex z{tensor({1, -2, 3, 0.5, 4}), tensor({0.5, 1, -1.5, 2, 0})};
  const Complex three{narrow(z.re, 0, 0, 3), narrow(z.im, 0, 0, 3)};
  const Complex y = fft::fft(z);
  check_close(y.re, {6.5, -2.31971735829092, 4.38000855088793, -3.45295756776309, -0.107333624833918}, 1e-13);
  check_close(y.im, {2, 4.64138446422721, 5.74984430730525, -6.0588613016802, -3.83236746985226}, 1e-13);
  const Complex padded = fft::fft(z, 7, -1, "ortho");
  check_close(padded.re,
              {2.45676907455998, -1.80731091343307, 0.608496317004176, 2.73175702324519, 0.0433057146812,
               0.561560268508282, -1.94882617350117},
              1e-13);
  check_close(padded.im,
              {0.755928946018454, -0.0707527638469802, 1.28168086339473, 1.83095975778737, -3.17745474479083,
               0.892304242149889, -0.189790645180339},
              1e-13);
  const Complex cut = fft::ifft(z, 3, 0, "forward");
  check_close(cut.re, {2, -1.6650635094611, 2.6650635094611}, 1e-13);
  check_close(cut.im, {0, -3.58012701892219, 5.08012701892219}, 1e-13);
  const Complex half = fft::rfft(z.re);
  check_close(half.re, {6.5, -1.21352549156242, 0.463525491562421}, 1e-13);
  check_close(half.im, {0, 4.23687596703974, 5.90435280449272}, 1e-13);
  // Even and odd lengths of the result; imaginary parts of frequencies 0 and n / 2 do not count.
  check_close(fft::irfft(three), {0, -1, 2, 0}, 1e-13);
  check_close(fft::irfft(three, 5),
              {0.6, -1.04578544389247, 0.412285978055813, 2.02378199944398, -0.990282533607318}, 1e-13);
  check_close(fft::hfft(three, 5),
              {3, -4.95141266803659, 10.1189099972199, 2.06142989027907, -5.22892721946236}, 1e-13);
  check_close(fft::hfft(z, 8, -1, "ortho"),
              {2.82842712474619, -1.87132034355964, -1.06066017177982, 2.75, 4.94974746830583,
               -2.37132034355964, 0.353553390593274, -2.75},
              1e-13);
  const Complex back = fft::ihfft(z.re);
  check_close(back.re, {1.3, -0.242705098312484, 0.0927050983124843}, 1e-13);
  check_close(back.im, {0, -0.847375193407948, -1.18087056089854}, 1e-13);
}

TEST_CASE("sizes and dims in any order: PyTorch's numbers") {
  Doubles squares(12);
  for (size_t i = 0; i < 12; ++i) squares[i] = static_cast<double>(i * i) / 10;
  const Tensor m = tensor(squares, {3, 4});
  const Complex y = fft::rfftn(m, Dims{4, 3}, Dims{-1, 0}, "ortho");
  CHECK(y.re.shape() == Shape{2, 4});
  check_close(y.re,
              {14.6069618104975, -1.73205080756888, -1.90525588832577, -1.73205080756888, -6.69726312259966,
               0.292820323027551, 0.692820323027551, 1.09282032302755},
              1e-12);
  check_close(y.im,
              {0, 2.07846096908265, 0, -2.07846096908265, 6, -1.09282032302755, -0.4, 0.292820323027551},
              1e-12);
  const Tensor back = fft::irfftn({m, flip(m, {0})}, {}, Dims{-2, -1});
  CHECK(back.shape() == Shape{3, 6});
  check_close(narrow(back, 0, 1, 1),
              {-2.74162371019881, -0.00350392555051001, 0.0488033871712584, 0.105156684612642,
               -0.0488033871712584, 0.844757402451644},
              1e-12);
}

TEST_CASE("single precision is accurate, integers count as float32") {
  for (const int64_t n : {7, 59, 100, 1000, 1024}) {
    const Complex x = random_complex({4, n}, 17);
    const Complex in32{cast(x.re, DType::kFloat32), cast(x.im, DType::kFloat32)};
    const Complex y = fft::fft(in32);
    CHECK(y.re.dtype() == DType::kFloat32);
    const Complex exact = fft::fft({cast(in32.re, DType::kFloat64), cast(in32.im, DType::kFloat64)});
    // Rounding errors grow with the square root of n at most.
    const double tolerance = 5e-7 * std::sqrt(static_cast<double>(n));
    check_same({cast(y.re, DType::kFloat64), cast(y.im, DType::kFloat64)}, exact, tolerance);
  }
  for (const DType dtype : {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool}) {
    const Complex y = fft::rfft(cast(tensor({1, 0, 1, 1}), dtype));
    CHECK(y.re.dtype() == DType::kFloat32);
    check_close(y.re, {3, 0, 1}, 1e-6);
    check_close(y.im, {0, 1, 0}, 1e-6);
  }
}

TEST_CASE("a tensor without other elements is transformed to one") {
  CHECK(fft::fft(random_complex({0, 4})).re.shape() == Shape{0, 4});
  CHECK(fft::rfft(values({0, 5})).im.shape() == Shape{0, 3});
  CHECK(fft::irfft(random_complex({3, 0, 2}), 7).shape() == Shape{3, 0, 7});
  CHECK(fft::fftn(random_complex({})).re.shape() == Shape{});
}

TEST_CASE("infinities and NaN stay within their line") {
  Doubles v(16, 1);
  v[3] = std::numeric_limits<double>::infinity();
  const Doubles y = fft::rfft(tensor(v, {2, 8})).re.to_vector<double>();
  for (size_t i = 0; i < 10; ++i) CHECK(std::isfinite(y[i]) == (i >= 5));
}

TEST_CASE("gradients of transforms, first and second order") {
  const auto check = [](const TensorFunction& f, const std::vector<Shape>& shapes) {
    std::vector<Tensor> inputs;
    for (const Shape& shape : shapes) {
      inputs.push_back(values(shape, -1, 1, 19 + static_cast<uint32_t>(inputs.size())));
      inputs.back().set_requires_grad(true);
    }
    CHECK(grad_check(f, inputs) == "");
  };
  using In = std::vector<Tensor>;
  // Squared, so that the second order is not zero.
  const auto both = [](const Complex& c) { return In{square(c.re), square(c.im)}; };
  for (const int64_t n : {1, 4, 5, 53}) {
    check([&](const In& in) { return both(fft::fft({in[0], in[1]}, n, 0, "ortho")); }, {{5, 2}, {5, 2}});
    check([&](const In& in) { return both(fft::ifft({in[0], {}}, n)); }, {{2, 4}});
    check([&](const In& in) { return both(fft::rfft(in[0], n)); }, {{2, 4}});
    check([&](const In& in) { return both(fft::ihfft(in[0], n, 0)); }, {{4, 2}});
    check([&](const In& in) { return In{square(fft::irfft({in[0], in[1]}, n))}; }, {{2, 3}, {2, 3}});
    check([&](const In& in) { return In{square(fft::hfft({in[0], {}}, n, 0))}; }, {{3, 2}});
  }
  check([&](const In& in) { return both(fft::rfftn(in[0], Dims{4, 3}, Dims{0, 1})); }, {{3, 3}});
  check([&](const In& in) { return In{square(fft::irfftn({in[0], in[1]}, Dims{2, 5}))}; }, {{3, 3}, {3, 3}});
}

TEST_CASE("frequencies and shifts") {
  check_close(fft::fftfreq(5, 0.5), {0, 0.4, 0.8, -0.8, -0.4}, 1e-6);
  check_close(fft::fftfreq(4, 1, DType::kFloat64), {0, 0.25, -0.5, -0.25}, 0);
  check_close(fft::rfftfreq(5, 2), {0, 0.1, 0.2}, 1e-6);
  CHECK(fft::fftfreq(0).shape() == Shape{0});
  check_close(fft::fftshift(tensor({0, 1, 2, 3, 4})), {3, 4, 0, 1, 2}, 0);
  check_close(fft::ifftshift(tensor({0, 1, 2, 3, 4})), {2, 3, 4, 0, 1}, 0);
  check_close(fft::fftshift(tensor({0, 1, 2, 3, 4, 5}, {2, 3}), Dims{-1}), {2, 0, 1, 5, 3, 4}, 0);
  check_close(fft::fftshift(tensor({0, 1, 2, 3, 4, 5}, {2, 3})), {5, 3, 4, 2, 0, 1}, 0);
  const Tensor x = values({4, 5, 3});
  check_same(fft::ifftshift(fft::fftshift(x)), x, 0);
}

std::string error_of(const std::function<void()>& f, ErrorKind kind) {
  try {
    f();
  } catch (const Error& e) {
    CHECK(e.kind == kind);
    return e.message;
  }
  return "no error";
}

TEST_CASE("what cannot be transformed is said by name") {
  const Tensor x = values({2, 3});
  const Complex z = random_complex({2, 3});
  CHECK(error_of([&] { fft::fft(z, 0); }, ErrorKind::kShape) == "fft expects at least 1 point, got 0");
  CHECK(error_of([&] { fft::fft(z, -1); }, ErrorKind::kShape) == "fft expects at least 1 point, got -1");
  CHECK(error_of(
            [&] {
              fft::rfft(values({3, 0}));
            },
            ErrorKind::kShape) == "fft expects at least 1 point, got 0");
  CHECK(error_of(
            [&] {
              fft::irfft(random_complex({3, 1}));
            },
            ErrorKind::kShape) == "fft expects at least 1 point, got 0");
  CHECK(error_of([&] { fft::fft(random_complex({})); }, ErrorKind::kShape) ==
        "fft expects at least 1 dimension, got a 0-d tensor");
  CHECK(error_of(
            [&] {
              fft::rfftn(x, Dims{2}, Dims{0, 1});
            },
            ErrorKind::kShape) == "fft expects a size for each of 2 dims, got [2]");
  CHECK(error_of([&] { fft::fftn(z, {}, Dims{0, -2}); }, ErrorKind::kShape) == "fft: dim -2 is given twice");
  CHECK(error_of([&] { fft::fftn(z, Dims{2, 2, 2}); }, ErrorKind::kShape) == "fft over 3 dims of [2, 3]");
  CHECK(error_of([&] { fft::rfft(x, {}, -1, "half"); }, ErrorKind::kConfig) ==
        "fft expects norm backward, forward or ortho, got 'half'");
  CHECK(error_of([&] { fft::rfftn(x, {}, Dims{}); }, ErrorKind::kShape) ==
        "a real fft expects at least 1 dim");
  CHECK(error_of(
            [&] {
              fft::fft({x, values({3, 2})});
            },
            ErrorKind::kShape) == "fft expects real and imaginary parts of one shape, got [2, 3] and [3, 2]");
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    error_of([&] { fft::rfft(cast(x, dtype)); }, ErrorKind::kDtype);
    CHECK_THROWS_AS(fft::rfft(cast(x, dtype)), Error);
  }
  CHECK_THROWS_AS(fft::fft(z, {}, 2), Error);
  CHECK_THROWS_AS(fft::fft(z, std::numeric_limits<int64_t>::max()), Error);
  CHECK_THROWS_AS(fft::irfft(z, std::numeric_limits<int64_t>::max()), Error);
  CHECK_THROWS_AS(fft::fftfreq(-1), Error);
}

}  // namespace
}  // namespace dlb::testing
