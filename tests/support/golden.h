#pragma once
/// \file Reads the reference values of tests/golden and turns them into tensors and described objects.

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dlb/config/document.h"
#include "dlb/config/reader.h"
#include "dlb/tensor/tensor.h"

namespace dlb::golden {

using Json = nlohmann::json;

/// A file of tests/golden.
inline Json load(const std::string& name) {
  std::ifstream file(std::string(DLB_SOURCE_DIR) + "/tests/golden/" + name);
  return Json::parse(file);
}

/// A packed tensor; integers become int64, real numbers `dtype`.
inline Tensor tensor(const Json& packed, DType dtype) {
  Shape shape;
  for (const int64_t size : packed["shape"].get<std::vector<int64_t>>()) shape.push_back(size);
  const Json& data = packed["data"];
  if (!data.empty() && data[0].is_number_integer())
    return Tensor::from(data.get<std::vector<int64_t>>(), shape);
  const auto values = data.get<std::vector<double>>();
  if (dtype == DType::kFloat64) return Tensor::from(values, shape);
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

/// The object that `{name: {fields}}` chooses among `types`, read as a config is.
template <class Base>
std::unique_ptr<Base> make(const Json& chosen, std::span<const TypeInfo<Base>> types) {
  const auto document = config::Document::parse(Json{{"it", chosen}}.dump(), "golden");
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  auto object = reader.make(*document.root().find("it"), types, "type");
  errors.throw_if_any();
  return object;
}

/// "" when all of `actual` is within rtol |expected| + atol of `expected`, else the first element that is
/// not.
inline std::string difference(const Tensor& actual, const std::vector<double>& expected, double rtol,
                              double atol) {
  const auto values = actual.to_vector<double>();
  if (values.size() != expected.size())
    return fmt::format("{} elements, expected {}", values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(std::abs(values[i] - expected[i]) <= rtol * std::abs(expected[i]) + atol)) {
      return fmt::format("element {}: {:.17g}, expected {:.17g}", i, values[i], expected[i]);
    }
  }
  return "";
}
inline std::string difference(const Tensor& actual, const Json& packed, double rtol, double atol) {
  Shape shape;
  for (const int64_t size : packed["shape"].get<std::vector<int64_t>>()) shape.push_back(size);
  if (!(actual.shape() == shape))
    return fmt::format("shape {}, expected {}", shape_text(actual.shape()), shape_text(shape));
  return difference(actual, packed["data"].get<std::vector<double>>(), rtol, atol);
}

}  // namespace dlb::golden
