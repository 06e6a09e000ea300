#include "dlb/backend/cpu/elementwise.h"

#include <algorithm>

#include "dlb/backend/cpu/convert.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/base/threads.h"

namespace dlb::backend::cpu {

namespace {

constexpr int64_t kGrain = 32768;
/// Elements that are converted or gathered at a time; they stay in the first-level cache.
constexpr int64_t kBlock = 1024;
/// Rows of the nest that are at least this long are handed over in place where possible.
constexpr int64_t kLongRow = 128;

/// Compute types are at most 8 bytes.
struct alignas(64) Buffer {
  unsigned char bytes[kBlock * 8];
};

struct Operand {
  const char* data = nullptr;
  int64_t size = 0;          ///< bytes of an element
  int64_t compute_size = 0;  ///< bytes of an element as the loop wants it
  Convert convert = nullptr;
  bool direct = false;    ///< already in the loop's type
  bool constant = false;  ///< one value for all elements
  bool linear = true;     ///< walked in memory order, like the output
  size_t at = 0;          ///< its number in the nest
};

struct Job {
  Nest<kMaxOperands + 1> nest;
  Operand operands[kMaxOperands];
  int count = 0;
  char* out = nullptr;
  int64_t out_size = 0;
  bool out_direct = false;
  bool streamed = false;  ///< the output goes past the caches
  Convert out_convert = nullptr;
  Loop loop = nullptr;
  const double* params = nullptr;
};

/// Gathers elements [begin, begin + n) of the walk, row by row of the nest.
void gather(const Job& job, const Operand& x, int64_t begin, int64_t n, char* to) {
  const Nest<kMaxOperands + 1>& nest = job.nest;
  const int64_t row_length = nest.size.back();
  const int64_t inner = nest.stride[x.at].back();
  Odometer<kMaxOperands + 1> at(nest, nest.rank - 1, begin / row_length);
  int64_t column = begin % row_length;
  while (n > 0) {
    const int64_t m = std::min(n, row_length - column);
    x.convert(x.data + (at.offset[x.at] + column * inner) * x.size, inner, to, 1, m);
    to += m * x.compute_size;
    n -= m;
    column = 0;
    at.next();
  }
}

/// Elements [begin, end) of the walk; the output is walked in memory order.
void run_range(const Job& job, int64_t begin, int64_t end) {
  Buffer buffers[kMaxOperands];
  Buffer result;
  Buffer converted;
  const void* in[kMaxOperands] = {};
  bool all_direct = job.out_direct && !job.streamed;  // one call of the loop for the whole range
  for (int i = 0; i < job.count; ++i) {
    const Operand& x = job.operands[i];
    if (x.constant) x.convert(x.data, 0, buffers[i].bytes, 1, std::min(kBlock, end - begin));
    all_direct = all_direct && x.direct && x.linear && !x.constant;
  }
  const int64_t row_length = job.nest.rank == 0 ? 1 : job.nest.size.back();
  const bool long_rows = job.nest.rank > 1 && row_length >= kLongRow;
  Odometer<kMaxOperands + 1> row(job.nest, job.nest.rank - 1, begin / row_length);
  int64_t column = begin % row_length;
  while (begin < end) {
    // Long rows one by one, so that a row that is in order needs no copy; otherwise by blocks across rows.
    int64_t n = all_direct ? end - begin : std::min(kBlock, end - begin);
    if (long_rows && !all_direct) n = std::min(n, row_length - column);
    for (int i = 0; i < job.count; ++i) {
      const Operand& x = job.operands[i];
      if (x.constant) {
        in[i] = buffers[i].bytes;
      } else if (x.direct && x.linear) {
        in[i] = x.data + begin * x.size;
      } else if (x.direct && long_rows && job.nest.stride[x.at].back() == 1) {
        in[i] = x.data + (row.offset[x.at] + column) * x.size;
      } else if (x.linear) {
        x.convert(x.data + begin * x.size, 1, buffers[i].bytes, 1, n);
        in[i] = buffers[i].bytes;
      } else {
        gather(job, x, begin, n, reinterpret_cast<char*>(buffers[i].bytes));
        in[i] = buffers[i].bytes;
      }
    }
    char* const out = job.out + begin * job.out_size;
    if (job.out_direct && !job.streamed) {
      job.loop(in, out, n, job.params);
    } else {
      job.loop(in, result.bytes, n, job.params);
      const void* block = result.bytes;
      if (!job.out_direct) {
        void* const to = job.streamed ? static_cast<void*>(converted.bytes) : out;
        job.out_convert(result.bytes, 1, to, 1, n);
        block = to;
      }
      if (job.streamed) stream(out, block, n * job.out_size);
    }
    begin += n;
    if (long_rows && !all_direct) {
      column += n;
      if (column == row_length) {
        column = 0;
        row.next();
      }
    }
  }
  if (job.streamed) end_stream();
}

bool is_constant(const Tensor& t) {
  for (size_t i = 0; i < t.shape().size(); ++i) {
    if (t.shape()[i] != 1 && t.strides()[i] != 0) return false;
  }
  return true;
}

/// Whether gathering t row by row would jump through memory: it is large, not repeated, and its order is not
/// the output's.
bool is_scattered(const Tensor& t, const Nest<kMaxOperands + 1>& nest, size_t at) {
  if (t.numel() < kGrain || nest.stride[at].back() == 1) return false;
  for (const int64_t stride : nest.stride[at]) {
    if (stride == 0) return false;
  }
  return true;
}

/// Whether t is walked like `out` element by element.
bool same_walk(const Tensor& t, const Tensor& out) {
  return t.shape() == out.shape() && t.strides() == out.strides();
}

/// The most frequent case, without any bookkeeping: operands of one layout in the loop's types.
struct Plain {
  const char* in[kMaxOperands] = {};
  int64_t size[kMaxOperands] = {};
  char* out = nullptr;
  int64_t out_size = 0;
  int count = 0;
  Loop loop = nullptr;
  const double* params = nullptr;

