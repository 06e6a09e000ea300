#pragma once
/// \file Element types of the values that graphs compute with: those of ONNX.
///
/// A tensor has fewer dtypes than ONNX has element types. A value whose type is none of them is held in a
/// wider dtype, its carrier, together with its own type: results are rounded or wrapped back into the range
/// of the type (fit()).

#include <cstdint>
#include <string_view>

#include "dlb/tensor/tensor.h"

namespace dlb::graph {

/// Numbered as TensorProto.DataType. **Source**: onnx.proto, and the ONNX specification for types younger
/// than it.
enum class Element : uint8_t {
  kUndefined = 0,
  kFloat32 = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,   ///< carried as float32 with a last dimension (real, imaginary)
  kComplex128 = 15,  ///< likewise as float64
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUInt2 = 25,
  kInt2 = 26,
};
inline constexpr int kElementCount = 27;

/// "float32", "int8", "float8e4m3fn", ...; "undefined" for numbers that are no type.
std::string_view element_name(Element e);
/// The type of that name, kUndefined if there is none.
Element element_from_name(std::string_view name);
/// The type with the number of TensorProto.DataType. Errors: unsupported.
Element element_from_number(int64_t number);
/// The dtype that a tensor of that type has. Errors: unsupported for kString and kUndefined.
DType carrier(Element e);
/// The type of an ordinary tensor.
Element element_of(DType dtype);
/// Whether the carrier is the type itself.
bool is_native(Element e);
bool is_float(Element e);    ///< floating, the small ones included
bool is_integer(Element e);  ///< whole numbers, not bool
bool is_signed_integer(Element e);
bool is_float8(Element e);  ///< an 8-bit or 4-bit float
int bits(Element e);        ///< of one element in a file: 32, 8, 4, ...; 0 for text

/// x, of the carrier's dtype, with every element brought into the type: whole numbers wrap around modulo
/// 2^bits, small floats are rounded to the nearest (saturating if `saturate`, else to infinity or NaN as the
/// type has it). Native types are given back as they are.
Tensor fit(const Tensor& x, Element e, bool saturate = true);

/// The nearest value that a small float type has. `up`: kFloat8E8M0 rounds up, as by default; else to the
/// nearest, ties up.
float round_to(float x, Element e, bool saturate = true);
/// The value that a code of a small float type stands for, and the code of a value that the type has.
float decode_small_float(uint8_t code, Element e);
uint8_t encode_small_float(float x, Element e);

/// x of one type as another, by ONNX's Cast: floats to whole numbers truncate, whole numbers wrap, anything
/// to bool is x != 0. Both are not text. Errors: unsupported for complex numbers.
Tensor convert(const Tensor& x, Element from, Element to, bool saturate = true);

}  // namespace dlb::graph
