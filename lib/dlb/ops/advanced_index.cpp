#include <algorithm>

#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb {

namespace {

/// x[indices] as rows: x with the indexed dimensions side by side and joined into one, and which of its
/// elements are meant.
struct Plan {
  Dims order;         ///< that brings the indexed dimensions side by side; empty if they are
  Shape arranged;     ///< x's shape in that order
  size_t first = 0;   ///< of them
  size_t count = 0;   ///< 0: nothing is indexed
  Shape index_shape;  ///< of the index tensors together
  Tensor flat;        ///< [K], along the joined dimension
};

[[noreturn]] void too_many(const Tensor& x) {
  fail(ErrorKind::kShape, "index has more dimensions than the input {}", shape_text(x.shape()));
}

bool is_mask(const std::optional<Tensor>& entry) {
  return entry && entry->defined() && (entry->dtype() == DType::kBool || entry->dtype() == DType::kUInt8);
}
bool has_mask(const IndexList& indices) { return std::any_of(indices.begin(), indices.end(), is_mask); }

/// The entries with each mask replaced by one index tensor for each of its dimensions.
IndexList without_masks(const Tensor& x, const IndexList& indices) {
  IndexList out;
  for (const std::optional<Tensor>& entry : indices) {
    if (!entry || !entry->defined()) {
      out.emplace_back();
      continue;
    }
    if (is_floating(entry->dtype())) {
      fail(ErrorKind::kDtype, "index expects integers or masks, got {}", spec_text(entry->spec()));
    }
    if (!is_mask(entry)) {
      out.push_back(entry);
      continue;
    }
    for (int d = 0; d < entry->rank(); ++d) {
      const size_t at = out.size() + static_cast<size_t>(d);
      if (at >= x.shape().size()) too_many(x);
      if (x.shape()[at] != entry->dim(d)) {
        fail(ErrorKind::kShape, "mask {} does not fit dimension {} of the input {}",
             shape_text(entry->shape()), at, shape_text(x.shape()));
      }
    }
    const Tensor places = nonzero(*entry);
    for (int64_t d = 0; d < entry->rank(); ++d) out.emplace_back(select(places, 1, d));
  }
  return out;
}

Plan plan_of(const Tensor& x, const IndexList& indices) {
  Plan plan;
  const IndexList list = without_masks(x, indices);
  const size_t rank = x.shape().size();
  if (list.size() > rank) too_many(x);
  Dims indexed;
  for (size_t d = 0; d < list.size(); ++d) {
    if (!list[d]) continue;
    plan.index_shape = broadcast_shapes(plan.index_shape, list[d]->shape());
    indexed.push_back(static_cast<int64_t>(d));
  }
  plan.count = indexed.size();
  plan.arranged = x.shape();
  if (plan.count == 0) return plan;
  std::vector<Tensor> expanded;
  Shape sizes;
  for (const int64_t d : indexed) {
    const auto i = static_cast<size_t>(d);
    expanded.push_back(expand(cast(*list[i], DType::kInt64), plan.index_shape));
    sizes.push_back(x.shape()[i]);
  }
  const Tensor flat = flat_index(expanded, sizes);
  plan.flat = reshape(flat, {flat.numel()});
  plan.first = static_cast<size_t>(indexed.front());
  if (indexed.back() - indexed.front() + 1 != static_cast<int64_t>(plan.count)) {
    plan.first = 0;
    plan.order = indexed;
    for (size_t d = 0; d < rank; ++d) {
      const auto i = static_cast<int64_t>(d);
      if (std::find(indexed.begin(), indexed.end(), i) == indexed.end()) plan.order.push_back(i);
    }
    for (size_t d = 0; d < rank; ++d) plan.arranged[d] = x.shape()[static_cast<size_t>(plan.order[d])];
  }
  return plan;
}

/// The arranged shape with the indexed dimensions replaced by `sizes`.
Shape replaced(const Plan& plan, const Shape& sizes) {
  Shape shape(plan.arranged.begin(), plan.arranged.begin() + plan.first);
  for (const int64_t size : sizes) shape.push_back(size);
  for (size_t d = plan.first + plan.count; d < plan.arranged.size(); ++d) shape.push_back(plan.arranged[d]);
  return shape;
}

/// x with the indexed dimensions as one.
Tensor as_rows(const Tensor& x, const Plan& plan) {
  int64_t joined = 1;
  for (size_t d = plan.first; d < plan.first + plan.count; ++d) joined *= plan.arranged[d];
  return reshape(plan.order.empty() ? x : permute(x, plan.order), replaced(plan, {joined}));
}

/// A lone 0-d mask adds a dimension that it keeps or empties.
bool is_scalar_mask(const IndexList& indices) {
  return indices.size() == 1 && is_mask(indices[0]) && indices[0]->rank() == 0;
}

}  // namespace

Tensor index(const Tensor& x, const IndexList& indices) {
  if (is_scalar_mask(indices)) return index(unsqueeze(x, 0), {reshape(*indices[0], {1})});
  const Plan plan = plan_of(x, indices);
  if (plan.count == 0) return x;
  const Tensor rows = index_select(as_rows(x, plan), static_cast<int64_t>(plan.first), plan.flat);
  return reshape(rows, replaced(plan, plan.index_shape));
}

Tensor index_put(const Tensor& x, const IndexList& indices, const Tensor& values, bool accumulate) {
  if (is_scalar_mask(indices)) {
    return squeeze(index_put(unsqueeze(x, 0), {reshape(*indices[0], {1})}, values, accumulate), 0);
  }
  if (values.dtype() != x.dtype()) {
    fail(ErrorKind::kDtype, "index_put expects values of dtype {}, got {}", dtype_name(x.dtype()),
         dtype_name(values.dtype()));
  }
  // Unlike with index, how many elements a mask picks does not show in the result.
  if (x.is_meta() && has_mask(indices)) return x;
  const Plan plan = plan_of(x, indices);
  if (plan.count == 0) {
    const Tensor v = expand(values, x.shape());
    return accumulate ? add(x, v) : contiguous(v);
  }
  // Leading dimensions of size 1 beyond the result's may be left out.
  const Shape result = replaced(plan, plan.index_shape);
  Tensor v = values;
  while (v.rank() > static_cast<int>(result.size()) && v.dim(0) == 1) v = squeeze(v, 0);
  v = reshape(expand(v, result), replaced(plan, {plan.flat.numel()}));
  const Tensor rows = as_rows(x, plan);
  const auto dim = static_cast<int64_t>(plan.first);
  const Tensor put = accumulate ? index_add(rows, dim, plan.flat, v) : index_copy(rows, dim, plan.flat, v);
  const Tensor arranged = reshape(put, plan.arranged);
  if (plan.order.empty()) return arranged;
  Dims back(plan.order.size(), 0);
  for (size_t d = 0; d < plan.order.size(); ++d) {
    back[static_cast<size_t>(plan.order[d])] = static_cast<int64_t>(d);
  }
  return permute(arranged, back);
}

}  // namespace dlb
