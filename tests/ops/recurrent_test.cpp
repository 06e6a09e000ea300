// Recurrent layers over whole sequences against their cells, step by step and sample by sample.
#include "dlb/ops/recurrent.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "dlb/autograd/autograd.h"
#include "dlb/functional/function.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/embedding.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

struct Kind {
  std::string name;
  int64_t gates;
  std::function<LstmState(const Tensor&, const LstmState&, const RecurrentWeights&)> cell;
  std::function<RecurrentResult(const Tensor&, const LstmState&, const std::vector<RecurrentWeights>&,
                                const RecurrentOptions&)>
      layers;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> list = {
      {"rnn_tanh", 1,
       [](const Tensor& x, const LstmState& s, const auto& w) {
         return LstmState{rnn_tanh_cell(x, s.h, w), {}};
       },
       [](const Tensor& x, const LstmState& s, const auto& w, const auto& o) {
         return rnn_tanh(x, s.h, w, o);
       }},
      {"rnn_relu", 1,
       [](const Tensor& x, const LstmState& s, const auto& w) {
         return LstmState{rnn_relu_cell(x, s.h, w), {}};
       },
       [](const Tensor& x, const LstmState& s, const auto& w, const auto& o) {
         return rnn_relu(x, s.h, w, o);
       }},
      {"gru", 3,
       [](const Tensor& x, const LstmState& s, const auto& w) {
         return LstmState{gru_cell(x, s.h, w), {}};
       },
       [](const Tensor& x, const LstmState& s, const auto& w, const auto& o) { return gru(x, s.h, w, o); }},
      {"lstm", 4,
       [](const Tensor& x, const LstmState& s, const auto& w) { return lstm_cell(x, s.h, s.c, w); },
       [](const Tensor& x, const LstmState& s, const auto& w, const auto& o) {
         return lstm(x, s.h, s.c, w, o);
       }},
  };
  return list;
}

struct Config {
  int64_t steps = 5, batch = 3, width = 4, hidden = 5, layers = 1;
  bool both = false;
  int biases = 2;          ///< 1: b_ih alone
  int64_t projection = 0;  ///< 0 for none
  bool states = true;
  std::vector<int64_t> lengths = {};
};

struct Problem {
  Tensor x;
  LstmState first;
  std::vector<RecurrentWeights> weights;
  std::vector<Tensor> leaves;
};

Problem problem_of(const Kind& kind, const Config& c, DType dtype = DType::kFloat64) {
  Problem p;
  uint32_t stream = 500;
  const auto leaf = [&](Shape shape) {
    p.leaves.push_back(
        cast(values(std::move(shape), -0.8, 0.8, stream++), dtype).detach().set_requires_grad(true));
    return p.leaves.back();
  };
  const int64_t directions = c.both ? 2 : 1;
  const int64_t out = c.projection > 0 ? c.projection : c.hidden;
  const int64_t rows = kind.gates * c.hidden;
  p.x = leaf({c.steps, c.batch, c.width});
  if (c.states) p.first.h = leaf({c.layers * directions, c.batch, out});
  if (c.states && kind.gates == 4) p.first.c = leaf({c.layers * directions, c.batch, c.hidden});
  for (int64_t n = 0; n < c.layers * directions; ++n) {
    RecurrentWeights w;
    w.w_ih = leaf({rows, n < directions ? c.width : directions * out});
    w.w_hh = leaf({rows, out});
    if (c.biases > 0) w.b_ih = leaf({rows});
    if (c.biases > 1) w.b_hh = leaf({rows});
    if (c.projection > 0) w.w_hr = leaf({out, c.hidden});
    p.weights.push_back(w);
  }
  return p;
}

