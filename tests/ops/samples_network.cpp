#include "dlb/ops/conv_defs.h"
#include "dlb/ops/loss_defs.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/norm_defs.h"
#include "dlb/ops/pair_products.h"
#include "dlb/ops/pool_defs.h"
#include "dlb/ops/softmax_defs.h"
#include "samples.h"

namespace dlb::testing {

namespace {

const std::vector<DType> kIntegers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};

/// Input i, or an undefined tensor.
Tensor at(const std::vector<Tensor>& in, size_t i) { return i < in.size() ? in[i] : Tensor{}; }

Sample sample(std::vector<Tensor> inputs, TensorFunction call, double tolerance = 1, bool large = false) {
  Sample s;
  s.inputs = std::move(inputs);
  s.call = std::move(call);
  s.rejects = kIntegers;
  s.tolerance = tolerance;
  s.large = large;
  return s;
}

void add_matmul(SampleTable& table) {
  const TensorFunction product = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{matmul(in[0], in[1])};
  };
  std::vector<Sample>& list = table["matmul"];
  const auto add = [&](const Shape& a, const Shape& b, bool large = false) {
    list.push_back(sample({values(a, -1, 1, 1), values(b, -1, 1, 2)}, product, 4, large));
    list.back().thread_dependent = large;
    list.back().rejects = {DType::kBool};
  };
  add({2, 3}, {3, 4});
  add({3}, {3});
  add({3}, {3, 4});
  add({2, 3}, {3});
  add({2, 2, 3}, {3, 2});
  add({2, 1, 2, 3}, {3, 3, 2});
  add({2, 3}, {2, 3, 2});
  add({0, 3}, {3, 4});
  add({2, 0}, {0, 3});
  add({0, 2, 3}, {3, 2});
  add({70, 90}, {90, 80}, true);
  add({5, 40, 60}, {5, 60, 30}, true);
  const TensorFunction layer = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{linear(in[0], in[1], at(in, 2))};
  };
  std::vector<Sample>& linears = table["linear"];
  linears.push_back(sample({values({4, 3}), values({5, 3}), values({5})}, layer, 4));
  linears.push_back(sample({values({2, 2, 3}), values({5, 3})}, layer, 4));
  linears.push_back(sample({values({3}), values({2, 3}), values({2})}, layer, 4));
  linears.push_back(sample({values({0, 3}), values({2, 3}), values({2})}, layer, 4));
  linears.push_back(sample({values({60, 100}), values({70, 100}), values({70})}, layer, 4, true));
  linears.back().thread_dependent = true;
  const TensorFunction after_gelu = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{gelu_linear(in[0], in[1], at(in, 2))};
  };
  for (const bool self : {false, true}) {
    const TensorFunction pairs = [self](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{pair_products(in[0], self)};
    };
    for (const char* name : {"pair_products", "pair_products_grad"}) {
      std::vector<Sample>& products = table[name];
      for (const Shape& shape :
           {Shape{2, 4, 3}, Shape{0, 4, 3}, Shape{2, 1, 3}, Shape{2, 0, 3}, Shape{2, 3, 0}})
        products.push_back(sample({values(shape)}, pairs, 8));
      products.push_back(sample({values({40, 27, 16})}, pairs, 8, true));
    }
  }
  std::vector<Sample>& gelus = table["gelu_linear"];
  gelus.push_back(sample({values({4, 3}), values({5, 3}), values({5})}, after_gelu, 8));
  gelus.push_back(sample({values({2, 2, 3}), values({5, 3})}, after_gelu, 8));
  gelus.push_back(sample({values({0, 3}), values({2, 3}), values({2})}, after_gelu, 8));
}

