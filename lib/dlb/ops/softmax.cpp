#include "dlb/ops/softmax.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/families.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax_defs.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

void infer_softmax(Infer& c, const SoftmaxAttrs&) {
  c.floating(0);
  c.output(c.input(0).shape, c.input(0).dtype);
}

void infer_grad(Infer& c, const SoftmaxAttrs&) {
  c.floating(0);
  c.same_dtype(0, 1);
  if (!(c.input(0).shape == c.input(1).shape)) {
    c.fail_shape("expects gradient {}, got {}", shape_text(c.input(1).shape), shape_text(c.input(0).shape));
  }
  c.output(c.input(0).shape, c.input(0).dtype);
}

// Where the gradient itself is to be differentiated, it is built from simple operators instead of the fused
// one.
void vjp_softmax(Vjp& c, const SoftmaxAttrs& a) {
  if (!c.needs(0)) return;
  const Tensor& y = c.output(0);
  const Tensor g = contiguous(c.grad(0));
  if (!grad_enabled()) {
    c.input_grad(0, apply1(op::softmax_grad(), {g, y}, a));
    return;
  }
  c.input_grad(0, mul(y, sub(g, sum(mul(g, y), {a.dim}, kKeepDim))));
}

void vjp_log_softmax(Vjp& c, const SoftmaxAttrs& a) {
  if (!c.needs(0)) return;
  const Tensor& y = c.output(0);
  const Tensor g = contiguous(c.grad(0));
  if (!grad_enabled()) {
    c.input_grad(0, apply1(op::log_softmax_grad(), {g, y}, a));
    return;
  }
  c.input_grad(0, sub(g, mul(exp(y), sum(g, {a.dim}, kKeepDim))));
}

Outputs reference_softmax(Inputs in, const SoftmaxAttrs& a) {
  const Tensor e = exp(sub(in[0], amax(in[0], {a.dim}, kKeepDim)));
  return {div(e, sum(e, {a.dim}, kKeepDim))};
}
Outputs reference_log_softmax(Inputs in, const SoftmaxAttrs& a) {
  return {sub(in[0], logsumexp(in[0], {a.dim}, kKeepDim))};
}
Outputs reference_softmax_grad(Inputs in, const SoftmaxAttrs& a) {
  return {mul(in[1], sub(in[0], sum(mul(in[0], in[1]), {a.dim}, kKeepDim)))};
}
Outputs reference_log_softmax_grad(Inputs in, const SoftmaxAttrs& a) {
  return {sub(in[0], mul(exp(in[1]), sum(in[0], {a.dim}, kKeepDim)))};
}

/// Maximum, subtraction, exponential, sum and division: five operations for each element.
Cost cost_softmax(Inputs in, Inputs out, const SoftmaxAttrs&) {
  const double n = static_cast<double>(out[0].numel());
  return {5 * n, static_cast<double>(dtype_size(out[0].dtype())) * n * static_cast<double>(in.size() + 1)};
}

void infer_dropout(Infer& c, const DropoutAttrs& a) {
  c.floating(0);
  if (!(a.p >= 0 && a.p <= 1))
    fail(ErrorKind::kConfig, "dropout expects a probability from 0 to 1, got {}", a.p);
  const TensorSpec& x = c.input(0);
  const bool rows = is_contiguous(x.shape, x.strides) || !is_channels_last(x.shape, x.strides);
  c.output(TensorSpec{x.dtype, x.device, x.shape,
                      rows ? contiguous_strides(x.shape) : channels_last_strides(x.shape)});
}

Tensor in_layout_of(const Tensor& x, const TensorSpec& like) {
  if (is_contiguous(like.shape, like.strides)) return contiguous(x);
  return contiguous(x, Layout::kChannelsLast);
}

void vjp_dropout(Vjp& c, const DropoutAttrs& a) {
  // The mask is numbered in memory order, so g must lie in memory as the output did.
  if (c.needs(0)) c.input_grad(0, apply1(op::dropout(), {in_layout_of(c.grad(0), c.output(0).spec())}, a));
}

