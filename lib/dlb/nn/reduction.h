#pragma once
/// \file Reductions along dimensions, and elementwise steps with numbers, as layers.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// F over `dim`, which goes unless kept. Shapes: [*] -> without `dim`.
template <Tensor (*F)(const Tensor&, Dims, bool)>
struct Reduction : Layer {
  std::vector<int64_t> dim;
  bool keepdim = false;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};
Tensor sample_variance(const Tensor& x, Dims dims, bool keepdim);
Tensor sample_deviation(const Tensor& x, Dims dims, bool keepdim);
Tensor log_sum_exp(const Tensor& x, Dims dims, bool keepdim);

/// Where the first largest (smallest) element is along `dim`. Shapes: [*] -> int64 without `dim`.
template <Tensor (*F)(const Tensor&, int64_t, bool)>
struct ArgReduction : Layer {
  int64_t dim = -1;
  bool keepdim = false;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Running sums along `dim`.
struct Cumsum : Layer {
  int64_t dim = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// factor x + shift.
struct Scale : Layer {
  double factor = 1;
  double shift = 0;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// x times a learned vector along the last dimension, small at first. Shapes: [*, D]; weight [D].
/// **Source**: Touvron et al., "Going deeper with image transformers", 2021.
struct LayerScale : Layer {
  double init = 1e-5;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_;
};

struct Clamp : Layer {
  std::optional<double> min;
  std::optional<double> max;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Converts to another type.
struct Cast : Layer {
  std::string dtype = "float32";
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Shapes: whole numbers [*] -> [*, classes], 1 at the number and 0 elsewhere.
struct OneHot : Layer {
  int64_t classes = 0;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  DType dtype_ = DType::kFloat32;
};

/// x with `value` where the mask is true or not 0. The mask broadcasts.
struct MaskedFill : Layer {
  double value = 0;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// Einstein's summation over the inputs: "nqd,nkd->nqk".
struct Einsum : Layer {
  std::string equation;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override { return {1, 16}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// p-distances between all rows of two inputs. Shapes: [*, n, d] and [*, m, d] -> [*, n, m].
struct Cdist : Layer {
  double p = 2;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;
};

}  // namespace dlb::nn