void add_conv(SampleTable& table) {
  const auto add = [&](const Shape& x, const Shape& w, bool bias, const ConvAttrs& a, bool large = false) {
    std::vector<Tensor> inputs{values(x, -1, 1, 1), values(w, -1, 1, 2)};
    if (bias) inputs.push_back(values({w[0]}, -1, 1, 3));
    const auto call = [a](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{conv(in[0], in[1], at(in, 2), a)};
    };
    table[a.relu ? "conv_relu" : "conv"].push_back(sample(inputs, call, 8, large));
    table[a.relu ? "conv_relu" : "conv"].back().thread_dependent = true;
  };
  add({2, 2, 4, 3}, {3, 2, 2, 2}, true, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, false});
  add({1, 4, 5, 5}, {2, 2, 3, 2}, false, {{2, 1}, {1, 0}, {2, 1}, {1, 2}, 2, false});
  add({2, 3, 7}, {2, 3, 3}, true, {{2}, {1}, {1}, {1}, 1, false});
  add({2, 1, 3, 3}, {2, 1, 3, 3}, true, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, false});
  add({0, 2, 4, 4}, {3, 2, 2, 2}, true, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, false});
  add({4, 8, 12, 12}, {16, 8, 3, 3}, true, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, false}, true);
  add({2, 2, 4, 3}, {3, 2, 2, 2}, true, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, true});
  add({0, 2, 4}, {3, 2, 2}, true, {{1}, {0}, {0}, {1}, 1, true});

  // Each activation, with and without a residual.
  for (int i = 0; i <= static_cast<int>(Activation::kGeluTanh); ++i) {
    const Epilogue e{static_cast<Activation>(i), i == static_cast<int>(Activation::kLeakyRelu) ? 0.2 : -0.4,
                     0.5};
    for (const bool residual : {false, true}) {
      const ConvAttrs same{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, false};
      std::vector<Tensor> inputs{values({2, 2, 4, 3}, -1, 1, 1), values({3, 2, 3, 3}, -1, 1, 2),
                                 values({3}, -1, 1, 3)};
      if (residual) inputs.push_back(values({2, 3, 4, 3}, -1, 1, 4));
      table["fused_conv"].push_back(sample(
          inputs,
          [=](const std::vector<Tensor>& in) {
            return std::vector<Tensor>{fused_conv(in[0], in[1], in[2], at(in, 3), same, e)};
          },
          16));
      table["fused_conv"].back().thread_dependent = true;
      std::vector<Tensor> rows{values({4, 2, 6}, -1, 1, 1), values({5, 6}, -1, 1, 2), values({5}, -1, 1, 3)};
      if (residual) rows.push_back(values({4, 2, 5}, -1, 1, 4));
      table["fused_linear"].push_back(sample(
          rows,
          [=](const std::vector<Tensor>& in) {
            return std::vector<Tensor>{fused_linear(in[0], in[1], in[2], at(in, 3), e)};
          },
          16));
      table["fused_linear"].back().thread_dependent = true;
    }
  }

  const ConvAttrs plain{{1}, {0}, {0}, {1}, 1, false};
  table["fused_conv"].push_back(sample(
      {values({0, 2, 4}), values({3, 2, 2})},
      [=](const std::vector<Tensor>& in) {
        return std::vector<Tensor>{fused_conv(in[0], in[1], {}, {}, plain, {Activation::kRelu})};
      },
      8));
  table["fused_linear"].push_back(sample(
      {values({0, 3}), values({2, 3})},
      [](const std::vector<Tensor>& in) {
        return std::vector<Tensor>{fused_linear(in[0], in[1], {}, {}, {Activation::kRelu})};
      },
      8));

  const ConvAttrs a{{2, 1}, {1, 0}, {1, 1}, {1, 1}, 1, false};
  const auto add_grads = [&](int64_t n) {
    const Shape x{n, 2, 4, 4};
    const Shape w{3, 2, 3, 2};
    const Tensor g = values({n, 3, 2, 4}, -1, 1, 4);
    table["conv_input_grad"].push_back(sample(
        {g, values(w, -1, 1, 5)},
        [=](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{conv_input_grad(in[0], in[1], {a, x, false})};
        },
        8));
    table["conv_input_grad"].back().thread_dependent = true;
    for (const bool bias : {false, true}) {
      table["conv_weight_grad"].push_back(sample(
          {g, values(x, -1, 1, 6)},
          [=](const std::vector<Tensor>& in) {
            const Outputs out = apply(op::conv_weight_grad(), {in[0], in[1]}, ConvGradAttrs{a, w, bias});
            return std::vector<Tensor>(out.begin(), out.end());
          },
          16));
      table["conv_weight_grad"].back().thread_dependent = true;
    }
  };
  add_grads(2);
  add_grads(0);
}

