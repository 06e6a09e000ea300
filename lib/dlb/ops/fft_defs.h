#pragma once
/// \file The operators behind fft.h, for backends. float32 and float64. y_k = scale * sum_j x_j exp(-+ 2 pi i
/// j k / n).

#include <vector>

#include "dlb/ops/op.h"

namespace dlb {

struct FftAttrs {
  std::vector<int64_t> dims;
  bool inverse = false;  ///< the sign of the exponent is +
  double scale = 1;
  static Fields fields();
};
struct RealFftAttrs {
  int64_t dim = 0;
  double scale = 1;
  static Fields fields();
};
struct InverseRealFftAttrs {
  int64_t dim = 0;
  int64_t n = 0;  ///< size of the result along dim
  double scale = 1;
  static Fields fields();
};

namespace op {
/// (re, im or undefined) -> (re, im), along each of dims.
const OpDef& fft();
/// x [*, n] -> (re, im) [*, n / 2 + 1].
const OpDef& rfft();
/// (re, im or undefined) [*, n / 2 + 1] -> x [*, n]; the other half is taken to be the conjugate.
const OpDef& irfft();
}  // namespace op

}  // namespace dlb
