#include "dlb/nn/shape.h"

#include <algorithm>

#include "dlb/ops/shape_ops.h"

namespace dlb::nn {

Fields Flatten::fields() {
  static const Field list[] = {
      field<&Flatten::start>("start", "first dimension to join; 0 is the batch"),
      field<&Flatten::end>("end", "last dimension to join; negative counts from the last"),
  };
  return list;
}

void Flatten::build(Build& b) {
  const int rank = b.input().rank();
  // A vector per sample is already flat, and so is a number per sample.
  if (start == 1 && end == -1 && rank <= 1) return;
  const int first = normalize_dim(start, rank, "flatten.start");
  const int last = normalize_dim(end, rank, "flatten.end");
  if (first > last)
    fail(ErrorKind::kShape, "flatten from dimension {} to {} got input {}", start, end,
         shape_text(b.input().shape));
}

Tensor Flatten::forward(Context& /*c*/, const Tensor& x) {
  return start == 1 && end == -1 && x.rank() <= 1 ? x : flatten(x, start, end);
}

Fields Reshape::fields() {
  static const Field list[] = {required<&Reshape::shape>(
      "shape", "sizes after the batch dimension; one may be -1", items(at_least(-1), 0, 7))};
  return list;
}

void Reshape::build(Build& b) {
  b.expect(b.input().rank() >= 1, "reshape", "[N, ...]");
  if (std::count(shape.begin(), shape.end(), -1) > 1)
    fail(ErrorKind::kConfig, "reshape.shape may hold one -1, got {}", shape_text(shape));
}

Tensor Reshape::forward(Context& /*c*/, const Tensor& x) {
  Shape target = {x.dim(0)};
  int64_t known = 1;
  for (const int64_t s : shape) {
    target.push_back(s);
    if (s >= 0 && __builtin_mul_overflow(known, s, &known))
      fail(ErrorKind::kConfig, "reshape.shape {} is too large", shape_text(shape));
  }
  int64_t sample = 1;
  for (int i = 1; i < x.rank(); ++i) sample *= x.dim(i);
  const bool inferred = std::count(shape.begin(), shape.end(), -1) == 1;
  const bool fits = inferred ? known > 0 && sample % known == 0 : known == sample;
  if (!fits)
    fail(ErrorKind::kShape, "reshape to {} per sample got input {}", shape_text(shape),
         shape_text(x.shape()));
  // An empty batch leaves -1 undetermined for the operator, so it is resolved here.
  for (int64_t& s : target) {
    if (s == -1) s = sample / known;
  }
  return reshape(x, target);
}

Fields Unflatten::fields() {
  static const Field list[] = {
      required<&Unflatten::sizes>("sizes", "new sizes; one may be -1", items(at_least(-1), 1, 8)),
      field<&Unflatten::dim>("dim", "dimension to divide; negative counts from the last"),
  };
  return list;
}

void Unflatten::build(Build& b) { normalize_dim(dim, b.input().rank(), "unflatten.dim"); }

Tensor Unflatten::forward(Context& /*c*/, const Tensor& x) {
  return unflatten(x, dim, Shape(sizes.begin(), sizes.end()));
}

Fields Permute::fields() {
  static const Field list[] = {required<&Permute::order>(
      "order", "old dimension for each new one, such as [0, 2, 1]", items(non_negative(), 1, 8))};
  return list;
}

void Permute::build(Build& b) {
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int64_t>(i)) {
      fail(ErrorKind::kConfig, "permute.order must name each dimension from 0 once, got {}",
           shape_text(order));
    }
  }
  if (b.input().rank() != static_cast<int>(order.size())) {
    fail(ErrorKind::kShape, "permute of {} dimensions got input {}", order.size(),
         shape_text(b.input().shape));
  }
}

Tensor Permute::forward(Context& /*c*/, const Tensor& x) {
  return permute(x, Dims(order.begin(), order.end()));
}

Fields Squeeze::fields() {
  static const Field list[] = {
      field<&Squeeze::dim>("dim", "dimension to remove; negative counts from the last")};
  return list;
}

void Squeeze::build(Build& b) {
  const int d = normalize_dim(dim, b.input().rank(), "squeeze.dim");
  if (b.input().rank() == 0 || b.input().dim(d) != 1) {
    fail(ErrorKind::kShape, "squeeze of dimension {} needs size 1 there, got input {}", dim,
         shape_text(b.input().shape));
  }
}

Tensor Squeeze::forward(Context& /*c*/, const Tensor& x) { return squeeze(x, dim); }

Fields Unsqueeze::fields() {
  static const Field list[] = {
      field<&Unsqueeze::dim>("dim", "where the new dimension stands; negative counts from the last")};
  return list;
}

void Unsqueeze::build(Build& b) { normalize_dim(dim, b.input().rank() + 1, "unsqueeze.dim"); }

Tensor Unsqueeze::forward(Context& /*c*/, const Tensor& x) { return unsqueeze(x, dim); }

}  // namespace dlb::nn
