#include "dlb/ops/binary.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/index_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb {

Fields NonzeroAttrs::fields() {
  static const Field list[] = {
      field<&NonzeroAttrs::count>("count", "how many elements are not 0", non_negative())};
  return list;
}

namespace {

void infer_nonzero(Infer& c, const NonzeroAttrs& a) {
  if (a.count < 0 || a.count > c.input(0).numel()) {
    c.fail_shape("expects a count of 0 to {}, got {}", c.input(0).numel(), a.count);
  }
  c.output({a.count, c.input(0).rank()}, DType::kInt64);
}

void infer_mask_rank(Infer& c, const NoAttrs&) {
  if (c.input(0).dtype != DType::kBool) {
    c.fail_dtype("expects a mask of dtype bool, got {}", dtype_name(c.input(0).dtype));
  }
  c.output(c.input(0).shape, DType::kInt64);
}

template <class A>
Cost read_cost(Inputs in, Inputs out, const A&) {
  return {0, moved_bytes(in, out)};
}

void check_mask(const Tensor& mask, const char* what) {
  if (mask.dtype() != DType::kBool) {
    fail(ErrorKind::kDtype, "{} expects a mask of dtype bool, got {}", what, dtype_name(mask.dtype()));
  }
}

}  // namespace

const OpDef& op::nonzero() {
  static const OpDef op = define<NonzeroAttrs>({.name = "nonzero",
                                                .doc = "positions of elements other than 0",
                                                .infer = infer_nonzero,
                                                .saves = Saves::kNothing,
                                                .cost = read_cost<NonzeroAttrs>,
                                                .onnx = {"NonZero", 13}});
  return op;
}
const OpDef& op::mask_rank() {
  static const OpDef op = define<NoAttrs>({.name = "mask_rank",
                                           .doc = "how many elements of the mask hold before each that holds",
                                           .infer = infer_mask_rank,
                                           .saves = Saves::kNothing,
                                           .cost = read_cost<NoAttrs>});
  return op;
}

Tensor nonzero(const Tensor& x) {
  if (x.is_meta()) {
    fail(ErrorKind::kUnsupported, "nonzero of a meta tensor: how many elements are not 0 is data");
  }
  const Tensor in = x.detach();
  const Tensor holds = in.dtype() == DType::kBool ? in : ne(in, 0.0);
  const auto count = x.numel() == 0 ? 0 : static_cast<int64_t>(sum(holds).item());
  return apply1<NonzeroAttrs>(op::nonzero(), {holds}, {count});
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  check_mask(mask, "masked_select");
  const Shape shape = broadcast_shapes(x.shape(), mask.shape());
  const int64_t n = numel(shape);
  const Tensor places = nonzero(reshape(expand(mask, shape), {n}));
  return index_select(reshape(expand(x, shape), {n}), 0, reshape(places, {places.numel()}));
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source) {
  check_mask(mask, "masked_scatter");
  if (source.dtype() != x.dtype()) {
    fail(ErrorKind::kDtype, "masked_scatter expects a source of dtype {}, got {}", dtype_name(x.dtype()),
         dtype_name(source.dtype()));
  }
  const Shape shape = broadcast_shapes(x.shape(), mask.shape());
  const Tensor base = expand(x, shape);
  const Tensor where_to = expand(mask, shape);
  const int64_t n = numel(shape);
  if (source.numel() == 0 && (n == 0 || mask.is_meta() || any(mask).item() == 0)) return base;
  // Elements outside of the mask take the first of the source, which `where` then drops.
  const Tensor rank = apply1<NoAttrs>(op::mask_rank(), {where_to});
  const Tensor taken = index_select(reshape(source, {source.numel()}), 0, reshape(rank, {n}));
  return where(where_to, reshape(taken, shape), base);
}

}  // namespace dlb