/// One sample [T, 1, I] through all layers, step by step.
RecurrentResult one_sample(const Kind& kind, Tensor x, const LstmState& first,
                           const std::vector<RecurrentWeights>& weights, bool both) {
  std::vector<Tensor> h_last, c_last;
  const int64_t steps = x.dim(0);
  const int64_t directions = both ? 2 : 1;
  for (int64_t n = 0; n < static_cast<int64_t>(weights.size()); n += directions) {
    std::vector<Tensor> sides;
    for (int64_t d = n; d < n + directions; ++d) {
      const RecurrentWeights& w = weights[static_cast<size_t>(d)];
      LstmState s{select(first.h, 0, d), first.c.defined() ? select(first.c, 0, d) : Tensor{}};
      std::vector<Tensor> outputs(static_cast<size_t>(steps));
      for (int64_t k = 0; k < steps; ++k) {
        const int64_t t = d > n ? steps - 1 - k : k;
        s = kind.cell(select(x, 0, t), s, w);
        outputs[static_cast<size_t>(t)] = s.h;
      }
      sides.push_back(steps > 0 ? stack(outputs, 0) : zeros({0, 1, s.h.dim(1)}, DType::kFloat64));
      h_last.push_back(s.h);
      if (s.c.defined()) c_last.push_back(s.c);
    }
    x = both ? cat(sides, 2) : sides[0];
  }
  return {x, stack(h_last, 0), c_last.empty() ? Tensor{} : stack(c_last, 0)};
}

RecurrentResult step_by_step(const Kind& kind, const Config& c, const Problem& p) {
  std::vector<Tensor> y, h, cells;
  const int64_t count = static_cast<int64_t>(p.weights.size());
  for (int64_t n = 0; n < c.batch; ++n) {
    const int64_t length = c.lengths.empty() ? c.steps : c.lengths[static_cast<size_t>(n)];
    LstmState first;
    const auto start = [&](const Tensor& given, int64_t size) {
      return given.defined() ? narrow(given, 1, n, 1) : zeros({count, 1, size}, DType::kFloat64);
    };
    first.h = start(p.first.h, c.projection > 0 ? c.projection : c.hidden);
    if (kind.gates == 4) first.c = start(p.first.c, c.hidden);
    const Tensor x = narrow(narrow(p.x, 1, n, 1), 0, 0, length);
    const RecurrentResult r = one_sample(kind, x, first, p.weights, c.both);
    y.push_back(cat({r.output, zeros({c.steps - length, 1, r.output.dim(2)}, DType::kFloat64)}, 0));
    h.push_back(r.h);
    if (r.c.defined()) cells.push_back(r.c);
  }
  return {cat(y, 1), cat(h, 1), cells.empty() ? Tensor{} : cat(cells, 1)};
}

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return a.numel() == 0 ? 0 : max(abs(sub(cast(a, DType::kFloat64), b))).item();
}

/// The results, then the gradients of all that wants one.
std::vector<Tensor> all_of(const RecurrentResult& r, const Problem& p) {
  std::vector<Tensor> all{r.output, r.h};
  if (r.c.defined()) all.push_back(r.c);
  std::vector<Tensor> seeds;
  for (const Tensor& t : all) {
    seeds.push_back(cast(values(t.shape(), -1, 1, 600 + static_cast<uint32_t>(seeds.size())), t.dtype()));
  }
  const std::vector<Tensor> slopes = grad(all, p.leaves, seeds);
  for (size_t i = 0; i < slopes.size(); ++i)
    all.push_back(slopes[i].defined() ? slopes[i] : zeros_like(p.leaves[i]));
  return all;
}

void compare(const Kind& kind, const Config& c) {
  INFO(kind.name << " steps " << c.steps << " batch " << c.batch << " layers " << c.layers << " hidden "
                 << c.hidden << " both " << c.both << " biases " << c.biases << " projection " << c.projection
                 << " states " << c.states << " lengths " << c.lengths.size());
  const Problem p = problem_of(kind, c);
  RecurrentOptions o;
  o.bidirectional = c.both;
  if (!c.lengths.empty()) o.lengths = Tensor::from(c.lengths, {c.batch});
  const std::vector<Tensor> expected = all_of(step_by_step(kind, c, p), p);
  const std::vector<Tensor> found = all_of(kind.layers(p.x, p.first, p.weights, o), p);
  const Problem narrow_problem = problem_of(kind, c, DType::kFloat32);
  const std::vector<Tensor> rounded =
      all_of(kind.layers(narrow_problem.x, narrow_problem.first, narrow_problem.weights, o), narrow_problem);
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    INFO("result " << i);
    CHECK(distance(found[i], expected[i]) <= 1e-10);
    const double largest = expected[i].numel() == 0 ? 0 : max(abs(expected[i])).item();
    CHECK(distance(rounded[i], expected[i]) <= 5e-5 * std::max(1.0, largest));
  }
}

