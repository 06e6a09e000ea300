#pragma once
/// \file What kernels of several families of operators share.

#include <string>
#include <utility>
#include <vector>

#include "dlb/graph/operator.h"

namespace dlb::graph {

Dims to_dims(const std::vector<int64_t>& values);

/// Of uint64 the carrier shows the upper half as negative: exchanging the halves keeps the order. Doing it
/// twice gives x back; tensors of other types are given as they are.
Tensor ordered(const Tensor& x, Element e);

/// An index tensor as int64 with negative numbers counted from the end of a dimension of that length.
Tensor from_front(const Tensor& index, int64_t length);

/// The numbers 0, 1, ... in the shape of the texts, row-major. Errors: config if the texts do not fill it.
Tensor positions(const Call& c, const Texts& texts);
/// Positions of texts that stand behind `before` others.
Tensor shifted(const Tensor& positions, int64_t before);
/// The texts at positions that count through all sources one after the other.
Value texts_at(const std::vector<const Texts*>& sources, const Tensor& positions);

/// `move` applied to a tensor; of texts, to their positions, so that whatever picks or reorders elements of
/// tensors does so with texts.
template <class F>
Value moved(const Call& c, const Value& v, F&& move) {
  if (!v.is_texts()) return Value(move(v.tensor), v.element);
  return texts_at({v.texts.get()}, move(positions(c, *v.texts)));
}

/// `join` applied to several tensors of one type, or texts.
template <class F>
Value joined(const Call& c, const std::vector<Value>& values, F&& join) {
  std::vector<Tensor> tensors;
  std::vector<const Texts*> sources;
  for (const Value& v : values) {
    if (v.kind != values[0].kind || v.element != values[0].element || (!v.is_tensor() && !v.is_texts()))
      c.fail("{} and {} are not of one type", describe(values[0]), describe(v));
    if (v.is_tensor()) {
      tensors.push_back(v.tensor);
    } else {
      int64_t before = 0;
      for (const Texts* t : sources) before += static_cast<int64_t>(t->items.size());
      tensors.push_back(shifted(positions(c, *v.texts), before));
      sources.push_back(v.texts.get());
    }
  }
  if (sources.empty()) return Value(join(tensors), values[0].element);
  return texts_at(sources, join(tensors));
}

}  // namespace dlb::graph
