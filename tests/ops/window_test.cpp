// Windows and short-time transforms against PyTorch's numbers, and the round trip.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/grad_check.h"
#include "dlb/functional/function.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/signal.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

using Doubles = std::vector<double>;

Tensor tensor(const Doubles& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }

void check_close(const Tensor& got, const Doubles& expected, double tolerance = 1e-13) {
  const Doubles v = got.to_vector<double>();
  REQUIRE(v.size() == expected.size());
  for (size_t i = 0; i < v.size(); ++i) {
    INFO("element " << i << ": got " << v[i] << ", expected " << expected[i]);
    CHECK(std::abs(v[i] - expected[i]) <= tolerance);
  }
}

Tensor named(const std::string& name, std::vector<functional::Value> args,
             const functional::NamedValues& more = {}) {
  functional::NamedValues all = more;
  all.emplace_back("dtype", DType::kFloat64);
  return functional::call(name, args, all).as<Tensor>();
}

TEST_CASE("windows are PyTorch's, symmetric and periodic") {
  const std::pair<const char*, Doubles> expected[] = {
      {"bartlett", {0, 0.666666666666667, 0.666666666666667, 0}},
      {"blackman", {0, 0.63, 0.63, 0}},
      {"cosine", {0.38268343236509, 0.923879532511287, 0.923879532511287, 0.38268343236509}},
      {"hamming", {0.08, 0.77, 0.77, 0.08}},
      {"hann", {0, 0.75, 0.75, 0}},
      {"nuttall", {0.000362800000000038, 0.5292298, 0.5292298, 0.000362800000000038}},
      {"exponential", {0.22313016014843, 0.606530659712633, 0.606530659712633, 0.22313016014843}},
      {"gaussian", {0.32465246735835, 0.882496902584595, 0.882496902584595, 0.32465246735835}},
      {"kaiser", {5.27734413200977e-05, 0.518844721672361, 0.518844721672361, 5.27734413200977e-05}},
      {"general_hamming", {0.08, 0.77, 0.77, 0.08}},
  };
  for (const auto& [name, four] : expected) {
    INFO(name);
    const std::string full = std::string("signal.windows.") + name;
    check_close(named(full, {int64_t{4}}), four);
    // A periodic window is that of a point more without the last.
    check_close(named(full, {int64_t{3}}, {{"sym", false}}), {four[0], four[1], four[2]});
    check_close(named(full, {int64_t{1}}), {1});
    check_close(named(full, {int64_t{1}}, {{"sym", false}}), {1});
    check_close(named(full, {int64_t{0}}), {});
  }
  for (const char* name : {"bartlett", "blackman", "hamming", "hann", "kaiser"}) {
    INFO(name);
    const std::string plain = std::string(name) + "_window";
    const std::string signal = std::string("signal.windows.") + name;
    for (const int64_t n : {0, 1, 2, 5, 8}) {
      check_close(named(plain, {n}), named(signal, {n}, {{"sym", false}}).to_vector<double>(), 0);
      check_close(named(plain, {n, false}), named(signal, {n}).to_vector<double>(), 0);
    }
    CHECK(functional::call(plain, std::vector<functional::Value>{int64_t{4}}).as<Tensor>().dtype() ==
          DType::kFloat32);
  }
}

TEST_CASE("parameters of windows: PyTorch's numbers") {
  const DType d = DType::kFloat64;
  check_close(window::general_cosine(4, {0.4, 0.3, 0.2, 0.1}, false, d), {0.2, 0.35, 0.35, 0.2});
  check_close(window::kaiser(5, false, 2.5, d),
              {0.303966229415369, 0.779166974770787, 1, 0.779166974770787, 0.303966229415369});
  check_close(window::gaussian(4, 0.8, false, d),
              {0.172421623893753, 0.822577562398665, 0.822577562398665, 0.172421623893753});
  check_close(window::exponential(4, 1.0, 2, true, d),
              {0.606530659712633, 1, 0.606530659712633, 0.367879441171442});
  check_close(window::hamming(4, true, 0.3, 0.1, d), {0.2, 0.3, 0.4, 0.3});
  // I0(900) is infinite, the window is not: I0(x) is near exp(x) / sqrt(2 pi x).
  const Doubles sharp = window::kaiser(5, false, 900, d).to_vector<double>();
  CHECK(sharp[2] == 1);
  CHECK(sharp[1] == Approx(std::exp(900 * (std::sqrt(0.75) - 1)) / std::pow(0.75, 0.25)).epsilon(1e-4));
}

