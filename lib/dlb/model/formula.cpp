#include "dlb/model/formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "dlb/config/arithmetic.h"
#include "dlb/model/formula_index.h"
#include "dlb/model/formula_part.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/unary.h"

namespace dlb::model {

using config::Expression;
using config::Node;
using functional::List;
using functional::None;
using functional::Value;
using Part = FormulaPart;

bool is_number(const Value& v) { return v.is<bool>() || v.is<int64_t>() || v.is<double>(); }

Value value_of(const Node& node) {
  switch (node.kind()) {
    case config::Kind::kBool:
      return node.as_bool();
    case config::Kind::kInt:
      return node.as_int();
    case config::Kind::kFloat:
      return node.as_real();
    case config::Kind::kString:
      return node.as_string();
    case config::Kind::kList: {
      List list;
      for (const Node& item : node.items()) list.push_back(value_of(item));
      return list;
    }
    case config::Kind::kNull:
      return None();
    case config::Kind::kMap:
      break;
  }
  throw node.error("a map is no value of an expression");
}

Node number_node(const Value& v) {
  if (v.is<bool>()) return Node::boolean(v.as<bool>());
  if (v.is<int64_t>()) return Node::integer(v.as<int64_t>());
  return Node::real(v.as<double>());
}

namespace {

/// A number where both are; the fault's place is the operator's.
template <class F>
Value number(const F& compute) {
  try {
    return value_of(compute());
  } catch (const config::ExpressionFault& fault) {
    throw Error(ErrorKind::kConfig, fault.message, "", fault.hint);
  }
}

struct Operator {
  std::string_view symbol;
  std::string_view function;
  Tensor (*of_tensors)(const Tensor&, const Tensor&);
  Tensor (*with_number)(const Tensor&, double);  ///< of a floating tensor and a number on the right
};

const Operator kOperators[] = {
    {"+", "add", &add, &add},
    {"-", "sub", &sub, +[](const Tensor& a, double b) { return add(a, -b); }},
    {"*", "mul", &mul, &mul},
    {"/", "div", &div, nullptr},
    {"//", "floor_divide", &floor_divide, nullptr},
    {"%", "remainder", &remainder, nullptr},
    {"**", "pow", &pow, nullptr},
    {"@", "matmul", &matmul, nullptr},
    {"==", "eq", &eq, &eq},
    {"!=", "ne", &ne, &ne},
    {"<", "lt", &lt, &lt},
    {"<=", "le", &le, &le},
    {">", "gt", &gt, &gt},
    {">=", "ge", &ge, &ge},
    {"and", "logical_and", &logical_and, nullptr},
    {"or", "logical_or", &logical_or, nullptr},
};

/// What a > b says of b and a: comparisons with the number on the left.
std::string_view mirrored(std::string_view symbol) {
  if (symbol == "<") return ">";
  if (symbol == "<=") return ">=";
  if (symbol == ">") return "<";
  if (symbol == ">=") return "<=";
  return symbol == "==" || symbol == "!=" ? symbol : "";
}

const Operator& find_operator(std::string_view symbol) {
  for (const Operator& o : kOperators) {
    if (o.symbol == symbol) return o;
  }
  fail(ErrorKind::kInternal, "no operator {}", symbol);
}

void need_bool(std::string_view word, const Value& v) {
  if (v.is<bool>() || (v.is<Tensor>() && v.as<Tensor>().dtype() == DType::kBool)) return;
  fail(ErrorKind::kDtype, "'{}' needs true or false, got {}", word,
       v.is<Tensor>() ? functional::text(v) : functional::type_text(v));
}

/// The state of one evaluation.
struct Run {
  const Node& text;
  nn::Context& context;
  Inputs inputs;

  Value value(Part& part) {
    try {
      switch (part.kind) {
        case Part::Kind::kConstant:
          return part.constant;
        case Part::Kind::kInput:
          return inputs[static_cast<size_t>(part.input)];
        case Part::Kind::kNegate:
          return negate(value(part.parts[0]));
        case Part::Kind::kNot:
          return opposite(value(part.parts[0]));
        case Part::Kind::kBinary:
          return binary(part);
        case Part::Kind::kCall:
          return call(part);
        case Part::Kind::kList: {
          List list;
          for (Part& item : part.parts) list.push_back(value(item));
          return list;
        }
        case Part::Kind::kIndex:
          return index(part);
        case Part::Kind::kSlice:
        case Part::Kind::kEllipsis:
        case Part::Kind::kNothing:
          break;
      }
    } catch (Error& e) {
      if (e.where.empty()) {
        const Error placed = config::expression_error(text, part.place, "");
        e.where = placed.where;
        for (const std::string& frame : placed.context) e.in(frame);
      }
      throw;
    }
    fail(ErrorKind::kInternal, "a part of an expression without a value");
  }

