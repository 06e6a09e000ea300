#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/index_support.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"
#include "dlb/ops/index_defs.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kGrain = 32768;

/// Copies rows along a dimension of k.in(0) to the output.
void take_rows(const KernelArgs& k, int64_t dim, std::string_view op) {
  const Tensor x = row_major(k.in(0));
  const Rows rows(x.shape(), dim);
  const IndexValues index(k.in(1), rows.size, op, "rows");
  const int64_t count = index.size();
  const auto bytes = static_cast<int64_t>(dtype_size(x.dtype())) * rows.inner;
  if (bytes == 0 || count == 0) return;
  const char* const from = static_cast<const char*>(x.raw());
  char* const to = static_cast<char*>(k.out(0).raw());
  const bool streamed = bytes % 64 == 0 && past_caches(rows.outer * count * bytes);
  parallel_for(rows.outer * count, std::max<int64_t>(kGrain * 4 / bytes, 1), [&](int64_t begin, int64_t end) {
    int64_t outer = begin / count;
    int64_t at = begin % count;
    // Rows of a large table are far apart: the memory of one arrives while those before it are copied.
    constexpr int64_t kAhead = 16;
    for (int64_t i = begin; i < end; ++i) {
      __builtin_prefetch(from + (outer * rows.size + index[std::min(at + kAhead, count - 1)]) * bytes);
      const char* const row = from + (outer * rows.size + index[at]) * bytes;
      if (streamed) {
        stream(to + i * bytes, row, bytes);
      } else {
        std::memcpy(to + i * bytes, row, static_cast<size_t>(bytes));
      }
      if (++at == count) {
        at = 0;
        ++outer;
      }
    }
    if (streamed) end_stream();
  });
}

void index_select_kernel(const KernelArgs& k, const IndexAttrs& a) { take_rows(k, a.dim, "index_select"); }
void embedding_kernel(const KernelArgs& k, const EmbeddingAttrs&) { take_rows(k, 0, "embedding"); }

void gather_kernel(const KernelArgs& k, const IndexAttrs& a) {
  const Tensor x = row_major(k.in(0));
  const Rows rows(x.shape(), a.dim);
  const IndexValues index(k.in(1), rows.size, "gather", "elements");
  if (index.size() == 0) return;
  const Places places(x.shape(), k.in(1).shape(), a.dim);
  dispatch_size(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = static_cast<const T*>(x.raw());
    T* const to = static_cast<T*>(k.out(0).raw());
    const int64_t step = places.step();
    parallel_for(index.size(), kGrain, [&](int64_t begin, int64_t end) {
      places.each_run(begin, end, [&](int64_t first, int64_t n, int64_t place, int64_t distance) {
        const int64_t* const at = index.data() + first;
        T* const y = to + first;
        const T* const row = from + place;
        if (step == 1 && distance == 0) {
          for (int64_t i = 0; i < n; ++i) y[i] = row[at[i]];
        } else {
          for (int64_t i = 0; i < n; ++i) y[i] = row[i * distance + at[i] * step];
        }
      });
    });
  });
}

void one_hot_kernel(const KernelArgs& k, const OneHotAttrs& a) {
  const std::vector<int64_t> index = checked_index(k.in(0), a.num_classes, "one_hot", "classes");
  dispatch_all(k.out(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = k.out(0).data<T>();
    std::fill(y, y + k.out(0).numel(), T(0));
    for (size_t i = 0; i < index.size(); ++i) y[static_cast<int64_t>(i) * a.num_classes + index[i]] = T(1);
  });
}

void flat_index_kernel(const KernelArgs& k, const FlatIndexAttrs& a) {
  int64_t* const out = k.out(0).data<int64_t>();
  std::fill(out, out + k.out(0).numel(), 0);
  for (size_t i = 0; i < a.sizes.size(); ++i) {
    const std::vector<int64_t> index =
        checked_index(k.inputs[i], a.sizes[i], "index",
                      a.sizes.size() == 1 ? "elements" : "elements of its dimension", true);
    for (size_t j = 0; j < index.size(); ++j) out[j] = out[j] * a.sizes[i] + index[j];
  }
}

/// The input, a bool tensor, row-major.
const bool* mask_of(const Tensor& row_major_mask) { return row_major_mask.data<bool>(); }

