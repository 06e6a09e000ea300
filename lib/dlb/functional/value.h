#pragma once
/// \file Values that functions take and give when called by name: what a config expression, a command line or
/// a reference file can hold.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "dlb/tensor/tensor.h"

namespace dlb::functional {

struct Value;
using List = std::vector<Value>;
using None = std::monostate;

/// none, a bool, a whole number, a number, a text, a dtype, a tensor or a list of values.
struct Value : std::variant<None, bool, int64_t, double, std::string, DType, Tensor, List> {
  using variant::variant;

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(*this);
  }
  template <class T>
  const T& as() const {
    return std::get<T>(*this);
  }
  bool is_none() const { return is<None>(); }
};

/// "none", "tensor", "int", "list of int", ...: for messages.
std::string type_text(const Value& value);
/// As one writes it in a signature: "none", "-1", "'mean'", "[1, 2]".
std::string text(const Value& value);

/// A number with its kind, which decides how it promotes: a bool or whole number never makes a tensor of
/// integers floating, no number makes a float32 tensor float64.
struct Scalar {
  enum class Kind : uint8_t { kBool, kInt, kFloat };
  Kind kind = Kind::kFloat;
  double value = 0;
  int64_t integer = 0;  ///< exact, for kBool and kInt

  Scalar() = default;
  explicit Scalar(bool b) : kind(Kind::kBool), value(b ? 1 : 0), integer(b ? 1 : 0) {}
  explicit Scalar(int64_t i) : kind(Kind::kInt), value(static_cast<double>(i)), integer(i) {}
  explicit Scalar(double d) : value(d) {}

  /// The dtype of a result of a tensor of type `tensor` and this number.
  DType promote(DType tensor) const;
  /// bool, int64 or float32: the dtype of a tensor made of nothing but this number.
  DType dtype() const;
  /// A 0-d tensor.
  Tensor tensor(DType dtype, Device device = kCpu) const;
};

/// A tensor or a number where both are allowed.
struct Operand {
  Tensor tensor;  ///< undefined: a number
  Scalar scalar;

  bool is_scalar() const { return !tensor.defined(); }
  /// The tensor, or the number as a 0-d tensor that promotes with `other` as a number does.
  Tensor with(const Tensor& other) const;
};

}  // namespace dlb::functional