  Value negate(const Value& v) {
    if (v.is<Tensor>()) return neg(v.as<Tensor>());
    if (is_number(v)) return number([&] { return config::apply_negate(number_node(v)); });
    fail(ErrorKind::kConfig, "'-' needs a tensor or a number, got {}", functional::type_text(v));
  }
  Value opposite(const Value& v) {
    need_bool("not", v);
    if (v.is<bool>()) return !v.as<bool>();
    return logical_not(v.as<Tensor>());
  }

  Value binary(Part& part) {
    Value a = value(part.parts[0]);
    const std::string& symbol = part.text;
    if (symbol == "and" || symbol == "or") {
      need_bool(symbol, a);
      // A bool of the config or of shapes decides; a tensor's may not be known yet.
      if (a.is<bool>() && a.as<bool>() == (symbol == "or")) return a;
      Value b = value(part.parts[1]);
      need_bool(symbol, b);
      if (a.is<bool>()) return b;
      if (b.is<bool>()) return b.as<bool>() == (symbol == "or") ? b : a;
      return find_operator(symbol).of_tensors(a.as<Tensor>(), b.as<Tensor>());
    }
    const Value b = value(part.parts[1]);
    if (a.is<Tensor>() && b.is<Tensor>()) {
      return find_operator(symbol).of_tensors(a.as<Tensor>(), b.as<Tensor>());
    }
    if (is_number(a) && is_number(b) && symbol != "@")
      return number([&] { return config::apply_binary(symbol, number_node(a), number_node(b)); });
    const bool fits = (a.is<Tensor>() || is_number(a)) && (b.is<Tensor>() || is_number(b)) && symbol != "@";
    if (!fits) {
      // Texts and dtypes can only be compared with their like.
      fail(ErrorKind::kConfig, "'{}' cannot take {} and {}", symbol, functional::type_text(a),
           functional::type_text(b));
    }
    return mixed(symbol, a, b);
  }

  /// A tensor and a number. Beside a floating tensor a number is just that; the other cases promote.
  Value mixed(const std::string& symbol, const Value& a, const Value& b) {
    if (!a.is<Tensor>()) {
      if (const std::string_view other = mirrored(symbol); !other.empty())
        return mixed(std::string(other), b, a);
      if (symbol == "+" || symbol == "*") return mixed(symbol, b, a);
    }
    const Operator& o = find_operator(symbol);
    if (a.is<Tensor>() && o.with_number != nullptr && is_floating(a.as<Tensor>().dtype()))
      return o.with_number(a.as<Tensor>(), b.is<double>() ? b.as<double>()
                                           : b.is<bool>() ? (b.as<bool>() ? 1.0 : 0.0)
                                                          : static_cast<double>(b.as<int64_t>()));
    const Value operands[] = {a, b};
    return functional::call(o.function, operands);
  }

  Value index(Part& part) {
    const Value base = value(part.parts[0]);
    std::vector<Subscript> subscripts;
    for (size_t i = 1; i < part.parts.size(); ++i) {
      Part& s = part.parts[i];
      Subscript subscript;
      if (s.kind == Part::Kind::kEllipsis) {
        subscript.kind = Subscript::Kind::kEllipsis;
      } else if (s.kind == Part::Kind::kSlice) {
        subscript.kind = Subscript::Kind::kSlice;
        subscript.start = bound(s.parts[0]);
        subscript.end = bound(s.parts[1]);
        subscript.step = bound(s.parts[2]);
      } else {
        subscript.value = value(s);
      }
      subscripts.push_back(std::move(subscript));
    }
    return subscripted(base, subscripts, context.shapes_only);
  }
  std::optional<int64_t> bound(Part& part) {
    if (part.kind == Part::Kind::kNothing) return std::nullopt;
    const Value v = value(part);
    if (v.is_none()) return std::nullopt;
    if (v.is<int64_t>()) return v.as<int64_t>();
    fail(ErrorKind::kConfig, "a slice goes from one whole number to another, got {}",
         functional::type_text(v));
  }

