#include "dlb/ops/elementwise.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

int category(DType t) { return is_floating(t) ? 2 : is_integral(t) ? 1 : 0; }

bool same_layout(const Shape& shape, const Strides& a, const Strides& b) {
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1 && a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace

DType promote_operands(Inputs operands) {
  bool have_dims = false;
  bool have_scalars = false;
  DType dims = DType::kBool;
  DType scalars = DType::kBool;
  for (const Tensor& t : operands) {
    if (!t.defined()) continue;
    DType& into = t.rank() > 0 ? dims : scalars;
    bool& have = t.rank() > 0 ? have_dims : have_scalars;
    into = have ? promote(into, t.dtype()) : t.dtype();
    have = true;
  }
  if (!have_dims) return scalars;
  if (!have_scalars || category(dims) >= category(scalars)) return dims;
  return promote(dims, scalars);
}

Strides elementwise_strides(const Shape& shape, Inputs operands) {
  const Strides* kept = nullptr;
  for (const Tensor& t : operands) {
    if (!t.defined() || !(t.shape() == shape)) continue;
    if (kept == nullptr) {
      kept = &t.strides();
    } else if (!same_layout(shape, *kept, t.strides())) {
      return contiguous_strides(shape);
    }
  }
  if (kept != nullptr && !is_contiguous(shape, *kept) && is_dense(shape, *kept)) return *kept;
  return contiguous_strides(shape);
}

void elementwise_output(Infer& c, Inputs operands, DType dtype) {
  const Tensor* first = nullptr;
  TensorSpec spec;
  spec.dtype = dtype;
  spec.device = operands[0].device();
  for (const Tensor& t : operands) {
    if (!t.defined()) continue;
    if (first == nullptr) {
      first = &t;
      spec.shape = t.shape();
    } else if (!(spec.shape == t.shape())) {
      try {
        spec.shape = broadcast_shapes(spec.shape, t.shape());
      } catch (const Error&) {
        c.fail_shape("expects shapes that broadcast, got {} and {}", shape_text(spec.shape),
                     shape_text(t.shape()));
      }
      numel(spec.shape);
    }
    if (t.device().kind != DeviceKind::kMeta) spec.device = t.device();
  }
  spec.strides = elementwise_strides(spec.shape, operands);
  c.output(std::move(spec));
}

Tensor operand_grad(const Tensor& g, const TensorSpec& operand) {
  return cast(sum_to(g, operand.shape), operand.dtype);
}

double moved_bytes(Inputs in, Inputs out) {
  double bytes = 0;
  for (const Tensor& t : in) bytes += t.defined() ? static_cast<double>(t.spec().bytes()) : 0;
  for (const Tensor& t : out) bytes += static_cast<double>(t.spec().bytes());
  return bytes;
}

}  // namespace dlb
