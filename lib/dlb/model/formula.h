#pragma once
/// \file Expressions on tensors, as in `while:`, `cond:` and `eval:`, ready to be evaluated.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/config/expression_tree.h"
#include "dlb/functional/function.h"
#include "dlb/nn/layer.h"

namespace dlb::model {

/// What the names in an expression stand for.
struct FormulaNames {
  /// The input that a value's name stands for; -1: no such value. Raises config errors of its own.
  std::function<int(const std::string& name)> value;
  /// The value of `$name` or `$(...)`, which stands in the expression's text.
  std::function<config::Node(const config::Expression& read)> read;
  std::vector<std::string> valid;  ///< names of values, for suggestions
};

struct FormulaPart;

/// A compiled expression. Operators are those of functional/ (/ divides, // floors, ** is pow, @ is matmul),
/// numbers among themselves are computed as while the config is read; functions are functional's by name,
/// and rows(x), size(x, dim), rank(x), numel(x), int(x), float(x), bool(x), cast(x, dtype) and detach(x).
/// Random functions without a seed draw from the pass's own stream.
class Formula {
 public:
  using Value = functional::Value;

  /// Raises a config error at its column: unknown name or function with the nearest one.
  Formula(const config::Node& text, const config::Expression& expression, const FormulaNames& names);
  ~Formula();
  Formula(Formula&&) noexcept;
  Formula& operator=(Formula&&) noexcept;

  /// The value over `inputs`. Errors of operators and functions get the column of where they stand.
  Value evaluate(nn::Context& context, Inputs inputs) const;
  /// As evaluate(): tensors of the result, a number as one without dimensions.
  Outputs tensors(nn::Context& context, Inputs inputs) const;
  /// As evaluate(), for a condition: whether it holds, or nothing where only shapes are known. Errors: shape,
  /// dtype (not one boolean).
  std::optional<bool> holds(nn::Context& context, Inputs inputs) const;

  const config::Node& text() const { return text_; }

 private:
  config::Node text_;
  std::unique_ptr<FormulaPart> root_;
};

}  // namespace dlb::model
