#include <cmath>

#include "dlb/base/threads.h"
#include "dlb/optim/block_sums.h"
#include "dlb/optim/fused.h"
#include "dlb/optim/wide.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb::optim {

namespace {

template <class T>
struct SquareSum {
  const T* g;
  int64_t n;
  double* result;

  [[gnu::always_inline]] void operator()() const {
    double lanes[kSumLanes] = {};
    int64_t i = 0;
    for (; i + kSumLanes <= n; i += kSumLanes) {
      for (int j = 0; j < kSumLanes; ++j) {
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
  size_t tensor;
  int64_t begin, count;
};

}  // namespace

double grad_norm(std::span<const Param> params) {
  std::vector<Tensor> gradients;
  for (const Param& p : params) {
    const Tensor g = p.value.grad();
    if (!g.defined()) continue;
    // Of a row-sparse gradient only the rows count; coalesced, as parts of one row add up first.
    gradients.push_back(g.is_row_sparse() ? row_sparse(coalesce(g)).rows : aligned_gradient(p.value, g));
  }
  return norm(gradients);
}

double norm(const std::vector<Tensor>& tensors) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t n = tensors[i].numel();
    for (int64_t begin = 0; begin < n; begin += kSumBlock)
      blocks.push_back({i, begin, std::min(kSumBlock, n - begin)});
  }
  std::vector<double> sums(blocks.size());
  parallel_for(static_cast<int64_t>(blocks.size()), 2, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const Block& b = blocks[i];
      const Tensor& t = tensors[b.tensor];
      if (t.dtype() == DType::kFloat64) {
        run_wide(SquareSum<double>{t.data<double>() + b.begin, b.count, &sums[i]});
      } else {
        run_wide(SquareSum<float>{t.data<float>() + b.begin, b.count, &sums[i]});
      }
    }
  });
  double total = 0;
  for (const double s : sums) total += s;
  return std::sqrt(total);
}

}  // namespace dlb::optim