TEST_CASE("recurrent layers are their cells step by step, values and gradients") {
  for (const Kind& kind : kinds()) {
    compare(kind, {});
    compare(kind, {.steps = 1});
    compare(kind, {.batch = 1});
    compare(kind, {.steps = 1, .batch = 1, .width = 1, .hidden = 1, .layers = 2, .both = true});
    compare(kind, {.layers = 3});
    compare(kind, {.layers = 2, .both = true});
    compare(kind, {.both = true, .biases = 0});
    compare(kind, {.biases = 1});
    compare(kind, {.layers = 2, .states = false});
    compare(kind, {.steps = 9, .batch = 17, .width = 6, .hidden = 33});
    compare(kind, {.layers = 2, .both = true, .lengths = {5, 2, 3}});
    compare(kind, {.batch = 4, .lengths = {1, 0, 5, 4}});
  }
  const Kind& lstm_kind = kinds().back();
  compare(lstm_kind, {.projection = 2});
  compare(lstm_kind, {.layers = 2, .both = true, .projection = 3, .states = false});
  compare(lstm_kind, {.layers = 2, .both = true, .biases = 0, .projection = 3, .lengths = {2, 5, 4}});
}

TEST_CASE("recurrent layers without steps leave the states, without a batch give nothing") {
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const Problem p = problem_of(kind, {.steps = 0});
    const RecurrentResult r = kind.layers(p.x, p.first, p.weights, {});
    CHECK(r.output.shape() == Shape{0, 3, 5});
    CHECK(distance(r.h, p.first.h) == 0);
    if (r.c.defined()) CHECK(distance(r.c, p.first.c) == 0);
    for (const double g : grad({sum(r.h)}, {p.first.h})[0].to_vector<double>()) CHECK(g == 1);
    const Problem empty = problem_of(kind, {.batch = 0, .layers = 2, .both = true});
    RecurrentOptions o;
    o.bidirectional = true;
    const RecurrentResult none = kind.layers(empty.x, empty.first, empty.weights, o);
    CHECK(none.output.shape() == Shape{5, 0, 10});
    CHECK(none.h.shape() == Shape{4, 0, 5});
  }
}

TEST_CASE("recurrent layers take the batch first, or none") {
  for (const Kind& kind : kinds()) {
    const Problem p = problem_of(kind, {.layers = 2, .both = true});
    RecurrentOptions o;
    o.bidirectional = true;
    const RecurrentResult r = kind.layers(p.x, p.first, p.weights, o);
    RecurrentOptions turned = o;
    turned.batch_first = true;
    const RecurrentResult first = kind.layers(contiguous(transpose(p.x, 0, 1)), p.first, p.weights, turned);
    CHECK(distance(transpose(first.output, 0, 1), r.output) <= 1e-14);
    CHECK(distance(first.h, r.h) <= 1e-14);
    const auto only = [](const Tensor& t, int64_t n) { return t.defined() ? select(t, 1, n) : t; };
    for (const bool batch_first : {false, true}) {
      o.batch_first = batch_first;
      const RecurrentResult one =
          kind.layers(only(p.x, 1), {only(p.first.h, 1), only(p.first.c, 1)}, p.weights, o);
      CHECK(distance(one.output, only(r.output, 1)) <= 1e-14);
      CHECK(distance(one.h, only(r.h, 1)) <= 1e-14);
      if (r.c.defined()) CHECK(distance(one.c, only(r.c, 1)) <= 1e-14);
    }
  }
}

