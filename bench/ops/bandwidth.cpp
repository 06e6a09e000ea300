// Bytes per second of operators that do little but move memory, beside what plain loops over the same amount
// of memory reach. Counted are the bytes that must be moved: each input read once, each output written once.
#include <benchmark/benchmark.h>

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/loss.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/optim/optimizers.h"
#include "ops/cases.h"

namespace dlb::bench {
namespace {

constexpr int64_t kRows = 16384;
constexpr int64_t kColumns = 1024;
constexpr int64_t kLength = kRows * kColumns;  ///< 64 MiB of float32
constexpr double kBytes = 4.0 * static_cast<double>(kLength);

void count(benchmark::State& state, double tensors) {
  state.counters["bytes_per_second"] =
      benchmark::Counter(kBytes * tensors, benchmark::Counter::kIsIterationInvariantRate);
}

/// Times f after a few calls that bring its memory into the process.
template <class F>
void time(benchmark::State& state, const F& f) {
  for (int i = 0; i < 3; ++i) f();
  for (auto _ : state) f();
}

void copy(benchmark::State& state) {
  const Tensor x = random({kLength});
  const Tensor y = Tensor::empty(x.shape());
  time(state, [&] {
    parallel_for(kLength, kColumns, [&](int64_t begin, int64_t end) {
      std::memcpy(y.data<float>() + begin, x.data<float>() + begin, static_cast<size_t>(end - begin) * 4);
    });
  });
  count(state, 2);
}

void read(benchmark::State& state) {
  const Tensor x = random({kLength});
  time(state, [&] {
    parallel_for(kLength / 64, 1, [&](int64_t begin, int64_t end) {
      const auto* const p = reinterpret_cast<const uint64_t*>(x.data<float>());
      uint64_t lanes[8] = {};
      for (int64_t i = begin * 32; i < end * 32; i += 8) {
        for (int64_t l = 0; l < 8; ++l) lanes[l] ^= p[i + l];
      }
      for (const uint64_t lane : lanes) benchmark::DoNotOptimize(lane);
    });
  });
  count(state, 1);
}

/// y = a + 2 b, past the caches or through them.
template <bool kPast>
void triad(benchmark::State& state) {
  const Tensor a = random({kLength});
  const Tensor b = random({kLength});
  const Tensor y = Tensor::empty(a.shape());
  time(state, [&] {
    parallel_for(kLength / 16, 1, [&](int64_t begin, int64_t end) {
      const float* const p = a.data<float>();
      const float* const q = b.data<float>();
      float* const out = y.data<float>();
#if defined(__SSE2__)
      const __m128 two = _mm_set1_ps(2);
      for (int64_t i = begin * 16; i < end * 16; i += 4) {
        const __m128 v = _mm_add_ps(_mm_load_ps(p + i), _mm_mul_ps(_mm_load_ps(q + i), two));
        kPast ? _mm_stream_ps(out + i, v) : _mm_store_ps(out + i, v);
      }
#else
      for (int64_t i = begin * 16; i < end * 16; ++i) out[i] = p[i] + 2 * q[i];
#endif
    });
  });
  count(state, 3);
}

template <class F>
void run(benchmark::State& state, double tensors, const F& f) {
  const NoGrad no_grad;
  time(state, [&] { benchmark::DoNotOptimize(f()); });
  count(state, tensors);
}

template <class F>
void forward(const char* name, double tensors, F f) {
  benchmark::RegisterBenchmark(name,
                               [=](benchmark::State& state) {
                                 const Tensor x = random({kRows, kColumns});
                                 run(state, tensors, [&] { return f(x); });
                               })
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

template <class F>
void backward(const char* name, double tensors, F f) {
  benchmark::RegisterBenchmark(name,
                               [=](benchmark::State& state) {
                                 const Tensor x = leaf({kRows, kColumns});
                                 const Tensor y = f(x);
                                 const Tensor seed = y.rank() == 0 ? ones_like(y) : random(y.shape());
                                 time(state, [&] { benchmark::DoNotOptimize(grad({y}, {x}, {seed}, true)); });
                                 count(state, tensors);
                               })
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

void adam(benchmark::State& state) {
  optim::Adam adam;
  const Tensor w = leaf({kLength});
  w.set_grad(random({kLength}));
  adam.attach({{"w", w}});
  time(state, [&] { adam.step(1e-3, 1); });
  count(state, 7);
}

}  // namespace

void add_bandwidth_cases() {
  const auto plain = [](const char* name, void (*f)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name, f)->UseRealTime()->Unit(benchmark::kMicrosecond);
  };
  plain("bandwidth/machine/read", read);
  plain("bandwidth/machine/copy", copy);
  plain("bandwidth/machine/triad", triad<false>);
  plain("bandwidth/machine/triad_streaming", triad<true>);
  forward("bandwidth/relu/forward", 2, relu);
  forward("bandwidth/affine/forward", 2, [](const Tensor& x) { return affine(x, 2, 1); });
  benchmark::RegisterBenchmark("bandwidth/mul/forward",
                               [](benchmark::State& state) {
                                 const Tensor a = random({kRows, kColumns});
                                 const Tensor b = random({kRows, kColumns});
                                 run(state, 3, [&] { return mul(a, b); });
                               })
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
  forward("bandwidth/gelu/forward", 2, [](const Tensor& x) { return gelu(x); });
  backward("bandwidth/gelu/backward", 3, [](const Tensor& x) { return gelu(x); });
  forward("bandwidth/softmax/forward", 2, [](const Tensor& x) { return softmax(x, -1); });
  backward("bandwidth/softmax/backward", 3, [](const Tensor& x) { return softmax(x, -1); });
  const auto normalized = [](const Tensor& x) {
    return layer_norm(x, 1, ones({kColumns}), zeros({kColumns}));
  };
  forward("bandwidth/layer_norm/forward", 2, normalized);
  backward("bandwidth/layer_norm/backward", 3, normalized);
  const auto entropy = [](const Tensor& x) {
    static const Tensor target = indices({kRows}, kColumns);
    return cross_entropy(x, target).sum;
  };
  forward("bandwidth/cross_entropy/forward", 1, entropy);
  backward("bandwidth/cross_entropy/backward", 2, entropy);
  const auto dropped = [](const Tensor& x) { return dropout(x, 0.1, {1, RngPurpose::kDropout, 2, 3}); };
  forward("bandwidth/dropout/forward", 2, dropped);
  backward("bandwidth/dropout/backward", 2, dropped);
  plain("bandwidth/adam/step", adam);
}

}  // namespace dlb::bench
