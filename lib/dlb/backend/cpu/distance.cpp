#include <cmath>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance_defs.h"
#include "dlb/ops/functors.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kGrain = 16384;

/// Adds (or otherwise joins) f(a_i - b_i) in lanes.
template <class C, class F, class Join>
DLB_INLINE C fold(const C* a, const C* b, int64_t n, const F& f, const Join& join) {
  C lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = join(lanes[l], f(a[i + l] - b[i + l]));
  }
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] = join(lanes[l], f(a[i] - b[i]));
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = join(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

template <class C>
DLB_INLINE C distance(const C* a, const C* b, int64_t n, double p) {
  const auto plus = [](C x, C y) { return x + y; };
  if (p == 2)
    return std::sqrt(fold(
        a, b, n, [](C d) { return d * d; }, plus));
  if (p == 1)
    return fold(
        a, b, n, [](C d) { return std::abs(d); }, plus);
  if (p == 0)
    return fold(
        a, b, n, [](C d) { return d == C(0) ? C(0) : C(1); }, plus);
  if (std::isinf(p)) {
    return fold(
        a, b, n, [](C d) { return std::abs(d); }, functor::Maximum<C>());
  }
  const C exponent = static_cast<C>(p);
  return std::pow(fold(
                      a, b, n, [=](C d) { return std::pow(std::abs(d), exponent); }, plus),
                  C(1) / exponent);
}

/// |a|^2 + |b|^2 - 2 a b, which rounding may make negative.
void by_product(const KernelArgs& k) {
  const NoGrad guard;
  const bool narrow = dtype_size(k.out(0).dtype()) < 4;
  const Tensor a = narrow ? as_dtype(k.in(0), DType::kFloat32) : k.in(0);
  const Tensor b = narrow ? as_dtype(k.in(1), DType::kFloat32) : k.in(1);
  const Tensor squares = sum(square(a), {-1}, kKeepDim) + transpose(sum(square(b), {-1}, kKeepDim), -1, -2);
  const Tensor squared = squares - matmul(a, transpose(b, -1, -2)) * 2.0;
  copy_tensor(k.out(0), sqrt(clamp(squared, 0, std::numeric_limits<double>::infinity())));
}

void cdist_kernel(const KernelArgs& k, const CdistAttrs& attrs) {
  if (k.out(0).numel() == 0) return;
  if (attrs.by_product && attrs.p == 2) return by_product(k);
  const Tensor& out = k.out(0);
  // 16-bit rows are widened once, not once for each pair.
  const bool narrow = dtype_size(out.dtype()) < 4;
  const Tensor a = row_major(narrow ? as_dtype(k.in(0), DType::kFloat32) : k.in(0));
  const Tensor b = row_major(narrow ? as_dtype(k.in(1), DType::kFloat32) : k.in(1));
  const int64_t n = a.dim(-2);
  const int64_t m = b.dim(-2);
  const int64_t d = a.dim(-1);
  dispatch_floating(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const C* const from_a = a.data<C>();
    const C* const from_b = b.data<C>();
    T* const to = out.data<T>();
    const int64_t cost = std::max<int64_t>(d, 1) * (attrs.p == 2 || attrs.p == 1 ? 1 : 16);
    parallel_for(out.numel(), std::max<int64_t>(kGrain / cost, 1), [&](int64_t begin, int64_t end) {
      simd([&] {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t batch = i / (n * m);
          to[i] =
              convert_element<T>(distance(from_a + i / m * d, from_b + (batch * m + i % m) * d, d, attrs.p));
        }
      });
    });
  });
}

}  // namespace

void install_distance() { set_kernel(op::cdist(), DeviceKind::kCpu, &cdist_kernel); }

}  // namespace dlb::backend::cpu
