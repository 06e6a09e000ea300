// CTC against the sum over all alignments, enumerated.
#include "dlb/ops/ctc.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
using Labels = std::vector<int64_t>;

Tensor whole(const Labels& v) { return Tensor::from(v, {static_cast<int64_t>(v.size())}); }

/// What a path of classes stands for: repetitions joined, then blanks left out.
Labels collapsed(const Labels& path, int64_t blank) {
  Labels out;
  for (size_t t = 0; t < path.size(); ++t) {
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) out.push_back(path[t]);
  }
  return out;
}

struct Expected {
  double loss = kInf;
  std::vector<double> gradient;  ///< with respect to the scores, [steps, classes]
};

/// Of log-probabilities [steps, classes], by all classes^steps paths.
Expected enumerate(const std::vector<double>& x, int64_t steps, int64_t classes, const Labels& target,
                   int64_t blank) {
  Expected e;
  e.gradient.assign(static_cast<size_t>(steps * classes), 0.0);
  std::vector<double> share = e.gradient;
  double total = 0;
  Labels path(static_cast<size_t>(steps), 0);
  for (;;) {
    if (collapsed(path, blank) == target) {
      double sum = 0;
      for (int64_t t = 0; t < steps; ++t)
        sum += x[static_cast<size_t>(t * classes + path[static_cast<size_t>(t)])];
      total += std::exp(sum);
      for (int64_t t = 0; t < steps; ++t) {
        share[static_cast<size_t>(t * classes + path[static_cast<size_t>(t)])] += std::exp(sum);
      }
    }
    int64_t at = steps - 1;
    while (at >= 0 && ++path[static_cast<size_t>(at)] == classes) path[static_cast<size_t>(at--)] = 0;
    if (at < 0) break;
  }
  if (total == 0) return e;
  e.loss = -std::log(total);
  for (size_t i = 0; i < share.size(); ++i) e.gradient[i] = std::exp(x[i]) - share[i] / total;
  return e;
}

/// Targets of up to three classes, for each count of steps from 0 to 4.
struct Batch {
  std::vector<Labels> targets;
  Labels steps;
};
Batch all_cases(int64_t blank) {
  const int64_t a = blank == 0 ? 1 : 0;
  const int64_t b = blank == 2 ? 1 : 2;
  const std::vector<Labels> kinds = {{}, {a}, {b}, {a, b}, {a, a}, {b, a, b}, {b, b, a}, {a, a, a}};
  Batch batch;
  for (int64_t steps = 0; steps <= 4; ++steps) {
    for (const Labels& k : kinds) {
      batch.targets.push_back(k);
      batch.steps.push_back(steps);
    }
  }
  return batch;
}

