#pragma once
/// \file The operators behind create.h, for backends. The output's spec is an attribute: there is no input to
/// infer it from.
///
/// A random operator's key is not among its described fields: it changes from step to step, the operator does
/// not.

#include "dlb/ops/create.h"

namespace dlb {

struct FullAttrs {
  TensorSpec spec;
  double fill_value = 0;
  static Fields fields();
};
struct ArangeAttrs {
  TensorSpec spec;
  double start = 0;
  double step = 1;
  static Fields fields();
};
struct EyeAttrs {
  TensorSpec spec;
  static Fields fields() { return {}; }
};
struct LinspaceAttrs {
  TensorSpec spec;
  double start = 0;
  double end = 1;
  double base = 0;  ///< 0: the numbers themselves
  static Fields fields();
};
struct UniformAttrs {
  TensorSpec spec;
  RngKey key;
  double low = 0;
  double high = 1;
  static Fields fields();
};
struct NormalAttrs {
  TensorSpec spec;
  RngKey key;
  double mean = 0;
  double std = 1;
  static Fields fields();
};
struct BernoulliAttrs {
  TensorSpec spec;
  RngKey key;
  double p = 0.5;
  static Fields fields();
};

namespace op {
const OpDef& full();
const OpDef& arange();
const OpDef& eye();
const OpDef& linspace();
const OpDef& uniform();
const OpDef& normal();
const OpDef& bernoulli();
}  // namespace op

}  // namespace dlb
