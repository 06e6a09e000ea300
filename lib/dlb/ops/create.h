#pragma once
/// \file Tensors from nothing: constants, ranges and random values.

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

Tensor full(Shape shape, double value, DType dtype = DType::kFloat32, Device device = kCpu);
Tensor zeros(Shape shape, DType dtype = DType::kFloat32, Device device = kCpu);
Tensor ones(Shape shape, DType dtype = DType::kFloat32, Device device = kCpu);
/// Same shape, dtype, device and layout as `x`.
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
/// start, start + step, ... below `end` (above it for a negative step). Shapes: -> [ceil((end - start) /
/// step)].
Tensor arange(double start, double end, double step = 1, DType dtype = DType::kInt64, Device device = kCpu);
/// Identity matrix [n, n].
Tensor eye(int64_t n, DType dtype = DType::kFloat32, Device device = kCpu);
/// Ones on the main diagonal. Shapes: -> [n, m].
Tensor eye(int64_t n, int64_t m, DType dtype = DType::kFloat32, Device device = kCpu);
/// `count` numbers from start to end, both included, evenly spaced.
Tensor linspace(double start, double end, int64_t count, DType dtype = DType::kFloat32, Device device = kCpu);
/// base to the power of those numbers.
Tensor logspace(double start, double end, int64_t count, double base = 10, DType dtype = DType::kFloat32,
                Device device = kCpu);
/// Rows and columns of the elements of an [n, m] matrix on and below (above) that diagonal, row by row.
/// Shapes: -> int64 [2, count].
Tensor tril_indices(int64_t n, int64_t m, int64_t diagonal = 0);
Tensor triu_indices(int64_t n, int64_t m, int64_t diagonal = 0);
/// Powers of a vector as columns, the highest first, or last with `increasing`; columns = -1 takes as many as
/// rows. Shapes: x [n] -> [n, columns].
Tensor vander(const Tensor& x, int64_t columns = -1, bool increasing = false);

/// Uniform in [low, high), low <= high: element i is low + (high - low) * u_i, u_i from word i of `key`.
Tensor uniform(Shape shape, double low, double high, const RngKey& key, DType dtype = DType::kFloat32,
               Device device = kCpu);
/// Normal with that mean and standard deviation >= 0 (Box-Muller on words 2i, 2i + 1 of the stream).
Tensor normal(Shape shape, double mean, double stddev, const RngKey& key, DType dtype = DType::kFloat32,
              Device device = kCpu);
/// 1 with probability p, else 0. Errors: config unless 0 <= p <= 1.
Tensor bernoulli(Shape shape, double p, const RngKey& key, DType dtype = DType::kFloat32,
                 Device device = kCpu);

}  // namespace dlb
