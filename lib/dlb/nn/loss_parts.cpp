#include "dlb/nn/loss_parts.h"

#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"

namespace dlb::nn {

LossSum total(const Tensor& values) { return total(values, values.numel()); }

LossSum total(const Tensor& values, int64_t count) {
  const Tensor s = sum(values);
  return {s, full({}, static_cast<double>(count), s.dtype(), s.device())};
}

Tensor weights(const std::vector<double>& values, const Tensor& like) {
  if (values.empty()) return {};
  const auto n = static_cast<int64_t>(values.size());
  if (like.is_meta()) return Tensor::empty({n}, like.dtype(), kMeta);
  return cast(Tensor::from(values, {n}), like.dtype());
}

Tensor class_weights(const std::vector<double>& values, const Tensor& prediction, std::string_view loss,
                     int64_t dim) {
  if (!values.empty() && prediction.rank() >= 2) {
    const int64_t classes = prediction.dim(normalize_dim(dim, prediction.rank(), "dim"));
    if (classes != static_cast<int64_t>(values.size())) {
      fail(ErrorKind::kShape, "{}.weight has {} numbers, the model predicts {} classes", loss, values.size(),
           classes);
    }
  }
  return weights(values, prediction);
}

Tensor matching(const Tensor& prediction, const Tensor& target, std::string_view loss) {
  if (!(prediction.shape() == target.shape())) {
    std::string hint;
    if (prediction.numel() == target.numel() && prediction.rank() == target.rank() + 1 &&
        prediction.dim(-1) == 1) {
      hint = "the target has no last dimension: end the model with `- squeeze: -1`";
    }
    throw Error(ErrorKind::kShape,
                fmt::format("{} needs prediction and target of equal shape, got {} and {}", loss,
                            shape_text(prediction.shape()), shape_text(target.shape())),
                {}, std::move(hint));
  }
  return target.dtype() == prediction.dtype() ? target : cast(target, prediction.dtype());
}

void expect_form(bool holds, std::string_view loss, std::string_view what, std::string_view form,
                 const Tensor& got) {
  if (holds) return;
  fail(ErrorKind::kShape, "{} expects {} {}, got {}", loss, what, form, shape_text(got.shape()));
}

void expect_alike(const Tensor& a, const Tensor& b, std::string_view loss) {
  if (a.shape() == b.shape()) return;
  fail(ErrorKind::kShape, "{} needs predictions of one shape, got {} and {}", loss, shape_text(a.shape()),
       shape_text(b.shape()));
}

}  // namespace dlb::nn
