#include "dlb/nn/dropout.h"

#include "dlb/ops/softmax.h"

namespace dlb::nn {

Fields Dropout::fields() {
  static const Field list[] = {field<&Dropout::p>("p", "probability of zeroing an element", between(0, 1))};
  return list;
}

Tensor Dropout::forward(Context& c, const Tensor& x) {
  if (!c.training) return x;
  // The key is taken even when p is 0, so that the streams of later layers do not depend on p.
  const RngKey key = c.next_key(RngPurpose::kDropout);
  return p > 0 ? dropout(x, p, key) : x;
}

}  // namespace dlb::nn
