#pragma once
/// \file Field descriptors: the one list that drives YAML parsing, help, the JSON schema and the reference
/// pages.
///
/// A described type is a plain default-constructible struct with
/// \code
///   static std::span<const Field> fields();
/// \endcode
/// whose body is a `static const Field list[] = {required<&T::out>("out", "output features", positive()),
/// ...}`. The default of a field is its value in a default-constructed struct.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dlb {

/// A length of training, as written in a config: `500` (steps) or `"2 epochs"`, `"500 steps"`.
struct Duration {
  double count = 0;
  bool epochs = false;
  /// In steps, rounded to the nearest whole step; `steps_per_epoch` converts epochs.
  int64_t steps(int64_t steps_per_epoch) const;
};

/// The value types that a field may have. kNode is a config subtree that the owner reads itself.
enum class FieldType {
  kBool,
  kInt,
  kFloat,
  kString,
  kIntList,
  kFloatList,
  kStringList,
  kDuration,
  kStruct,
  kNode,
  kOptBool,
  kOptInt,
  kOptFloat,
  kOptString,
  kOptDuration
};

/// What a value must satisfy beyond its type. For lists it applies to each element.
struct Constraint {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool min_open = false;             ///< the minimum itself is not allowed
  bool max_open = false;             ///< the maximum itself is not allowed
  std::vector<std::string> choices;  ///< for strings: the allowed values, empty = any
  size_t min_items = 0;              ///< for lists
  size_t max_items = std::numeric_limits<size_t>::max();
};

Constraint any_value();
Constraint positive();                       ///< > 0
Constraint non_negative();                   ///< >= 0
Constraint at_least(double min);             ///< >= min
Constraint between(double min, double max);  ///< min <= v <= max
Constraint fraction();                       ///< 0 <= v < 1
Constraint one_of(std::vector<std::string> choices);
/// Returns `c` restricted to lists of `min` to `max` items (a scalar is a list of one).
Constraint items(Constraint c, size_t min, size_t max);

struct Field;
using Fields = std::span<const Field>;

/// One described field of a struct.
struct Field {
  std::string name;
  std::string doc;
  FieldType type = FieldType::kNode;
  bool required = false;
  Constraint constraint;
  void* (*at)(void* object) = nullptr;  ///< address of the member in an object of the described type
  Fields (*nested)() = nullptr;         ///< kStruct: the fields of the member's type
  bool evaluated = false;               ///< kNode: expressions in it are evaluated before its owner sees it
};

/// Maps a member's C++ type to its FieldType. `dlb/config` adds the mapping of its Node.
template <class T>
struct FieldTypeOf {
  static constexpr FieldType value = FieldType::kStruct;
};
#define DLB_FIELD_TYPE(cpp, field_type)                       \
  template <>                                                 \
  struct FieldTypeOf<cpp> {                                   \
    static constexpr FieldType value = FieldType::field_type; \
  }
DLB_FIELD_TYPE(bool, kBool);
DLB_FIELD_TYPE(int64_t, kInt);
DLB_FIELD_TYPE(double, kFloat);
DLB_FIELD_TYPE(std::string, kString);
DLB_FIELD_TYPE(std::vector<int64_t>, kIntList);
DLB_FIELD_TYPE(std::vector<double>, kFloatList);
DLB_FIELD_TYPE(std::vector<std::string>, kStringList);
DLB_FIELD_TYPE(Duration, kDuration);
DLB_FIELD_TYPE(std::optional<bool>, kOptBool);
DLB_FIELD_TYPE(std::optional<int64_t>, kOptInt);
DLB_FIELD_TYPE(std::optional<double>, kOptFloat);
DLB_FIELD_TYPE(std::optional<std::string>, kOptString);
DLB_FIELD_TYPE(std::optional<Duration>, kOptDuration);

namespace detail {

template <class M>
struct MemberOf;
template <class C, class T>
struct MemberOf<T C::*> {
  using Class = C;
  using Type = T;
};

template <auto M>
void* member_address(void* object) {
  using C = typename MemberOf<decltype(M)>::Class;
  return &(static_cast<C*>(object)->*M);
}

}  // namespace detail

/// Describes the member `M`, optional with the default of a default-constructed struct. The struct must
/// derive from nothing that shifts its address when converted to `void*` by the registry that owns it (see
/// TypeInfo).
template <auto M>
Field field(std::string name, std::string doc, Constraint constraint = {}) {
  using T = typename detail::MemberOf<decltype(M)>::Type;
  Field f;
  f.name = std::move(name);
  f.doc = std::move(doc);
  f.type = FieldTypeOf<T>::value;
  f.constraint = std::move(constraint);
  f.at = &detail::member_address<M>;
  if constexpr (FieldTypeOf<T>::value == FieldType::kStruct) f.nested = &T::fields;
  return f;
}

/// As field(), but the key must be given.
template <auto M>
Field required(std::string name, std::string doc, Constraint constraint = {}) {
  Field f = field<M>(std::move(name), std::move(doc), std::move(constraint));
  f.required = true;
  return f;
}

/// A kNode field whose `$` expressions are evaluated where it is read.
inline Field evaluated(Field f) {
  f.evaluated = true;
  return f;
}

/// A described type that can be chosen by name in a config: a layer, an optimizer, a transform, ...
/// `Base` is the common base class of its category.
template <class Base>
struct TypeInfo {
  std::string name;
  std::string doc;
  Fields (*fields)() = nullptr;
  /// A new default-constructed object, and the address to hand to Field::at.
  struct Made {
    std::unique_ptr<Base> object;
    void* fields_base;
  };
  Made (*make)() = nullptr;
};

/// TypeInfo of `T`, which derives from `Base` and has `static Fields fields()`.
template <class Base, class T>
TypeInfo<Base> type_info(std::string name, std::string doc) {
  TypeInfo<Base> info;
  info.name = std::move(name);
  info.doc = std::move(doc);
  info.fields = &T::fields;
  info.make = [] {
    auto object = std::make_unique<T>();
    void* base = object.get();
    return typename TypeInfo<Base>::Made{std::move(object), base};
  };
  return info;
}

/// Finds an entry by name, or nullptr.
template <class Base>
const TypeInfo<Base>* find_type(std::span<const TypeInfo<Base>> types, std::string_view name) {
  for (const auto& t : types) {
    if (t.name == name) return &t;
  }
  return nullptr;
}

/// The names of all entries, in order.
template <class Base>
std::vector<std::string> type_names(std::span<const TypeInfo<Base>> types) {
  std::vector<std::string> names;
  for (const auto& t : types) names.push_back(t.name);
  return names;
}

/// A category of described types with the C++ type erased, for help, schema and reference pages.
struct Described {
  std::string name;
  std::string doc;
  Fields fields;
  std::shared_ptr<void> defaults;  ///< owns a default-constructed object
  void* defaults_base = nullptr;   ///< the address to hand to Field::at
};

template <class Base>
std::vector<Described> describe_types(std::span<const TypeInfo<Base>> types) {
  std::vector<Described> out;
  for (const auto& t : types) {
    auto made = t.make();
    out.push_back({t.name, t.doc, t.fields(),
                   std::shared_ptr<void>(std::shared_ptr<Base>(std::move(made.object))), made.fields_base});
  }
  return out;
}

}  // namespace dlb
