// What layers with several inputs refuse, with the layer's name and the form it expects; their initial
// values.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/backend/cpu/install.h"
#include "dlb/nn/layer.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"
#include "support/golden.h"

using namespace dlb;

namespace {

TensorSpec real(Shape shape) { return make_spec(std::move(shape), DType::kFloat32, kMeta); }
TensorSpec whole(Shape shape) { return make_spec(std::move(shape), DType::kInt64, kMeta); }

struct Built {
  std::unique_ptr<nn::Layer> layer;
  std::unique_ptr<nn::Build> build;
};

Built make(const std::string& text, std::vector<TensorSpec> inputs) {
  Built b{golden::make(golden::Json::parse(text), nn::layer_types()), nullptr};
  const size_t given = inputs.size();
  b.build = std::make_unique<nn::Build>(std::move(inputs));
  for (size_t i = given; i < b.layer->input_names().size(); ++i) b.build->leave_out(i);
  b.layer->build(*b.build);
  return b;
}

/// The message of what build() or a run without data raises.
std::string error(const std::string& text, const std::vector<TensorSpec>& inputs) {
  try {
    const Built b = make(text, inputs);
    std::vector<Tensor> x;
    for (const TensorSpec& s : inputs) x.push_back(Tensor::empty(s));
    while (x.size() < b.layer->input_names().size()) x.emplace_back();
    nn::Context c;
    b.layer->run(c, x);
  } catch (const Error& e) {
    return std::string(kind_name(e.kind)) + ": " + e.message;
  }
  return "no error";
}

std::string run_error(const std::string& text, const std::vector<Tensor>& x) {
  backend::cpu::install();
  std::vector<TensorSpec> specs;
  for (const Tensor& t : x) specs.push_back(make_spec(t.shape(), t.dtype(), kMeta));
  try {
    const Built b = make(text, specs);
    uint32_t index = 0;
    for (const nn::Variable& v : b.build->variables()) {
      v.value.swap_data(v.init(v.value.shape(), v.value.dtype(), {7, RngPurpose::kInit, 0, index++}));
    }
    nn::Context c;
    std::vector<Tensor> inputs = x;
    while (inputs.size() < b.layer->input_names().size()) inputs.emplace_back();
    b.layer->run(c, inputs);
  } catch (const Error& e) {
    return std::string(kind_name(e.kind)) + ": " + e.message;
  }
  return "no error";
}

Tensor initial(const std::string& text, const std::vector<TensorSpec>& inputs, const std::string& name) {
  backend::cpu::install();
  const Built b = make(text, inputs);
  uint32_t index = 0;
  for (const nn::Variable& v : b.build->variables()) {
    const Tensor t = v.init(v.value.shape(), v.value.dtype(), {7, RngPurpose::kInit, 0, index++});
    if (v.name == name) return t;
  }
  FAIL("no variable " << name);
  return {};
}

void check_uniform(const Tensor& t, double bound) {
  CHECK(amax(abs(t)).item() <= bound);
  CHECK(std_deviation(t).item() == Approx(bound / std::sqrt(3.0)).epsilon(0.05));
}

}  // namespace

