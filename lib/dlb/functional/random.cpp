#include "dlb/ops/random.h"

#include "dlb/functional/define.h"
#include "dlb/ops/create.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

constexpr Traits kFresh{.dtypes = DTypes::kNone, .differentiable = false};
constexpr Traits kOfAny{.dtypes = DTypes::kAll, .differentiable = false};
constexpr Traits kOfFloating{.dtypes = DTypes::kFloating, .differentiable = false};

/// The random tensor itself, or its type alone where x has no data.
template <class F>
Tensor like(const Tensor& x, std::optional<DType> dtype, const F& draw) {
  const DType wanted = dtype.value_or(x.dtype());
  if (x.is_meta() && !recording()) {
    static_cast<void>(draw(Shape{0}, wanted));  // refuses the same dtypes
    return Tensor::empty(x.shape(), wanted, kMeta);
  }
  return draw(x.shape(), wanted);
}

void check_floating(const char* name, const Tensor& x) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "{} expects a floating input, got {}", name, dtype_name(x.dtype()));
  }
}

std::vector<Function> creation() {
  return {
      define(
          "uniform", "uniform in [low, high)",
          {"size", "low = 0.0", "high = 1.0", "seed = 0", "dtype = float32"},
          +[](const Dims& size, double low, double high, const RngKey& key, DType dtype) {
            return uniform(size, low, high, key, dtype);
          },
          kFresh),
      define(
          "rand", "uniform in [0, 1)", {"size", "seed = 0", "dtype = float32"},
          +[](const Dims& size, const RngKey& key, DType dtype) { return uniform(size, 0, 1, key, dtype); },
          kFresh),
      define(
          "randn", "standard normal", {"size", "seed = 0", "dtype = float32"},
          +[](const Dims& size, const RngKey& key, DType dtype) { return normal(size, 0, 1, key, dtype); },
          kFresh),
      define(
          "randint", "whole numbers in [low, high)", {"low", "high", "size", "seed = 0", "dtype = int64"},
          +[](int64_t low, int64_t high, const Dims& size, const RngKey& key, DType dtype) {
            return randint(low, high, size, key, dtype);
          },
          kFresh),
      define(
          "randint", "whole numbers in [0, high)", {"high", "size", "seed = 0", "dtype = int64"},
          +[](int64_t high, const Dims& size, const RngKey& key, DType dtype) {
            return randint(0, high, size, key, dtype);
          },
          kFresh),
      define(
          "randperm", "0 to n - 1 in random order", {"n", "seed = 0", "dtype = int64"},
          +[](int64_t n, const RngKey& key, DType dtype) { return randperm(n, key, dtype); }, kFresh),
      define(
          "normal", "normal of that shape", {"mean", "std", "size", "seed = 0", "dtype = float32"},
          +[](double mean, double stddev, const Dims& size, const RngKey& key, DType dtype) {
            if (!(stddev >= 0)) fail(ErrorKind::kConfig, "normal expects std of at least 0, got {}", stddev);
            return normal(size, mean, stddev, key, dtype);
          },
          kFresh),
      define(
          "trunc_normal", "normal under the condition a <= x <= b",
          {"size", "mean = 0.0", "std = 1.0", "a = -2.0", "b = 2.0", "seed = 0", "dtype = float32"},
          +[](const Dims& size, double mean, double stddev, double a, double b, const RngKey& key,
              DType dtype) { return truncated_normal(size, mean, stddev, a, b, key, dtype); },
          kFresh),
  };
}

