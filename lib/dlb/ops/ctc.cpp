#include "dlb/ops/ctc.h"

#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/ctc_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields CtcAttrs::fields() {
  static const Field list[] = {
      field<&CtcAttrs::blank>("blank", "class of the blank"),
      field<&CtcAttrs::zero_infinity>("zero_infinity", "whether infinite losses become 0")};
  return list;
}

namespace {

void check_ctc(const Infer& c, int first, const CtcAttrs& a) {
  c.floating(first);
  c.rank(first, 3);
  const TensorSpec& x = c.input(first);
  for (int i = first + 1; i < first + 4; ++i) {
    if (c.input(i).dtype != DType::kInt64) {
      c.fail_dtype("expects targets and lengths of int64, got {}", dtype_name(c.input(i).dtype));
    }
  }
  const TensorSpec& t = c.input(first + 1);
  if (t.rank() < 1 || t.rank() > 2 || (t.rank() == 2 && t.dim(0) != x.dim(1))) {
    c.fail_shape("expects targets [{}, S] or all behind each other, got {}", x.dim(1), shape_text(t.shape));
  }
  for (int i = first + 2; i < first + 4; ++i) {
    if (c.input(i).rank() != 1 || c.input(i).dim(0) != x.dim(1)) {
      c.fail_shape("expects {} lengths, got {}", x.dim(1), shape_text(c.input(i).shape));
    }
  }
  if (a.blank < 0 || a.blank >= x.dim(2)) {
    fail(ErrorKind::kConfig, "ctc_loss expects a blank from 0 to {}, got {}", x.dim(2) - 1, a.blank);
  }
}

void infer_ctc(Infer& c, const CtcAttrs& a) {
  check_ctc(c, 0, a);
  c.output(Shape{c.input(0).dim(1)}, c.input(0).dtype);
}

void infer_ctc_grad(Infer& c, const CtcAttrs& a) {
  check_ctc(c, 1, a);
  c.output(c.input(1).shape, c.input(1).dtype);
}

void vjp_ctc(Vjp& c, const CtcAttrs& a) {
  if (!c.needs(0)) return;
  c.input_grad(0,
               apply1(op::ctc_loss_grad(), {c.grad(0), c.input(0), c.input(1), c.input(2), c.input(3)}, a));
}

/// Three exponentials and a logarithm for each time and each place of the extended target, forward; as much
/// again backward, and the sums.
double lattice(const Tensor& x, const Tensor& targets) {
  const double length = targets.rank() == 2 ? static_cast<double>(targets.dim(1))
                                            : static_cast<double>(targets.numel()) /
                                                  std::max<double>(1, static_cast<double>(x.dim(1)));
  return static_cast<double>(x.dim(0) * x.dim(1)) * (2 * length + 1);
}
Cost cost_ctc(Inputs in, Inputs out, const CtcAttrs&) {
  return {10 * lattice(in[0], in[1]), moved_bytes(in, out)};
}
Cost cost_ctc_grad(Inputs in, Inputs out, const CtcAttrs&) {
  return {25 * lattice(in[1], in[2]) + 2 * static_cast<double>(in[1].numel()), moved_bytes(in, out)};
}

Tensor as_index(const char* what, const Tensor& x) {
  if (!is_integral(x.dtype())) {
    fail(ErrorKind::kDtype, "ctc_loss expects {} of integers, got {}", what, dtype_name(x.dtype()));
  }
  return contiguous(cast(x, DType::kInt64));
}

}  // namespace

namespace op {

const OpDef& ctc_loss() {
  static const OpDef def = define<CtcAttrs>({.name = "ctc_loss",
                                             .doc = "-log of the probability of a target without alignment",
                                             .infer = infer_ctc,
                                             .vjp = vjp_ctc,
                                             .saves = Saves::kInputs,
                                             .cost = cost_ctc});
  return def;
}
const OpDef& ctc_loss_grad() {
  static const OpDef def = define<CtcAttrs>({.name = "ctc_loss_grad",
                                             .doc = "gradient of ctc_loss",
                                             .infer = infer_ctc_grad,
                                             .cost = cost_ctc_grad});
  return def;
}

}  // namespace op

std::span<const OpDef* const> ctc_ops() {
  static const OpDef* const list[] = {&op::ctc_loss(), &op::ctc_loss_grad()};
  return list;
}

Tensor ctc_loss(const Tensor& log_probabilities, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& o) {
  Tensor t = as_index("targets", targets);
  Tensor in = as_index("input lengths", input_lengths);
  Tensor out = as_index("target lengths", target_lengths);
  Tensor x = log_probabilities;
  const bool single = x.rank() == 2;
  if (single) {
    x = unsqueeze(x, 1);
    if (t.rank() == 1) t = unsqueeze(t, 0);
    in = reshape(in, {-1});
    out = reshape(out, {-1});
  }
  Tensor losses = apply1(op::ctc_loss(), {contiguous(x), t, in, out}, CtcAttrs{o.blank, o.zero_infinity});
  if (o.zero_infinity) {
    const Tensor infinite = eq(losses.detach(), std::numeric_limits<double>::infinity());
    losses = where(infinite, full({}, 0, losses.dtype(), losses.device()), losses);
  }
  if (o.reduction == Reduction::kMean) {
    const Tensor lengths = clamp(out, 1, std::numeric_limits<double>::infinity());
    return mean(div(losses, cast(lengths, losses.dtype())));
  }
  if (o.reduction == Reduction::kSum) return sum(losses);
  return single ? squeeze(losses, 0) : losses;
}

}  // namespace dlb