TEST_CASE("numbers of a table's rows stand for the rows") {
  // 12 inputs: the products of 4 rows are looked up, of 7 rows the rows themselves.
  for (const int64_t rows : {4, 7}) {
    const Tensor table = values({rows, 6}, -0.8, 0.8, 490).detach().set_requires_grad(true);
    const Tensor numbers = Tensor::from<int64_t>({0, 3, 1, 1, 2, 3, 3, 0, 2, 1, 0, rows - 1}, {4, 3});
    for (const Kind& kind : kinds()) {
      INFO(kind.name << " of " << rows);
      const Problem p =
          problem_of(kind, {.steps = 4, .width = 6, .layers = 2, .both = true, .lengths = {2, 4, 3}});
      std::vector<Tensor> leaves(p.leaves.begin() + 1, p.leaves.end());
      leaves.push_back(table);
      for (const bool batch_first : {false, true}) {
        RecurrentOptions o;
        o.bidirectional = true;
        o.batch_first = batch_first;
        o.lengths = Tensor::from<int64_t>({2, 4, 3}, {3});
        const Tensor x = batch_first ? transpose(numbers, 0, 1) : numbers;
        const RecurrentResult expected = kind.layers(embedding(table, x), p.first, p.weights, o);
        o.table = table;
        const RecurrentResult r = kind.layers(x, p.first, p.weights, o);
        CHECK(distance(r.output, expected.output) <= 1e-14);
        CHECK(distance(r.h, expected.h) <= 1e-14);
        const Tensor g = values(expected.output.shape(), -1, 1, 491);
        const std::vector<Tensor> slopes = grad({r.output}, leaves, {g});
        const std::vector<Tensor> expected_slopes = grad({expected.output}, leaves, {g});
        for (size_t i = 0; i < leaves.size(); ++i) CHECK(distance(slopes[i], expected_slopes[i]) <= 1e-13);
      }
      RecurrentOptions o;
      o.table = table;
      const Tensor one = select(numbers, 1, 2);
      const std::vector<RecurrentWeights> first(p.weights.begin(), p.weights.begin() + 1);
      CHECK(distance(kind.layers(one, {}, first, o).output,
                     kind.layers(embedding(table, one), {}, first, {}).output) <= 1e-14);
      CHECK_THROWS_WITH(kind.layers(values({4, 3, 6}), {}, first, o), Catch::Contains("[T, N] or [T]"));
      CHECK_THROWS_WITH(
          kind.layers(Tensor::from<int64_t>({0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, rows}, {14}), {}, first,
                      o),
          Catch::Contains(fmt::format("{}", rows)));
      o.table = values({6});
      CHECK_THROWS_WITH(kind.layers(one, {}, first, o), Catch::Contains("a table [rows, I], got [6]"));
    }
  }
}

TEST_CASE("dropout works between the layers, and while training alone") {
  const RngKey key{.seed = 4, .purpose = RngPurpose::kDropout, .step = 2, .index = 7};
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const Problem p = problem_of(kind, {.layers = 3, .states = false});
    RecurrentOptions o;
    o.dropout = 0.4;
    o.key = key;
    const Tensor y = kind.layers(p.x, {}, p.weights, o).output;
    Tensor x = p.x;
    for (uint32_t n = 0; n < 3; ++n) {
      RngKey here = key;
      here.index += n - 1;
      if (n > 0) x = dropout(x, 0.4, here);
      x = kind.layers(x, {}, {p.weights[n]}, {}).output;
    }
    CHECK(distance(y, x) <= 1e-14);
    const Tensor dry = kind.layers(p.x, {}, p.weights, {}).output;
    CHECK(distance(y, dry) > 1e-3);
    // A single layer has nothing between.
    CHECK(distance(kind.layers(p.x, {}, {p.weights[0]}, o).output,
                   kind.layers(p.x, {}, {p.weights[0]}, {}).output) == 0);
    functional::List params;
    for (const RecurrentWeights& w : p.weights) {
      for (const Tensor& t : {w.w_ih, w.w_hh, w.b_ih, w.b_hh}) params.emplace_back(t);
    }
    const Tensor zero = zeros({3, 3, 5}, DType::kFloat64);
    const functional::Value states = kind.gates == 4 ? functional::Value(functional::List{zero, zero}) : zero;
    for (const bool train : {false, true}) {
      const functional::Value result = functional::call(
          kind.name,
          std::vector<functional::Value>{p.x, states, params, true, int64_t{3}, 0.4, train, false, false});
      const Tensor output = result.as<functional::List>()[0].as<Tensor>();
      CHECK((distance(output, dry) <= 1e-14) == !train);
    }
  }
}

