#include "dlb/ops/embedding.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/index_defs.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scatter_reduce.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"
#include "dlb/tensor/row_sparse.h"

namespace dlb {

Fields EmbeddingAttrs::fields() {
  static const Field list[] = {
      field<&EmbeddingAttrs::padding_idx>("padding_idx", "row without gradient; negative for none"),
      field<&EmbeddingAttrs::scale_grad_by_freq>("scale_grad_by_freq",
                                                 "divide gradients by the number of uses"),
      field<&EmbeddingAttrs::sparse>("sparse", "keep the gradient as rows")};
  return list;
}
Fields BagAttrs::fields() {
  static const Field list[] = {
      field<&BagAttrs::padding_idx>("padding_idx", "index that counts for no bag; negative for none"),
      field<&BagAttrs::include_last_offset>("include_last_offset",
                                            "the last offset is the end of the last bag")};
  return list;
}
Fields BagMaxAttrs::fields() {
  static const Field list[] = {field<&BagMaxAttrs::bags>("bags", "number of bags", non_negative())};
  return list;
}

namespace {

template <class A>
Cost copy_cost(Inputs, Inputs out, const A&) {
  return {0, 2 * static_cast<double>(out[0].spec().bytes())};
}

void infer_embedding(Infer& c, const EmbeddingAttrs&) {
  detail::check_index_dtype(c, 1);
  c.rank(0, 2);
  Shape shape = c.input(1).shape;
  shape.push_back(c.input(0).shape[1]);
  numel(shape);
  c.output(std::move(shape), c.input(0).dtype);
}

/// Factor of each index's gradient [K, 1], or undefined where all are 1.
Tensor gradient_factors(const Tensor& index, const EmbeddingAttrs& a, const TensorSpec& g) {
  if (index.is_meta() || (a.padding_idx < 0 && !a.scale_grad_by_freq)) return {};
  const std::vector<int64_t> rows = index.to_vector<int64_t>();
  std::vector<double> factors(rows.size(), 1.0);
  if (a.scale_grad_by_freq) {
    std::unordered_map<int64_t, int64_t> uses;
    for (const int64_t row : rows) ++uses[row];
    for (size_t i = 0; i < rows.size(); ++i) factors[i] /= static_cast<double>(uses[rows[i]]);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == a.padding_idx) factors[i] = 0;
  }
  return cast(Tensor::from(factors, {index.numel(), 1}), g.dtype);
}

/// The gradient of the table as rows, without those of padding.
Tensor sparse_gradient(const Tensor& table, const Tensor& index, Tensor rows, int64_t padding) {
  Tensor places = contiguous(cast(index, DType::kInt64));
  const int64_t* const p = places.data<int64_t>();
  const auto n = places.numel();
  if (std::find(p, p + n, padding) != p + n) {
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < n; ++i) {
      if (p[i] != padding) kept.push_back(i);
    }
    const Tensor those = Tensor::from(kept, {static_cast<int64_t>(kept.size())});
    rows = index_select(rows, 0, those);
    places = index_select(places, 0, those);
  }
  return coalesce(make_row_sparse(table.shape(), places, contiguous(rows)));
}

void vjp_embedding(Vjp& c, const EmbeddingAttrs& a) {
  const Tensor& table = c.input(0);
  const Tensor index = reshape(c.input(1), {c.input(1).numel()});
  Tensor rows = reshape(c.grad(0), {index.numel(), table.dim(1)});
  if (const Tensor factors = gradient_factors(index, a, rows.spec()); factors.defined()) {
    rows = mul(rows, factors);
  }
  const bool on_cpu = table.device().kind == DeviceKind::kCpu && !rows.is_meta() && !index.is_meta();
  if (a.sparse && on_cpu && !grad_enabled()) {
    c.input_grad(0, sparse_gradient(table, index, rows, a.padding_idx));
  } else {
    c.input_grad(0, index_add(zeros(table.shape(), table.dtype(), table.device()), 0, index, rows));
  }
}