TEST_CASE("layers of sequences say what they need") {
  CHECK(error(R"({"embedding": {"count": 5, "dim": 2}})", {real({3})}) ==
        "dtype: embedding expects input of whole numbers, got float32[3]");
  CHECK(error(R"({"embedding": {"count": 5, "dim": 2, "padding_idx": 5}})", {whole({3})}) ==
        "config: embedding.padding_idx must be from -5 to 4, got 5");
  CHECK(error(R"({"embedding_bag": {"count": 5, "dim": 2}})", {whole({3})}) ==
        "shape: embedding_bag expects input [N, L], got [3]");
  CHECK(error(R"({"embedding_tables": {"counts": [5, 6], "dim": 2}})", {whole({3, 3})}) ==
        "shape: embedding_tables with 2 counts got input [3, 3]");
  CHECK(error(R"({"position_embedding": {"count": 5}})", {real({2, 6, 3})}) ==
        "shape: position_embedding of 5 positions got 6: input [2, 6, 3]");
  CHECK(error(R"({"sinusoidal_positions": {}})", {real({2, 6, 3})}) ==
        "config: sinusoidal_positions needs an even dim, got 3");
  CHECK(error(R"({"attention": 3})", {real({2, 6, 8})}) ==
        "shape: attention with heads 3 needs features divisible by it, got 8");
  CHECK(error(R"({"attention": 2})", {real({2, 8})}) ==
        "shape: attention expects input [N, T, features], got [2, 8]");
  CHECK(error(R"({"attention": {"heads": 4, "kv_heads": 3}})", {real({2, 6, 8})}) ==
        "config: attention.kv_heads must divide heads 4, got 3");
  CHECK(error(R"({"attention": {"heads": 2, "head_dim": 3, "rotary": true}})", {real({2, 6, 8})}) ==
        "config: attention with rotary positions needs an even head_dim, got 3");
  CHECK(error(R"({"attention": {"heads": 65536, "head_dim": 1099511627777}})", {real({2, 6, 8})}) ==
        "shape: attention with 1099511627777 features is too large");
  CHECK(error(R"({"attention": 2})", {real({2, 6, 8}), real({3, 6, 8})}) ==
        "shape: attention expects context [2, S, features], got [3, 6, 8]");
  CHECK(error(R"({"attention": 2})", {real({2, 6, 8}), real({2, 5, 8}), real({5})}) ==
        "shape: attention expects mask [N, S], [N, T, S] or [N, heads, T, S], got [5]");
  CHECK(error(R"({"transformer_decoder_layer": 2})", {real({2, 6, 8}), real({2, 5, 7})}) ==
        "shape: transformer_decoder_layer expects context [2, S, 8], got [2, 5, 7]");
  CHECK(error(R"({"mixture_of_experts": {"experts": 2, "hidden": 3, "top_k": 3}})", {real({2, 8})}) ==
        "config: mixture_of_experts.top_k must be at most experts 2, got 3");
  CHECK(error(R"({"lstm": 4})", {real({2, 8})}) == "shape: lstm expects input [N, T, features], got [2, 8]");
  CHECK(error(R"({"lstm": {"size": 4, "proj": 4}})", {real({2, 3, 8})}) ==
        "config: lstm.proj must be below size 4, got 4");
  CHECK(error(R"({"gru": {"size": 4, "layers": 2}})", {real({2, 3, 8}), real({2, 4})}) ==
        "shape: gru expects state h [2, 2, 4], got [2, 4]");
  CHECK(error(R"({"gru": 4})", {real({2, 3, 8}), real({2, 4})}) == "no error");
  CHECK(error(R"({"gru_cell": 4})", {real({2, 8}), real({2, 5})}) ==
        "shape: gru_cell expects state h [2, 4], got [2, 5]");
  CHECK(error(R"({"lstm_cell": 4})", {real({2, 8}), real({2, 4}), real({3, 4})}) ==
        "shape: lstm_cell expects state c [2, 4], got [3, 4]");
  CHECK(error(R"({"sequence_pool": "last"})", {real({2, 8, 3}), whole({3})}) ==
        "shape: sequence_pool expects lengths [2], got [3]");
}

TEST_CASE("layers of graphs and pairs say what they need") {
  CHECK(error(R"({"gcn_conv": 4})", {real({5, 3}), whole({7})}) ==
        "shape: gcn_conv expects edges [E, 2], got [7]");
  CHECK(error(R"({"gat_conv": 4})", {real({5, 3}), real({7, 2})}) ==
        "dtype: gat_conv expects edges of whole numbers, got float32[7, 2]");
  CHECK(error(R"({"graph_propagate": {}})", {real({5, 3}), whole({7, 2}), real({6})}) ==
        "shape: graph_propagate expects edge_weight [7], got [6]");
  CHECK_THAT(error(R"({"graph_pool": {}})", {real({5, 3})}), Catch::StartsWith("config: graph_pool needs"));
  CHECK(run_error(R"({"sequence_pool": {}})", {zeros({2, 0, 1})}) ==
        "shape: sequence_pool of no steps: input [2, 0, 1]");
  CHECK(error(R"({"dot_interaction": {}})", {real({4, 3}), real({4, 5, 2})}) ==
        "shape: dot_interaction expects inputs [N, K, D] or [N, D], got [4, 5, 2]");
  CHECK(error(R"({"reparameterize": {}})", {real({4, 3}), real({4, 2})}) ==
        "shape: reparameterize expects logvar [4, 3], got [4, 2]");
  CHECK(error(R"({"max_unpool2d": 2})", {real({1, 2, 3, 3}), whole({1, 2, 3, 4})}) ==
        "shape: max_unpool2d expects indices [1, 2, 3, 3], got [1, 2, 3, 4]");
  CHECK(error(R"({"grid_sample": {}})", {real({1, 2, 3, 3}), real({1, 2, 3, 3})}) ==
        "shape: grid_sample expects grid [N, H, W, 2], got [1, 2, 3, 3]");
  CHECK(error(R"({"affine_grid": {}})", {real({1, 5}), real({1, 2, 3, 3})}) ==
        "shape: affine_grid expects input [N, 2, 3] or [N, 6], got [1, 5]");
}

