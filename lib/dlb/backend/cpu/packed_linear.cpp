#include "dlb/backend/cpu/packed_linear.h"

#include <algorithm>

#include "dlb/backend/cpu/activation_loop.h"
#include "dlb/backend/cpu/prepared_forms.h"
#include "dlb/backend/cpu/tile_gemm.h"
#include "dlb/base/instruction_set.h"

namespace dlb::backend::cpu {

namespace {

using Panels = PackedMatrix<float>;

/// The transpose of a frozen weight, in panels.
struct PackedWeight final : Form {
  explicit PackedWeight(const Tensor& w)
      : data(w.raw()), m(w.dim(0)), k(w.dim(1)), panels(k, m, w.data<float>(), 1, k) {}
  const void* data;  ///< which tensor of the storage
  int64_t m, k;
  Panels panels;
};

const Panels& packed(const Tensor& w) {
  const auto matches = [&](const PackedWeight& p) {
    return p.data == w.raw() && p.m == w.dim(0) && p.k == w.dim(1);
  };
  return PreparedForms::of(*w.storage())
      .get<PackedWeight>(matches, [&] { return std::make_unique<PackedWeight>(w); })
      .panels;
}

/// Rows of x that stay in a second-level cache of 1 MB while all of the weights pass by.
int64_t rows_at_a_time(int64_t rows, int64_t k) {
  constexpr int64_t kElements = 196608;
  const int64_t most = std::max<int64_t>(kElements / std::max<int64_t>(k, 1), 12);
  const int64_t blocks = (rows + most - 1) / most;
  return (rows + blocks - 1) / blocks;
}

/// y = bias + residual, of which one may be null.
void start_row(const float* bias, const float* residual, float* y, int64_t n) {
  simd([=] {
    for (int64_t j = 0; j < n; ++j)
      y[j] = (bias == nullptr ? 0.0F : bias[j]) + (residual == nullptr ? 0.0F : residual[j]);
  });
}

}  // namespace

// With fewer rows the weights' way from memory is what counts, in whatever order they lie.
bool suits_packed_linear(const Tensor& weight, int64_t rows) {
  constexpr int64_t kFewestRows = 12;
  return instruction_set() == InstructionSet::kAvx512 && weight.dtype() == DType::kFloat32 &&
         weight.storage()->frozen() && rows >= kFewestRows;
}

void packed_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                   const Epilogue& e, const Tensor& y) {
  constexpr int64_t kPanel = Panels::kPanel;
  constexpr int64_t kTogether = 8;  // panels whose results are in the cache when f is applied
  const int64_t m = weight.dim(0), k = weight.dim(1), rows = y.numel() / m;
  const Panels& panels = packed(weight);
  const int64_t block = rows_at_a_time(rows, k);
  const int64_t blocks = (rows + block - 1) / block;
  const ActivationLoop activation(e);
  const float* const bias_data = bias.defined() ? bias.data<float>() : nullptr;
  const float* const residual_data = residual.defined() ? residual.data<float>() : nullptr;
  const bool starts = bias_data != nullptr || residual_data != nullptr;
  const int64_t work = block * k * kPanel;
  parallel_for(
      blocks * panels.panel_count(), 1 + 65536 / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
        const Scratch<float> scratch(activation.is_identity() ? 0 : block * kTogether * kPanel);
        for (int64_t at = begin; at < end;) {
          const int64_t row = at / panels.panel_count() * block, panel = at % panels.panel_count();
          const int64_t height = std::min(block, rows - row);
          const int64_t together = std::min({kTogether, panels.panel_count() - panel, end - at});
          const int64_t column = panel * kPanel, width = std::min(together * kPanel, m - column);
          float* const result = y.data<float>() + row * m + column;
          float* const sums = activation.is_identity() ? result : scratch.data();
          const int64_t stride = activation.is_identity() ? m : kTogether * kPanel;
          if (starts) {
            for (int64_t i = 0; i < height; ++i) {
              const float* const r =
                  residual_data == nullptr ? nullptr : residual_data + (row + i) * m + column;
              start_row(bias_data == nullptr ? nullptr : bias_data + column, r, sums + i * stride, width);
            }
          }
          panels.multiply(panel, panel + together, height, {x.data<float>() + row * k, k, 1}, sums, stride,
                          starts);
          if (!activation.is_identity()) {
            for (int64_t i = 0; i < height; ++i) activation(sums + i * stride, result + i * m, width);
          }
          at += together;
        }
      });
}

}  // namespace dlb::backend::cpu
