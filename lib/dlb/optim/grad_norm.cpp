#include <cmath>

#include "dlb/base/threads.h"
#include "dlb/optim/fused.h"
#include "dlb/optim/wide.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb::optim {

namespace {

/// Elements summed together; fixed, so that the order of additions does not depend on the number of threads.
constexpr int64_t kBlock = 8192;
/// Running sums side by side: part of the result, whatever width the processor works in.
constexpr int kLanes = 16;

template <class T>
struct SquareSum {
  const T* g;
  int64_t n;
  double* result;

  [[gnu::always_inline]] void operator()() const {
    double lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        const auto x = static_cast<double>(g[i + j]);
        lanes[j] += x * x;
      }
    }
    for (int j = 0; i < n; ++i, ++j) lanes[j] += static_cast<double>(g[i]) * static_cast<double>(g[i]);
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    *result = sum;
  }
};

struct Block {
  size_t param;
  int64_t begin, count;
};

}  // namespace

double grad_norm(std::span<const Param> params) {
  std::vector<Tensor> gradients;
  std::vector<Block> blocks;
  for (const Param& p : params) {
    const Tensor g = p.value.grad();
    if (!g.defined()) continue;
    // Of a row-sparse gradient only the rows count; coalesced, as parts of one row add up first.
    gradients.push_back(g.is_row_sparse() ? row_sparse(coalesce(g)).rows : aligned_gradient(p.value, g));
    const int64_t n = gradients.back().numel();
    for (int64_t begin = 0; begin < n; begin += kBlock) {
      blocks.push_back({gradients.size() - 1, begin, std::min(kBlock, n - begin)});
    }
  }
  std::vector<double> sums(blocks.size());
  parallel_for(static_cast<int64_t>(blocks.size()), 2, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const Block& b = blocks[i];
      const Tensor& g = gradients[b.param];
      if (g.dtype() == DType::kFloat64) {
        run_wide(SquareSum<double>{g.data<double>() + b.begin, b.count, &sums[i]});
      } else {
        run_wide(SquareSum<float>{g.data<float>() + b.begin, b.count, &sums[i]});
      }
    }
  });
  double total = 0;
  for (const double s : sums) total += s;
  return std::sqrt(total);
}

}  // namespace dlb::optim
