// Operators of ONNX of linear algebra that are no plain matrix product, and of bit patterns.
#include <bit>
#include <cstring>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/einsum.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

void einsum_node(Call& c) {
  const std::string equation = c.attribute("equation", "");
  if (!c.has_attribute("equation")) c.fail("attribute 'equation' is missing");
  const Element e = c.element(0);
  std::vector<Tensor> operands;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (c.element(i) != e) c.fail("inputs are {} and {}", element_name(e), element_name(c.element(i)));
    // Matrix products are of floats; float64 holds whole numbers up to 2^53.
    operands.push_back(is_float(e) ? c.tensor(i) : cast(c.tensor(i), DType::kFloat64));
  }
  const Tensor y = einsum(equation, operands);
  c.output(Value(is_float(e) ? fit(y, e) : convert(y, Element::kFloat64, e), e));
}

void det(Call& c) {
  const Tensor x = c.tensor(0);
  const bool small = x.dtype() != DType::kFloat64;
  c.same_type(cast(linalg::det(small ? cast(x, DType::kFloat32) : x), x.dtype()));
}

bool is_complex(Element e) { return e == Element::kComplex64 || e == Element::kComplex128; }

/// The bits of each element, in the low bits of the numbers.
std::vector<uint64_t> codes_of(const Value& v) {
  const Tensor x = contiguous(v.tensor);
  std::vector<uint64_t> codes;
  if (is_float8(v.element)) {
    for (const float f : x.to_vector<float>()) codes.push_back(encode_small_float(f, v.element));
    return codes;
  }
  if (!is_native(v.element) && v.element != Element::kComplex64) {
    const int width = bits(v.element);
    const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    for (const int64_t i : x.to_vector<int64_t>()) codes.push_back(static_cast<uint64_t>(i) & mask);
    return codes;
  }
  const size_t size = static_cast<size_t>(bits(v.element)) / 8;
  codes.assign(x.spec().bytes() / size, 0);
  for (size_t i = 0; i < codes.size(); ++i)
    std::memcpy(&codes[i], static_cast<const char*>(x.raw()) + i * size, size);
  return codes;
}

Value value_of(const std::vector<uint64_t>& codes, Shape shape, Element e) {
  if (e == Element::kComplex64) shape.push_back(2);
  Tensor x = Tensor::empty(shape, carrier(e));
  if (is_float8(e)) {
    for (size_t i = 0; i < codes.size(); ++i)
      x.data<float>()[i] = decode_small_float(static_cast<uint8_t>(codes[i]), e);
  } else if (e == Element::kBool) {
    for (size_t i = 0; i < codes.size(); ++i) x.data<bool>()[i] = codes[i] != 0;
  } else if (is_native(e) || e == Element::kComplex64) {
    const size_t size = static_cast<size_t>(bits(e)) / 8;
    for (size_t i = 0; i < codes.size(); ++i)
      std::memcpy(static_cast<char*>(x.raw()) + i * size, &codes[i], size);
  } else if (carrier(e) == DType::kInt32) {
    for (size_t i = 0; i < codes.size(); ++i) x.data<int32_t>()[i] = static_cast<int32_t>(codes[i]);
  } else {
    for (size_t i = 0; i < codes.size(); ++i) x.data<int64_t>()[i] = static_cast<int64_t>(codes[i]);
  }
  return Value(fit(x, e), e);  // the sign of narrow whole numbers
}

void bit_cast(Call& c) {
  const Value& v = c.value(0);
  const Element from = v.element, to = element_from_number(c.required("to"));
  if (!v.is_tensor() || to == Element::kString) c.fail("texts have no fixed number of bits");
  if (bits(from) != bits(to)) {
    c.fail("{} has {} bits, {} has {}", element_name(from), bits(from), element_name(to), bits(to));
  }
  if (from == to) return c.output(v);
  Shape shape = v.shape();
  if (is_complex(from)) shape.resize(shape.size() - 1);
  if (v.tensor.is_meta()) {
    if (is_complex(to)) shape.push_back(2);
    return c.output(Value(Tensor::empty(shape, carrier(to), kMeta), to));
  }
  c.output(value_of(codes_of(v), shape, to));
}

constexpr Operator kOperators[] = {
    {"Einsum", &einsum_node, 12, "", true, 1},
    {"Det", &det, 11, "", true, 1},
    {"BitCast", &bit_cast, 26, "", true, 1},
};

}  // namespace

std::span<const Operator> algebra_operators() { return kOperators; }

}  // namespace dlb::graph
