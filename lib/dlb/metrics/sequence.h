#pragma once
/// \file Metrics of whole sequences. Predictions are scores [N, C, S] (class_dim 1) or [N, S, C] (class_dim
/// -1), of which the highest class counts, or tokens [N, S]; targets [N, T]. Targets equal to ignore_index
/// are filling.

#include <optional>
#include <vector>

#include "dlb/metrics/classification.h"

namespace dlb::metrics {

using Tokens = std::vector<int64_t>;

/// Cuts sequences out of a batch: both end before the first `end`; of predictions with a `blank`, repeated
/// tokens count once and blanks not at all, as CTC has it.
class SequenceMetric : public ClassMetric {
 public:
  std::optional<int64_t> end;
  std::optional<int64_t> blank;

 protected:
  struct Pair {
    Tokens predicted, actual;
  };
  /// Empty for meta tensors. Errors: shape, dtype.
  std::vector<Pair> pairs(const Tensor& prediction, const Tensor& target, std::string_view name) const;
};

/// The fields of every SequenceMetric after `own`.
std::vector<Field> sequence_fields(std::vector<Field> own);

/// Insertions, deletions and replacements that turn one into the other (Levenshtein's distance).
int64_t edit_distance(const std::vector<Tokens>& a, const std::vector<Tokens>& b);
int64_t edit_distance(const Tokens& a, const Tokens& b);

/// Share of samples of which every target that counts has the highest score. Shapes: [N, C, *] and [N, *].
struct ExactMatch : ClassMetric {
  static Fields fields();
  void reset() override { right_ = total_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;

 private:
  int64_t right_ = 0, total_ = 0;
};

/// Mean edit distance of a sequence.
struct EditDistance : SequenceMetric {
  static Fields fields();
  void reset() override { edits_ = total_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;
  bool higher_is_better() const override { return false; }

 private:
  int64_t edits_ = 0, total_ = 0;
};

/// Edits over tokens of the targets, in all; with a `separator` token, of the words between them.
struct WordErrorRate : SequenceMetric {
  std::optional<int64_t> separator;
  static Fields fields();
  void reset() override { edits_ = total_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;
  bool higher_is_better() const override { return false; }

 private:
  int64_t edits_ = 0, total_ = 0;
};

/// min(1, exp(1 - r / c)) times the geometric mean, over n = 1 to max_n, of the share of n-grams of all
/// predictions that their target has (each as often as there), r and c the tokens of targets and predictions.
/// **Source**: Papineni et al., "BLEU", ACL 2002.
struct Bleu : SequenceMetric {
  int64_t max_n = 4;
  static Fields fields();
  void reset() override;
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;

 private:
  std::vector<int64_t> matched_, offered_;
  int64_t predicted_ = 0, actual_ = 0, total_ = 0;
};

}  // namespace dlb::metrics
