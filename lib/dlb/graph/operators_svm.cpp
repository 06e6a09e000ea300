// Support vector machines of ONNX's domain ai.onnx.ml.
#include <algorithm>
#include <cmath>

#include "dlb/graph/class_scores.h"

namespace dlb::graph {

namespace {

constexpr std::string_view kDomain = "ai.onnx.ml";

/// Support vectors and the kernel that compares samples with them.
struct Machine {
  enum class Kernel : uint8_t { kLinear, kPolynomial, kRadial, kSigmoid };
  Kernel kernel = Kernel::kLinear;
  double gamma = 0, offset = 0, degree = 0;
  std::vector<float> vectors, coefficients, rho;
  int64_t features = 0;

  double compare(const double* x, size_t vector) const {
    const float* v = vectors.data() + vector * static_cast<size_t>(features);
    double sum = 0;
    for (int64_t i = 0; i < features; ++i) {
      const double y = static_cast<double>(v[i]);
      sum += kernel == Kernel::kRadial ? (x[i] - y) * (x[i] - y) : x[i] * y;
    }
    switch (kernel) {
      case Kernel::kPolynomial:
        return std::pow(gamma * sum + offset, degree);
      case Kernel::kRadial:
        return std::exp(-gamma * sum);
      case Kernel::kSigmoid:
        return std::tanh(gamma * sum + offset);
      default:
        return sum;
    }
  }
};

Machine machine_of(const Call& c, int64_t features) {
  Machine m;
  m.features = features;
  m.vectors = c.floats("support_vectors");
  m.coefficients = c.floats("coefficients");
  m.rho = c.floats("rho");
  const std::string kernel = c.attribute("kernel_type", "LINEAR");
  if (kernel == "LINEAR") {
    m.kernel = Machine::Kernel::kLinear;
  } else if (kernel == "POLY") {
    m.kernel = Machine::Kernel::kPolynomial;
  } else if (kernel == "RBF") {
    m.kernel = Machine::Kernel::kRadial;
  } else if (kernel == "SIGMOID") {
    m.kernel = Machine::Kernel::kSigmoid;
  } else {
    c.fail("kernel_type '{}' is unknown", kernel);
  }
  const std::vector<float> numbers = c.floats("kernel_params");
  if (!numbers.empty() && numbers.size() != 3)
    c.fail("kernel_params has {} numbers, expected 3", numbers.size());
  if (!numbers.empty()) {
    m.gamma = static_cast<double>(numbers[0]);
    m.offset = static_cast<double>(numbers[1]);
    m.degree = static_cast<double>(numbers[2]);
  }
  if (features < 1) c.fail("its samples have no features");
  return m;
}

void svm_regressor(Call& c) {
  const Samples x = samples_of(c, 0);
  const Machine m = machine_of(c, x.features);
  const size_t count = static_cast<size_t>(std::max(c.attribute("n_supports", int64_t{0}), int64_t{0}));
  // Without support vectors the coefficients are those of the features.
  const size_t expected = count > 0 ? count : static_cast<size_t>(x.features);
  if (m.coefficients.size() != expected || m.rho.size() != 1 ||
      (count > 0 && m.vectors.size() / static_cast<size_t>(x.features) != count)) {
    c.fail("{} coefficients, {} rho and {} numbers of support vectors for {} vectors of {}",
           m.coefficients.size(), m.rho.size(), m.vectors.size(), count, x.features);
  }
  const bool one_class = c.attribute("one_class", int64_t{0}) != 0;
  const PostTransform how = post_transform(c);
  std::vector<double> scores;
  for (int64_t i = 0; i < x.count; ++i) {
    double sum = static_cast<double>(m.rho[0]);
    for (size_t k = 0; k < expected; ++k) {
      const double weight = static_cast<double>(m.coefficients[k]);
      sum += weight * (count > 0 ? m.compare(x.row(i), k) : x.row(i)[k]);
    }
    if (one_class) {
      sum = sum > 0 ? 1 : -1;
    } else {
      transform(how, &sum, 1);
    }
    scores.push_back(sum);
  }
  c.output(scores_value(scores, 1));
}

/// Probabilities of classes from those of each pair: the p that minimises sum_{i, j} (r_ji p_i - r_ij p_j)^2.
/// **Source**: Wu, Lin and Weng, "Probability estimates for multi-class classification by pairwise coupling",
/// JMLR 5 (2004), second approach.
std::vector<double> coupled(const std::vector<double>& r, size_t k) {
  std::vector<double> q(k * k, 0), p(k, 1 / static_cast<double>(k)), qp(k);
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = 0; j < k; ++j) {
      if (i == j) continue;
      q[i * k + i] += r[j * k + i] * r[j * k + i];
      q[i * k + j] = -r[j * k + i] * r[i * k + j];
    }
  }
  const double enough = 0.005 / static_cast<double>(k);
  for (int round = 0; round < 100; ++round) {
    double all = 0, worst = 0;
    for (size_t i = 0; i < k; ++i) {
      qp[i] = 0;
      for (size_t j = 0; j < k; ++j) qp[i] += q[i * k + j] * p[j];
      all += p[i] * qp[i];
    }
    for (size_t i = 0; i < k; ++i) worst = std::max(worst, std::abs(qp[i] - all));
    if (worst < enough) break;
    for (size_t i = 0; i < k; ++i) {
      const double change = (all - qp[i]) / q[i * k + i];
      p[i] += change;
      all = (all + change * (change * q[i * k + i] + 2 * qp[i])) / ((1 + change) * (1 + change));
      for (size_t j = 0; j < k; ++j) {
        qp[j] = (qp[j] + change * q[i * k + j]) / (1 + change);
        p[j] /= 1 + change;
      }
    }
  }
  return p;
}

