#include "dlb/model/formula_index.h"

#include <fmt/format.h>

#include <limits>

#include "dlb/ops/index.h"
#include "dlb/ops/view.h"

namespace dlb::model {

using functional::List;
using functional::Value;

namespace {

/// Dimensions of the base that an entry stands for.
int consumed(const Subscript& s) {
  if (s.kind == Subscript::Kind::kEllipsis) return 0;
  if (s.kind == Subscript::Kind::kSlice) return 1;
  if (s.value.is_none()) return 0;
  if (s.value.is<Tensor>() && s.value.as<Tensor>().dtype() == DType::kBool)
    return s.value.as<Tensor>().rank();
  return 1;
}

Tensor index_tensor(const List& list) {
  std::vector<int64_t> values;
  for (const Value& item : list) {
    if (!item.is<int64_t>())
      fail(ErrorKind::kConfig, "a list of indices has whole numbers, got {}", functional::type_text(item));
    values.push_back(item.as<int64_t>());
  }
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::from<int64_t>(values, {count});
}

Value of_list(const List& list, const std::vector<Subscript>& subscripts) {
  const bool fits = subscripts.size() == 1 && subscripts[0].kind == Subscript::Kind::kValue &&
                    subscripts[0].value.is<int64_t>();
  if (!fits) fail(ErrorKind::kConfig, "a list has one index, a whole number");
  const auto size = static_cast<int64_t>(list.size());
  const int64_t i = subscripts[0].value.as<int64_t>();
  if (i < -size || i >= size) fail(ErrorKind::kConfig, "index {} is out of range for a list of {}", i, size);
  return list[static_cast<size_t>(i < 0 ? i + size : i)];
}

}  // namespace

Value subscripted(const Value& base, const std::vector<Subscript>& subscripts, bool shapes_only) {
  if (base.is<List>()) return of_list(base.as<List>(), subscripts);
  if (!base.is<Tensor>())
    fail(ErrorKind::kConfig, "only a tensor or a list has indices, not {}", functional::type_text(base));
  Tensor x = base.as<Tensor>();
  int all = 0;
  int ellipses = 0;
  for (const Subscript& s : subscripts) {
    all += consumed(s);
    ellipses += s.kind == Subscript::Kind::kEllipsis ? 1 : 0;
  }
  if (ellipses > 1) fail(ErrorKind::kConfig, "an index has one '...' at most");
  if (all > x.rank())
    fail(ErrorKind::kShape, "{} indices for a tensor of shape {}", all, shape_text(x.shape()));

  int64_t dim = 0;
  int64_t joined = 0;  // dimensions that masks take beyond one
  IndexList tensors;   // by dimension of what the entries before have made of x
  const int rank = x.rank();
  for (const Subscript& s : subscripts) {
    if (s.kind == Subscript::Kind::kEllipsis) {
      dim += rank - all;
    } else if (s.kind == Subscript::Kind::kSlice) {
      if (s.start || s.end || s.step) {
        x = slice(x, dim, s.start.value_or(0), s.end.value_or(std::numeric_limits<int64_t>::max()),
                  s.step.value_or(1));
      }
      ++dim;
    } else if (s.value.is_none()) {
      x = unsqueeze(x, dim++);
    } else if (s.value.is<int64_t>()) {
      x = select(x, dim, s.value.as<int64_t>());
    } else if (s.value.is<Tensor>() || s.value.is<List>()) {
      Tensor t = s.value.is<List>() ? index_tensor(s.value.as<List>()) : s.value.as<Tensor>();
      if (is_floating(t.dtype()))
        fail(ErrorKind::kDtype, "an index is of whole numbers or bools, got {}", spec_text(t.spec()));
      if (t.dtype() == DType::kBool && shapes_only) {
        Error e(ErrorKind::kShape, "how many elements a mask selects depends on the data");
        e.hint = "keep the shape: where(mask, x, 0), or masked_fill";
        throw e;
      }
      tensors.resize(static_cast<size_t>(dim - joined));
      const int64_t taken = t.dtype() == DType::kBool ? t.rank() : 1;
      dim += taken;
      joined += taken - 1;
      tensors.emplace_back(std::move(t));
    } else {
      fail(ErrorKind::kConfig, "an index is a whole number, a slice, none, ... or a tensor, got {}",
           functional::type_text(s.value));
    }
  }
  if (tensors.empty()) return x;
  return index(x, tensors);
}

}  // namespace dlb::model
