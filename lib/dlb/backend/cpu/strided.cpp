#include "dlb/backend/cpu/strided.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "dlb/backend/cpu/convert.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kGrain = 32768;

/// Transposes rows x cols elements: dst[c * dst_stride + r] = src[r * src_stride + c].
template <class T>
void transpose_tile(T* __restrict dst, int64_t dst_stride, const T* __restrict src, int64_t src_stride,
                    int64_t rows, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) dst[c * dst_stride + r] = src[r * src_stride + c];
  }
}

/// Blocks of 4 x 4 through registers.
void transpose_tile(uint32_t* __restrict dst, int64_t dst_stride, const uint32_t* __restrict src,
                    int64_t src_stride, int64_t rows, int64_t cols) {
#if defined(__SSE2__)
  const int64_t rows4 = rows - rows % 4;
  const int64_t cols4 = cols - cols % 4;
  const auto load = [&](int64_t r, int64_t c) {
    return _mm_castsi128_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + r * src_stride + c)));
  };
  for (int64_t r = 0; r < rows4; r += 4) {
    for (int64_t c = 0; c < cols4; c += 4) {
      __m128 a = load(r, c), b = load(r + 1, c), d = load(r + 2, c), e = load(r + 3, c);
      _MM_TRANSPOSE4_PS(a, b, d, e);
      uint32_t* out = dst + c * dst_stride + r;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_castps_si128(a));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + dst_stride), _mm_castps_si128(b));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * dst_stride), _mm_castps_si128(d));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * dst_stride), _mm_castps_si128(e));
    }
  }
  transpose_tile<uint32_t>(dst + cols4 * dst_stride, dst_stride, src + cols4, src_stride, rows4,
                           cols - cols4);
  transpose_tile<uint32_t>(dst + rows4, dst_stride, src + rows4 * src_stride, src_stride, rows - rows4, cols);
#else
  transpose_tile<uint32_t>(dst, dst_stride, src, src_stride, rows, cols);
#endif
}

/// Rows of `bytes` that are the same on both sides.
void move_rows(char* dst, const char* src, int64_t element, int64_t bytes, const Nest<2>& nest) {
  const auto last = static_cast<size_t>(nest.rank - 2);
  const int64_t size = nest.size[last];
  const int64_t dst_step = nest.stride[0][last] * element;
  const int64_t src_step = nest.stride[1][last] * element;
  const int64_t total = nest.numel() / nest.size.back() * bytes;
  const bool streamed = bytes % 64 == 0 && past_caches(total);
  parallel_for(total / bytes, std::max<int64_t>(kGrain * 4 / bytes, 1), [&](int64_t begin, int64_t end) {
    Odometer<2> at(nest, nest.rank - 2, begin / size);
    int64_t row = begin % size;
    for (int64_t done = begin; done < end; at.next(), row = 0) {
      const int64_t n = std::min(size - row, end - done);
      char* to = dst + at.offset[0] * element + row * dst_step;
      const char* from = src + at.offset[1] * element + row * src_step;
      for (int64_t i = 0; i < n; ++i, to += dst_step, from += src_step) {
        if (streamed) {
          stream(to, from, bytes);
        } else {
          std::memcpy(to, from, static_cast<size_t>(bytes));
        }
      }
      done += n;
    }
    if (streamed) end_stream();
  });
}

/// Row by row, for any strides and types.
void copy_rows(char* dst, size_t dst_size, const char* src, size_t src_size, const Nest<2>& nest,
               Convert convert) {
  const int outer = nest.rank - 1;
  const int64_t n = nest.rank == 0 ? 1 : nest.size.back();
  const int64_t dst_stride = nest.rank == 0 ? 1 : nest.stride[0].back();
  const int64_t src_stride = nest.rank == 0 ? 1 : nest.stride[1].back();
  const int64_t total = nest.numel();
  const int64_t rows = total / n;
  const auto ds = static_cast<int64_t>(dst_size);
  const auto ss = static_cast<int64_t>(src_size);
  if (rows == 1) {
    parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
      convert(src + begin * src_stride * ss, src_stride, dst + begin * dst_stride * ds, dst_stride,
              end - begin);
    });
    return;
  }
  parallel_for(rows, std::max<int64_t>(kGrain / n, 1), [&](int64_t begin, int64_t end) {
    Odometer<2> at(nest, outer, begin);
    for (int64_t row = begin; row < end; ++row, at.next()) {
      convert(src + at.offset[1] * ss, src_stride, dst + at.offset[0] * ds, dst_stride, n);
    }
  });
}

