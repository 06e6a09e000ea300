// Samples of attention, recurrent networks, CTC and what is random.
#include <numeric>

#include "dlb/functional/function.h"
#include "dlb/ops/attention.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/ctc.h"
#include "dlb/ops/loss_class.h"
#include "dlb/ops/random.h"
#include "dlb/ops/recurrent.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using In = std::vector<Tensor>;

const RngKey kKey{.seed = 5, .purpose = RngPurpose::kUser, .step = 1, .index = 2};

const std::vector<DType> kIntegers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};

Tensor whole(const std::vector<int64_t>& v, Shape shape) { return Tensor::from(v, std::move(shape)); }

void add_attention(SampleTable& t) {
  const auto add = [&](In inputs, const AttentionOptions& o, bool large = false) {
    Sample s;
    s.inputs = std::move(inputs);
    s.call = [o](const In& in) {
      AttentionOptions options = o;
      if (in.size() > 3) options.mask = in[3];
      return In{scaled_dot_product_attention(in[0], in[1], in[2], options)};
    };
    s.rejects = kIntegers;
    s.tolerance = 20;
    s.large = large;
    t["attention"].push_back(s);
    t["attention_grad"].push_back(s);
  };
  AttentionOptions plain;
  AttentionOptions causal;
  causal.causal = true;
  AttentionOptions dropping;
  dropping.dropout = 0.3;
  dropping.key = kKey;
  AttentionOptions grouped = dropping;
  grouped.enable_gqa = true;
  grouped.causal = true;
  const auto qkv = [](int64_t b, int64_t h, int64_t g, int64_t l, int64_t s, int64_t e) {
    return In{values({b, h, l, e}, -1, 1, 80), values({b, g, s, e}, -1, 1, 81),
              values({b, g, s, e + 1}, -1, 1, 82)};
  };
  add(qkv(2, 2, 2, 3, 4, 3), plain);
  add(qkv(1, 2, 2, 4, 3, 2), causal);
  add(qkv(1, 2, 2, 3, 5, 2), dropping);
  add(qkv(1, 4, 2, 3, 3, 2), grouped);
  In masked = qkv(1, 2, 2, 3, 4, 2);
  masked.push_back(values({2, 1, 4}, -1, 1, 83));
  add(masked, plain);
  add(qkv(0, 2, 2, 3, 4, 2), plain);
  add(qkv(1, 2, 2, 0, 4, 2), plain);
  add(qkv(1, 2, 2, 3, 0, 2), plain);
  add(qkv(2, 3, 3, 200, 150, 24), causal, true);
  add(qkv(1, 1, 1, 200, 150, 24), dropping, true);
  add(qkv(1, 4, 1, 130, 70, 8), grouped, true);
}

void add_packed_attention(SampleTable& t) {
  const auto add = [&](Shape shape, int64_t heads, int64_t kv_heads, const AttentionOptions& o,
                       bool large = false) {
    Sample s;
    s.inputs = {values(std::move(shape), -1, 1, 84)};
    s.call = [=](const In& in) { return In{packed_attention(in[0], heads, kv_heads, o)}; };
    s.rejects = kIntegers;
    s.tolerance = 20;
    s.large = large;
    t["packed_attention"].push_back(s);
    t["packed_attention_grad"].push_back(s);
  };
  AttentionOptions causal;
  causal.causal = true;
  AttentionOptions dropping = causal;
  dropping.dropout = 0.3;
  dropping.key = kKey;
  add({2, 3, 6, 4}, 2, 2, {});
  add({2, 4, 8, 3}, 4, 2, dropping);
  add({0, 3, 6, 4}, 2, 2, causal);
  add({2, 0, 6, 4}, 2, 2, {});
  add({2, 130, 9, 24}, 3, 3, causal, true);
  add({1, 65, 6, 32}, 4, 1, {}, true);
}