TEST_CASE("ctc_loss is the sum over all alignments, with every blank, length and impossible targets") {
  const int64_t steps = 4, classes = 3;
  for (const int64_t blank : {0, 1, 2}) {
    const Batch batch = all_cases(blank);
    const int64_t n = static_cast<int64_t>(batch.targets.size());
    Tensor scores = values({steps, n, classes}, -2, 2, 700).set_requires_grad(true);
    const Tensor x = log_softmax(scores, 2);
    Labels lengths, joined, padded;
    for (const Labels& t : batch.targets) {
      lengths.push_back(static_cast<int64_t>(t.size()));
      joined.insert(joined.end(), t.begin(), t.end());
      for (size_t i = 0; i < 5; ++i) padded.push_back(i < t.size() ? t[i] : -99);
    }
    for (const bool zero : {false, true}) {
      const CtcOptions none{blank, Reduction::kNone, zero};
      const Tensor losses = ctc_loss(x, whole(joined), whole(batch.steps), whole(lengths), none);
      const Tensor same_losses =
          ctc_loss(x, Tensor::from(padded, {n, 5}), whole(batch.steps), whole(lengths), none);
      CHECK(losses.to_vector<double>() == same_losses.to_vector<double>());
      const Tensor g = values({n}, 0.5, 2, 701);
      const std::vector<double> slopes = grad({losses}, {scores}, {g}, true)[0].to_vector<double>();
      const std::vector<double> seed = g.to_vector<double>();
      const std::vector<double> found = losses.to_vector<double>();
      double sum = 0, mean = 0;
      for (int64_t i = 0; i < n; ++i) {
        const size_t at = static_cast<size_t>(i);
        INFO("blank " << blank << " sequence " << i << " zero_infinity " << zero);
        const int64_t used = batch.steps[at];
        const std::vector<double> row =
            contiguous(narrow(select(x.detach(), 1, i), 0, 0, used)).to_vector<double>();
        Expected e = enumerate(row, used, classes, batch.targets[at], blank);
        const bool impossible = std::isinf(e.loss);
        if (zero && impossible) e.loss = 0;
        CHECK((found[at] == e.loss || found[at] == Approx(e.loss).epsilon(1e-12).margin(1e-14)));
        sum += e.loss;
        mean += e.loss / std::max(1.0, static_cast<double>(lengths[at])) / static_cast<double>(n);
        for (int64_t t = 0; t < steps; ++t) {
          for (int64_t c = 0; c < classes; ++c) {
            const double slope = slopes[static_cast<size_t>((t * n + i) * classes + c)];
            if (t >= used || (zero && impossible)) {
              CHECK(slope == 0);
            } else if (!impossible) {
              CHECK(slope ==
                    Approx(seed[at] * e.gradient[static_cast<size_t>(t * classes + c)]).margin(1e-13));
            }
          }
        }
      }
      const auto reduced = [&](Reduction r) {
        return ctc_loss(x, whole(joined), whole(batch.steps), whole(lengths), {blank, r, zero}).item();
      };
      if (zero) {
        CHECK(reduced(Reduction::kSum) == Approx(sum).epsilon(1e-12));
        CHECK(reduced(Reduction::kMean) == Approx(mean).epsilon(1e-12));
      } else {
        CHECK(reduced(Reduction::kSum) == kInf);
        CHECK(reduced(Reduction::kMean) == kInf);
      }
    }
  }
}

TEST_CASE("ctc_loss's gradient is the slope of the loss by the scores") {
  const Labels targets = {1, 1, 4, 2, 3, 3, 3, 1, 2};
  const Labels lengths = {3, 0, 4, 2};
  const Labels steps = {12, 9, 7, 2};
  const Tensor scores = values({12, 4, 5}, -2, 2, 702);
  const auto loss = [&](const Tensor& x) {
    return ctc_loss(log_softmax(x, 2), whole(targets), whole(steps), whole(lengths),
                    {0, Reduction::kMean, true});
  };
  Tensor at = scores.detach().set_requires_grad(true);
  const std::vector<double> g = grad({loss(at)}, {at})[0].to_vector<double>();
  Tensor moved = Tensor::empty(scores.shape(), DType::kFloat64);
  moved.assign(scores);
  for (size_t i = 0; i < g.size(); ++i) {
    double& element = moved.data<double>()[i];
    const double before = element;
    element = before + 1e-6;
    const double above = loss(moved).item();
    element = before - 1e-6;
    const double below = loss(moved).item();
    element = before;
    CHECK((above - below) / 2e-6 == Approx(g[i]).margin(1e-8));
  }
}

TEST_CASE("ctc_loss of long sequences stays accurate in float32, the same bits with 1 and 2 threads") {
  const int before = threads();
  const int64_t steps = 300, n = 5, classes = 20, length = 90;
  Labels targets;
  for (int64_t i = 0; i < n * length; ++i) targets.push_back(1 + i * i % 19);
  const Tensor t = Tensor::from(targets, {n, length});
  const Tensor in = whole(Labels(5, steps));
  const Tensor out = whole({90, 1, 45, 0, 60});
  std::vector<double> found[3];
  for (const int way : {0, 1, 2}) {
    set_threads(way == 2 ? 2 : 1);
    Tensor x = cast(values({steps, n, classes}, -3, 3, 703), way == 0 ? DType::kFloat64 : DType::kFloat32)
                   .detach()
                   .set_requires_grad(true);
    const Tensor y = ctc_loss(log_softmax(x, 2), t, in, out, {0, Reduction::kNone, false});
    found[way] = y.to_vector<double>();
    for (const double g : grad({y}, {x}, {ones_like(y)})[0].to_vector<double>()) found[way].push_back(g);
  }
  set_threads(before);
  CHECK(found[1] == found[2]);
  for (size_t i = 0; i < found[0].size(); ++i) {
    if (!(std::abs(found[1][i] - found[0][i]) <= 2e-3 * std::max(1.0, std::abs(found[0][i])))) {
      FAIL_CHECK(i << ": " << found[1][i] << ", expected " << found[0][i]);
    }
  }
}

