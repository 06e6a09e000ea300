#pragma once
/// \file Random tensors beyond create.h's uniform, normal and bernoulli. Element i depends on the key and i
/// alone: the same for any number of threads. Nothing here has a gradient with respect to a distribution's
/// parameters; dropout's passes to its input.

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// Whole numbers low <= n < high, all equally likely. Any dtype but bool. Errors: config unless low < high
/// and an integer dtype holds them.
Tensor randint(int64_t low, int64_t high, Shape shape, const RngKey& key, DType dtype = DType::kInt64);
/// 0 to n - 1 in random order. Errors: shape for a negative n; config for one that the dtype cannot count to.
Tensor randperm(int64_t n, const RngKey& key, DType dtype = DType::kInt64);

/// Density rate exp(-rate x), x > 0. Errors: config unless rate > 0.
Tensor exponential(Shape shape, double rate, const RngKey& key, DType dtype = DType::kFloat32);
/// Number of trials up to the first success, 1, 2, ... Errors: config unless 0 < p <= 1.
Tensor geometric(Shape shape, double p, const RngKey& key, DType dtype = DType::kFloat32);
/// exp of a normal variable. Errors: config when stddev < 0.
Tensor log_normal(Shape shape, double mean, double stddev, const RngKey& key, DType dtype = DType::kFloat32);
/// median + sigma tan(pi (u - 1/2)). Errors: config unless sigma > 0.
Tensor cauchy(Shape shape, double median, double sigma, const RngKey& key, DType dtype = DType::kFloat32);
/// Normal under the condition low <= x <= high. Errors: config unless low < high, stddev > 0,
/// and both mean and stddev are finite.
Tensor truncated_normal(Shape shape, double mean, double stddev, double low, double high, const RngKey& key,
                        DType dtype = DType::kFloat32);

/// Normal for each pair of means and deviations (broadcast). Errors: data for a negative deviation.
Tensor normal(const Tensor& mean, const Tensor& stddev, const RngKey& key);
/// 1 with the probability that p has there, in p's dtype. Errors: data for p outside 0 to 1.
Tensor bernoulli(const Tensor& p, const RngKey& key);
/// Poisson for each rate. Errors: data for a negative one.
Tensor poisson(const Tensor& rate, const RngKey& key);
/// Successes among `count` trials (broadcast). Errors: data for a negative or infinite count, or p
/// outside 0 to 1.
Tensor binomial(const Tensor& count, const Tensor& p, const RngKey& key);
/// Gamma with those shapes and rate 1. Errors: data unless they are above 0 and finite.
Tensor standard_gamma(const Tensor& alpha, const RngKey& key);
/// Gamma with those shapes and rates (broadcast). Errors as standard_gamma's, also below.
Tensor gamma(const Tensor& alpha, const Tensor& rate, const RngKey& key);
/// Beta (broadcast).
Tensor beta(const Tensor& a, const Tensor& b, const RngKey& key);
/// Dirichlet over the last dimension.
Tensor dirichlet(const Tensor& concentration, const RngKey& key);

/// `samples` classes for each row of weights, in the order drawn. Shapes: [C] or [N, C] -> [samples] or [N,
/// samples] of int64. Errors: shape; data for weights that are negative, not finite, or too few above 0.
Tensor multinomial(const Tensor& weights, int64_t samples, bool replacement, const RngKey& key);

}  // namespace dlb
