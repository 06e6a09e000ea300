#include <vector>

#include "dlb/metrics/binary.h"
#include "dlb/metrics/classification.h"
#include "dlb/metrics/correlation.h"
#include "dlb/metrics/language.h"
#include "dlb/metrics/ranking.h"
#include "dlb/metrics/recommendation.h"
#include "dlb/metrics/regression.h"
#include "dlb/metrics/retrieval.h"
#include "dlb/metrics/sequence.h"

namespace dlb::metrics {

std::span<const MetricType> metric_types() {
  static const std::vector<MetricType> types = {
      type_info<Metric, Accuracy>("accuracy", "share of targets with the highest score"),
      type_info<Metric, TopK>("top_k", "share of targets among the k highest scores"),
      type_info<Metric, Precision>("precision", "share of predictions of a class that are right"),
      type_info<Metric, Recall>("recall", "share of a class that is found"),
      type_info<Metric, F1>("f1", "harmonic mean of precision and recall"),
      type_info<Metric, Specificity>("specificity",
                                     "share of what is not of a class that is not taken for it"),
      type_info<Metric, BalancedAccuracy>("balanced_accuracy",
                                          "mean over classes of the share that is found"),
      type_info<Metric, Matthews>("matthews", "correlation of predicted and actual classes"),
      type_info<Metric, CohenKappa>("cohen_kappa", "agreement with the targets beyond chance"),
      type_info<Metric, Iou>("iou", "intersection over union of predicted and actual pixels"),
      type_info<Metric, Dice>("dice", "twice the intersection over the sum of both"),
      type_info<Metric, BinaryAccuracy>("binary_accuracy",
                                        "share of elements on the right side of a threshold"),
      type_info<Metric, BinaryPrecision>("binary_precision", "share of predicted positives that are"),
      type_info<Metric, BinaryRecall>("binary_recall", "share of positives that are predicted"),
      type_info<Metric, BinaryF1>("binary_f1", "harmonic mean of binary precision and recall"),
      type_info<Metric, BinaryIou>("binary_iou", "intersection over union of predicted and actual positives"),
      type_info<Metric, Auroc>("auroc", "probability that a positive is ranked before a negative"),
      type_info<Metric, AveragePrecision>("average_precision", "area under precision over recall"),
      type_info<Metric, Perplexity>("perplexity", "exponential of the mean cross-entropy"),
      type_info<Metric, BitsPerToken>("bits_per_token", "mean cross-entropy in bits"),
      type_info<Metric, ExactMatch>("exact_match", "share of samples that are right in every target"),
      type_info<Metric, EditDistance>("edit_distance", "mean number of edits between two sequences"),
      type_info<Metric, WordErrorRate>("word_error_rate", "edits over tokens, or words, of the targets"),
      type_info<Metric, Bleu>("bleu", "n-grams that prediction and target share"),
      type_info<Metric, HitRate>("hit_rate", "share of wanted items among the k highest scores"),
      type_info<Metric, Mrr>("mrr", "mean of one over the wanted item's place"),
      type_info<Metric, Ndcg>("ndcg", "gain of the wanted items, discounted by place"),
      type_info<Metric, RetrievalAccuracy>("retrieval_accuracy",
                                           "share of embeddings whose nearest neighbour has their label"),
      type_info<Metric, Mae>("mae", "mean absolute error"),
      type_info<Metric, Mse>("mse", "mean squared error"),
      type_info<Metric, Rmse>("rmse", "root of the mean squared error"),
      type_info<Metric, MeanRelativeError>("mean_relative_error", "mean of the error over the target"),
      type_info<Metric, Psnr>("psnr", "peak signal-to-noise ratio in decibels"),
      type_info<Metric, R2>("r2", "share of the target's variance that is explained"),
      type_info<Metric, ExplainedVariance>("explained_variance", "r2 that forgives a constant error"),
      type_info<Metric, Pearson>("pearson", "linear correlation of prediction and target"),
      type_info<Metric, Spearman>("spearman", "correlation of their ranks"),
  };
  return types;
}

}  // namespace dlb::metrics
