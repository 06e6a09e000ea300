#include "dlb/train/predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "dlb/nn/losses.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"
#include "dlb/train/sample_json.h"

namespace dlb::train {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kMaxClasses = 100;  ///< of a confusion matrix
constexpr size_t kFirst = 16;         ///< samples kept from the start of the split
constexpr size_t kMistakes = 24;
constexpr size_t kSequences = 6;
constexpr int64_t kPositions = 96;    ///< of a sequence
constexpr size_t kPictures = 8;       ///< of masks and of images that a model makes
constexpr int64_t kPoints = 1000;     ///< of a scatter plot
constexpr int64_t kMaxOutputs = 8;    ///< numbers of a sample that a scatter plot tells apart
constexpr int64_t kMaxScores = 1000;  ///< classes up to which mistakes are looked for in all samples

bool among(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(); }

/// Four digits are all that a picture can show.
double rounded(double value) {
  return std::isfinite(value) ? std::stod(fmt::format("{:.4g}", value)) : value;
}

/// The output's shape without its classes is the target's.
bool fits_classes(const Tensor& output, const Tensor& target, size_t axis) {
  const Shape& o = output.shape();
  if (target.dtype() != DType::kInt64 || o.size() < 2 || o.size() != target.shape().size() + 1 ||
      axis >= o.size())
    return false;
  for (size_t i = 0, j = 0; i < o.size(); ++i) {
    if (i != axis && o[i] != target.shape()[j++]) return false;
  }
  return o[axis] > 0;
}

}  // namespace

Predictions::Predictions(const Experiment& experiment) : experiment_(experiment) {
  if (experiment.evaluated.empty() || !experiment.data || experiment.plays()) return;
  const Objective& objective = *experiment.evaluated.front().objective;
  if (objective.terms().empty()) return;
  const LossTerm& term = objective.terms().front();
  if (term.uses.in.empty() || term.uses.target.empty()) return;
  if (among(term.type, {"cross_entropy", "nll", "focal", "dice", "tversky", "multi_margin"})) {
    kind_ = Kind::kClasses;
    if (const auto* loss = dynamic_cast<const nn::CrossEntropy*>(term.loss.get()))
      ignore_ = loss->ignore_index;
    if (const auto* loss = dynamic_cast<const nn::Nll*>(term.loss.get())) ignore_ = loss->ignore_index;
  } else if (among(term.type, {"bce_with_logits", "bce", "hinge", "soft_margin"})) {
    kind_ = Kind::kBinary;
    probability_ = term.type == "bce";
    threshold_ = probability_ ? 0.5 : 0;
  } else if (among(term.type, {"mse", "l1", "huber", "smooth_l1", "log_cosh", "quantile", "gaussian_nll"})) {
    kind_ = Kind::kNumbers;
  } else {
    return;
  }
  term_ = &term;
  program_ = objective.program();
  const ValueUse& target = term.uses.target.front();
  if (target.kind == ValueUse::Kind::kColumn)
    target_column_ = experiment.data->spec().columns[target.index].name;
  input_ = experiment.data->input_columns().front();
}

void Predictions::start(const std::string& split) {
  split_ = split;
  expected_ = experiment_.data->size(split);
  seen_ = counted_ = classes_ = outputs_ = 0;
  form_.clear();
  confusion_.clear();
  first_.clear();
  mistakes_.clear();
  points_.clear();
}

void Predictions::add(const data::Batch& batch, Inputs outputs) {
  if (term_ == nullptr) return;
  const std::vector<Tensor> in = gather_values(term_->uses.in, outputs, batch.columns, nullptr);
  const std::vector<Tensor> targets = gather_values(term_->uses.target, outputs, batch.columns, in.data());
  const Tensor& output = in.front();
  const Tensor& target = targets.front();
  if (!output.defined() || !target.defined() || !is_floating(output.dtype()) || output.rank() == 0) return;
  const bool alike = output.shape() == target.shape();
  size_t axis = 1;
  if (const auto* loss = dynamic_cast<const nn::CrossEntropy*>(term_->loss.get()))
    axis = static_cast<size_t>(loss->class_dim < 0 ? loss->class_dim + output.rank() : loss->class_dim);
  if (kind_ == Kind::kClasses && fits_classes(output, target, axis)) {
    add_classes(batch, output, target, axis);
  } else if (kind_ == Kind::kNumbers && alike) {
    add_numbers(batch, from_logits_ ? sigmoid(output) : output, target);
  } else if (kind_ != Kind::kNumbers && alike &&
             (kind_ == Kind::kBinary || among(term_->type, {"dice", "tversky", "focal"}))) {
    add_binary(batch, output, target);
  }
  seen_ += output.dim(0);
}