  void operator()(int64_t begin, int64_t end) const {
    const void* at[kMaxOperands] = {};
    for (int i = 0; i < count; ++i) at[i] = in[i] + begin * size[i];
    loop(at, out + begin * out_size, end - begin, params);
  }
};

/// The same by blocks that go past the caches.
struct Streamed {
  Plain plain;

  void operator()(int64_t begin, int64_t end) const {
    Buffer result;
    while (begin < end) {
      char* const to = plain.out + begin * plain.out_size;
      // All blocks but the first begin on a cache line.
      const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % 64) / plain.out_size;
      const int64_t n = std::min(kBlock - past, end - begin);
      const void* at[kMaxOperands] = {};
      for (int i = 0; i < plain.count; ++i) at[i] = plain.in[i] + begin * plain.size[i];
      plain.loop(at, result.bytes, n, plain.params);
      stream(to, result.bytes, n * plain.out_size);
      begin += n;
    }
    end_stream();
  }
};

bool is_plain(const Tensor& out, Inputs operands, const DType* compute, DType result) {
  if (out.dtype() != result) return false;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].dtype() != compute[i] || !same_walk(operands[i], out)) return false;
  }
  return true;
}

void run_plain(const Tensor& out, Inputs operands, int64_t total, Loop loop, const double* params) {
  Plain plain;
  for (const Tensor& t : operands) {
    plain.in[plain.count] = static_cast<const char*>(t.raw());
    plain.size[plain.count++] = static_cast<int64_t>(dtype_size(t.dtype()));
  }
  plain.out = static_cast<char*>(out.raw());
  plain.out_size = static_cast<int64_t>(dtype_size(out.dtype()));
  plain.loop = loop;
  plain.params = params;
  if (past_caches(total * plain.out_size)) {
    parallel_for(total, kGrain, Streamed{plain});
  } else {
    parallel_for(total, kGrain, plain);
  }
}

}  // namespace