  Value call(Part& part) {
    std::vector<Value> arguments;
    arguments.reserve(part.parts.size());
    for (Part& argument : part.parts) arguments.push_back(value(argument));
    return call_function(part, arguments, context);
  }
};

void compile_name(const Node& text, const Expression& e, const FormulaNames& names, Part& out) {
  if (const int input = names.value(e.text); input >= 0) {
    out.kind = Part::Kind::kInput;
    out.input = input;
    return;
  }
  std::vector<std::string> valid = names.valid;
  for (const DType t : {DType::kFloat32, DType::kFloat64, DType::kBFloat16, DType::kFloat16, DType::kInt64,
                        DType::kInt32, DType::kUInt8, DType::kBool}) {
    valid.emplace_back(dtype_name(t));
    if (e.text != dtype_name(t)) continue;
    out.kind = Part::Kind::kConstant;
    out.constant = t;
    return;
  }
  const std::string near = nearest_name(e.text, valid);
  std::string known;
  for (const std::string& name : names.valid) known += (known.empty() ? "values here: " : ", ") + name;
  throw config::expression_error(text, e.place, fmt::format("unknown value '{}'", e.text),
                                 near.empty() ? known : "",
                                 near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

void compile(const Node& text, const Expression& e, const FormulaNames& names, Part& out) {
  out.place = e.place;
  out.text = e.text;
  const auto parts = [&] {
    for (const Expression& part : e.args) compile(text, part, names, out.parts.emplace_back());
  };
  switch (e.kind) {
    case Expression::Kind::kValue:
      out.kind = Part::Kind::kConstant;
      out.constant = value_of(e.value);
      return;
    case Expression::Kind::kRead:
      out.kind = Part::Kind::kConstant;
      out.constant = value_of(names.read(e.args[0]));
      return;
    case Expression::Kind::kName:
      compile_name(text, e, names, out);
      return;
    case Expression::Kind::kUnary:
      parts();
      out.kind = e.text == "not" ? Part::Kind::kNot : Part::Kind::kNegate;
      if (e.text == "+") out = Part(std::move(out.parts[0]));
      return;
    case Expression::Kind::kBinary:
      out.kind = Part::Kind::kBinary;
      break;
    case Expression::Kind::kCall:
      out.kind = Part::Kind::kCall;
      out.keys = e.keys;
      check_function(text, e);
      break;
    case Expression::Kind::kList:
      out.kind = Part::Kind::kList;
      break;
    case Expression::Kind::kIndex:
      out.kind = Part::Kind::kIndex;
      break;
    case Expression::Kind::kSlice:
      out.kind = Part::Kind::kSlice;
      break;
    case Expression::Kind::kEllipsis:
      out.kind = Part::Kind::kEllipsis;
      break;
    case Expression::Kind::kNothing:
      out.kind = Part::Kind::kNothing;
      break;
  }
  parts();
}

}  // namespace

Formula::Formula(const Node& text, const Expression& expression, const FormulaNames& names)
    : text_(text), root_(std::make_unique<FormulaPart>()) {
  compile(text, expression, names, *root_);
}
Formula::~Formula() = default;
Formula::Formula(Formula&&) noexcept = default;
Formula& Formula::operator=(Formula&&) noexcept = default;

Value Formula::evaluate(nn::Context& context, Inputs inputs) const {
  return Run{text_, context, inputs}.value(*root_);
}

Outputs Formula::tensors(nn::Context& context, Inputs inputs) const {
  const Value result = evaluate(context, inputs);
  Outputs out;
  const auto add_one = [&](const Value& v) {
    if (v.is<Tensor>()) {
      out.push_back(v.as<Tensor>());
    } else if (is_number(v)) {
      const functional::Scalar scalar = v.is<bool>()      ? functional::Scalar(v.as<bool>())
                                        : v.is<int64_t>() ? functional::Scalar(v.as<int64_t>())
                                                          : functional::Scalar(v.as<double>());
      out.push_back(scalar.tensor(scalar.dtype(), context.shapes_only ? kMeta : kCpu));
    } else {
      throw text_.error(fmt::format("the expression must give a tensor, got {}", functional::type_text(v)));
    }
  };
  if (!result.is<List>()) {
    add_one(result);
    return out;
  }
  for (const Value& item : result.as<List>()) add_one(item);
  if (out.empty()) throw text_.error("the expression must give a tensor, got an empty list");
  return out;
}

std::optional<bool> Formula::holds(nn::Context& context, Inputs inputs) const {
  const NoGrad no_grad;
  const Value v = evaluate(context, inputs);
  if (v.is<bool>()) return v.as<bool>();
  std::string found = functional::type_text(v);
  if (v.is<Tensor>()) {
    const Tensor& t = v.as<Tensor>();
    if (t.dtype() == DType::kBool && t.numel() == 1) {
      if (t.is_meta()) return std::nullopt;
      return t.item() != 0;
    }
    found = spec_text(t.spec());
  }
  Error e = text_.error(fmt::format("a condition must be one boolean, '{}' is {}", text_.brief(), found));
  if (v.is<Tensor>() && v.as<Tensor>().dtype() == DType::kBool) e.hint = "say any(...) or all(...)";
  throw e;
}

}  // namespace dlb::model