void nonzero_kernel(const KernelArgs& k, const NonzeroAttrs& a) {
  const Tensor x = as_dtype(row_major(k.in(0)), DType::kBool);
  const Tensor mask = row_major(x);
  const bool* const holds = mask_of(mask);
  int64_t* out = k.out(0).data<int64_t>();
  const auto rank = static_cast<size_t>(mask.rank());
  Dims at(rank, 0);
  int64_t found = 0;
  for (int64_t i = 0; i < mask.numel(); ++i) {
    if (holds[i]) {
      DLB_CHECK(found++ < a.count);
      for (size_t d = 0; d < rank; ++d) *out++ = at[d];
    }
    for (size_t d = rank; d-- > 0;) {
      if (++at[d] < mask.shape()[d]) break;
      at[d] = 0;
    }
  }
  DLB_CHECK(found == a.count);
}

void mask_rank_kernel(const KernelArgs& k, const NoAttrs&) {
  const Tensor mask = row_major(k.in(0));
  const bool* const holds = mask_of(mask);
  int64_t* const out = k.out(0).data<int64_t>();
  int64_t rank = 0;
  for (int64_t i = 0; i < mask.numel(); ++i) out[i] = holds[i] ? rank++ : 0;
}

void bag_of_kernel(const KernelArgs& k, const BagAttrs& a) {
  const std::vector<int64_t> index =
      checked_index(k.in(0), std::numeric_limits<int64_t>::max(), "embedding_bag", "rows");
  const auto n = static_cast<int64_t>(index.size());
  const std::vector<int64_t> offsets =
      checked_index(k.in(1), n + 1, "embedding_bag", "positions of the index");
  int64_t* const out = k.out(0).data<int64_t>();
  std::fill(out, out + n, -1);
  if (!offsets.empty() && offsets[0] != 0) {
    fail(ErrorKind::kData, "embedding_bag expects offsets that start with 0, got {}", offsets[0]);
  }
  const size_t bags = offsets.size() - (a.include_last_offset ? 1 : 0);
  for (size_t b = 0; b < bags; ++b) {
    const int64_t end = b + 1 < offsets.size() ? offsets[b + 1] : n;
    if (end < offsets[b]) {
      fail(ErrorKind::kData, "embedding_bag expects offsets that do not fall, got {} after {}", end,
           offsets[b]);
    }
    for (int64_t i = offsets[b]; i < end; ++i) {
      if (index[static_cast<size_t>(i)] != a.padding_idx) out[i] = static_cast<int64_t>(b);
    }
  }
}

void bag_max_kernel(const KernelArgs& k, const BagMaxAttrs& a) {
  const Tensor x = row_major(k.in(0));
  const Tensor bag = row_major(k.in(1));
  const int64_t* const bags = bag.data<int64_t>();
  int64_t* const out = k.out(0).data<int64_t>();
  std::fill(out, out + k.out(0).numel(), -1);
  const int64_t width = x.dim(1);
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = x.data<T>();
    for (int64_t i = 0; i < x.dim(0); ++i) {
      if (bags[i] < 0) continue;
      DLB_CHECK(bags[i] < a.bags);
      for (int64_t c = 0; c < width; ++c) {
        int64_t& best = out[bags[i] * width + c];
        if (best < 0 || static_cast<compute_t<T>>(from[i * width + c]) >
                            static_cast<compute_t<T>>(from[best * width + c])) {
          best = i;
        }
      }
    }
  });
}

}  // namespace

void install_index() {
  set_kernel(op::gather(), DeviceKind::kCpu, &gather_kernel);
  set_kernel(op::index_select(), DeviceKind::kCpu, &index_select_kernel);
  set_kernel(op::embedding(), DeviceKind::kCpu, &embedding_kernel);
  set_kernel(op::one_hot(), DeviceKind::kCpu, &one_hot_kernel);
  set_kernel(op::flat_index(), DeviceKind::kCpu, &flat_index_kernel);
  set_kernel(op::nonzero(), DeviceKind::kCpu, &nonzero_kernel);
  set_kernel(op::mask_rank(), DeviceKind::kCpu, &mask_rank_kernel);
  set_kernel(op::bag_of(), DeviceKind::kCpu, &bag_of_kernel);
  set_kernel(op::bag_max(), DeviceKind::kCpu, &bag_max_kernel);
  install_scatter();
}

}  // namespace dlb::backend::cpu
