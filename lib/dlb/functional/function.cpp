#include "dlb/functional/function.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <new>
#include <stdexcept>

#include "dlb/functional/define.h"

namespace dlb::functional {

bool contains(DTypes set, DType t) {
  switch (set) {
    case DTypes::kFloating:
      return is_floating(t);
    case DTypes::kFloat32_64:
      return t == DType::kFloat32 || t == DType::kFloat64;
    case DTypes::kNumeric:
      return t != DType::kBool;
    case DTypes::kAll:
      return true;
    case DTypes::kAllBut16Bit:
      return !is_floating(t) || dtype_size(t) > 2;
    case DTypes::kIntegral:
      return is_integral(t);
    case DTypes::kIntegralAndBool:
      return is_integral(t) || t == DType::kBool;
    case DTypes::kBool:
      return t == DType::kBool;
    case DTypes::kNone:
      return false;
  }
  return false;
}

namespace detail {

Scalar Arg<Scalar>::get(const Value& v) {
  if (v.is<bool>()) return Scalar(v.as<bool>());
  if (v.is<int64_t>()) return Scalar(v.as<int64_t>());
  return Scalar(v.as<double>());
}

Operand Arg<Operand>::get(const Value& v) {
  if (v.is<Tensor>()) return {v.as<Tensor>(), {}};
  return {{}, Arg<Scalar>::get(v)};
}

RngKey Arg<RngKey>::get(const Value& v) {
  RngKey key;
  key.seed = static_cast<uint64_t>(v.as<int64_t>());
  return key;
}

bool Arg<Dims>::fits(const Value& v) {
  if (v.is<int64_t>()) return true;
  return v.is<List>() && std::all_of(v.as<List>().begin(), v.as<List>().end(),
                                     [](const Value& item) { return item.is<int64_t>(); });
}

Dims Arg<Dims>::get(const Value& v) {
  if (v.is<int64_t>()) return {v.as<int64_t>()};
  Dims out;
  for (const Value& item : v.as<List>()) out.push_back(item.as<int64_t>());
  return out;
}

namespace {

/// Reads the text behind "=": only we write it, so whatever is wrong with it is our bug.
Value parse_default(std::string_view text) {
  if (text == "none") return None{};
  if (text == "true") return true;
  if (text == "false") return false;
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text.front() == '\'') return std::string(text.substr(1, text.size() - 2));
  if (text.front() == '[') {
    List list;
    text = text.substr(1, text.size() - 2);
    while (!text.empty()) {
      const size_t comma = std::min(text.find(','), text.size());
      list.push_back(parse_default(text.substr(0, comma)));
      text.remove_prefix(std::min(comma + 1, text.size()));
      while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    }
    return list;
  }
  const char* end = text.data() + text.size();
  int64_t whole = 0;
  if (const auto [p, error] = std::from_chars(text.data(), end, whole); error == std::errc() && p == end) {
    return whole;
  }
  double number = 0;
  if (const auto [p, error] = std::from_chars(text.data(), end, number); error == std::errc() && p == end) {
    return number;
  }
  return dtype_from_name(text);
}

}  // namespace

Param parse_param(std::string_view text, std::string type) {
  Param p;
  p.type = std::move(type);
  if (text.front() == '*') {
    p.variadic = true;
    text.remove_prefix(1);
  }
  if (const size_t equals = text.find(" = "); equals != std::string_view::npos) {
    p.required = false;
    p.value = parse_default(text.substr(equals + 3));
    text = text.substr(0, equals);
  }
  p.name = text;
  // A tensor that may be left out is optional too.
  if (!p.required && p.value.is_none() && p.type.back() != '?') p.type += '?';
  return p;
}

std::string misfit(const Param& param, const Value& value) {
  return fmt::format("{} is to be {}, got {}", param.name, param.type, type_text(value));
}

}  // namespace detail

std::string Function::signature() const {
  std::string out(name);
  out += '(';
  for (const Param& p : params) {
    if (out.back() != '(') out += ", ";
    if (p.variadic) out += '*';
    out += p.name + ": " + p.type;
    if (!p.required) out += " = " + text(p.value);
  }
  return out + ") -> " + result;
}

namespace {

/// Positional and named arguments in the order of the parameters, or why they do not fit.
std::string arrange(const Function& f, std::span<const Value> args, const NamedValues& named,
                    std::vector<Value>& out) {
  out.assign(f.params.size(), Value{});
  std::vector<bool> given(f.params.size(), false);
  size_t next = 0;
  for (size_t p = 0; p < f.params.size() && next < args.size(); ++p) {
    if (f.params[p].variadic) {
      const bool one_list = args.size() - next == 1 && args[next].is<List>();
      out[p] = one_list ? args[next] : Value(List(args.begin() + static_cast<ptrdiff_t>(next), args.end()));
      next = args.size();
    } else {
      out[p] = args[next++];
    }
    given[p] = true;
  }
  if (next < args.size()) return fmt::format("takes {} arguments, got {}", f.params.size(), args.size());
  for (const auto& [name, value] : named) {
    const auto it = std::find_if(f.params.begin(), f.params.end(),
                                 [&wanted = name](const Param& p) { return p.name == wanted; });
    if (it == f.params.end()) return fmt::format("has no parameter '{}'", name);
    const auto i = static_cast<size_t>(it - f.params.begin());
    if (given[i]) return fmt::format("got {} twice", name);
    out[i] = value;
    given[i] = true;
  }
  for (size_t p = 0; p < f.params.size(); ++p) {
    if (given[p]) continue;
    if (f.params[p].required) return fmt::format("misses {}", f.params[p].name);
    out[p] = f.params[p].value;
  }
  return f.mismatch(f, out);
}

}  // namespace

Binding bind(std::string_view name, std::span<const Value> args, const NamedValues& named) {
  const std::vector<const Function*> found = find_functions(name);
  if (found.empty()) {
    Error e(ErrorKind::kConfig, fmt::format("there is no function '{}'", name));
    std::vector<std::string> names;
    for (const Function& f : all_functions()) names.emplace_back(f.name);
    if (const std::string near = nearest_name(std::string(name), names); !near.empty()) {
      e.hint = fmt::format("did you mean '{}'?", near);
    }
    throw e;
  }
  Binding binding{};
  std::string why;
  std::string signatures;
  for (const Function* f : found) {
    std::string misfit = arrange(*f, args, named, binding.values);
    if (misfit.empty()) {
      binding.function = f;
      return binding;
    }
    if (why.empty()) why = std::move(misfit);
    signatures += (signatures.empty() ? "" : "; ");
    signatures += f->signature();
  }
  Error e(ErrorKind::kConfig, fmt::format("{}: {}", name, why));
  e.hint = "it is " + signatures;
  throw e;
}

Value Binding::invoke() const {
  try {
    return function->invoke(function->fn, values);
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::kDevice, "{}: out of memory", function->name);
  } catch (const std::length_error&) {  // more than any memory could hold
    fail(ErrorKind::kDevice, "{}: out of memory", function->name);
  }
}

Value call(std::string_view name, std::span<const Value> args, const NamedValues& named) {
  return bind(name, args, named).invoke();
}

}  // namespace dlb::functional