/// One layer with biases, in a direction and with lengths or not.
void add_recurrent(SampleTable& t) {
  struct Kind {
    const char* op;
    int64_t gates;
    std::function<RecurrentResult(const In&, const std::vector<RecurrentWeights>&, const RecurrentOptions&)>
        run;
  };
  const Kind kinds[] = {
      {"rnn_sequence", 1,
       [](const In& in, const auto& w, const auto& o) { return rnn_tanh(in[0], in[1], w, o); }},
      {"gru_sequence", 3, [](const In& in, const auto& w, const auto& o) { return gru(in[0], in[1], w, o); }},
      {"lstm_sequence", 4,
       [](const In& in, const auto& w, const auto& o) { return lstm(in[0], in[1], in[6], w, o); }},
  };
  for (const Kind& kind : kinds) {
    const auto add = [&](int64_t steps, int64_t batch, int64_t hidden, bool both, bool lengths,
                         bool large = false) {
      const int64_t rows = kind.gates * hidden;
      const int64_t directions = both ? 2 : 1;
      Sample s;
      s.inputs = {values({steps, batch, 3}, -1, 1, 90),
                  values({directions, batch, hidden}, -1, 1, 91),
                  values({rows, 3}, -1, 1, 92),
                  values({rows, hidden}, -1, 1, 93),
                  values({rows}, -1, 1, 94),
                  values({rows}, -1, 1, 95)};
      if (kind.gates == 4) s.inputs.push_back(values({directions, batch, hidden}, -1, 1, 96));
      RecurrentOptions o;
      o.bidirectional = both;
      if (lengths) {
        std::vector<int64_t> n(static_cast<size_t>(batch));
        for (int64_t i = 0; i < batch; ++i) n[static_cast<size_t>(i)] = 1 + i * 5 % steps;
        o.lengths = whole(n, {batch});
      }
      s.call = [o, run = kind.run](const In& in) {
        const RecurrentWeights w{in[2], in[3], in[4], in[5], {}};
        RecurrentOptions options = o;
        if (in[0].is_meta() && o.lengths.defined()) {
          options.lengths = Tensor::empty(o.lengths.shape(), DType::kInt64, kMeta);
        }
        const RecurrentResult r = run(in, o.bidirectional ? std::vector{w, w} : std::vector{w}, options);
        In out{r.output, r.h};
        if (r.c.defined()) out.push_back(r.c);
        return out;
      };
      s.rejects = kIntegers;
      s.tolerance = 30;
      s.large = large;
      s.thread_dependent = large;  // the products over all steps
      t[kind.op].push_back(s);
      t[std::string(kind.op) + "_grad"].push_back(s);
    };
    add(3, 2, 3, false, false);
    add(3, 3, 2, true, true);
    add(0, 2, 2, false, false);
    add(3, 0, 2, false, false);
    add(12, 30, 40, true, true, true);
  }
}

void add_ctc(SampleTable& t) {
  const auto add = [&](int64_t steps, int64_t batch, int64_t classes, const Tensor& targets,
                       const std::vector<int64_t>& in_lengths, const std::vector<int64_t>& out_lengths) {
    Sample s;
    s.inputs = {values({steps, batch, classes}, -1, 1, 100)};
    // Of the scores: the gradient is made for what stands before log_softmax.
    s.call = [=](const In& in) {
      const auto index = [&](const Tensor& x) {
        return in[0].is_meta() ? Tensor::empty(x.shape(), DType::kInt64, kMeta) : x;
      };
      const int64_t n = static_cast<int64_t>(in_lengths.size());
      return In{ctc_loss(log_softmax(in[0], -1), index(targets), index(whole(in_lengths, {n})),
                         index(whole(out_lengths, {n})), {0, Reduction::kNone, false})};
    };
    s.second_order = false;
    s.rejects = kIntegers;
    s.tolerance = 30;
    t["ctc_loss"].push_back(s);
    t["ctc_loss_grad"].push_back(s);
  };
  add(5, 2, 4, whole({1, 1, 3, 2, 3, 1}, {2, 3}), {5, 4}, {3, 2});
  add(6, 3, 3, whole({1, 2, 2}, {3}), {6, 5, 3}, {2, 1, 0});
  add(4, 0, 3, whole({}, {0, 2}), {}, {});
}

