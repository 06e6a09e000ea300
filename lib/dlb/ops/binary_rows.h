#pragma once
/// \file What the files that define operators of two tensors share: rows of the one table behind
/// op::binary().

#include <array>

#include "dlb/ops/binary_defs.h"
#include "dlb/ops/elementwise.h"

namespace dlb::binary_rows {

using Table = std::array<OpDef, static_cast<size_t>(BinaryFn::kCount)>;

void define_basic(Table& table);    // binary.cpp
void define_special(Table& table);  // special_binary.cpp

inline Tensor run(BinaryFn fn, const Tensor& a, const Tensor& b) { return apply1(op::binary(fn), {a, b}); }

inline DType operands_dtype(const Infer& c) { return promote_operands(c.all()); }

/// Integers and bool give float32.
inline void infer_float_result(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  elementwise_output(c, c.all(), is_floating(dtype) ? dtype : DType::kFloat32);
}
inline void infer_floating(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  if (!is_floating(dtype)) c.fail_dtype("expects floating dtypes, got {}", dtype_name(dtype));
  elementwise_output(c, c.all(), dtype);
}

/// Gives operand i the gradient `g` of the broadcast result.
inline void give(Vjp& c, int i, const Tensor& g) { c.input_grad(i, operand_grad(g, c.input(i).spec())); }

using VjpFn = void (*)(Vjp&, const NoAttrs&);

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

}  // namespace dlb::binary_rows