TEST_CASE("ctc_loss of one sequence, of no sequence, and with classes that cannot occur") {
  const Tensor x = log_softmax(values({4, 3}, -1, 1, 704), 1);
  const Labels target = {2, 1};
  const Expected e = enumerate(x.to_vector<double>(), 4, 3, target, 0);
  const CtcOptions none{0, Reduction::kNone, false};
  const Tensor loss = ctc_loss(x, whole(target), Tensor::scalar(4, DType::kInt64), whole({2}), none);
  CHECK(loss.rank() == 0);
  CHECK(loss.item() == Approx(e.loss));
  CHECK(ctc_loss(values({4, 0, 3}), whole({}), whole({}), whole({}), none).shape() == Shape{0});
  // A class of probability 0 ends some alignments and leaves the others.
  std::vector<double> v = x.to_vector<double>();
  v[3] = -kInf;  // no blank at step 1
  Tensor cut = Tensor::from(v, {4, 1, 3}).set_requires_grad(true);
  const Tensor left = ctc_loss(cut, whole(target), whole({4}), whole({2}), none);
  CHECK(left.item() == Approx(enumerate(v, 4, 3, target, 0).loss));
  for (const double g : grad({left}, {cut}, {ones({1}, DType::kFloat64)})[0].to_vector<double>()) {
    CHECK(std::isfinite(g));
  }
}

TEST_CASE("ctc_loss refuses lengths and classes that do not fit") {
  const Tensor x = log_softmax(values({4, 2, 3}, -1, 1, 705), 2);
  const auto fails = [&](ErrorKind kind, const char* text, const Tensor& targets, const Tensor& in,
                         const Tensor& out, const CtcOptions& o = {}) {
    INFO(text);
    try {
      static_cast<void>(ctc_loss(x, targets, in, out, o));
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(e.kind == kind);
      CHECK_THAT(e.message, Catch::Contains(text));
    }
  };
  const Tensor t = Tensor::from<int64_t>({1, 2, 2, 1}, {2, 2});
  const Tensor in = whole({4, 4}), out = whole({2, 2});
  fails(ErrorKind::kData, "input length 5 of sequence 1", t, whole({4, 5}), out);
  fails(ErrorKind::kData, "input length -1 of sequence 0", t, whole({-1, 4}), out);
  fails(ErrorKind::kData, "target length 3 of sequence 0", t, in, whole({3, 1}));
  fails(ErrorKind::kData, "target length -2 of sequence 1", t, in, whole({2, -2}));
  fails(ErrorKind::kData, "target length 3 of sequence 1", whole({1, 2, 1, 2}), in, whole({2, 3}));
  const int64_t large = std::numeric_limits<int64_t>::max();
  fails(ErrorKind::kData, "target length", whole({1, 2, 1, 2}), in, whole({large, large}));
  fails(ErrorKind::kData, "class 3", Tensor::from<int64_t>({1, 2, 2, 3}, {2, 2}), in, out);
  fails(ErrorKind::kData, "class -1", Tensor::from<int64_t>({1, -1, 2, 1}, {2, 2}), in, out);
  fails(ErrorKind::kConfig, "blank from 0 to 2, got 3", t, in, out, {3, Reduction::kMean, false});
  fails(ErrorKind::kConfig, "blank from 0 to 2, got -1", t, in, out, {-1, Reduction::kMean, false});
  fails(ErrorKind::kShape, "2 lengths", t, whole({4}), out);
  fails(ErrorKind::kShape, "2 lengths", t, in, whole({2, 2, 2}));
  fails(ErrorKind::kShape, "targets [2, S]", Tensor::from<int64_t>({1, 2}, {1, 2}), in, out);
  fails(ErrorKind::kDtype, "targets of integers", values({2, 2}), in, out);
  fails(ErrorKind::kDtype, "input lengths of integers", t, values({2}), out);
  fails(ErrorKind::kDtype, "target lengths of integers", t, in, values({2}));
}

}  // namespace
}  // namespace dlb::testing
