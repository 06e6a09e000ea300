#pragma once
/// \file What the files that define operators of one tensor share: rows of the one table behind op::unary().

#include <array>
#include <initializer_list>

#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/unary_defs.h"

namespace dlb::unary_rows {

using Table = std::array<OpDef, static_cast<size_t>(UnaryFn::kCount)>;

void define_basic(Table& table);        // unary.cpp
void define_math(Table& table);         // unary_math.cpp
void define_special(Table& table);      // special.cpp
void define_activations(Table& table);  // activation.cpp

inline Tensor run(UnaryFn fn, const Tensor& x) { return apply1(op::unary(fn), {x}); }

/// x * factor that keeps the sign of zeros: adding -0 changes nothing.
inline Tensor scaled(const Tensor& x, double factor) { return affine(x, factor, -0.0); }
inline Tensor zero_of(const Tensor& like) { return full({}, 0, like.dtype(), like.device()); }

/// The output: the input's shape and layout in that dtype.
inline void keep(Infer& c, DType dtype) {
  TensorSpec spec = c.input(0);
  spec.dtype = dtype;
  if (!is_dense(spec.shape, spec.strides)) spec.strides = contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

template <class A>
void infer_floating(Infer& c, const A&) {
  c.floating(0);
  keep(c, c.input(0).dtype);
}
/// Integers and bool give float32.
template <class A>
void infer_real(Infer& c, const A&) {
  keep(c, is_floating(c.input(0).dtype) ? c.input(0).dtype : DType::kFloat32);
}
template <class A>
void infer_numeric(Infer& c, const A&) {
  if (c.input(0).dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
  keep(c, c.input(0).dtype);
}
template <class A>
void infer_any(Infer& c, const A&) {
  keep(c, c.input(0).dtype);
}

template <class A>
void zero_gradient(Vjp& c, const A&) {
  c.input_grad(0, zeros_like(c.grad(0)));
}

using VjpFn = void (*)(Vjp&, const NoAttrs&);

/// A function without attributes.
template <int kFlops = 1>
OpDef row(std::string_view name, std::string_view doc, void (*infer)(Infer&, const NoAttrs&), VjpFn vjp,
          Saves saves, OnnxMapping onnx = {}) {
  return define<NoAttrs>({.name = name,
                          .doc = doc,
                          .infer = infer,
                          .vjp = vjp,
                          .saves = saves,
                          .cost = per_element<kFlops>,
                          .elementwise = true,
                          .onnx = onnx});
}
/// As row(), floating dtypes only.
inline OpDef floating(std::string_view name, std::string_view doc, VjpFn vjp, Saves saves,
                      OnnxMapping onnx = {}) {
  return row<4>(name, doc, infer_floating<NoAttrs>, vjp, saves, onnx);
}
/// As row(), integers and bool as float32.
inline OpDef real(std::string_view name, std::string_view doc, VjpFn vjp, Saves saves,
                  OnnxMapping onnx = {}) {
  return row<4>(name, doc, infer_real<NoAttrs>, vjp, saves, onnx);
}

}  // namespace dlb::unary_rows
