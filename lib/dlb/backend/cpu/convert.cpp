#include "dlb/backend/cpu/convert.h"

#include <array>
#include <cstring>

#include "dlb/backend/cpu/simd.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

template <class To, class From>
void convert(const void* src, int64_t src_stride, void* dst, int64_t dst_stride, int64_t n) {
  const From* __restrict x = static_cast<const From*>(src);
  To* __restrict y = static_cast<To*>(dst);
  if (src_stride == 1 && dst_stride == 1) {
    if constexpr (std::is_same_v<To, From>) {
      if (n > 0) std::memcpy(y, x, static_cast<size_t>(n) * sizeof(To));
    } else {
      simd([=] {
        for (int64_t i = 0; i < n; ++i) y[i] = convert_element<To>(x[i]);
      });
    }
  } else if (src_stride == 0 && dst_stride == 1) {
    const To value = convert_element<To>(x[0]);
    for (int64_t i = 0; i < n; ++i) y[i] = value;
  } else if (dst_stride == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] = convert_element<To>(x[i * src_stride]);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * dst_stride] = convert_element<To>(x[i * src_stride]);
  }
}

using Row = std::array<Convert, kDTypeCount>;

template <class From>
constexpr Row row() {
  return {&convert<float, From>,   &convert<double, From>,  &convert<BFloat16, From>, &convert<Float16, From>,
          &convert<int64_t, From>, &convert<int32_t, From>, &convert<uint8_t, From>,  &convert<bool, From>};
}

/// By source and destination, in the order of DType.
constexpr std::array<Row, kDTypeCount> kTable = {row<float>(),   row<double>(),  row<BFloat16>(),
                                                 row<Float16>(), row<int64_t>(), row<int32_t>(),
                                                 row<uint8_t>(), row<bool>()};

}  // namespace

Convert converter(DType from, DType to) { return kTable[static_cast<size_t>(from)][static_cast<size_t>(to)]; }

}  // namespace dlb::backend::cpu
