// The smallest useful training step, where nothing but overhead counts: an MLP 2-16-16-1 on 4 samples.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "dlb/autograd/autograd.h"
#include "dlb/nn/activation.h"
#include "dlb/nn/linear.h"
#include "dlb/nn/losses.h"
#include "dlb/ops/create.h"
#include "dlb/ops/unary.h"
#include "dlb/optim/optimizers.h"

namespace {

using namespace dlb;

struct TinyModel {
  std::vector<std::unique_ptr<nn::Layer>> layers;
  std::vector<optim::Param> params;

  TinyModel() {
    TensorSpec spec = make_spec({4, 2}, DType::kFloat32, kMeta);
    for (const int64_t out : {16, 16, 1}) {
      auto linear = std::make_unique<nn::Linear>();
      linear->out = out;
      nn::Build build({spec});
      linear->build(build);
      for (nn::Variable& v : build.variables()) {
        const auto number = static_cast<uint32_t>(params.size());
        v.value.swap_data(v.init(v.value.shape(), v.value.dtype(), {0, RngPurpose::kInit, 0, number}));
        params.push_back({v.name, v.value});
      }
      layers.push_back(std::move(linear));
      if (out != 1) layers.push_back(std::make_unique<nn::Activation<&tanh>>());
      spec = make_spec({4, out}, DType::kFloat32, kMeta);
    }
  }

  Tensor forward(const Tensor& x) {
    nn::Context context{true, 0, 0};
    Tensor y = x;
    for (const auto& layer : layers) y = layer->forward(context, y);
    return y;
  }
};

void tiny_step(benchmark::State& state) {
  TinyModel model;
  const Tensor x = normal({4, 2}, 0, 1, {0, RngPurpose::kUser, 0, 0});
  const Tensor y = normal({4, 1}, 0, 1, {0, RngPurpose::kUser, 0, 1});
  const nn::Mse loss;
  optim::Sgd sgd;
  sgd.attach(model.params);
  for (auto _ : state) {
    for (const optim::Param& p : model.params) p.value.set_grad({});
    const LossSum sum = loss.compute(model.forward(x), y);
    backward(sum.sum);
    sgd.step(0.01, 1 / sum.count.item());
  }
}
BENCHMARK(tiny_step)->Name("step/tiny");

}  // namespace
