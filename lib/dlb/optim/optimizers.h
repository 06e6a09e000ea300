#pragma once
/// \file The optimizers. g is the gradient (scaled, plus weight_decay * w where the decay is not decoupled),
/// w the parameter, t the number of the update from 1. Each rule is PyTorch's, with its order of operations.
///
/// Row-sparse gradients (tensor/row_sparse.h): sgd without momentum, adagrad and the adams update the rows of
/// the gradient alone, in time proportional to them. Values, running means and weight decay of other rows
/// wait until their row has a gradient; t counts all updates, and eps is added before the bias correction
/// (both as PyTorch's SparseAdam). The others refuse them, sgd with momentum too.

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// b <- momentum b + (1 - dampening) g (b = g at the first update); w <- w - lr b, or w - lr (g + momentum b)
/// with Nesterov.
/// **Source**: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
/// 2013.
struct Sgd : Optimizer {
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> buffers_;  ///< empty without momentum
};

/// m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; w <- w - lr m / (1 - beta1^t) / (sqrt(v / (1
/// - beta2^t)) + eps). AMSGrad uses the largest v so far. **Source**: Kingma & Ba, "Adam", ICLR 2015; Reddi
/// et al., ICLR 2018.
struct Adam : Optimizer {
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::vector<double> betas;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;
  /// Whether w <- w (1 - lr weight_decay) takes the place of adding the decay to g.
  virtual bool decoupled() const { return false; }

 private:
  template <bool kAmsgrad>
  void run(double lr_now, double scale);
  std::vector<Tensor> mean_, square_, largest_;
};

/// Adam with decoupled weight decay. **Source**: Loshchilov & Hutter, "Decoupled weight decay
/// regularization", ICLR 2019.
struct AdamW : Adam {
  AdamW() { weight_decay = 0.01; }

 protected:
  bool decoupled() const override { return true; }
};

/// v <- alpha v + (1 - alpha) g^2; w <- w - lr g / (sqrt(v) + eps); centered: v less the squared running mean
/// of g; with momentum the quotient goes through b <- momentum b + quotient. **Source**: Tieleman & Hinton,
/// lecture 6.5, 2012; Graves, 2013 (centered).
struct RmsProp : Optimizer {
  RmsProp() { lr = 0.01; }
  double alpha = 0.99;
  double eps = 1e-8;
  double momentum = 0;
  bool centered = false;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  template <bool kCentered, bool kMomentum>
  void run(double lr_now, double scale);
  std::vector<Tensor> square_, mean_, buffers_;
};

}  // namespace dlb::optim