TEST_CASE("layers of images and parts say what they need") {
  CHECK(error(R"({"conv3d": {"out": 2, "kernel": [1, 2]}})", {real({1, 2, 3, 4, 5})}) ==
        "config: conv3d.kernel takes 1 or 3 numbers, got 2");
  CHECK(
      error(R"({"conv_transpose2d": {"out": 2, "kernel": 2, "output_padding": 1}})", {real({1, 2, 3, 4})}) ==
      "config: conv_transpose2d.output_padding must be below the stride or the dilation, got 1");
  CHECK(error(R"({"patch_embedding": {"dim": 2, "patch": 3}})", {real({1, 2, 6, 4})}) ==
        "shape: patch_embedding needs an image that patches [3, 3] fill, got input [1, 2, 6, 4]");
  CHECK(error(R"({"fractional_max_pool2d": 2})", {real({1, 2, 6, 4})}) ==
        "config: fractional_max_pool2d needs either `output` or `ratio`");
  CHECK(error(R"({"pad": [1, 2, 3]})", {real({1, 2, 6, 4})}) ==
        "config: pad.padding takes 1 number or up to 4 pairs, got 3 numbers");
  CHECK_THAT(error(R"({"pad": {"padding": 6, "mode": "reflect"}})", {real({1, 2, 6})}),
             Catch::StartsWith("shape: "));
  CHECK(error(R"({"upsample": {}})", {real({1, 2, 6})}) ==
        "config: upsample needs one of `scale`, `size` and an input `like`, got 0");
  CHECK(error(R"({"upsample": {"scale": 2, "mode": "bilinear"}})", {real({1, 2, 6})}) ==
        "shape: upsample with `mode: bilinear` needs 2 spatial dimensions, got input [1, 2, 6]");
  CHECK(error(R"({"upsample": {"scale": 1e12}})", {real({1, 2, 6})}) ==
        "shape: upsample of size 6 by 1000000000000 gives no valid size");
  CHECK(error(R"({"channel_shuffle": 3})", {real({1, 2, 6})}) ==
        "shape: channel_shuffle with groups 3 needs channels divisible by it, got 2");
  CHECK(error(R"({"center_crop": 5})", {real({1, 2, 6, 4})}) ==
        "shape: center_crop to 5 along dimension 3 got input [1, 2, 6, 4]");
  CHECK(error(R"({"select": 3})", {real({2, 3})}) ==
        "shape: select of index 3 of dimension 1 got input [2, 3]");
  CHECK(error(R"({"split": {"sizes": [1, 1]}})", {real({2, 3})}) ==
        "shape: split into [1, 1] along dimension 1 got input [2, 3]");
  CHECK(error(R"({"topk": 4})", {real({2, 3})}) == "shape: topk of 4 along dimension -1 got input [2, 3]");
  CHECK(error(R"({"glu": {}})", {real({2, 3})}) ==
        "shape: glu needs an even size of dimension -1, got input [2, 3]");
  CHECK(error(R"({"clamp": {}})", {real({2, 3})}) == "config: clamp needs `min`, `max` or both");
  CHECK(error(R"({"dropout2d": 0.5})", {real({2, 3})}) ==
        "shape: dropout2d expects input [N, C, H, W], got [2, 3]");
  CHECK(error(R"({"mel_spectrogram": {"f_min": 9000}})", {real({2, 3000})}) ==
        "config: mel_spectrogram needs f_min below f_max 8000, got 9000");
  CHECK(error(R"({"mel_spectrogram": {"n_mels": 65536, "n_fft": 1048576}})", {real({2, 3000})}) ==
        "config: mel_spectrogram with 65536 bands of 524289 frequencies is too large");
  CHECK(error(R"({"spectrogram": {"win_length": 500}})", {real({2, 3000})}) ==
        "config: spectrogram.win_length must be at most n_fft 400, got 500");
}

