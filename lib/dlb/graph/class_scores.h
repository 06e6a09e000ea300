#pragma once
/// \file What the classifiers and regressors of ONNX's domain ai.onnx.ml share: scores and labels.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/graph/operator.h"

namespace dlb::graph {

enum class PostTransform : uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
/// The attribute `post_transform`. Errors: config.
PostTransform post_transform(const Call& c);
/// Transforms the scores of one sample. kSoftmaxZero leaves out scores that are 0.
void transform(PostTransform t, double* scores, size_t count);

/// The labels of a classifier, of which one kind is given.
class Labels {
 public:
  /// From attributes classlabels_strings and `ints` ("classlabels_ints" or "classlabels_int64s").
  Labels(const Call& c, std::string_view ints);
  size_t size() const { return texts_.empty() ? numbers_.size() : texts_.size(); }
  /// A vector of labels.
  Value at(const std::vector<size_t>& chosen) const;

 private:
  std::vector<std::string> texts_;
  std::vector<int64_t> numbers_;
};

/// Samples by features as float64: [N, F], a vector as one sample. Raises NeedsData without data.
struct Samples {
  int64_t count = 0, features = 0;
  std::vector<double> values;
  const double* row(int64_t i) const { return values.data() + i * features; }
};
Samples samples_of(const Call& c, size_t i);

/// Scores of samples [N, width] as float32.
Value scores_value(const std::vector<double>& scores, int64_t width);

/// The place of the first largest.
size_t largest(const double* scores, size_t count);

}  // namespace dlb::graph
