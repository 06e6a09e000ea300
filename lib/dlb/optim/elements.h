#pragma once
/// \file Update rules that look at one element at a time, run over all parameters in one pass.

#include <array>
#include <vector>

#include "dlb/optim/fused.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

/// For each element: x = w shrink, d = g scale + decay x, w = rule(x, d, state...), where the rule changes
/// its state in place.
template <class T, size_t kStates, class Rule>
struct ElementLoop {
  T* w;
  const T* g;
  std::array<T*, kStates> state;
  int64_t n;
  T scale, shrink, decay;
  Rule rule;

  [[gnu::always_inline]] void operator()() const {
    const ElementLoop s = *this;
    T* __restrict value = s.w;
    const T* __restrict gradient = s.g;
    if constexpr (kStates == 1) {
      T* __restrict a = s.state[0];
      for (int64_t i = 0; i < s.n; ++i) {
        const T x = value[i] * s.shrink;
        value[i] = s.rule(x, gradient[i] * s.scale + s.decay * x, a[i]);
      }
    } else {
      static_assert(kStates == 2);
      T* __restrict a = s.state[0];
      T* __restrict b = s.state[1];
      for (int64_t i = 0; i < s.n; ++i) {
        const T x = value[i] * s.shrink;
        value[i] = s.rule(x, gradient[i] * s.scale + s.decay * x, a[i], b[i]);
      }
    }
  }
};

/// Where the weight decay of an optimizer goes.
enum class Decay {
  kIntoGradient,  ///< d = g scale + decay w
  kDecoupled      ///< w <- w (1 - lr decay) first
};

/// Runs the rule that `make(T{}, update)` gives, T the parameter's element type, over all elements of `list`
/// with their elements of `states`.
template <size_t kStates, class Make>
void update_elements(const std::vector<Update>& list,
                     const std::array<const std::vector<Tensor>*, kStates>& states, double scale, Decay decay,
                     const Make& make) {
  run_updates(list, [&](auto type, const Update& u, int64_t at, int64_t from, int64_t n) {
    using T = decltype(type);
    std::array<T*, kStates> state;
    for (size_t i = 0; i < kStates; ++i) state[i] = (*states[i])[u.index].template data<T>() + at;
    const bool shrinks = decay == Decay::kDecoupled;
    run_wide(ElementLoop<T, kStates, decltype(make(type, u))>{
        u.value.data<T>() + at,
        u.gradient.data<T>() + from,
        state,
        n,
        static_cast<T>(scale),
        static_cast<T>(shrinks ? 1 - u.lr * u.weight_decay : 1.0),
        static_cast<T>(shrinks ? 0.0 : u.weight_decay),
        make(type, u),
    });
  });
}

}  // namespace dlb::optim
