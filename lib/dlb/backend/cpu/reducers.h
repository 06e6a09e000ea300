#pragma once
/// \file What the reductions compute: how lanes take in elements (step) and merge, how partial results join,
/// what comes out.
///
/// A reducer reads elements as `In`, keeps the partial results of a block in `Lane` and those of blocks in
/// `Acc`.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "dlb/ops/functors.h"

namespace dlb::backend::cpu {

/// float32 adds up at most 4096 elements in 32 lanes, or 64 rows, before it goes on in float64.
template <class T>
struct Sum {
  using In = T;
  using Lane = T;
  using Acc = std::conditional_t<std::is_same_v<T, float>, double, T>;
  static constexpr Lane kStart = 0;
  static DLB_INLINE Lane step(Lane lane, In x) { return functor::wrap_add(lane, x); }
  static DLB_INLINE Lane merge(Lane a, Lane b) { return functor::wrap_add(a, b); }
  static DLB_INLINE Acc join(Acc a, Acc b) { return functor::wrap_add(a, b); }
  static Acc finish(Acc a, double) { return a; }
};

template <class T>
struct Mean : Sum<T> {
  static typename Sum<T>::Acc finish(typename Sum<T>::Acc a, double count) { return a / count; }
};

/// Products leave float32's range long before their result need to, so partial ones are float64.
template <class T>
struct Product {
  using In = T;
  using Lane = std::conditional_t<std::is_same_v<T, float>, double, T>;
  using Acc = Lane;
  static constexpr Lane kStart = 1;
  static DLB_INLINE Lane step(Lane lane, In x) { return functor::wrap_mul(lane, static_cast<Lane>(x)); }
  static DLB_INLINE Lane merge(Lane a, Lane b) { return functor::wrap_mul(a, b); }
  static DLB_INLINE Acc join(Acc a, Acc b) { return functor::wrap_mul(a, b); }
  static Acc finish(Acc a, double) { return a; }
};

template <class T>
struct Norm : Sum<T> {
  static DLB_INLINE T step(T lane, T x) { return lane + x * x; }
  static typename Sum<T>::Acc finish(typename Sum<T>::Acc a, double) { return std::sqrt(a); }
};

template <class T, template <class> class Choose>
struct Extreme {
  using In = T;
  using Lane = T;
  using Acc = T;
  static constexpr bool kLargest = std::is_same_v<Choose<T>, functor::Maximum<T>>;
  static constexpr T kEnd =
      std::is_integral_v<T>
          ? (kLargest ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max())
          : (kLargest ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity());
  static constexpr Lane kStart = kEnd;
  /// The functor's value, in two selections that vectorise.
  static DLB_INLINE T choose(T a, T b) {
    const T taken = (kLargest ? a > b : a < b) ? a : b;
    return a != a ? a : taken;
  }
  static DLB_INLINE Lane step(Lane lane, In x) { return choose(lane, x); }
  static DLB_INLINE Lane merge(Lane a, Lane b) { return choose(a, b); }
  static DLB_INLINE Acc join(Acc a, Acc b) { return choose(a, b); }
  static Acc finish(Acc a, double) { return a; }
};
template <class T>
using Largest = Extreme<T, functor::Maximum>;
template <class T>
using Smallest = Extreme<T, functor::Minimum>;

struct Any {
  using In = bool;
  using Lane = uint8_t;
  using Acc = bool;
  static constexpr Lane kStart = 0;
  static DLB_INLINE Lane step(Lane lane, In x) { return static_cast<Lane>(lane | static_cast<Lane>(x)); }
  static DLB_INLINE Lane merge(Lane a, Lane b) { return static_cast<Lane>(a | b); }
  static DLB_INLINE Acc join(Acc a, Acc b) { return a || b; }
  static Acc finish(Acc a, double) { return a; }
};
struct All {
  using In = bool;
  using Lane = uint8_t;
  using Acc = bool;
  static constexpr Lane kStart = 1;
  static DLB_INLINE Lane step(Lane lane, In x) { return static_cast<Lane>(lane & static_cast<Lane>(x)); }
  static DLB_INLINE Lane merge(Lane a, Lane b) { return static_cast<Lane>(a & b); }
  static DLB_INLINE Acc join(Acc a, Acc b) { return a && b; }
  static Acc finish(Acc a, double) { return a; }
};

}  // namespace dlb::backend::cpu