void Predictions::count(const Answers& answers, int64_t classes) {
  classes_ = classes;
  if (classes > kMaxClasses) return;
  confusion_.resize(static_cast<size_t>(classes * classes));
  for (size_t i = 0; i < answers.actual.size(); ++i) {
    const int64_t actual = answers.actual[i], predicted = answers.predicted[i];
    if (actual == ignore_ || actual < 0 || actual >= classes) continue;
    ++confusion_[static_cast<size_t>(actual * classes + predicted)];
    ++counted_;
  }
}

void Predictions::add_classes(const data::Batch& batch, const Tensor& output, const Tensor& target,
                              size_t axis) {
  const int64_t classes = output.dim(static_cast<int64_t>(axis));
  const int64_t rank = output.rank();
  classes_ = classes;
  // Of a vocabulary of thousands only the first samples are shown; the rest costs nothing.
  const bool all = classes <= kMaxClasses || (rank == 2 && classes <= kMaxScores);
  if (!all && first_.size() >= (rank == 2 ? kFirst : rank == 3 ? kSequences : kPictures)) return;
  const Answers answers{argmax(output, static_cast<int64_t>(axis)).to_vector<int64_t>(),
                        target.to_vector<int64_t>()};
  count(answers, classes);
  if (rank == 2) {
    const Tensor p = term_->type == "nll" ? output : log_softmax(output, 1);
    keep_samples(batch, answers, p.to_vector<float>(), classes);
  } else if (rank == 3) {
    keep_sequences(batch, answers, output, axis);
  } else if (rank == 4 && axis == 1) {
    keep_masks(batch, answers, output.dim(2), output.dim(3));
  }
}

void Predictions::add_binary(const data::Batch& batch, const Tensor& output, const Tensor& target) {
  const std::vector<float> scores = output.to_vector<float>(), truth = target.to_vector<float>();
  const int64_t rows = output.dim(0);
  if (rows == 0) return;
  // Grey values of pixels, say, are no classes.
  const auto is_class = [](float t) { return t == 0 || t == 1 || t == -1; };
  if (!std::all_of(truth.begin(), truth.end(), is_class)) {
    start(split_);
    kind_ = Kind::kNumbers;
    from_logits_ = term_->type == "bce_with_logits";
    return add_numbers(batch, from_logits_ ? sigmoid(output) : output, target);
  }
  Answers answers;
  for (size_t i = 0; i < scores.size(); ++i) {
    answers.predicted.push_back(scores[i] > threshold_);
    answers.actual.push_back(truth[i] > 0.5F);
  }
  count(answers, 2);
  const int64_t each = output.numel() / rows;
  if (each == 1) {
    std::vector<float> log_p;
    for (const float score : scores) {
      const double p = probability_ ? score : 1 / (1 + std::exp(-static_cast<double>(score)));
      log_p.push_back(static_cast<float>(std::log(1 - p)));
      log_p.push_back(static_cast<float>(std::log(p)));
    }
    keep_samples(batch, answers, log_p, 2);
  } else if (output.rank() == 4 && output.dim(1) == 1) {
    keep_masks(batch, answers, output.dim(2), output.dim(3));
  }
}

void Predictions::keep_samples(const data::Batch& batch, const Answers& answers,
                               const std::vector<float>& log_p, int64_t classes) {
  form_ = "samples";
  const auto rows = static_cast<int64_t>(answers.actual.size());
  for (int64_t row = 0; row < rows; ++row) {
    const auto i = static_cast<size_t>(row);
    const int64_t actual = answers.actual[i], predicted = answers.predicted[i];
    if (actual == ignore_ || actual < 0 || actual >= classes) continue;
    const double confidence =
        std::exp(static_cast<double>(log_p[static_cast<size_t>(row * classes + predicted)]));
    const bool wrong = classes <= kMaxScores && actual != predicted && std::isfinite(confidence) &&
                       (mistakes_.size() < kMistakes || confidence > mistakes_.back().confidence);
    if (first_.size() >= kFirst && !wrong) continue;
    ordered_json shown = {
        {"true", actual},
        {"predicted", predicted},
        {"confidence", number(rounded(confidence))},
        {"true_probability",
         number(rounded(std::exp(static_cast<double>(log_p[static_cast<size_t>(row * classes + actual)]))))}};
    // With many classes there is no list of their names.
    if (classes > kMaxClasses) {
      shown["true_label"] = label(target_column_, actual);
      shown["predicted_label"] = label(target_column_, predicted);
    }
    std::string text = json_text(shown);
    // A graph's nodes, say, are no samples of the loader.
    if (const std::string input = rows == batch.size ? input_json(batch, row) : std::string();
        !input.empty()) {
      text.pop_back();
      text += ",\"input\":" + input + "}";
    }
    Sample sample{seen_ + row, confidence, std::move(text)};
    if (first_.size() < kFirst) first_.push_back(sample);
    if (!wrong) continue;
    // Of equal ones the earlier stays before the later.
    const auto place =
        std::upper_bound(mistakes_.begin(), mistakes_.end(), sample,
                         [](const Sample& a, const Sample& b) { return a.confidence > b.confidence; });
    mistakes_.insert(place, std::move(sample));
    if (mistakes_.size() > kMistakes) mistakes_.pop_back();
  }
}

