#include "dlb/functional/define.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/search.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort.h"

namespace dlb::functional {

namespace {

using Pair = std::pair<Tensor, Tensor>;

constexpr Traits kPicks = {.dtypes = DTypes::kAll};
constexpr Traits kIndices = {.dtypes = DTypes::kAll, .differentiable = false};
constexpr Traits kCounted = {.dtypes = DTypes::kAll, .differentiable = false, .data_dependent = true};

Tensor keep_all(const Tensor& y, const Tensor& x, bool keepdim) {
  return keepdim ? reshape(y, Shape(static_cast<size_t>(x.rank()), 1)) : y;
}

/// The values, and what else was asked for.
Outputs distinct(const Distinct& d, bool inverse, bool counts) {
  Outputs list;
  list.push_back(d.values);
  if (inverse) list.push_back(d.inverse);
  if (counts) list.push_back(d.counts);
  return list;
}

bool search_right(bool right, const std::optional<std::string>& side) {
  if (!side) return right;
  if (*side != "left" && *side != "right") {
    fail(ErrorKind::kUnsupported, "searchsorted expects side left or right, got '{}'", *side);
  }
  if (right && *side == "left") {
    fail(ErrorKind::kUnsupported, "searchsorted is told side left and right = true");
  }
  return *side == "right";
}

/// Both as tensors that promote as a tensor and a number do.
Pair paired(const Operand& a, const Operand& b) {
  if (a.is_scalar() && b.is_scalar()) {
    fail(ErrorKind::kUnsupported, "isin expects a tensor for elements or test_elements");
  }
  return {a.is_scalar() ? a.with(b.tensor) : a.tensor, b.is_scalar() ? b.with(a.tensor) : b.tensor};
}

std::vector<Function> searches() {
  return {
      define(
          "searchsorted", "where values would be inserted in a sorted sequence",
          {"sorted_sequence", "input", "out_int32 = false", "right = false", "side = none", "sorter = none"},
          +[](const Tensor& sequence, const Operand& values, bool out_int32, bool right,
              const std::optional<std::string>& side, const Tensor& sorter) {
            return searchsorted(sequence, values.with(sequence), search_right(right, side), out_int32,
                                sorter);
          },
          kIndices),
      define(
          "bucketize", "which interval between boundaries each element lies in",
          {"input", "boundaries", "out_int32 = false", "right = false"},
          +[](const Operand& x, const Tensor& boundaries, bool out_int32, bool right) {
            return bucketize(x.with(boundaries), boundaries, right, out_int32);
          },
          kIndices),
      define(
          "isin", "whether each element is among test_elements",
          {"elements", "test_elements", "assume_unique = false", "invert = false"},
          +[](const Operand& elements, const Operand& candidates, bool, bool invert) {
            const auto [x, among] = paired(elements, candidates);
            return isin(x, among, invert);
          },
          kIndices),
      define(
          "unique", "distinct elements, or slices along dim, in order",
          {"input", "sorted = true", "return_inverse = false", "return_counts = false", "dim = none"},
          +[](const Tensor& x, bool, bool inverse, bool counts, std::optional<int64_t> dim) {
            return distinct(dim ? unique(x, *dim) : unique(x), inverse, counts);
          },
          kCounted),
      define(
          "unique_consecutive", "elements, or slices along dim, that differ from the one before",
          {"input", "return_inverse = false", "return_counts = false", "dim = none"},
          +[](const Tensor& x, bool inverse, bool counts, std::optional<int64_t> dim) {
            return distinct(dim ? unique_consecutive(x, *dim) : unique_consecutive(x), inverse, counts);
          },
          kCounted),
  };
}

}  // namespace

std::vector<Function> sorting_functions() {
  std::vector<Function> list = {
      define(
          "argmax", "index of the first largest value", {"input", "dim = none", "keepdim = false"},
          +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
            return dim ? argmax(x, *dim, keepdim) : keep_all(argmax(x), x, keepdim);
          },
          kIndices),
      define(
          "argmin", "index of the first smallest value", {"input", "dim = none", "keepdim = false"},
          +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
            return dim ? argmin(x, *dim, keepdim) : keep_all(argmin(x), x, keepdim);
          },
          kIndices),
      define(
          "sort", "values in order along dim and where they were; always stable",
          {"input", "dim = -1", "descending = false", "stable = false"},
          +[](const Tensor& x, int64_t dim, bool descending, bool) { return sort(x, dim, descending); },
          kPicks),
      define(
          "argsort", "the order that sorts along dim; always stable",
          {"input", "dim = -1", "descending = false", "stable = false"},
          +[](const Tensor& x, int64_t dim, bool descending, bool) { return argsort(x, dim, descending); },
          kIndices),
      define("msort", "values in order along the first dimension", {"input"}, &msort, kPicks),
      define(
          "topk", "the k largest or smallest along dim, in order, and where they were",
          {"input", "k", "dim = -1", "largest = true", "sorted = true"},
          +[](const Tensor& x, int64_t k, int64_t dim, bool largest, bool) {
            return topk(x, k, dim, largest);
          },
          kPicks),
      define("kthvalue", "the k-th smallest along dim and its index",
             {"input", "k", "dim = -1", "keepdim = false"}, &kthvalue, kPicks),
      define(
          "median", "the middle value, the lower of two", {"input"},
          +[](const Tensor& x) { return median(x); }, kPicks),
      define(
          "median", "the middle value along dim and its index", {"input", "dim", "keepdim = false"},
          +[](const Tensor& x, int64_t dim, bool keepdim) -> Pair { return median(x, dim, keepdim); },
          kPicks),
      define(
          "nanmedian", "the middle value of what is not NaN", {"input"},
          +[](const Tensor& x) { return nanmedian(x); }, kPicks),
      define(
          "nanmedian", "the middle value along dim of what is not NaN, and its index",
          {"input", "dim", "keepdim = false"},
          +[](const Tensor& x, int64_t dim, bool keepdim) -> Pair { return nanmedian(x, dim, keepdim); },
          kPicks),
      define("mode", "the most frequent value along dim and its index",
             {"input", "dim = -1", "keepdim = false"}, &mode, kPicks),
  };
  for (Function& f : searches()) list.push_back(std::move(f));
  return list;
}

}  // namespace dlb::functional
