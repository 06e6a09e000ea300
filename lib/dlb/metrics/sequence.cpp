#include "dlb/metrics/sequence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "dlb/ops/op.h"
#include "dlb/ops/reduce.h"

namespace dlb::metrics {

namespace {

template <class T>
int64_t distance(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::vector<Tokens> words(const Tokens& tokens, int64_t separator) {
  std::vector<Tokens> out;
  Tokens word;
  for (const int64_t t : tokens) {
    if (t != separator) {
      word.push_back(t);
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

double share(int64_t part, int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

int64_t edit_distance(const Tokens& a, const Tokens& b) { return distance(a, b); }
int64_t edit_distance(const std::vector<Tokens>& a, const std::vector<Tokens>& b) { return distance(a, b); }

std::vector<Field> sequence_fields(std::vector<Field> own) {
  own.push_back(field<&SequenceMetric::end>("end", "token before which a sequence ends"));
  own.push_back(
      field<&SequenceMetric::blank>("blank", "CTC's blank: repeated tokens and blanks are dropped"));
  return class_fields(std::move(own));
}

std::vector<SequenceMetric::Pair> SequenceMetric::pairs(const Tensor& prediction, const Tensor& target,
                                                        std::string_view name) const {
  const bool tokens = is_integral(prediction.dtype());
  const bool fits =
      prediction.rank() == (tokens ? 2 : 3) && target.rank() == 2 && prediction.dim(0) == target.dim(0);
  if (!fits || !is_integral(target.dtype())) {
    fail(ErrorKind::kShape,
         "metric {} expects scores [N, classes, S] or tokens [N, S], and target tokens [N, T], got {} and {}",
         name, spec_text(prediction.spec()), spec_text(target.spec()));
  }
  if (prediction.is_meta() || target.is_meta()) return {};
  const NoGrad no_grad;
  const Tensor best = tokens ? prediction : argmax(prediction.detach(), class_axis(prediction, name));
  const std::vector<int64_t> p = best.to_vector<int64_t>(), t = target.to_vector<int64_t>();
  const auto samples = static_cast<size_t>(target.dim(0));
  std::vector<Pair> out(samples);
  for (size_t i = 0; i < samples; ++i) {
    const size_t s = p.size() / samples, length = t.size() / samples;
    std::optional<int64_t> last;
    for (size_t j = 0; j < s; ++j) {
      const int64_t token = p[i * s + j];
      if (end && token == *end) break;
      const bool dropped = blank && (token == *blank || token == last);
      last = token;
      if (!dropped) out[i].predicted.push_back(token);
    }
    for (size_t j = 0; j < length; ++j) {
      const int64_t token = t[i * length + j];
      if (end && token == *end) break;
      if (token != ignore_index) out[i].actual.push_back(token);
    }
  }
  return out;
}

Fields ExactMatch::fields() {
  static const std::vector<Field> list = class_fields({});
  return list;
}

void ExactMatch::update(const Tensor& prediction, const Tensor& target) {
  if (!check(prediction, target, "exact_match")) return;
  const NoGrad no_grad;
  const std::vector<int64_t> predicted =
      argmax(prediction.detach(), class_axis(prediction, "exact_match")).to_vector<int64_t>();
  const std::vector<int64_t> actual = target.to_vector<int64_t>();
  const auto samples = static_cast<size_t>(target.dim(0));
  const size_t length = samples == 0 ? 0 : actual.size() / samples;
  for (size_t i = 0; i < samples; ++i) {
    bool any = false, all = true;
    for (size_t j = i * length; j < (i + 1) * length; ++j) {
      if (actual[j] == ignore_index) continue;
      any = true;
      all = all && actual[j] == predicted[j];
    }
    total_ += any;
    right_ += any && all;
  }
}

double ExactMatch::value() const { return share(right_, total_); }

Fields EditDistance::fields() {
  static const std::vector<Field> list = sequence_fields({});
  return list;
}

void EditDistance::update(const Tensor& prediction, const Tensor& target) {
  for (const Pair& pair : pairs(prediction, target, "edit_distance")) {
    edits_ += edit_distance(pair.predicted, pair.actual);
    ++total_;
  }
}

double EditDistance::value() const { return share(edits_, total_); }

Fields WordErrorRate::fields() {
  static const std::vector<Field> list = sequence_fields({field<&WordErrorRate::separator>(
      "separator", "token between words; each token is a word without one")});
  return list;
}

void WordErrorRate::update(const Tensor& prediction, const Tensor& target) {
  for (const Pair& pair : pairs(prediction, target, "word_error_rate")) {
    if (separator) {
      const std::vector<Tokens> actual = words(pair.actual, *separator);
      edits_ += edit_distance(words(pair.predicted, *separator), actual);
      total_ += static_cast<int64_t>(actual.size());
    } else {
      edits_ += edit_distance(pair.predicted, pair.actual);
      total_ += static_cast<int64_t>(pair.actual.size());
    }
  }
}

double WordErrorRate::value() const { return share(edits_, total_); }

Fields Bleu::fields() {
  static const std::vector<Field> list =
      sequence_fields({field<&Bleu::max_n>("max_n", "length of the longest n-grams", between(1, 10))});
  return list;
}

void Bleu::reset() {
  matched_.assign(static_cast<size_t>(max_n), 0);
  offered_.assign(static_cast<size_t>(max_n), 0);
  predicted_ = actual_ = total_ = 0;
}

void Bleu::update(const Tensor& prediction, const Tensor& target) {
  if (matched_.empty()) reset();
  for (const Pair& pair : pairs(prediction, target, "bleu")) {
    ++total_;
    predicted_ += static_cast<int64_t>(pair.predicted.size());
    actual_ += static_cast<int64_t>(pair.actual.size());
    for (size_t n = 1; n <= static_cast<size_t>(max_n); ++n) {
      const auto grams = [&](const Tokens& tokens) {
        std::map<Tokens, int64_t> counts;
        for (size_t i = 0; i + n <= tokens.size(); ++i) {
          const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(i);
          ++counts[Tokens(from, from + static_cast<std::ptrdiff_t>(n))];
        }
        return counts;
      };
      const std::map<Tokens, int64_t> actual = grams(pair.actual);
      for (const auto& [gram, count] : grams(pair.predicted)) {
        offered_[n - 1] += count;
        const auto it = actual.find(gram);
        if (it != actual.end()) matched_[n - 1] += std::min(count, it->second);
      }
    }
  }
}

double Bleu::value() const {
  if (total_ == 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (size_t n = 0; n < matched_.size(); ++n) {
    if (matched_[n] == 0) return 0;
    sum += std::log(static_cast<double>(matched_[n]) / static_cast<double>(offered_[n]));
  }
  const double brevity = std::min(0.0, 1 - static_cast<double>(actual_) / static_cast<double>(predicted_));
  return std::exp(brevity + sum / static_cast<double>(max_n));
}

}  // namespace dlb::metrics
