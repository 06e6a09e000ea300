#pragma once
/// \file Samples of every operator for the registry-driven sweep: calls of public functions with small
/// inputs.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dlb/autograd/grad_check.h"
#include "dlb/ops/op.h"

namespace dlb::testing {

/// One call of one operator. Floating inputs are float64; the sweep converts them to the other types.
struct Sample {
  std::vector<Tensor> inputs = {};
  /// A public function of the inputs; must not use random state and must give the same for the same inputs.
  TensorFunction call = {};
  /// Check gradients with respect to all float64 inputs (operators without a vjp are never checked). Turn it
  /// off for inputs at kinks.
  bool gradient = true;
  bool second_order = true;
  /// dtypes of the floating inputs for which the call must raise a dtype error. All other dtypes must work or
  /// raise one.
  std::vector<DType> rejects = {};
  /// Factor on the tolerances with which float32, bfloat16 and float16 must agree with float64.
  double tolerance = 1;
  /// Whether results in bfloat16 and float16 are compared at all (not for functions that jump).
  bool compare_16_bit = true;
  /// Large enough for several threads: results and gradients must be the same bits with 1 and 2. Nothing else
  /// is checked.
  bool large = false;
  /// The header documents that the last bits may depend on the number of threads.
  bool thread_dependent = false;
};

/// Name of an operator or function -> samples. What no reference vector runs needs at least one, an operator
/// also one with a zero-size input or output.
using SampleTable = std::map<std::string, std::vector<Sample>, std::less<>>;

void add_create_samples(SampleTable& table);
void add_unary_samples(SampleTable& table);
void add_binary_samples(SampleTable& table);
void add_activation_samples(SampleTable& table);
void add_special_samples(SampleTable& table);
void add_reduce_samples(SampleTable& table);
/// Scans, sorts, searches, statistics, distances: samples_reduction.cpp.
void add_order_samples(SampleTable& table);
void add_shape_samples(SampleTable& table);
void add_index_samples(SampleTable& table);
/// matmul, conv, pool, norm, softmax, loss: samples_network.cpp.
void add_network_samples(SampleTable& table);
/// Unpooling, resizing, sampling, sliding windows: samples_spatial.cpp.
void add_spatial_samples(SampleTable& table);
/// Fourier transforms, windows: samples_fft.cpp.
void add_fft_samples(SampleTable& table);
/// Attention, recurrent networks, CTC, random operators.
void add_sequence_samples(SampleTable& table);
/// What only moves elements and has no vectors: samples_moves.cpp.
void add_move_samples(SampleTable& table);
/// Matrices, dense and sparse: samples_linalg.cpp.
void add_linalg_samples(SampleTable& table);

/// All of the above.
const SampleTable& all_samples();

/// float64 values from a fixed pseudo-random stream, uniform in [low, high).
Tensor values(Shape shape, double low = -2, double high = 2, uint32_t stream = 0);

/// Where the values of an input lie.
struct Range {
  double low = -2;
  double high = 2;
};
/// Small, 0-d, empty and large samples of a function of one tensor; `base` is what they share.
void add_unary(SampleTable& table, const std::string& name, const std::function<Tensor(const Tensor&)>& f,
               Range range = {}, const Sample& base = {});
/// As add_unary: one shape, broadcasting both ways, 0-d, empty, large.
void add_binary(SampleTable& table, const std::string& name,
                const std::function<Tensor(const Tensor&, const Tensor&)>& f, Range a = {}, Range b = {},
                const Sample& base = {});
TensorFunction on_one(const std::function<Tensor(const Tensor&)>& f);
TensorFunction on_two(const std::function<Tensor(const Tensor&, const Tensor&)>& f);

}  // namespace dlb::testing
