#include "dlb/metrics/retrieval.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/ops/matmul.h"
#include "dlb/ops/view.h"

namespace dlb::metrics {

namespace {

/// Samples compared with all others at once.
constexpr int64_t kChunk = 256;

}  // namespace

Fields RetrievalAccuracy::fields() {
  static const Field list[] = {
      field<&RetrievalAccuracy::k>("k", "how many nearest samples may have the label", positive()),
      field<&RetrievalAccuracy::distance>("distance", "by angle, or in space",
                                          one_of({"cosine", "euclidean"})),
  };
  return list;
}

void RetrievalAccuracy::update(const Tensor& prediction, const Tensor& target) {
  if (prediction.rank() != 2 || target.rank() != 1 || prediction.dim(0) != target.dim(0)) {
    fail(ErrorKind::kShape,
         "metric retrieval_accuracy expects embeddings [N, D] and labels [N], got {} and {}",
         shape_text(prediction.shape()), shape_text(target.shape()));
  }
  if (!is_floating(prediction.dtype()) || !is_integral(target.dtype())) {
    fail(ErrorKind::kDtype,
         "metric retrieval_accuracy expects floating embeddings and integer labels, got {} and {}",
         dtype_name(prediction.dtype()), dtype_name(target.dtype()));
  }
  if (prediction.is_meta() || target.is_meta()) return;
  if (width_ != 0 && width_ != prediction.dim(1)) {
    fail(ErrorKind::kShape, "metric retrieval_accuracy saw embeddings of {} before, now {}", width_,
         prediction.dim(1));
  }
  width_ = prediction.dim(1);
  const std::vector<float> p = prediction.to_vector<float>();
  const std::vector<int64_t> t = target.to_vector<int64_t>();
  embeddings_.insert(embeddings_.end(), p.begin(), p.end());
  labels_.insert(labels_.end(), t.begin(), t.end());
}

double RetrievalAccuracy::value() const {
  const auto n = static_cast<int64_t>(labels_.size());
  if (n < 2) return std::numeric_limits<double>::quiet_NaN();
  const NoGrad no_grad;
  std::vector<float> e = embeddings_;
  std::vector<float> half_squares(static_cast<size_t>(n), 0);
  for (int64_t i = 0; i < n; ++i) {
    float* const row = e.data() + i * width_;
    double square = 0;
    for (int64_t j = 0; j < width_; ++j) square += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    if (distance == "euclidean") {
      half_squares[static_cast<size_t>(i)] = static_cast<float>(square / 2);
    } else if (square > 0) {
      for (int64_t j = 0; j < width_; ++j)
        row[j] = static_cast<float>(static_cast<double>(row[j]) / std::sqrt(square));
    }
  }
  // |a - b|^2 orders as |b|^2 / 2 - a b does, for one a.
  const Tensor all = Tensor::from(e, {n, width_});
  const Tensor turned = transpose(all, 0, 1);
  int64_t hits = 0;
  std::vector<std::pair<float, int64_t>> near;
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t count = std::min(kChunk, n - begin);
    const std::vector<float> products =
        matmul(slice(all, 0, begin, begin + count), turned).to_vector<float>();
    for (int64_t i = 0; i < count; ++i) {
      near.clear();
      for (int64_t j = 0; j < n; ++j) {
        if (j == begin + i) continue;
        const float d = half_squares[static_cast<size_t>(j)] - products[static_cast<size_t>(i * n + j)];
        near.emplace_back(std::isnan(d) ? std::numeric_limits<float>::infinity() : d, j);
      }
      const auto last = near.begin() + static_cast<std::ptrdiff_t>(std::min<int64_t>(k, n - 1));
      std::nth_element(near.begin(), last - 1, near.end());
      const int64_t label = labels_[static_cast<size_t>(begin + i)];
      hits += std::any_of(near.begin(), last, [&](const auto& other) {
        return labels_[static_cast<size_t>(other.second)] == label;
      });
    }
  }
  return static_cast<double>(hits) / static_cast<double>(n);
}

}  // namespace dlb::metrics