TEST_CASE("errors of recurrent layers and cells say what was expected") {
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const Problem p = problem_of(kind, {});
    const auto fails = [&](const char* text, const std::function<void(Problem&, RecurrentOptions&)>& change) {
      Problem bad = p;
      RecurrentOptions o;
      change(bad, o);
      CHECK_THROWS_WITH(kind.layers(bad.x, bad.first, bad.weights, o), Catch::Contains(text));
    };
    fails("expects input [T, N, I]", [](Problem& b, auto&) { b.x = values({4}); });
    fails("w_ih", [](Problem& b, auto&) { b.x = values({5, 3, 6}); });
    fails("initial states [1, 3, 5]", [](Problem& b, auto&) { b.first.h = values({1, 2, 5}); });
    fails("weights for each layer", [](Problem& b, auto&) { b.weights.clear(); });
    fails("weights for each layer", [](Problem&, auto& o) { o.bidirectional = true; });
    fails("w_ih and w_hh", [](Problem& b, auto&) { b.weights[0].w_hh = {}; });
    fails("w_ih and w_hh", [](Problem& b, auto&) { b.weights[0].w_ih = {}; });
    fails("w_hh", [](Problem& b, auto&) { b.weights[0].w_hh = values({2, 2}); });
    fails("b_ih", [](Problem& b, auto&) { b.weights[0].b_ih = values({2}); });
    if (kind.gates == 4)
      fails("w_hr [P, H]", [](Problem& b, auto&) { b.weights[0].w_hr = Tensor::scalar(1); });
    fails(kind.gates == 4 ? "initial states [1, 3, 2]" : "no projection", [](Problem& b, auto&) {
      b.weights[0].w_hr = values({2, 5});
    });
    fails("float32", [](Problem& b, auto&) { b.x = cast(b.x, DType::kFloat32); });
    fails("lengths from 0 to 5, got 6", [](Problem&, auto& o) {
      o.lengths = Tensor::from<int64_t>({5, 6, 1}, {3});
    });
    fails("lengths from 0 to 5, got -1", [](Problem&, auto& o) {
      o.lengths = Tensor::from<int64_t>({5, -1, 1}, {3});
    });
    fails("3 lengths", [](Problem&, auto& o) { o.lengths = Tensor::from<int64_t>({5}, {1}); });
    fails("integer lengths", [](Problem&, auto& o) { o.lengths = values({3}); });
    for (const double bad : {-0.1, 1.5, std::nan("")}) {
      fails("probability from 0 to 1", [&](Problem&, auto& o) { o.dropout = bad; });
    }
    if (kind.gates == 4) fails("initial states", [](Problem& b, auto&) { b.first.c = values({1, 3, 4}); });
    const LstmState one{values({1, 5}), values({1, 5})};
    CHECK_THROWS_WITH(kind.cell(values({3, 4}), one, p.weights[0]), Catch::Contains("a state [3, 5]"));
    CHECK_THROWS_WITH(kind.cell(values({4}), one, p.weights[0]), Catch::Contains("cell expects"));
  }
  const Problem p = problem_of(kinds().back(), {});
  CHECK_THROWS_WITH(lstm_cell(values({3, 4}), values({3, 5}), values({1, 5}), p.weights[0]),
                    Catch::Contains("a state [3, 5]"));
}

}  // namespace
}  // namespace dlb::testing
