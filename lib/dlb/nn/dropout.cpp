#include "dlb/nn/dropout.h"

#include "dlb/nn/spatial.h"
#include "dlb/ops/dropout.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/view.h"

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

template <int Spatial>
Fields FeatureDropout<Spatial>::fields() {
  static const Field list[] = {
      field<&FeatureDropout::p>("p", "probability of zeroing a channel", between(0, 1))};
  return list;
}
template <int Spatial>
void FeatureDropout<Spatial>::build(Build& b) {
  const int rank = b.input().rank();
  if (Spatial == 0) return b.expect(rank >= 2, "feature_dropout", "[N, C, ...]");
  b.expect(rank == Spatial + 2, fmt::format("dropout{}d", Spatial), spatial_form(Spatial));
}
template <int Spatial>
Tensor FeatureDropout<Spatial>::forward(Context& c, const Tensor& x) {
  if (!c.training) return x;
  const RngKey key = c.next_key(RngPurpose::kDropout);
  return p > 0 ? feature_dropout(x, p, key) : x;
}
template struct FeatureDropout<0>;
template struct FeatureDropout<1>;
template struct FeatureDropout<2>;
template struct FeatureDropout<3>;

template <bool Feature>
Fields AlphaDropout<Feature>::fields() {
  static const Field list[] = {field<&AlphaDropout::p>(
      "p", Feature ? "probability of dropping a channel" : "probability of dropping an element", fraction())};
  return list;
}
template <bool Feature>
void AlphaDropout<Feature>::build(Build& b) {
  if (Feature) b.expect(b.input().rank() >= 2, "feature_alpha_dropout", "[N, C, ...]");
}
template <bool Feature>
Tensor AlphaDropout<Feature>::forward(Context& c, const Tensor& x) {
  if (!c.training) return x;
  const RngKey key = c.next_key(RngPurpose::kDropout);
  if (p == 0) return x;
  return Feature ? feature_alpha_dropout(x, p, key) : alpha_dropout(x, p, key);
}
template struct AlphaDropout<false>;
template struct AlphaDropout<true>;

Fields DropPath::fields() {
  static const Field list[] = {field<&DropPath::p>("p", "probability of zeroing a sample", between(0, 1))};
  return list;
}
Tensor DropPath::forward(Context& c, const Tensor& x) {
  if (!c.training) return x;
  const RngKey key = c.next_key(RngPurpose::kDropout);
  if (p == 0 || x.rank() == 0) return x;
  // A sample is one channel of a batch of one.
  return squeeze(feature_dropout(unsqueeze(x, 0), p, key), 0);
}

}  // namespace dlb::nn