Loop Loops::find(DType dtype, DType& compute) const {
  if (b8 != nullptr) {
    compute = DType::kBool;
    return b8;
  }
  if (is_floating(dtype) || i64 == nullptr) {
    compute = dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
    return dtype == DType::kFloat64 ? f64 : f32;
  }
  compute = DType::kInt64;
  return i64;
}

void run_elementwise(const Tensor& out, Inputs operands, const DType* compute, DType result, Loop loop,
                     const double* params) {
  const int64_t total = out.numel();
  if (total == 0) return;
  if (is_plain(out, operands, compute, result)) return run_plain(out, operands, total, loop, params);
  Job job;
  job.count = static_cast<int>(operands.size());
  job.out = static_cast<char*>(out.raw());
  job.out_size = static_cast<int64_t>(dtype_size(out.dtype()));
  job.out_direct = out.dtype() == result;
  if (!job.out_direct) job.out_convert = converter(result, out.dtype());
  job.streamed = past_caches(total * job.out_size);
  job.loop = loop;
  job.params = params;
  Tensor reordered[kMaxOperands];
  bool simple = true;
  for (int i = 0; i < job.count; ++i) {
    const Tensor& t = operands[static_cast<size_t>(i)];
    Operand& x = job.operands[i];
    x.data = static_cast<const char*>(t.raw());
    x.size = static_cast<int64_t>(dtype_size(t.dtype()));
    x.compute_size = static_cast<int64_t>(dtype_size(compute[i]));
    x.direct = t.dtype() == compute[i];
    x.constant = total > 1 && is_constant(t);
    x.at = static_cast<size_t>(i) + 1;
    if (!x.direct || x.constant) x.convert = converter(t.dtype(), compute[i]);
    simple = simple && (x.constant || same_walk(t, out));
  }
  if (simple) {
    // Outputs are dense: with the same strides everywhere the walk is one row.
    if (total > 1) {
      job.nest.rank = 1;
      job.nest.size.push_back(total);
      for (auto& stride : job.nest.stride) stride.push_back(1);
    }
  } else {
    Strides strides[kMaxOperands];
    std::array<const Strides*, kMaxOperands + 1> all;
    all.fill(&out.strides());
    for (int i = 0; i < job.count; ++i) {
      const Tensor& t = operands[static_cast<size_t>(i)];
      strides[i] = broadcast_strides(t.spec(), out.shape());
      all[static_cast<size_t>(i) + 1] = &strides[i];
      if (job.operands[i].convert == nullptr) job.operands[i].convert = converter(t.dtype(), compute[i]);
    }
    job.nest = make_nest<kMaxOperands + 1>(out.shape(), all);
    for (int i = 0; i < job.count; ++i) {
      Operand& x = job.operands[i];
      x.linear = job.nest.stride[x.at] == job.nest.stride[0];
      if (x.linear || !is_scattered(operands[static_cast<size_t>(i)], job.nest, x.at)) continue;
      // Put in the output's order by a copy that goes through the caches in tiles.
      const Tensor& t = operands[static_cast<size_t>(i)];
      TensorSpec spec = out.spec();
      spec.dtype = t.dtype();
      reordered[i] = Tensor::empty(spec);
      copy_tensor(reordered[i], t);
      x.data = static_cast<const char*>(reordered[i].raw());
      job.nest.stride[x.at] = job.nest.stride[0];
      x.linear = true;
    }
  }
  parallel_for(total, kGrain, [&job](int64_t begin, int64_t end) { run_range(job, begin, end); });
}

void run_elementwise(const Tensor& out, Inputs operands, DType compute, DType result, Loop loop,
                     const double* params) {
  const DType types[kMaxOperands] = {compute, compute, compute};
  run_elementwise(out, operands, types, result, loop, params);
}

}  // namespace dlb::backend::cpu