Cost cost_dropout(Inputs in, Inputs out, const DropoutAttrs&) {
  return {static_cast<double>(out[0].numel()),
          static_cast<double>(in[0].spec().bytes() + out[0].spec().bytes())};
}

OpDef along_dim(std::string_view name, std::string_view doc, void (*infer)(Infer&, const SoftmaxAttrs&),
                void (*vjp)(Vjp&, const SoftmaxAttrs&), Outputs (*reference)(Inputs, const SoftmaxAttrs&),
                OnnxMapping onnx = {}) {
  return define<SoftmaxAttrs>({.name = name,
                               .doc = doc,
                               .infer = infer,
                               .vjp = vjp,
                               .saves = vjp != nullptr ? Saves::kOutputs : Saves::kNothing,
                               .reference = reference,
                               .cost = cost_softmax,
                               .onnx = onnx});
}

/// Runs an operator that works on row-major tensors; a channels-last tensor is seen as the row-major tensor
/// that it is in memory.
Tensor run(const OpDef& def, const Tensor& x, int64_t dim) {
  const int d = normalize_dim(dim, x.rank());
  if (x.is_contiguous() || !x.is_channels_last()) return apply1(def, {contiguous(x)}, SoftmaxAttrs{d});
  const int last = x.rank() - 1;
  Dims to_memory{0};
  Dims to_logical{0, last};
  for (int i = 2; i <= last; ++i) {
    to_memory.push_back(i);
    to_logical.push_back(i - 1);
  }
  to_memory.push_back(1);
  const int memory_dim = d == 0 ? 0 : d == 1 ? last : d - 1;
  return permute(apply1(def, {permute(x, to_memory)}, SoftmaxAttrs{memory_dim}), to_logical);
}

}  // namespace

namespace op {

const OpDef& softmax() {
  static const OpDef def = along_dim("softmax", "exp(x) normalised to sum 1", infer_softmax, vjp_softmax,
                                     reference_softmax, {"Softmax", 13});
  return def;
}
const OpDef& log_softmax() {
  static const OpDef def = along_dim("log_softmax", "logarithm of softmax", infer_softmax, vjp_log_softmax,
                                     reference_log_softmax, {"LogSoftmax", 13});
  return def;
}
const OpDef& softmax_grad() {
  static const OpDef def =
      along_dim("softmax_grad", "gradient of softmax", infer_grad, nullptr, reference_softmax_grad);
  return def;
}
const OpDef& log_softmax_grad() {
  static const OpDef def = along_dim("log_softmax_grad", "gradient of log_softmax", infer_grad, nullptr,
                                     reference_log_softmax_grad);
  return def;
}
const OpDef& dropout() {
  static const OpDef def = define<DropoutAttrs>({.name = "dropout",
                                                 .doc = "zero with probability p, else x / (1 - p)",
                                                 .infer = infer_dropout,
                                                 .vjp = vjp_dropout,
                                                 .saves = Saves::kNothing,
                                                 .cost = cost_dropout,
                                                 .random = true,
                                                 .onnx = {"Dropout", 13}});
  return def;
}

}  // namespace op

std::span<const OpDef* const> softmax_ops() {
  static const OpDef* const list[] = {&op::softmax(), &op::log_softmax(), &op::softmax_grad(),
                                      &op::log_softmax_grad(), &op::dropout()};
  return list;
}

Tensor softmax(const Tensor& x, int64_t dim) { return run(op::softmax(), x, dim); }
Tensor log_softmax(const Tensor& x, int64_t dim) { return run(op::log_softmax(), x, dim); }

Tensor dropout(const Tensor& x, double p, const RngKey& key) {
  return apply1(op::dropout(), {x.is_channels_last() ? x : contiguous(x)}, DropoutAttrs{p, key});
}

}  // namespace dlb