void Predictions::keep_sequences(const data::Batch& batch, const Answers& answers, const Tensor& output,
                                 size_t axis) {
  form_ = "sequences";
  const int64_t rows = output.dim(0), length = output.dim(axis == 1 ? 2 : 1);
  const Tensor& input = batch.columns[input_];
  const std::string& input_name = experiment_.data->spec().columns[input_].name;
  const bool names_input = input.dtype() == DType::kInt64 && input.rank() == 2 && input.dim(0) == rows &&
                           input.dim(1) == length && input_name != target_column_;
  for (int64_t row = 0; row < rows && first_.size() < kSequences; ++row) {
    // The classes of one sequence, along its last dimension.
    const Tensor scores = select(output, 0, row);
    const Tensor last = axis == 1 ? transpose(scores, 0, 1) : scores;
    const int64_t shown_length = std::min(length, kPositions);
    const Tensor part = narrow(last, 0, 0, shown_length);
    const int64_t classes = part.dim(1);
    const std::vector<float> log_p = (term_->type == "nll" ? part : log_softmax(part, 1)).to_vector<float>();
    const std::vector<int64_t> ids =
        names_input ? select(input, 0, row).to_vector<int64_t>() : std::vector<int64_t>();
    ordered_json positions = ordered_json::array();
    for (int64_t t = 0; t < shown_length; ++t) {
      const auto at = static_cast<size_t>(row * length + t);
      const int64_t actual = answers.actual[at], predicted = answers.predicted[at];
      if (actual == ignore_ || actual < 0 || actual >= classes) continue;
      const auto p = [&](int64_t c) {
        return number(rounded(std::exp(static_cast<double>(log_p[static_cast<size_t>(t * classes + c)]))));
      };
      ordered_json position = {{"true", label(target_column_, actual)},
                               {"predicted", label(target_column_, predicted)},
                               {"probability", p(actual)},
                               {"confidence", p(predicted)}};
      if (!ids.empty()) position["input"] = label(input_name, ids[static_cast<size_t>(t)]);
      positions.push_back(std::move(position));
    }
    if (positions.empty()) continue;
    first_.push_back({seen_ + row, 0, json_text({{"positions", positions}})});
  }
}

void Predictions::keep_masks(const data::Batch& batch, const Answers& answers, int64_t height,
                             int64_t width) {
  form_ = "masks";
  const auto rows = static_cast<int64_t>(answers.actual.size()) / std::max<int64_t>(height * width, 1);
  for (int64_t row = 0; row < rows && first_.size() < kPictures; ++row) {
    std::string text = "{\"true\":" + mask_json(answers.actual, row, height, width) +
                       ",\"predicted\":" + mask_json(answers.predicted, row, height, width);
    if (const std::string input = rows == batch.size ? input_json(batch, row) : std::string(); !input.empty())
      text += ",\"input\":" + input;
    first_.push_back({seen_ + row, 0, text + "}"});
  }
}

void Predictions::keep_images(const data::Batch& batch, const Tensor& output, const Tensor& target) {
  // An autoencoder of flat vectors makes images too, where its input is one of as many pixels.
  const Tensor& column = batch.columns[input_];
  const Tensor first = select(output, 0, 0);
  const bool flat = first.rank() == 1 && column.rank() == 4 && column.dim(0) == output.dim(0) &&
                    column.numel() == output.numel();
  const Shape shape = flat ? Shape{column.dim(1), column.dim(2), column.dim(3)} : first.shape();
  if (!is_picture(flat ? reshape(first, shape) : first)) return;
  form_ = "images";
  for (int64_t row = 0; row < output.dim(0) && first_.size() < kPictures; ++row) {
    const auto shown = [&](const Tensor& x) { return picture_json(reshape(select(x, 0, row), shape)); };
    first_.push_back(
        {seen_ + row, 0, fmt::format("{{\"true\":{},\"predicted\":{}}}", shown(target), shown(output))});
  }
}