TEST_CASE("data that does not fit is refused, with the number") {
  const auto numbers = [](const std::vector<int64_t>& v, Shape shape) {
    return Tensor::from(v, std::move(shape));
  };
  backend::cpu::install();
  CHECK(run_error(R"({"embedding_tables": {"counts": [2, 3], "dim": 2}})", {numbers({1, 2, 2, 0}, {2, 2})}) ==
        "data: embedding_tables: table 0 has rows 0 to 1, got 2");
  CHECK_THAT(run_error(R"({"embedding": {"count": 2, "dim": 2}})", {numbers({1, 2}, {2})}),
             Catch::StartsWith("data: ") && Catch::Contains("2"));
  CHECK(run_error(R"({"gcn_conv": 2})", {zeros({3, 2}), numbers({0, 1, 2, 3}, {2, 2})}) ==
        "data: edge 1 is [2, 3], there are 3 nodes");
  CHECK(run_error(R"({"one_hot": 3})", {numbers({0, -1}, {2})}) == "data: one_hot of 3 classes got -1");
  CHECK(run_error(R"({"sequence_pool": {}})", {zeros({2, 3, 1}), numbers({0, 3}, {2})}) ==
        "data: sequence_pool expects lengths from 1 to 3, got 0");
}

TEST_CASE("initial values of tables, attention and recurrent layers are PyTorch's") {
  const Tensor table =
      initial(R"({"embedding": {"count": 300, "dim": 100, "padding_idx": 7}})", {whole({2})}, "weight");
  CHECK(std_deviation(table).item() == Approx(1).epsilon(0.02));
  CHECK(amax(abs(select(table, 0, 7))).item() == 0);
  CHECK(amax(abs(select(table, 0, 8))).item() > 0.5);
  // nn.MultiheadAttention: xavier_uniform of the joined [3 D, D].
  check_uniform(initial(R"({"attention": 4})", {real({2, 3, 64})}, "qkv.weight"), std::sqrt(6.0 / (4 * 64)));
  CHECK(amax(abs(initial(R"({"attention": 4})", {real({2, 3, 64})}, "qkv.bias"))).item() == 0);
  check_uniform(initial(R"({"attention": 4})", {real({2, 3, 64})}, "proj.weight"), 1 / std::sqrt(64.0));
  check_uniform(initial(R"({"lstm": 100})", {real({2, 3, 400})}, "weight_ih_l0"), 0.1);
  check_uniform(initial(R"({"gru": {"size": 100, "bidirectional": true}})", {real({2, 3, 400})},
                        "weight_hh_l0_reverse"),
                0.1);
  check_uniform(initial(R"({"conv_transpose2d": {"out": 50, "kernel": 2}})", {real({2, 30, 3, 4})}, "weight"),
                1 / std::sqrt(200.0));
  check_uniform(initial(R"({"bilinear": 20})", {real({2, 25}), real({2, 30})}, "weight"), 0.2);
  check_uniform(initial(R"({"gcn_conv": 50})", {real({5, 100}), whole({3, 2})}, "weight"),
                std::sqrt(6.0 / 150));
}

TEST_CASE("a graph's matrix follows its edges") {
  backend::cpu::install();
  const Built b = make(R"({"graph_propagate": {"normalize": "none", "self_loops": false}})",
                       {real({2, 1}), whole({1, 2})});
  nn::Context c;
  const auto run = [&](const std::vector<int64_t>& edge) {
    const Tensor x = Tensor::from(std::vector<float>{3, 5}, {2, 1});
    return b.layer->run(c, std::vector<Tensor>{x, Tensor::from(edge, {1, 2}), Tensor{}})[0]
        .to_vector<float>();
  };
  CHECK(run({0, 1}) == std::vector<float>{0, 3});
  CHECK(run({0, 1}) == std::vector<float>{0, 3});
  CHECK(run({1, 0}) == std::vector<float>{5, 0});
}