void add_pool(SampleTable& table) {
  struct Case {
    Shape x;
    PoolAttrs attrs;
  };
  const Case cases[] = {
      {{2, 3, 4, 6}, {{2, 2}, {2, 2}, {0, 0}, {1, 1}}},
      {{1, 2, 5, 5}, {{3, 2}, {2, 1}, {1, 1}, {1, 1}, true}},
      {{2, 2, 7}, {{3}, {2}, {1}, {1}, true, false}},
      {{1, 2, 6, 6}, {{2, 2}, {1, 2}, {1, 0}, {2, 1}}},
      {{0, 2, 4, 4}, {{2, 2}, {2, 2}, {0, 0}, {1, 1}}},
  };
  for (const Case& c : cases) {
    const PoolAttrs a = c.attrs;
    const Tensor x = values(c.x, -2, 2, 7);
    const auto pick = [a](const std::vector<Tensor>& in) { return std::vector<Tensor>{max_pool(in[0], a)}; };
    const auto average = [a](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{avg_pool(in[0], a)};
    };
    table["max_pool"].push_back(sample({x}, pick, 4));
    table["max_pool_grad"].push_back(sample({x}, pick, 4));
    table["avg_pool"].push_back(sample({x}, average, 4));
    table["avg_pool_grad"].push_back(sample({x}, average, 4));
    PoolOpAttrs full{a, {}, {}};
    for (size_t i = 2; i < c.x.size(); ++i) full.input.push_back(c.x[i]);
    const Tensor index = apply(op::max_pool(), {x}, full)[1];
    table["max_pool_gather"].push_back(sample({x, index}, [full](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{apply1(op::max_pool_gather(), {in[0], in[1]}, full)};
    }));
  }
  for (const Shape& shape : {Shape{2, 3, 5, 7}, Shape{0, 3, 5, 7}, Shape{2, 3, 7}}) {
    const Dims out = shape.size() == 4 ? Dims{2, 3} : Dims{3};
    const Tensor x = values(shape, -2, 2, 8);
    table["adaptive_max_pool"].push_back(sample({x}, [out](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{adaptive_max_pool(in[0], out)};
    }));
    table["adaptive_avg_pool"].push_back(sample(
        {x},
        [out](const std::vector<Tensor>& in) { return std::vector<Tensor>{adaptive_avg_pool(in[0], out)}; },
        4));
  }
  const PoolAttrs a{{3, 3}, {2, 2}, {1, 1}, {1, 1}};
  for (const bool largest : {true, false}) {
    table[largest ? "max_pool" : "avg_pool"].push_back(sample(
        {values({6, 20, 30, 30}, -2, 2, 9)},
        [a, largest](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{largest ? max_pool(in[0], a) : avg_pool(in[0], a)};
        },
        1, true));
  }
}

/// The same sample for a normalisation and for its gradient, which is reached through it.
void add_norm_sample(SampleTable& table, const std::string& name, std::vector<Tensor> inputs,
                     const TensorFunction& call, bool large = false) {
  Sample s = sample(std::move(inputs), call, 30, large);
  s.compare_16_bit = false;  // cancellation: checked with tolerances of its own in norm_test
  table[name].push_back(s);
  table[name + "_grad"].push_back(s);
}

