#include "dlb/functional/define.h"
#include "dlb/functional/numbers.h"
#include "dlb/ops/embedding.h"
#include "dlb/ops/index.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::functional {

namespace {

constexpr Traits kAll{.dtypes = DTypes::kAll};
constexpr Traits kNumeric{.dtypes = DTypes::kNumeric};
constexpr Traits kMasked{.dtypes = DTypes::kAll, .data_dependent = true};

/// What to write: a tensor, or a number in the type of x. Errors: dtype.
Tensor written(const Tensor& x, const Operand& value) {
  if (!value.is_scalar()) return value.tensor;
  return value.scalar.tensor(x.dtype(), x.device());
}

Tensor scattered(const Tensor& x, int64_t dim, const Tensor& index, const Operand& src) {
  const Tensor v = written(x, src);
  return scatter(x, dim, index, src.is_scalar() ? expand(v, index.shape()) : v);
}

Tensor filled(const Tensor& x, int64_t dim, const Tensor& index, const Operand& value) {
  return index_fill(x, dim, index, written(x, value));
}

/// An index expression as users write it: a tensor, a list of tensors and none.
Tensor indexed(const Tensor& x, const std::vector<std::optional<Tensor>>& indices) {
  return index(x, indices);
}
Tensor indexed_by_one(const Tensor& x, const Tensor& index_tensor) { return index(x, {index_tensor}); }

Value positions(const Tensor& x, bool as_tuple) {
  const Tensor places = nonzero(x);
  if (!as_tuple) return places;
  const std::vector<Tensor> columns = unbind(nonzero(atleast_nd(x, 1)), 1);
  return List(columns.begin(), columns.end());
}

EmbeddingOptions options(const std::optional<int64_t>& padding_idx, const std::optional<double>& max_norm,
                         double norm_type, bool scale_grad_by_freq, bool sparse) {
  return {padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse};
}

Tensor looked_up(const Tensor& index, const Tensor& table, std::optional<int64_t> padding_idx,
                 std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq, bool sparse) {
  return embedding(table, index, options(padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse));
}

Tensor bagged(const Tensor& index, const Tensor& table, const std::optional<Tensor>& offsets,
              std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq,
              const std::string& mode, bool sparse, const std::optional<Tensor>& weights,
              bool include_last_offset, std::optional<int64_t> padding_idx) {
  BagOptions bag;
  static_cast<EmbeddingOptions&>(bag) = options(padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
  if (mode == "sum") {
    bag.mode = BagMode::kSum;
  } else if (mode == "max") {
    bag.mode = BagMode::kMax;
  } else if (mode != "mean") {
    fail(ErrorKind::kConfig, "embedding_bag expects mode 'sum', 'mean' or 'max', got '{}'", mode);
  }
  bag.weights = weights.value_or(Tensor());
  bag.include_last_offset = include_last_offset;
  return embedding_bag(table, index, offsets.value_or(Tensor()), bag);
}

std::vector<Function> by_index() {
  return {
      define("gather", "values at index along dim", {"input", "dim", "index"}, &gather, kAll),
      define("take", "values at positions in the flattened input", {"input", "index"}, &take, kAll),
      define("take_along_dim", "values at index along dim, other dims broadcast",
             {"input", "indices", "dim = none"}, &take_along_dim, kAll),
      define("index_select", "rows along dim", {"input", "dim", "index"}, &index_select, kAll),
      define(
          "index_add", "rows added along dim", {"input", "dim", "index", "source", "alpha = 1"},
          +[](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
            return index_add(x, dim, index, times(source, alpha, x.dtype()));
          },
          kNumeric),
      define("index_copy", "rows written along dim", {"input", "dim", "index", "source"}, &index_copy, kAll),
      define("index_fill", "rows along dim filled with a number", {"input", "dim", "index", "value"}, &filled,
             kAll),
      define("index_put", "values written, or added, at index tensors or masks",
             {"input", "indices", "values", "accumulate = false"}, &index_put, kAll),
      define("index", "values at index tensors or masks, none for all of a dim", {"input", "*indices"},
             &indexed_by_one, kMasked),
      define("index", "values at index tensors or masks, none for all of a dim", {"input", "*indices"},
             &indexed, kMasked),
      define("scatter", "values or a number written at index along dim", {"input", "dim", "index", "src"},
             &scattered, kAll),
      define("scatter", "values or a number written at index along dim", {"input", "dim", "index", "value"},
             &scattered, kAll),
      define("scatter_add", "values added at index along dim", {"input", "dim", "index", "src"}, &scatter_add,
             kNumeric),
      define("one_hot", "1 at the index, 0 elsewhere", {"input", "num_classes = -1"},
             +[](const Tensor& x, int64_t classes) { return one_hot(x, classes, DType::kInt64); },
             {.dtypes = DTypes::kIntegral, .differentiable = false, .data_dependent = true}),
  };
}

std::vector<Function> by_mask() {
  return {
      define("nonzero", "positions of elements other than 0", {"input", "as_tuple = false"}, &positions,
             {.dtypes = DTypes::kAll, .differentiable = false, .data_dependent = true}),
      define("argwhere", "positions of elements other than 0", {"input"}, &nonzero,
             {.dtypes = DTypes::kAll, .differentiable = false, .data_dependent = true}),
      define("masked_select", "elements where mask holds", {"input", "mask"}, &masked_select, kMasked),
      define("masked_scatter", "elements of source, in order, where mask holds", {"input", "mask", "source"},
             &masked_scatter, kAll),
      define("embedding", "rows of a table by number",
             {"input", "weight", "padding_idx = none", "max_norm = none", "norm_type = 2.0",
              "scale_grad_by_freq = false", "sparse = false"},
             &looked_up, kAll),
      define("embedding_bag", "rows of a table summed, averaged or their maximum by bags",
             {"input", "weight", "offsets = none", "max_norm = none", "norm_type = 2.0",
              "scale_grad_by_freq = false", "mode = 'mean'", "sparse = false", "per_sample_weights = none",
              "include_last_offset = false", "padding_idx = none"},
             &bagged),
  };
}

}  // namespace

std::vector<Function> indexing_functions() {
  std::vector<Function> all = by_index();
  for (Function& f : by_mask()) all.push_back(std::move(f));
  return all;
}

}  // namespace dlb::functional
