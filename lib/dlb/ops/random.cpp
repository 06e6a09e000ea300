#include "dlb/ops/random.h"

#include <array>
#include <cmath>
#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/random_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/require.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields RandomAttrs::fields() {
  static const Field list[] = {field<&RandomAttrs::a>("a", "first parameter of the distribution"),
                               field<&RandomAttrs::b>("b", "second parameter of the distribution"),
                               field<&RandomAttrs::low>("low", "lower limit"),
                               field<&RandomAttrs::high>("high", "upper limit")};
  return list;
}
Fields RandomIntAttrs::fields() {
  static const Field list[] = {field<&RandomIntAttrs::low>("low", "smallest value"),
                               field<&RandomIntAttrs::high>("high", "limit that is not reached")};
  return list;
}
Fields MultinomialAttrs::fields() {
  static const Field list[] = {
      field<&MultinomialAttrs::samples>("samples", "draws of each row", at_least(0)),
      field<&MultinomialAttrs::replacement>("replacement", "whether a class can be drawn again")};
  return list;
}

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void infer_random(Infer& c, const RandomAttrs& a) {
  if (!is_floating(a.spec.dtype)) c.fail_dtype("expects a floating dtype, got {}", dtype_name(a.spec.dtype));
  c.output(a.spec);
}
/// Counts of trials may be integers.
void infer_geometric(Infer& c, const RandomAttrs& a) {
  if (a.spec.dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
  c.output(a.spec);
}
void infer_integers(Infer& c, const RandomIntAttrs& a) {
  if (a.spec.dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
  c.output(a.spec);
}
void infer_samples(Infer& c, const SampleAttrs&) {
  c.floating(0);
  if (c.inputs() > 1) {
    c.same_dtype(0, 1);
    if (!(c.input(0).shape == c.input(1).shape)) {
      c.fail_shape("expects parameters of one shape, got {} and {}", shape_text(c.input(0).shape),
                   shape_text(c.input(1).shape));
    }
  }
  c.output(c.input(0).shape, c.input(0).dtype);
}
void infer_multinomial(Infer& c, const MultinomialAttrs& a) {
  c.floating(0);
  c.rank(0, 2);
  if (a.samples < 0) fail(ErrorKind::kConfig, "multinomial expects a number of samples, got {}", a.samples);
  if (!a.replacement && a.samples > c.input(0).dim(1)) {
    c.fail_shape("cannot draw {} of {} classes without replacement", a.samples, c.input(0).dim(1));
  }
  c.output({c.input(0).dim(0), a.samples}, DType::kInt64);
}

template <class A>
OpDef random_op(std::string_view name, std::string_view doc, void (*infer)(Infer&, const A&)) {
  return define<A>({.name = name,
                    .doc = doc,
                    .infer = infer,
                    .saves = Saves::kNothing,
                    .cost = per_element<40, A>,
                    .random = true});
}

Cost cost_multinomial(Inputs in, Inputs out, const MultinomialAttrs&) {
  return {40 * static_cast<double>(in[0].numel() + out[0].numel()), moved_bytes(in, out)};
}

Tensor draw(const OpDef& op, Shape shape, const RngKey& key, DType dtype, double a, double b = 0,
            double low = 0, double high = 0) {
  return apply1<RandomAttrs>(op, {}, {make_spec(std::move(shape), dtype), key, a, b, low, high});
}

void expect(bool holds, const char* what, double found) {
  if (!holds) fail(ErrorKind::kConfig, "{}, got {}", what, found);
}
/// Checks every element; there is nothing to check without data.
void expect_all(const Tensor& holds, const char* what) {
  if (!holds.is_meta() && all(holds).item() == 0) fail(ErrorKind::kData, "{}", what);
}

struct Pair {
  Tensor a, b;
};
Pair together(const Tensor& a, const Tensor& b) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  const DType dtype = promote_operands(std::array{a, b});
  const auto spread = [&](const Tensor& t) { return contiguous(expand(cast(t.detach(), dtype), shape)); };
  return {spread(a), spread(b)};
}

void expect_positive(const Tensor& x, const char* what) {
  expect_all(logical_and(gt(x, 0.0), lt(x, kInfinity)), what);
}

/// The largest whole number up to which `dtype` holds all; of bool, which the operators refuse, anything.
int64_t exact_limit(DType dtype) {
  switch (dtype) {
    case DType::kInt32:
      return std::numeric_limits<int32_t>::max();
    case DType::kUInt8:
      return std::numeric_limits<uint8_t>::max();
    case DType::kFloat64:
      return int64_t{1} << 53;
    case DType::kFloat32:
      return int64_t{1} << 24;
    case DType::kFloat16:
      return int64_t{1} << 11;
    case DType::kBFloat16:
      return int64_t{1} << 8;
    default:
      return std::numeric_limits<int64_t>::max();
  }
}

Tensor sample(const OpDef& op, const Tensor& parameter, const RngKey& key) {
  return apply1(op, {contiguous(parameter)}, SampleAttrs{key});
}

RngKey following(RngKey key) {
  ++key.index;
  return key;
}

}  // namespace

