// Elementwise operators and reductions in ONNX.
#include <cmath>
#include <limits>
#include <map>

#include "dlb/deploy/emit.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/reduce_defs.h"
#include "dlb/ops/scan_defs.h"
#include "dlb/ops/sort_defs.h"
#include "dlb/ops/unary_defs.h"

namespace dlb::deploy {

namespace {

/// One node of ONNX that does the same, of the input in the output's dtype.
void direct(Emit& e) {
  e.output(e.add(std::string(e.node().op->onnx.type), {e.in_as(0, e.out_spec().dtype)}));
}

/// As direct(), for what gives a boolean.
void predicate(Emit& e) { e.output(e.add(std::string(e.node().op->onnx.type), {e.in(0)})); }

std::string x_of(Emit& e) { return e.in_as(0, e.out_spec().dtype); }
DType type_of(const Emit& e) { return e.out_spec().dtype; }

void square(Emit& e) {
  const std::string x = x_of(e);
  e.output(e.add("Mul", {x, x}));
}
void rsqrt(Emit& e) { e.output(e.add("Reciprocal", {e.add("Sqrt", {x_of(e)})})); }
void trunc(Emit& e) {
  const std::string x = x_of(e);
  e.output(e.add("Mul", {e.add("Sign", {x}), e.add("Floor", {e.add("Abs", {x})})}));
}
void exp2(Emit& e) { e.output(e.add("Pow", {e.number(2, type_of(e)), x_of(e)})); }
void expm1(Emit& e) { e.output(e.add("Sub", {e.add("Exp", {x_of(e)}), e.number(1, type_of(e))})); }
void log1p(Emit& e) { e.output(e.add("Log", {e.add("Add", {x_of(e), e.number(1, type_of(e))})})); }
template <int kBase>
void log_base(Emit& e) {
  e.output(e.add("Div", {e.add("Log", {x_of(e)}), e.number(std::log(kBase), type_of(e))}));
}
void erfc(Emit& e) { e.output(e.add("Sub", {e.number(1, type_of(e)), e.add("Erf", {x_of(e)})})); }

std::string clip(Emit& e, const std::string& x, double low, double high, DType type) {
  const auto limit = [&](double v) { return std::isinf(v) ? std::string() : e.number(v, type); };
  return e.add("Clip", {x, limit(low), limit(high)});
}
void clamp(Emit& e) {
  const auto& a = e.attrs<ClampAttrs>();
  e.output(clip(e, x_of(e), a.min, a.max, type_of(e)));
}
void hardtanh(Emit& e) {
  const auto& a = e.attrs<HardtanhAttrs>();
  e.output(clip(e, x_of(e), a.min, a.max, type_of(e)));
}
void pow_scalar(Emit& e) {
  e.output(e.add("Pow", {x_of(e), e.number(e.attrs<PowScalarAttrs>().exponent, type_of(e))}));
}
void affine(Emit& e) {
  const auto& a = e.attrs<AffineAttrs>();
  std::string y = x_of(e);
  if (a.a != 1) y = e.add("Mul", {y, e.number(a.a, type_of(e))});
  if (a.b != 0) y = e.add("Add", {y, e.number(a.b, type_of(e))});
  e.output(y);
}
void isfinite(Emit& e) {
  e.output(e.add("Not", {e.add("Or", {e.add("IsInf", {e.in(0)}), e.add("IsNaN", {e.in(0)})})}));
}
void isposinf(Emit& e) { e.output(e.add("IsInf", {e.in(0)}, {attribute("detect_negative", int64_t{0})})); }
void isneginf(Emit& e) { e.output(e.add("IsInf", {e.in(0)}, {attribute("detect_positive", int64_t{0})})); }
void logical_not(Emit& e) { e.output(e.add("Not", {e.in_as(0, DType::kBool)})); }
void silu(Emit& e) {
  const std::string x = x_of(e);
  e.output(e.add("Mul", {x, e.add("Sigmoid", {x})}));
}
void gelu(Emit& e) {
  const std::string x = x_of(e);
  const DType t = type_of(e);
  const std::string half = e.add("Mul", {x, e.number(0.5, t)});
  std::string inner;
  if (e.attrs<GeluAttrs>().approximate == "tanh") {
    const std::string cube = e.add("Mul", {e.add("Mul", {x, x}), x});
    const std::string sum = e.add("Add", {x, e.add("Mul", {cube, e.number(0.044715, t)})});
    inner = e.add("Tanh", {e.add("Mul", {sum, e.number(std::sqrt(2 / M_PI), t)})});
  } else {
    inner = e.add("Erf", {e.add("Div", {x, e.number(std::sqrt(2.0), t)})});
  }
  e.output(e.add("Mul", {half, e.add("Add", {inner, e.number(1, t)})}));
}
std::string softplus_of(Emit& e, const std::string& x) { return e.add("Softplus", {x}); }
void softplus(Emit& e) {
  const auto& a = e.attrs<SoftplusAttrs>();
  if (a.beta == 1) return e.output(softplus_of(e, x_of(e)));
  const std::string beta = e.number(a.beta, type_of(e));
  e.output(e.add("Div", {softplus_of(e, e.add("Mul", {x_of(e), beta})), beta}));
}
void logsigmoid(Emit& e) { e.output(e.add("Neg", {softplus_of(e, e.add("Neg", {x_of(e)}))})); }
void mish(Emit& e) {
  const std::string x = x_of(e);
  e.output(e.add("Mul", {x, e.add("Tanh", {softplus_of(e, x)})}));
}
void leaky_relu(Emit& e) {
  e.output(e.add("LeakyRelu", {x_of(e)}, {attribute("alpha", e.attrs<LeakyReluAttrs>().negative_slope)}));
}
void elu(Emit& e) { e.output(e.add("Elu", {x_of(e)}, {attribute("alpha", e.attrs<EluAttrs>().alpha)})); }
void threshold(Emit& e) {
  const auto& a = e.attrs<ThresholdAttrs>();
  const std::string x = x_of(e);
  const std::string above = e.add("Greater", {x, e.number(a.threshold, type_of(e))});
  e.output(e.add("Where", {above, x, e.number(a.value, type_of(e))}));
}
void hardsigmoid(Emit& e) {
  e.output(e.add("HardSigmoid", {x_of(e)}, {attribute("alpha", 1.0 / 6), attribute("beta", 0.5)}));
}
void softshrink(Emit& e) {
  const double lambda = e.attrs<ShrinkAttrs>().lambd;
  e.output(e.add("Shrink", {x_of(e)}, {attribute("lambd", lambda), attribute("bias", lambda)}));
}
void hardshrink(Emit& e) {
  e.output(
      e.add("Shrink", {x_of(e)}, {attribute("lambd", e.attrs<ShrinkAttrs>().lambd), attribute("bias", 0.0)}));
}
void cast(Emit& e) { e.output(e.in_as(0, type_of(e))); }

// Two operands.
void same_type_binary(Emit& e) {
  const DType t = type_of(e);
  if (t == DType::kBool) e.unsupported("{} of booleans", e.node().op->name);
  e.output(e.add(std::string(e.node().op->onnx.type), {e.in_as(0, t), e.in_as(1, t)}));
}

/// The dtype in which two operands are compared.
DType common(const Emit& e) {
  const Tensor operands[2] = {Tensor::empty(make_spec(e.spec(0).shape, e.spec(0).dtype, kMeta)),
                              Tensor::empty(make_spec(e.spec(1).shape, e.spec(1).dtype, kMeta))};
  const DType t = promote_operands(operands);
  return t == DType::kBool ? DType::kInt32 : t;
}
void comparison(Emit& e) {
  const DType t = common(e);
  e.output(e.add(std::string(e.node().op->onnx.type), {e.in_as(0, t), e.in_as(1, t)}));
}
void not_equal(Emit& e) {
  const DType t = common(e);
  e.output(e.add("Not", {e.add("Equal", {e.in_as(0, t), e.in_as(1, t)})}));
}
void logical(Emit& e) {
  e.output(e.add(std::string(e.node().op->onnx.type), {e.in_as(0, DType::kBool), e.in_as(1, DType::kBool)}));
}
/// Bits of booleans; those of numbers came with opset 18.
void bitwise(Emit& e) {
  static const std::map<std::string_view, const char*> kLogical = {
      {"bitwise_and", "And"}, {"bitwise_or", "Or"}, {"bitwise_xor", "Xor"}};
  if (type_of(e) != DType::kBool) e.unsupported("{} of whole numbers", e.node().op->name);
  e.output(e.add(kLogical.at(e.node().op->name), {e.in(0), e.in(1)}));
}
void where(Emit& e) {
  const DType t = type_of(e);
  e.output(e.add("Where", {e.in_as(0, DType::kBool), e.in_as(1, t), e.in_as(2, t)}));
}
void floor_divide(Emit& e) {
  const DType t = type_of(e);
  const std::string a = e.in_as(0, t), b = e.in_as(1, t);
  if (is_floating(t)) return e.output(e.add("Floor", {e.add("Div", {a, b})}));
  e.output(e.add("Div", {e.add("Sub", {a, e.add("Mod", {a, b})}), b}));
}
void trunc_divide(Emit& e) {
  const DType t = type_of(e);
  const std::string quotient = e.add("Div", {e.in_as(0, t), e.in_as(1, t)});
  if (!is_floating(t)) return e.output(quotient);
  e.output(e.add("Mul", {e.add("Sign", {quotient}), e.add("Floor", {e.add("Abs", {quotient})})}));
}
void remainder(Emit& e) {
  const DType t = type_of(e);
  const std::string a = e.in_as(0, t), b = e.in_as(1, t);
  if (!is_floating(t)) return e.output(e.add("Mod", {a, b}));
  e.output(e.add("Sub", {a, e.add("Mul", {e.add("Floor", {e.add("Div", {a, b})}), b})}));
}
void fmod(Emit& e) {
  const DType t = type_of(e);
  e.output(e.add("Mod", {e.in_as(0, t), e.in_as(1, t)}, {attribute("fmod", int64_t{1})}));
}
void hypot(Emit& e) {
  const DType t = type_of(e);
  const std::string a = e.in_as(0, t), b = e.in_as(1, t);
  e.output(e.add("Sqrt", {e.add("Add", {e.add("Mul", {a, a}), e.add("Mul", {b, b})})}));
}
void logaddexp(Emit& e) {
  const DType t = type_of(e);
  const std::string a = e.in_as(0, t), b = e.in_as(1, t);
  const std::string gap = e.add("Neg", {e.add("Abs", {e.add("Sub", {a, b})})});
  e.output(e.add("Add", {e.add("Max", {a, b}), softplus_of(e, gap)}));
}

// Reductions.
std::vector<int64_t> dims_of_reduction(const Emit& e) {
  const auto& a = e.attrs<ReduceAttrs>();
  if (!a.dim.empty()) return a.dim;
  std::vector<int64_t> all;
  for (int64_t d = 0; d < e.spec(0).rank(); ++d) all.push_back(d);
  return all;
}
std::string reduced(Emit& e, const std::string& op, const std::string& x) {
  const std::vector<int64_t> dims = dims_of_reduction(e);
  if (dims.empty()) return x;
  return e.reduced(op, x, dims, e.attrs<ReduceAttrs>().keepdim);
}
void reduce(Emit& e) { e.output(reduced(e, std::string(e.node().op->onnx.type), x_of(e))); }
void any_or_all(Emit& e) {
  const std::string truth = e.cast(e.in_as(0, DType::kBool), DType::kInt32);
  const std::string result = reduced(e, e.node().op->name == "any" ? "ReduceMax" : "ReduceMin", truth);
  e.output(e.cast(result, type_of(e)));
}
void arg_reduce(Emit& e) {
  const auto& a = e.attrs<ArgReduceAttrs>();
  std::string x = e.in(0);
  if (e.spec(0).dtype == DType::kBool) x = e.cast(x, DType::kInt32);
  e.output(e.add(std::string(e.node().op->onnx.type), {x},
                 {attribute("axis", a.dim), attribute("keepdims", int64_t{a.keepdim ? 1 : 0})}));
}
void cumsum(Emit& e) {
  const auto& a = e.attrs<ScanAttrs>();
  const std::string axis = e.constant(Tensor::from(std::vector<int64_t>{a.dim}, {}));
  e.output(e.add("CumSum", {x_of(e), axis}, {attribute("reverse", int64_t{a.reverse ? 1 : 0})}));
}

void top(Emit& e, const std::string& k, int64_t dim, bool largest) {
  const std::vector<std::string> y =
      e.add_many("TopK", {e.in(0), k}, 2,
                 {attribute("axis", dim), attribute("largest", int64_t{largest ? 1 : 0}),
                  attribute("sorted", int64_t{1})});
  e.output(y[0], 0);
  e.output(y[1], 1);
}
void sort(Emit& e) {
  const auto& a = e.attrs<SortAttrs>();
  const int64_t dim = a.dim < 0 ? a.dim + e.spec(0).rank() : a.dim;
  top(e, e.sizes({e.dim(0, dim)}), dim, a.descending);
}
void topk(Emit& e) {
  const auto& a = e.attrs<TopkAttrs>();
  top(e, e.ints({a.k}), a.dim, a.largest);
}

constexpr EmitterRow kRows[] = {
    {"neg", &direct},
    {"abs", &direct},
    {"sign", &direct},
    {"square", &square},
    {"sqrt", &direct},
    {"rsqrt", &rsqrt},
    {"reciprocal", &direct},
    {"floor", &direct},
    {"ceil", &direct},
    {"round", &direct},
    {"trunc", &trunc},
    {"clamp", &clamp},
    {"pow_scalar", &pow_scalar},
    {"affine", &affine},
    {"isnan", &predicate},
    {"isinf", &predicate},
    {"isfinite", &isfinite},
    {"isposinf", &isposinf},
    {"isneginf", &isneginf},
    {"logical_not", &logical_not},
    {"exp", &direct},
    {"exp2", &exp2},
    {"expm1", &expm1},
    {"log", &direct},
    {"log1p", &log1p},
    {"log2", &log_base<2>},
    {"log10", &log_base<10>},
    {"sin", &direct},
    {"cos", &direct},
    {"tan", &direct},
    {"asin", &direct},
    {"acos", &direct},
    {"atan", &direct},
    {"sinh", &direct},
    {"cosh", &direct},
    {"tanh", &direct},
    {"asinh", &direct},
    {"acosh", &direct},
    {"atanh", &direct},
    {"erf", &direct},
    {"erfc", &erfc},
    {"sigmoid", &direct},
    {"relu", &direct},
    {"silu", &silu},
    {"gelu", &gelu},
    {"softplus", &softplus},
    {"leaky_relu", &leaky_relu},
    {"elu", &elu},
    {"hardtanh", &hardtanh},
    {"threshold", &threshold},
    {"hardsigmoid", &hardsigmoid},
    {"hardswish", &direct},
    {"mish", &mish},
    {"logsigmoid", &logsigmoid},
    {"softshrink", &softshrink},
    {"hardshrink", &hardshrink},
    {"cast", &cast},
    {"add", &same_type_binary},
    {"sub", &same_type_binary},
    {"mul", &same_type_binary},
    {"div", &same_type_binary},
    {"pow", &same_type_binary},
    {"maximum", &same_type_binary},
    {"minimum", &same_type_binary},
    {"fmod", &fmod},
    {"remainder", &remainder},
    {"trunc_divide", &trunc_divide},
    {"floor_divide", &floor_divide},
    {"hypot", &hypot},
    {"logaddexp", &logaddexp},
    {"bitwise_and", &bitwise},
    {"bitwise_or", &bitwise},
    {"bitwise_xor", &bitwise},
    {"eq", &comparison},
    {"ne", &not_equal},
    {"lt", &comparison},
    {"le", &comparison},
    {"gt", &comparison},
    {"ge", &comparison},
    {"logical_and", &logical},
    {"logical_or", &logical},
    {"logical_xor", &logical},
    {"where", &where},
    {"sum", &reduce},
    {"mean", &reduce},
    {"prod", &reduce},
    {"amax", &reduce},
    {"amin", &reduce},
    {"norm", &reduce},
    {"any", &any_or_all},
    {"all", &any_or_all},
    {"argmax", &arg_reduce},
    {"argmin", &arg_reduce},
    {"cumsum", &cumsum},
    {"sort", &sort},
    {"topk", &topk},
};

}  // namespace

std::span<const EmitterRow> elementwise_emitters() { return kRows; }

}  // namespace dlb::deploy
