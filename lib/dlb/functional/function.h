#pragma once
/// \file The table of functions: every operator under the name and with the parameters that users of PyTorch
/// know.
///
/// A function is a thin entry over a C++ function of ops/; it says names, types and defaults of the
/// parameters, which dtypes its main input may have and whether it has a gradient. Calling by name, `dlbench
/// ops` and the reference sweep of the tests all walk this table. One name may have several signatures, tried
/// in order.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dlb/functional/value.h"
#include "dlb/ops/op.h"

namespace dlb::functional {

/// Which dtypes the main input may have.
enum class DTypes : uint8_t {
  kFloating,     ///< float32, float64, bfloat16, float16
  kFloat32_64,   ///< float32, float64
  kNumeric,      ///< floating and integers
  kAll,          ///< numeric and bool
  kAllBut16Bit,  ///< float32, float64, integers, bool
  kIntegral,     ///< int64, int32, uint8
  kIntegralAndBool,
  kBool,
  kNone,  ///< there is no main input
};
bool contains(DTypes set, DType t);

/// What a function promises beyond its signature.
struct Traits {
  DTypes dtypes = DTypes::kFloating;
  bool differentiable = true;
  bool data_dependent = false;  ///< shapes of results depend on values: no inference without data
};

struct Param {
  std::string name;
  std::string type;  ///< "tensor", "int", "list of int", "tensor or number", with "?" where none is allowed
  bool required = true;
  bool variadic = false;  ///< takes the remaining positional arguments: `*tensors`
  Value value;            ///< the default
};

struct Function {
  std::string_view name;
  std::string_view doc;
  std::vector<Param> params;
  std::string result;  ///< "tensor", "(tensor, tensor)", "list of tensor", "bool"
  Traits traits;
  /// Why the arguments (one for each parameter) do not fit, empty if they do; then they can be called.
  std::string (*mismatch)(const Function&, std::span<const Value>) = nullptr;
  Value (*invoke)(void (*)(), std::span<const Value>) = nullptr;
  void (*fn)() = nullptr;

  /// "gather(input: tensor, dim: int, index: tensor) -> tensor"
  std::string signature() const;
  OnnxMapping onnx() const;  ///< what says the same in ONNX; without a type if nothing does
};

/// All functions, by family; several in a row may share a name.
std::span<const Function> all_functions();
/// The signatures of that name; empty if there is none.
std::vector<const Function*> find_functions(std::string_view name);

using NamedValues = std::vector<std::pair<std::string, Value>>;
/// Calls the first signature of `name` that the arguments fit, and gives its result: a tensor, a list of
/// tensors, a bool or a number. Errors: config (no such function, or no signature fits: names the signatures
/// and the first misfit), device (out of memory), and those of the operator.
Value call(std::string_view name, std::span<const Value> args, const NamedValues& named = {});

/// The signature that the arguments fit, with one value for each parameter. Errors as call().
struct Binding {
  const Function* function;
  std::vector<Value> values;
  Value invoke() const;
};
Binding bind(std::string_view name, std::span<const Value> args, const NamedValues& named = {});

/// The functions of each family file; together they are all_functions().
std::vector<Function> pointwise_functions();
std::vector<Function> activation_functions();
std::vector<Function> special_functions();
std::vector<Function> reduction_functions();
std::vector<Function> sorting_functions();
std::vector<Function> statistics_functions();
std::vector<Function> shape_functions();
std::vector<Function> indexing_functions();
std::vector<Function> creation_functions();
std::vector<Function> linalg_functions();
std::vector<Function> product_functions();
std::vector<Function> fft_functions();
std::vector<Function> spatial_functions();
std::vector<Function> normalization_functions();
std::vector<Function> layer_functions();
std::vector<Function> loss_functions();
std::vector<Function> sequence_functions();
std::vector<Function> random_functions();

}  // namespace dlb::functional