TEST_CASE("windows that make no sense are refused by name") {
  CHECK_THROWS_WITH(window::hann(-1), Catch::Contains("a window has at least 0 points, got -1"));
  CHECK_THROWS_WITH(window::hann(4, true, DType::kInt64), Catch::Contains("float32 or float64, not int64"));
  CHECK_THROWS_WITH(window::gaussian(4, 0), Catch::Contains("standard deviation above 0, got 0"));
  CHECK_THROWS_WITH(window::exponential(4, {}, -1), Catch::Contains("tau above 0, got -1"));
  CHECK_THROWS_WITH(window::exponential(4, 1.0, 1, false), Catch::Contains("must be periodic"));
  CHECK_THROWS_WITH(window::general_cosine(4, {}), Catch::Contains("at least one coefficient"));
}

TEST_CASE("short-time transforms: PyTorch's numbers") {
  const Tensor x = tensor({0.5, 1, -1, 2, 3, -2, 0.25, 1.5});
  const Tensor w = tensor({0.5, 1, 0.75});
  const Complex a = stft(x, {.n_fft = 4, .hop_length = 3, .win_length = 3, .window = w, .normalized = true});
  CHECK(a.re.shape() == Shape{3, 3});
  check_close(a.re, {0.4375, 0.5, -0.15625, -0.4375, -0.5, 0.65625, -0.5625, 1.5, 1.84375});
  check_close(a.im, {0, 0, 0, -0.5, 0.5, 1, 0, 0, 0});
  const Complex b = stft(x, {.n_fft = 4, .hop_length = 2, .center = false, .onesided = false});
  CHECK(b.re.shape() == Shape{4, 3});
  check_close(b.re, {2.5, 2, 2.75, 1.5, -4, 2.75, -3.5, 2, 3.75, 1.5, -4, 2.75});
  check_close(b.im, {0, 0, 0, 1, -4, 3.5, 0, 0, 0, -1, 4, -3.5});
  const Complex c = stft(x, {.n_fft = 5, .hop_length = 4, .pad_mode = "replicate"});
  check_close(c.re, {1.5, 2.25, -0.868033988749895, -1.11372875703132, 1.36803398874989, -2.51127124296868});
  check_close(c.im, {0, 0, -1.13269214829649, -4.60327516497888, -1.35720613658629, 3.72665838996394});

  // Frame t counts t + 1 times: no signal has this transform, and the nearest one is given.
  const StftOptions o{.n_fft = 4, .hop_length = 2, .win_length = 3, .window = w};
  Complex y = stft(x, o);
  const Tensor weights = tensor({1, 2, 3, 4, 5});
  y = {y.re * weights, y.im * weights};
  check_close(istft(y, o, 9),
              {0.653846153846154, 2, -2.30769230769231, 6, 9.92307692307692, -8, 1.07692307692308, 7.5, 1.25},
              1e-12);
}

TEST_CASE("istft undoes stft") {
  for (const int64_t n : {1, 2, 5, 8, 16}) {
    for (const int64_t hop : {1, 2, 3}) {
      for (const bool normalized : {false, true}) {
        for (const bool onesided : {false, true}) {
          for (const char* mode : {"reflect", "replicate", "constant", "circular"}) {
            if (hop > n) continue;
            INFO("n_fft " << n << ", hop " << hop << ", " << mode);
            const Tensor x = values({2, 31}, -1, 1, 31);
            StftOptions o{.n_fft = n, .hop_length = hop, .pad_mode = mode};
            o.win_length = std::max<int64_t>(n - 1, hop);
            o.window = values({*o.win_length}, 0.5, 1, 32);
            o.normalized = normalized;
            o.onesided = onesided;
            const Tensor y = istft(stft(x, o), o, 31);
            CHECK(y.shape() == Shape{2, 31});
            // Samples that no frame reaches are 0: those behind the last frame.
            const int64_t known = 31 - hop;
            check_close(narrow(y, 1, 0, known), narrow(x, 1, 0, known).to_vector<double>(), 1e-12);
          }
        }
      }
    }
  }
  // Without centring, all samples under the windows come back; more are zeros.
  const Tensor x = values({20}, -1, 1, 33);
  StftOptions o{.n_fft = 8, .hop_length = 4, .center = false};
  check_close(istft(stft(x, o), o), x.to_vector<double>(), 1e-12);
  Doubles longer = x.to_vector<double>();
  longer.resize(23, 0);
  check_close(istft(stft(x, o), o, 23), longer, 1e-12);
}

