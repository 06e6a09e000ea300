#pragma once
/// \file The parts that a formula is made of.

#include <optional>
#include <vector>

#include "dlb/model/formula.h"

namespace dlb::model {

/// How the arguments of a call become the function's parameters; found at the first call and kept.
struct FormulaCall {
  const functional::Function* function = nullptr;
  static constexpr int kDefault = -1;
  static constexpr int kSeed = -2;
  static constexpr int kTraining = -3;
  std::vector<int> sources;   ///< of each parameter: an argument, or one of the above
  int variadic = -1;          ///< the parameter that takes all positional arguments from its source on
  size_t positional = 0;      ///< number of arguments without a name
  std::vector<size_t> kinds;  ///< of the arguments: another kind may mean another signature
};

struct FormulaPart {
  enum class Kind {
    kConstant,
    kInput,
    kNegate,
    kNot,
    kBinary,
    kCall,
    kList,
    kIndex,
    kSlice,
    kEllipsis,
    kNothing
  };
  Kind kind = Kind::kNothing;
  std::string text;  ///< the operator's symbol, the function's name
  functional::Value constant;
  int input = -1;
  std::vector<FormulaPart> parts;
  std::vector<std::string> keys;
  size_t place = 0;
  FormulaCall call;
};

/// Raises a config error where the function of a call is not known.
void check_function(const config::Node& text, const config::Expression& call);
/// The result of a call; positional arguments first, then those of part.keys.
functional::Value call_function(FormulaPart& part, const std::vector<functional::Value>& arguments,
                                nn::Context& context);
/// min, max, sqrt, ... of numbers alone, as while the config is read; nothing where an argument is none.
std::optional<functional::Value> number_function(const std::string& name,
                                                 const std::vector<functional::Value>& arguments);
functional::Value value_of(const config::Node& node);
bool is_number(const functional::Value& v);
config::Node number_node(const functional::Value& v);

}  // namespace dlb::model
