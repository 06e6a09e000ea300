#include "dlb/train/nonfinite.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "dlb/base/threads.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb::train {
namespace {

constexpr int64_t kGrain = int64_t{1} << 15;

/// An exponent of all ones is what NaN and infinity have in common. The loop has no early exit so that it
/// vectorises.
template <class Bits>
bool block_finite(const Bits* p, int64_t n, Bits exponent) {
  Bits bad = 0;
  for (int64_t i = 0; i < n; ++i)
    bad = static_cast<Bits>(bad | static_cast<Bits>((p[i] & exponent) == exponent));
  return bad == 0;
}

template <class Bits>
bool dense_finite(const Bits* p, int64_t n, Bits exponent) {
  std::atomic<bool> finite{true};
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end && finite.load(std::memory_order_relaxed); at += kGrain) {
      if (!block_finite(p + at, std::min(kGrain, end - at), exponent)) finite = false;
    }
  });
  return finite;
}

int64_t count_nonfinite(const Tensor& x) {
  int64_t bad = 0;
  for (const double v : x.to_vector<double>()) bad += std::isfinite(v) ? 0 : 1;
  return bad;
}

/// Where the layer stands that owns the parameter: the one with the longest name that starts the parameter's.
std::string place_of(const model::Model& model, const std::string& parameter) {
  const model::LayerReport* owner = nullptr;
  for (const model::LayerReport& layer : model.report()) {
    if (parameter.starts_with(layer.name + ".") &&
        (owner == nullptr || layer.name.size() > owner->name.size()))
      owner = &layer;
  }
  return owner == nullptr ? std::string() : owner->where;
}

/// Ends the forward pass once the culprit is known.
struct Found {};

}  // namespace

bool all_finite(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype())) return true;
  if (x.is_row_sparse()) return all_finite(row_sparse(x).rows);
  if (!is_dense(x.shape(), x.strides())) return count_nonfinite(x) == 0;
  const int64_t n = x.numel();
  switch (x.dtype()) {
    case DType::kFloat64:
      return dense_finite(static_cast<const uint64_t*>(x.raw()), n, uint64_t{0x7FF0000000000000});
    case DType::kBFloat16:
      return dense_finite(static_cast<const uint16_t*>(x.raw()), n, uint16_t{0x7F80});
    case DType::kFloat16:
      return dense_finite(static_cast<const uint16_t*>(x.raw()), n, uint16_t{0x7C00});
    default:
      return dense_finite(static_cast<const uint32_t*>(x.raw()), n, uint32_t{0x7F800000});
  }
}

bool gradients_finite(std::span<const optim::Param> params) {
  return std::all_of(params.begin(), params.end(),
                     [](const optim::Param& p) { return all_finite(p.value.grad()); });
}

Blame find_nonfinite(model::Model& model, nn::Context context, Inputs inputs, size_t program,
                     std::span<const optim::Param> params) {
  for (const Tensor& input : inputs) {
    if (all_finite(input)) continue;
    return {fmt::format("the batch itself holds {} values that are not finite", count_nonfinite(input)), {}};
  }
  for (const optim::Param& p : params) {
    if (!all_finite(p.value)) return {fmt::format("parameter '{}' is not finite already", p.name), {}};
  }
  Blame blame;
  model.set_layer_hook([&](const std::string& name, const std::string& where, const Outputs& outputs) {
    for (const Tensor& out : outputs) {
      if (all_finite(out)) continue;
      blame = {fmt::format("the output of layer '{}' is the first that is not finite ({} of {} values)", name,
                           count_nonfinite(out), out.numel()),
               where};
      throw Found();
    }
  });
  try {
    const NoGrad no_grad;
    model.forward(context, inputs, program);
  } catch (const Found&) {
  }
  model.set_layer_hook({});
  if (!blame.message.empty()) return blame;
  // The backward pass runs from the last layer to the first, and carries a NaN with it.
  for (size_t i = params.size(); i-- > 0;) {
    if (all_finite(params[i].value.grad())) continue;
    return {fmt::format(
                "every layer's output is finite; the backward pass first goes wrong at the gradient of '{}'",
                params[i].name),
            place_of(model, params[i].name)};
  }
  return {"every layer's output is finite, so it comes from the loss", {}};
}

}  // namespace dlb::train
