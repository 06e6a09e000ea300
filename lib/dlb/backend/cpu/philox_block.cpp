#include "dlb/backend/cpu/philox_block.h"

#include <algorithm>
#include <array>

#include "dlb/backend/cpu/simd.h"

// Highway compiles what follows once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dlb/backend/cpu/philox_block.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace dlb::backend::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Each state word of a counter is the lower half of a 64-bit lane: the widening product reads only that
/// half, so the upper half may hold anything and needs no masking.
template <class V>
struct Counters {
  V c0, c1, c2, c3;
};

template <class V>
HWY_INLINE void round_of(Counters<V>& c, V k0, V k1) {
  const hn::RepartitionToNarrow<hn::DFromV<V>> d32;
  const auto p0 = hn::MulEven(hn::BitCast(d32, c.c0), hn::Set(d32, 0xD2511F53U));
  const auto p1 = hn::MulEven(hn::BitCast(d32, c.c2), hn::Set(d32, 0xCD9E8D57U));
  c.c0 = hn::Xor3(hn::ShiftRight<32>(p1), c.c1, k0);
  c.c2 = hn::Xor3(hn::ShiftRight<32>(p0), c.c3, k1);
  c.c1 = p1;
  c.c3 = p0;
}

/// Words of even and odd counters side by side.
template <class V>
HWY_INLINE auto together(V even, V odd) {
  const hn::RepartitionToNarrow<hn::DFromV<V>> d32;
  return hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(odd)), hn::BitCast(d32, even));
}

/// Draws whole groups of two vectors of counters and calls sink(number of words before, w0, w1, w2, w3) for
/// each: lane i of wk is word 4 i + k of the group. Returns the number of words drawn.
template <class Sink>
HWY_INLINE int64_t draw_groups(const RngKey& key, uint64_t counter, int64_t words, const Sink& sink) {
  const hn::ScalableTag<uint64_t> d64;
  const hn::RepartitionToNarrow<decltype(d64)> d32;
  using V = hn::Vec<decltype(d64)>;
  const int64_t group = static_cast<int64_t>(4 * hn::Lanes(d32));
  const auto pairs = hn::Add(hn::Iota(d64, 0), hn::Iota(d64, 0));
  // The keys of the rounds are read from memory: making them costs vector instructions.
  std::array<uint64_t, 20> keys;
  uint32_t k0 = static_cast<uint32_t>(key.seed) ^ (static_cast<uint32_t>(key.purpose) * 0x9E3779B9U);
  uint32_t k1 = static_cast<uint32_t>(key.seed >> 32) ^ key.index;
  for (size_t i = 0; i < keys.size(); i += 2) {
    keys[i] = k0;
    keys[i + 1] = k1;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  int64_t done = 0;
  for (; done + group <= words; done += group) {
    const uint64_t first = counter + static_cast<uint64_t>(done / 4);
    Counters<V> even;
    even.c0 = hn::Add(hn::Set(d64, first), pairs);
    even.c1 = hn::ShiftRight<32>(even.c0);
    even.c2 = hn::Set(d64, key.step);
    even.c3 = hn::Set(d64, key.step >> 32);
    Counters<V> odd = even;
    odd.c0 = hn::Add(even.c0, hn::Set(d64, 1));
    odd.c1 = hn::ShiftRight<32>(odd.c0);
    for (size_t i = 0; i < 10; ++i) {
      const auto v0 = hn::Set(d64, keys[2 * i]);
      const auto v1 = hn::Set(d64, keys[2 * i + 1]);
      round_of(even, v0, v1);
      round_of(odd, v0, v1);
    }
    sink(done, together(even.c0, odd.c0), together(even.c1, odd.c1), together(even.c2, odd.c2),
         together(even.c3, odd.c3));
  }
  return done;
}

int64_t Fill(const RngKey& key, uint64_t counter, uint32_t* out, int64_t words) {
  const hn::ScalableTag<uint32_t> d;
  using V = hn::Vec<decltype(d)>;
  return draw_groups(key, counter, words, [=](int64_t at, V w0, V w1, V w2, V w3) HWY_ATTR {
    hn::StoreInterleaved4(w0, w1, w2, w3, d, out + at);
  });
}

int64_t Drop(const RngKey& key, uint64_t counter, const float* x, float* y, int64_t n, const DropRule& rule) {
  const hn::ScalableTag<uint32_t> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::RebindToFloat<decltype(d)> df;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto below = hn::Set(di, static_cast<int32_t>(rule.threshold) - 1);
  const auto scale = hn::Set(df, rule.scale);
  return draw_groups(key, counter, n, [=](int64_t at, V w0, V w1, V w2, V w3) HWY_ATTR {
    alignas(64) uint32_t words[4 * hn::MaxLanes(d)];
    hn::StoreInterleaved4(w0, w1, w2, w3, d, words);
    for (int64_t k = 0; k < 4 * lanes; k += lanes) {
      const auto number = hn::BitCast(di, hn::ShiftRight<8>(hn::Load(d, words + k)));
      const auto keep = hn::RebindMask(df, hn::Gt(number, below));
      const auto kept = hn::IfThenElseZero(keep, hn::Mul(hn::LoadU(df, x + at + k), scale));
      if (rule.streamed) {
        hn::Stream(kept, df, y + at + k);
      } else {
        hn::StoreU(kept, df, y + at + k);
      }
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace dlb::backend::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dlb::backend::cpu {

namespace {

/// That of three versions of a function which suits this processor. Chosen here and not by
/// HWY_DYNAMIC_DISPATCH: Highway's library measures its clock when it is loaded, which takes longer than the
/// rest of the program's start.
template <class F>
F version([[maybe_unused]] F avx512, [[maybe_unused]] F avx2, F baseline) {
#if HWY_ARCH_X86
  if (instruction_set() == InstructionSet::kAvx512) return avx512;
  if (instruction_set() == InstructionSet::kAvx2) return avx2;
#endif
  return baseline;
}

#if HWY_ARCH_X86
#define DLB_VERSION(F) version(&N_AVX3::F, &N_AVX2::F, &HWY_STATIC_DISPATCH(F))
#else
#define DLB_VERSION(F) (&HWY_STATIC_DISPATCH(F))
#endif

}  // namespace

void philox_drop(const RngKey& key, uint64_t counter, const float* x, float* y, int64_t n,
                 const DropRule& rule) {
  int64_t done = DLB_VERSION(Drop)(key, counter, x, y, n, rule);
  for (; done < n; done += kPhiloxWords) {
    const std::array<uint32_t, 4> last = philox(key, counter + static_cast<uint64_t>(done / kPhiloxWords));
    for (int64_t i = 0; i < std::min(kPhiloxWords, n - done); ++i) {
      y[done + i] = (last[static_cast<size_t>(i)] >> 8) >= rule.threshold ? x[done + i] * rule.scale : 0.0F;
    }
  }
}

void philox_fill(const RngKey& key, uint64_t counter, uint32_t* out, int64_t words) {
  int64_t done = DLB_VERSION(Fill)(key, counter, out, words);
  for (; done < words; done += kPhiloxWords) {
    const std::array<uint32_t, 4> last = philox(key, counter + static_cast<uint64_t>(done / kPhiloxWords));
    std::copy(last.begin(), last.begin() + std::min(kPhiloxWords, words - done), out + done);
  }
}

}  // namespace dlb::backend::cpu
#endif
