#pragma once
/// \file What a model said of the samples of a split, kept in a few hundred kilobytes for reports.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/train/experiment.h"

namespace dlb::train {

/// Gathers, beside an evaluation and from the same outputs, what a report shows of it: of classes the
/// confusion matrix and some samples (the first ones, and those that were mistaken with the most confidence);
/// of sequences, the first ones token by token; of masks and images, the first ones; of numbers, points for a
/// scatter plot of predicted against true. It looks at the first loss that evaluations measure; for a loss of
/// another kind there is nothing to show. Which samples are kept follows from the data alone.
class Predictions {
 public:
  /// The experiment must outlive this.
  explicit Predictions(const Experiment& experiment);

  /// Forgets everything; what follows is of that split, whose batches come in order.
  void start(const std::string& split);
  /// The program of the model whose outputs add() wants; -1 when it wants nothing.
  int64_t program() const { return term_ == nullptr ? -1 : static_cast<int64_t>(program_); }
  void add(const data::Batch& batch, Inputs outputs);
  /// One JSON document, "" when there is nothing to show: {"split", "step", "kind": "classes|numbers",
  /// "samples", "labels", "confusion", "first", "mistakes", "points", ...}, see docs/runs.md.
  std::string to_json(int64_t step) const;

 private:
  /// How the loss reads the model's output.
  enum class Kind { kNone, kClasses, kBinary, kNumbers };

  /// A sample as it is shown; `shown` holds its parts as JSON text.
  struct Sample {
    int64_t index = 0;
    double confidence = 0;  ///< probability of what is predicted
    std::string shown;
  };
  /// Predicted and true numbers of one batch, in the target's shape.
  struct Answers {
    std::vector<int64_t> predicted, actual;
  };

  void add_classes(const data::Batch& batch, const Tensor& output, const Tensor& target, size_t axis);
  void add_binary(const data::Batch& batch, const Tensor& output, const Tensor& target);
  void add_numbers(const data::Batch& batch, const Tensor& output, const Tensor& target);
  void count(const Answers& answers, int64_t classes);
  void keep_samples(const data::Batch& batch, const Answers& answers, const std::vector<float>& probabilities,
                    int64_t classes);
  void keep_sequences(const data::Batch& batch, const Answers& answers, const Tensor& output, size_t axis);
  void keep_images(const data::Batch& batch, const Tensor& output, const Tensor& target);
  void keep_masks(const data::Batch& batch, const Answers& answers, int64_t height, int64_t width);
  std::string input_json(const data::Batch& batch, int64_t row) const;
  std::string label(std::string_view column, int64_t number) const;
  bool has_labels(std::string_view column) const;

  const Experiment& experiment_;
  const LossTerm* term_ = nullptr;
  size_t program_ = 0;
  Kind kind_ = Kind::kNone;
  double threshold_ = 0;       ///< of a binary prediction
  bool probability_ = false;   ///< a binary prediction is one already
  bool from_logits_ = false;   ///< numbers are the logistic function of the output
  int64_t ignore_ = -100;      ///< a target that counts for nothing
  std::string target_column_;  ///< "" when the target is no column
  size_t input_ = 0;           ///< the column that is shown of a sample
  std::string split_;
  int64_t expected_ = 0;  ///< samples of the split
  int64_t seen_ = 0;      ///< rows so far
  int64_t counted_ = 0;   ///< targets in the confusion matrix
  int64_t classes_ = 0;
  std::string form_;                ///< "samples", "sequences", "masks" or "images": what `first` holds
  std::vector<int64_t> confusion_;  ///< [actual][predicted]
  std::vector<Sample> first_, mistakes_;
  std::vector<std::array<double, 3>> points_;  ///< true, predicted, which of several outputs
  int64_t outputs_ = 0;                        ///< numbers predicted of each sample
};

}  // namespace dlb::train