namespace op {

const OpDef& randint() {
  static const OpDef def =
      random_op<RandomIntAttrs>("randint", "whole numbers, equally likely", infer_integers);
  return def;
}
const OpDef& randperm() {
  static const OpDef def =
      random_op<RandomIntAttrs>("randperm", "0 to n - 1 in random order", infer_integers);
  return def;
}
const OpDef& exponential() {
  static const OpDef def = random_op<RandomAttrs>("exponential", "exponentially distributed", infer_random);
  return def;
}
const OpDef& geometric() {
  static const OpDef def = random_op<RandomAttrs>("geometric", "trials up to a success", infer_geometric);
  return def;
}
const OpDef& log_normal() {
  static const OpDef def = random_op<RandomAttrs>("log_normal", "exp of a normal variable", infer_random);
  return def;
}
const OpDef& cauchy() {
  static const OpDef def = random_op<RandomAttrs>("cauchy", "Cauchy distributed", infer_random);
  return def;
}
const OpDef& truncated_normal() {
  static const OpDef def =
      random_op<RandomAttrs>("truncated_normal", "normal between two limits", infer_random);
  return def;
}
const OpDef& poisson() {
  static const OpDef def =
      random_op<SampleAttrs>("poisson", "Poisson distributed for each rate", infer_samples);
  return def;
}
const OpDef& standard_gamma() {
  static const OpDef def =
      random_op<SampleAttrs>("standard_gamma", "gamma distributed for each shape", infer_samples);
  return def;
}
const OpDef& binomial() {
  static const OpDef def =
      random_op<SampleAttrs>("binomial", "successes for each number of trials", infer_samples);
  return def;
}
const OpDef& multinomial() {
  static const OpDef def = define<MultinomialAttrs>({.name = "multinomial",
                                                     .doc = "classes drawn by weight for each row",
                                                     .infer = infer_multinomial,
                                                     .saves = Saves::kNothing,
                                                     .cost = cost_multinomial,
                                                     .random = true,
                                                     .onnx = {"Multinomial", 7}});
  return def;
}

}  // namespace op

std::span<const OpDef* const> random_ops() {
  static const OpDef* const list[] = {&op::randint(),   &op::randperm(),         &op::exponential(),
                                      &op::geometric(), &op::log_normal(),       &op::cauchy(),
                                      &op::poisson(),   &op::truncated_normal(), &op::standard_gamma(),
                                      &op::binomial(),  &op::multinomial()};
  return list;
}

Tensor randint(int64_t low, int64_t high, Shape shape, const RngKey& key, DType dtype) {
  if (low >= high) fail(ErrorKind::kConfig, "randint expects low < high, got {} and {}", low, high);
  if (is_integral(dtype)) {
    const int64_t largest = exact_limit(dtype);
    const int64_t smallest = dtype == DType::kUInt8 ? 0 : -largest - 1;
    if (low < smallest || high - 1 > largest) {
      fail(ErrorKind::kConfig, "randint expects limits that {} holds, got {} and {}", dtype_name(dtype), low,
           high);
    }
  }
  return apply1<RandomIntAttrs>(op::randint(), {}, {make_spec(std::move(shape), dtype), key, low, high});
}

Tensor randperm(int64_t n, const RngKey& key, DType dtype) {
  if (n < 0) fail(ErrorKind::kShape, "randperm expects n of at least 0, got {}", n);
  if (n - 1 > exact_limit(dtype)) {
    fail(ErrorKind::kConfig, "randperm expects an n whose numbers {} tells apart, got {}", dtype_name(dtype),
         n);
  }
  return apply1<RandomIntAttrs>(op::randperm(), {}, {make_spec({n}, dtype), key, 0, n});
}