void Predictions::add_numbers(const data::Batch& batch, const Tensor& output, const Tensor& target) {
  const int64_t rows = output.dim(0);
  if (rows == 0) return;
  const int64_t each = output.numel() / rows;
  outputs_ = each;
  keep_images(batch, output, target);
  if (each > kMaxOutputs) return;
  const std::vector<double> predicted = output.to_vector<double>(), actual = target.to_vector<double>();
  const int64_t wanted = std::max<int64_t>(1, kPoints / each);
  const int64_t all = std::max(expected_, seen_ + rows);
  for (int64_t row = 0; row < rows; ++row) {
    // Evenly over the split: the samples at which another of the `wanted` parts begins.
    const int64_t index = seen_ + row;
    const auto part = [&](int64_t i) {
      return static_cast<int64_t>(static_cast<double>(i) * static_cast<double>(wanted) /
                                  static_cast<double>(all));
    };
    if (all > wanted && index > 0 && part(index) == part(index - 1)) continue;
    if (std::ssize(points_) >= 2 * kPoints) break;
    for (int64_t k = 0; k < each; ++k) {
      const auto at = static_cast<size_t>(row * each + k);
      points_.push_back({actual[at], predicted[at], static_cast<double>(k)});
    }
  }
}

std::string Predictions::label(std::string_view column, int64_t number) const {
  const std::string name = experiment_.data->name_of(column, number);
  return name.empty() ? std::to_string(number) : name;
}

bool Predictions::has_labels(std::string_view column) const {
  return !experiment_.data->name_of(column, 0).empty();
}

std::string Predictions::input_json(const data::Batch& batch, int64_t row) const {
  const Tensor& column = batch.columns[input_];
  if (column.rank() == 0 || column.dim(0) != batch.size) return {};
  const std::string& name = experiment_.data->spec().columns[input_].name;
  const Tensor value = select(column, 0, row);
  if (is_picture(value)) return "{\"image\":" + picture_json(value) + "}";
  if (value.dtype() == DType::kInt64 && value.rank() == 1 && has_labels(name)) {
    const data::Column& spec = experiment_.data->spec().columns[input_];
    ordered_json tokens = ordered_json::array();
    for (const int64_t id : value.to_vector<int64_t>()) {
      if (spec.collate == data::Collate::kPad && static_cast<double>(id) == spec.pad) continue;
      if (std::ssize(tokens) >= kPositions) break;
      tokens.push_back(label(name, id));
    }
    return json_text({{"tokens", tokens}});
  }
  return values_json(value);
}

std::string Predictions::to_json(int64_t step) const {
  if (confusion_.empty() && first_.empty() && points_.empty()) return {};
  const bool numbers = kind_ == Kind::kNumbers;
  ordered_json j = {{"split", split_},
                    {"step", step},
                    {"kind", numbers ? "numbers" : "classes"},
                    {"loss", term_->name},
                    {"samples", seen_}};
  if (!numbers) j["classes"] = classes_;
  if (!confusion_.empty()) {
    const auto classes = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(confusion_.size()))));
    ordered_json labels = ordered_json::array(), rows = ordered_json::array();
    for (int64_t c = 0; c < classes; ++c) {
      labels.push_back(label(target_column_, c));
      rows.push_back(
          std::vector<int64_t>(confusion_.begin() + c * classes, confusion_.begin() + (c + 1) * classes));
    }
    j["labels"] = labels;
    j["counted"] = counted_;
    j["confusion"] = rows;
  }
  if (!points_.empty()) {
    ordered_json points = ordered_json::array();
    for (const auto& [actual, predicted, output] : points_) {
      if (std::isfinite(actual) && std::isfinite(predicted))
        points.push_back({rounded(actual), rounded(predicted), static_cast<int64_t>(output)});
    }
    j["outputs"] = outputs_;
    j["points"] = points;
  }
  if (!form_.empty()) j["form"] = form_;
  std::string text = json_text(j);
  const auto add_list = [&](const char* name, const std::vector<Sample>& samples) {
    if (samples.empty()) return;
    std::string list;
    for (const Sample& s : samples) {
      list += list.empty() ? "" : ",\n";
      list += fmt::format("{{\"index\":{},{}", s.index, std::string_view(s.shown).substr(1));
    }
    text.pop_back();
    text += fmt::format(",\n\"{}\":[\n{}]}}", name, list);
  };
  add_list("first", first_);
  add_list("mistakes", mistakes_);
  return text + "\n";
}

}  // namespace dlb::train