/// The innermost dimension of dst is not that of src, where the latter, `across`, has stride 1: by tiles.
template <class T>
void copy_transposed(T* dst, const T* src, const Nest<2>& original, int across) {
  constexpr int64_t kTile = 32;  // both sides of a tile fit in the first-level cache
  Nest<2> nest = original;       // with `across` moved next to the last
  const auto move = [&](InlineVector<int64_t, 8>& v) {
    const int64_t item = v[static_cast<size_t>(across)];
    v.erase(static_cast<size_t>(across));
    v.insert(v.size() - 1, item);
  };
  move(nest.size);
  move(nest.stride[0]);
  move(nest.stride[1]);
  const auto last = static_cast<size_t>(nest.rank - 1);
  const int64_t rows = nest.size[last];
  const int64_t cols = nest.size[last - 1];
  const int64_t dst_stride = nest.stride[0][last - 1];
  const int64_t src_stride = nest.stride[1][last];
  const int64_t row_tiles = (rows + kTile - 1) / kTile;
  const int64_t col_tiles = (cols + kTile - 1) / kTile;
  const int64_t outer = nest.numel() / (rows * cols);
  const int64_t per_tile = std::min(rows, kTile) * std::min(cols, kTile);
  parallel_for(outer * row_tiles * col_tiles, std::max<int64_t>(kGrain / per_tile, 1),
               [&](int64_t begin, int64_t end) {
                 Odometer<2> at(nest, nest.rank - 2, begin / (row_tiles * col_tiles));
                 int64_t tile = begin % (row_tiles * col_tiles);
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t r = tile / col_tiles * kTile;
                   const int64_t c = tile % col_tiles * kTile;
                   transpose_tile(dst + at.offset[0] + c * dst_stride + r, dst_stride,
                                  src + at.offset[1] + r * src_stride + c, src_stride,
                                  std::min(kTile, rows - r), std::min(kTile, cols - c));
                   if (++tile == row_tiles * col_tiles) {
                     tile = 0;
                     at.next();
                   }
                 }
               });
}

}  // namespace

void copy_strided(void* dst, DType dst_dtype, const Strides& dst_strides, const void* src, DType src_dtype,
                  const Strides& src_strides, const Shape& shape) {
  for (const int64_t size : shape) {
    if (size == 0) return;
  }
  const Nest<2> nest = make_nest<2>(shape, {&dst_strides, &src_strides});
  if (dst_dtype == src_dtype && nest.rank >= 2 && nest.stride[0].back() == 1 && nest.stride[1].back() != 1) {
    for (int d = 0; d + 1 < nest.rank; ++d) {
      if (nest.stride[1][static_cast<size_t>(d)] != 1) continue;
      switch (dtype_size(dst_dtype)) {
        case 1:
          return copy_transposed(static_cast<uint8_t*>(dst), static_cast<const uint8_t*>(src), nest, d);
        case 2:
          return copy_transposed(static_cast<uint16_t*>(dst), static_cast<const uint16_t*>(src), nest, d);
        case 4:
          return copy_transposed(static_cast<uint32_t*>(dst), static_cast<const uint32_t*>(src), nest, d);
        default:
          return copy_transposed(static_cast<uint64_t*>(dst), static_cast<const uint64_t*>(src), nest, d);
      }
    }
  }
  if (dst_dtype == src_dtype && nest.rank >= 2 && nest.stride[0].back() == 1 && nest.stride[1].back() == 1) {
    const auto element = static_cast<int64_t>(dtype_size(dst_dtype));
    return move_rows(static_cast<char*>(dst), static_cast<const char*>(src), element,
                     nest.size.back() * element, nest);
  }
  copy_rows(static_cast<char*>(dst), dtype_size(dst_dtype), static_cast<const char*>(src),
            dtype_size(src_dtype), nest, converter(src_dtype, dst_dtype));
}

}  // namespace dlb::backend::cpu
