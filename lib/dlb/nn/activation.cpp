#include "dlb/nn/activation.h"

#include "dlb/nn/linear.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::nn {

Tensor Relu::forward(Context& /*c*/, const Tensor& x) { return relu(x); }

Fields LeakyRelu::fields() {
  static const Field list[] = {field<&LeakyRelu::slope>("slope", "factor of negative values")};
  return list;
}
Tensor LeakyRelu::forward(Context& /*c*/, const Tensor& x) { return leaky_relu(x, slope); }

Fields Elu::fields() {
  static const Field list[] = {field<&Elu::alpha>("alpha", "-alpha is the limit towards minus infinity")};
  return list;
}
Tensor Elu::forward(Context& /*c*/, const Tensor& x) { return elu(x, alpha); }

Fields Celu::fields() {
  static const Field list[] = {
      field<&Celu::alpha>("alpha", "-alpha is the limit towards minus infinity", positive())};
  return list;
}
Tensor Celu::forward(Context& /*c*/, const Tensor& x) { return celu(x, alpha); }

Fields Gelu::fields() {
  static const Field list[] = {field<&Gelu::approximate>(
      "approximate", "`tanh` for the approximation by Hendrycks & Gimpel", one_of({"none", "tanh"}))};
  return list;
}
Tensor Gelu::forward(Context& c, const Tensor& x) {
  return next_ != nullptr ? next_->forward_gelu(c, x) : gelu(x, approximate == "tanh");
}
bool Gelu::absorb(const Layer& next) {
  const auto* linear = dynamic_cast<const Linear*>(&next);
  if (linear == nullptr || next_ != nullptr || approximate == "tanh") return false;
  next_ = linear;
  return true;
}

Fields Softplus::fields() {
  static const Field list[] = {
      field<&Softplus::beta>("beta", "sharpness: log(1 + exp(beta x)) / beta", positive()),
      field<&Softplus::threshold>("threshold", "where beta x is above this, the result is x"),
  };
  return list;
}
Tensor Softplus::forward(Context& /*c*/, const Tensor& x) { return softplus(x, beta, threshold); }

Fields Hardtanh::fields() {
  static const Field list[] = {
      field<&Hardtanh::min>("min", "lower limit"),
      field<&Hardtanh::max>("max", "upper limit"),
  };
  return list;
}
void Hardtanh::build(Build& /*b*/) {
  if (!(min < max)) fail(ErrorKind::kConfig, "hardtanh needs min below max, got {} and {}", min, max);
}
Tensor Hardtanh::forward(Context& /*c*/, const Tensor& x) { return hardtanh(x, min, max); }

Fields Softmax::fields() {
  static const Field list[] = {
      field<&Softmax::dim>("dim", "dimension that sums to one; negative counts from the last")};
  return list;
}
void Softmax::build(Build& b) { normalize_dim(dim, b.input().rank(), "softmax.dim"); }
Tensor Softmax::forward(Context& /*c*/, const Tensor& x) { return softmax(x, dim); }

Fields LogSoftmax::fields() {
  static const Field list[] = {
      field<&LogSoftmax::dim>("dim", "dimension of the probabilities; negative counts from the last")};
  return list;
}
void LogSoftmax::build(Build& b) { normalize_dim(dim, b.input().rank(), "log_softmax.dim"); }
Tensor LogSoftmax::forward(Context& /*c*/, const Tensor& x) { return log_softmax(x, dim); }

}  // namespace dlb::nn
