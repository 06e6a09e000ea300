#pragma once
/// \file What flows along the edges of a graph: tensors, texts, sequences, or nothing.

#include <memory>
#include <string>
#include <vector>

#include "dlb/graph/element.h"

namespace dlb::graph {

struct Value;

/// A tensor of texts, row-major.
struct Texts {
  Shape shape;
  std::vector<std::string> items;
};

/// A value of a graph. Copies are cheap: they share what they hold.
struct Value {
  enum class Kind : uint8_t { kNone, kTensor, kTexts, kSequence };

  Value() = default;  ///< nothing: an optional input that is left out, or an empty optional
  /// A tensor; its dtype must be the carrier of `e`.
  Value(Tensor t, Element e) : kind(Kind::kTensor), element(e), tensor(std::move(t)) {}
  explicit Value(Tensor t) : Value(t, element_of(t.dtype())) {}
  explicit Value(Texts t)
      : kind(Kind::kTexts), element(Element::kString), texts(std::make_shared<Texts>(std::move(t))) {}
  static Value sequence(std::vector<Value> items, Element e);

  bool none() const { return kind == Kind::kNone; }
  bool is_tensor() const { return kind == Kind::kTensor; }
  bool is_texts() const { return kind == Kind::kTexts; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  /// Of a tensor or texts.
  Shape shape() const;

  Kind kind = Kind::kNone;
  Element element = Element::kUndefined;  ///< of a sequence: that of its items
  Tensor tensor;
  std::shared_ptr<const Texts> texts;
  std::shared_ptr<const std::vector<Value>> items;
};

/// "float32[2, 3]", "string[4]", "sequence of 3", "nothing": for messages.
std::string describe(const Value& value);

/// How two values differ.
struct Difference {
  bool equal = true;            ///< within the tolerances
  double largest = 0;           ///< largest |a - b|
  double largest_relative = 0;  ///< largest |a - b| / |b| where b is not 0
  std::string reason;           ///< why not equal: kinds, types, shapes, or the first element that differs
};
/// |found - expected| <= atol + rtol |expected| for each element; NaN equals NaN, texts must be the same.
Difference compare(const Value& found, const Value& expected, double rtol, double atol);

}  // namespace dlb::graph