void infer_bag_of(Infer& c, const BagAttrs& a) {
  for (int i = 0; i < 2; ++i) {
    c.rank(i, 1);
    detail::check_index_dtype(c, i);
  }
  if (a.include_last_offset && c.input(1).numel() == 0) {
    c.fail_shape("expects at least one offset where the last one is included");
  }
  c.output(c.input(0).shape, DType::kInt64);
}

void infer_bag_max(Infer& c, const BagMaxAttrs& a) {
  c.rank(0, 2);
  c.floating(0);
  if (c.input(1).dtype != DType::kInt64 || c.input(1).shape != Shape{c.input(0).shape[0]}) {
    c.fail_shape("expects a bag for each row, got {}", spec_text(c.input(1)));
  }
  c.output({a.bags, c.input(0).shape[1]}, DType::kInt64);
}

Tensor norms_of(const Tensor& rows, double p) {
  const Tensor size = abs(rows);
  return p == std::numeric_limits<double>::infinity() ? amax(size, {-1})
                                                      : pow(sum(pow(size, p), {-1}), 1 / p);
}

constexpr double kNormEpsilon = 1e-7;  // PyTorch's

/// What limit_norms() makes of the rows [..., width], for a recorder: the table stays as it is.
Tensor with_limited_norms(const Tensor& rows, double max_norm, double p) {
  const Tensor norms = unsqueeze(norms_of(rows, p), -1);
  const Tensor scale = mul(reciprocal(add(norms, kNormEpsilon)), max_norm);
  return where(gt(norms, max_norm), mul(rows, scale), rows);
}

/// Shortens the rows that are used, in place.
void limit_norms(const Tensor& table, const Tensor& index, double max_norm, double p) {
  if (table.is_meta() || index.is_meta() || index.numel() == 0) return;
  const NoGrad no_grad;
  std::vector<int64_t> used = index.to_vector<int64_t>();
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  const auto count = static_cast<int64_t>(used.size());
  const Tensor data = table.detach();
  const Tensor rows = index_select(data, 0, Tensor::from(used, {count}));
  const std::vector<double> lengths = norms_of(rows, p).to_vector<double>();
  for (size_t i = 0; i < used.size(); ++i) {
    if (!(lengths[i] > max_norm)) continue;
    select(data, 0, used[i])
        .assign(mul(select(rows, 0, static_cast<int64_t>(i)), max_norm / (lengths[i] + kNormEpsilon)));
  }
}

EmbeddingAttrs attributes(const Tensor& table, const EmbeddingOptions& options) {
  if (table.rank() != 2) {
    fail(ErrorKind::kShape, "embedding expects a table [rows, width], got {}", shape_text(table.shape()));
  }
  EmbeddingAttrs a{-1, options.scale_grad_by_freq, options.sparse};
  if (options.padding_idx) {
    const int64_t rows = table.dim(0);
    a.padding_idx = *options.padding_idx < 0 ? *options.padding_idx + rows : *options.padding_idx;
    if (a.padding_idx < 0 || a.padding_idx >= rows) {
      fail(ErrorKind::kShape, "padding_idx {} is out of range for {} rows", *options.padding_idx, rows);
    }
  }
  return a;
}

}  // namespace

const OpDef& op::embedding() {
  static const OpDef op = define<EmbeddingAttrs>({.name = "embedding",
                                                  .doc = "rows of a table by number",
                                                  .infer = infer_embedding,
                                                  .vjp = vjp_embedding,
                                                  .cost = copy_cost<EmbeddingAttrs>,
                                                  .onnx = {"Gather", 13}});
  return op;
}
const OpDef& op::bag_of() {
  static const OpDef op = define<BagAttrs>({.name = "bag_of",
                                            .doc = "bag of each index, -1 for none",
                                            .infer = infer_bag_of,
                                            .saves = Saves::kNothing,
                                            .cost = copy_cost<BagAttrs>});
  return op;
}
const OpDef& op::bag_max() {
  static const OpDef op =
      define<BagMaxAttrs>({.name = "bag_max",
                           .doc = "row of the first largest element of each bag, -1 for none",
                           .infer = infer_bag_max,
                           .saves = Saves::kNothing,
                           .cost = copy_cost<BagMaxAttrs>});
  return op;
}

