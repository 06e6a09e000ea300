// What one small operator costs beyond its arithmetic: checks, output, node, and taking them down again.
#include <benchmark/benchmark.h>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/op.h"

namespace {

using namespace dlb;

void add_small(benchmark::State& state) {
  const NoGrad no_grad;
  const Tensor a = full({4}, 1, DType::kFloat32);
  const Tensor b = full({4}, 2, DType::kFloat32);
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b));
}
BENCHMARK(add_small)->Name("dispatch/add");

void add_small_recorded(benchmark::State& state) {
  const Tensor a = full({4}, 1, DType::kFloat32).set_requires_grad(true);
  const Tensor b = full({4}, 2, DType::kFloat32).set_requires_grad(true);
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b));
}
BENCHMARK(add_small_recorded)->Name("dispatch/add_recorded");

void mul_small_recorded(benchmark::State& state) {
  const Tensor a = full({4}, 1, DType::kFloat32).set_requires_grad(true);
  const Tensor b = full({4}, 2, DType::kFloat32).set_requires_grad(true);
  for (auto _ : state) benchmark::DoNotOptimize(mul(a, b));
}
BENCHMARK(mul_small_recorded)->Name("dispatch/mul_recorded");

}  // namespace
