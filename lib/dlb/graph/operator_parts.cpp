#include "dlb/graph/operator_parts.h"

#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "dlb/tensor/allocation_limit.h"

namespace dlb::graph {

namespace {

Tensor whole(int64_t value) { return Tensor::from(std::vector<int64_t>{value}, {}); }

}  // namespace

Dims to_dims(const std::vector<int64_t>& values) { return Dims(values.begin(), values.end()); }

Tensor ordered(const Tensor& x, Element e) {
  if (e != Element::kUInt64) return x;
  return bitwise_xor(x, whole(std::numeric_limits<int64_t>::min()));
}

Tensor from_front(const Tensor& index, int64_t length) {
  const Tensor wide = cast(index, DType::kInt64);
  return where(lt(wide, 0.0), add(wide, whole(length)), wide);
}

Tensor positions(const Call& c, const Texts& texts) {
  if (static_cast<int64_t>(texts.items.size()) != numel(texts.shape)) c.fail("texts do not fill their shape");
  return reshape(arange(0, static_cast<double>(texts.items.size())), texts.shape);
}

Tensor shifted(const Tensor& positions, int64_t before) { return add(positions, whole(before)); }

Value texts_at(const std::vector<const Texts*>& sources, const Tensor& positions) {
  // Of each text there is at least an empty string.
  require_cpu_memory(static_cast<size_t>(positions.numel()) * sizeof(std::string));
  std::vector<const std::string*> all;
  for (const Texts* texts : sources) {
    for (const std::string& text : texts->items) all.push_back(&text);
  }
  Texts out{positions.shape(), {}};
  for (const int64_t i : positions.to_vector<int64_t>()) out.items.push_back(*all[static_cast<size_t>(i)]);
  return Value(std::move(out));
}

}  // namespace dlb::graph