void add_norm(SampleTable& table) {
  const auto batch = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{batch_norm_train(in[0], at(in, 1), at(in, 2)).y};
  };
  const auto add_batch = [&](const Shape& x, bool affine, bool large = false) {
    std::vector<Tensor> inputs{values(x, -1, 3, 10)};
    if (affine) inputs.insert(inputs.end(), {values({x[1]}, 0.5, 2, 11), values({x[1]}, -1, 1, 12)});
    Sample s = sample(inputs, batch, 30, large);
    s.compare_16_bit = false;
    for (const char* name : {"batch_norm_train", "batch_norm_grad"}) table[name].push_back(s);
    s.call = [](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{batch_norm_train(in[0], at(in, 1), at(in, 2), 1e-5, true).y};
    };
    for (const char* name : {"batch_norm_train", "batch_norm_grad"}) table[name].push_back(s);
    s.call = [](const std::vector<Tensor>& in) {
      const BatchNormResult r = batch_norm_train(in[0].detach(), {}, {});
      return std::vector<Tensor>{r.mean, r.var};
    };
    s.gradient = false;
    table["batch_stats"].push_back(s);
  };
  add_batch({4, 3, 2, 2}, true);
  add_batch({5, 2}, true);
  add_batch({3, 2, 4}, false);
  add_batch({16, 24, 20, 20}, true, true);
  add_batch({2, 0, 3}, true);

  const auto eval = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{batch_norm_eval(in[0], in[1], in[2], at(in, 3), at(in, 4))};
  };
  const auto add_eval = [&](const Shape& x, bool affine, bool large = false) {
    const Shape c{x[1]};
    std::vector<Tensor> inputs{values(x, -1, 3, 13), values(c, 0, 1, 14), values(c, 0.5, 2, 15)};
    if (affine) inputs.insert(inputs.end(), {values(c, 0.5, 2, 16), values(c, -1, 1, 17)});
    table["batch_norm_eval"].push_back(sample(inputs, eval, 30, large));
  };
  add_eval({3, 2, 2, 3}, true);
  add_eval({3, 2}, false);
  add_eval({0, 2, 3}, true);
  add_eval({8, 20, 30, 30}, true, true);

  const auto add_layer = [&](const Shape& x, int64_t dims, bool affine, bool large = false) {
    const Shape inner(x.end() - dims, x.end());
    std::vector<Tensor> inputs{values(x, -1, 3, 18)};
    if (affine) inputs.insert(inputs.end(), {values(inner, 0.5, 2, 19), values(inner, -1, 1, 20)});
    add_norm_sample(
        table, "layer_norm", inputs,
        [dims](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{layer_norm(in[0], dims, at(in, 1), at(in, 2))};
        },
        large);
  };
  add_layer({3, 5}, 1, true);
  add_layer({2, 3, 4}, 2, true);
  add_layer({2, 2, 3}, 1, false);
  add_layer({0, 4}, 1, true);
  add_layer({300, 130}, 1, true, true);

  const auto add_group = [&](const Shape& x, int64_t groups, bool affine, bool large = false) {
    std::vector<Tensor> inputs{values(x, -1, 3, 21)};
    if (affine) inputs.insert(inputs.end(), {values({x[1]}, 0.5, 2, 22), values({x[1]}, -1, 1, 23)});
    add_norm_sample(
        table, "group_norm", inputs,
        [groups](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{group_norm(in[0], groups, at(in, 1), at(in, 2))};
        },
        large);
  };
  add_group({2, 4, 2, 3}, 2, true);
  add_group({2, 3, 4}, 1, false);
  add_group({2, 3, 2, 2}, 3, true);
  add_group({0, 4, 2}, 2, true);
  add_group({5, 24, 20, 20}, 4, true, true);
}

