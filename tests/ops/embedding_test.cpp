// Bags of embeddings against loops, and their row-sparse gradients against dense ones.
#include "dlb/ops/embedding.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "dlb/tensor/row_sparse.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr int64_t kRows = 7, kWidth = 3;

struct Bags {
  std::vector<std::vector<int64_t>> items;
  std::vector<std::vector<double>> weights;
};

struct Expected {
  std::vector<double> y, table, weights;  ///< values and gradients
};

/// Bag by bag; g are the gradients of the result.
Expected by_loops(const std::vector<double>& table, const Bags& bags, BagMode mode, int64_t padding,
                  bool by_use, const std::vector<double>& g) {
  Expected e;
  e.table.assign(table.size(), 0.0);
  std::vector<double> uses(kRows, 0.0);
  for (const auto& bag : bags.items) {
    for (const int64_t i : bag) uses[static_cast<size_t>(i)] += 1;
  }
  for (size_t b = 0; b < bags.items.size(); ++b) {
    std::vector<size_t> counted;
    for (size_t k = 0; k < bags.items[b].size(); ++k) {
      if (bags.items[b][k] != padding) counted.push_back(k);
    }
    std::vector<double> slopes(bags.items[b].size(), 0.0);
    for (int64_t d = 0; d < kWidth; ++d) {
      const double slope = g[b * kWidth + static_cast<size_t>(d)];
      const auto at = [&](size_t k) { return static_cast<size_t>(bags.items[b][k] * kWidth + d); };
      const auto divisor = [&](size_t k) { return by_use ? uses[static_cast<size_t>(bags.items[b][k])] : 1; };
      double y = 0;
      if (mode == BagMode::kMax) {
        size_t best = bags.items[b].size();
        for (const size_t k : counted) {
          if (best == bags.items[b].size() || table[at(k)] > table[at(best)]) best = k;
        }
        if (!counted.empty()) {
          y = table[at(best)];
          e.table[at(best)] += slope / divisor(best);
        }
      } else {
        for (const size_t k : counted) {
          const double n = mode == BagMode::kMean ? static_cast<double>(counted.size()) : 1;
          const double w = (bags.weights.empty() ? 1 : bags.weights[b][k]) / n;
          y += w * table[at(k)];
          e.table[at(k)] += w * slope / divisor(k);
          slopes[k] += table[at(k)] * slope;
        }
      }
      e.y.push_back(y);
    }
    e.weights.insert(e.weights.end(), slopes.begin(), slopes.end());
  }
  return e;
}

void check_near(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-13));
}

std::vector<double> dense(const Tensor& g) {
  return (g.is_row_sparse() ? to_dense(g) : g).to_vector<double>();
}

/// One index [N] with offsets, or [B, L] where all bags are as long as the first.
void compare(const Bags& bags, BagMode mode, std::optional<int64_t> padding, bool by_use, bool flat,
             bool last) {
  std::vector<int64_t> index, offsets;
  std::vector<double> weights;
  for (size_t b = 0; b < bags.items.size(); ++b) {
    offsets.push_back(static_cast<int64_t>(index.size()));
    index.insert(index.end(), bags.items[b].begin(), bags.items[b].end());
    if (!bags.weights.empty()) weights.insert(weights.end(), bags.weights[b].begin(), bags.weights[b].end());
  }
  const int64_t n = static_cast<int64_t>(index.size());
  const int64_t count = static_cast<int64_t>(bags.items.size());
  if (last) offsets.push_back(n);
  const Shape shape = flat ? Shape{n} : Shape{count, n / count};
  const Tensor start = flat ? Tensor::from(offsets, {static_cast<int64_t>(offsets.size())}) : Tensor{};
  const Tensor g = values({count, kWidth}, -1, 1, 801);
  const int64_t hidden = padding ? (*padding + kRows) % kRows : -1;
  for (const bool sparse : {false, true}) {
    INFO("mode " << static_cast<int>(mode) << " padding " << hidden << " by use " << by_use << " flat "
                 << flat << " last " << last << " sparse " << sparse);
    Tensor table = values({kRows, kWidth}, -2, 2, 800).set_requires_grad(true);
    BagOptions o;
    o.mode = mode;
    o.padding_idx = padding;
    o.scale_grad_by_freq = by_use;
    o.sparse = sparse;
    o.include_last_offset = last;
    if (!weights.empty()) o.weights = Tensor::from(weights, shape).set_requires_grad(true);
    const Tensor y = embedding_bag(table, Tensor::from(index, shape), start, o);
    const Expected e = by_loops(table.to_vector<double>(), bags, mode, hidden, by_use, g.to_vector<double>());
    check_near(y.to_vector<double>(), e.y);
    backward(sum(mul(y, g)));
    CHECK(table.grad().is_row_sparse() == sparse);
    check_near(dense(table.grad()), e.table);
    if (!weights.empty()) check_near(o.weights.grad().to_vector<double>(), e.weights);
  }
}

TEST_CASE("bags of embeddings: sum, mean and maximum, padding, weights, dense and sparse gradients") {
  const Bags uneven{{{1, 5, 1}, {}, {6}, {2, 2, 0, 5}, {}}, {}};
  const Bags even{{{1, 5}, {6, 6}, {2, 0}}, {}};
  for (const BagMode mode : {BagMode::kSum, BagMode::kMean, BagMode::kMax}) {
    for (const std::optional<int64_t> padding :
         {std::optional<int64_t>{}, std::optional<int64_t>{5}, std::optional<int64_t>{-1}}) {
      for (const bool last : {false, true}) compare(uneven, mode, padding, false, true, last);
      compare(even, mode, padding, false, false, false);
    }
    if (mode != BagMode::kMax) compare(uneven, mode, 5, true, true, false);
  }
  Bags weighted = uneven;
  weighted.weights = {{0.5, -2, 1.5}, {}, {3}, {1, 2, -1, 0.25}, {}};
  compare(weighted, BagMode::kSum, {}, false, true, false);
  compare(weighted, BagMode::kSum, 5, false, true, true);
  Bags square = even;
  square.weights = {{0.5, -2}, {3, 1}, {0.1, 0.2}};
  compare(square, BagMode::kSum, -1, false, false, false);
}

TEST_CASE("sparse gradients of embeddings are the dense ones, also of repeated and hidden rows") {
  const Tensor index = Tensor::from<int64_t>({3, 3, 0, 6, 3, 1}, {2, 3});
  const Tensor g = values({2, 3, kWidth}, -1, 1, 802);
  for (const bool by_use : {false, true}) {
    for (const std::optional<int64_t> padding : {std::optional<int64_t>{}, std::optional<int64_t>{3}}) {
      std::vector<double> found[2];
      for (const bool sparse : {false, true}) {
        Tensor table = values({kRows, kWidth}, -2, 2, 800).set_requires_grad(true);
        EmbeddingOptions o;
        o.padding_idx = padding;
        o.scale_grad_by_freq = by_use;
        o.sparse = sparse;
        backward(sum(mul(embedding(table, index, o), g)));
        CHECK(table.grad().is_row_sparse() == sparse);
        found[sparse ? 1 : 0] = dense(table.grad());
      }
      check_near(found[1], found[0]);
      const std::vector<double> seeds = g.to_vector<double>();
      const double uses = by_use ? 3 : 1;
      CHECK(found[0][9] == Approx(padding ? 0 : (seeds[0] + seeds[3] + seeds[12]) / uses));
      CHECK(found[0][18] == seeds[9]);
      CHECK(found[0][6] == 0);
    }
  }
}

}  // namespace
}  // namespace dlb::testing