TEST_CASE("stft of complex samples is linear in both parts") {
  const Tensor re = values({13}, -1, 1, 34), im = values({13}, -1, 1, 35);
  const StftOptions o{.n_fft = 6, .hop_length = 2, .onesided = false};
  const Complex y = stft({re, im}, o), a = stft(re, o), b = stft(im, o);
  check_close(y.re, (a.re - b.im).to_vector<double>());
  check_close(y.im, (a.im + b.re).to_vector<double>());
  CHECK_THROWS_WITH(stft({re, im}, {.n_fft = 6}), Catch::Contains("cannot be onesided"));
}

TEST_CASE("gradients of short-time transforms, of signal and window") {
  using In = std::vector<Tensor>;
  const auto leaf = [](const Shape& shape, uint32_t stream) {
    Tensor t = values(shape, 0.5, 1.5, stream);
    t.set_requires_grad(true);
    return t;
  };
  CHECK(grad_check(
            [](const In& in) {
              const Complex y = stft(in[0], {.n_fft = 5, .hop_length = 2, .win_length = 4, .window = in[1]});
              return In{square(y.re), square(y.im)};
            },
            {leaf({2, 9}, 36), leaf({4}, 37)}) == "");
  CHECK(grad_check(
            [](const In& in) {
              return In{square(istft({in[0], in[1]}, {.n_fft = 4, .hop_length = 2, .window = in[2]}))};
            },
            {leaf({3, 4}, 38), leaf({3, 4}, 39), leaf({4}, 40)}) == "");
}

TEST_CASE("signals that cannot be transformed are refused by name") {
  const Tensor x = values({8});
  CHECK_THROWS_WITH(stft(x, {.n_fft = 0}), Catch::Contains("n_fft of at least 1, got 0"));
  CHECK_THROWS_WITH(stft(x, {.n_fft = 9, .center = false}), Catch::Contains("needs as many samples, got 8"));
  CHECK_THROWS_WITH(stft(x, {.n_fft = 16}), Catch::Contains("padding reflect values by 8 needs at least 9"));
  CHECK_THROWS_WITH(stft(x, {.n_fft = 4, .hop_length = 0}),
                    Catch::Contains("hop_length of at least 1, got 0"));
  CHECK_THROWS_WITH(stft(x, {.n_fft = 4, .win_length = 5}),
                    Catch::Contains("win_length of 1 to n_fft = 4, got 5"));
  CHECK_THROWS_WITH(stft(x, {.n_fft = 4, .window = values({3})}), Catch::Contains("a window [4], got [3]"));
  CHECK_THROWS_WITH(stft(x, {.n_fft = 4, .pad_mode = "mirror"}), Catch::Contains("got 'mirror'"));
  CHECK_THROWS_WITH(stft(values({1, 2, 8}), {.n_fft = 4}), Catch::Contains("[samples] or [batch, samples]"));
  CHECK_THROWS_WITH(stft(cast(x, DType::kInt64), {.n_fft = 4}), Catch::Contains("float32 or float64"));
  const Complex y{values({3, 6}), values({3, 6})};
  CHECK_THROWS_WITH(istft(y, {.n_fft = 6}), Catch::Contains("4 frequencies of at least 1 frame"));
  CHECK_THROWS_WITH(istft(y, {.n_fft = 4, .hop_length = 5}),
                    Catch::Contains("at most win_length = 4, got 5"));
  CHECK_THROWS_WITH(istft(y, {.n_fft = 4}, -1), Catch::Contains("at least 0, got -1"));
  // Hann's window is 0 at its start: without overlap there is nothing to divide by.
  StftOptions gap{.n_fft = 4, .hop_length = 4, .center = false};
  gap.window = window::hann(4, true, DType::kFloat64);
  CHECK_THROWS_WITH(istft(y, gap), Catch::Contains("leave a gap"));
}

}  // namespace
}  // namespace dlb::testing