void add_bce(SampleTable& t) {
  for (const Shape& shape : {Shape{3, 4}, Shape{0, 2}}) {
    Sample s;
    s.inputs = {values(shape, 0.1, 0.9, 110), values(shape, 0.1, 0.9, 111)};
    s.call = [](const In& in) { return In{binary_cross_entropy(in[0], in[1], Reduction::kNone)}; };
    s.rejects = kIntegers;
    s.tolerance = 10;
    t["binary_cross_entropy"].push_back(s);
  }
}

/// A random tensor from nothing: a few elements, none, many.
void add_created(SampleTable& t, const char* name, const std::function<Tensor(Shape)>& draw) {
  for (const Shape& shape : {Shape{5, 5}, Shape{0, 4}, Shape{70000}}) {
    Sample s;
    s.call = [=](const In&) { return In{draw(shape)}; };
    s.gradient = false;
    s.large = shape[0] == 70000;
    t[name].push_back(s);
  }
}

/// A function of the table of an input; random ones have no gradient that differences could show.
void add_named(SampleTable& t, const char* name, In inputs, std::vector<functional::Value> more,
               bool gradient) {
  Sample s;
  s.inputs = std::move(inputs);
  s.call = [=](const In& in) {
    std::vector<functional::Value> args(in.begin(), in.end());
    args.insert(args.end(), more.begin(), more.end());
    return In{functional::call(name, args).as<Tensor>()};
  };
  s.gradient = gradient;
  s.second_order = gradient;
  s.compare_16_bit = gradient;
  s.tolerance = 4;
  t[name].push_back(s);
}

void add_random(SampleTable& t) {
  add_created(t, "randint", [](Shape s) { return randint(-5, 90, std::move(s), kKey); });
  add_created(t, "randperm", [](const Shape& s) { return randperm(numel(s), kKey); });
  add_created(t, "exponential", [](Shape s) { return exponential(std::move(s), 2, kKey); });
  add_created(t, "geometric", [](Shape s) { return geometric(std::move(s), 0.2, kKey); });
  add_created(t, "log_normal", [](Shape s) { return log_normal(std::move(s), 0, 1, kKey); });
  add_created(t, "cauchy", [](Shape s) { return cauchy(std::move(s), 0, 1, kKey); });
  add_created(t, "truncated_normal",
              [](Shape s) { return truncated_normal(std::move(s), 0, 1, -1, 2, kKey); });
  add_created(t, "poisson", [](Shape s) { return poisson(full(std::move(s), 20), kKey); });
  add_created(t, "standard_gamma", [](Shape s) { return standard_gamma(full(std::move(s), 0.7), kKey); });
  add_created(t, "binomial", [](const Shape& s) { return binomial(full(s, 50), full(s, 0.4), kKey); });
  add_created(t, "multinomial", [](const Shape& s) { return multinomial(ones({s[0], 3}), 2, false, kKey); });
  const Tensor positive = values({4, 5}, 0.5, 2, 120);
  const Tensor parts = values({4, 5}, 0.1, 0.9, 121);
  for (const char* name : {"rand_like", "randn_like", "dirichlet"}) add_named(t, name, {positive}, {}, false);
  add_named(t, "randint_like", {positive}, {int64_t{2}, int64_t{9}}, false);
  add_named(t, "bernoulli", {parts}, {}, false);
  for (const char* name : {"gamma", "beta"}) add_named(t, name, {positive, parts}, {}, false);
  for (const char* name : {"dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}) {
    const Shape shape = std::string_view(name) == "dropout3d" ? Shape{2, 3, 1, 2, 2} : Shape{2, 3, 4};
    add_named(t, name, {values(shape, -1, 1, 122)}, {0.4, true}, true);
  }
  const functional::List size{int64_t{3}, int64_t{2}};
  for (const char* name : {"rand", "randn", "trunc_normal"})
    add_named(t, name, {}, {functional::Value(size)}, false);
}

}  // namespace

void add_sequence_samples(SampleTable& table) {
  add_attention(table);
  add_packed_attention(table);
  add_recurrent(table);
  add_ctc(table);
  add_bce(table);
  add_random(table);
}

}  // namespace dlb::testing
