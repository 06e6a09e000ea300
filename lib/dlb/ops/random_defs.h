#pragma once
/// \file The operators behind random.h, for backends. A random operator's key is not among its described
/// fields.

#include "dlb/ops/random.h"

namespace dlb {

/// Of operators without inputs: the output's spec and up to four parameters.
struct RandomAttrs {
  TensorSpec spec;
  RngKey key;
  double a = 0, b = 1;
  double low = 0, high = 0;
  static Fields fields();
};
struct RandomIntAttrs {
  TensorSpec spec;
  RngKey key;
  int64_t low = 0, high = 1;
  static Fields fields();
};
/// Of operators with a distribution for each element.
struct SampleAttrs {
  RngKey key;
};
struct MultinomialAttrs {
  RngKey key;
  int64_t samples = 1;
  bool replacement = false;
  static Fields fields();
};

namespace op {
const OpDef& randint();           ///< low, high
const OpDef& randperm();          ///< of [n]
const OpDef& exponential();       ///< a: rate
const OpDef& geometric();         ///< a: probability
const OpDef& log_normal();        ///< a, b: mean and deviation of the logarithm
const OpDef& cauchy();            ///< a, b: median, sigma
const OpDef& truncated_normal();  ///< a, b: mean, deviation; low, high
const OpDef& poisson();           ///< rate -> sample
const OpDef& standard_gamma();    ///< shape -> sample
const OpDef& binomial();          ///< (count, p) of one shape -> sample
const OpDef& multinomial();       ///< weights [N, C] -> [N, samples]
}  // namespace op

}  // namespace dlb
