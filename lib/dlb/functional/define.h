#pragma once
/// \file define(): makes a table entry of a C++ function; types of parameters and result follow from its
/// signature.
///
/// \code
///   define("gather", "values of input at index along dim", {"input", "dim", "index"}, &gather, {.dtypes =
///   DTypes::kAll}), define("sum", "sum over dims", {"input", "dim = none", "keepdim = false"},
///          +[](const Tensor& x, std::optional<Dims> dims, bool keepdim) { return sum(x,
///          dims.value_or(Dims{}), keepdim); }),
///   define("meshgrid", "...", {"*tensors", "indexing = 'ij'"}, &meshgrid),
/// \endcode
///
/// Parameter types: Tensor, int64_t, double (takes whole numbers too), bool, std::string, DType, Dims (a
/// whole number counts as a list of one), std::vector<double> (likewise), std::vector<Tensor>,
/// std::vector<std::optional<Tensor>>, Scalar (any number), Operand (tensor or number), RngKey (a whole
/// number: the seed), Value (anything), and std::optional of these, where none gives nullopt; a Tensor whose
/// default is none is undefined when none. Results: Tensor, Outputs, std::vector<Tensor>, std::pair,
/// std::tuple or std::array of tensors, bool, int64_t, double, Value. A default stands behind "=": none,
/// true, false, a number, inf, -inf, 'text', [1, 2] or a dtype's name. A name with a leading * takes the
/// remaining positional arguments as a list (a single list is also taken).

#include <array>
#include <initializer_list>
#include <optional>
#include <tuple>
#include <type_traits>

#include "dlb/functional/function.h"
#include "dlb/tensor/random.h"

