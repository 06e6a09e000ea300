#include "dlb/functional/value.h"

#include <fmt/format.h>

#include <cmath>

#include "dlb/ops/recording.h"

namespace dlb::functional {

std::string type_text(const Value& value) {
  struct Name {
    std::string operator()(const None&) const { return "none"; }
    std::string operator()(bool) const { return "bool"; }
    std::string operator()(int64_t) const { return "int"; }
    std::string operator()(double) const { return "float"; }
    std::string operator()(const std::string&) const { return "text"; }
    std::string operator()(DType) const { return "dtype"; }
    std::string operator()(const Tensor&) const { return "tensor"; }
    std::string operator()(const List& list) const {
      return list.empty() ? "empty list" : "list of " + type_text(list.front());
    }
  };
  return std::visit(Name{}, static_cast<const Value::variant&>(value));
}

std::string text(const Value& value) {
  struct Text {
    std::string operator()(const None&) const { return "none"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return std::to_string(i); }
    std::string operator()(double d) const {
      std::string out = fmt::format("{}", d);
      if (std::isfinite(d) && out.find_first_of(".e") == std::string::npos) out += ".0";
      return out;
    }
    std::string operator()(const std::string& s) const { return fmt::format("'{}'", s); }
    std::string operator()(DType t) const { return std::string(dtype_name(t)); }
    std::string operator()(const Tensor& t) const { return t.defined() ? spec_text(t.spec()) : "none"; }
    std::string operator()(const List& list) const {
      std::string out = "[";
      for (const Value& item : list) {
        if (out.size() > 1) out += ", ";
        out += text(item);
      }
      return out + ']';
    }
  };
  return std::visit(Text{}, static_cast<const Value::variant&>(value));
}

DType Scalar::promote(DType tensor) const {
  if (kind == Kind::kFloat) return is_floating(tensor) ? tensor : DType::kFloat32;
  if (kind == Kind::kInt) return tensor == DType::kBool ? DType::kInt64 : tensor;
  return tensor;
}

DType Scalar::dtype() const {
  return kind == Kind::kBool ? DType::kBool : kind == Kind::kInt ? DType::kInt64 : DType::kFloat32;
}

Tensor Scalar::tensor(DType dtype, Device device) const {
  if (device.kind == DeviceKind::kMeta && !recording()) return Tensor::empty({}, dtype, device);
  if (kind == Kind::kInt && dtype == DType::kInt64) return Tensor::from<int64_t>({integer}, {});
  return Tensor::scalar(value, dtype);
}

Tensor Operand::with(const Tensor& other) const {
  if (tensor.defined()) return tensor;
  // Beside a tensor with dimensions a 0-d one promotes as a number does, and keeps the number's own precision
  // and sign, which the tensor's dtype may not have.
  if (other.rank() == 0) return scalar.tensor(scalar.promote(other.dtype()), other.device());
  const bool both_floating = scalar.kind == Scalar::Kind::kFloat && is_floating(other.dtype());
  return scalar.tensor(both_floating ? DType::kFloat64 : scalar.dtype(), other.device());
}

}  // namespace dlb::functional