void add_softmax(SampleTable& table) {
  struct Case {
    Shape shape;
    int64_t dim;
    bool large;
  };
  for (const Case& c : {Case{{3, 5}, -1, false}, Case{{2, 3, 4}, 1, false}, Case{{2, 3, 2, 2}, 1, false},
                        Case{{4}, 0, false}, Case{{0, 3}, 1, false}, Case{{400, 77}, 1, true}}) {
    const int64_t dim = c.dim;
    for (const bool logarithm : {false, true}) {
      const std::string name = logarithm ? "log_softmax" : "softmax";
      const Sample s = sample(
          {values(c.shape, -3, 3, 24)},
          [=](const std::vector<Tensor>& in) {
            return std::vector<Tensor>{logarithm ? log_softmax(in[0], dim) : softmax(in[0], dim)};
          },
          4, c.large);
      table[name].push_back(s);
      table[name + "_grad"].push_back(s);
    }
  }
  const RngKey key{.seed = 5, .purpose = RngPurpose::kDropout, .step = 3, .index = 1};
  for (const Shape& shape : {Shape{7, 9}, Shape{2, 3, 4, 5}, Shape{0, 3}, Shape{90, 999}}) {
    for (const double p : {0.0, 0.3, 1.0}) {
      table["dropout"].push_back(sample(
          {values(shape, -2, 2, 25)},
          [=](const std::vector<Tensor>& in) { return std::vector<Tensor>{dropout(in[0], p, key)}; }, 2,
          shape[0] == 90));
    }
  }
}

Tensor labels(const Shape& shape, int64_t classes, bool ignoring) {
  std::vector<int64_t> v(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = ignoring && i % 3 == 1 ? -100 : static_cast<int64_t>(i * 7 + 1) % classes;
  return Tensor::from(v, shape);
}

void add_loss(SampleTable& table) {
  const auto add = [&](const Shape& shape, bool weighted, bool ignoring, double smoothing,
                       bool large = false) {
    Shape target = shape;
    target.erase(1);
    std::vector<Tensor> inputs{values(shape, -3, 3, 26), labels(target, shape[1], ignoring)};
    Tensor weight;
    if (weighted) weight = values({shape[1]}, 0.5, 2, 27);
    const auto weight_for = [weight](const Tensor& x) {
      if (!weight.defined()) return weight;
      // Not an input: there is no gradient for class weights.
      if (x.is_meta()) return Tensor::empty({x.dim(1)}, x.dtype(), kMeta);
      const std::vector<double> w = weight.to_vector<double>();
      if (x.dtype() == DType::kFloat64) return weight;
      return Tensor::from(std::vector<float>(w.begin(), w.end()), weight.shape());
    };
    const Sample entropy = sample(
        inputs,
        [=](const std::vector<Tensor>& in) {
          const LossSum loss = cross_entropy(in[0], in[1], weight_for(in[0]), -100, smoothing);
          return std::vector<Tensor>{loss.sum, loss.count.detach()};
        },
        8, large);
    table["cross_entropy"].push_back(entropy);
    table["cross_entropy_grad"].push_back(entropy);
    if (smoothing > 0) return;
    const Sample likelihood = sample(
        inputs,
        [=](const std::vector<Tensor>& in) {
          const LossSum loss = nll_loss(in[0], in[1], weight_for(in[0]), -100);
          return std::vector<Tensor>{loss.sum, loss.count.detach()};
        },
        8, large);
    table["nll_loss"].push_back(likelihood);
    table["nll_loss_grad"].push_back(likelihood);
  };
  add({5, 4}, false, false, 0);
  add({6, 3}, true, true, 0);
  add({6, 3}, true, true, 0.2);
  add({2, 3, 2, 2}, true, true, 0.1);
  add({2, 3, 4}, false, true, 0);
  add({0, 3}, false, false, 0);
  add({900, 60}, true, true, 0.1, true);
}

}  // namespace

void add_network_samples(SampleTable& table) {
  add_matmul(table);
  add_conv(table);
  add_pool(table);
  add_norm(table);
  add_softmax(table);
  add_loss(table);
}

}  // namespace dlb::testing
