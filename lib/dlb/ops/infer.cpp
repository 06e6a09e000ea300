#include "dlb/ops/op.h"

namespace dlb {

void Infer::output(TensorSpec spec) { outputs_.push_back({std::move(spec), -1}); }

void Infer::output(Shape shape, DType dtype) { output(make_spec(std::move(shape), dtype, input(0).device)); }

void Infer::view(Shape shape, Strides strides, int64_t offset) {
  TensorSpec spec;
  spec.dtype = input(0).dtype;
  spec.device = input(0).device;
  spec.shape = std::move(shape);
  spec.strides = std::move(strides);
  outputs_.push_back({std::move(spec), offset});
}

std::string Infer::prefix() const { return std::string(op_.name) + " "; }

void Infer::floating(int i) const {
  if (!is_floating(input(i).dtype)) fail_dtype("expects a floating dtype, got {}", spec_text(input(i)));
}

void Infer::same_dtype(int i, int j) const {
  if (input(i).dtype != input(j).dtype) {
    fail_dtype("expects inputs of one dtype, got {} and {}", dtype_name(input(i).dtype),
               dtype_name(input(j).dtype));
  }
}

void Infer::rank(int i, int expected) const {
  if (input(i).rank() != expected) {
    fail_shape("expects an input of rank {}, got {}", expected, shape_text(input(i).shape));
  }
}

int Infer::dim(int i, int64_t d) const {
  const int rank = input(i).rank();
  const int64_t limit = rank == 0 ? 1 : rank;
  if (d < -limit || d >= limit) {
    fail_shape("has dim {} out of range for input {}: expected {} to {}", d, shape_text(input(i).shape),
               -limit, limit - 1);
  }
  return static_cast<int>(d < 0 ? d + limit : d);
}

InlineVector<Infer::Output, 2> infer(const OpDef& op, Inputs inputs, const void* attrs) {
  Infer context(op, inputs);
  op.attrs->call_infer(op.infer, context, attrs);
  return std::move(context.outputs());
}

}  // namespace dlb