std::vector<Function> of_a_shape() {
  return {
      define(
          "rand_like", "uniform in [0, 1), shaped as the input", {"input", "dtype = none", "seed = 0"},
          +[](const Tensor& x, std::optional<DType> dtype, const RngKey& key) {
            return like(x, dtype, [&](const Shape& s, DType t) { return uniform(s, 0, 1, key, t); });
          },
          kOfFloating),
      define(
          "randn_like", "standard normal, shaped as the input", {"input", "dtype = none", "seed = 0"},
          +[](const Tensor& x, std::optional<DType> dtype, const RngKey& key) {
            return like(x, dtype, [&](const Shape& s, DType t) { return normal(s, 0, 1, key, t); });
          },
          kOfFloating),
      define("randint_like", "whole numbers in [low, high), shaped as the input",
             {"input", "low", "high", "dtype = none", "seed = 0"},
             +[](const Tensor& x, int64_t low, int64_t high, std::optional<DType> dtype, const RngKey& key) {
               return like(x, dtype, [&](const Shape& s, DType t) { return randint(low, high, s, key, t); });
             },
             {.dtypes = DTypes::kNumeric, .differentiable = false}),
      define("randint_like", "whole numbers in [0, high), shaped as the input",
             {"input", "high", "dtype = none", "seed = 0"},
             +[](const Tensor& x, int64_t high, std::optional<DType> dtype, const RngKey& key) {
               return like(x, dtype, [&](const Shape& s, DType t) { return randint(0, high, s, key, t); });
             },
             {.dtypes = DTypes::kNumeric, .differentiable = false}),
      define(
          "exponential", "exponentially distributed, shaped as the input",
          {"input", "lambd = 1.0", "seed = 0"},
          +[](const Tensor& x, double rate, const RngKey& key) {
            return like(x, {}, [&](const Shape& s, DType t) { return exponential(s, rate, key, t); });
          },
          kOfFloating),
      define("geometric", "trials up to the first success, shaped as the input", {"input", "p", "seed = 0"},
             +[](const Tensor& x, double p, const RngKey& key) {
               return like(x, {}, [&](const Shape& s, DType t) { return geometric(s, p, key, t); });
             },
             {.dtypes = DTypes::kNumeric, .differentiable = false}),
      define(
          "log_normal", "exp of a normal variable, shaped as the input",
          {"input", "mean = 1.0", "std = 2.0", "seed = 0"},
          +[](const Tensor& x, double mean, double stddev, const RngKey& key) {
            return like(x, {}, [&](const Shape& s, DType t) { return log_normal(s, mean, stddev, key, t); });
          },
          kOfFloating),
      define(
          "cauchy", "Cauchy distributed, shaped as the input",
          {"input", "median = 0.0", "sigma = 1.0", "seed = 0"},
          +[](const Tensor& x, double median, double sigma, const RngKey& key) {
            return like(x, {}, [&](const Shape& s, DType t) { return cauchy(s, median, sigma, key, t); });
          },
          kOfFloating),
      define(
          "bernoulli", "1 with probability p, shaped as the input", {"input", "p", "seed = 0"},
          +[](const Tensor& x, double p, const RngKey& key) {
            return like(x, {}, [&](const Shape& s, DType t) { return bernoulli(s, p, key, t); });
          },
          kOfAny),
  };
}

std::vector<Function> of_parameters() {
  return {
      define(
          "bernoulli", "1 with the probabilities of the input", {"input", "seed = 0"},
          +[](const Tensor& p, const RngKey& key) { return bernoulli(p, key); }, kOfFloating),
      define(
          "normal", "normal for each mean and deviation", {"mean", "std = 1.0", "seed = 0"},
          +[](const Operand& mean, const Operand& stddev, const RngKey& key) {
            if (mean.is_scalar() && stddev.is_scalar()) {
              fail(ErrorKind::kConfig, "normal expects a tensor among mean and std, or a size");
            }
            const Tensor m = mean.with(stddev.tensor.defined() ? stddev.tensor : mean.tensor);
            const Tensor s = stddev.with(m);
            check_floating("normal", m);
            check_floating("normal", s);
            return normal(m, s, key);
          },
          kOfFloating),
      define(
          "poisson", "Poisson distributed for each rate", {"input", "seed = 0"},
          +[](const Tensor& rate, const RngKey& key) { return poisson(rate, key); }, kOfFloating),
      define(
          "binomial", "successes for each number of trials", {"count", "prob", "seed = 0"},
          +[](const Tensor& count, const Tensor& p, const RngKey& key) { return binomial(count, p, key); },
          kOfFloating),
      define(
          "standard_gamma", "gamma distributed with rate 1 for each shape", {"input", "seed = 0"},
          +[](const Tensor& alpha, const RngKey& key) { return standard_gamma(alpha, key); }, kOfFloating),
      define(
          "gamma", "gamma distributed", {"concentration", "rate", "seed = 0"},
          +[](const Tensor& alpha, const Tensor& rate, const RngKey& key) { return gamma(alpha, rate, key); },
          kOfFloating),
      define(
          "beta", "beta distributed", {"concentration1", "concentration0", "seed = 0"},
          +[](const Tensor& a, const Tensor& b, const RngKey& key) { return beta(a, b, key); }, kOfFloating),
      define(
          "dirichlet", "Dirichlet distributed over the last dimension", {"concentration", "seed = 0"},
          +[](const Tensor& c, const RngKey& key) { return dirichlet(c, key); }, kOfFloating),
      define(
          "multinomial", "classes drawn by weight for each row",
          {"input", "num_samples", "replacement = false", "seed = 0"},
          +[](const Tensor& weights, int64_t samples, bool replacement, const RngKey& key) {
            return multinomial(weights, samples, replacement, key);
          },
          kOfFloating),
  };
}

}  // namespace

std::vector<Function> random_functions() {
  std::vector<Function> all = creation();
  for (const auto& more : {of_a_shape(), of_parameters()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace dlb::functional