Tensor embedding(const Tensor& table, const Tensor& index, const EmbeddingOptions& options) {
  const EmbeddingAttrs attrs = attributes(table, options);
  if (options.max_norm && !recording()) limit_norms(table, index, *options.max_norm, options.norm_type);
  const Tensor rows = apply1<EmbeddingAttrs>(op::embedding(), {table, index}, attrs);
  return options.max_norm && recording() ? with_limited_norms(rows, *options.max_norm, options.norm_type)
                                         : rows;
}

Tensor embedding_bag(const Tensor& table, const Tensor& index, const Tensor& offsets,
                     const BagOptions& options) {
  if (!is_floating(table.dtype())) {
    fail(ErrorKind::kDtype, "embedding_bag expects a floating table, got {}", dtype_name(table.dtype()));
  }
  if (index.rank() != (offsets.defined() ? 1 : 2)) {
    fail(ErrorKind::kShape,
         "embedding_bag expects an index [bags, length], or [N] with offsets; got {} {} offsets",
         shape_text(index.shape()), offsets.defined() ? "with" : "without");
  }
  if (options.weights.defined() &&
      (options.mode != BagMode::kSum || !(options.weights.shape() == index.shape()))) {
    fail(ErrorKind::kShape, "embedding_bag takes weights in mode sum, of the index's shape {}; got {}",
         shape_text(index.shape()), shape_text(options.weights.shape()));
  }
  const EmbeddingAttrs attrs = attributes(table, options);
  const Tensor flat = reshape(index, {index.numel()});
  const int64_t n = flat.numel();
  const int64_t bags =
      offsets.defined() ? offsets.numel() - (options.include_last_offset ? 1 : 0) : index.dim(0);
  Tensor rows = embedding(table, flat, options);
  Tensor bag;
  if (offsets.defined()) {
    bag = apply1<BagAttrs>(op::bag_of(), {flat, offsets}, {attrs.padding_idx, options.include_last_offset});
  } else {
    const Tensor starts = mul(arange(0, static_cast<double>(bags), 1, DType::kInt64, index.device()),
                              static_cast<double>(index.dim(1)));
    bag = apply1<BagAttrs>(op::bag_of(), {flat, starts}, {attrs.padding_idx, false});
  }
  const Device device = rows.device();
  const Tensor zero = zeros({}, rows.dtype(), device);
  if (options.mode == BagMode::kMax && n > 0 && recording()) {
    // Row 0 takes what is in no bag.
    const Tensor place = expand(unsqueeze(affine(bag, 1, 1), 1), rows.shape());
    const Tensor none = zeros({bags + 1, table.dim(1)}, rows.dtype(), device);
    return narrow(scatter_reduce(none, 0, place, rows, ScatterReduction::kAmax, false), 0, 1, bags);
  }
  if (options.mode == BagMode::kMax && n > 0) {
    const Tensor first = apply1<BagMaxAttrs>(op::bag_max(), {rows.detach(), bag}, {bags});
    const Tensor none = lt(first, 0);
    return where(none, zero, gather(rows, 0, where(none, zeros({}, DType::kInt64, device), first)));
  }
  if (options.weights.defined()) {
    rows = mul(rows, cast(reshape(options.weights, {n, 1}), rows.dtype()));
  }
  const Tensor outside = lt(bag, 0);
  rows = where(unsqueeze(outside, 1), zero, rows);
  const Tensor place = where(outside, zeros({}, DType::kInt64, device), bag);
  if (bags == 0 && n > 0) {
    fail(ErrorKind::kShape, "embedding_bag got {} indices and no bag", n);
  }
  const Tensor total = index_add(zeros({bags, table.dim(1)}, rows.dtype(), device), 0, place, rows);
  if (options.mode != BagMode::kMean) return total;
  const Tensor counts =
      index_add(zeros({bags}, rows.dtype(), device), 0, place, cast(logical_not(outside), rows.dtype()));
  return div(total, unsqueeze(maximum(counts, ones({}, rows.dtype(), device)), 1));
}

}  // namespace dlb
