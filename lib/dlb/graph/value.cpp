#include "dlb/graph/value.h"

#include <algorithm>
#include <cmath>

#include "dlb/base/error.h"

namespace dlb::graph {

namespace {

Difference differ(std::string reason) {
  Difference d;
  d.equal = false;
  d.largest = d.largest_relative = std::numeric_limits<double>::infinity();
  d.reason = std::move(reason);
  return d;
}

/// "[1, 0, 2]" of the row-major position.
std::string position_text(const Shape& shape, size_t position) {
  Dims index = shape;
  int64_t rest = static_cast<int64_t>(position);
  for (size_t i = shape.size(); i-- > 0;) {
    index[i] = rest % shape[i];
    rest /= shape[i];
  }
  return shape_text(index);
}

template <class T>
Difference compare_as(const Value& found, const Value& expected, double rtol, double atol) {
  const std::vector<T> a = found.tensor.to_vector<T>(), b = expected.tensor.to_vector<T>();
  Difference d;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isnan(x) && std::isnan(y)) continue;
    const double gap =
        std::isnan(x) || std::isnan(y) ? std::numeric_limits<double>::infinity() : std::abs(x - y);
    d.largest = std::max(d.largest, gap);
    if (y != 0) d.largest_relative = std::max(d.largest_relative, gap / std::abs(y));
    // An infinite tolerance would let infinities pass for anything.
    if (d.equal && (std::isinf(y) || !(gap <= atol + rtol * std::abs(y)))) {
      d.equal = false;
      d.reason =
          fmt::format("element {} is {}, expected {}", position_text(expected.tensor.shape(), i), a[i], b[i]);
    }
  }
  return d;
}

}  // namespace

Value Value::sequence(std::vector<Value> items, Element e) {
  Value v;
  v.kind = Kind::kSequence;
  v.element = e;
  v.items = std::make_shared<std::vector<Value>>(std::move(items));
  return v;
}

Shape Value::shape() const {
  DLB_CHECK(is_tensor() || is_texts());
  return is_tensor() ? tensor.shape() : texts->shape;
}

std::string describe(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kTensor:
    case Value::Kind::kTexts: {
      std::string text(element_name(value.element));
      return text + shape_text(value.shape());
    }
    case Value::Kind::kSequence:
      return fmt::format("sequence of {}", value.items->size());
    default:
      return "nothing";
  }
}

Difference compare(const Value& found, const Value& expected, double rtol, double atol) {
  if (found.kind != expected.kind)
    return differ(fmt::format("found {}, expected {}", describe(found), describe(expected)));
  if (found.none()) return {};
  if (found.is_sequence()) {
    if (found.items->size() != expected.items->size())
      return differ(fmt::format("found {}, expected {}", describe(found), describe(expected)));
    Difference all;
    for (size_t i = 0; i < found.items->size(); ++i) {
      Difference d = compare((*found.items)[i], (*expected.items)[i], rtol, atol);
      if (all.equal && !d.equal) all.reason = fmt::format("item {}: {}", i, d.reason);
      all.equal = all.equal && d.equal;
      all.largest = std::max(all.largest, d.largest);
      all.largest_relative = std::max(all.largest_relative, d.largest_relative);
    }
    return all;
  }
  if (found.element != expected.element || found.shape() != expected.shape())
    return differ(fmt::format("found {}, expected {}", describe(found), describe(expected)));
  if (found.is_texts()) {
    for (size_t i = 0; i < found.texts->items.size(); ++i) {
      if (found.texts->items[i] == expected.texts->items[i]) continue;
      return differ(fmt::format("element {} is \"{}\", expected \"{}\"", position_text(found.texts->shape, i),
                                found.texts->items[i], expected.texts->items[i]));
    }
    return {};
  }
  if (found.element == Element::kUInt64) return compare_as<int64_t>(found, expected, 0, 0);
  return is_floating(found.tensor.dtype()) ? compare_as<double>(found, expected, rtol, atol)
                                           : compare_as<int64_t>(found, expected, rtol, atol);
}

}  // namespace dlb::graph