/// A classifier with one machine for each pair of classes, which vote.
struct Pairs {
  std::vector<size_t> starts;  ///< first support vector of each class, and their number
  std::vector<double> decide(const Machine& m, const double* x) const {
    const size_t classes = starts.size() - 1, count = starts.back();
    std::vector<double> compared, decisions;
    for (size_t v = 0; v < count; ++v) compared.push_back(m.compare(x, v));
    for (size_t i = 0; i < classes; ++i) {
      for (size_t j = i + 1; j < classes; ++j) {
        double sum = static_cast<double>(m.rho[decisions.size()]);
        for (size_t v = starts[i]; v < starts[i + 1]; ++v)
          sum += static_cast<double>(m.coefficients[(j - 1) * count + v]) * compared[v];
        for (size_t v = starts[j]; v < starts[j + 1]; ++v)
          sum += static_cast<double>(m.coefficients[i * count + v]) * compared[v];
        decisions.push_back(sum);
      }
    }
    return decisions;
  }
};

void svm_classifier(Call& c) {
  const Samples x = samples_of(c, 0);
  const Labels labels(c, "classlabels_ints");
  const Machine m = machine_of(c, x.features);
  const std::vector<int64_t> sizes = c.integers("vectors_per_class");
  const std::vector<float> a = c.floats("prob_a"), b = c.floats("prob_b");
  const size_t k = labels.size(), pairs = k * (k - 1) / 2;
  if (sizes.empty()) c.unsupported("machines without support vectors");
  Pairs voting;
  voting.starts.push_back(0);
  for (const int64_t size : sizes) {
    if (size < 0 || size > static_cast<int64_t>(m.vectors.size()))
      c.fail("a class has {} support vectors", size);
    voting.starts.push_back(voting.starts.back() + static_cast<size_t>(size));
  }
  const size_t count = voting.starts.back();
  if (k < 2 || sizes.size() != k || m.vectors.size() / static_cast<size_t>(x.features) < count ||
      m.coefficients.size() / (k - 1) < count || m.rho.size() != pairs || a.size() != b.size() ||
      (!a.empty() && a.size() != pairs)) {
    c.fail("its lists do not fit {} classes with {} support vectors of {} features", k, count, x.features);
  }
  const PostTransform how = post_transform(c);
  const size_t width = a.empty() && k > 2 ? pairs : k;
  std::vector<double> all;
  std::vector<size_t> chosen;
  for (int64_t n = 0; n < x.count; ++n) {
    const std::vector<double> decisions = voting.decide(m, x.row(n));
    std::vector<double> votes(k, 0), scores;
    std::vector<double> likely(k * k, 0.5);
    size_t pair = 0;
    for (size_t i = 0; i < k; ++i) {
      for (size_t j = i + 1; j < k; ++j, ++pair) {
        votes[decisions[pair] > 0 ? i : j] += 1;
        if (a.empty()) continue;
        const double z = decisions[pair] * static_cast<double>(a[pair]) + static_cast<double>(b[pair]);
        likely[i * k + j] = std::clamp(1 / (1 + std::exp(z)), 1e-7, 1 - 1e-7);
        likely[j * k + i] = 1 - likely[i * k + j];
      }
    }
    if (!a.empty()) {
      scores = coupled(likely, k);
    } else {
      scores = k == 2 ? std::vector<double>{-decisions[0], decisions[0]} : decisions;
    }
    chosen.push_back(largest(votes.data(), k));  // also where there are probabilities, which may differ
    transform(how, scores.data(), scores.size());
    all.insert(all.end(), scores.begin(), scores.end());
  }
  c.output(0, labels.at(chosen));
  c.output(1, scores_value(all, static_cast<int64_t>(width)));
}

constexpr Operator kOperators[] = {
    {"SVMRegressor", &svm_regressor, 1, kDomain, true, 1},
    {"SVMClassifier", &svm_classifier, 1, kDomain, true, 1},
};

}  // namespace

std::span<const Operator> svm_operators() { return kOperators; }

}  // namespace dlb::graph