namespace dlb::functional {

namespace detail {

template <class T>
struct Arg;  // type: its name; fits: whether a value can be one; get: the value as one

template <>
struct Arg<Tensor> {
  static std::string type() { return "tensor"; }
  static bool fits(const Value& v) {
    return v.is<Tensor>() || v.is_none();
  }  // none only where it is the default
  static Tensor get(const Value& v) { return v.is_none() ? Tensor() : v.as<Tensor>(); }
};
template <>
struct Arg<int64_t> {
  static std::string type() { return "int"; }
  static bool fits(const Value& v) { return v.is<int64_t>(); }
  static int64_t get(const Value& v) { return v.as<int64_t>(); }
};
template <>
struct Arg<double> {
  static std::string type() { return "float"; }
  static bool fits(const Value& v) { return v.is<double>() || v.is<int64_t>() || v.is<bool>(); }
  static double get(const Value& v) {
    if (v.is<bool>()) return v.as<bool>() ? 1 : 0;
    return v.is<int64_t>() ? static_cast<double>(v.as<int64_t>()) : v.as<double>();
  }
};
template <>
struct Arg<bool> {
  static std::string type() { return "bool"; }
  static bool fits(const Value& v) { return v.is<bool>(); }
  static bool get(const Value& v) { return v.as<bool>(); }
};
template <>
struct Arg<std::string> {
  static std::string type() { return "text"; }
  static bool fits(const Value& v) { return v.is<std::string>(); }
  static std::string get(const Value& v) { return v.as<std::string>(); }
};
template <>
struct Arg<DType> {
  static std::string type() { return "dtype"; }
  static bool fits(const Value& v) { return v.is<DType>(); }
  static DType get(const Value& v) { return v.as<DType>(); }
};
template <>
struct Arg<Scalar> {
  static std::string type() { return "number"; }
  static bool fits(const Value& v) { return v.is<bool>() || v.is<int64_t>() || v.is<double>(); }
  static Scalar get(const Value& v);
};
template <>
struct Arg<Operand> {
  static std::string type() { return "tensor or number"; }
  static bool fits(const Value& v) { return v.is<Tensor>() || Arg<Scalar>::fits(v); }
  static Operand get(const Value& v);
};
template <>
struct Arg<RngKey> {
  static std::string type() { return "int"; }
  static bool fits(const Value& v) { return v.is<int64_t>(); }
  static RngKey get(const Value& v);
};
template <>
struct Arg<Value> {
  static std::string type() { return "any"; }
  static bool fits(const Value&) { return true; }
  static Value get(const Value& v) { return v; }
};
template <>
struct Arg<Dims> {
  static std::string type() { return "list of int"; }
  static bool fits(const Value& v);
  static Dims get(const Value& v);
};
template <class T>
struct Arg<std::optional<T>> {
  static std::string type() { return Arg<T>::type() + '?'; }
  static bool fits(const Value& v) { return v.is_none() || Arg<T>::fits(v); }
  static std::optional<T> get(const Value& v) {
    if (v.is_none()) return std::nullopt;
    return Arg<T>::get(v);
  }
};
template <class T>
struct Arg<std::vector<T>> {
  static constexpr bool kSingleCounts =
      !std::is_same_v<T, Tensor> && !std::is_same_v<T, std::optional<Tensor>>;
  static std::string type() { return "list of " + Arg<T>::type(); }
  static bool fits(const Value& v) {
    if (!v.is<List>()) return kSingleCounts && Arg<T>::fits(v);
    for (const Value& item : v.as<List>()) {
      if (!Arg<T>::fits(item) || (std::is_same_v<T, Tensor> && item.is_none())) return false;
    }
    return true;
  }
  static std::vector<T> get(const Value& v) {
    std::vector<T> out;
    if (!v.is<List>()) {
      out.push_back(Arg<T>::get(v));
      return out;
    }
    for (const Value& item : v.as<List>()) out.push_back(Arg<T>::get(item));
    return out;
  }
};

template <class T>
struct Result;
template <class T>
requires std::is_same_v<T, Tensor> || std::is_same_v<T, bool> || std::is_same_v<T, int64_t> ||
    std::is_same_v<T, double> || std::is_same_v<T, Value>
struct Result<T> {
  static std::string type() { return Arg<T>::type(); }
  static Value value(T v) { return v; }
};
template <>
struct Result<std::vector<Tensor>> {
  static std::string type() { return "list of tensor"; }
  static Value value(std::vector<Tensor> v) { return List(v.begin(), v.end()); }
};
template <>
struct Result<Outputs> {
  static std::string type() { return "list of tensor"; }
  static Value value(Outputs v) { return List(v.begin(), v.end()); }
};
template <class... T>
struct Result<std::tuple<T...>> {
  static std::string type() {
    std::string text = "(";
    ((text += (text.size() > 1 ? ", " : "") + Result<T>::type()), ...);
    return text + ')';
  }
  static Value value(std::tuple<T...> v) {
    return std::apply([](auto&&... item) { return Value(List{Value(item)...}); }, v);
  }
};
template <class A, class B>
struct Result<std::pair<A, B>> : Result<std::tuple<A, B>> {};
template <size_t N>
struct Result<std::array<Tensor, N>> {
  static std::string type() {
    std::string text = "(tensor";
    for (size_t i = 1; i < N; ++i) text += ", tensor";
    return text + ')';
  }
  static Value value(std::array<Tensor, N> v) { return List(v.begin(), v.end()); }
};

/// Parses "name = default" or "*name"; reads the default.
Param parse_param(std::string_view text, std::string type);
std::string misfit(const Param& param, const Value& value);

template <class T>
void check_arg(const Function& f, std::span<const Value> values, size_t i, std::string& out) {
  if (!out.empty()) return;
  const Value& v = values[i];
  bool fits = Arg<T>::fits(v);
  if constexpr (std::is_same_v<T, Tensor>) fits = fits && (!v.is_none() || !f.params[i].required);
  if (!fits) out = misfit(f.params[i], v);
}

template <class R, class... A, size_t... I>
Function define(std::string_view name, std::string_view doc, std::initializer_list<std::string_view> params,
                R (*fn)(A...), Traits traits, std::index_sequence<I...>) {
  DLB_CHECK(params.size() == sizeof...(A));
  Function f;
  f.name = name;
  f.doc = doc;
  (f.params.push_back(parse_param(params.begin()[I], Arg<std::decay_t<A>>::type())), ...);
  f.result = Result<R>::type();
  f.traits = traits;
  f.mismatch = [](const Function& self, [[maybe_unused]] std::span<const Value> values) {
    std::string out;
    (check_arg<std::decay_t<A>>(self, values, I, out), ...);
    return out;
  };
  f.invoke = [](void (*erased)(), [[maybe_unused]] std::span<const Value> values) {
    return Value(
        Result<R>::value(reinterpret_cast<R (*)(A...)>(erased)(Arg<std::decay_t<A>>::get(values[I])...)));
  };
  f.fn = reinterpret_cast<void (*)()>(fn);
  return f;
}

}  // namespace detail

template <class R, class... A>
Function define(std::string_view name, std::string_view doc, std::initializer_list<std::string_view> params,
                R (*fn)(A...), Traits traits = {}) {
  return detail::define(name, doc, params, fn, traits, std::index_sequence_for<A...>());
}

}  // namespace dlb::functional
