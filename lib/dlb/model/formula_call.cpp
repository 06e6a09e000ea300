// Functions in expressions on tensors: those of functional/ by name, and a few that only make sense here.

#include <fmt/format.h>

#include <algorithm>

#include "dlb/config/arithmetic.h"
#include "dlb/config/likely_name.h"
#include "dlb/model/formula_part.h"
#include "dlb/ops/unary.h"

namespace dlb::model {

using functional::Function;
using functional::List;
using functional::Value;

namespace {

using Arguments = std::vector<Value>;

/// A function of the language itself.
struct Builtin {
  std::string_view name;
  std::string_view signature;
  size_t least, most;
  Value (*call)(const Arguments& arguments);
};

const Tensor& tensor(const Arguments& arguments) {
  if (!arguments[0].is<Tensor>())
    fail(ErrorKind::kConfig, "it needs a tensor, got {}", functional::type_text(arguments[0]));
  return arguments[0].as<Tensor>();
}

Value converted(const Arguments& arguments, DType dtype) { return cast(tensor(arguments), dtype); }

const Builtin kBuiltins[] = {
    {"rows", "rows(x: tensor) -> int", 1, 1,
     +[](const Arguments& a) -> Value {
       if (tensor(a).rank() == 0) fail(ErrorKind::kShape, "a tensor without dimensions has no rows");
       return tensor(a).dim(0);
     }},
    {"size", "size(x: tensor, dim: int?) -> int or list of int", 1, 2,
     +[](const Arguments& a) -> Value {
       const Tensor& x = tensor(a);
       if (a.size() == 1) return List(x.shape().begin(), x.shape().end());
       if (!a[1].is<int64_t>())
         fail(ErrorKind::kConfig, "dim is to be int, got {}", functional::type_text(a[1]));
       return x.dim(normalize_dim(a[1].as<int64_t>(), x.rank()));
     }},
    {"rank", "rank(x: tensor) -> int", 1, 1,
     +[](const Arguments& a) -> Value { return static_cast<int64_t>(tensor(a).rank()); }},
    {"numel", "numel(x: tensor) -> int", 1, 1,
     +[](const Arguments& a) -> Value { return tensor(a).numel(); }},
    {"int", "int(x: tensor or number)", 1, 1,
     +[](const Arguments& a) { return converted(a, DType::kInt64); }},
    {"float", "float(x: tensor)", 1, 1, +[](const Arguments& a) { return converted(a, DType::kFloat32); }},
    {"bool", "bool(x: tensor)", 1, 1, +[](const Arguments& a) { return converted(a, DType::kBool); }},
    {"cast", "cast(x: tensor, dtype: dtype)", 2, 2,
     +[](const Arguments& a) {
       if (!a[1].is<DType>())
         fail(ErrorKind::kConfig, "dtype is to be a dtype such as float32, got {}",
              functional::type_text(a[1]));
       return converted(a, a[1].as<DType>());
     }},
    {"detach", "detach(x: tensor)", 1, 1, +[](const Arguments& a) -> Value { return tensor(a).detach(); }},
};

const Builtin* find_builtin(std::string_view name) {
  for (const Builtin& b : kBuiltins) {
    if (b.name == name) return &b;
  }
  return nullptr;
}

/// Gives every operator tensors without data: functions that take no tensor would otherwise do their work.
class ShapesRecorder : public Recorder {
 public:
  Outputs record(const OpDef& /*op*/, Inputs /*inputs*/, const void* /*attrs*/,
                 std::span<const Infer::Output> outputs) override {
    Outputs out;
    for (const Infer::Output& o : outputs) {
      TensorSpec spec = o.spec;
      spec.device = kMeta;
      out.push_back(Tensor::empty(std::move(spec)));
    }
    return out;
  }
};

bool has_tensor(const Value& v) {
  if (v.is<Tensor>()) return true;
  return v.is<List>() && std::any_of(v.as<List>().begin(), v.as<List>().end(), has_tensor);
}

/// The value with meta tensors in place of those with data.
Value without_data(const Value& v) {
  if (v.is<Tensor>() && v.as<Tensor>().defined() && !v.as<Tensor>().is_meta()) {
    TensorSpec spec = v.as<Tensor>().spec();
    spec.device = kMeta;
    return Tensor::empty(std::move(spec));
  }
  if (!v.is<List>()) return v;
  List list;
  for (const Value& item : v.as<List>()) list.push_back(without_data(item));
  return list;
}

/// A seed of its own for each call of each pass, by the finalizer of SplitMix64.
int64_t next_seed(nn::Context& context) {
  const RngKey key = context.next_key(RngPurpose::kUser);
  uint64_t z = key.seed + 0x9E3779B97F4A7C15U * (key.step * 0x100000001B3U + key.index + 1);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return static_cast<int64_t>((z ^ (z >> 31U)) >> 1U);
}

std::vector<size_t> kinds_of(const Arguments& arguments) {
  std::vector<size_t> kinds;
  for (const Value& v : arguments) kinds.push_back(v.index());
  return kinds;
}

/// Chooses the signature, and says where each parameter's value comes from.
FormulaCall plan(const FormulaPart& part, const Arguments& arguments) {
  FormulaCall call;
  call.positional = arguments.size() - part.keys.size();
  functional::NamedValues named;
  for (size_t i = 0; i < part.keys.size(); ++i)
    named.emplace_back(part.keys[i], arguments[call.positional + i]);
  call.function = functional::bind(part.text, std::span(arguments).first(call.positional), named).function;
  call.kinds = kinds_of(arguments);
  const std::vector<functional::Param>& params = call.function->params;
  size_t next = 0;
  for (size_t p = 0; p < params.size(); ++p) {
    int source = FormulaCall::kDefault;
    const auto key = std::find(part.keys.begin(), part.keys.end(), params[p].name);
    if (next < call.positional) {
      source = static_cast<int>(next);
      if (params[p].variadic) {
        const bool one_list = call.positional - next == 1 && arguments[next].is<List>();
        if (!one_list) call.variadic = static_cast<int>(p);
        next = call.positional;
      } else {
        ++next;
      }
    } else if (key != part.keys.end()) {
      source = static_cast<int>(call.positional + static_cast<size_t>(key - part.keys.begin()));
    } else if (params[p].name == "seed") {
      source = FormulaCall::kSeed;
    } else if (params[p].name == "training") {
      source = FormulaCall::kTraining;
    }
    call.sources.push_back(source);
  }
  return call;
}

void refuse_data_dependent(const FormulaPart& part) {
  // The number of classes is all that one_hot needs to know.
  const bool told = part.text == "one_hot" && (part.parts.size() > 1);
  if (told || !part.call.function->traits.data_dependent) return;
  Error e(ErrorKind::kShape, fmt::format("the result of {} has no shape before there are data", part.text));
  e.hint = "what a model's values are must not depend on the data, only how often steps run";
  throw e;
}

}  // namespace

void check_function(const config::Node& text, const config::Expression& call) {
  if (find_builtin(call.text) != nullptr || !functional::find_functions(call.text).empty()) return;
  std::vector<std::string> names;
  for (const Builtin& b : kBuiltins) names.emplace_back(b.name);
  for (const Function& f : functional::all_functions()) names.emplace_back(f.name);
  const std::string near = config::likely_name(call.text, names);
  throw config::expression_error(text, call.place, fmt::format("unknown function '{}'", call.text),
                                 near.empty() ? "`dlbench ops` lists the functions" : "",
                                 near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

std::optional<Value> number_function(const std::string& name, const Arguments& arguments) {
  const std::vector<std::string>& known = config::function_names();
  if (arguments.empty() || std::find(known.begin(), known.end(), name) == known.end() ||
      !std::all_of(arguments.begin(), arguments.end(), is_number))
    return std::nullopt;
  std::vector<config::Node> nodes;
  for (const Value& v : arguments) nodes.push_back(number_node(v));
  try {
    return value_of(config::apply_function(name, nodes));
  } catch (const config::ExpressionFault& fault) {
    throw Error(ErrorKind::kConfig, fault.message, "", fault.hint);
  }
}

Value call_function(FormulaPart& part, const Arguments& arguments, nn::Context& context) {
  if (part.keys.empty()) {
    if (const auto result = number_function(part.text, arguments)) return *result;
  }
  if (const Builtin* builtin = find_builtin(part.text)) {
    if (arguments.size() < builtin->least || arguments.size() > builtin->most || !part.keys.empty()) {
      const std::string why = part.keys.empty()
                                  ? fmt::format("takes {} arguments, got {}", builtin->most, arguments.size())
                                  : "takes no arguments by name";
      throw Error(ErrorKind::kConfig, fmt::format("{}: {}", part.text, why), "",
                  fmt::format("it is {}", builtin->signature));
    }
    try {
      return builtin->call(arguments);
    } catch (Error& e) {
      if (e.kind == ErrorKind::kConfig) {
        e.message = fmt::format("{}: {}", part.text, e.message);
        e.hint = fmt::format("it is {}", builtin->signature);
      }
      throw;
    }
  }
  FormulaCall& call = part.call;
  if (call.function == nullptr || call.kinds != kinds_of(arguments)) call = plan(part, arguments);
  std::vector<Value> values;
  values.reserve(call.sources.size());
  for (size_t p = 0; p < call.sources.size(); ++p) {
    const int source = call.sources[p];
    if (static_cast<int>(p) == call.variadic) {
      values.emplace_back(
          List(arguments.begin() + source, arguments.begin() + static_cast<ptrdiff_t>(call.positional)));
    } else if (source >= 0) {
      values.push_back(arguments[static_cast<size_t>(source)]);
    } else if (source == FormulaCall::kSeed) {
      values.emplace_back(next_seed(context));
    } else if (source == FormulaCall::kTraining) {
      values.emplace_back(context.training);
    } else {
      values.push_back(call.function->params[p].value);
    }
  }
  const functional::Binding binding{call.function, std::move(values)};
  if (!context.shapes_only) return binding.invoke();
  refuse_data_dependent(part);
  if (std::any_of(arguments.begin(), arguments.end(), has_tensor)) return without_data(binding.invoke());
  ShapesRecorder recorder;
  const RecordScope scope(recorder);
  return without_data(binding.invoke());
}

}  // namespace dlb::model