Tensor exponential(Shape shape, double rate, const RngKey& key, DType dtype) {
  expect(rate > 0, "exponential expects a rate above 0", rate);
  return draw(op::exponential(), std::move(shape), key, dtype, rate);
}
Tensor geometric(Shape shape, double p, const RngKey& key, DType dtype) {
  expect(p > 0 && p <= 1, "geometric expects a probability above 0 and up to 1", p);
  return draw(op::geometric(), std::move(shape), key, dtype, p);
}
Tensor log_normal(Shape shape, double mean, double stddev, const RngKey& key, DType dtype) {
  expect(stddev >= 0, "log_normal expects a deviation of at least 0", stddev);
  return draw(op::log_normal(), std::move(shape), key, dtype, mean, stddev);
}
Tensor cauchy(Shape shape, double median, double sigma, const RngKey& key, DType dtype) {
  expect(sigma > 0, "cauchy expects sigma above 0", sigma);
  return draw(op::cauchy(), std::move(shape), key, dtype, median, sigma);
}
Tensor truncated_normal(Shape shape, double mean, double stddev, double low, double high, const RngKey& key,
                        DType dtype) {
  expect(std::isfinite(mean), "truncated_normal expects a finite mean", mean);
  expect(stddev > 0 && std::isfinite(stddev), "truncated_normal expects a finite deviation above 0", stddev);
  expect(low < high, "truncated_normal expects a lower limit below the upper one", low);
  return draw(op::truncated_normal(), std::move(shape), key, dtype, mean, stddev, low, high);
}

Tensor normal(const Tensor& mean, const Tensor& stddev, const RngKey& key) {
  const Pair p = together(mean, stddev);
  expect_all(ge(p.b, 0.0), "normal expects deviations of at least 0");
  const Tensor z = normal(p.a.shape(), 0, 1, key, p.a.dtype(), p.a.device());
  return add(p.a, mul(p.b, z));
}

Tensor bernoulli(const Tensor& p, const RngKey& key) {
  const Tensor fixed = contiguous(p.detach());
  require_floating(p, "bernoulli");
  expect_all(logical_and(ge(fixed, 0.0), le(fixed, 1.0)), "bernoulli expects probabilities from 0 to 1");
  const Tensor u = uniform(p.shape(), 0, 1, key, DType::kFloat32, p.device());
  return cast(lt(u, fixed), p.dtype());
}

Tensor poisson(const Tensor& rate, const RngKey& key) {
  const Tensor fixed = rate.detach();
  expect_all(ge(fixed, 0.0), "poisson expects rates of at least 0");
  return sample(op::poisson(), fixed, key);
}

Tensor binomial(const Tensor& count, const Tensor& p, const RngKey& key) {
  const Pair both = together(count, p);
  expect_all(logical_and(ge(both.a, 0.0), lt(both.a, kInfinity)),
             "binomial expects finite counts of at least 0");
  expect_all(logical_and(ge(both.b, 0.0), le(both.b, 1.0)), "binomial expects probabilities from 0 to 1");
  return apply1(op::binomial(), {both.a, both.b}, SampleAttrs{key});
}

Tensor standard_gamma(const Tensor& alpha, const RngKey& key) {
  expect_positive(alpha.detach(), "standard_gamma expects finite shapes above 0");
  return sample(op::standard_gamma(), alpha, key);
}

Tensor gamma(const Tensor& alpha, const Tensor& rate, const RngKey& key) {
  const Pair p = together(alpha, rate);
  expect_positive(p.a, "gamma expects finite shapes above 0");
  expect_positive(p.b, "gamma expects finite rates above 0");
  return div(standard_gamma(p.a, key), p.b);
}

Tensor beta(const Tensor& a, const Tensor& b, const RngKey& key) {
  const Pair p = together(a, b);
  expect_positive(p.a, "beta expects finite concentrations above 0");
  expect_positive(p.b, "beta expects finite concentrations above 0");
  const Tensor x = standard_gamma(p.a, key);
  return div(x, add(x, standard_gamma(p.b, following(key))));
}

Tensor dirichlet(const Tensor& concentration, const RngKey& key) {
  if (concentration.rank() == 0) fail(ErrorKind::kShape, "dirichlet expects at least 1 dimension");
  expect_positive(concentration.detach(), "dirichlet expects finite concentrations above 0");
  const Tensor x = standard_gamma(concentration.detach(), key);
  return div(x, sum(x, {-1}, kKeepDim));
}

Tensor multinomial(const Tensor& weights, int64_t samples, bool replacement, const RngKey& key) {
  if (weights.rank() < 1 || weights.rank() > 2) {
    fail(ErrorKind::kShape, "multinomial expects weights [C] or [N, C], got {}", shape_text(weights.shape()));
  }
  const bool single = weights.rank() == 1;
  const Tensor rows = contiguous(single ? unsqueeze(weights.detach(), 0) : weights.detach());
  const Tensor drawn = apply1(op::multinomial(), {rows}, MultinomialAttrs{key, samples, replacement});
  return single ? squeeze(drawn, 0) : drawn;
}

}  // namespace dlb
