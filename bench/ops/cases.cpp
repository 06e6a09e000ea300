#include "ops/cases.h"

#include <benchmark/benchmark.h>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::bench {
namespace {

/// Times f after a few calls that fill the allocator's and oneDNN's caches.
template <class F>
void time(benchmark::State& state, const F& f) {
  for (int i = 0; i < 3; ++i) f();
  for (auto _ : state) benchmark::DoNotOptimize(f());
}

RngKey next_key() {
  static uint32_t index = 0;
  return {0, RngPurpose::kUser, 0, index++};
}

std::string text(const Sizes& sizes) {
  std::string out;
  for (const int64_t size : sizes) {
    if (!out.empty()) out += 'x';
    out += std::to_string(size);
  }
  return out;
}

void forward(benchmark::State& state, const Cases& cases, const Sizes& sizes) {
  const NoGrad no_grad;
  const Case c = cases.make(sizes);
  time(state, c.run);
}

void backward(benchmark::State& state, const Cases& cases, const Sizes& sizes) {
  const Case c = cases.make(sizes);
  std::vector<Tensor> leaves;
  for (const Tensor& t : c.inputs) {
    if (t.requires_grad()) leaves.push_back(t);
  }
  const Tensor y = c.run();
  // In the memory order of y, as gradients arrive in a network.
  Tensor seed = y.rank() == 0 ? ones_like(y) : random(y.shape());
  if (!y.is_contiguous() && y.is_channels_last()) seed = contiguous(seed, Layout::kChannelsLast);
  time(state, [&] { return grad({y}, leaves, {seed}, true); });
}

}  // namespace

Tensor random(Shape shape) { return normal(std::move(shape), 0, 1, next_key()); }
Tensor leaf(Shape shape) { return random(std::move(shape)).set_requires_grad(true); }
Tensor random_between(Shape shape, double low, double high) {
  return uniform(std::move(shape), low, high, next_key());
}
Tensor indices(Shape shape, int64_t limit) {
  return cast(random_between(std::move(shape), 0, static_cast<double>(limit)), DType::kInt64);
}

void add_cases(const std::vector<Cases>& list) {
  for (const Cases& cases : list) {
    for (const Sizes& sizes : cases.sizes) {
      const std::string name = cases.name + "/" + text(sizes) + "/";
      benchmark::RegisterBenchmark((name + "forward").c_str(),
                                   [cases, sizes](benchmark::State& state) { forward(state, cases, sizes); })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
      if (!cases.backward) continue;
      benchmark::RegisterBenchmark((name + "backward").c_str(),
                                   [cases, sizes](benchmark::State& state) { backward(state, cases, sizes); })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace dlb::bench
